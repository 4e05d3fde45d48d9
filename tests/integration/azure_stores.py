"""Data stores of a site on Azure, for the tests that roll them out."""

from __future__ import annotations

from typing import Any

from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._run import Wanted, execute
from module_utils._spec.arguments import build
from module_utils._spec.cache import Cache
from module_utils._spec.cluster import Cluster
from module_utils._spec.network import Network
from module_utils._spec.registry import Registry
from module_utils._spec.secret_store import SecretStore
from module_utils._spec.site import Site

from sandbox.fixture import Sandbox
from tests.integration import sites

BASE = "ml-platform-azure-dev"
CLASSES: dict[str, type] = {
    "network": Network,
    "secret_store": SecretStore,
    "cluster": Cluster,
    "cache": Cache,
    "registry": Registry,
}


def carry_out(
    site: dict[str, Any], capabilities: dict[str, Any], *, refers: tuple[str, ...] = (), **options: Any
) -> Report:
    """One call, with the resource providers registered that it needs. refers: capabilities that are left alone."""
    parts: dict[str, Any] = {name: build(CLASSES[name], part) for name, part in capabilities.items()}
    given = {"enable_services": True, **site}
    return execute(Wanted(build(Site, given), **parts, refers=frozenset(refers)), sites.options(**options))


def run(site: dict[str, Any], capabilities: dict[str, Any], **options: Any) -> Report:
    report = carry_out(site, capabilities, **options)
    assert not report.failed, report.summary()
    return report


def acts(report: Report) -> dict[str, str]:
    return {f"{each.kind} {each.name}": each.action.value for each in report.entries if each.action is not Action.NONE}


def fields(report: Report) -> set[str]:
    return {change.path for each in report.entries for change in each.changes if each.action is Action.UPDATE}


def writes(sandbox: Sandbox, since: int) -> list[str]:
    return [entry["operation"] for entry in sandbox.journal("azure", since) if entry["write"]]


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("azure")
    return int(entries[-1]["seq"]) if entries else 0
