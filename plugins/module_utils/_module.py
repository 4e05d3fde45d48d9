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
from ._engine.settings import Event
from ._run import Options, Wanted, execute
from ._spec.arguments import argument_spec, build
from ._spec.cluster import Cluster
from ._spec.network import Network
from ._spec.object_store import ObjectStore
from ._spec.site import Site

CAPABILITIES: dict[str, type] = {"network": Network, "cluster": Cluster, "object_store": ObjectStore}

# What each module takes and what it manages. A capability that is taken and not managed is referred to.
TAKES: dict[str, tuple[str, ...]] = {
    "site": tuple(CAPABILITIES),
    "site_info": tuple(CAPABILITIES),
    "network": ("network",),
    "cluster": ("network", "cluster"),
    "object_store": ("object_store",),
}
MANAGES: dict[str, tuple[str, ...]] = {**TAKES, "cluster": ("cluster",)}

# The library to install, by the first part of the import that failed.
_LIBRARIES = {
    "boto3": "boto3",
    "botocore": "boto3",
    "google": "google-auth",
    "requests": "requests",
    "azure": "azure-identity and azure-mgmt-resource",
}


@dataclass(frozen=True)
class Run:
    """Module options that say how a run behaves (doc fragment `run`)."""

    state: Literal["present", "absent"] = "present"
    adopt: bool = False
    allow_replace: bool = False
    wait_timeout: int = 3600
    retry_timeout: int = 180
    progress_file: str | None = field(default=None, metadata={"type": "path"})


@dataclass(frozen=True)
class Selection:
    """Module options of `site` and `site_info` that say what a call is about."""

    only: tuple[Literal["network", "cluster", "object_store"], ...] | None = None


@dataclass
class Outcome:
    """How a call ended. `result` always has the same keys; `msg` stands in it when `failed`."""

    result: dict[str, Any]
    failed: bool = False
    warnings: list[str] = field(default_factory=list)


def arguments(module: str) -> dict[str, dict[str, Any]]:
    """The argument spec of one of the collection's modules."""
    spec = argument_spec(Site)
    for name in TAKES[module]:
        spec[name] = {"type": "dict", "options": argument_spec(CAPABILITIES[name])}
        if module in CAPABILITIES:
            spec[name]["required"] = True
    if module == "site_info":
        spec["retry_timeout"] = argument_spec(Run)["retry_timeout"]
    else:
        spec |= argument_spec(Run)
    if module in ("site", "site_info"):
        spec |= argument_spec(Selection)
    if module == "site":
        spec["find_orphans"] = {"type": "bool", "default": False}
    return spec


def wanted(module: str, params: Mapping[str, Any]) -> Wanted:
    """What the arguments ask for."""
    given: dict[str, Any] = {
        name: build(CAPABILITIES[name], params[name]) for name in TAKES[module] if params.get(name) is not None
    }
    managed = set(MANAGES[module]) & set(params.get("only") or CAPABILITIES)
    refers = "cluster" in managed and "cluster" in given
    return Wanted(
        site=build(Site, params),
        network=given.get("network") if "network" in managed or refers else None,
        cluster=given.get("cluster") if "cluster" in managed else None,
        object_store=given.get("object_store") if "object_store" in managed else None,
        network_managed="network" in managed,
    )


def carry_out(
    module: str, params: Mapping[str, Any], *, check: bool, missing_library: Callable[[str, str], str]
) -> Outcome:
    """One call of a module, from its arguments to its result. Never raises for what a cloud or a user did.

    missing_library(library, reason): the sentence for a library that is not installed.
    """
    result = blank(params)
    outcome = Outcome(result)
    progress = ProgressFile(params.get("progress_file"), result["site"]["name"])
    try:
        report = execute(wanted(module, params), _options(module, params, check), notify=progress.write)
    except CloudError as error:
        outcome.failed = True
        result["msg"] = str(error)
    except Exception as error:  # a defect must not lose the result's shape, nor where it happened
        outcome.failed = True
        library = _LIBRARIES.get((error.name or "").partition(".")[0]) if isinstance(error, ImportError) else None
        if library:
            result["msg"] = missing_library(library, f"for sites on {params['cloud']}")
        else:
            result["msg"] = f"Unexpected {type(error).__name__}: {error} ({_where(error)})"
    else:
        result.update(report.as_dict())
        if module == "site_info":
            result.update(changed=False, resources=_survey(report), problems=report.warnings)
        else:
            outcome.warnings += report.warnings
        if report.failed:
            outcome.failed = True
            result["msg"] = report.summary()
    if module == "site_info":
        result.pop("diff")
        result.setdefault("problems", [])
    if progress.trouble:
        outcome.warnings.append(progress.trouble)
    return outcome


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
    if module == "site_info":
        return Options(check=True, tolerant=True, find_orphans=True, retry_timeout=params["retry_timeout"])
    run = build(Run, params)
    chosen = {item.name: getattr(run, item.name) for item in fields(run) if item.name != "progress_file"}
    return Options(check=check, find_orphans=bool(params.get("find_orphans")), **chosen)


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
