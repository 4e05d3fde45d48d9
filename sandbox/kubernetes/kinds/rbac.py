"""Roles, bindings, priority and storage classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Cause, bad_value, not_allowed, not_supported, required
from .base import Body, Kind, at, unchanged

if TYPE_CHECKING:
    from ..registry import Registry

_GROUP = "rbac.authorization.k8s.io"


class Role(Kind):
    """Role and ClusterRole."""

    def default(self, body: Body) -> None:
        body.setdefault("rules", None if body.get("aggregationRule") else [])

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = []
        for index, rule in enumerate(body.get("rules") or []):
            where = f"rules[{index}]"
            if not rule.get("verbs"):
                causes.append(required(f"{where}.verbs", "verbs must contain at least one value"))
            if rule.get("nonResourceURLs"):
                if body["kind"] == "Role":
                    detail = "namespaced rules cannot apply to non-resource URLs"
                    causes.append(bad_value(f"{where}.nonResourceURLs", rule["nonResourceURLs"], detail))
                continue
            if not rule.get("apiGroups"):
                causes.append(required(f"{where}.apiGroups", "resource rules must supply at least one api group"))
            if not rule.get("resources"):
                causes.append(required(f"{where}.resources", "resource rules must supply at least one resource"))
        return causes


class Binding(Kind):
    """RoleBinding and ClusterRoleBinding; what they point to never changes."""

    def default(self, body: Body) -> None:
        if body.get("roleRef") is not None:
            body["roleRef"].setdefault("apiGroup", _GROUP)
        for subject in body.get("subjects") or []:
            if subject.get("kind") in ("User", "Group"):
                subject.setdefault("apiGroup", _GROUP)

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        role = body.get("roleRef") or {}
        causes = []
        kinds = ("ClusterRole",) if body["kind"] == "ClusterRoleBinding" else ("ClusterRole", "Role")
        if role.get("kind") not in kinds:
            causes.append(not_supported("roleRef.kind", role.get("kind", ""), kinds))
        if not role.get("name"):
            causes.append(required("roleRef.name"))
        for index, subject in enumerate(body.get("subjects") or []):
            where = f"subjects[{index}]"
            if not subject.get("name"):
                causes.append(required(f"{where}.name"))
            if subject.get("kind") not in ("User", "Group", "ServiceAccount"):
                causes.append(
                    not_supported(f"{where}.kind", subject.get("kind", ""), ("Group", "ServiceAccount", "User"))
                )
            if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
                causes.append(required(f"{where}.namespace"))
        return causes

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        if new.get("roleRef") == old.get("roleRef"):
            return []
        return [bad_value("roleRef", new.get("roleRef"), "cannot change roleRef")]


class PriorityClass(Kind):
    """scheduling.k8s.io/v1."""

    def default(self, body: Body) -> None:
        body.setdefault("preemptionPolicy", "PreemptLowerPriority")
        body.setdefault("value", 0)

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        name, value = body["metadata"].get("name", ""), body["value"]
        if name.startswith("system-"):
            known = {"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}
            if known.get(name) != value:
                detail = "priority class names with 'system-' prefix are reserved for system use only"
                return [not_allowed("metadata.name", detail)]
        elif value > 1_000_000_000:
            return [not_allowed("value", "maximum allowed value of a user defined priority is 1000000000")]
        return []

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        causes = []
        if new["value"] != old["value"]:
            causes.append(not_allowed("value", "may not be changed in an update."))
        return causes + unchanged(new, old, ("preemptionPolicy",))


class StorageClass(Kind):
    """storage.k8s.io/v1."""

    returns_deleted = True

    def default(self, body: Body) -> None:
        body.setdefault("reclaimPolicy", "Delete")
        body.setdefault("volumeBindingMode", "Immediate")

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        causes = []
        if new.get("parameters") != old.get("parameters"):
            causes.append(not_allowed("parameters", "updates to parameters are forbidden."))
        if new.get("provisioner") != old.get("provisioner"):
            causes.append(not_allowed("provisioner", "updates to provisioner are forbidden."))
        if new.get("reclaimPolicy") != old.get("reclaimPolicy"):
            causes.append(not_allowed("reclaimPolicy", "updates to reclaimPolicy are forbidden."))
        return causes + unchanged(new, old, ("volumeBindingMode",))


class CSIDriver(Kind):
    """storage.k8s.io/v1."""

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        for name, value in (
            ("attachRequired", True),
            ("podInfoOnMount", False),
            ("storageCapacity", False),
            ("fsGroupPolicy", "ReadWriteOnceWithFSType"),
            ("requiresRepublish", False),
            ("seLinuxMount", False),
        ):
            spec.setdefault(name, value)
        spec.setdefault("volumeLifecycleModes", ["Persistent"])


class Webhooks(Kind):
    """Mutating and validating webhook configurations."""

    def default(self, body: Body) -> None:
        for hook in body.get("webhooks") or []:
            hook.setdefault("failurePolicy", "Fail")
            hook.setdefault("matchPolicy", "Equivalent")
            hook.setdefault("namespaceSelector", {})
            hook.setdefault("objectSelector", {})
            hook.setdefault("timeoutSeconds", 10)
            if body["kind"].startswith("Mutating"):
                hook.setdefault("reinvocationPolicy", "Never")
            for rule in hook.get("rules") or []:
                rule.setdefault("scope", "*")
            service = at(hook, "clientConfig.service")
            if service is not None:
                service.setdefault("port", 443)
