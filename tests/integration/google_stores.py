"""What the tests of data stores on Google Cloud share: runs of some capabilities, and Google's own clients."""

from __future__ import annotations

from typing import Any

from google.oauth2 import service_account
from googleapiclient.discovery import build as discover
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._module import CAPABILITIES
from module_utils._run import Wanted, execute
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

from sandbox.core.connection import GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites

BASE = "ml-platform-gcp-dev"
REGION = sites.REGIONS["gcp"]
PARENT = f"projects/{GCP_PROJECT}/locations/{REGION}"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


class Google:
    """Google's own clients, unmodified."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url = sandbox.url("gcp")
        key_file = sandbox.environment()["GOOGLE_APPLICATION_CREDENTIALS"]
        self.credentials = service_account.Credentials.from_service_account_file(key_file, scopes=SCOPES)

    def __call__(self, api: str) -> Any:
        options = {"api_endpoint": f"{self.url}/{api}/{f'{api}/v1/' if api in ('compute', 'storage') else ''}"}
        return discover(api, "v1", credentials=self.credentials, client_options=options, cache_discovery=False)


def run(site: dict[str, Any], specs: dict[str, Any], *, refers: tuple[str, ...] = (), **options: Any) -> Report:
    """One call about some capabilities, with the services that it needs switched on. refers: those left alone."""
    built: dict[str, Any] = {name: build(CAPABILITIES[name], spec) for name, spec in specs.items()}
    wanted = Wanted(build(Site, {**site, "enable_services": True}), **built, refers=frozenset(refers))
    return execute(wanted, sites.options(**options))


def done(report: Report) -> Report:
    assert not report.failed, report.summary()
    return report


def acts(report: Report) -> dict[str, str]:
    return {
        f"{entry.kind} {entry.name}": entry.action.value for entry in report.entries if entry.action is not Action.NONE
    }


def changed(report: Report) -> list[str]:
    return sorted(change.path for entry in report.entries for change in entry.changes)


def seen(sandbox: Sandbox) -> int:
    entries = sandbox.journal("gcp")
    return int(entries[-1]["seq"]) if entries else 0


def asked(sandbox: Sandbox, since: int, *, writes: bool = False) -> list[str]:
    """Operations since then, but for tokens."""
    entries = [entry for entry in sandbox.journal("gcp", since) if entry["operation"] != "oauth2.token"]
    return [entry["operation"] for entry in entries if entry["write"] or not writes]
