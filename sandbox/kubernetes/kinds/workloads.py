"""Deployments and everything else that runs pods from a template, and what scales and protects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import IMMUTABLE, Cause, bad_value, not_allowed, not_supported, required
from ..metadata import label_problems
from ..schedules import Schedule, time_zone
from ..selectors import object_selector
from .base import Body, Kind, at
from .pods import default_pod_spec, validate_pod_spec

if TYPE_CHECKING:
    from ..registry import Registry

_ALWAYS: tuple[str, ...] = ("Always",)
_JOB_POLICIES: tuple[str, ...] = ("OnFailure", "Never")
_LONGEST_CRON_NAME = 52  # its jobs add 11 characters
_MISMATCH = "`selector` does not match template `labels`"
_JOB_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name")


class Workload(Kind):
    """Anything with ``spec.selector`` and ``spec.template``."""

    immutable: tuple[str, ...] = ("spec.selector",)
    restart: tuple[str, ...] = _ALWAYS

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        template = spec.setdefault("template", {})
        default_pod_spec(template.setdefault("spec", {}))
        self.default_spec(spec)

    def default_spec(self, spec: Body) -> None:
        """Fields besides the template."""

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        spec = body["spec"]
        causes = super().validate(body, registry)
        causes += self.selector_problems(spec)
        if spec.get("replicas", 0) < 0:
            causes.append(bad_value("spec.replicas", spec["replicas"], "must be greater than or equal to 0"))
        claims = [at(claim, "metadata.name") for claim in spec.get("volumeClaimTemplates") or []]
        return causes + validate_pod_spec(spec["template"]["spec"], "spec.template.spec", self.restart, claims)

    def selector_problems(self, spec: Body) -> list[Cause]:
        """The selector has to be there and to match the template."""
        selector, labels = spec.get("selector"), at(spec, "template.metadata.labels") or {}
        causes = label_problems(labels, "spec.template.labels")
        if selector is None:
            return causes
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            causes.append(bad_value("spec.selector", selector, "empty selector is invalid for deployment"))
        elif not object_selector(selector)(labels):
            causes.append(bad_value("spec.template.metadata.labels", labels, _MISMATCH))
        return causes


class Deployment(Workload):
    """apps/v1 Deployment."""

    def default_spec(self, spec: Body) -> None:
        spec.setdefault("replicas", 1)
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("progressDeadlineSeconds", 600)
        strategy = spec.setdefault("strategy", {})
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxUnavailable", "25%")
            rolling.setdefault("maxSurge", "25%")

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = super().validate(body, registry)
        strategy = body["spec"]["strategy"]
        if strategy["type"] not in ("Recreate", "RollingUpdate"):
            causes.append(not_supported("spec.strategy.type", strategy["type"], ("Recreate", "RollingUpdate")))
        if strategy["type"] == "Recreate" and strategy.get("rollingUpdate") is not None:
            detail = "may not be specified when strategy `type` is 'Recreate'"
            causes.append(not_allowed("spec.strategy.rollingUpdate", detail))
        rolling = strategy.get("rollingUpdate") or {}
        if rolling.get("maxUnavailable") in (0, "0%") and rolling.get("maxSurge") in (0, "0%"):
            detail = "may not be 0 when `maxSurge` is 0"
            causes.append(bad_value("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], detail))
        if body["spec"]["progressDeadlineSeconds"] <= body["spec"].get("minReadySeconds", 0):
            detail = "must be greater than minReadySeconds"
            causes.append(bad_value("spec.progressDeadlineSeconds", body["spec"]["progressDeadlineSeconds"], detail))
        return causes


class ReplicaSet(Workload):
    """apps/v1 ReplicaSet."""

    def default_spec(self, spec: Body) -> None:
        spec.setdefault("replicas", 1)

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"replicas": 0}


class ReplicationController(Kind):
    """v1 ReplicationController."""

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        spec.setdefault("replicas", 1)
        default_pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
        labels = at(spec, "template.metadata.labels") or {}
        if labels:
            spec.setdefault("selector", dict(labels))

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"replicas": 0}


class StatefulSet(Workload):
    """apps/v1 StatefulSet."""

    def default_spec(self, spec: Body) -> None:
        spec.setdefault("replicas", 1)
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("podManagementPolicy", "OrderedReady")
        strategy = spec.setdefault("updateStrategy", {})
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
        policy = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
        policy.setdefault("whenDeleted", "Retain")
        policy.setdefault("whenScaled", "Retain")
        for claim in spec.get("volumeClaimTemplates") or []:
            claim.setdefault("apiVersion", "v1")
            claim.setdefault("kind", "PersistentVolumeClaim")
            claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
            claim.setdefault("status", {"phase": "Pending"})

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"replicas": 0, "availableReplicas": 0}

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        allowed = (
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        )
        rest = [{name: value for name, value in body["spec"].items() if name not in allowed} for body in (new, old)]
        if rest[0] == rest[1]:
            return []
        names = [f"'{name}'" for name in allowed]
        detail = (
            f"updates to statefulset spec for fields other than {', '.join(names[:-1])} and {names[-1]} are forbidden"
        )
        return [not_allowed("spec", detail)]


class DaemonSet(Workload):
    """apps/v1 DaemonSet."""

    def default_spec(self, spec: Body) -> None:
        spec.setdefault("revisionHistoryLimit", 10)
        strategy = spec.setdefault("updateStrategy", {})
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxUnavailable", 1)
            rolling.setdefault("maxSurge", 0)

    def prepare_create(self, body: Body, registry: Registry) -> None:
        names = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
        body["status"] = dict.fromkeys(names, 0)


class Job(Workload):
    """batch/v1 Job; the selector is the server's own unless manualSelector is set."""

    immutable = ("spec.selector", "spec.completions", "spec.completionMode", "spec.template")
    restart = _JOB_POLICIES

    def default_spec(self, spec: Body) -> None:
        default_job_spec(spec)

    def prepare_create(self, body: Body, registry: Registry) -> None:
        spec = body["spec"]
        if spec.get("manualSelector"):
            return
        uid, name = body["metadata"]["uid"], body["metadata"].get("name", "")
        labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
        labels.update(zip(_JOB_LABELS, (uid, uid, name, name), strict=True))
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        causes = super().validate_update(new, old, registry)
        completions = old["spec"].get("completionMode") == "Indexed" and "spec.completions"
        return [cause for cause in causes if cause.field != completions]


