"""CronJobs on a clock that is put forward."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.core.clock import Clock
from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from sandbox.kubernetes.schedules import Schedule
from tests.sandbox.kubernetes_support import Running, eventually, running

_COUNT = itertools.count()
_MERGE = "application/merge-patch+json"
_CLOCK = Clock()
_IMAGES = ImageTable(
    {
        "*/fails:*": Program(("python", "-c", "raise SystemExit(3)")),
        "*/long:*": Program(("python", "-c", "import time; time.sleep(600)")),
    }
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a node and its controllers, on one clock."""
    with running(clock=_CLOCK) as started:
        server = started.server
        started.post("/api/v1/nodes", node("node-a", "1.34.2"))
        pods = tmp_path_factory.mktemp("pods")
        with Controllers(server.url, server.ca_file, server.token, pods, _IMAGES, clock=_CLOCK):
            yield started


@pytest.fixture
def namespace(cluster: Running) -> Iterator[str]:
    """A namespace of the test's own, gone afterwards with its processes."""
    name = f"space-{next(_COUNT)}"
    cluster.post("/api/v1/namespaces", {"metadata": {"name": name}})
    eventually(lambda: cluster.request("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default").code == 200)
    yield name
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")


def _cron(cluster: Running, namespace: str, image: str = "done", code: int = 201, **spec: Any) -> Any:
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "c", "image": f"example.org/{image}:1"}],
    }
    template = {"metadata": {"labels": {"by": "cron"}}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    body = {"metadata": {"name": "c"}, "spec": {"schedule": "0 * * * *", "jobTemplate": template, **spec}}
    return cluster.post(f"/apis/batch/v1/namespaces/{namespace}/cronjobs", body, code)


def _get(cluster: Running, namespace: str) -> Any:
    return cluster.get(f"/apis/batch/v1/namespaces/{namespace}/cronjobs/c")


def _active(cluster: Running, namespace: str) -> list[Any]:
    return (_get(cluster, namespace).get("status") or {}).get("active") or []


def _jobs(cluster: Running, namespace: str, ending: str = "") -> list[Any]:
    found = cluster.get(f"/apis/batch/v1/namespaces/{namespace}/jobs")["items"]
    return [one for one in found if not ending or _ended(one) == ending]


def _ended(job: dict[str, Any]) -> str:
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((one["type"] for one in conditions if one["type"] in ("Complete", "Failed")), "")


def _events(cluster: Running, namespace: str) -> set[str]:
    found = cluster.get(f"/api/v1/namespaces/{namespace}/events")["items"]
    return {one["reason"] for one in found if one["involvedObject"]["kind"] == "CronJob"}


def test_once_an_hour(cluster: Running, namespace: str) -> None:
    """A job per hour, named by its minute; the history keeps as many as it should; suspended ones rest."""
    _cron(cluster, namespace, successfulJobsHistoryLimit=2)
    names: list[str] = []
    for _ in range(3):
        _CLOCK.advance(3600)
        hour = _CLOCK.wall().replace(minute=0, second=0, microsecond=0)
        names.append(f"c-{int(hour.timestamp()) // 60}")
        eventually(lambda: names[-1] in {one["metadata"]["name"] for one in _jobs(cluster, namespace, "Complete")})
    eventually(lambda: sorted(one["metadata"]["name"] for one in _jobs(cluster, namespace)) == names[1:])
    job = _jobs(cluster, namespace)[-1]
    stamp = hour.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert job["metadata"]["annotations"] == {"batch.kubernetes.io/cronjob-scheduled-timestamp": stamp}
    assert job["metadata"]["labels"]["by"] == "cron"
    status = eventually(
        lambda: "active" not in _get(cluster, namespace)["status"] and _get(cluster, namespace)["status"]
    )
    assert status["lastScheduleTime"] == stamp
    assert "lastSuccessfulTime" in status
    path = f"/apis/batch/v1/namespaces/{namespace}/cronjobs/c"
    cluster.request("PATCH", path, {"spec": {"suspend": True}}, media=_MERGE)
    _CLOCK.advance(7200)
    assert {"SuccessfulCreate", "SawCompletedJob", "SuccessfulDelete"} <= _events(cluster, namespace)
    cluster.request("PATCH", path, {"spec": {"suspend": False}}, media=_MERGE)
    latest = f"c-{int(_CLOCK.wall().replace(minute=0, second=0, microsecond=0).timestamp()) // 60}"
    eventually(lambda: latest in {one["metadata"]["name"] for one in _jobs(cluster, namespace)})
    assert f"c-{int(latest[2:]) - 60}" not in {one["metadata"]["name"] for one in _jobs(cluster, namespace)}


@pytest.mark.parametrize(("policy", "count"), [("Forbid", 1), ("Replace", 1), ("Allow", 2)])
def test_while_one_runs(cluster: Running, namespace: str, policy: str, count: int) -> None:
    """The next one is left out, takes its place or runs beside it."""
    _cron(cluster, namespace, "long", concurrencyPolicy=policy)
    _CLOCK.advance(3600)
    (first,) = eventually(lambda: _jobs(cluster, namespace))
    eventually(lambda: len(_active(cluster, namespace)) == 1)
    _CLOCK.advance(3600)
    told = {"Forbid": "JobAlreadyActive", "Replace": "SuccessfulDelete", "Allow": "SuccessfulCreate"}[policy]
    eventually(lambda: told in _events(cluster, namespace))
    eventually(lambda: len(_jobs(cluster, namespace)) == count)
    kept = first["metadata"]["name"] in {one["metadata"]["name"] for one in _jobs(cluster, namespace)}
    assert kept == (policy != "Replace")
    eventually(lambda: len(_active(cluster, namespace)) == count)


def test_too_late(cluster: Running, namespace: str) -> None:
    """What was missed for longer than the deadline is not made up for; failed jobs are kept as the limit says."""
    wall = _CLOCK.wall()
    minute = (wall.minute + 30) % 60
    _cron(cluster, namespace, "fails", schedule=f"{minute} * * * *", startingDeadlineSeconds=60)
    due = wall.replace(minute=minute, second=0) + (timedelta(hours=1) if minute < wall.minute else timedelta())
    _CLOCK.advance((due - wall).total_seconds() + 600)
    _CLOCK.advance(3000 + 5)  # the next one, in time
    eventually(lambda: len(_jobs(cluster, namespace, "Failed")) == 1)
    assert len(_jobs(cluster, namespace)) == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"schedule": "0 * * *"}, "expected exactly 5 fields, found 4: [0 * * *]"),
        ({"schedule": "61 * * * *"}, "Bad minute in '61 * * * *'"),
        ({"schedule": "@often"}, "unrecognized descriptor: @often"),
        ({"timeZone": "Mars/Olympus"}, "unknown time zone Mars/Olympus"),
    ],
)
def test_refused(cluster: Running, namespace: str, spec: dict[str, Any], message: str) -> None:
    """With the field and what is wrong with it."""
    refused = _cron(cluster, namespace, code=422, **spec)
    assert message in refused["message"]
    assert refused["details"]["causes"][0]["field"] == f"spec.{next(iter(spec))}"


def test_schedules() -> None:
    """Names, intervals and zones."""
    start = datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)

    def following(text: str, zone: str = "") -> str:
        return next(Schedule(text, zone).after(start)).strftime("%d %H:%M:%S")

    assert following("@hourly") == "01 11:00:00"
    assert following("@every 1h30m") == "01 11:50:30"
    assert following("0 9 * * ?") == "02 09:00:00"
    assert following("0 9 * * *", "America/New_York") == "01 14:00:00"
