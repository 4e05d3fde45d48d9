"""Where a cluster lives: network, subnetwork, pod and service ranges; and what GKE changes there by itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ..calls import Call
from ..catalog import region_of
from ..compute.crud import add
from ..compute.kinds import KINDS
from ..compute.links import link
from ..errors import invalid, precondition
from ..state import PROJECT, Record, State, fingerprint
from .common import Data, short

_POD_SPACE = ipaddress.IPv4Network("10.0.0.0/8")
_SERVICES = "34.118.224.0/20"


def place(call: Call, cluster: Data, given: Data) -> None:
    """Fill ``network``, ``subnetwork``, ``networkConfig`` and ``ipAllocationPolicy``."""
    region = region_of(cluster["location"])
    network = short(given.get("network") or "default")
    network_path = f"projects/{PROJECT}/global/networks/{network}"
    record = call.state.compute.get(network_path)
    if record is None:
        raise invalid(f'Project "{PROJECT}" has no network named "{network}".')
    if not given.get("subnetwork") and not record.data.get("autoCreateSubnetworks"):
        raise invalid(f'Network "{network}" requires specifying a subnet.')
    name = short(given.get("subnetwork") or network)
    path = f"projects/{PROJECT}/regions/{region}/subnetworks/{name}"
    subnetwork = call.state.compute.get(path)
    if subnetwork is None or subnetwork.data["network"] != link(network_path):
        raise invalid(f'Network "{network}" has no subnetwork named "{name}" in region "{region}".')
    for item, where in ((record, network_path), (subnetwork, path)):
        if not item.ready:
            raise precondition(f"The resource '{where}' is not ready")
    cluster.update(network=network, subnetwork=name)
    cluster["networkConfig"] = {
        "defaultSnatStatus": {},
        "serviceExternalIpsConfig": {},
        **given.get("networkConfig", {}),
        "network": network_path,
        "subnetwork": path,
    }
    cluster["ipAllocationPolicy"] = _policy(call.state, cluster, given.get("ipAllocationPolicy", {}), subnetwork.data)
    cluster["clusterIpv4Cidr"] = cluster["ipAllocationPolicy"]["clusterIpv4CidrBlock"]
    cluster["servicesIpv4Cidr"] = cluster["ipAllocationPolicy"]["servicesIpv4CidrBlock"]


def _policy(state: State, cluster: Data, given: Data, subnetwork: Data) -> Data:
    ranges = {item["rangeName"]: item["ipCidrRange"] for item in subnetwork.get("secondaryIpRanges", [])}
    policy: Data = {
        key: value
        for key, value in given.items()
        if key not in ("createSubnetwork", "clusterIpv4Cidr", "servicesIpv4Cidr", "useIpAliases", "subnetworkName")
    }
    pods = given.get("clusterSecondaryRangeName")
    if pods:
        if pods not in ranges:
            raise invalid(f'Pod secondary range "{pods}" does not exist in subnetwork "{subnetwork["name"]}".')
        pod_cidr = ranges[pods]
    else:
        pods = f"gke-{cluster['name']}-pods-{cluster['id'][:8]}"
        wanted = given.get("clusterIpv4CidrBlock") or given.get("clusterIpv4Cidr") or cluster.get("clusterIpv4Cidr")
        pod_cidr = _block(state, subnetwork["network"], wanted or "/14")
    services = given.get("servicesSecondaryRangeName")
    if services:
        if services not in ranges:
            raise invalid(f'Services secondary range "{services}" does not exist in subnetwork "{subnetwork["name"]}".')
        service_cidr = ranges[services]
    else:
        wanted = given.get("servicesIpv4CidrBlock") or given.get("servicesIpv4Cidr") or ""
        service_cidr = wanted if "." in wanted else _SERVICES
    policy.update(
        useIpAliases=True,
        clusterIpv4Cidr=pod_cidr,
        clusterIpv4CidrBlock=pod_cidr,
        clusterSecondaryRangeName=pods,
        servicesIpv4Cidr=service_cidr,
        servicesIpv4CidrBlock=service_cidr,
        stackType=given.get("stackType", "IPV4"),
        networkTierConfig={"networkTier": "NETWORK_TIER_DEFAULT"},
        podCidrOverprovisionConfig={},
    )
    return policy


def _block(state: State, network: str, wanted: str) -> str:
    """A full range for ``/14`` or for a range that is free."""
    taken = list(_taken(state, network))
    try:
        if wanted.startswith("/"):
            length = int(wanted[1:])
            # From the middle of 10/8 on, away from where people put their subnetworks.
            candidates = list(_POD_SPACE.subnets(new_prefix=length)) if length <= 16 else _small(length)
            half = len(candidates) // 4
            for candidate in [*candidates[half:], *candidates[:half]]:
                if not any(candidate.overlaps(other) for other in taken):
                    return str(candidate)
            raise invalid(f"No free range of size {wanted} in network {short(network)}.")
        block = ipaddress.IPv4Network(wanted)
    except ValueError:
        raise invalid(f'Invalid CIDR block "{wanted}".') from None
    if any(block.overlaps(other) for other in taken):
        raise invalid(f"The range {wanted} conflicts with an existing range of network {short(network)}.")
    return str(block)


def _small(length: int) -> list[ipaddress.IPv4Network]:
    return [
        block
        for start in range(64, 128)
        for block in ipaddress.IPv4Network(f"10.{start}.0.0/16").subnets(new_prefix=min(max(length, 16), 28))
    ]


def _taken(state: State, network: str) -> Iterator[ipaddress.IPv4Network]:
    for path, record in state.compute.items():
        data = record.data
        if data.get("network") == network and "/subnetworks/" in path:
            yield ipaddress.IPv4Network(data["ipCidrRange"])
            for item in data.get("secondaryIpRanges", []):
                yield ipaddress.IPv4Network(item["ipCidrRange"])
        elif data.get("network") == network and data.get("prefixLength"):
            yield ipaddress.IPv4Network(f"{data['address']}/{data['prefixLength']}")


def settle_in(state: State, cluster: Data) -> None:
    """What GKE does to the network of a new cluster: a pod range of its own, private access, firewall rules."""
    path = cluster["networkConfig"]["subnetwork"]
    subnetwork = state.compute[path].data
    policy = cluster["ipAllocationPolicy"]
    ranges = subnetwork.setdefault("secondaryIpRanges", [])
    name = policy["clusterSecondaryRangeName"]
    if name not in [item["rangeName"] for item in ranges]:
        reserved = (
            f"https://networkconnectivity.googleapis.com/v1/projects/{PROJECT}/locations/global/internalRanges/{name}"
        )
        ranges.append(
            {"rangeName": name, "ipCidrRange": policy["clusterIpv4CidrBlock"], "reservedInternalRange": reserved}
        )
    if not ranges:
        del subnetwork["secondaryIpRanges"]
    subnetwork["privateIpGoogleAccess"] = True
    _stamp(subnetwork)
    network = link(cluster["networkConfig"]["network"])
    stem = f"gke-{cluster['name']}-{cluster['id'][:8]}"
    rules = {
        "all": (["tcp", "udp", "icmp", "esp", "ah", "sctp"], [policy["clusterIpv4CidrBlock"]], None),
        "vms": (["icmp", "tcp", "udp"], [subnetwork["ipCidrRange"]], ["1-65535"]),
        "inkubelet": (["tcp"], [policy["clusterIpv4CidrBlock"]], ["10255"]),
        "exkubelet": (["tcp"], ["0.0.0.0/0"], ["10255"]),
    }
    for suffix, (protocols, sources, ports) in rules.items():
        allowed = [
            {"IPProtocol": item, **({"ports": ports} if ports and item in ("tcp", "udp") else {})} for item in protocols
        ]
        data: Data = {
            "name": f"{stem}-{suffix}",
            "description": "",
            "network": network,
            "priority": 1001 if suffix == "exkubelet" else 999 if suffix == "inkubelet" else 1000,
            "sourceRanges": sources,
            "targetTags": [f"{stem}-node"],
            "denied" if suffix == "exkubelet" else "allowed": allowed,
            "direction": "INGRESS",
            "disabled": False,
            "logConfig": {"enable": False},
        }
        rule = f"projects/{PROJECT}/global/firewalls/{data['name']}"
        add(state, KINDS["firewalls"], rule, data, owner=owner(cluster))


def move_out(state: State, cluster: Data) -> None:
    """Take back what ``settle_in`` did, except for private access."""
    for path in [path for path, record in state.compute.items() if record.owner == owner(cluster)]:
        del state.compute[path]
    subnetwork: Record | None = state.compute.get(cluster["networkConfig"]["subnetwork"])
    own = f"gke-{cluster['name']}-pods-{cluster['id'][:8]}"
    if subnetwork is not None and "secondaryIpRanges" in subnetwork.data:
        rest = [item for item in subnetwork.data["secondaryIpRanges"] if item["rangeName"] != own]
        subnetwork.data["secondaryIpRanges"] = rest
        if not rest:
            del subnetwork.data["secondaryIpRanges"]
        _stamp(subnetwork.data)


def owner(cluster: Data) -> str:
    """The mark on compute objects that belong to a cluster."""
    return f"clusters/{cluster['location']}/{cluster['name']}"


def _stamp(subnetwork: Data) -> None:
    subnetwork["fingerprint"] = fingerprint({key: value for key, value in subnetwork.items() if key != "fingerprint"})