def default_job_spec(spec: Body) -> None:
    """What a Job and the template of a CronJob get."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    if spec.get("backoffLimitPerIndex") is None:
        spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")


class CronJob(Kind):
    """batch/v1 CronJob."""

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        spec.setdefault("concurrencyPolicy", "Allow")
        spec.setdefault("suspend", False)
        spec.setdefault("successfulJobsHistoryLimit", 3)
        spec.setdefault("failedJobsHistoryLimit", 1)
        template = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
        default_pod_spec(template.setdefault("template", {}).setdefault("spec", {}))

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        spec = body["spec"]
        causes = super().validate(body, registry)
        causes += _schedule_problems(spec)
        if len(body["metadata"].get("name", "")) > _LONGEST_CRON_NAME:
            detail = f"must be no more than {_LONGEST_CRON_NAME} characters"
            causes.append(bad_value("metadata.name", body["metadata"]["name"], detail))
        policies = ("Allow", "Forbid", "Replace")
        if spec["concurrencyPolicy"] not in policies:
            causes.append(not_supported("spec.concurrencyPolicy", spec["concurrencyPolicy"], policies))
        pod = spec["jobTemplate"]["spec"]["template"]["spec"]
        return causes + validate_pod_spec(pod, "spec.jobTemplate.spec.template.spec", _JOB_POLICIES)


def _schedule_problems(spec: Body) -> list[Cause]:
    causes = []
    zone = spec.get("timeZone")
    if zone is not None:
        try:
            time_zone(zone)
        except ValueError as problem:
            causes.append(bad_value("spec.timeZone", zone, str(problem)))
    if spec.get("schedule"):
        try:
            Schedule(spec["schedule"])
        except ValueError as problem:
            causes.append(bad_value("spec.schedule", spec["schedule"], str(problem)))
    return causes


class HorizontalPodAutoscaler(Kind):
    """autoscaling/v2."""

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        spec.setdefault("minReplicas", 1)
        if not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": 80}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        behavior = spec.get("behavior")
        if behavior is not None:
            _default_behavior(behavior)

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"desiredReplicas": 0, "currentMetrics": None}

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        spec = body["spec"]
        causes = super().validate(body, registry)
        if spec.get("maxReplicas", 0) < 1:
            causes = [cause for cause in causes if cause.field != "spec.maxReplicas"]
            causes.append(bad_value("spec.maxReplicas", spec.get("maxReplicas", 0), "must be greater than 0"))
        elif spec["maxReplicas"] < spec["minReplicas"]:
            detail = "must be greater than or equal to `minReplicas`"
            causes.append(bad_value("spec.maxReplicas", spec["maxReplicas"], detail))
        if spec["minReplicas"] < 1:
            causes.append(bad_value("spec.minReplicas", spec["minReplicas"], "must be greater than or equal to 1"))
        return causes


def _default_behavior(behavior: Body) -> None:
    rules: dict[str, tuple[dict[str, Any], list[Body]]] = {
        "scaleUp": (
            {"stabilizationWindowSeconds": 0},
            [{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}],
        ),
        "scaleDown": ({}, [{"type": "Percent", "value": 100, "periodSeconds": 15}]),
    }
    for name, (fields, policies) in rules.items():
        rule = behavior.setdefault(name, {})
        rule.setdefault("selectPolicy", "Max")
        for field, value in fields.items():
            rule.setdefault(field, value)
        if not rule.get("policies"):
            rule["policies"] = policies


class PodDisruptionBudget(Kind):
    """policy/v1."""

    def prepare_create(self, body: Body, registry: Registry) -> None:
        names = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
        body["status"] = dict.fromkeys(names, 0)

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = super().validate(body, registry)
        spec = body.get("spec") or {}
        if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
            causes.append(bad_value("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
        return causes


class ControllerRevision(Kind):
    """apps/v1: a snapshot that never changes."""

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        return [] if new.get("data") == old.get("data") else [bad_value("data", new.get("data"), IMMUTABLE)]

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        return [] if body.get("data") is not None else [required("data", "data is mandatory")]
