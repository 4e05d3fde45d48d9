# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The portable registry on Azure: one Azure Container Registry.

A registry is one object for all its repositories, which come into being with the first image that is pushed. What the
service has no setting for is refused by name: tags that cannot be overwritten are locked image by image after they
were pushed, and images are scanned by a plan of the whole subscription.
"""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Observed, Resource
from .._spec import names
from .._spec.registry import Registry
from . import encryption
from .groups import Groups
from .kinds_access import RoleAssignment
from .kinds_common import Identity
from .kinds_registry import ContainerRegistry, Repository

_PREMIUM = "Premium"
_MOST_DAYS = 365


KUBELET = f"/providers/{Identity.type}/kubelet"


class KubeletIdentity(Identity):
    """The identity of the site's nodes, in whichever group the cluster lies."""

    def predicted(self) -> dict[str, Any]:
        return {}

    def fetch(self) -> dict[str, Any] | None:
        path = f"{self.session.subscription}/providers/{self.type}"
        found = self.session.once(path, lambda: self.client.pages(path, self.type))
        owner = self.session.site.owner
        named = [item for item in found if str(item.get("name", "")).lower() == self.name.lower()]
        return next((item for item in named if owner.owns(item.get("tags") or {})), None)


class TakenBack(RoleAssignment):
    """A right that shall not be, of an identity that may be gone itself: then there is nothing to take back."""

    def __init__(self, registry: ContainerRegistry, name: str, kubelet: KubeletIdentity) -> None:
        super().__init__(registry.session, name, "acr-pull", kubelet, scope=registry, present=False)
        self.needs = tuple(need for need in self.needs if need is not kubelet)
        self.kubelet = kubelet

    def read(self) -> Observed | None:
        found = self.kubelet.fetch()
        self.kubelet.outputs = self.kubelet.expose(found) if found else {}
        return super().read()


class RegistryBuilder:
    """Turns one resolved registry specification into resources."""

    def __init__(self, groups: Groups, spec: Registry, cluster: Built | None) -> None:
        self.groups = groups
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.cluster = cluster
        self.resources: list[Resource] = []

    def build(self) -> Built:
        self._refuse()
        self.group = self.groups.part("registry")
        self.resources.append(self.group)
        identity, key, needs = self._encryption()
        name = names.globally_unique(self.site, limit=50, separator="")
        registry = ContainerRegistry(
            self.session,
            name,
            self._path(ContainerRegistry.type, name),
            lambda: self._body(identity, key),
            parent=self.group,
            needs=needs,
            forced=[item.name for item in self.spec.repositories if item.force],
        )
        self.resources.append(registry)
        self._pull(registry)
        for item in self.spec.repositories:
            if item.state == "absent":
                self.resources.append(Repository(registry, item.name, force=item.force))
        kept = [item.name for item in self.spec.repositories if item.state == "present"]
        return Built(
            self.resources,
            exports={"registry": registry},
            outputs=lambda: {
                "url": registry.out("login_server"),
                "repositories": {item: f"{registry.out('login_server')}/{item}" for item in kept},
            },
        )

    def _body(self, identity: Identity | None, key: encryption.CustomerKey | None) -> dict[str, Any]:
        tier, days = self._tier(), self.spec.untagged_expire_days
        secured: dict[str, Any] = {"status": "disabled"}
        assigned: dict[str, Any] = {"type": "None"}
        if identity is not None and key is not None:
            assigned = {"type": "UserAssigned", "userAssignedIdentities": {identity.path: {}}}
            secured = {
                "status": "enabled",
                # The id without a version: the registry follows new versions of the key by itself.
                "keyVaultProperties": {
                    "keyIdentifier": key.key.out("versionless"),
                    "identity": identity.out("client_id"),
                },
            }
        return {
            "sku": {"name": tier},
            "identity": assigned,
            "properties": {
                "adminUserEnabled": False,
                "anonymousPullEnabled": False,
                "policies": {
                    "retentionPolicy": {"status": "enabled", "days": days} if days else {"status": "disabled"},
                },
                "encryption": secured,
            },
        }

    def _tier(self) -> str:
        """The tier given, or the cheapest that can do what is asked."""
        return self.spec.azure.sku or (_PREMIUM if self._premium() else "Basic")

    def _premium(self) -> list[str]:
        """The options that only a Premium registry can honour."""
        needed = []
        if self.spec.untagged_expire_days:
            needed.append(f"untagged_expire_days: {self.spec.untagged_expire_days}")
        if self.spec.encryption == "customer":
            needed.append("encryption: customer")
        return needed

    def _encryption(self) -> tuple[Identity | None, encryption.CustomerKey | None, list[Resource]]:
        """The identity of a registry with a customer key, and its right to the key."""
        wanted = self.spec.encryption == "customer"
        given = self.spec.azure.key_vault_key_id
        if not wanted:
            # Nothing to take away either: a registry never loses its customer key.
            return None, None, []
        name = names.of(self.site, "registry", "key")
        identity = Identity(self.session, name, self._path(Identity.type, name), dict, parent=self.group)
        if given:
            key = encryption.given(self.session, "registry.azure.key_vault_key_id", given)
        else:
            key = encryption.own(self.session, self.group, "images", "registry", lasting=True, present=True)
        grant = key.allow(self.session, "registry-key", "key-vault-crypto-service-encryption-user", identity)
        self.resources += [*key.resources, identity, grant]
        return identity, key, [identity, key.key, grant]

    def _pull(self, registry: ContainerRegistry) -> None:
        """AcrPull for the identity that the cluster's nodes pull images with."""
        name, wanted = "registry-pull/acr-pull", self.spec.pull is not False
        kubelet: Identity | None = self.cluster.exports.get("kubelet") if self.cluster else None
        if kubelet is not None:
            self.resources.append(
                RoleAssignment(self.session, name, "acr-pull", kubelet, scope=registry, present=wanted)
            )
        elif self.spec.pull is not None:
            found = KubeletIdentity(self.session, names.of(self.site, "kubelet"), KUBELET, dict, managed=False)
            if wanted:
                grant = RoleAssignment(self.session, name, "acr-pull", found, scope=registry)
                self.resources += [found, grant]
            else:
                self.resources.append(TakenBack(registry, name, found))

    def _refuse(self) -> None:
        spec = self.spec
        if spec.immutable_tags:
            raise SpecError(
                "registry.immutable_tags: Azure Container Registry has no such setting. A tag is locked after it was "
                "pushed: az acr repository update --image <repository>:<tag> --write-enabled false. Leave it out."
            )
        if spec.scan_on_push:
            raise SpecError(
                "registry.scan_on_push: on Azure images are scanned by Microsoft Defender for Containers, a plan of "
                "the whole subscription: az security pricing create --name Containers --tier standard. Leave it out."
            )
        if spec.untagged_expire_days > _MOST_DAYS:
            raise SpecError(
                f"registry.untagged_expire_days: Azure Container Registry counts to {_MOST_DAYS} days, not to "
                f"{spec.untagged_expire_days}. Use 0 to keep untagged images for good."
            )
        needed = self._premium()
        if spec.azure.sku and spec.azure.sku != _PREMIUM and needed:
            raise SpecError(
                f"registry.azure.sku: a {spec.azure.sku} registry cannot do what {' and '.join(needed)} ask for: only "
                "Premium can. Leave sku out, or change these options."
            )

    def _path(self, kind: str, name: str) -> str:
        return self.session.in_group(self.group.name, kind, name)
