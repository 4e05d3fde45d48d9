# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EKS add-ons, each at the version that fits the cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import MUTABLE, Field, Fields
from .._engine.plan import Plan, Unknown
from .._engine.resource import WATCH, NotYetKnown, Observed, Operation, Recovery, Resource, Status
from .base import Item
from .client import Session, refuse
from .eks import EksResource, issues_of
from .eks_versions import addon_default

# The add-ons of every cluster. Those before the nodes are what a node needs to become ready.
BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
DEFAULT_ADDONS = (*BEFORE_NODES, "coredns", "aws-ebs-csi-driver")
# The Kubernetes minor that the add-on's version was chosen for. While it is the cluster's, the version is left alone.
CHOSEN_FOR = "multicloud-platform/kubernetes-version"

_STATES = {
    "ACTIVE": Status.READY,
    # It runs, but not as it should: mostly because there are no nodes for it yet. Told, and not waited for.
    "DEGRADED": Status.READY,
    "CREATE_FAILED": Status.FAILED,
    "UPDATE_FAILED": Status.FAILED,
    "DELETE_FAILED": Status.FAILED,
    "DELETING": Status.DELETING,
}
_RECOVERIES = {"CREATE_FAILED": Recovery.RECREATE, "UPDATE_FAILED": Recovery.UPDATE}


def parse_configuration(text: str, where: str) -> Any:
    """An add-on's configuration as data. EKS takes JSON and YAML."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        import yaml
    except ImportError as error:
        raise refuse(where, "YAML needs PyYAML where the module runs. Install it, or write JSON.") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise refuse(where, f"neither JSON nor YAML: {error}") from error


def same_configuration(want: Any, have: Any) -> bool:
    """Equality of two configuration texts by what they say."""
    sides = [parse_configuration(side, "configuration") if side else {} for side in (want, have)]
    return bool(sides[0] == sides[1])


class Addon(EksResource):
    """One add-on. version: None takes the default for the cluster's Kubernetes version, and keeps it until that
    changes. cluster_version: the minor that the specification asks for, or None."""

    kind: ClassVar[str] = "aws.eks.addon"
    fields: ClassVar[Fields] = Fields(
        {"addonVersion": MUTABLE, "configurationValues": Field(equal=same_configuration), "tags": MUTABLE}
    )

    def __init__(
        self,
        session: Session,
        name: str,
        cluster: Resource,
        *,
        cluster_version: str | None,
        version: str | None = None,
        configuration: str | None = None,
        needs: Sequence[Resource] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(session, name, [cluster, *needs], **kwargs)
        self.cluster, self.cluster_version = cluster, cluster_version
        self.version, self.configuration = version, configuration
        self._chosen_for: str | None = None

    def desired(self) -> dict[str, Any]:
        minor = self.cluster_version or self.cluster.out("version")
        return {
            "addonVersion": self._version(minor),
            "configurationValues": self.configuration,
            "tags": {**self.tags, CHOSEN_FOR: minor},
        }

    def _version(self, minor: str | Unknown) -> str | Unknown | None:
        if self.version:
            return self.version
        if isinstance(minor, Unknown):
            return minor
        if self._chosen_for == minor:
            return None
        return addon_default(self.session, self.name, minor) or Unknown(f"{self.key}.version for Kubernetes {minor}")

    def read(self) -> Observed | None:
        self._chosen_for = None
        try:
            found = self.session.call(
                "eks", "describe_addon", clusterName=self.cluster.known("name"), addonName=self.name
            )["addon"]
        except (NotFound, NotYetKnown):
            return None
        tags = found.get("tags") or {}
        self._chosen_for = tags.get(CHOSEN_FOR)
        values = {
            "addonVersion": found.get("addonVersion"),
            "configurationValues": found.get("configurationValues"),
            "tags": tags,
        }
        state = found["status"]
        return Observed(
            values,
            {"id": found["addonArn"], "arn": found["addonArn"], "version": found.get("addonVersion")},
            _STATES.get(state, Status.PENDING),
            issues_of(found) or state,
            tags,
            recovery=_RECOVERIES.get(state, Recovery.REPORT),
        )

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "eks", "create_addon", **self._body(desired), resolveConflicts="OVERWRITE", tags=desired["tags"]
        )
        return WATCH

    def _body(self, desired: dict[str, Any]) -> Item:
        body: Item = {"clusterName": self.cluster.known("name"), "addonName": self.name}
        for member in ("addonVersion", "configurationValues"):
            if desired[member] is not None:
                body[member] = desired[member]
        return body

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if observed.status is Status.FAILED or change.touches("addonVersion", "configurationValues"):
            # What people changed inside the cluster stays, as EKS does it in its console.
            answer = self.session.call("eks", "update_addon", **self._body(desired), resolveConflicts="PRESERVE")
            return Operation(
                {
                    "name": self.cluster.known("name"),
                    "addonName": self.name,
                    "updateId": answer["update"]["id"],
                }
            )
        # After the version, so that a run that dies in between chooses again.
        self.retag(observed.outputs["arn"], observed, desired)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("eks", "delete_addon", clusterName=self.cluster.known("name"), addonName=self.name)
        return WATCH
