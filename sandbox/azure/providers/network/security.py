"""Network security groups and their rules."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from ...call import Call
from ...operations import Operation
from ...store import Document, Record
from .base import NetworkKind, PartKind, names, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

RULES = "Microsoft.Network/networkSecurityGroups/securityRules"
_PLURALS = ("sourcePortRanges", "destinationPortRanges", "sourceAddressPrefixes", "destinationAddressPrefixes")
_PORTS = re.compile(r"^(\d{1,5})(?:-(\d{1,5}))?$")


def _default(name: str, what: str, source: str, target: str, access: str, priority: int, direction: str) -> Document:
    return {
        "name": name,
        "properties": {
            "description": what,
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": target,
            "access": access,
            "priority": priority,
            "direction": direction,
            **{key: [] for key in _PLURALS},
        },
    }


_VNET, _ANY = "VirtualNetwork", "*"
_DEFAULTS = (
    _default("AllowVnetInBound", "Allow inbound traffic from all VMs in VNET", _VNET, _VNET, "Allow", 65000, "Inbound"),
    _default(
        "AllowAzureLoadBalancerInBound",
        "Allow inbound traffic from azure load balancer",
        "AzureLoadBalancer",
        _ANY,
        "Allow",
        65001,
        "Inbound",
    ),
    _default("DenyAllInBound", "Deny all inbound traffic", _ANY, _ANY, "Deny", 65500, "Inbound"),
    _default(
        "AllowVnetOutBound",
        "Allow outbound traffic from all VMs to all VMs in VNET",
        _VNET,
        _VNET,
        "Allow",
        65000,
        "Outbound",
    ),
    _default(
        "AllowInternetOutBound",
        "Allow outbound traffic from all VMs to Internet",
        _ANY,
        "Internet",
        "Allow",
        65001,
        "Outbound",
    ),
    _default("DenyAllOutBound", "Deny all outbound traffic", _ANY, _ANY, "Deny", 65500, "Outbound"),
)


class SecurityGroups(NetworkKind):
    """Network security groups; a PUT replaces the rules, six default rules are always there."""

    type = "Microsoft.Network/networkSecurityGroups"
    duration = "azure.nsg"
    retry_after = 1
    top_level = ()

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        properties = dict(body.get("properties") or {})
        entries = properties.pop("securityRules", None) or []
        document = super().build(call, {**body, "properties": properties}, previous)
        rules = {entry["name"].lower(): (entry["name"], complete_rule(entry)) for entry in entries if _named(entry)}
        _check_conflicts([(name, rule["properties"]) for name, rule in rules.values()])
        call.notes["rules"] = rules
        return document

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        wanted: dict[str, tuple[str, Document]] | None = call.notes.get("rules")
        if wanted is None:
            return
        old = {rule.name.lower(): rule for rule in self.store.of_kind(RULES, record.id)}
        before = {name: rule.document for name, rule in old.items()}
        record.private["rules_changed"] = before != {name: part for name, (_, part) in wanted.items()}
        kind = self.emulator.kinds[RULES.lower()]
        for name, rule in old.items():
            if name not in wanted:
                self.store.remove(rule)
        for name, part in wanted.values():
            found = old.get(name.lower()) or kind.make(f"{record.id}/securityRules/{name}", name, record.group, part)
            found.document = part
            self.store.put(found)

    def short_update(self, record: Record, previous: Document) -> bool:
        return super().short_update(record, previous) and not record.private.get("rules_changed")

    def check_delete(self, call: Call, record: Record) -> None:
        users = self.store.users(
            record.id, "Microsoft.Network/virtualNetworks/subnets", "Microsoft.Network/networkInterfaces"
        )
        if users:
            raise refuse(
                "InUseNetworkSecurityGroupCannotBeDeleted",
                f"Network security group {record.id} cannot be deleted because it is in use by the "
                "following resources: "
                f"{names(users)}. In order to delete the Network security group, remove the association with the "
                "resource(s). To learn how to do this, see aka.ms/deletensg.",
            )

    def show(self, record: Record, document: Document, version: str) -> None:
        rules = sorted(self.store.of_kind(RULES, record.id), key=lambda rule: rule.created)
        properties = document["properties"]
        properties["securityRules"] = [rule.kind.render(rule, version) for rule in rules]
        properties["defaultSecurityRules"] = [self._shown_default(record, rule) for rule in _DEFAULTS]
        subnets = self.store.users(record.id, "Microsoft.Network/virtualNetworks/subnets")
        interfaces = self.store.users(record.id, "Microsoft.Network/networkInterfaces")
        if subnets:
            properties["subnets"] = [{"id": subnet.id} for subnet in subnets]
        if interfaces:
            properties["networkInterfaces"] = [{"id": interface.id} for interface in interfaces]

    def _shown_default(self, record: Record, rule: Document) -> Document:
        return {
            "name": rule["name"],
            "id": f"{record.id}/defaultSecurityRules/{rule['name']}",
            "etag": f'W/"{record.etag}"',
            "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
            "properties": {"provisioningState": record.state, **rule["properties"]},
        }


class SecurityRules(PartKind):
    """Rules of a network security group."""

    type = RULES
    duration = "azure.security_rule"
    retry_after = 1
    top_level = ()

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        rule = complete_rule({**body, "name": call.target.name})
        others = [
            (record.name, record.properties)
            for record in self.store.of_kind(RULES, call.target.parent)
            if record is not previous
        ]
        _check_conflicts([*others, (call.target.name, rule["properties"])])
        return rule

    def settled(self, record: Record, operation: Operation) -> None:
        self.touch(record)


def complete_rule(entry: Document) -> Document:
    """A rule out of a request, checked."""
    name = entry["name"]
    properties: Document = dict(entry.get("properties") or {})
    priority = properties.get("priority")
    if priority is None or not 100 <= priority <= 4096:
        raise refuse(
            "SecurityRuleInvalidPriority",
            f"Security rule {name} has invalid Priority. Value provided: {priority or 0} Allowed "
            "range 100-4096. To learn "
            "more, see aka.ms/nsgrules.",
        )
    for side in ("source", "destination"):
        _check_ports(name, side, properties)
        _check_prefixes(name, side, properties)
    return {"properties": {**properties, **{key: properties.get(key) or [] for key in _PLURALS}}}


def _check_ports(name: str, side: str, properties: Document) -> None:
    ports = [*_one(properties.get(f"{side}PortRange")), *(properties.get(f"{side}PortRanges") or [])]
    if not ports:
        raise _missing(name, f"{side}PortRange")
    for port in ports:
        match = _PORTS.match(port)
        bounds = [int(bound) for bound in match.groups() if bound] if match else []
        if port != "*" and (not bounds or bounds != sorted(bounds) or bounds[-1] > 65535):
            raise refuse(
                "SecurityRuleInvalidPortRange",
                f"Security rule has invalid Port range. Value provided: {port}. Value should be an integer OR integer "
                "range with '-' delimiter. Valid range 0-65535.",
            )


def _check_prefixes(name: str, side: str, properties: Document) -> None:
    prefixes = [*_one(properties.get(f"{side}AddressPrefix")), *(properties.get(f"{side}AddressPrefixes") or [])]
    if not prefixes and not properties.get(f"{side}ApplicationSecurityGroups"):
        raise _missing(name, f"{side}AddressPrefix")
    for prefix in prefixes:
        if prefix == "*" or (prefix[:1].isalpha() and ":" not in prefix):  # a service tag
            continue
        try:
            ipaddress.ip_network(prefix, strict=False)
        except ValueError:
            raise refuse(
                "SecurityRuleInvalidAddressPrefix",
                f"Security rule {name} has invalid Address prefix. Value provided: {prefix}",
            ) from None


def _check_conflicts(rules: list[tuple[str, Document]]) -> None:
    seen: dict[tuple[Any, Any], str] = {}
    for name, rule in rules:
        key = (rule.get("priority"), rule.get("direction"))
        if key in seen and seen[key].lower() != name.lower():
            raise refuse(
                "SecurityRuleConflict",
                f"Security rule {name} conflicts with rule {seen[key]}. Rules cannot have the same Priority and "
                "Direction. To learn more, see aka.ms/nsgrules.",
            )
        seen[key] = name


def _missing(name: str, parameter: str) -> Exception:
    return refuse(
        "SecurityRuleParameterNotSpecified",
        f"Security rule parameter {parameter} is not specified for rule with Id {name}.",
    )


def _named(entry: Document) -> bool:
    if not entry.get("name"):
        raise refuse("InvalidRequestFormat", "Cannot parse the request.")
    return True


def _one(value: str | None) -> list[str]:
    return [value] if value else []


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(SecurityGroups(emulator))
    emulator.add(SecurityRules(emulator))
