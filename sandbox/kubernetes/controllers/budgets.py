"""How much disruption a budget allows."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..selectors import object_selector
from .base import Controller, Informers, condition, is_active, is_ready, scaled
from .client import Body, Client
from .informer import Key, controller_uid

_EVICTION_SECONDS = 120


class DisruptionBudgets(Controller):
    """policy/v1 budgets: how many pods are healthy, how many may go."""

    api_version, plural, kind = "policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._pods = informers.of("v1", "pods")
        self._owners = [informers.of("apps/v1", name) for name in ("replicasets", "statefulsets")]
        self._pods.on_change(lambda body, before: self._of_namespace(body))

    def _of_namespace(self, pod: Body) -> None:
        for key in self.own.objects:
            if key[0] == pod["metadata"]["namespace"]:
                self.enqueue(key)

    async def reconcile(self, key: Key) -> None:
        budget = self.own.get(*key)
        if budget is None or budget["metadata"].get("deletionTimestamp"):
            return
        spec = budget.get("spec") or {}
        fits = object_selector(spec.get("selector"))
        pods = [
            pod
            for pod in self._pods.in_namespace(key[0])
            if fits(pod["metadata"].get("labels") or {}) and is_active(pod)
        ]
        expected = self._expected(pods)
        evicted, again = self._evicted(budget, pods)
        healthy = sum(is_ready(pod) for pod in pods if pod["metadata"]["name"] not in evicted)
        if spec.get("maxUnavailable") is not None:
            wanted = max(0, expected - scaled(spec["maxUnavailable"], expected, up=True))
        else:
            wanted = scaled(spec.get("minAvailable", 1), expected, up=True)
        allowed = max(0, healthy - wanted) if expected else 0
        if again is not None:
            self.enqueue_at(key, again)
        before = budget.get("status") or {}
        conditions = [dict(one) for one in before.get("conditions") or []]
        reason = "SufficientPods" if allowed else "InsufficientPods"
        condition(conditions, "DisruptionAllowed", str(allowed > 0), reason)
        for one in conditions:
            one.setdefault("message", "")
        status: Body = {
            "observedGeneration": budget["metadata"]["generation"],
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": wanted,
            "expectedPods": expected,
            "conditions": conditions,
            **({"disruptedPods": evicted} if evicted else {}),
        }
        await self.set_status(budget, status)

    def _evicted(self, budget: Body, pods: list[Body]) -> tuple[dict[str, str], datetime | None]:
        """Pods whose eviction was granted and which are not seen to go yet, and when that will not be believed."""
        there = {pod["metadata"]["name"] for pod in pods}
        found, again = {}, None
        for name, stamp in ((budget.get("status") or {}).get("disruptedPods") or {}).items():
            until = datetime.fromisoformat(stamp) + timedelta(seconds=_EVICTION_SECONDS)
            if name in there and until > self.clock.wall():
                found[name] = stamp
                again = until if again is None else min(again, until)
        return found, again

    def _expected(self, pods: list[Body]) -> int:
        """As many as the owners of the pods want; pods on their own count for themselves."""
        total = 0
        seen: set[str] = set()
        for pod in pods:
            uid = controller_uid(pod)
            owner = next((one for one in (source.by_uid(uid) for source in self._owners) if one), None)
            if owner is None:
                total += 1
            elif uid not in seen:
                seen.add(uid)
                total += owner["spec"]["replicas"]
        return total
