"""HorizontalPodAutoscalers: from metrics to replicas, with the conditions and words of the real controller."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from .autoscaling_limits import History, limited
from .autoscaling_metrics import Calculator, MetricFailure, Proposal
from .base import Controller, Informers, condition
from .client import ApiFailure, Body, Client, path_of
from .informer import Key

# How often metrics are looked at; a real cluster takes 15 s.
_PERIOD_SECONDS = 1.0


class Autoscalers(Controller):
    """autoscaling/v2. Metrics come from ``metrics.k8s.io`` alone: there is no server for custom or external ones."""

    api_version, plural, kind = "autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._calculator = Calculator(client, informers.of("v1", "pods"))
        self._histories: dict[str, History] = {}
        self._plurals: dict[tuple[str, str], str] = {}
        self._due: set[Key] = set()

    def _later(self, key: Key) -> None:
        if key not in self._due:
            self._due.add(key)
            self.enqueue_after(key, _PERIOD_SECONDS)

    async def reconcile(self, key: Key) -> None:
        self._due.discard(key)
        scaler = self.own.get(*key)
        if scaler is None or scaler["metadata"].get("deletionTimestamp"):
            return
        try:
            await self._scale(scaler)
        finally:
            self._later(key)

    async def _scale(self, scaler: Body) -> None:
        status: Body = json.loads(json.dumps(scaler.get("status") or {}))
        conditions: list[Body] = status.setdefault("conditions", [])
        target = scaler["spec"]["scaleTargetRef"]
        now = self.clock.wall()
        try:
            path, scale = await self._target(scaler, target)
        except ApiFailure as failure:
            text = f"the HPA controller was unable to get the target's current scale: {failure.message}"
            if condition(conditions, "AbleToScale", "False", "FailedGetScale", text):
                await self.event(scaler, "Warning", "FailedGetScale", failure.message)
            await self.set_status(scaler, status)
            return
        text = "the HPA controller was able to get the target's current scale"
        if not any(one["type"] == "AbleToScale" and one["status"] == "True" for one in conditions):
            condition(conditions, "AbleToScale", "True", "SucceededGetScale", text)
        current = scale["spec"].get("replicas") or 0
        status["currentReplicas"] = scale.get("status", {}).get("replicas") or 0
        desired, reason = await self._desired(scaler, scale, current, status, now)
        if desired is not None:
            status["desiredReplicas"] = desired
            if desired != current:
                await self._rescale(scaler, path, scale, desired, reason, status)
        else:
            status["desiredReplicas"] = current
        fresh = self.own.get(scaler["metadata"]["namespace"], scaler["metadata"]["name"])
        if fresh is not None and fresh["metadata"]["uid"] == scaler["metadata"]["uid"]:
            await self.set_status(fresh, status)

    async def _target(self, scaler: Body, target: Body) -> tuple[str, Body]:
        """Path and Scale of what is scaled; ApiFailure with what is wrong."""
        api_version, kind = target.get("apiVersion", "v1"), target["kind"]
        plural = await self._plural(api_version, kind)
        path = path_of(api_version, plural, scaler["metadata"]["namespace"], target["name"], "scale")
        scale: Body = await self.client.request("GET", path)
        return path, scale

    async def _plural(self, api_version: str, kind: str) -> str:
        if (api_version, kind) not in self._plurals:
            group = api_version.rpartition("/")[0]
            nothing = ApiFailure(
                404, "NotFound", f'no matches for kind "{kind}" in group "{group}"' if group else f'no kind "{kind}"'
            )
            found = await self.client.get(path_of(api_version, ""))
            for one in (found or {}).get("resources") or []:
                if one["kind"] == kind and "/" not in one["name"]:
                    self._plurals[api_version, kind] = one["name"]
            if (api_version, kind) not in self._plurals:
                raise nothing
        return self._plurals[api_version, kind]

    async def _desired(
        self, scaler: Body, scale: Body, current: int, status: Body, now: datetime
    ) -> tuple[int | None, str]:
        """How many replicas there should be, and why; None when that cannot be told."""
        spec, conditions = scaler["spec"], status["conditions"]
        least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
        if not current and least:
            text = "scaling is disabled since the replica count of the target is zero"
            condition(conditions, "ScalingActive", "False", "ScalingDisabled", text)
            return 0, ""
        if current > most:
            return most, "Current number of replicas above Spec.MaxReplicas"
        if current < least:
            return least, "Current number of replicas below Spec.MinReplicas"
        proposals: list[Proposal] = []
        failures: list[MetricFailure] = []
        for metric in spec["metrics"]:
            try:
                proposals.append(await self._calculator.propose(scaler, scale, metric, current))
            except MetricFailure as failure:
                failures.append(failure)
                await self._invalid(scaler, failure, status)
        status["currentMetrics"] = [one.shown for one in proposals] or None
        best = max(proposals, key=lambda one: one.replicas, default=None)
        # Some metrics alone are enough to go up, never to go down.
        if failures and (best is None or best.replicas < current):
            first = failures[0]
            text = f"the HPA was unable to compute the replica count: {first}"
            condition(conditions, "ScalingActive", "False", first.reason, text)
            return None, ""
        if best is None:
            return None, ""
        text = f"the HPA was able to successfully calculate a replica count from {best.name}"
        condition(conditions, "ScalingActive", "True", "ValidMetricFound", text)
        history = self._histories.setdefault(scaler["metadata"]["uid"], History())
        desired = limited(spec, history, current, best.replicas, now, conditions)
        if desired > current:
            return desired, f"{best.name} above target"
        return desired, "All metrics below target"

    async def _invalid(self, scaler: Body, failure: MetricFailure, status: Body) -> None:
        """Tell it once, not at every look."""
        text = f"the HPA was unable to compute the replica count: {failure}"
        told = {one.get("message") for one in status["conditions"]}
        if text in told:
            return
        await self.event(scaler, "Warning", failure.reason, str(failure))
        total = len(scaler["spec"]["metrics"])
        wrong = f"invalid metrics (1 invalid out of {total}), first error is: failed to get {failure.what}: {failure}"
        await self.event(scaler, "Warning", "FailedComputeMetricsReplicas", wrong)

    async def _rescale(self, scaler: Body, path: str, scale: Body, desired: int, reason: str, status: Body) -> None:
        before, conditions = scale["spec"].get("replicas") or 0, status["conditions"]
        body: dict[str, Any] = {**scale, "spec": {**scale["spec"], "replicas": desired}}
        try:
            await self.client.request("PUT", path, body)
        except ApiFailure as failure:
            text = f"the HPA controller was unable to update the target scale: {failure.message}"
            condition(conditions, "AbleToScale", "False", "FailedUpdateScale", text)
            message = f"New size: {desired}; reason: {reason}; error: {failure.message}"
            await self.event(scaler, "Warning", "FailedRescale", message)
            status["desiredReplicas"] = before
            return
        now = self.clock.wall()
        self._histories.setdefault(scaler["metadata"]["uid"], History()).scaled(now, desired - before)
        text = f"the HPA controller was able to update the target scale to {desired}"
        condition(conditions, "AbleToScale", "True", "SucceededRescale", text)
        status["lastScaleTime"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        await self.event(scaler, "Normal", "SuccessfulRescale", f"New size: {desired}; reason: {reason}")
