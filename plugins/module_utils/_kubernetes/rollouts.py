# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a Deployment's rollout stands, and which of its revisions was healthy. Pure.

Kubernetes keeps the templates of former versions in the Deployment's ReplicaSets. One that was seen healthy is marked
there, once; so the knowledge of what can be returned to lives and ends with the template itself.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._spec.names import digest
from .changes import our_entry
from .objects import Body
from .place import PREFIX

HEALTHY = f"{PREFIX}/healthy"
LEFT = f"{PREFIX}/rolled-back-from"
LEFT_TEMPLATE = f"{PREFIX}/rolled-back-template"
BECAUSE = f"{PREFIX}/rolled-back-because"
_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_REASON_LENGTH = 500


@dataclass(frozen=True)
class Rollout:
    """A Deployment with its ReplicaSets."""

    deployment: Body
    sets: tuple[Body, ...]

    @classmethod
    def of(cls, deployment: Body, replica_sets: Sequence[Body]) -> Rollout:
        """Those of the ReplicaSets that are the Deployment's own."""
        uid = deployment["metadata"]["uid"]
        own = (
            one for one in replica_sets if any(o["uid"] == uid for o in one["metadata"].get("ownerReferences") or [])
        )
        return cls(deployment, tuple(sorted(own, key=revision)))

    @property
    def name(self) -> str:
        return str(self.deployment["metadata"]["name"])

    @property
    def owns_replicas(self) -> bool:
        """Whether the number of replicas is what an apply of ours has said last."""
        fields = (our_entry(self.deployment) or {}).get("fieldsV1") or {}
        return "f:replicas" in (fields.get("f:spec") or {})

    @property
    def current(self) -> Body | None:
        """The ReplicaSet of the Deployment's template; None while Kubernetes has not made it."""
        number = revision(self.deployment)
        return next((one for one in self.sets if revision(one) == number), None) if number else None

    @property
    def image(self) -> str:
        """Of the Deployment's template."""
        return image_of(self.deployment["spec"]["template"])

    @property
    def ready(self) -> int:
        return int((self.deployment.get("status") or {}).get("readyReplicas") or 0)

    @property
    def running(self) -> dict[str, int]:
        """Ready replicas by image, whatever version they are of."""
        found: dict[str, int] = {}
        for one in self.sets:
            count = (one.get("status") or {}).get("readyReplicas") or 0
            if count:
                image = image_of(one["spec"]["template"])
                found[image] = found.get(image, 0) + count
        return found

    @property
    def healthy(self) -> bool:
        """Every replica is of the Deployment's template and available."""
        status = self.deployment.get("status") or {}
        wanted = self.deployment["spec"].get("replicas", 1)
        if status.get("observedGeneration", 0) < self.deployment["metadata"].get("generation", 0):
            return False
        counts = [status.get(name) or 0 for name in ("replicas", "updatedReplicas", "availableReplicas")]
        return counts == [wanted] * 3

    @property
    def gave_up(self) -> bool:
        """Kubernetes says that it goes on no more."""
        status = self.deployment.get("status") or {}
        if status.get("observedGeneration", 0) < self.deployment["metadata"].get("generation", 0):
            return False
        return any(
            each.get("type") == "Progressing" and each.get("reason") == "ProgressDeadlineExceeded"
            for each in status.get("conditions") or []
        )

    @property
    def unmarked(self) -> Body | None:
        """The mark that the current ReplicaSet is to get: it is healthy and was not known to be."""
        one = self.current
        if one is None or not self.healthy or not self.deployment["spec"].get("replicas", 1) or is_marked(one):
            return None
        meta = one["metadata"]
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "annotations": {HEALTHY: "true"}},
        }

    @property
    def last_healthy(self) -> Body | None:
        """The ReplicaSet to return to: the newest of the former ones that was healthy; where none is marked, the one
        with the most pods that can answer now. None when the current one was healthy itself, or there is none."""
        one = self.current
        if one is not None and is_marked(one):
            return None
        former = [each for each in self.sets if each is not one]
        marked = [each for each in former if is_marked(each)]
        if marked:
            return marked[-1]
        able = [each for each in former if _available(each)]
        return max(able, key=lambda each: (_available(each), revision(each)), default=None)

    @property
    def config_maps(self) -> set[str]:
        """Names of the ConfigMaps that its revisions refer to."""
        found: set[str] = set()
        for one in self.sets:
            spec = one["spec"]["template"]["spec"]
            for container in spec.get("containers") or []:
                sources = (each.get("configMapRef") or {} for each in container.get("envFrom") or [])
                found |= {source["name"] for source in sources if "name" in source}
            volumes = (each.get("configMap") or {} for each in spec.get("volumes") or [])
            found |= {volume["name"] for volume in volumes if "name" in volume}
        return found

    def rolled_back_before(self, manifest: Body) -> str:
        """Why an earlier call has left the manifest's version, or an empty string."""
        notes = self.deployment["metadata"].get("annotations") or {}
        return str(notes.get(BECAUSE, "")) if notes.get(LEFT_TEMPLATE) == _version(manifest) else ""


def revision(body: Body) -> int:
    """Of a Deployment or a ReplicaSet; 0 while it has none."""
    text = (body["metadata"].get("annotations") or {}).get(_REVISION, "0")
    return int(text) if text.isdigit() else 0


def is_marked(replica_set: Body) -> bool:
    return (replica_set["metadata"].get("annotations") or {}).get(HEALTHY) == "true"


def image_of(template: Body) -> str:
    """Of the first container."""
    return str(((template.get("spec") or {}).get("containers") or [{}])[0].get("image", ""))


def returning(manifest: Body, replica_set: Body, reason: str) -> Body:
    """The Deployment's manifest with the template of a former revision. It remembers what it left, and why."""
    template: dict[str, Any] = copy.deepcopy(replica_set["spec"]["template"])
    labels = (template.get("metadata") or {}).get("labels") or {}
    labels.pop(_HASH, None)
    (template.get("metadata") or {}).pop("creationTimestamp", None)
    meta = copy.deepcopy(manifest["metadata"])
    meta["annotations"] = {
        **(meta.get("annotations") or {}),
        LEFT: image_of(manifest["spec"]["template"]),
        LEFT_TEMPLATE: _version(manifest),
        BECAUSE: reason[:_REASON_LENGTH],
    }
    return {**manifest, "metadata": meta, "spec": {**manifest["spec"], "template": template}}


def _version(manifest: Body) -> str:
    """Tells templates apart."""
    return digest(json.dumps(manifest["spec"]["template"], sort_keys=True), 12)


def _available(replica_set: Body) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas") or 0)
