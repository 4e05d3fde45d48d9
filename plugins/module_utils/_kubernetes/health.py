# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an object is ready, from what it says of itself. The rules are those of `kubectl rollout status` and
`kubectl wait`; failures are Kubernetes' own verdicts only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._engine.resource import Recovery, Status
from .objects import Body
from .order import group_kind


@dataclass(frozen=True)
class Health:
    """reason: for everything but READY. recovery: how an object that FAILED is brought back."""

    status: Status
    reason: str = ""
    recovery: Recovery = Recovery.UPDATE


@dataclass(frozen=True)
class WaitCondition:
    """What makes objects of a kind ready that Kubernetes itself knows nothing of: the condition `type` is `status`.
    kind: "Certificate", or "Certificate.cert-manager.io" where others are called so too."""

    kind: str
    type: str
    status: str = "True"


READY = Health(Status.READY)


def health(body: Body, conditions: Sequence[WaitCondition] = ()) -> Health:
    """Of one object as the API server shows it."""
    if body["metadata"].get("deletionTimestamp"):
        return Health(Status.DELETING, _leaving(body))
    name = group_kind(body["apiVersion"], body["kind"])
    for wanted in conditions:
        if wanted.kind in (name, body["kind"]):
            state = _by_condition(body, wanted)
            if state is not READY:
                return state
    judge = _JUDGES.get(name)
    return judge(body, body.get("spec") or {}, body.get("status") or {}) if judge else READY


