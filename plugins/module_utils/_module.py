# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From module arguments to a run and back to a result: what all modules share. Knows no module object."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

from ._engine.errors import CloudError
from ._engine.report import Entry, Report
from ._engine.settings import Event, Notify
from ._run import CAPABILITIES as ORDER
from ._run import Options, Wanted, execute
from ._spec.arguments import argument_spec, build
from ._spec.cache import Cache
from ._spec.cluster import Cluster
from ._spec.database import Database
from ._spec.network import Network
from ._spec.object_store import ObjectStore
from ._spec.registry import Registry
from ._spec.secret_store import SecretStore
from ._spec.site import Site
from ._spec.workload_identity import WorkloadIdentity

_SPECS: dict[str, type] = {
    "network": Network,
    "secret_store": SecretStore,
    "cluster": Cluster,
    "database": Database,
    "cache": Cache,
    "registry": Registry,
    "object_store": ObjectStore,
    "workload_identity": WorkloadIdentity,
}
CAPABILITIES: dict[str, type] = {name: _SPECS[name] for name in ORDER}

# What each module takes and what it manages. A capability that is taken and not managed is referred to.
TAKES: dict[str, tuple[str, ...]] = {
    "site": tuple(CAPABILITIES),
    "site_info": tuple(CAPABILITIES),
    "network": ("network",),
    "cluster": ("network", "cluster"),
    "secret_store": ("secret_store",),
    "database": ("network", "secret_store", "database"),
    "cache": ("network", "secret_store", "cache"),
    "registry": ("registry",),
    "object_store": ("object_store",),
    "workload_identity": tuple(name for name in CAPABILITIES if name != "registry"),
}
TAKES |= {f"{name}_info": TAKES[name] for name in ("secret_store", "database", "cache", "registry")}
# What a capability needs besides itself.
NEEDS: dict[str, tuple[str, ...]] = {
    "cluster": ("network",),
    "database": ("network", "secret_store"),
    "cache": ("network", "secret_store"),
    "workload_identity": ("network", "secret_store", "cluster", "database", "cache", "object_store"),
}

# The library to install, by the first part of the import that failed.
_LIBRARIES = {
    "boto3": "boto3",
    "botocore": "boto3",
    "google": "google-auth",
    "requests": "requests",
    "psycopg": "psycopg",
    "azure": "azure-identity and azure-mgmt-resource",
    "kubernetes": "kubernetes",
    "yaml": "PyYAML",
}


@dataclass(frozen=True)
class Waits:
    """Module options that say how long a run waits, and where it tells what goes on (doc fragment `waits`)."""

    wait_timeout: int = 3600
    retry_timeout: int = 180
    progress_file: str | None = field(default=None, metadata={"type": "path"})


@dataclass(frozen=True)
class Run(Waits):
    """Module options that say what a run may do (doc fragments `run` and `waits`)."""

    state: Literal["present", "absent"] = "present"
    adopt: bool = False
    allow_replace: bool = False
    allow_disruption: bool = False


@dataclass(frozen=True)
class Going:
    """Module options of `site` and `cluster` for a cluster that goes."""

    allow_unreachable_cluster: bool = False


Capability = Literal[
    "network", "secret_store", "cluster", "database", "cache", "registry", "object_store", "workload_identity"
]


@dataclass(frozen=True)
class Selection:
    """Module options of `site` and `site_info` that say what a call is about."""

    only: tuple[Capability, ...] | None = None


@dataclass
class Outcome:
    """How a call ended. `result` always has the same keys; `msg` stands in it when `failed`."""

    result: dict[str, Any]
    failed: bool = False
    warnings: list[str] = field(default_factory=list)

    def take(self, report: Report) -> None:
        """A run's report becomes the result."""
        self.result.update(report.as_dict())
        self.warnings += report.warnings
        if report.failed:
            self.fail(report.summary())

    def fail(self, message: str) -> None:
        self.failed = True
        self.result["msg"] = message


def arguments(module: str) -> dict[str, dict[str, Any]]:
    """The argument spec of one of the collection's modules."""
    spec = argument_spec(Site)
    for name in TAKES[module]:
        # Nothing in it is secret, whatever it is called: values live in the clouds' stores alone.
        spec[name] = {"type": "dict", "options": argument_spec(CAPABILITIES[name]), "no_log": False}
    own = capability_of(module)
    if own:
        spec[own]["required"] = True
        for name in NEEDS.get(own, ()):
            spec[name]["required"] = name == "network" or (own, name) == ("workload_identity", "cluster")
    if is_info(module):
        spec["retry_timeout"] = argument_spec(Run)["retry_timeout"]
    else:
        spec |= argument_spec(Run)
    if module in ("site", "cluster"):
        spec |= argument_spec(Going)
    if module in ("site", "site_info"):
        spec |= argument_spec(Selection)
    if module == "site":
        spec["find_orphans"] = {"type": "bool", "default": False}
    return spec


def is_info(module: str) -> bool:
    """Whether the module only reads."""
    return module.endswith("_info")


def capability_of(module: str) -> str | None:
    """The one capability that a module is about; None for those that are about a whole site."""
    name = module.removesuffix("_info")
    return name if name in CAPABILITIES else None


