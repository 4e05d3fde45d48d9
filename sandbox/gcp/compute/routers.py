"""Cloud routers; NAT gateways are entries of them."""

from __future__ import annotations

from ..calls import Call
from ..errors import GoogleError, invalid_field, required_field
from ..state import State
from .crud import must_exist
from .kinds import Data, Kind, register
from .links import link, relative

# Filled by the server. Source: recorded traffic.
_PUBLIC_NAT = {
    "type": "PUBLIC",
    "autoNetworkTier": "PREMIUM",
    "endpointTypes": ["ENDPOINT_TYPE_VM"],
    "enableEndpointIndependentMapping": False,
}
_PRIVATE_NAT = {
    "endpointTypes": ["ENDPOINT_TYPE_VM"],
    "enableEndpointIndependentMapping": False,
    "enableDynamicPortAllocation": True,
}
_SOURCES = ("ALL_SUBNETWORKS_ALL_IP_RANGES", "ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES", "LIST_OF_SUBNETWORKS")


def _fill(call: Call, path: str, body: Data) -> None:
    if "network" not in body:
        raise required_field("resource.network")
    body.setdefault("encryptedInterconnectRouter", False)
    _complete(call, path, body)


def _changed(call: Call, path: str, old: Data, new: Data) -> None:
    _complete(call, path, new)


def _complete(call: Call, path: str, body: Data) -> None:
    bgp = body.get("bgp")
    if bgp:
        bgp.setdefault("advertiseMode", "DEFAULT")
        bgp.setdefault("keepaliveInterval", 20)
    for name in ("nats", "interfaces", "bgpPeers"):
        if name in body and not body[name]:
            del body[name]
    names: set[str] = set()
    for index, nat in enumerate(body.get("nats", [])):
        _complete_nat(call, path, body, nat, f"resource.nats[{index}]")
        if nat["name"] in names:
            raise invalid_field(f"resource.nats[{index}].name", nat["name"], "The name is used twice.")
        names.add(nat["name"])


def _complete_nat(call: Call, path: str, router: Data, nat: Data, field: str) -> None:
    if not nat.get("name"):
        raise required_field(f"{field}.name")
    source = nat.get("sourceSubnetworkIpRangesToNat")
    if source is None:
        raise required_field(f"{field}.sourceSubnetworkIpRangesToNat")
    private = nat.get("type") == "PRIVATE"
    option = nat.get("natIpAllocateOption")
    if private:
        # A private NAT has no addresses of its own and does not echo the option.
        nat.pop("natIpAllocateOption", None)
    elif option not in ("AUTO_ONLY", "MANUAL_ONLY"):
        raise invalid_field(f"{field}.natIpAllocateOption", option or "", "Must be AUTO_ONLY or MANUAL_ONLY.")
    elif (option == "MANUAL_ONLY") != bool(nat.get("natIps")):
        why = "NAT IPs must be given if and only if the option is MANUAL_ONLY."
        raise invalid_field(f"{field}.natIps", ", ".join(nat.get("natIps", [])), why)
    if (source == "LIST_OF_SUBNETWORKS") != bool(nat.get("subnetworks")):
        why = "Subnetworks must be given if and only if the source is LIST_OF_SUBNETWORKS."
        raise invalid_field(f"{field}.subnetworks", "", why)
    for item in nat.get("subnetworks", []):
        must_exist(call.state, relative(item.get("name", ""), f"{field}.subnetworks", "subnetworks"))
    for key, value in (_PRIVATE_NAT if private else _PUBLIC_NAT).items():
        nat.setdefault(key, value)
    nat["effectiveTcpTimeWaitTimeoutSec"] = nat.get("tcpTimeWaitTimeoutSec", 120)
    nat["drainNatIps"] = nat.get("drainNatIps") or []
    for reference in [*nat.get("natIps", []), *nat["drainNatIps"]]:
        address = relative(reference, f"{field}.natIps", "addresses")
        record = must_exist(call.state, address)
        user = record.data.get("users", [None])[0]
        if user not in (None, link(path)):
            message = f"External IP address '{address}' is already in use by '{user}'"
            raise GoogleError(400, message, reason="resourceInUseByAnotherResource")
    if not nat["drainNatIps"]:
        del nat["drainNatIps"]


def _created(state: State, path: str) -> None:
    """Addresses that the router's NATs hold are in use, others of it are free again."""
    record = state.compute.get(path)
    held = set()
    for nat in record.data.get("nats", []) if record else []:
        for reference in [*nat.get("natIps", []), *nat.get("drainNatIps", [])]:
            held.add(relative(reference, "natIps", "addresses"))
    for other, item in state.compute.items():
        if "/addresses/" in other:
            users = item.data.get("users", [])
            if other in held:
                item.data.update(status="IN_USE", users=[link(path)])
            elif users == [link(path)]:
                del item.data["users"]
                item.data["status"] = "RESERVED"


def _gone(state: State, path: str, data: Data) -> None:
    _created(state, path)


register(
    Kind(
        collection="routers",
        schema="Router",
        kind="compute#router",
        segment="routers",
        scope="region",
        noun="router",
        references={"network": "networks"},
        patchable=frozenset({"bgp", "bgpPeers", "interfaces", "nats", "description", "md5AuthenticationKeys"}),
        fill=_fill,
        changed=_changed,
        created=_created,
        gone=_gone,
        seconds="router",
    )
)
