"""Jobs: pods until enough of them have succeeded, or too many have failed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from .base import Controller, Informers, condition, is_active, is_ready, now, pod_from
from .client import Body, Client, path_of
from .informer import Key, key_of


class Jobs(Controller):
    """batch/v1 Jobs (NonIndexed)."""

    api_version, plural, kind = "batch/v1", "jobs", "Job"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._pods = informers.of("v1", "pods")
        self.follow_owned(self._pods)

    async def reconcile(self, key: Key) -> None:
        job = self.own.get(*key)
        if job is None or job["metadata"].get("deletionTimestamp"):
            return
        status = job.get("status") or {}
        conditions: list[Body] = json.loads(json.dumps(status.get("conditions") or []))
        if any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions):
            await self._expire(job)
            return
        pods = self._pods.owned_by(job["metadata"]["uid"], key[0])
        active = [one for one in pods if is_active(one)]
        succeeded = sum((one.get("status") or {}).get("phase") == "Succeeded" for one in pods)
        failed = sum((one.get("status") or {}).get("phase") == "Failed" for one in pods)
        started = status.get("startTime")
        over, reason, text = self._verdict(job, started, len(active), succeeded, failed)
        if over:
            for pod in active:
                await self.client.delete(path_of("v1", "pods", *key_of(pod)))
            condition(conditions, "SuccessCriteriaMet" if over == "Complete" else "FailureTarget", "True", reason, text)
            condition(conditions, over, "True", reason, text)
            active = []
            if over == "Failed":
                await self.event(job, "Warning", reason, text)
        elif job["spec"].get("suspend"):
            for pod in active:
                await self.client.delete(path_of("v1", "pods", *key_of(pod)))
            condition(conditions, "Suspended", "True", "JobSuspended", "Job suspended")
            active, started = [], None
        else:
            active = await self._fill(job, active, succeeded)
            started = started or now()
        fresh: Body = {"startTime": started} if started else {}
        counts = {
            "active": len(active),
            "succeeded": succeeded,
            "failed": failed,
            "ready": sum(map(is_ready, active)),
        }
        fresh |= {name: count for name, count in counts.items() if count}
        if conditions:
            fresh["conditions"] = conditions
        if over == "Complete":
            fresh["completionTime"] = now()
        await self.set_status(job, fresh)

    def _verdict(
        self, job: Body, started: str | None, active: int, succeeded: int, failed: int
    ) -> tuple[str, str, str]:
        """Complete or Failed with reason and message; "" while it goes on."""
        if failed > job["spec"].get("backoffLimit", 6):
            return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        if self._too_late(job, started):
            return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
        wanted = job["spec"].get("completions")
        if succeeded >= (1 if wanted is None else wanted) and (wanted is not None or not active):
            return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        return "", "", ""

    async def _fill(self, job: Body, active: list[Body], succeeded: int) -> list[Body]:
        namespace, name = key_of(job)
        wanted = job["spec"].get("completions")
        room = job["spec"]["parallelism"] - len(active)
        if wanted is not None:
            room = min(room, wanted - succeeded - len(active))
        elif succeeded:
            room = 0
        for _ in range(room):
            body = pod_from(job["spec"]["template"], job, generateName=f"{name}-")
            made = await self.client.create(path_of("v1", "pods", namespace), body)
            self._pods.remember(made)
            active.append(made)
        return active

    def _too_late(self, job: Body, started: str | None) -> bool:
        seconds = job["spec"].get("activeDeadlineSeconds")
        if seconds is None or not started:
            return False
        passed = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
        if passed < seconds:
            self.enqueue_after(key_of(job), seconds - passed + 0.1)
        return bool(passed >= seconds)

    async def _expire(self, job: Body) -> None:
        """ttlSecondsAfterFinished."""
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        over = [one for one in job["status"]["conditions"] if one["type"] in ("Complete", "Failed")]
        if seconds is None:
            return
        left = seconds - (datetime.now(UTC) - datetime.fromisoformat(over[0]["lastTransitionTime"])).total_seconds()
        if left > 0:
            self.enqueue_after(key_of(job), left + 0.1)
        else:
            await self.client.delete(self.path(job), propagationPolicy="Background")
