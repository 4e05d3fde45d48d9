# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds that every capability uses: resource group, managed identity, log workspace, diagnostic setting, lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .._engine.errors import AuthError, Busy, Conflict, NotFound
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field
from .._engine.resource import Observed, Operation
from .arm import ArmResource
from .fields import TRACKED, ArmFields, canonical, dropped
from .operations import started
from .session import Session


class ResourceGroup(ArmResource):
    """A group of the site's own. Deleting a group deletes all that is in it, so it goes only when nothing is left."""

    kind = "azure.resources.group"
    type = "Microsoft.Resources/resourceGroups"
    fields = ArmFields({**TRACKED, "managedBy": IMMUTABLE})
    patches = True
    replaceable = False

    def check_delete(self, observed: Observed) -> str:
        strangers = self._strangers()
        if not strangers:
            return ""
        return (
            f"the resource group holds objects that this run does not remove: {', '.join(strangers)}. "
            "Deleting the group would delete them: remove or move them first."
        )

    def delete(self, observed: Observed) -> Operation:
        strangers = self._strangers()
        if strangers:
            raise Conflict(
                f"the resource group is left alone, because it still holds {', '.join(strangers)}.",
                hint="Remove or move them, then run again.",
            )
        self._purge_vaults()
        return super().delete(observed)

    def _purge_vaults(self) -> None:
        """Vaults of this group that were deleted by a run that did not get to purge them. Raises: Busy until gone."""
        owner = self.session.site.owner
        for item in deleted_vaults(self.session):
            told = item.get("properties") or {}
            here = str(told.get("vaultId", "")).lower().startswith(self.path.lower() + "/")
            if here and owner.owns(told.get("tags") or {}) and not told.get("purgeProtectionEnabled"):
                with suppress(Conflict, NotFound):  # it is being purged already
                    self.client.send("POST", f"{item['id']}/purge", Vault.type)
                raise Busy(f"the deleted key vault {item['name']} is being purged.")

    def _strangers(self) -> list[str]:
        try:
            path = f"{self.path}/resources"
            found = self.session.patient(lambda: self.client.pages(path, "Microsoft.Resources/resources"))
        except NotFound:
            return []
        return sorted(
            f"{item.get('type')} {item.get('name')}" for item in found if not self.session.announced(item["id"])
        )


class Identity(ArmResource):
    """A user-assigned managed identity. outputs: principal_id, client_id."""

    kind = "azure.identity.user_assigned"
    type = "Microsoft.ManagedIdentity/userAssignedIdentities"
    fields = ArmFields(TRACKED)
    patches = True
    exposes = {"principal_id": "properties.principalId", "client_id": "properties.clientId"}


class Workspace(ArmResource):
    """A Log Analytics workspace. `Standalone` is another word for `PerGB2018` (recorded traffic)."""

    kind = "azure.logs.workspace"
    type = "Microsoft.OperationalInsights/workspaces"
    fields = ArmFields(
        {
            **TRACKED,
            "properties.sku.name": Field(normalise=lambda v: "pergb2018" if v == "Standalone" else canonical(v)),
        }
    )
    patches = True
    exposes = {"customer_id": "properties.customerId"}

    def delete(self, observed: Observed) -> Operation:
        # Without `force` the name stays taken for 14 days by a deleted workspace that keeps its data.
        url = self.client.url(self.path, self.type, {"force": "true"})
        return started(self.client.call("DELETE", url), self.client, deleting=True)


def _same_categories(want: Any, have: Any) -> bool:
    """The service shows every category it knows, the ones that are off too; groups stand beside categories."""

    def on(items: Any) -> dict[str, dict[str, Any]]:
        return {
            str(item.get("category") or item.get("categoryGroup")).lower(): item.get("retentionPolicy") or {}
            for item in items or []
            if item.get("enabled")
        }

    asked, shown = on(want), on(have)
    return asked.keys() == shown.keys() and all(
        (policy.get(name) or 0) == (shown[category].get(name) or 0)
        for category, policy in asked.items()
        for name in policy
    )


