"""All clusters by region, brought up to the present before anybody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..wire import Call
from ..world import World
from .errors import in_use, invalid_request, not_found
from .footprint import Footprint
from .state import Addon, Cluster, Document, Lifecycle, Nodegroup, Region, Update

# Nodes get ready only with a network plug-in; a group is given up only after this long, in every time profile.
_LEAST_JOIN_SECONDS = 5.0
_NOT_READY = "Instances failed to join the kubernetes cluster: container runtime network not ready"


class Store:
    """The clusters, and the passage of time for everything in them."""

    def __init__(self, world: World, footprint: Footprint) -> None:
        self.world = world
        self.footprint = footprint
        self.regions: dict[str, Region] = {}

    def clusters(self, region: str) -> dict[str, Cluster]:
        """Clusters of a region by name, up to date."""
        self.settle(region)
        return self.regions.setdefault(region, Region()).clusters

    def cluster(self, call: Call, name: str | None = None) -> Cluster:
        """The cluster that the call names."""
        wanted = name or call.params.get("clusterName") or call.params["name"]
        found = self.clusters(call.region).get(wanted)
        if found is None:
            raise not_found(f"No cluster found for name: {wanted}.", clusterName=wanted)
        return found

    def active_cluster(self, call: Call) -> Cluster:
        """The cluster that the call names; it must be able to take on something new."""
        cluster = self.cluster(call)
        if cluster.life.status not in ("ACTIVE", "UPDATING"):
            raise invalid_request(f"Cluster '{cluster.name}' is not in ACTIVE status", clusterName=cluster.name)
        return cluster

    def arn(self, call: Call, kind: str, *path: str) -> str:
        """ARN of an object of this call's region."""
        return f"arn:aws:eks:{call.region}:{self.world.account}:{kind}/{'/'.join(path)}"

    def lifecycle(self, call: Call, status: str, duration: str, default_issue: str) -> Lifecycle:
        """A life that starts now with ``status``; an injected failure decides how this phase ends."""
        rule = self.world.context.take_operation_failure(call.name)
        life = Lifecycle(status, self.world.context.ends_at(duration))
        if rule is not None:
            message = rule.message or "The operation could not be completed"
            life.failure = {"code": rule.code or default_issue, "message": message, "resourceIds": []}
        return life

    def start_update(
        self,
        call: Call,
        life: Lifecycle,
        *,
        kind: str,
        params: dict[str, Any],
        duration: str,
        apply: Callable[[], None],
    ) -> Document:
        """Begin an asynchronous change and answer with it."""
        rule = self.world.context.take_operation_failure(call.name)
        errors: list[Document] = []
        if rule is not None:
            message = rule.message or "The update could not be completed"
            errors.append({"errorCode": rule.code or "Unknown", "errorMessage": message, "resourceIds": []})
        update = Update(
            id=self.world.new_uuid(),
            type=kind,
            params=[{"type": name, "value": value} for name, value in params.items()],
            created=self.world.clock.wall(),
            ends_at=self.world.context.ends_at(duration),
            apply=apply,
            errors=errors,
        )
        life.updates[update.id] = update
        life.status = "UPDATING"
        return update.describe()

    @staticmethod
    def refuse_second_update(cluster: Cluster, kind: str) -> None:
        """One change at a time: what AWS answers while an update of the cluster runs."""
        running = cluster.life.running_update
        if running is not None:
            raise in_use(
                f"Cannot {kind} because cluster {cluster.name} currently has update {running.id} in progress",
                clusterName=cluster.name,
            )
        if cluster.life.status != "ACTIVE":
            raise in_use(
                f"Cannot {kind} because cluster {cluster.name} is in status {cluster.life.status}",
                clusterName=cluster.name,
            )

    def settle(self, region: str) -> None:
        """Let everything in a region become what it is by now."""
        found = self.regions.get(region)
        if found is None:
            return
        now = self.world.clock.now()
        for cluster in list(found.clusters.values()):
            _finish_updates(cluster.life, now)
            if cluster.life.status == "CREATING" and now >= cluster.life.ends_at:
                _finish(cluster.life, "ACTIVE", "FAILED")
            elif cluster.life.status == "DELETING" and now >= cluster.life.ends_at:
                if cluster.life.failure:
                    _finish(cluster.life, "", "FAILED")
                else:
                    self._remove(found, cluster)
                    continue
            for nodegroup in list(cluster.nodegroups.values()):
                self._settle_nodegroup(cluster, nodegroup, now)
            for addon in list(cluster.addons.values()):
                self._settle_addon(cluster, addon, now)
            if cluster.control_plane is not None and cluster.life.status in ("ACTIVE", "UPDATING"):
                cluster.control_plane.follow()

    def _remove(self, region: Region, cluster: Cluster) -> None:
        self.footprint.remove(cluster)
        if cluster.control_plane is not None:
            cluster.control_plane.stop()
        del region.clusters[cluster.name]

    def is_there(self, cluster: Cluster) -> bool:
        """Whether it is this cluster that is there, and not on its way out."""
        found = self.regions.get(cluster.region, Region()).clusters.get(cluster.name)
        return found is cluster and cluster.life.status != "DELETING"

    def authority_directory(self, cluster: Cluster) -> Path:
        """Where the CA of the cluster is kept."""
        return self.world.context.authority.directory / authority_name(cluster.document)

    def _settle_nodegroup(self, cluster: Cluster, nodegroup: Nodegroup, now: float) -> None:
        life = nodegroup.life
        _finish_updates(life, now)
        if now < life.ends_at:
            return
        if life.status == "CREATING":
            if life.failure is None and not _has_network_plugin(cluster):
                patience = self.world.context.profile.seconds("eks.nodegroup.join_timeout")
                if now < life.ends_at + max(patience, _LEAST_JOIN_SECONDS):
                    return
                life.failure = {"code": "NodeCreationFailure", "message": _NOT_READY, "resourceIds": []}
            _finish(life, "ACTIVE", "CREATE_FAILED")
        elif life.status == "DELETING":
            if life.failure:
                _finish(life, "", "DELETE_FAILED")
            else:
                self.footprint.detach(cluster.region, nodegroup.interfaces)
                del cluster.nodegroups[nodegroup.name]

    @staticmethod
    def _settle_addon(cluster: Cluster, addon: Addon, now: float) -> None:
        life = addon.life
        failed = [update for update in life.updates.values() if not update.over and now >= update.ends_at]
        _finish_updates(life, now)
        if any(update.errors for update in failed):
            life.status = "UPDATE_FAILED"
        if now < life.ends_at:
            return
        if life.status == "CREATING":
            _finish(life, "ACTIVE", "CREATE_FAILED")
        elif life.status == "DELETING":
            if life.failure:
                _finish(life, "", "DELETE_FAILED")
            else:
                del cluster.addons[addon.name]

    def reset(self) -> None:
        """Forget every cluster."""
        for region in self.regions.values():
            for cluster in region.clusters.values():
                if cluster.control_plane is not None:
                    cluster.control_plane.stop()
        self.regions.clear()


def authority_name(document: Document) -> str:
    """Directory name of a cluster's CA; a cluster made anew under an old name gets a new CA."""
    issuer = document["identity"]["oidc"]["issuer"].rsplit("/", 1)[-1]
    return f"eks-{document['name']}-{issuer[:8].lower()}"


def has_nodes(cluster: Cluster) -> bool:
    """Whether workloads find a node."""
    return any(
        group.life.status in ("ACTIVE", "UPDATING", "DEGRADED") and group.document["scalingConfig"]["desiredSize"] > 0
        for group in cluster.nodegroups.values()
    )


def _has_network_plugin(cluster: Cluster) -> bool:
    addon = cluster.addons.get("vpc-cni")
    return cluster.bootstrap_addons or (addon is not None and addon.life.status == "ACTIVE")


def _finish(life: Lifecycle, good: str, bad: str) -> None:
    life.status = bad if life.failure else good
    life.issue, life.failure = life.failure, None


def _finish_updates(life: Lifecycle, now: float) -> None:
    finished = False
    for update in life.updates.values():
        if not update.over and now >= update.ends_at:
            update.over = finished = True
            if not update.errors:
                update.apply()
    if finished and life.status == "UPDATING":
        life.status = "ACTIVE"
