"""Subnetworks: ranges, flow logs, private access."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ..calls import Call, handles
from ..errors import GoogleError, invalid_field, required_field
from ..listing import page
from ..state import PROJECT, State, fingerprint
from . import operations
from .crud import must_exist, not_ready, target
from .kinds import KINDS, Data, Kind, register
from .links import link
from .networks import subnet_route

Network = ipaddress.IPv4Network
_RANGE_NAME = re.compile(r"(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)")
_FLOW_LOG_DEFAULTS = {
    "aggregationInterval": "INTERVAL_5_SEC",
    "flowSampling": 0.5,
    "metadata": "INCLUDE_ALL_METADATA",
}


def _cidr(value: str, field: str, shortest: int = 29) -> Network:
    try:
        network = Network(value)
    except ValueError:
        why = "Must be a CIDR address range that is contained in the Subnetwork's network, with no host bits set."
        raise invalid_field(field, value, why) from None
    if network.prefixlen > shortest or network.prefixlen < 8:
        raise invalid_field(field, value, f"The prefix length must be between 8 and {shortest}.")
    return network


def _ranges(state: State, network: str, without: str) -> Iterator[tuple[str, str, Network]]:
    """(path, what, range) of every other subnetwork of a network."""
    for path, record in state.compute.items():
        if "/subnetworks/" not in path or path == without or record.data.get("network") != network:
            continue
        yield path, "subnetwork", Network(record.data["ipCidrRange"])
        for item in record.data.get("secondaryIpRanges", []):
            yield path, f"secondary range '{item['rangeName']}' of subnetwork", Network(item["ipCidrRange"])


def _check_ranges(call: Call, path: str, data: Data) -> None:
    mine: list[tuple[str, Network]] = [(data["ipCidrRange"], _cidr(data["ipCidrRange"], "resource.ipCidrRange"))]
    names = set()
    for index, item in enumerate(data.get("secondaryIpRanges", [])):
        field = f"resource.secondaryIpRanges[{index}]"
        if not _RANGE_NAME.fullmatch(item.get("rangeName", "")):
            raise invalid_field(
                f"{field}.rangeName", item.get("rangeName", ""), f"Must be a match of regex '{_RANGE_NAME.pattern}'"
            )
        if item["rangeName"] in names:
            raise invalid_field(f"{field}.rangeName", item["rangeName"], "The range name must be unique.")
        names.add(item["rangeName"])
        if "ipCidrRange" not in item:
            raise required_field(f"{field}.ipCidrRange")
        mine.append((item["ipCidrRange"], _cidr(item["ipCidrRange"], f"{field}.ipCidrRange")))
    for index, (text, network) in enumerate(mine):
        if any(network.overlaps(other) for _, other in mine[:index]):
            raise GoogleError(400, f"Invalid IPCidrRange: {text} conflicts with another range of it.", reason="invalid")
        for other, what, taken in _ranges(call.state, data["network"], path):
            if network.overlaps(taken):
                region, name = other.split("/")[3], other.rpartition("/")[2]
                message = f"Invalid IPCidrRange: {text} conflicts with existing {what} '{name}' in region '{region}'."
                raise GoogleError(400, message, reason="invalid")


def _fill(call: Call, path: str, body: Data) -> None:
    if "network" not in body:
        raise required_field("resource.network")
    network = call.state.compute[body["network"].split("/compute/v1/")[1]]
    if network.data.get("autoCreateSubnetworks"):
        message = "Cannot create subnetworks in a network with auto create subnetworks."
        raise GoogleError(
            400, f"Invalid value for field 'resource.network': '{body['network']}'. {message}", reason="invalid"
        )
    if "ipCidrRange" not in body:
        if "reservedInternalRange" not in body:
            raise required_field("resource.ipCidrRange")
        # The range itself lives in another API; its size is not known here.
        raise invalid_field("resource.reservedInternalRange", body["reservedInternalRange"], "The range was not found.")
    _check_ranges(call, path, body)
    body.setdefault("privateIpGoogleAccess", False)
    body.setdefault("privateIpv6GoogleAccess", "DISABLE_GOOGLE_ACCESS")
    body.setdefault("purpose", "PRIVATE")
    body["allowSubnetCidrRoutesOverlap"] = body.get("allowSubnetCidrRoutesOverlap", False)
    if body["purpose"] == "PRIVATE":
        body.setdefault("stackType", "IPV4_ONLY")
    body["gatewayAddress"] = str(Network(body["ipCidrRange"])[1])
    _flow_logs(body)


def _flow_logs(body: Data) -> None:
    config = body.get("logConfig")
    if config is None and "enableFlowLogs" in body:
        config = {"enable": body["enableFlowLogs"]}
    if config is None:
        return
    if config.get("enable"):
        config = {**_FLOW_LOG_DEFAULTS, **config}
    body["logConfig"] = config
    body["enableFlowLogs"] = bool(config.get("enable"))


def _changed(call: Call, path: str, old: Data, new: Data) -> None:
    if new.get("secondaryIpRanges") != old.get("secondaryIpRanges"):
        if not new.get("secondaryIpRanges"):
            new.pop("secondaryIpRanges", None)
        kept = {item["rangeName"]: item["ipCidrRange"] for item in new.get("secondaryIpRanges", [])}
        for item in old.get("secondaryIpRanges", []):
            if kept.get(item["rangeName"]) != item["ipCidrRange"]:
                user = _cluster_on(call.state, path, item["rangeName"])
                if user is not None:
                    message = f"Secondary range '{item['rangeName']}' of '{path}' is already being used by '{user}'"
                    raise GoogleError(400, message, reason="resourceInUseByAnotherResource")
        _check_ranges(call, path, new)
    if new.get("enableFlowLogs") != old.get("enableFlowLogs") and new.get("logConfig") == old.get("logConfig"):
        new.pop("logConfig", None)
    _flow_logs(new)


def _cluster_on(state: State, path: str, range_name: str | None = None) -> str | None:
    """A cluster whose nodes (or pods or services) live on a subnetwork."""
    for record in state.clusters.values():
        cluster = record.data
        if cluster["networkConfig"]["subnetwork"] != path:
            continue
        policy = cluster["ipAllocationPolicy"]
        used = {policy.get("clusterSecondaryRangeName"), policy.get("servicesSecondaryRangeName")}
        used |= {pool.get("networkConfig", {}).get("podRange") for pool in cluster.get("nodePools", [])}
        if range_name is None or range_name in used:
            return (
                str(cluster["instanceGroupUrls"][0].split("/compute/v1/")[1]) if cluster["instanceGroupUrls"] else path
            )
    return None


def _user(state: State, path: str) -> str | None:
    url = link(path)
    for other, record in state.compute.items():
        if record.data.get("subnetwork") == url:
            return other
        for nat in record.data.get("nats", []):
            if any(item.get("name", "").endswith(path) for item in nat.get("subnetworks", [])):
                return other
    return _cluster_on(state, path)


def _created(state: State, path: str) -> None:
    record = state.compute.get(path)
    if record is None:
        return
    have = {item.data["destRange"]: other for other, item in state.compute.items() if item.owner == path}
    wanted = [record.data["ipCidrRange"], *(item["ipCidrRange"] for item in record.data.get("secondaryIpRanges", []))]
    for cidr in wanted:
        if cidr not in have:
            subnet_route(state, path, record.data["network"], cidr)
    for cidr, other in have.items():
        if cidr not in wanted:
            state.compute.pop(other, None)


def _gone(state: State, path: str, data: Data) -> None:
    for other in [other for other, item in state.compute.items() if item.owner == path]:
        state.compute.pop(other, None)


register(
    Kind(
        collection="subnetworks",
        schema="Subnetwork",
        kind="compute#subnetwork",
        segment="subnetworks",
        scope="region",
        noun="subnetwork",
        references={"network": "networks"},
        patchable=frozenset(
            {
                "secondaryIpRanges",
                "logConfig",
                "enableFlowLogs",
                "privateIpGoogleAccess",
                "privateIpv6GoogleAccess",
                "role",
                "stackType",
                "ipv6AccessType",
                "allowSubnetCidrRoutesOverlap",
                "description",
            }
        ),
        fill=_fill,
        changed=_changed,
        user=_user,
        created=_created,
        gone=_gone,
        needs_fingerprint=True,
        seconds="subnetwork",
    )
)


@handles("compute.subnetworks.setPrivateIpGoogleAccess")
def set_private_ip_google_access(call: Call) -> dict[str, Any]:
    """Switch private access to Google's APIs on or off."""
    path, record = target(call, KINDS["subnetworks"])
    if not record.ready:
        raise not_ready(path)

    def effect() -> None:
        record.data["privateIpGoogleAccess"] = call.body.get("privateIpGoogleAccess", False)
        record.data["fingerprint"] = fingerprint({k: v for k, v in record.data.items() if k != "fingerprint"})

    return operations.start(
        call, path, "setPrivateIpGoogleAccess", "gce.subnetwork.update", record=record, effect=effect
    )


