# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portable secret store on Azure: a key vault of the site's own, used by roles."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.credential import GeneratedValue
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.secret_store import SecretStore
from .._spec.sizes import environment_default
from . import account
from .groups import Groups
from .kinds_access import caller
from .kinds_secrets import SecretVault, VaultAccess, VaultSecret
from .secrets import PENDING, KeyVault

# Names of what databases and caches keep in the vault begin so; a double hyphen is in no name of a server.
_TAKEN = ("database--", "cache--")


class Secrets:
    """What databases and caches need of the store: the vault, and a place for each value. Asked twice for one name, it
    gives the same place."""

    def __init__(self, vault: KeyVault, needs: list[Resource]) -> None:
        self.vault = vault
        self.needs = needs
        self._places: dict[str, VaultSecret] = {}

    def place(self, *parts: str, present: bool = True) -> VaultSecret:
        """The secret of a store's login: place("database", server, user)."""
        name = "--".join(part.replace("_", "-") for part in parts)
        if name not in self._places:
            self._places[name] = VaultSecret(self.vault, name, self.needs, present=present)
        return self._places[name]


class SecretsBuilder:
    """Turns one resolved secret store into resources. exports: secrets (a `Secrets`), vault."""

    def __init__(self, groups: Groups, spec: SecretStore, managed: bool) -> None:
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.managed = managed
        self.group = groups.part("secrets", spec.azure.resource_group, managed=managed)

    def build(self) -> Built:
        self._refuse()
        vault = self._vault()
        data = KeyVault(self.session, vault, opens=self.managed)
        resources: list[Resource] = [self.group, vault]
        needs: list[Resource] = []
        if self.managed:
            who = caller(self.session)
            access = VaultAccess(data, who)
            resources += [who, access]
            needs = [access]
        secrets = Secrets(data, needs)
        shown: dict[str, VaultSecret] = {}
        for secret in self.spec.secrets if self.managed else ():
            present = secret.state == "present"
            place = secrets.place(secret.name, present=present)
            resources.append(place)
            if present:
                shown[secret.name] = place
            if secret.generate:
                value = GeneratedValue(
                    secret.name,
                    data,
                    place,
                    secret=place.name,
                    length=secret.length,
                    rotate=secret.rotate,
                    present=present,
                )
                resources.append(value)
        return Built(
            resources,
            exports={"secrets": secrets, "vault": vault},
            outputs=lambda: {
                "id": vault.out("id"),
                "secrets": {name: place.out("id") for name, place in shown.items()},
            },
        )

    def _vault(self) -> SecretVault:
        name = names.globally_unique(self.site, "store", limit=24)
        protected = self.spec.azure.purge_protection
        if protected is None and environment_default(self.site.environment, "deletion_protection"):
            protected = True

        def body() -> dict[str, Any]:
            properties = {
                "tenantId": account.tenant(self.session),
                "sku": {"family": "A", "name": "standard"},
                "enableRbacAuthorization": True,
                "enableSoftDelete": True,
                "softDeleteRetentionInDays": self.spec.soft_delete_days,
                "enablePurgeProtection": protected,
            }
            return {"properties": properties}

        path = self.session.in_group(self.group.name, SecretVault.type, name)
        return SecretVault(self.session, name, path, body, parent=self.group, managed=self.managed)

    def _refuse(self) -> None:
        if self.spec.encryption == "customer":
            raise SpecError(
                "secret_store.encryption: Key Vault protects secrets with keys of its own, and takes none of yours. "
                "Write provider."
            )
        for secret in self.spec.secrets:
            if secret.name.startswith(_TAKEN) or secret.name.endswith(PENDING):
                raise SpecError(
                    f"secret_store.secrets.{secret.name}: names that begin with {' or '.join(_TAKEN)}, or end in "
                    f"{PENDING}, are used by the store itself. Choose another name."
                )
