# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use a cluster: all grants that the specification names, as one object.

A grant of ours says so in its description, so that one whose principal is no longer named can be told from those that
other people made, and is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.fields import Field, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Resource
from .._engine.tags import as_description, from_description
from .._spec.cluster import Access
from .arm import at
from .fields import last_segment
from .kinds_access import ROLES, ROLLOUT, RoleAssignment, assignment_name
from .kinds_cluster import Cluster
from .kinds_common import Lock

# Fetching the cluster's credentials is part of the administrator's role alone.
_GRANTS = {
    "admin": ("aks-rbac-cluster-admin",),
    "edit": ("aks-rbac-writer", "aks-cluster-user"),
    "view": ("aks-rbac-reader", "aks-cluster-user"),
}
_NAMES = {identity: name for name, identity in ROLES.items()}


class ClusterAccess(Resource):
    """The grants at one cluster, each as "<principal> <role>". Grants of others are neither counted nor touched,
    except that a wanted grant which somebody else made need not be made again."""

    kind = "azure.authorization.access"
    fields = Fields({"grants": Field(unordered=True)})

    def __init__(self, cluster: Cluster, lock: Lock, access: Sequence[Access], needs: Sequence[Resource] = ()) -> None:
        super().__init__(cluster.name, [cluster, *needs], present=bool(access))
        self.cluster = cluster
        self.guard = lock
        self.session = cluster.session
        self._going = False
        self.wanted = sorted(f"{item.principal.lower()} {role}" for item in access for role in _GRANTS[item.role])

    def predicted(self) -> dict[str, Any]:
        return {"id": f"{self.cluster.path}/access"}

    def desired(self) -> dict[str, Any]:
        return {"grants": self.wanted}

    def read(self) -> Observed | None:
        if not self.cluster.outputs:
            return None
        found = self._found()
        wanted = () if self._going else self.wanted
        counted = sorted(grant for grant, item in found.items() if grant in wanted or self._ours(item))
        if not counted:
            return None
        return Observed(values={"grants": counted}, outputs=self.predicted(), raw=found)

    def _found(self) -> dict[str, dict[str, Any]]:
        """Every grant of ours or of others at the cluster itself."""
        scope = str(self.cluster.known("id"))
        path, kind = f"{scope}/providers/{RoleAssignment.type}", RoleAssignment.type
        listed = self.session.client.pages(path, kind, {"$filter": "atScope()"})
        found = {}
        for item in listed:
            role = _NAMES.get(last_segment(at(item, "properties.roleDefinitionId") or ""))
            if role and str(at(item, "properties.scope")).lower() == scope.lower():
                found[f"{str(at(item, 'properties.principalId')).lower()} {role}"] = item
        return found

    def _ours(self, item: dict[str, Any]) -> bool:
        told = from_description(at(item, "properties.description"))
        return self.session.site.owner.owns(told) and not ROLLOUT.items() <= told.items()

    def create(self, desired: dict[str, Any]) -> Operation:
        self._going = False
        return self._bring(self.session.patient(self._found), desired["grants"])

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self._bring(observed.raw, desired["grants"])

    def delete(self, observed: Observed) -> Operation:
        self._going = True  # from now on only what is ours counts: the grants of others stay
        return self._bring(observed.raw, [])

    def _bring(self, found: dict[str, dict[str, Any]], wanted: Sequence[str]) -> Operation:
        """Make what is missing, then take back what is ours and not wanted. Each call can be repeated."""
        scope, client = str(self.cluster.known("id")), self.session.client
        for grant in wanted:
            if grant not in found:
                principal, role = grant.split(" ")
                name = assignment_name(scope, principal, ROLES[role])
                body = {
                    "roleDefinitionId": f"{self.session.subscription}/providers/Microsoft.Authorization/"
                    f"roleDefinitions/{ROLES[role]}",
                    "principalId": principal,
                    "description": as_description(self.session.site.owner.tags()),
                }
                client.send(
                    "PUT", f"{scope}/providers/{RoleAssignment.type}/{name}", RoleAssignment.type, {"properties": body}
                )
        unwanted = [item for grant, item in found.items() if grant not in wanted and self._ours(item)]
        if unwanted:
            with self.guard.lifted():
                for item in unwanted:
                    client.send("DELETE", item["id"], RoleAssignment.type)
        return DONE
