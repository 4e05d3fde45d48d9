# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the objects of a cluster say of its health. Pure: bodies in, findings out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._engine.resource import Status
from .._spec.verify import Namespace, Nodes, Target
from .health import condition, health, told

Body = Mapping[str, Any]
Explain = Callable[[dict[str, Any]], str]  # why a workload is not ready
ZONE = "topology.kubernetes.io/zone"
# A node's pool: the collection's own label, and those of EKS, GKE and AKS.
POOLS = (
    "workload",
    "eks.amazonaws.com/nodegroup",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
)
KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_TOLD = 3  # what is wrong is told of so many; the rest is counted


@dataclass(frozen=True)
class Finding:
    """One check. detail: what was found, or what is wrong."""

    check: str
    ok: bool
    detail: str


def nodes(found: Sequence[Body], wanted: Nodes) -> list[Finding]:
    """Nodes by readiness, zone and pool. What is being drained counts neither as ready nor as wrong."""
    serving = [node for node in found if not node.get("spec", {}).get("unschedulable")]
    ready = [node for node in serving if condition(node, "Ready").get("status") == "True"]
    wrong = [f"{_name(node)} is not ready{_why(node)}" for node in serving if node not in ready]
    if len(ready) < wanted.ready:
        wrong.insert(0, f"{len(ready)} ready, at least {wanted.ready} wanted")
    findings = [_finding("nodes", wrong, f"{len(ready)} ready")]
    zones = sorted({zone for node in ready if (zone := _labels(node).get(ZONE))})
    few = [f"ready nodes in {len(zones)} zones, at least {wanted.zones} wanted"] if len(zones) < wanted.zones else []
    findings.append(_finding("zones", few, ", ".join(zones)))
    for pool in wanted.pools:
        of_pool = [node for node in ready if pool.name in {_labels(node).get(label) for label in POOLS}]
        missing = [f"{len(of_pool)} ready, at least {pool.ready} wanted"] if len(of_pool) < pool.ready else []
        findings.append(_finding(f"pool {pool.name}", missing, f"{len(of_pool)} ready"))
    return findings


def namespace(found: Body | None, wanted: Namespace) -> Finding:
    """Whether it is there and not on its way out."""
    if found is None:
        return Finding(f"namespace {wanted.name}", False, "does not exist")
    phase = (found.get("status") or {}).get("phase", "Active")
    return Finding(f"namespace {wanted.name}", phase == "Active", str(phase).lower())


def policies(found: Sequence[Body], wanted: Namespace) -> Finding:
    """Default deny in the directions wanted, and the policies that have to be there by name."""
    denied = {direction for policy in found for direction in denies(policy)}
    wrong = [f"nothing denies {direction} by default" for direction in wanted.default_deny if direction not in denied]
    names = {_name(policy) for policy in found}
    wrong += [f"{name} is missing" for name in wanted.network_policies if name not in names]
    denying = f", {' and '.join(sorted(denied))} denied by default" if denied else ""
    return _finding(f"network policies {wanted.name}", wrong, f"{len(found)}{denying}")


def denies(policy: Body) -> set[str]:
    """Directions in which a NetworkPolicy alone lets nothing pass, of all pods of its namespace."""
    spec = policy.get("spec") or {}
    if any((spec.get("podSelector") or {}).values()):
        return set()
    # Without policyTypes: ingress, and egress when there are rules for it (API reference of NetworkPolicySpec).
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return {direction.lower() for direction in types if not spec.get(direction.lower())}


def workloads(space: str, found: Sequence[Body], explain: Explain) -> Finding:
    """All workloads of a namespace."""
    wrong = [f"{body['kind']} {_name(body)}: {problem}" for body in found if (problem := unready(body, explain))]
    return _finding(f"workloads {space}", wrong, f"{len(found)} ready" if found else "none there")


def unready(body: Body, explain: Explain) -> str:
    """What a workload lacks, and why; empty when it runs as its specification says."""
    state = health(dict(body))
    if state.status is Status.READY:
        return ""
    why = explain(dict(body))
    return f"{state.reason} ({why})" if why else state.reason


def application(found: Body | None, target: Target, explain: Explain) -> Finding:
    """The workload of one application."""
    check = f"application {target.name}"
    if found is None:
        return Finding(check, False, f"{target.kind} {target.namespace}/{target.name} does not exist")
    problem = unready(found, explain)
    if problem:
        return Finding(check, False, problem)
    images = [
        str(each.get("image")).rpartition("/")[2] for each in found["spec"]["template"]["spec"].get("containers") or []
    ]
    status = found.get("status") or {}
    ready = status.get("readyReplicas", status.get("numberReady", 0))
    return Finding(check, True, f"{ready} ready, {', '.join(images)}")


def autoscaler(found: Iterable[Body], target: Target) -> Finding:
    """A HorizontalPodAutoscaler of this very workload."""
    for body in found:
        of = body["spec"].get("scaleTargetRef") or {}
        if of.get("kind") == target.kind and of.get("name") == target.name:
            bounds = f"{body['spec'].get('minReplicas', 1)} to {body['spec'].get('maxReplicas')} replicas"
            return Finding(f"autoscaler {target.name}", True, bounds)
    return Finding(f"autoscaler {target.name}", False, f"none scales {target.kind} {target.name}")


def disruption_budget(found: Iterable[Body], workload: Body | None, target: Target) -> Finding:
    """A PodDisruptionBudget whose selector finds the workload's pods."""
    check = f"disruption budget {target.name}"
    if workload is None:
        return Finding(check, False, "there is no workload to protect")
    labels = (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}
    for body in found:
        spec = body.get("spec") or {}
        if spec.get("selector") is not None and selects(spec["selector"], labels):
            bounds = [f"{word} {spec[key]}" for key, word in _BUDGETS.items() if key in spec]
            return Finding(check, True, ", ".join(bounds))
    return Finding(check, False, "none selects its pods")


_BUDGETS = {"minAvailable": "at least", "maxUnavailable": "at most out"}


def selects(selector: Body, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector finds labels. An empty one finds all."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for rule in selector.get("matchExpressions") or []:
        value, values = labels.get(rule["key"]), rule.get("values") or []
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds[rule["operator"]]:
            return False
    return True


def _finding(check: str, wrong: Sequence[str], fine: str) -> Finding:
    if not wrong:
        return Finding(check, True, fine)
    more = f"; and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
    return Finding(check, False, "; ".join(wrong[:_TOLD]) + more)


def _why(node: Body) -> str:
    words = told(condition(node, "Ready"))
    return f" ({words})" if words else ""


def _labels(body: Body) -> Mapping[str, str]:
    return body["metadata"].get("labels") or {}


def _name(body: Body) -> str:
    return str(body["metadata"]["name"])
