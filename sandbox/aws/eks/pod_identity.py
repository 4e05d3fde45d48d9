"""Pod identity associations."""

from __future__ import annotations

import secrets
from typing import Any

from ..hooks import Hooks
from ..wire import Call
from .checks import Checks
from .errors import in_use, invalid_request, not_found
from .paging import page
from .state import Addon, Cluster, Document
from .store import Store

_SUMMARY = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId", "ownerArn")


class PodIdentities:
    """Handlers of the operations on pod identity associations."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks
        self._world = store.world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("eks.CreatePodIdentityAssociation", self.create)
        hooks.replace("eks.DescribePodIdentityAssociation", lambda call: {"association": self._find(call)[1]})
        hooks.replace("eks.UpdatePodIdentityAssociation", self.update)
        hooks.replace("eks.DeletePodIdentityAssociation", self.delete)
        hooks.replace("eks.ListPodIdentityAssociations", self.list_all)

    def _find(self, call: Call) -> tuple[Cluster, Document]:
        cluster, wanted = self._store.cluster(call), call.params["associationId"]
        found = cluster.pod_identities.get(wanted)
        if found is None:
            raise not_found(f"Failed to find association {wanted} in cluster {cluster.name}", clusterName=cluster.name)
        return cluster, found

    def create(self, call: Call) -> Document:
        """CreatePodIdentityAssociation."""
        cluster, wanted = self._store.active_cluster(call), call.params
        self._refuse_duplicate(cluster, wanted["namespace"], wanted["serviceAccount"])
        self._checks.role(wanted["roleArn"], "pods.eks.amazonaws.com", clusterName=cluster.name)
        return {"association": self._add(call, cluster, wanted, None)}

    @staticmethod
    def _refuse_duplicate(cluster: Cluster, namespace: str, account: str) -> None:
        for known in cluster.pod_identities.values():
            if (known["namespace"], known["serviceAccount"]) == (namespace, account):
                raise in_use(f"Association already exists: {known['associationId']}", clusterName=cluster.name)

    def _add(self, call: Call, cluster: Cluster, wanted: Document, owner: str | None) -> Document:
        now, number = self._world.clock.wall(), f"a-{secrets.token_hex(9)[:17]}"
        association: Document = {
            "clusterName": cluster.name,
            "namespace": wanted["namespace"],
            "serviceAccount": wanted["serviceAccount"],
            "roleArn": wanted["roleArn"],
            "associationArn": self._store.arn(call, "podidentityassociation", cluster.name, number),
            "associationId": number,
            "tags": dict(wanted.get("tags", {})),
            "createdAt": now,
            "modifiedAt": now,
            "disableSessionTags": wanted.get("disableSessionTags", False),
        }
        if owner:
            association["ownerArn"] = owner
        for key in ("targetRoleArn", "policy"):
            if wanted.get(key):
                association[key] = wanted[key]
        cluster.pod_identities[number] = association
        return association

    def update(self, call: Call) -> Document:
        """UpdatePodIdentityAssociation."""
        cluster, association = self._find(call)
        wanted = call.params
        if wanted.get("roleArn"):
            self._checks.role(wanted["roleArn"], "pods.eks.amazonaws.com", clusterName=cluster.name)
        keys = ("roleArn", "targetRoleArn", "disableSessionTags", "policy")
        association.update({key: wanted[key] for key in keys if wanted.get(key) is not None})
        association["modifiedAt"] = self._world.clock.wall()
        return {"association": association}

    def delete(self, call: Call) -> Document:
        """DeletePodIdentityAssociation; an add-on's own goes with the add-on."""
        cluster, association = self._find(call)
        if association.get("ownerArn"):
            raise invalid_request(
                f"Association {association['associationId']} is owned by {association['ownerArn']}",
                clusterName=cluster.name,
            )
        return {"association": cluster.pod_identities.pop(association["associationId"])}

    def list_all(self, call: Call) -> Document:
        """ListPodIdentityAssociations."""
        cluster, wanted = self._store.cluster(call), call.params
        found = [
            {key: item[key] for key in _SUMMARY if key in item}
            for item in cluster.pod_identities.values()
            if all(wanted.get(key) in (None, item[key]) for key in ("namespace", "serviceAccount"))
        ]
        return page(call, found, "associations")

    def replace_owned(
        self, call: Call, cluster: Cluster, addon: Addon, namespace: str, wanted: list[dict[str, Any]]
    ) -> None:
        """Make the associations that belong to an add-on exactly ``wanted``."""
        owner = addon.document["addonArn"]
        for number, item in list(cluster.pod_identities.items()):
            if item.get("ownerArn") == owner:
                del cluster.pod_identities[number]
        made = []
        for item in wanted:
            self._refuse_duplicate(cluster, namespace, item["serviceAccount"])
            made.append(self._add(call, cluster, {"namespace": namespace, **item}, owner)["associationArn"])
        addon.document["podIdentityAssociations"] = made