@handles("compute.subnetworks.expandIpCidrRange")
def expand_ip_cidr_range(call: Call) -> dict[str, Any]:
    """Make the primary range larger."""
    path, record = target(call, KINDS["subnetworks"])
    if not record.ready:
        raise not_ready(path)
    text = call.body.get("ipCidrRange")
    if not text:
        raise required_field("resource.ipCidrRange")
    wider = _cidr(text, "resource.ipCidrRange")
    old = Network(record.data["ipCidrRange"])
    if wider == old or not old.subnet_of(wider):
        why = f"The new range must be larger than the current range '{old}' and contain it."
        raise invalid_field("resource.ipCidrRange", text, why)
    _check_ranges(call, path, {**record.data, "ipCidrRange": text})

    def effect() -> None:
        record.data["ipCidrRange"] = text
        record.data["gatewayAddress"] = str(wider[1])
        record.data["fingerprint"] = fingerprint({k: v for k, v in record.data.items() if k != "fingerprint"})
        _created(call.state, path)

    return operations.start(call, path, "expandIpCidrRange", "gce.subnetwork.update", record=record, effect=effect)


@handles("compute.subnetworks.listUsable")
def list_usable(call: Call) -> dict[str, Any]:
    """Subnetworks that clusters and instances may be put on."""
    items = []
    for path, record in sorted(call.state.compute.items()):
        if "/subnetworks/" in path:
            item = {
                "subnetwork": link(path),
                "network": record.data["network"],
                "ipCidrRange": record.data["ipCidrRange"],
            }
            if record.data.get("secondaryIpRanges"):
                item["secondaryIpRanges"] = record.data["secondaryIpRanges"]
            items.append(item)
    found, token = page(items, call.query.get("maxResults"), call.query.get("pageToken"))
    scope = f"projects/{PROJECT}/aggregated/subnetworks/listUsable"
    answer: dict[str, Any] = {"kind": "compute#usableSubnetworksAggregatedList", "id": scope, "items": found}
    if token:
        answer["nextPageToken"] = token
    return answer


def subnetwork_in(state: State, path: str) -> Data:
    """A subnetwork that must be there and ready."""
    return must_exist(state, path).data
