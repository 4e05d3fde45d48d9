"""Data stores of a site on AWS, for the tests that roll them out."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3
import urllib3.connectionpool
from module_utils import _backup
from module_utils._backup import Stores
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import sites

BASE = "ml-platform-aws-dev"
REGION = sites.REGIONS["aws"]


def amazon(sandbox: Sandbox) -> Callable[[str], Any]:
    """AWS's own clients, unmodified."""
    return lambda service: boto3.client(service, region_name=REGION, endpoint_url=sandbox.url("aws"))


def run(site: dict[str, Any], parts: dict[str, Any], *, refers: Iterable[str] = (), **options: Any) -> Report:
    """refers: capabilities that are only looked at."""
    wanted = dataclasses.replace(sites.wanted(site, parts), refers=frozenset(refers))
    report = execute(wanted, sites.options(**options))
    assert not report.failed, report.summary()
    return report


def _stores(site: dict[str, Any], parts: dict[str, Any]) -> Stores:
    wanted = sites.wanted(site, parts)
    return Stores(wanted.site, wanted.database, wanted.cache)


def back_up(site: dict[str, Any], parts: dict[str, Any], label: str) -> Report:
    report = _backup.back_up(_stores(site, parts), label, sites.options())
    assert not report.failed, report.summary()
    return report


def told(site: dict[str, Any], parts: dict[str, Any]) -> list[dict[str, Any]]:
    """What can be brought back of each store."""
    return _backup.look(_stores(site, parts), None, retry_timeout=60).stores


def acts(report: Report) -> dict[str, str]:
    return {
        f"{entry.kind} {entry.name}": entry.action.value for entry in report.entries if entry.action is not Action.NONE
    }


def writes(sandbox: Sandbox, since: int = 0) -> list[str]:
    return [entry["operation"] for entry in sandbox.journal("aws", since) if entry["write"]]


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("aws")
    return int(entries[-1]["seq"]) if entries else 0


BYSTANDER = "bystander"  # the name of a thread that is not the run's


class Killed(BaseException):
    """The run dies here. Not an Exception: nothing on the way may catch it."""


@contextmanager
def killed_after(sandbox: Sandbox, writes: int) -> Iterator[None]:
    """`Killed` is raised once AWS has carried out this many writes."""
    begun, send = seen(sandbox), urllib3.connectionpool.HTTPConnectionPool.urlopen

    def urlopen(pool: Any, *args: Any, **kwargs: Any) -> Any:
        answer = send(pool, *args, **kwargs)
        if threading.current_thread().name == BYSTANDER:
            return answer
        done = [entry for entry in sandbox.journal("aws", begun) if entry["write"] and int(entry["status"]) < 400]
        if len(done) >= writes:
            raise Killed
        return answer

    with mock.patch.object(urllib3.connectionpool.HTTPConnectionPool, "urlopen", urlopen):
        yield


def caches(*instances: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A network and caches in it; the changes are to the first one."""
    first, *others = instances or (SESSIONS,)
    return {"network": {"addresses": sites.SLOTS}, "cache": {"instances": [{**first, **changes}, *others]}}


SESSIONS: dict[str, Any] = {"name": "sessions", "eviction_policy": "allkeys-lru", "high_availability": True}


def described(client: Callable[[str], Any]) -> dict[str, Any]:
    """The only cache."""
    (found,) = client("elasticache").describe_replication_groups()["ReplicationGroups"]
    return dict(found)
