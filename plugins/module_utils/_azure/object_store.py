# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portable object store on Azure: a bucket is a container, and much of what it is set to is set per account."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.object_store import Bucket, ObjectStore
from .._spec.sizes import environment_default
from . import encryption, lifecycle, logs
from .groups import Groups
from .kinds_common import Identity, Workspace
from .kinds_storage import BlobService, Container, ImmutabilityPolicy, ManagementPolicy, StorageAccount

_LOGS = ("StorageRead", "StorageWrite", "StorageDelete")
_SKUS = {"LRS": "Standard_LRS", "ZRS": "Standard_ZRS", "GRS": "Standard_GRS", "GZRS": "Standard_GZRS"}


class StoreBuilder:
    """Turns one resolved object store into resources: an account for each label, a container for each bucket."""

    def __init__(self, groups: Groups, spec: ObjectStore) -> None:
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.group = groups.data(spec.azure.resource_group)
        self.resources: list[Resource] = [self.group]
        self.shown: dict[str, tuple[StorageAccount, Container]] = {}
        self.given_keys: dict[str, encryption.CustomerKey] = {}

    def build(self) -> Built:
        labels: dict[str, list[Bucket]] = {}
        for bucket in self.spec.buckets:
            labels.setdefault(bucket.azure.storage_account or bucket.name, []).append(bucket)
        present = [bucket for bucket in self.spec.buckets if bucket.state == "present"]
        for bucket in present:
            _refuse(bucket, self._replication(bucket))
        for label, buckets in labels.items():
            _agree(label, [bucket for bucket in buckets if bucket.state == "present"])
        self.workspace = self._workspace(present)
        self.own_key = self._own(present)
        for label, buckets in labels.items():
            self._account(label, buckets)
        return Built(
            self.resources,
            exports={"containers": {name: container for name, (_account, container) in self.shown.items()}},
            outputs=lambda: {
                "resource_group": self.group.out("id"),
                "buckets": {
                    name: {
                        "name": container.path.rpartition("/")[2],
                        "id": container.out("id"),
                        "storage_account": account.name,
                        "url": f"{str(account.out('blob_endpoint')).rstrip('/')}/{container.path.rpartition('/')[2]}",
                    }
                    for name, (account, container) in self.shown.items()
                },
            },
        )

    # -- one account -----------------------------------------------------------------------------------------------

    def _account(self, label: str, buckets: list[Bucket]) -> None:
        kept = [bucket for bucket in buckets if bucket.state == "present"]
        lead = (kept or buckets)[0]
        present = bool(kept)
        name = names.globally_unique(self.site, label, limit=24, separator="")
        identity, needs, key = self._encryption(label, lead, present)
        account = StorageAccount(
            self.session,
            name,
            self.session.in_group(self.group.name, StorageAccount.type, name),
            lambda: self._account_body(lead, identity, key),
            parent=self.group,
            needs=needs,
            present=present,
        )
        service = BlobService(
            self.session,
            f"{name}/default",
            f"{account.path}/blobServices/default",
            lambda: {"properties": _service_body(lead)},
            parent=account,
            lock=account.path,
            present=present,
        )
        self.resources += [account, service]
        for bucket in buckets:
            self._bucket(account, service, bucket)
        self._rules(account, service, kept)
        if self.workspace is not None:
            wanted = present and lead.access_logs
            self.resources.append(logs.setting(self.session, service, self.workspace, _LOGS, present=wanted))

    def _account_body(
        self, lead: Bucket, identity: Identity | None, key: encryption.CustomerKey | None
    ) -> dict[str, Any]:
        customer: dict[str, Any] = {"keySource": "Microsoft.Storage"}
        if identity is not None and key is not None:
            customer = {
                "keySource": "Microsoft.Keyvault",
                "keyvaultproperties": {
                    "keyname": key.key.path.rpartition("/")[2],
                    "keyvaulturi": key.vault.out("uri"),
                },
                "identity": {"userAssignedIdentity": identity.out("id")},
            }
        assigned: dict[str, Any] = {"type": "None"}
        if identity is not None:
            assigned = {"type": "UserAssigned", "userAssignedIdentities": {identity.path: {}}}
        return {
            "kind": "StorageV2",
            "sku": {"name": _SKUS[self._replication(lead)]},
            "identity": assigned,
            "properties": {
                "accessTier": "Hot",
                "minimumTlsVersion": "TLS1_2",
                "supportsHttpsTrafficOnly": True,
                "allowBlobPublicAccess": False,
                "allowSharedKeyAccess": False,
                "defaultToOAuthAuthentication": True,
                "allowCrossTenantReplication": False,
                "encryption": {
                    "requireInfrastructureEncryption": True,
                    "services": {"blob": {"enabled": True, "keyType": "Account"}},
                    **customer,
                },
            },
        }

    def _replication(self, bucket: Bucket) -> str:
        spread = environment_default(self.site.environment, "high_availability")
        return bucket.azure.replication or ("ZRS" if spread else "LRS")

    def _encryption(
        self, label: str, lead: Bucket, present: bool
    ) -> tuple[Identity | None, list[Resource], encryption.CustomerKey | None]:
        """The identity of an account with a customer key, and its right to the key; both go when it needs them no
        more. They must be there before the account."""
        wanted = present and lead.encryption == "customer"
        name = names.of(self.site, label, "key")
        path = self.session.in_group(self.group.name, Identity.type, name)
        identity = Identity(self.session, name, path, dict, parent=self.group, present=wanted)
        given = lead.azure.key_vault_key_id if wanted else None
        key = self._given(lead.name, given) if given else self.own_key
        grant = key.allow(
            self.session, f"{label}-key", "key-vault-crypto-service-encryption-user", identity, present=wanted
        )
        self.resources += [identity, grant]
        return (identity, [identity, key.key, grant], key) if wanted else (None, [], None)

    def _given(self, bucket: str, key_id: str) -> encryption.CustomerKey:
        """A key that people name; buckets may share it."""
        if key_id.lower() not in self.given_keys:
            where = f"object_store.buckets.{bucket}.azure.key_vault_key_id"
            made = self.given_keys[key_id.lower()] = encryption.given(self.session, where, key_id)
            self.resources += made.resources
        return self.given_keys[key_id.lower()]

    def _own(self, present: list[Bucket]) -> encryption.CustomerKey:
        """The site's own key for objects. Storage takes keys only from vaults that cannot lose them."""
        wanted = any(item.encryption == "customer" and not item.azure.key_vault_key_id for item in present)
        made = encryption.own(self.session, self.group, "data", "objects", lasting=True, present=wanted)
        self.resources += made.resources
        return made

    # -- what lies in it -------------------------------------------------------------------------------------------

    def _bucket(self, account: StorageAccount, service: BlobService, bucket: Bucket) -> None:
        container_name = bucket.physical_name or bucket.name
        present = bucket.state == "present"
        container = Container(
            self.session,
            bucket.name,
            f"{service.path}/containers/{container_name}",
            lambda: {"properties": {"publicAccess": "None"}},
            parent=account,
            needs=[service],
            present=present,
            account=account,
            force=bucket.force,
        )
        self.resources.append(container)
        if present:
            self.shown[bucket.name] = (account, container)
        days = bucket.retention_days
        self.resources.append(
            ImmutabilityPolicy(
                self.session,
                f"{bucket.name}/retention",
                f"{container.path}/immutabilityPolicies/default",
                lambda: {"properties": {"immutabilityPeriodSinceCreationInDays": days}},
                parent=container,
                present=present and bool(days),
            )
        )

    def _rules(self, account: StorageAccount, service: BlobService, kept: list[Bucket]) -> None:
        rules = [rule for bucket in kept for rule in lifecycle.rules(bucket)]
        self.resources.append(
            ManagementPolicy(
                self.session,
                f"{account.name}/lifecycle",
                f"{account.path}/managementPolicies/default",
                lambda: {"properties": {"policy": {"rules": rules}}},
                parent=account,
                needs=[service],
                lock=account.path,
                present=bool(rules),
            )
        )

    def _workspace(self, present: list[Bucket]) -> Workspace | None:
        if not self.spec.buckets:
            return None
        days = max(30, int(environment_default(self.site.environment, "log_retention_days")))
        made = logs.workspace(
            self.session,
            self.group,
            days,
            where="log_retention_days",
            present=any(bucket.access_logs for bucket in present),
            parts=("data", "logs"),
        )
        self.resources.append(made)
        return made


