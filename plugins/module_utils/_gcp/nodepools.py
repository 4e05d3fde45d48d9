# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GKE node pools (Kubernetes Engine API v1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Recovery, Resource, Status
from .client import Cloud
from .gke import Cluster, state_of
from .gke_fields import POOL_FIELDS
from .references import merged
from .rest import Body, Request, RestResource, Style

# Member of the pool's config -> member of UpdateNodePoolRequest, and how it is wrapped there.
POOL_UPDATES = {
    "accelerators": "",
    "confidentialNodes": "",
    "containerdConfig": "",
    "fastSocket": "",
    "gcfsConfig": "",
    "gvnic": "",
    "imageType": "",
    "kubeletConfig": "",
    "labels": "labels",
    "linuxNodeConfig": "",
    "loggingConfig": "",
    "resourceLabels": "labels",
    "resourceManagerTags": "",
    "tags": "tags",
    "taints": "taints",
    "windowsNodeConfig": "",
    "workloadMetadataConfig": "",
}
MACHINE = ("machineType", "diskType", "diskSizeGb")  # changed together, by one replacement of the nodes


class NodePool(RestResource):
    """A pool of nodes. The first one is made with its cluster; one change at a time in a cluster."""

    kind = "gcp.container.node_pool"
    service = "container"
    style = Style.CONTAINER
    fields = POOL_FIELDS

    def __init__(
        self, cloud: Cloud, name: str, cluster: Cluster, body: Body, needs: Sequence[Resource] = (), **options: Any
    ) -> None:
        super().__init__(cloud, name, body, (cluster, *needs), lock=cluster.key, **options)
        self.cluster = cluster
        self.goes_with = cluster

    @property
    def collection(self) -> str:
        return f"{self.cluster.path}/nodePools"

    def fetch(self) -> dict[str, Any] | None:
        """The pool, out of its cluster's answer: one call reads the cluster with all of its pools."""
        pools = (self.cluster.fetch() or {}).get("nodePools") or ()
        return next((pool for pool in pools if pool.get("name") == self.name), None)

    def forget(self) -> None:
        self.cluster.forget()

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        config = raw.get("config") or {}
        return {
            **self.predicted(),
            "version": raw.get("version"),
            "machine_type": config.get("machineType"),
            "locations": raw.get("locations") or [],
            "instance_groups": raw.get("instanceGroupUrls") or [],
        }

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        status, reason = state_of(raw)
        return status, reason, Recovery.RECREATE  # GKE lets a pool in ERROR only be deleted; nodes hold nothing

    def owners(self, raw: dict[str, Any]) -> dict[str, str] | None:
        return None  # a pool in our cluster is ours

    def operation_path(self, answer: dict[str, Any]) -> str:
        return self.cluster.operation_path(answer)

    # -- changes ---------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        if self.fetch() is not None:  # it came with the cluster
            return DONE
        return super().create(desired)

    def creation(self, desired: dict[str, Any]) -> Request:
        return Request("POST", self.collection, {"nodePool": {"name": self.name, **desired}})

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self.send(self.step(observed, desired, change))

    def step(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Request:
        """The next change: GKE takes one aspect per call. What moves no node comes first."""
        config = desired.get("config") or {}
        if change.touches("autoscaling"):
            return Request("POST", f"{self.path}:setAutoscaling", {"autoscaling": desired["autoscaling"]})
        if change.touches("management"):
            return Request("POST", f"{self.path}:setManagement", {"management": desired["management"]})
        for member in ("upgradeSettings", "locations", "nodeDrainConfig"):
            if change.touches(member):
                return self._put({member: desired[member]})
        if change.touches("networkConfig"):
            return self._put({"nodeNetworkConfig": desired["networkConfig"]})
        for member, wrapped in POOL_UPDATES.items():
            if change.touches(f"config.{member}"):
                value = self._whole(member, observed, config)
                return self._put({member: {wrapped: value} if wrapped else value})
        if change.touches("initialNodeCount"):
            return Request("POST", f"{self.path}:setSize", {"nodeCount": desired["initialNodeCount"]})
        if change.touches(*(f"config.{member}" for member in MACHINE)):
            present = observed.values.get("config") or {}
            machine = {member: config.get(member, present.get(member)) for member in MACHINE}
            if "diskSizeGb" in machine:
                machine["diskSizeGb"] = str(machine["diskSizeGb"])
            return self._put({member: value for member, value in machine.items() if value is not None})
        if change.touches("version"):
            # "-" is the version of the control plane, which went up first.
            return self._put({"nodeVersion": desired["version"]})
        raise AssertionError(f"no way to change {[each.path for each in change.changes]}")  # a defect of ours

    def _whole(self, member: str, observed: Observed, config: dict[str, Any]) -> Any:
        """Maps are replaced as wholes: what others put there is sent along, except what is GKE's own."""
        if member not in ("labels", "resourceLabels"):
            return config[member]
        present = (observed.values.get("config") or {}).get(member) or {}
        return merged({key: value for key, value in present.items() if not key.startswith("goog-")}, config[member])

    def _put(self, body: dict[str, Any]) -> Request:
        return Request("PUT", self.path, {"name": self.path, **body})
