# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed node groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan, Unknown
from .._engine.resource import WATCH, NotYetKnown, Observed, Operation, Recovery, Resource, Status
from .._spec.cluster import NodePool
from .base import Item
from .client import Session, refuse
from .eks import EksResource, issues_of, settled
from .eks_versions import minor
from .launch_templates import LaunchTemplate

_STATES = {
    "ACTIVE": Status.READY,
    # Some node could not be launched: told, and left to EKS, which goes on trying.
    "DEGRADED": Status.READY,
    "DELETING": Status.DELETING,
    "CREATE_FAILED": Status.FAILED,
    "DELETE_FAILED": Status.FAILED,
}
_EFFECTS = {"no_schedule": "NO_SCHEDULE", "prefer_no_schedule": "PREFER_NO_SCHEDULE", "no_execute": "NO_EXECUTE"}
# Graviton families have a g right behind their generation (m7g, c6gn, g5g); a1 came before the scheme.
_ARM = re.compile(r"^([a-z]+\d+g[a-z]*|a1)\.")


def is_arm(machine_type: str) -> bool:
    """Whether an instance type runs on Arm, by the naming scheme; preflight asks EC2 itself."""
    return bool(_ARM.match(machine_type))


def ami_type(pool: NodePool) -> str:
    """The node image: Amazon Linux 2023 for the processor, with NVIDIA's driver for GPU pools."""
    if pool.aws.ami_type:
        return pool.aws.ami_type
    processor = "ARM_64" if is_arm((pool.machine_types or ("",))[0]) else "x86_64"
    return f"AL2023_{processor}_{'NVIDIA' if pool.gpu else 'STANDARD'}"


def root_device(image: str) -> str:
    """Where the disk that pods fill is attached (Amazon EKS user guide, launch templates)."""
    if image.startswith("BOTTLEROCKET"):
        return "/dev/xvdb"
    return "/dev/sda1" if image.startswith("WINDOWS") else "/dev/xvda"


