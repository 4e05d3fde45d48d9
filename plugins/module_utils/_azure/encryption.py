# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Customer keys: a key that people name, or a vault with a key of the site's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from . import account
from .kinds_access import RoleAssignment
from .kinds_common import Identity, Key, ResourceGroup, Vault
from .session import Session

_KEY_ID = re.compile(
    r"(?P<vault>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.KeyVault/vaults/[^/]+)"
    r"/keys/(?P<key>[^/]+)/?",
    re.IGNORECASE,
)


@dataclass
class CustomerKey:
    """A vault and a key in it, and what else has to be made so that it can be used."""

    vault: Vault
    key: Key
    resources: list[Resource]

    def allow(self, session: Session, name: str, role: str, identity: Identity, present: bool = True) -> RoleAssignment:
        """Let an identity use the key. Where the vault is somebody else's, the key alone is opened to it."""
        scope = self.vault if self.vault.managed else self.key
        return RoleAssignment(session, name, role, identity, scope=scope, present=present)


def given(session: Session, where: str, key_id: str) -> CustomerKey:
    """A key that exists. Raises: SpecError for an id of another form."""
    found = _KEY_ID.fullmatch(key_id)
    if found is None:
        raise SpecError(
            f"{where}: {key_id!r} is not the id of a key on Azure. Write it as /subscriptions/<subscription>/"
            "resourceGroups/<group>/providers/Microsoft.KeyVault/vaults/<vault>/keys/<key>."
        )
    path, name = found["vault"], found["key"]
    vault = Vault(session, path.rpartition("/")[2], path, dict, managed=False)
    key = Key(session, f"{vault.name}/{name}", f"{path}/keys/{name}", dict, parent=vault, managed=False)
    return CustomerKey(vault, key, [vault, key])


def own(
    session: Session, group: ResourceGroup, purpose: str, key_name: str, *, lasting: bool, present: bool
) -> CustomerKey:
    """A vault of the site's own with one key.

    lasting: with purge protection. Then Azure keeps the deleted vault for its retention time, whatever anybody does;
    without it the vault is purged when it is deleted.
    """
    name = names.globally_unique(session.site, purpose, limit=24)
    path = session.in_group(group.name, Vault.type, name)

    def vault_body() -> dict[str, object]:
        properties = {
            "tenantId": account.tenant(session),
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 90 if lasting else 7,
            # The service takes `true` or nothing, and never takes `true` back.
            "enablePurgeProtection": True if lasting else None,
        }
        return {"properties": properties}

    vault = Vault(session, name, path, vault_body, parent=group, present=present)
    key = Key(
        session,
        f"{name}/{key_name}",
        f"{path}/keys/{key_name}",
        lambda: {"properties": {"kty": "RSA", "keySize": 3072, "keyOps": None}},
        parent=vault,
        present=present,
    )
    return CustomerKey(vault, key, [vault, key])
