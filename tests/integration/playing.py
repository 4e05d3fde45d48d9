"""The sandbox inventory on a sandbox of its own, and the playbooks over it as users run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.fixture import Sandbox
from sandbox.lifecycle import Running, write_environment
from tests.integration import vendors

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
CLOUDS = ("aws", "gcp", "azure")
SITES = tuple(f"{cloud}-dev" for cloud in CLOUDS)


@dataclass
class Platform:
    """The sandbox inventory on a sandbox of its own."""

    sandbox: Sandbox
    collections: Path
    reports: Path
    seen: dict[str, int] = field(default_factory=dict)

    def play(self, playbook: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """variables: of the environment, beside those that the run needs."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "AWS_", "AZURE_"))}
        return subprocess.run(
            [str(PLAYBOOK), "-i", str(ROOT / "inventories" / "sandbox"), playbook, *arguments],
            env={
                **kept,
                "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
                "ANSIBLE_LOCAL_TEMP": str(self.reports / "tmp"),
                "ANSIBLE_FORKS": "10",
                "SANDBOX_DIR": str(self.sandbox.directory),
                "PLATFORM_REPORT_DIR": str(self.reports),
                **variables,
            },
            cwd=self.reports.parent,  # not the checkout: nothing of it may be needed
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def report(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.reports / f"{name}.json").read_text()))

    def writes(self) -> dict[str, list[str]]:
        """Mutating requests since the last call, by cloud."""
        found = {}
        for cloud in CLOUDS:
            entries = self.sandbox.journal(cloud, since=self.seen.get(cloud, 0))
            self.seen[cloud] = max((entry["seq"] for entry in entries), default=self.seen.get(cloud, 0))
            found[cloud] = [entry["operation"] for entry in entries if entry["write"]]
        return found

    def stands(self, cloud: str) -> vendors.Found:
        """What the vendor's SDK finds."""
        return vendors.look(cloud, json.loads((self.sandbox.directory / "environment.json").read_text()))


@contextmanager
def standing(directory: Path) -> Iterator[Platform]:
    """Three emulated clouds, with nothing in them."""
    (directory / "reports").mkdir()
    link = directory / "collections" / "ansible_collections" / "multicloud" / "platform"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    with Sandbox(directory=directory / "sandbox") as sandbox:
        running = [
            Running(cloud, sandbox.pid(cloud), int(sandbox.url(cloud).rpartition(":")[2]), sandbox.url(cloud))
            for cloud in CLOUDS
        ]
        write_environment(running, sandbox.directory)
        yield Platform(sandbox, directory / "collections", directory / "reports")


def good(run: subprocess.CompletedProcess[str]) -> str:
    told = [line for line in (run.stdout + run.stderr).splitlines() if "ERROR" in line or "FAILED" in line]
    assert run.returncode == 0, "\n".join(told)
    return run.stdout