def _service_body(lead: Bucket) -> dict[str, Any]:
    days = int(lead.soft_delete_days or 0)
    kept = {"enabled": True, "days": days} if days else {"enabled": False}
    return {
        "isVersioningEnabled": lead.versioning,
        "changeFeed": {"enabled": lead.versioning},
        "deleteRetentionPolicy": dict(kept),
        "containerDeleteRetentionPolicy": dict(kept),
    }


# What Azure sets per account, as the specification names it.
_PER_ACCOUNT = (
    "versioning",
    "soft_delete_days",
    "access_logs",
    "encryption",
    "azure.replication",
    "azure.key_vault_key_id",
)


def _agree(label: str, buckets: list[Bucket]) -> None:
    for bucket in buckets[1:]:
        for setting in _PER_ACCOUNT:
            mine, theirs = _setting(bucket, setting), _setting(buckets[0], setting)
            if mine != theirs:
                raise SpecError(
                    f"object_store.buckets.{bucket.name}.{setting}: {mine!r} differs from {theirs!r} of the bucket "
                    f"{buckets[0].name!r}, and Azure sets it per storage account. Set both alike, or give them "
                    f"different labels in azure.storage_account (both are in {label!r})."
                )


def _setting(bucket: Bucket, path: str) -> Any:
    value: Any = bucket
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _refuse(bucket: Bucket, replication: str) -> None:
    where = f"object_store.buckets.{bucket.name}"
    name = bucket.physical_name or bucket.name
    if not 3 <= len(name) <= 63 or "--" in name:
        raise SpecError(
            f"{where}: {name!r} is no name of a container: 3 to 63 lower-case letters, digits and single hyphens. "
            "Choose one in physical_name."
        )
    if bucket.soft_delete_days and bucket.soft_delete_days > 365:
        raise SpecError(f"{where}.soft_delete_days: Azure keeps deleted blobs for 365 days at most.")
    if bucket.retention_days is not None and not 1 <= bucket.retention_days <= 146000:
        raise SpecError(f"{where}.retention_days: {bucket.retention_days} is not possible on Azure: 1 to 146000 days.")
    lifecycle.refuse(bucket, replication)