class DiagnosticSetting(ArmResource):
    """Where an object's logs go. PUT replaces the whole; the service answers with all categories it knows."""

    kind = "azure.monitor.diagnostic_setting"
    type = "Microsoft.Insights/diagnosticSettings"
    tracked = False
    whole = True
    fields = ArmFields(
        {
            "properties": MUTABLE,
            "properties.logs": Field(equal=_same_categories),
            "properties.metrics": Field(equal=_same_categories),
            "properties.logAnalyticsDestinationType": Field(equal=dropped("AzureDiagnostics", "Dedicated")),
        }
    )


class Lock(ArmResource):
    """A resource lock: what carries it, and what lies in that, cannot be deleted by anybody before the lock is gone."""

    kind = "azure.authorization.lock"
    type = "Microsoft.Authorization/locks"
    tracked = False
    fields = ArmFields({"properties": MUTABLE})

    def check_delete(self, observed: Observed) -> str:
        if not self.present:
            return ""
        return "deletion_protection is on. To destroy it, set deletion_protection: false and run again."

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Take the lock away while a part of what it protects is deleted on purpose. Locks count when a deletion is
        asked for, not while it goes on. A process that dies in between leaves the lock to the next run."""
        if self.session.read(self.path, self.type, direct=True) is None:
            yield
            return
        self.client.send("DELETE", self.path, self.type)
        try:
            yield
        finally:
            if self.present:
                self.session.patient(lambda: self.client.send("PUT", self.path, self.type, self.desired()))


def deleted_vaults(session: Session) -> list[dict[str, Any]]:
    """The subscription's deleted vaults. Listing them is a right of its own: without it, none."""
    path = f"{session.subscription}/providers/Microsoft.KeyVault/deletedVaults"
    try:
        return session.patient(lambda: session.client.pages(path, Vault.type))
    except (AuthError, NotFound):
        return []


class Vault(ArmResource):
    """A key vault. A deleted one keeps its name: it is recovered, which loses nothing (recorded traffic)."""

    kind = "azure.keyvault.vault"
    type = "Microsoft.KeyVault/vaults"
    fields = ArmFields(
        {
            **TRACKED,
            "properties.createMode": CREATE_ONLY,
            "properties.softDeleteRetentionInDays": CREATE_ONLY,  # the service never changes it
            "properties.tenantId": IMMUTABLE,
            "properties.accessPolicies": Field(normalise=canonical),
            "properties.enablePurgeProtection": MUTABLE,
            "properties.networkAcls.ipRules": Field(normalise=canonical),
        }
    )
    exposes = {"uri": "properties.vaultUri", "purge_protected": "properties.enablePurgeProtection"}
    read_only = frozenset({"vaulturi", "hsmpoolresourceid", "privateendpointconnections"})
    replaceable = False

    @property
    def _deleted_path(self) -> str:
        place, name = self.session.site.region, self.path.rpartition("/")[2]
        return f"{self.session.subscription}/providers/Microsoft.KeyVault/locations/{place}/deletedVaults/{name}"

    def create(self, desired: dict[str, Any]) -> Operation:
        if self.session.read(self._deleted_path, self.type, direct=True) is not None:
            desired = {**desired, "properties": {**desired["properties"], "createMode": "recover"}}
        return super().create(desired)

    def remains(self, observed: Observed) -> str:
        told = observed.raw.get("properties") or {}
        if not told.get("enablePurgeProtection"):
            return ""
        days = told.get("softDeleteRetentionInDays", 90)
        return f"purge protection keeps the deleted vault and its name for {days} days; made again, it comes back"

    def delete(self, observed: Observed) -> Operation:
        super().delete(observed)  # synchronous
        if (observed.raw.get("properties") or {}).get("enablePurgeProtection"):
            return Operation(done=True)
        answer = self.client.send("POST", f"{self._deleted_path}/purge", self.type)
        return started(answer, self.client, deleting=True)


class Key(ArmResource):
    """A key of a vault. Resource Manager makes keys and never deletes them: they go with their vault.

    outputs: versioned, the key's id with its newest version; versionless.
    """

    kind = "azure.keyvault.key"
    type = "Microsoft.KeyVault/vaults/keys"
    tracked = False
    replaceable = False
    permanent = True
    fields = ArmFields(
        {
            "tags": MUTABLE,
            "properties.kty": IMMUTABLE,
            "properties.keySize": IMMUTABLE,
            "properties.keyOps": Field(normalise=canonical),
            "properties": MUTABLE,
        }
    )
    exposes = {"versioned": "properties.keyUriWithVersion", "versionless": "properties.keyUri", "name": "name"}
