# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role assignments: who may do what where. Ids of built-in roles are the same in every tenant."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields, Mode
from .._engine.plan import Plan, Unknown
from .._engine.resource import Observed, Operation, Resource
from .._engine.tags import as_description
from .arm import ArmResource, at
from .fields import ArmFields, last_segment
from .kinds_cluster import Cluster
from .session import Session

# Built-in roles (Azure RBAC reference).
ROLES = {
    "acr-pull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "network-contributor": "4d97b98b-1d4f-4787-a291-c67834d212e7",
    "managed-identity-operator": "f1a07417-d97a-45cb-824c-7a7467783830",
    "key-vault-secrets-officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "key-vault-secrets-user": "4633458b-17de-408a-b874-0445c86b69e6",
    "key-vault-crypto-user": "12338af0-0e69-4776-bea7-57ae8d297424",
    "key-vault-crypto-service-encryption-user": "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    "storage-blob-data-reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "storage-blob-data-contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "aks-cluster-user": "4abbcc35-e782-43d8-92c5-2d3f1bd2253f",
    "aks-rbac-cluster-admin": "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b",
    "aks-rbac-writer": "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb",
    "aks-rbac-reader": "7f6c6a51-bcf8-42ba-9220-52d62157d7db",
}

ROLLOUT = {"for": "rollout"}  # in the description of a `RolloutAccess`


def assignment_name(scope: str, principal: str, role: str) -> str:
    """A name that is the same in every run, so that nothing is granted twice. role: the id of its definition."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope.lower()}|{principal.lower()}|{role}"))


class RoleAssignment(ArmResource):
    """One principal's role at one scope. principal: a resource with the output principal_id, a managed identity unless
    its principal_type says otherwise.

    It is found by what it grants, not by its name: Azure refuses a second assignment of the same grant, whoever made
    the first.
    """

    kind = "azure.authorization.role_assignment"
    type = "Microsoft.Authorization/roleAssignments"
    tracked = False
    fields = ArmFields(
        {
            "properties.roleDefinitionId": Field(Mode.IMMUTABLE, normalise=last_segment),
            "properties.principalId": IMMUTABLE,
            "properties.principalType": IMMUTABLE,
            "properties.description": CREATE_ONLY,
            "properties": MUTABLE,
        }
    )

    def __init__(
        self,
        session: Session,
        name: str,
        role: str,
        principal: Resource,
        *,
        scope: ArmResource,
        needs: Sequence[Resource] = (),
        lock: str | None = None,
        managed: bool = True,
        present: bool = True,
    ) -> None:
        self.role = ROLES[role]
        self.principal = principal
        self.scope = scope
        needed = [*needs, principal]
        super().__init__(
            session, name, "", self._wanted, needs=needed, parent=scope, lock=lock, managed=managed, present=present
        )

    def predicted(self) -> dict[str, Any]:
        return {}

    def _principal(self) -> Any:
        return self.principal.out("principal_id")

    def scope_id(self) -> str:
        """The id of what the role is held at."""
        return str(self.scope.out("id"))

    def _wanted(self) -> dict[str, Any]:
        definition = f"{self.session.subscription}/providers/Microsoft.Authorization/roleDefinitions/{self.role}"
        properties = {
            "roleDefinitionId": definition,
            "principalId": self._principal(),
            # Named, so that the service does not look for a principal that its directory does not show yet.
            "principalType": self.principal.outputs.get("principal_type", "ServicePrincipal"),
            "description": as_description(self.session.site.owner.tags()),
        }
        return {"properties": properties}

    def read(self) -> Observed | None:
        if isinstance(self._principal(), Unknown):
            return None
        return super().read()

    def fetch(self) -> dict[str, Any] | None:
        principal = str(self._principal()).lower()
        scope = self.scope_id().lower()
        for item in self._all_of(principal):
            if str(at(item, "properties.scope")).lower() != scope:
                continue
            if last_segment(at(item, "properties.roleDefinitionId")) == self.role:
                self.path = item["id"]
                return item
        return None

    def _all_of(self, principal: str) -> list[dict[str, Any]]:
        """Every assignment of one principal in the subscription of the scope: one call per principal."""
        subscription = "/".join(str(self.scope.out("id")).split("/")[:3])
        key = f"roles of {principal} in {subscription.lower()}"
        if self._direct:
            self.session.drop(key)
        path = f"{subscription}/providers/{self.type}"
        query = {"$filter": f"principalId eq '{principal}'"}
        return self.session.once(key, lambda: self.client.pages(path, self.type, query))

    def create(self, desired: dict[str, Any]) -> Operation:
        principal, scope = str(self._principal()).lower(), self.scope_id()
        self.path = f"{scope}/providers/{self.type}/{assignment_name(scope, principal, self.role)}"
        return super().create(desired)


class SecretRole(RoleAssignment):
    """A principal's role at one secret of a vault (Azure Key Vault, "Provide access to Key Vault keys, certificates,
    and secrets with Azure role-based access control"). secret: a `VaultSecret`."""

    def __init__(
        self, session: Session, name: str, role: str, principal: Resource, secret: Any, **options: Any
    ) -> None:
        super().__init__(session, name, role, principal, scope=secret.secrets.vault, needs=[secret], **options)
        self.secret = secret

    def scope_id(self) -> str:
        return f"{super().scope_id()}/secrets/{self.secret.name}"


class FederatedCredential(ArmResource):
    """Lets one service account of a cluster be a managed identity. An identity takes one write of them at a time
    (Workload identity federation, "Important considerations and restrictions")."""

    kind = "azure.identity.federated_credential"
    type = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
    tracked = False
    whole = True
    inner = True
    fields = ArmFields({"properties": MUTABLE, "properties.audiences": Field(unordered=True)})


class Caller(Resource):
    """Whoever the credentials are. outputs: principal_id, principal_type."""

    kind = "azure.identity.caller"
    fields = Fields({})

    def __init__(self, session: Session) -> None:
        super().__init__("credentials", managed=False)
        self.session = session

    def desired(self) -> dict[str, Any]:
        return {}

    def read(self) -> Observed | None:
        identity, kind = self.session.once("caller", self.session.client.principal)
        return Observed({}, {"id": identity, "principal_id": identity, "principal_type": kind})

    def create(self, desired: dict[str, Any]) -> Operation:
        raise NotImplementedError  # it is only referred to

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raise NotImplementedError

    def delete(self, observed: Observed) -> Operation:
        raise NotImplementedError


def caller(session: Session) -> Caller:
    """The one `Caller` of a run, whichever capability asks first."""
    return session.once("caller's resource", lambda: Caller(session))


class RolloutAccess(RoleAssignment):
    """The caller's own right to what is inside a cluster: who makes an AKS cluster with Azure RBAC may not even look
    into it (AKS documentation, "Use Azure role-based access control for Kubernetes authorization").

    Everybody who rolls out gets one. It says what it is for, so that `ClusterAccess` does not take it back.
    """

    def __init__(self, cluster: Cluster, guard: Any) -> None:
        super().__init__(
            cluster.session, "cluster-rollout", "aks-rbac-cluster-admin", caller(cluster.session), scope=cluster
        )
        self.guard = guard

    def _wanted(self) -> dict[str, Any]:
        body = super()._wanted()
        body["properties"]["description"] = as_description({**self.session.site.owner.tags(), **ROLLOUT})
        return body
