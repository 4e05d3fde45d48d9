# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of the secret store: its vault, the right to use it, and the secrets in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.fields import IMMUTABLE, MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import (
    DONE,
    NotYetKnown,
    Observed,
    Operation,
    Progress,
    Resource,
    State,
    Status,
)
from .arm import at
from .kinds_access import Caller, RoleAssignment
from .kinds_common import Vault
from .secrets import KeyVault


class SecretVault(Vault):
    """The vault of the secret store. Purge protection is given once and for ever; `false` only says that it is not
    asked for, and is no value that the service takes (Vaults - Create Or Update, REST reference)."""

    fields = Vault.fields.extend({"properties.softDeleteRetentionInDays": IMMUTABLE})

    def check_update(self, observed: Observed, change: Plan) -> str:
        if not change.touches("properties.enablePurgeProtection"):
            return ""
        if at(self.desired(), "properties.enablePurgeProtection"):
            return ""
        return (
            "its purge protection can never be switched off again. Remove secret_store.azure.purge_protection, or set "
            "it to true."
        )

    def write(self, method: str, body: Any, etag: str = "") -> Operation:
        properties = dict(body.get("properties") or {})
        if not properties.get("enablePurgeProtection"):
            properties.pop("enablePurgeProtection", None)
        return super().write(method, {**body, "properties": properties}, etag)


class VaultAccess(RoleAssignment):
    """The caller's right to the secrets of a vault. It takes minutes until a vault heeds a new assignment (Azure RBAC,
    "Troubleshoot"): until then it counts as being made."""

    def __init__(self, secrets: KeyVault, caller: Caller, **options: Any) -> None:
        name = f"{secrets.vault.name}/secrets"
        super().__init__(secrets.session, name, "key-vault-secrets-officer", caller, scope=secrets.vault, **options)
        self.secrets = secrets

    def read(self) -> Observed | None:
        observed = super().read()
        if observed is not None and self.present and observed.status is Status.READY and not self.secrets.is_open():
            observed.status, observed.reason = Status.PENDING, "the vault does not heed the role assignment yet"
        return observed


class VaultSecret(Resource):
    """The place of one value. Its newest version is what clients read. It belongs to whom the vault belongs: whoever
    sets a new version by hand drops its tags, and they are put back."""

    kind = "azure.keyvault.secret"
    replaceable = False
    inside = True
    fields = Fields({"tags": MUTABLE})

    def __init__(self, secrets: KeyVault, name: str, needs: Sequence[Resource] = (), *, present: bool = True) -> None:
        super().__init__(name, [secrets.vault, *needs], present=present)
        self.secrets = secrets
        # A vault that is only referred to stays, and what is in it is deleted one by one.
        self.goes_with = secrets.vault if secrets.vault.managed else None

    def predicted(self) -> dict[str, Any]:
        try:
            return {"id": self.secrets.reference(self.name)}
        except NotYetKnown:
            return {}

    def desired(self) -> dict[str, Any]:
        return {"tags": self.secrets.session.site.all_tags}

    def read(self) -> Observed | None:
        found = self.secrets.listed().get(self.name.lower())
        if found is None:
            return None
        return Observed({"tags": found.get("tags") or {}}, self.predicted())

    def create(self, desired: dict[str, Any]) -> Operation:
        if self.name.lower() in self.secrets.listed() or self.secrets.make(self.name):
            return DONE
        return Operation("recovery")

    def poll(self, operation: Operation) -> Progress:
        if self.secrets.there(self.name):
            return Progress(State.DONE)
        return Progress(State.RUNNING, "the deleted secret is being recovered")

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self.secrets.tag(self.name, {**observed.values["tags"], **desired["tags"]})
        return DONE

    def delete(self, observed: Observed) -> Operation:
        self.secrets.remove(self.name)
        return DONE

    def forget(self) -> None:
        self.secrets.forget()
