# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security group rules as words, one rule each: "ingress tcp 5432 10.0.0.0/18". Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def rule(direction: str, protocol: str, ports: str, peer: str) -> str:
    """One rule. ports: "5432", "8000-8100" or "all"; peer: a CIDR, a prefix list or a security group."""
    return f"{direction} {protocol} {ports} {peer}"


def rules_of(group: Mapping[str, Any]) -> list[str]:
    """The rules of a security group as DescribeSecurityGroups returns it."""
    found = []
    for direction, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        for permission in group.get(member) or ():
            protocol = str(permission["IpProtocol"])
            ports = _ports(permission)
            found += [rule(direction, protocol, ports, peer) for peer in _peers(permission)]
    return sorted(found)


def _ports(permission: Mapping[str, Any]) -> str:
    low, high = permission.get("FromPort"), permission.get("ToPort")
    if str(permission["IpProtocol"]) == "-1" or low is None:
        return "all"
    return str(low) if low == high else f"{low}-{high}"


def _peers(permission: Mapping[str, Any]) -> Iterable[str]:
    yield from (item["CidrIp"] for item in permission.get("IpRanges") or ())
    yield from (item["CidrIpv6"] for item in permission.get("Ipv6Ranges") or ())
    yield from (item["PrefixListId"] for item in permission.get("PrefixListIds") or ())
    for pair in permission.get("UserIdGroupPairs") or ():
        yield "/".join(part for part in (pair.get("UserId"), pair["GroupId"]) if part)


def to_permissions(rules: Iterable[str]) -> list[dict[str, Any]]:
    """IpPermissions for authorize and revoke calls."""
    permissions = []
    for words in rules:
        _direction, protocol, ports, peer = words.split(" ")
        permission: dict[str, Any] = {"IpProtocol": protocol}
        if ports != "all":
            low, _dash, high = ports.partition("-")
            permission |= {"FromPort": int(low), "ToPort": int(high or low)}
        permission |= _source(peer)
        permissions.append(permission)
    return permissions


def _source(peer: str) -> dict[str, Any]:
    account, _slash, group = peer.rpartition("/")
    if group.startswith("sg-"):
        return {"UserIdGroupPairs": [{"GroupId": group, **({"UserId": account} if account else {})}]}
    if peer.startswith("pl-"):
        return {"PrefixListIds": [{"PrefixListId": peer}]}
    if ":" in peer:
        return {"Ipv6Ranges": [{"CidrIpv6": peer}]}
    return {"IpRanges": [{"CidrIp": peer}]}
