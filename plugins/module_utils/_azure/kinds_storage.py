# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of Microsoft.Storage. An account is changed by PATCH; what lies in it by PUT."""

from __future__ import annotations

import re
from typing import Any

from .._engine.errors import AuthError, CloudError
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation
from .arm import ArmResource, at
from .fields import TRACKED, ArmFields, canonical, dropped


class StorageAccount(ArmResource):
    """A StorageV2 account. outputs: blob_endpoint."""

    kind = "azure.storage.account"
    type = "Microsoft.Storage/storageAccounts"
    patches = True
    replaceable = False
    fields = ArmFields(
        {
            **TRACKED,
            "zones": CREATE_ONLY,
            "identity.type": Field(equal=dropped("None")),
            "properties.encryption.requireInfrastructureEncryption": IMMUTABLE,
            "properties.isHnsEnabled": IMMUTABLE,
            "properties.isNfsV3Enabled": IMMUTABLE,
            "properties.customDomain": CREATE_ONLY,
            "properties.networkAcls.ipRules": Field(key="value"),
            "properties.networkAcls.virtualNetworkRules": Field(key="id"),
        }
    )
    exposes = {"blob_endpoint": "properties.primaryEndpoints.blob"}

    def check_update(self, observed: Observed, change: Plan) -> str:
        """Copies move between one zone and several by a migration of hours or days, not by an update (REST reference,
        StorageAccounts - Customer Initiated Migration)."""
        have, want = str(at(observed.raw, "sku.name")), str(at(self.desired(), "sku.name"))
        if ("ZRS" in have) == ("ZRS" in want):
            return ""
        return (
            f"its copies cannot be moved from {have} to {want} by an update. Start Azure's own conversion "
            f"(az storage account migration start --sku {want}), or give the bucket another azure.storage_account."
        )

    def check_delete(self, observed: Observed) -> str:
        containers = f"{self.path}/blobServices/default/containers"
        found = self.session.patient(
            lambda: self.client.pages(containers, "Microsoft.Storage/storageAccounts/blobServices/containers")
        )
        strangers = sorted(
            item["name"]
            for item in found
            if not self.session.announced(item["id"]) and not item["name"].startswith("insights-logs-")
        )
        if not strangers:
            return ""
        return (
            f"the storage account holds containers that the specification does not name: {', '.join(strangers)}. "
            "Deleting the account would delete them: remove or move them first."
        )


class _OfAccount(ArmResource):
    """What lies in a storage account. Not tagged: it belongs to whom the account belongs."""

    tracked = False


class BlobService(_OfAccount):
    """Versioning, soft delete and change feed of an account: always there, and reset by nobody."""

    kind = "azure.storage.blob_service"
    type = "Microsoft.Storage/storageAccounts/blobServices"
    permanent = True
    replaceable = False
    fields = ArmFields({"properties": MUTABLE, "sku": CREATE_ONLY})


class Container(_OfAccount):
    """A blob container. `force`: delete it with all that it holds."""

    kind = "azure.storage.container"
    type = "Microsoft.Storage/storageAccounts/blobServices/containers"
    replaceable = False
    fields = ArmFields(
        {
            "properties": MUTABLE,
            "properties.metadata": MUTABLE,
            "properties.defaultEncryptionScope": IMMUTABLE,
            "properties.denyEncryptionScopeOverride": IMMUTABLE,
            "properties.immutableStorageWithVersioning": IMMUTABLE,
        }
    )

    def __init__(self, *args: Any, account: StorageAccount, force: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account = account
        self.force = force

    def check_delete(self, observed: Observed) -> str:
        if self.force:
            return ""
        endpoint = self.account.outputs.get("blob_endpoint")
        if not endpoint:
            return "its account shows no blob endpoint, so it cannot be told whether the container is empty."
        name = self.path.rpartition("/")[2]
        url = f"{endpoint.rstrip('/')}/{name}?restype=container&comp=list&maxresults=1&include=versions"
        try:
            listing = str(self.session.patient(lambda: self.client.blob("GET", url)).body or "")
        except AuthError as error:
            return (
                f"it cannot be told whether the container is empty ({error.message}). "
                "Give the credentials the role 'Storage Blob Data Reader', or set force: true."
            )
        except CloudError as error:
            return f"it cannot be told whether the container is empty: {error.message}"
        if re.search(r"<Blob>", listing) is None:
            return ""
        return "the container is not empty. Empty it, or set force: true to delete it with all that it holds."


class ImmutabilityPolicy(_OfAccount):
    """Time-based retention of a container. Without one the service shows a policy of zero days (REST reference).

    It is left unlocked: nobody can delete or overwrite a blob before its time, and the policy itself can be taken away
    deliberately. Locking cannot be undone, and is not done here.
    """

    kind = "azure.storage.immutability_policy"
    type = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"
    conditional = True
    fields = ArmFields({"properties": MUTABLE, "properties.immutabilityPeriodSinceCreationInDays": MUTABLE})

    def within(self, parent: dict[str, Any]) -> dict[str, Any] | None:
        return {} if at(parent, "properties.hasImmutabilityPolicy") is False else None

    def fetch(self) -> dict[str, Any] | None:
        raw = super().fetch()
        return raw if raw and at(raw, "properties.immutabilityPeriodSinceCreationInDays") else None

    def check_update(self, observed: Observed, change: Plan) -> str:
        return self._locked(observed)

    def check_delete(self, observed: Observed) -> str:
        return self._locked(observed)

    def _locked(self, observed: Observed) -> str:
        if canonical(at(observed.raw, "properties.state") or "") == "locked":
            return "the retention policy is locked: it can be neither shortened nor removed."
        return ""

    def delete(self, observed: Observed) -> Operation:
        # The service deletes only the state that the caller has seen.
        self.client.send("DELETE", self.path, self.type, etag=str(observed.raw.get("etag") or "*"))
        return Operation(done=True)


class ManagementPolicy(_OfAccount):
    """The lifecycle rules of an account: all of them stand in one object."""

    kind = "azure.storage.management_policy"
    type = "Microsoft.Storage/storageAccounts/managementPolicies"
    fields = ArmFields(
        {
            "properties": MUTABLE,
            "properties.policy.rules": Field(key="name"),
            "properties.policy.rules[].definition.actions": Field(exact=True),
            "properties.policy.rules[].definition.filters": Field(exact=True),
        }
    )