class NodeGroup(EksResource):
    """One node group. cluster_version: the minor that the specification asks for; None leaves the version alone."""

    kind: ClassVar[str] = "aws.eks.nodegroup"
    fields: ClassVar[Fields] = Fields(
        {
            "subnets": Field(IMMUTABLE.mode, unordered=True),
            "instanceTypes": Field(IMMUTABLE.mode, unordered=True),
            "amiType": IMMUTABLE,
            "capacityType": IMMUTABLE,
            "nodeRole": IMMUTABLE,
            "version": Field(disruptive=True),
            "launchTemplate": Field(disruptive=True),
            "launchTemplate.id": IMMUTABLE,
            "scalingConfig": MUTABLE,
            "initialSize": CREATE_ONLY,
            "labels": MUTABLE,
            "taints": Field(unordered=True),
            "updateConfig": MUTABLE,
            "tags": MUTABLE,
        }
    )

    def __init__(
        self,
        session: Session,
        pool: NodePool,
        *,
        cluster: Resource,
        cluster_version: str | None,
        role: Resource,
        template: LaunchTemplate,
        subnets: Sequence[Resource],
        needs: Sequence[Resource],
        **kwargs: Any,
    ) -> None:
        super().__init__(session, pool.name, [cluster, role, template, *subnets, *needs], **kwargs)
        self.pool, self.cluster, self.cluster_version = pool, cluster, cluster_version
        self.role, self.template, self.subnets = role, template, list(subnets)
        self._subnets_now: list[str] = []

    def desired(self) -> dict[str, Any]:
        pool = self.pool
        return {
            "subnets": self._subnets(),
            "instanceTypes": list(pool.machine_types or ()),
            "amiType": ami_type(pool),
            "capacityType": "SPOT" if pool.spot else "ON_DEMAND",
            "nodeRole": self.role.out("arn"),
            "version": self.cluster_version,
            "launchTemplate": {"id": self.template.out("id"), "version": self.template.out("version")},
            "scalingConfig": self._scaling(),
            "initialSize": pool.node_count,
            "labels": dict(pool.labels or {}),
            "taints": None if pool.taints is None else [_taint(item) for item in pool.taints],
            "updateConfig": self._update_config(),
            "tags": self.tags,
        }

    def _subnets(self) -> list[Any]:
        """The private subnets (those it has, once it exists), or those in the pool's zones, or the ones named."""
        pool = self.pool
        if pool.aws.subnet_ids:
            return list(pool.aws.subnet_ids)
        if not pool.zones:
            return settled(self._subnets_now, [subnet.out("id") for subnet in self.subnets])
        by_zone = {subnet.out("zone"): subnet for subnet in self.subnets}
        known = [zone for zone in by_zone if not isinstance(zone, Unknown)]
        missing = [zone for zone in pool.zones if zone not in by_zone]
        if missing and len(known) == len(by_zone):
            raise refuse(
                f"cluster.node_pools.{pool.name}.zones",
                f"{', '.join(missing)}: the network has no private subnet there, only in {', '.join(sorted(known))}.",
            )
        return [by_zone[zone].out("id") if zone in by_zone else Unknown(f"subnet in {zone}") for zone in pool.zones]

    def _scaling(self) -> dict[str, int | None]:
        """With autoscaling the number of nodes is the autoscaler's. It is set at creation and never compared."""
        pool = self.pool
        if pool.autoscaling:
            return {"minSize": pool.min_size, "maxSize": pool.max_size}
        count = pool.node_count or 0
        return {"minSize": count, "maxSize": max(1, count), "desiredSize": count}

    def _update_config(self) -> dict[str, Any] | None:
        config: dict[str, Any] = {}
        if self.pool.max_unavailable:
            config["maxUnavailable"] = self.pool.max_unavailable
        if self.pool.max_surge == 0:
            config["updateStrategy"] = "MINIMAL"  # an old node goes before a new one comes
        return config or None

    def read(self) -> Observed | None:
        self._subnets_now = []
        try:
            found = self.session.call(
                "eks", "describe_nodegroup", clusterName=self.cluster.known("name"), nodegroupName=self.name
            )["nodegroup"]
        except (NotFound, NotYetKnown):
            return None
        self._subnets_now = list(found.get("subnets") or ())
        tags, template = found.get("tags") or {}, found.get("launchTemplate") or {}
        values = {
            "subnets": list(found.get("subnets") or ()),
            "instanceTypes": list(found.get("instanceTypes") or ()),
            "amiType": found.get("amiType"),
            "capacityType": found.get("capacityType"),
            "nodeRole": found.get("nodeRole"),
            "version": found.get("version"),
            "launchTemplate": {"id": template.get("id"), "version": template.get("version")},
            "scalingConfig": dict(found.get("scalingConfig") or {}),
            "labels": dict(found.get("labels") or {}),
            "taints": list(found.get("taints") or ()),
            "updateConfig": dict(found.get("updateConfig") or {}),
            "tags": tags,
        }
        outputs = {"id": found["nodegroupArn"], "arn": found["nodegroupArn"], "version": found.get("version")}
        state = found["status"]
        recovery = Recovery.RECREATE if state == "CREATE_FAILED" else Recovery.REPORT
        reason = issues_of(found) or state
        return Observed(values, outputs, _STATES.get(state, Status.PENDING), reason, tags, recovery)

    def check_update(self, observed: Observed, change: Plan) -> str:
        wanted = self.cluster_version
        if wanted and change.touches("version") and minor(wanted) < minor(observed.values["version"]):
            return f"version is {observed.values['version']}: nodes cannot go back to {wanted}."
        return ""

    def create(self, desired: dict[str, Any]) -> Operation:
        members = (
            "subnets",
            "instanceTypes",
            "amiType",
            "capacityType",
            "nodeRole",
            "labels",
            "launchTemplate",
            "tags",
        )
        body = {name: desired[name] for name in members}
        for name in ("version", "taints", "updateConfig"):
            if desired[name]:
                body[name] = desired[name]
        self.session.create(
            "eks",
            "create_nodegroup",
            clusterName=self.cluster.known("name"),
            nodegroupName=self.name,
            scalingConfig={"desiredSize": desired["initialSize"], **desired["scalingConfig"]},
            clientRequestToken=self.session.token(self.key),
            **body,
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        """Settings and tags first, then new machines: node by node, with the pods moved."""
        if change.touches("tags"):
            self.retag(observed.outputs["arn"], observed, desired)
        config = _config_changes(observed.values, desired, change)
        if config:
            return self._start("update_nodegroup_config", **config)
        if change.touches("version", "launchTemplate"):
            body: Item = {"launchTemplate": desired["launchTemplate"]}
            if desired["version"]:
                body["version"] = desired["version"]
            else:
                body["version"] = observed.values["version"]  # left out, EKS would take the cluster's
            return self._start("update_nodegroup_version", **body)
        return WATCH

    def _start(self, operation: str, **body: Any) -> Operation:
        cluster = self.cluster.known("name")
        update = self.session.call("eks", operation, clusterName=cluster, nodegroupName=self.name, **body)["update"]
        return Operation({"name": cluster, "nodegroupName": self.name, "updateId": update["id"]})

    def delete(self, observed: Observed) -> Operation:
        self.session.spend_token(self.key)
        self.session.call("eks", "delete_nodegroup", clusterName=self.cluster.known("name"), nodegroupName=self.name)
        return WATCH


def _config_changes(have: dict[str, Any], desired: dict[str, Any], change: Plan) -> Item:
    """The body of UpdateNodegroupConfig: sizes, labels, taints and how many nodes are updated at once."""
    body: Item = {}
    if change.touches("scalingConfig"):
        wanted, size = desired["scalingConfig"], have["scalingConfig"].get("desiredSize", 0)
        # The count stays, unless the new limits do not allow it.
        within = min(max(size, wanted["minSize"]), wanted["maxSize"])
        body["scalingConfig"] = {"desiredSize": within, **wanted}
    if change.touches("labels"):
        labels = {key: value for key, value in desired["labels"].items() if have["labels"].get(key) != value}
        body["labels"] = {"addOrUpdateLabels": labels}
    if change.touches("taints"):
        keep = {(item["key"], item["effect"]) for item in desired["taints"]}
        gone = [item for item in have["taints"] if (item["key"], item["effect"]) not in keep]
        parts = {"addOrUpdateTaints": desired["taints"], "removeTaints": gone}
        body["taints"] = {name: items for name, items in parts.items() if items}
    if change.touches("updateConfig"):
        body["updateConfig"] = desired["updateConfig"]
    return body


def _taint(taint: Any) -> Item:
    value = {"value": taint.value} if taint.value else {}
    return {"key": taint.key, **value, "effect": _EFFECTS[taint.effect]}
