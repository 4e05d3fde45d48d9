"""Where a pod may be because of other pods, and where it had better be: topology spread, pod affinity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..kinds.base import at
from ..selectors import object_selector
from .base import is_active
from .client import Body

_SPREAD = "node(s) didn't match pod topology spread constraints"
_AFFINITY = "node(s) didn't match pod affinity rules"
_APART = "node(s) didn't match pod anti-affinity rules"
_THEIRS = "node(s) didn't satisfy existing pods anti-affinity rules"
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
Wants = Callable[[Body], bool]


class Placement:
    """About one pod, with nodes and pods as they are; ``eligible``: nodes that the pod's own selectors allow."""

    def __init__(self, pod: Body, nodes: Sequence[Body], eligible: Sequence[Body], pods: Sequence[Body]) -> None:
        self._pod = pod
        self._labels = {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in nodes}
        self._eligible = [one["metadata"].get("labels") or {} for one in eligible]
        placed = [one for one in pods if is_active(one) and one["spec"].get("nodeName") in self._labels]
        self._placed = [one for one in placed if one["metadata"]["uid"] != pod["metadata"]["uid"]]
        self._spread = [self._counted(one) for one in pod["spec"].get("topologySpreadConstraints") or []]
        self._theirs = [
            (other, term)
            for other in self._placed
            for term in _terms(other, "podAntiAffinity")
            if _about(other, term)(pod)
        ]

    def problem(self, node: Body) -> str:
        """Why a node does not do; "" when it does."""
        labels = node["metadata"].get("labels") or {}
        for constraint, counts, own in self._spread:
            if constraint.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
                continue
            domain = labels.get(constraint["topologyKey"])
            if domain is None:
                return f"{_SPREAD} (missing required label)"
            least = min(counts.values(), default=0)
            if len(counts) < (constraint.get("minDomains") or 0):
                least = 0
            if counts[domain] + own - least > constraint["maxSkew"]:
                return _SPREAD
        if any(not self._near(labels, term) for term in _terms(self._pod, "podAffinity")):
            return _AFFINITY
        if any(self._found(labels, term) for term in _terms(self._pod, "podAntiAffinity")):
            return _APART
        if any(self._same(labels, other, term["topologyKey"]) for other, term in self._theirs):
            return _THEIRS
        return ""

    def penalty(self, node: Body) -> int:
        """The less, the better a node is."""
        labels = node["metadata"].get("labels") or {}
        total = 0
        for constraint, counts, _ in self._spread:
            total += 100 * counts[labels.get(constraint["topologyKey"], "")]
        for kind, sign in (("podAffinity", -1), ("podAntiAffinity", 1)):
            for one in at(self._pod, f"spec.affinity.{kind}.{_PREFERRED}") or []:
                total += sign * one["weight"] * self._found(labels, one["podAffinityTerm"])
        return total

    def _counted(self, constraint: Body) -> tuple[Body, Counter[str], int]:
        """A constraint with the matching pods per domain, and whether the pod itself counts."""
        selector = dict(constraint.get("labelSelector") or {})
        own = self._pod["metadata"].get("labels") or {}
        extra = {key: own[key] for key in constraint.get("matchLabelKeys") or [] if key in own}
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **extra}
        fits = object_selector(selector if constraint.get("labelSelector") is not None or extra else None)
        key, namespace = constraint["topologyKey"], self._pod["metadata"]["namespace"]
        counts = Counter[str]({labels[key]: 0 for labels in self._eligible if key in labels})
        for one in self._placed:
            domain = self._labels[one["spec"]["nodeName"]].get(key)
            if (
                domain is not None
                and domain in counts
                and one["metadata"]["namespace"] == namespace
                and fits(_labels(one))
            ):
                counts[domain] += 1
        return constraint, counts, int(fits(own))

    def _near(self, labels: dict[str, str], term: Body) -> bool:
        """The first of a group that wants to be together may be anywhere."""
        if self._found(labels, term):
            return True
        wants = _about(self._pod, term)
        return term["topologyKey"] in labels and wants(self._pod) and not any(map(wants, self._placed))

    def _found(self, labels: dict[str, str], term: Body) -> int:
        wants = _about(self._pod, term)
        return sum(wants(one) and self._same(labels, one, term["topologyKey"]) for one in self._placed)

    def _same(self, labels: dict[str, str], other: Body, key: str) -> bool:
        """Whether another pod is in the domain of a node."""
        return key in labels and self._labels[other["spec"]["nodeName"]].get(key) == labels[key]


def _terms(pod: Body, kind: str) -> list[Any]:
    return at(pod, f"spec.affinity.{kind}.{_REQUIRED}") or []


def _about(pod: Body, term: Body) -> Wants:
    """Which pods a term of ``pod`` is about. Selectors of namespaces are taken to mean every one."""
    fits = object_selector(term.get("labelSelector"))
    namespaces = term.get("namespaces") or [pod["metadata"]["namespace"]]
    anywhere = term.get("namespaceSelector") is not None
    return lambda other: (anywhere or other["metadata"]["namespace"] in namespaces) and fits(_labels(other))


def _labels(body: Body) -> dict[str, str]:
    return body["metadata"].get("labels") or {}
