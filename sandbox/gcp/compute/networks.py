"""Networks, their peerings and the routes that Google makes for them."""

from __future__ import annotations

from typing import Any

from ..calls import Call, handles
from ..catalog import REGIONS
from ..errors import GoogleError, invalid_field, required_field
from ..state import PROJECT, Record, State, compute_time, hex_id
from . import operations
from .crud import add, must_exist, not_ready, target
from .kinds import KINDS, Data, Kind, register
from .links import link, relative

DEFAULT = f"projects/{PROJECT}/global/networks/default"


def _fill(call: Call, path: str, body: Data) -> None:
    if "IPv4Range" in body:
        raise invalid_field("resource.IPv4Range", body["IPv4Range"], "Legacy networks can no longer be created.")
    body.setdefault("autoCreateSubnetworks", True)
    body.setdefault("networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL")
    body["routingConfig"] = {
        "routingMode": "REGIONAL",
        "bgpBestPathSelectionMode": "LEGACY",
        **body.get("routingConfig", {}),
    }
    if not body.get("enableUlaInternalIpv6"):
        body.pop("enableUlaInternalIpv6", None)
    _complete(body)


def _complete(body: Data) -> None:
    profile = body.get("networkProfile")
    if profile:
        body["networkProfile"] = link(relative(profile, "resource.networkProfile", "networkProfiles"))
    if body.get("enableUlaInternalIpv6") and "internalIpv6Range" not in body:
        digits = hex_id(10)
        body["internalIpv6Range"] = f"fd20:{digits[:3]}:{digits[3:6]}:0:0:0:0:0/48"


def _changed(call: Call, path: str, old: Data, new: Data) -> None:
    _complete(new)


def _view(state: State, path: str, record: Record) -> Data:
    extra: Data = {"selfLinkWithId": link(f"projects/{PROJECT}/global/networks/{record.data['id']}")}
    url = link(path)
    subnetworks = sorted(
        link(other)
        for other, item in state.compute.items()
        if "/subnetworks/" in other and item.data.get("network") == url
    )
    if subnetworks:
        extra["subnetworks"] = subnetworks
    return extra


def _created(state: State, path: str) -> None:
    """The default route, and the subnetworks of an auto-mode network."""
    record = state.compute.get(path)
    if record is None or any(item.owner == path for item in state.compute.values()):
        return
    url = link(path)
    _route(
        state,
        path,
        {
            "network": url,
            "destRange": "0.0.0.0/0",
            "priority": 1000,
            "description": "Default route to the Internet.",
            "nextHopGateway": link(f"projects/{PROJECT}/global/gateways/default-internet-gateway"),
        },
    )
    if record.data.get("autoCreateSubnetworks"):
        for region, (_, octet) in REGIONS.items():
            if not octet:
                continue
            subnetwork = f"projects/{PROJECT}/regions/{region}/subnetworks/{path.rpartition('/')[2]}"
            data: Data = {
                "name": path.rpartition("/")[2],
                "network": url,
                "ipCidrRange": f"10.{octet}.0.0/20",
                "gatewayAddress": f"10.{octet}.0.1",
                "fingerprint": hex_id(11) + "=",
                "privateIpGoogleAccess": False,
                "privateIpv6GoogleAccess": "DISABLE_GOOGLE_ACCESS",
                "purpose": "PRIVATE",
                "stackType": "IPV4_ONLY",
                "allowSubnetCidrRoutesOverlap": False,
            }
            add(state, KINDS["subnetworks"], subnetwork, data, owner=path)
            subnet_route(state, subnetwork, url, data["ipCidrRange"])


def subnet_route(state: State, owner: str, network: str, cidr: str) -> None:
    """The route to a subnetwork's range that Google makes by itself."""
    data: Data = {
        "network": network,
        "destRange": cidr,
        "priority": 0,
        "description": f"Default local route to the subnetwork {cidr}.",
        "nextHopNetwork": network,
    }
    _route(state, owner, data)


def _route(state: State, owner: str, data: Data) -> None:
    name = f"default-route-{'r-' if data['priority'] == 0 else ''}{hex_id(16)}"
    data["name"] = name
    add(state, KINDS["routes"], f"projects/{PROJECT}/global/routes/{name}", data, owner=owner)


def _user(state: State, path: str) -> str | None:
    url = link(path)
    owned = {other for other, item in state.compute.items() if item.owner == path}
    for other, item in state.compute.items():
        if item.data.get("network") == url and other not in owned and item.owner not in owned and other != path:
            return other
    record = state.compute.get(path)
    for peering in record.data.get("peerings", []) if record else []:
        return str(peering["network"].split("/compute/v1/")[1])
    return None


def _gone(state: State, path: str, data: Data) -> None:
    owned = [other for other, item in state.compute.items() if item.owner == path]
    for other in owned:
        _gone(state, other, {})
        state.compute.pop(other, None)


