"""Lifecycle policies of accounts. Everything is synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...call import Call, Reply
from ...errors import ArmError
from ...flows import stamp
from ...store import Document, Record
from .base import POLICIES, StorageKind

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_TIERS = ("tierToCool", "tierToCold", "tierToArchive", "tierToHot", "delete")


class ManagementPolicies(StorageKind):
    """The lifecycle policy of an account, always named ``default`` in the path and otherwise in the answer."""

    type = POLICIES
    tracked = False
    has_state = False

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        rules = ((body.get("properties") or {}).get("policy") or {}).get("rules") or []
        if not rules:
            raise ArmError(400, "InvalidRequestPropertyValue", "A policy needs at least one rule.")
        names = [rule.get("name") for rule in rules]
        if len(names) != len(set(names)):
            raise ArmError(400, "DuplicateRuleName", "Rule names must be unique within a policy.")
        shown = [{"enabled": rule.pop("enabled", True), **rule} for rule in rules]
        for rule in shown:
            self._check(rule)
        moment = stamp(self.emulator.context.clock.wall())
        return {"properties": {"policy": {"rules": shown}, "lastModifiedTime": moment}}

    def _check(self, rule: Document) -> None:
        definition = rule.get("definition") or {}
        if not (definition.get("filters") or {}).get("blobTypes"):
            raise ArmError(400, "InvalidRequestPropertyValue", f"Rule {rule.get('name')} needs filters.blobTypes.")
        base = (definition.get("actions") or {}).get("baseBlob") or {}
        ages = [
            base[tier]["daysAfterModificationGreaterThan"]
            for tier in _TIERS
            if "daysAfterModificationGreaterThan" in (base.get(tier) or {})
        ]
        if ages != sorted(ages):
            message = f"Rule {rule.get('name')}: a colder tier or a deletion must come later than a warmer tier."
            raise ArmError(400, "InvalidRequestPropertyValue", message)

    def written(self, call: Call, record: Record, status: int) -> Reply:
        return call.reply(200, self.render(record, call.version))

    def render(self, record: Record, version: str) -> Document:
        return {**super().render(record, version), "name": "DefaultManagementPolicy"}

    def missing(self, call: Call) -> ArmError:
        account = call.target.names[0]
        return ArmError(404, "ManagementPolicyNotFound", f"No ManagementPolicy found for account {account}")


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(ManagementPolicies(emulator))
