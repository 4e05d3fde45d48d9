"""Changes of managed node groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..hooks import Hooks
from ..wire import Call
from .catalog import BY_NAME, minor, release_version
from .checks import Checks
from .errors import invalid
from .state import Cluster, Document, Nodegroup
from .store import Store
from .updates import refuse_unless_active


class NodegroupUpdates:
    """Handlers of UpdateNodegroupConfig and UpdateNodegroupVersion."""

    def __init__(self, store: Store, checks: Checks, find: Callable[[Call], tuple[Cluster, Nodegroup]]) -> None:
        self._store = store
        self._checks = checks
        self._find = find

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("eks.UpdateNodegroupConfig", self.config)
        hooks.replace("eks.UpdateNodegroupVersion", self.version)

    def config(self, call: Call) -> Document:
        """UpdateNodegroupConfig: labels, taints, sizes, update and repair settings. What is left out stays."""
        cluster, nodegroup = self._find(call)
        names = {"clusterName": cluster.name, "nodegroupName": nodegroup.name}
        refuse_unless_active(nodegroup.life, "Nodegroup", **names)
        changed, params = _changes(nodegroup.document, call.params, names)
        if not changed:
            raise invalid("No changes requested", **names)

        def apply() -> None:
            nodegroup.document.update(changed, modifiedAt=self._store.world.clock.wall())
            self._resize(cluster, nodegroup)

        update = self._store.start_update(
            call,
            nodegroup.life,
            kind="ConfigUpdate",
            params=params,
            duration="eks.nodegroup.update_config",
            apply=apply,
        )
        return {"update": update}

    def _resize(self, cluster: Cluster, nodegroup: Nodegroup) -> None:
        """As many network interfaces as nodes; those that stay keep theirs."""
        wanted, there = nodegroup.document["scalingConfig"]["desiredSize"], nodegroup.interfaces
        self._store.footprint.detach(cluster.region, there[wanted:])
        nodegroup.interfaces = [*there[:wanted], *self._launch(cluster, nodegroup, wanted - len(there), len(there))]

    def _launch(self, cluster: Cluster, nodegroup: Nodegroup, count: int, start: int) -> list[str]:
        subnets = self._checks.subnets(cluster.region, nodegroup.document["subnets"])
        group = cluster.document["resourcesVpcConfig"]["clusterSecurityGroupId"]
        description = f"Node of {nodegroup.name}"
        return self._store.footprint.attach(cluster.region, subnets, [group], description, max(0, count), start)

    def version(self, call: Call) -> Document:
        """UpdateNodegroupVersion: to the newest image, of the cluster's Kubernetes version unless one is named."""
        cluster, nodegroup = self._find(call)
        names = {"clusterName": cluster.name, "nodegroupName": nodegroup.name}
        wanted, document = call.params, nodegroup.document
        refuse_unless_active(nodegroup.life, "Nodegroup", **names)
        version = wanted.get("version") or _version_of_release(wanted.get("releaseVersion")) or cluster.version
        if version not in BY_NAME or minor(version) > minor(cluster.version):
            raise invalid(
                f"Requested Nodegroup version {version} doesn't match cluster version {cluster.version}", **names
            )
        if minor(version) < minor(document["version"]):
            raise invalid(f"Nodegroup cannot be downgraded from {document['version']} to {version}", **names)
        newest = release_version(version, document["amiType"])
        release = wanted.get("releaseVersion") or newest
        if release != newest:
            raise invalid(
                f"Requested Nodegroup release version {release} is invalid. Allowed release version is {newest}",
                **names,
            )
        params = {"Version": version, "ReleaseVersion": release}
        changed: dict[str, Any] = {"version": version, "releaseVersion": release}
        if wanted.get("launchTemplate"):
            template = {**document.get("launchTemplate", {}), **wanted["launchTemplate"]}
            changed["launchTemplate"] = template
            params["LaunchTemplateVersion"] = template.get("version", "")

        def apply() -> None:
            document.update(changed, modifiedAt=self._store.world.clock.wall())
            # Other machines, which are there before the old ones go.
            before = nodegroup.interfaces
            nodegroup.interfaces = self._launch(cluster, nodegroup, len(before), 0)
            self._store.footprint.detach(cluster.region, before)

        update = self._store.start_update(
            call,
            nodegroup.life,
            kind="VersionUpdate",
            params=params,
            duration="eks.nodegroup.update_version",
            apply=apply,
        )
        return {"update": update}


def _changes(current: Document, wanted: Document, names: dict[str, Any]) -> tuple[Document, dict[str, str]]:
    """New values by field, and the same as update parameters."""
    changed: Document = {}
    params: dict[str, str] = {}
    if wanted.get("labels"):
        add, remove = wanted["labels"].get("addOrUpdateLabels", {}), wanted["labels"].get("removeLabels", [])
        kept = {key: value for key, value in current["labels"].items() if key not in remove}
        changed["labels"] = {**kept, **add}
        params.update(_params(LabelsToAdd=add, LabelsToRemove=remove))
    if wanted.get("taints"):
        add, remove = wanted["taints"].get("addOrUpdateTaints", []), wanted["taints"].get("removeTaints", [])
        gone = {_taint_id(taint) for taint in (*add, *remove)}
        changed["taints"] = [item for item in current.get("taints", []) if _taint_id(item) not in gone] + list(add)
        params.update(_params(TaintsToAdd=add, TaintsToRemove=remove))
    if wanted.get("scalingConfig"):
        changed["scalingConfig"] = scaling(current["scalingConfig"], wanted["scalingConfig"], names)
        for key in ("minSize", "maxSize", "desiredSize"):
            params[key[0].upper() + key[1:]] = str(changed["scalingConfig"][key])
    if wanted.get("updateConfig"):
        changed["updateConfig"] = _update_config(wanted["updateConfig"], names)
        params.update({key[0].upper() + key[1:]: str(value) for key, value in wanted["updateConfig"].items()})
    if wanted.get("nodeRepairConfig"):
        changed["nodeRepairConfig"] = wanted["nodeRepairConfig"]
        params["NodeRepairEnabled"] = json.dumps(wanted["nodeRepairConfig"].get("enabled", False))
    return changed, params


def scaling(current: Document, wanted: Document | None, names: dict[str, Any]) -> Document:
    """The scaling block after a change; sizes that do not fit together are refused."""
    after = {**current, **(wanted or {})}
    low, high, desired = after["minSize"], after["maxSize"], after["desiredSize"]
    if high < 1:
        raise invalid("Maximum capacity can't be less than 1", **names)
    if low > high:
        raise invalid(f"Minimum capacity {low} can't be greater than max size {high}", **names)
    if low > desired:
        raise invalid(f"Minimum capacity {low} can't be greater than desired size {desired}", **names)
    if desired > high:
        raise invalid(f"Desired capacity {desired} can't be greater than max size {high}", **names)
    return after


def _update_config(wanted: Document, names: dict[str, Any]) -> Document:
    if "maxUnavailable" in wanted and "maxUnavailablePercentage" in wanted:
        raise invalid("maxUnavailable and maxUnavailablePercentage cannot both be specified", **names)
    return dict(wanted)


def _taint_id(taint: Document) -> tuple[str, str]:
    return taint.get("key", ""), taint.get("effect", "")


def _params(**values: Any) -> dict[str, str]:
    return {name: json.dumps(value, separators=(",", ":")) for name, value in values.items() if value}


def _version_of_release(release: str | None) -> str | None:
    parts = (release or "").split(".")
    return ".".join(parts[:2]) if len(parts) >= 3 else None