def condition(body: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """One of status.conditions; empty when it is not there."""
    found = (body.get("status") or {}).get("conditions") or []
    return next((each for each in found if each.get("type") == kind), {})


def told(state: Mapping[str, Any]) -> str:
    """A condition in its own words: "ProgressDeadlineExceeded: ReplicaSet has timed out progressing."."""
    return ": ".join(str(state[name]) for name in ("reason", "message") if state.get(name))


def _pending(reason: str) -> Health:
    return Health(Status.PENDING, reason)


def _by_condition(body: Body, wanted: WaitCondition) -> Health:
    generation = body["metadata"].get("generation", 0)
    seen = (body.get("status") or {}).get("observedGeneration")
    found = condition(body, wanted.type)
    stale = [each for each in (seen, found.get("observedGeneration")) if isinstance(each, int) and each < generation]
    if found.get("status") == wanted.status and not stale:
        return READY
    if not found:
        return _pending(f"it has no condition {wanted.type} yet")
    words = told(found)
    return _pending(f"{wanted.type} is {found.get('status')}" + (f": {words}" if words else ""))


def _leaving(body: Body) -> str:
    """Why it is still there."""
    meta, status = body["metadata"], body.get("status") or {}
    finalizers = [*(meta.get("finalizers") or []), *((body.get("spec") or {}).get("finalizers") or [])]
    words = "is being deleted"
    if finalizers:
        words += f", held by the finalizer{'s' if len(finalizers) > 1 else ''} {', '.join(finalizers)}"
    more = [each["message"] for each in status.get("conditions") or [] if _holds_back(each)]
    return f"{words}. {' '.join(more)}" if more else words


def _holds_back(state: Mapping[str, Any]) -> bool:
    """Of a namespace: what its deletion waits for (NamespaceContentRemaining, NamespaceFinalizersRemaining, ...)."""
    return state.get("status") == "True" and str(state.get("type")).startswith("Namespace") and "message" in state


def _unseen(body: Body, status: Mapping[str, Any]) -> bool:
    return int(status.get("observedGeneration") or 0) < int(body["metadata"].get("generation") or 0)


def _deployment(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    if _unseen(body, status):
        return _pending("its controller has not seen the change yet")
    if spec.get("paused"):
        return READY
    want = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if updated >= want and total <= updated and available >= updated:
        return READY
    progressing, refused = condition(body, "Progressing"), condition(body, "ReplicaFailure")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health(Status.FAILED, told(progressing))
    if refused.get("status") == "True":
        return _pending(told(refused))
    if updated < want:
        return _pending(f"{updated} of {want} new replicas were made")
    if total > updated:
        return _pending(f"{total - updated} old replicas have not ended yet")
    return _pending(f"{available} of {want} replicas are available")


def _stateful_set(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    if _unseen(body, status):
        return _pending("its controller has not seen the change yet")
    want, strategy = spec.get("replicas", 1), spec.get("updateStrategy") or {}
    ready = status.get("readyReplicas", 0)
    if ready < want:
        return _pending(f"{ready} of {want} replicas are ready")
    if strategy.get("type") == "OnDelete":
        return READY
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    updated = status.get("updatedReplicas", 0)
    behind = status.get("updateRevision") != status.get("currentRevision") if not partition else True
    if behind and updated < want - partition:
        return _pending(f"{updated} of {want - partition} replicas are updated")
    return READY


def _daemon_set(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    if _unseen(body, status):
        return _pending("its controller has not seen the change yet")
    want = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
    if updated < want and not on_delete:
        return _pending(f"{updated} of {want} pods are updated")
    if available < want:
        return _pending(f"{available} of {want} pods are available")
    return READY


def _replicas(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    if _unseen(body, status):
        return _pending("its controller has not seen the change yet")
    want, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    refused = condition(body, "ReplicaFailure")
    if ready < want:
        return _pending(told(refused) if refused.get("status") == "True" else f"{ready} of {want} replicas are ready")
    return READY


def _pod(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    phase = status.get("phase", "Pending")
    if phase == "Succeeded" or condition(body, "Ready").get("status") == "True":
        return READY
    if phase == "Failed":
        return Health(Status.FAILED, told(status) or "the pod failed", Recovery.RECREATE)
    return _pending(f"the pod is {phase}")


def _job(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    failed = condition(body, "Failed")
    if failed.get("status") == "True":
        return Health(Status.FAILED, told(failed), Recovery.RECREATE)
    if condition(body, "Complete").get("status") == "True" or spec.get("suspend"):
        return READY
    want = spec.get("completions") or 1
    return _pending(f"{status.get('succeeded', 0)} of {want} pods have succeeded, {status.get('failed', 0)} failed")


def _claim(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    phase = status.get("phase", "Pending")
    if phase == "Lost":
        return Health(Status.FAILED, "the volume that it was bound to is gone", Recovery.REPORT)
    return READY if phase == "Bound" else _pending("no volume is bound to it yet")


def _namespace(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    phase = status.get("phase", "Active")
    return READY if phase == "Active" else Health(Status.DELETING, _leaving(body))


def _crd(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    refused = condition(body, "NamesAccepted")
    if refused.get("status") == "False":
        return Health(Status.FAILED, told(refused))
    found = condition(body, "Established")
    return READY if found.get("status") == "True" else _pending(told(found) or "it is not established yet")


def _api_service(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    found = condition(body, "Available")
    return READY if found.get("status") == "True" else _pending(told(found) or "it is not available yet")


def _service(body: Body, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Health:
    if spec.get("type") != "LoadBalancer" or (status.get("loadBalancer") or {}).get("ingress"):
        return READY
    return _pending("its load balancer has no address yet")


_Judge = Callable[[Body, Mapping[str, Any], Mapping[str, Any]], Health]
_JUDGES: dict[str, _Judge] = {
    "Deployment.apps": _deployment,
    "StatefulSet.apps": _stateful_set,
    "DaemonSet.apps": _daemon_set,
    "ReplicaSet.apps": _replicas,
    "ReplicationController": _replicas,
    "Pod": _pod,
    "Job.batch": _job,
    "PersistentVolumeClaim": _claim,
    "Namespace": _namespace,
    "CustomResourceDefinition.apiextensions.k8s.io": _crd,
    "APIService.apiregistration.k8s.io": _api_service,
    "Service": _service,
}