def wanted(module: str, params: Mapping[str, Any]) -> Wanted:
    """What the arguments ask for."""
    given: dict[str, Any] = {
        name: build(CAPABILITIES[name], params[name]) for name in TAKES[module] if params.get(name) is not None
    }
    own = capability_of(module)
    if own is None and "secret_store" not in given and not given.keys().isdisjoint({"database", "cache"}):
        given["secret_store"] = SecretStore()  # their credentials need a place
    managed = {own} if own else set(params.get("only") or CAPABILITIES)
    needed = {need for name in managed & given.keys() for need in NEEDS.get(name, ())}
    taken = {name: spec for name, spec in given.items() if name in managed | needed}
    return Wanted(site=build(Site, params), refers=frozenset(needed - managed), **taken)


def carry_out(
    module: str, params: Mapping[str, Any], *, check: bool, missing_library: Callable[[str, str], str]
) -> Outcome:
    """One call of a module, from its arguments to its result. Never raises for what a cloud or a user did.

    missing_library(library, reason): the sentence for a library that is not installed.
    """
    outcome = Outcome(blank(params))
    result = outcome.result

    def work(notify: Notify) -> None:
        report = execute(wanted(module, params), _options(module, params, check), notify=notify)
        if is_info(module):
            result.update(report.as_dict(), changed=False, resources=_survey(report), problems=report.warnings)
        else:
            outcome.take(report)

    attempt_telling(outcome, params, missing_library, work)
    if is_info(module):
        result.pop("diff")
        result.setdefault("problems", [])
    return outcome


def attempt_telling(
    outcome: Outcome,
    params: Mapping[str, Any],
    missing_library: Callable[[str, str], str],
    work: Callable[[Notify], None],
) -> None:
    """`attempt`, with progress where `progress_file` says."""
    progress = ProgressFile(params.get("progress_file"), outcome.result["site"]["name"])
    attempt(outcome, params["cloud"], missing_library, lambda: work(progress.write))
    if progress.trouble:
        outcome.warnings.append(progress.trouble)


def attempt(outcome: Outcome, cloud: str, missing_library: Callable[[str, str], str], work: Callable[[], None]) -> None:
    """Do the work of one call. What is raised becomes the outcome's message."""
    try:
        work()
    except CloudError as error:
        outcome.fail(str(error))
    except Exception as error:  # a defect must not lose the result's shape, nor where it happened
        library = _LIBRARIES.get((error.name or "").partition(".")[0]) if isinstance(error, ImportError) else None
        if library:
            outcome.fail(missing_library(library, f"for sites on {cloud}"))
        else:
            outcome.fail(f"Unexpected {type(error).__name__}: {error} ({_where(error)})")


def blank(params: Mapping[str, Any]) -> dict[str, Any]:
    """The result's keys before anything was done. `site` says where it happened, `started` when (UTC)."""
    site = build(Site, params)
    return {
        **Report(check=False, state="present").as_dict(),
        "site": {
            "name": site.name,
            "cloud": site.cloud,
            "region": site.region,
            "account": site.account,
            "platform": site.platform,
            "environment": site.environment,
        },
        "started": _utc(time.time()),
    }


def _where(error: Exception) -> str:
    """The last three places an error came through, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[:-4:-1]
    return ", called from ".join(f"{os.path.basename(frame.filename)} line {frame.lineno}" for frame in frames)


def _options(module: str, params: Mapping[str, Any], check: bool) -> Options:
    if is_info(module):
        whole = capability_of(module) is None
        return Options(check=True, tolerant=True, find_orphans=whole, retry_timeout=params["retry_timeout"])
    run = build(Run, params)
    chosen = {item.name: getattr(run, item.name) for item in fields(run) if item.name != "progress_file"}
    return Options(
        check=check,
        find_orphans=bool(params.get("find_orphans")),
        allow_unreachable_cluster=bool(params.get("allow_unreachable_cluster")),
        **chosen,
    )


def _survey(report: Report) -> list[dict[str, Any]]:
    """What exists and how it differs, instead of what would be done."""
    return [_finding(entry) for entry in report.entries]


def _finding(entry: Entry) -> dict[str, Any]:
    line = entry.as_dict()
    exists = bool(entry.id)
    return {
        **{key: line[key] for key in ("kind", "name", "id")},
        "exists": exists,
        "drift": line["action"] != "none",
        "changes": line["changes"] if exists else [],
        "note": line["note"],
    }


class ProgressFile:
    """Progress as JSON lines, for whoever reads the file while the run goes on. A file that cannot be written is a
    warning (`trouble`): it must not stop a rollout."""

    def __init__(self, path: str | None, site: str) -> None:
        self.path = path
        self.site = site
        self.trouble = ""

    def write(self, event: Event) -> None:
        """Append one event. The engine never calls it from two threads at once."""
        if not self.path or self.trouble:
            return
        line = json.dumps({"time": _utc(time.time()), "site": self.site, **event.as_dict()})
        try:
            # One write per line, so that a reader never sees half of one.
            with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as file:
                file.write(line + "\n")
        except OSError as error:
            self.trouble = f"progress_file {self.path} cannot be written: {error.strerror}. Progress is not shown."


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