register(
    Kind(
        collection="networks",
        schema="Network",
        kind="compute#network",
        segment="networks",
        scope="global",
        noun="network",
        patchable=frozenset(
            {
                "routingConfig",
                "mtu",
                "enableUlaInternalIpv6",
                "internalIpv6Range",
                "networkFirewallPolicyEnforcementOrder",
            }
        ),
        fill=_fill,
        changed=_changed,
        view=_view,
        user=_user,
        late_conflict=True,
        created=_created,
        gone=_gone,
        # What the operation is called depends on the field. Source: recorded traffic.
        patch_operation=lambda body: "compute.networks.patch" if set(body) == {"routingConfig"} else "updateNetwork",
        seconds="network",
    )
)


@handles("compute.networks.switchToCustomMode")
def switch_to_custom_mode(call: Call) -> dict[str, Any]:
    """Let the subnetworks of an auto-mode network be managed by hand."""
    path, record = target(call, KINDS["networks"])
    if not record.ready:
        raise not_ready(path)

    def effect() -> None:
        record.data["autoCreateSubnetworks"] = False
        for item in state.compute.values():
            if item.owner == path and item.data["kind"] == "compute#subnetwork":
                item.owner = None

    state = call.state
    return operations.start(call, path, "switchToCustomMode", "gce.network.update", record=record, effect=effect)


def _peer(peering: dict[str, Any]) -> str:
    return relative(peering["network"], "networkPeering.network", "networks")


def _connect(state: State, path: str, peering: dict[str, Any]) -> None:
    """A peering is active once both networks have one to each other."""
    peer = _peer(peering)
    theirs = state.compute.get(peer)
    matching = next(
        (item for item in (theirs.data.get("peerings", []) if theirs else []) if _peer(item) == path),
        None,
    )
    for item in (peering, matching) if matching else (peering,):
        item["state"] = "ACTIVE" if matching else "INACTIVE"
        word = "Connected." if matching else "Waiting for peer network to connect."
        item["stateDetails"] = f"[{compute_time(state.wall())}]: {word}"


@handles("compute.networks.addPeering")
def add_peering(call: Call) -> dict[str, Any]:
    """One side of a peering; it waits for the other one."""
    path, record = target(call, KINDS["networks"])
    if not record.ready:
        raise not_ready(path)
    asked = dict(call.body.get("networkPeering") or {})
    for field in ("name", "network"):
        if not asked.get(field):
            raise required_field(f"networkPeering.{field}")
    if not asked.get("exchangeSubnetRoutes"):
        raise GoogleError(
            400, "Invalid value for field 'networkPeering.exchangeSubnetRoutes': 'false'.", reason="invalid"
        )
    if asked["name"] in [item["name"] for item in record.data.get("peerings", [])]:
        raise GoogleError(
            400, f"There is already a peering with name {asked['name']} in the network.", reason="invalid"
        )
    peer = _peer(asked)
    if peer.startswith(f"projects/{PROJECT}/"):
        must_exist(call.state, peer)

    def effect() -> None:
        peering = {
            "exportCustomRoutes": False,
            "importCustomRoutes": False,
            "exportSubnetRoutesWithPublicIp": True,
            "importSubnetRoutesWithPublicIp": False,
            "stackType": "IPV4_ONLY",
            "autoCreateRoutes": True,
            **asked,
            "network": link(peer),
        }
        record.data.setdefault("peerings", []).append(peering)
        _connect(call.state, path, peering)

    return operations.start(call, path, "addPeering", "gce.network.update", record=record, effect=effect)


@handles("compute.networks.updatePeering")
def update_peering(call: Call) -> dict[str, Any]:
    """Change which routes a peering carries."""
    path, record = target(call, KINDS["networks"])
    if not record.ready:
        raise not_ready(path)
    asked = dict(call.body.get("networkPeering") or {})
    found = next((item for item in record.data.get("peerings", []) if item["name"] == asked.get("name")), None)
    if found is None:
        message = f"There is no peering matching name {asked.get('name')} in the network."
        raise GoogleError(400, message, reason="invalid")
    changes = {key: value for key, value in asked.items() if key not in ("name", "network", "state", "stateDetails")}

    def effect() -> None:
        found.update(changes)

    return operations.start(call, path, "updatePeering", "gce.network.update", record=record, effect=effect)


@handles("compute.networks.removePeering")
def remove_peering(call: Call) -> dict[str, Any]:
    """Cut a peering; a private services connection goes with it."""
    path, record = target(call, KINDS["networks"])
    if not record.ready:
        raise not_ready(path)
    name = call.body.get("name", "")
    peerings = record.data.get("peerings", [])
    if name not in [item["name"] for item in peerings]:
        raise GoogleError(400, f"There is no peering matching name {name} in the network.", reason="invalid")

    def effect() -> None:
        drop_peering(call.state, path, name)

    return operations.start(call, path, "removePeering", "gce.network.update", record=record, effect=effect)


def drop_peering(state: State, path: str, name: str) -> None:
    """Take a peering out of a network, and the connection that it carried."""
    record = state.compute.get(path)
    if record is not None:
        rest = [item for item in record.data.get("peerings", []) if item["name"] != name]
        record.data["peerings"] = rest
        if not rest:
            del record.data["peerings"]
    state.connections.pop(f"{path}#{name}", None)
