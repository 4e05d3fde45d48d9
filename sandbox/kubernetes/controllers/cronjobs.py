"""CronJobs: Jobs when they are due by the cluster's clock."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from ..schedules import Schedule
from .base import Controller, Informers, owner_reference
from .client import ApiFailure, Body, Client, path_of
from .informer import Key, key_of

_SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_TOO_MANY = 100


class CronJobs(Controller):
    """batch/v1 CronJobs make Jobs."""

    api_version, plural, kind = "batch/v1", "cronjobs", "CronJob"

    def __init__(self, client: Client, informers: Informers) -> None:
        super().__init__(client, informers)
        self._jobs = informers.of("batch/v1", "jobs")
        self.follow_owned(self._jobs)

    async def reconcile(self, key: Key) -> None:
        cron = self.own.get(*key)
        if cron is None or cron["metadata"].get("deletionTimestamp"):
            self.forget_moment(key)
            return
        jobs = self._jobs.owned_by(cron["metadata"]["uid"], key[0])
        status: Body = json.loads(json.dumps(cron.get("status") or {}))
        await self._look(cron, jobs, status)
        await self._tidy(cron, jobs)
        if cron["spec"].get("suspend"):
            self.forget_moment(key)
        else:
            await self._schedule(cron, jobs, status)
        if not status.get("active"):
            status.pop("active", None)
        await self.set_status(self.own.get(*key) or cron, status)

    async def _look(self, cron: Body, jobs: list[Body], status: Body) -> None:
        """Which of its jobs are running, and which has succeeded last."""
        running = {job["metadata"]["uid"]: job for job in jobs if not _finished(job)}
        for one in status.get("active") or []:
            if one["uid"] not in running:
                job = next((job for job in jobs if job["metadata"]["uid"] == one["uid"]), None)
                if job is None:
                    text = f"Active job went missing: {one['name']}"
                    await self.event(cron, "Normal", "MissingJob", text)
                else:
                    text = f"Saw completed job: {one['name']}, condition: {_finished(job)}"
                    await self.event(cron, "Normal", "SawCompletedJob", text)
        status["active"] = [_reference(job) for job in sorted(running.values(), key=_started)]
        ended = [job["status"].get("completionTime") for job in jobs if _finished(job) == "Complete"]
        last = max([one for one in [*ended, status.get("lastSuccessfulTime")] if one], default=None)
        if last:
            status["lastSuccessfulTime"] = last

    async def _tidy(self, cron: Body, jobs: list[Body]) -> None:
        """Finished jobs over the limits go, the oldest first."""
        for ending, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            found = sorted((job for job in jobs if _finished(job) == ending), key=_started)
            kept = cron["spec"].get(limit)
            for job in found[: max(0, len(found) - kept)] if kept is not None else []:
                await self._delete(cron, job)

    async def _delete(self, cron: Body, job: Body) -> None:
        if job["metadata"].get("deletionTimestamp"):
            return
        path = path_of("batch/v1", "jobs", *key_of(job))
        await self.client.delete(path, propagationPolicy="Background")
        await self.event(cron, "Normal", "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")

    async def _schedule(self, cron: Body, jobs: list[Body], status: Body) -> None:
        spec, key, now = cron["spec"], key_of(cron), self.clock.wall()
        try:
            schedule = Schedule(spec["schedule"], spec.get("timeZone") or "")
        except ValueError as problem:
            await self.event(cron, "Warning", "UnparseableSchedule", f"unparseable schedule: {problem}")
            return
        due = await self._due(cron, schedule, now, status)
        if due is not None and await self._may_start(cron, jobs, status):
            job = await self._start(cron, due)
            if job is not None:
                status["active"] = [*(status.get("active") or []), _reference(job)]
            status["lastScheduleTime"] = due.strftime("%Y-%m-%dT%H:%M:%SZ")
        following = next(schedule.after(now), None)
        if following is not None:
            self.enqueue_at(key, following)

    async def _due(self, cron: Body, schedule: Schedule, now: datetime, status: Body) -> datetime | None:
        """The last moment that was missed, when it is not too late for it."""
        earliest = datetime.fromisoformat(status.get("lastScheduleTime") or cron["metadata"]["creationTimestamp"])
        limit = cron["spec"].get("startingDeadlineSeconds")
        if limit is not None:
            earliest = max(earliest, now - timedelta(seconds=limit))
        last, missed = None, 0
        for moment in schedule.after(earliest):
            if moment > now:
                break
            last, missed = moment, missed + 1
        if missed > _TOO_MANY:
            text = (
                f"too many missed start times: {missed}. Set or decrease .spec.startingDeadlineSeconds or check clock "
                "skew"
            )
            await self.event(cron, "Warning", "TooManyMissedTimes", text)
        return last

    async def _may_start(self, cron: Body, jobs: list[Body], status: Body) -> bool:
        """What concurrencyPolicy says of jobs that still run."""
        active = status.get("active") or []
        policy = cron["spec"].get("concurrencyPolicy")
        if policy == "Forbid" and active:
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            await self.event(cron, "Normal", "JobAlreadyActive", text)
            return False
        if policy == "Replace":
            uids = {one["uid"] for one in active}
            for job in jobs:
                if job["metadata"]["uid"] in uids:
                    await self._delete(cron, job)
            status["active"] = []
        return True

    async def _start(self, cron: Body, due: datetime) -> Body | None:
        """The job of a moment; its name says which, so that there is never a second one. None when there is one."""
        namespace, name = key_of(cron)
        template = cron["spec"]["jobTemplate"]
        meta = template.get("metadata") or {}
        moment = due.strftime("%Y-%m-%dT%H:%M:%SZ")
        body: Body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"{name}-{int(due.timestamp()) // 60}",
                "labels": meta.get("labels") or {},
                "annotations": {**(meta.get("annotations") or {}), _SCHEDULED: moment},
                "ownerReferences": [owner_reference(cron)],
            },
            "spec": template["spec"],
        }
        try:
            job = await self.client.create(path_of("batch/v1", "jobs", namespace), body)
        except ApiFailure as failure:
            if failure.reason == "AlreadyExists":
                return None
            await self.event(cron, "Warning", "FailedCreate", f"Error creating job: {failure.message}")
            raise
        self._jobs.remember(job)
        await self.event(cron, "Normal", "SuccessfulCreate", f"Created job {job['metadata']['name']}")
        return job


def _finished(job: Body) -> str:
    """``Complete`` or ``Failed``; "" for a job that is not over."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((one["type"] for one in conditions if one["type"] in ("Complete", "Failed")), "")


def _started(job: Body) -> tuple[str, str]:
    return job["metadata"]["creationTimestamp"], job["metadata"]["name"]


def _reference(job: Body) -> Body:
    meta = job["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }
