"""Static addresses: regional and global, external, internal and ranges for private services."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from .. import quotas
from ..calls import Call
from ..errors import GoogleError, invalid_field, required_field
from ..state import State, fingerprint
from .crud import must_exist
from .kinds import Data, Kind, register

_POOL = ipaddress.IPv4Network("10.0.0.0/8")


def _fill(call: Call, path: str, body: Data) -> None:
    regional = "/regions/" in path
    body.setdefault("addressType", "EXTERNAL")
    body["status"] = "RESERVED"
    labels = body.get("labels", {})
    if not regional:
        # Labels of a global address are ignored at creation and take a setLabels. Source: recorded traffic.
        labels = {}
        body.pop("labels", None)
    body["labelFingerprint"] = fingerprint(labels)
    if body["addressType"] == "EXTERNAL":
        body.setdefault("description", "")
        _external(call, path, body, regional)
    elif body.get("purpose") == "VPC_PEERING":
        _range(call, body)
    else:
        _internal(call, body, regional)


def _external(call: Call, path: str, body: Data, regional: bool) -> None:
    if "purpose" in body or "subnetwork" in body:
        field = "purpose" if "purpose" in body else "subnetwork"
        raise invalid_field(f"resource.{field}", body[field], "Not allowed for an EXTERNAL address.")
    if regional:
        quotas.require_address(call.state, call.path["region"])
        body.setdefault("networkTier", "PREMIUM")
    else:
        body.setdefault("ipVersion", "IPV4")
        body.setdefault("networkTier", "PREMIUM")
    number = next(call.state.addresses)
    body["address"] = f"34.{64 + (number >> 14) % 64}.{(number >> 7) % 128}.{1 + number % 128}"


def _range(call: Call, body: Data) -> None:
    if "network" not in body:
        raise required_field("resource.network")
    length = body.get("prefixLength")
    if length is None:
        raise required_field("resource.prefixLength")
    if not 8 <= length <= 29:
        raise invalid_field("resource.prefixLength", length, "Must be between 8 and 29.")
    taken = list(_taken(call.state, body["network"]))
    if "address" in body:
        wanted = _network(body["address"], length)
        if any(wanted.overlaps(other) for other in taken):
            message = f"The range {wanted} conflicts with an existing range of the network."
            raise invalid_field("resource.address", body["address"], message)
        return
    for candidate in _POOL.subnets(new_prefix=length):
        if not any(candidate.overlaps(other) for other in taken):
            body["address"] = str(candidate.network_address)
            return
    raise GoogleError(400, "Couldn't find free blocks in allocated IP ranges.", reason="invalid")


def _network(address: str, length: int) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(f"{address}/{length}")
    except ValueError:
        raise invalid_field("resource.address", address, f"Must be the start of a /{length} range.") from None


def _taken(state: State, network: str) -> Iterator[ipaddress.IPv4Network]:
    for path, record in state.compute.items():
        data = record.data
        if data.get("network") != network:
            continue
        if "/subnetworks/" in path:
            yield ipaddress.IPv4Network(data["ipCidrRange"])
            for item in data.get("secondaryIpRanges", []):
                yield ipaddress.IPv4Network(item["ipCidrRange"])
        elif "/addresses/" in path and data.get("prefixLength"):
            yield ipaddress.IPv4Network(f"{data['address']}/{data['prefixLength']}")


def _internal(call: Call, body: Data, regional: bool) -> None:
    if not regional:
        raise invalid_field(
            "resource.purpose", body.get("purpose", ""), "Global INTERNAL addresses are for VPC_PEERING."
        )
    if "subnetwork" not in body:
        raise required_field("resource.subnetwork")
    body.setdefault("purpose", "GCE_ENDPOINT")
    body.setdefault("networkTier", "PREMIUM")
    subnetwork = must_exist(call.state, body["subnetwork"].split("/compute/v1/")[1]).data
    used = {
        record.data.get("address")
        for record in call.state.compute.values()
        if record.data.get("subnetwork") == body["subnetwork"]
    }
    cidr = ipaddress.IPv4Network(subnetwork["ipCidrRange"])
    if "address" in body:
        if ipaddress.IPv4Address(body["address"]) not in cidr or body["address"] in used:
            message = f"Specified IP address is not in the subnetwork's range {cidr} or in use."
            raise invalid_field("resource.address", body["address"], message)
        return
    # The first two and the last two addresses of a range are Google's.
    body["address"] = next(str(cidr[n]) for n in range(2, cidr.num_addresses - 2) if str(cidr[n]) not in used)


def _user(state: State, path: str) -> str | None:
    users = state.compute[path].data.get("users")
    return users[0].split("/compute/v1/")[1] if users else None


REGIONAL = register(
    Kind(
        collection="addresses",
        schema="Address",
        kind="compute#address",
        segment="addresses",
        scope="region",
        noun="address",
        references={"subnetwork": "subnetworks", "network": "networks"},
        fill=_fill,
        user=_user,
        seconds="address",
    )
)
GLOBAL = register(replace(REGIONAL, collection="globalAddresses", scope="global"))
