"""Sets survive: killed at any write, answers lost, servers that fail, tokens that end in the middle of a run."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from module_utils._engine.errors import Unavailable
from module_utils._engine.report import Report
from module_utils._engine.settings import Settings
from module_utils._engine.tags import Owner
from module_utils._kubernetes.client import Client
from module_utils._kubernetes.objects import Ref
from module_utils._kubernetes.sets import SetOptions, converge_set

from sandbox.core.faults import FaultRule
from tests.integration.clusters import Access, World, world, writes

_COUNT = itertools.count()


class Hasty:
    """A clock that is fifty times as fast as everybody else's, because nobody here is late."""

    def now(self) -> float:
        return time.monotonic() * 50

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 50)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[World]:
    """One server for all."""
    with world() as made:
        yield made


@pytest.fixture(autouse=True)
def _healthy(cluster: World) -> Iterator[None]:
    yield
    cluster.faults.clear()


@pytest.fixture
def name() -> str:
    return f"hardy-{next(_COUNT)}"


def _run(cluster: World, name: str, objects: list[dict[str, Any]], access: Access | None = None, **more: Any) -> Report:
    settings = Settings(owner=Owner("ml", "dev", "aws-dev"), wait_timeout=600, retry_timeout=300, workers=4, **more)
    return converge_set(cluster.client(access), settings, objects, SetOptions(name, namespace=name), clock=Hasty())


def _objects(name: str, *configs: str, value: str = "1") -> list[dict[str, Any]]:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    made = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": each}} for each in configs]
    return [space, *({**each, "data": {"v": value}} for each in made)]


def _killed_after(monkeypatch: pytest.MonkeyPatch, count: int) -> threading.Event:
    """From that many writes on none is made any more. The event says whether it came to that."""
    done, left, guard = threading.Event(), [count], threading.Lock()
    real = Client.raw

    def raw(self: Client, method: str, path: str, **more: Any) -> Any:
        if method != "GET" and (more.get("query") or {}).get("dryRun") is None:
            with guard:
                left[0] -= 1
                if left[0] < 0:
                    done.set()
                    raise Killed
        return real(self, method, path, **more)

    monkeypatch.setattr(Client, "raw", raw)
    return done


def _contents(cluster: World, name: str) -> dict[str, str]:
    found = cluster.client().list("v1", "ConfigMap", name)
    return {one["metadata"]["name"]: one["data"]["v"] for one in found if one["metadata"]["name"] != "kube-root-ca.crt"}


def test_a_run_that_was_killed_goes_on(cluster: World, name: str) -> None:
    """At every write of a first run, of one that changes, makes and prunes, and of a removal."""
    stages: list[tuple[list[dict[str, Any]], dict[str, Any], dict[str, str] | None]] = [
        (_objects(name, "a", "b"), {}, {"a": "1", "b": "1"}),
        (_objects(name, "b", "c", value="2"), {}, {"b": "2", "c": "2"}),
        ([], {"state": "absent"}, None),
    ]
    for objects, options, end in stages:
        for count in itertools.count():
            with pytest.MonkeyPatch.context() as patched:
                over = _killed_after(patched, count)
                try:
                    _run(cluster, name, objects, **options)
                except Killed:
                    continue
                assert not over.is_set()
                break
        assert count > 1, "it was killed before every write"
        report = _run(cluster, name, objects, **options)
        assert report.failed == []
        assert not report.changed
        if end is not None:
            assert _contents(cluster, name) == end
    assert Ref("v1", "Namespace", name).name not in {
        each["metadata"]["name"] for each in cluster.client().list("v1", "Namespace")
    }


@pytest.mark.parametrize("kind", ["drop_after", "error", "throttle"])
def test_every_request_fails_once(cluster: World, name: str, kind: str) -> None:
    """Whatever it was about; nothing is made twice and nothing is missing."""
    cluster.faults.add(FaultRule(kind=kind, times=-1, per_operation=1))
    report = _run(cluster, name, _objects(name, "a", "b"))
    assert report.failed == [], report.summary()
    assert _contents(cluster, name) == {"a": "1", "b": "1"}
    cluster.faults.clear()
    cluster.faults.add(FaultRule(kind=kind, times=-1, per_operation=1))
    assert _run(cluster, name, _objects(name, "a")).failed == []
    assert _contents(cluster, name) == {"a": "1"}
    assert not _run(cluster, name, _objects(name, "a")).changed


def test_a_server_that_is_down_is_waited_for_and_then_told(cluster: World, name: str) -> None:
    """And a rerun finishes what it began."""
    _run(cluster, name, _objects(name))
    cluster.faults.add(FaultRule(path="configmaps/b", method="PATCH", kind="error", status=503, times=-1, skip=1))
    settings, options = (
        Settings(owner=Owner("ml", "dev", "aws-dev"), retry_timeout=10),
        SetOptions(name, namespace=name),
    )
    report = converge_set(cluster.client(), settings, _objects(name, "a", "b"), options, clock=Hasty())
    assert [entry.name for entry in report.failed] == [f"{name}/b"]
    assert _contents(cluster, name) == {"a": "1"}
    cluster.faults.clear()
    cluster.faults.add(FaultRule(path="/apis", kind="error", status=503, times=-1))
    with pytest.raises(Unavailable), cluster.watched() as seen:
        converge_set(cluster.client(), settings, _objects(name, "a", "b"), options, clock=Hasty())
    assert writes(seen) == []
    cluster.faults.clear()
    assert _run(cluster, name, _objects(name, "a", "b")).failed == []
    assert _contents(cluster, name) == {"a": "1", "b": "1"}


def test_a_token_that_ends_in_the_middle_is_made_anew(
    cluster: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third request finds that it is over."""
    access = cluster.access()
    asked, real = itertools.count(1), Client.raw

    def raw(self: Client, *arguments: Any, **more: Any) -> Any:
        if next(asked) % 3 == 0:
            access.revoke()
        return real(self, *arguments, **more)

    monkeypatch.setattr(Client, "raw", raw)
    report = _run(cluster, name, _objects(name, "a", "b", "c"), access)
    assert report.failed == [], report.summary()
    assert access.made > 2
    assert _contents(cluster, name) == {"a": "1", "b": "1", "c": "1"}
