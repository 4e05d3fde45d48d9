"""No generated secret is seen anywhere but in the secret store: a rollout, a rotation, a backup and a restore of three
sites, as talkative as Ansible can be, with every output, report, log, temporary file and process list searched."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.engines import engine_available
from tests.integration import stored
from tests.integration.playing import CLOUDS, SITES, Platform, good, standing

pytestmark = pytest.mark.slow

LOOK_SECONDS = 0.05
LOGINS = ["app"] if engine_available("postgres") else []  # made by SQL, where a server answers


def stores(*, rotate: bool) -> str:
    """Data stores as a variable for the command line. Redis on GCP has a password, and Valkey there has none."""
    server = {"name": "main", "storage_gb": 32, "rotate": rotate, "databases": ["app"]}
    cache = f"{{'name': 'main', 'rotate': {rotate}}}"
    variables: dict[str, Any] = {
        "network_data_ports": [5432, 6379, 6378],  # the last one is Redis with TLS on GCP
        "secret_store_secrets": [{"name": "api-key", "rotate": rotate}],
        "database_servers": [{**server, "users": [{"name": name, "rotate": rotate} for name in LOGINS]}],
        "cache_instances": f"{{{{ [{cache} | combine({{'engine': 'redis'}} if site_cloud == 'gcp' else {{}})] }}}}",
    }
    return json.dumps(variables)


class Watch:
    """Everything that is to be seen of running processes and of temporary files while the `with` block runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.seen: dict[str, set[bytes]] = {}
        self._read: dict[Path, tuple[int, int]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                self._keep("process list", path)
            for parent, _below, names in os.walk(self.directory):  # passes over what is gone already
                for name in names:
                    self._keep_file(Path(parent, name))

    def _keep_file(self, path: Path) -> None:
        try:
            state = (path.stat().st_mtime_ns, path.stat().st_size)
        except OSError:
            return
        if self._read.get(path) != state:
            self._read[path] = state
            self._keep(str(path.relative_to(self.directory)), path)

    def _keep(self, name: str, path: Path) -> None:
        try:
            self.seen.setdefault(name, set()).add(path.read_bytes())
        except OSError:
            return


def forms(secret: str) -> Iterator[bytes]:
    """How a secret can look: as it is, and inside base64 at any offset."""
    yield secret.encode()
    for offset in range(3):
        inside = base64.b64encode(b"x" * offset + secret.encode())
        yield inside[4 if offset else 0 : len(inside) // 4 * 4 - 4]


def leaks(places: dict[str, Iterable[bytes]], secrets: Iterable[str]) -> list[str]:
    """Where any of the secrets is seen. Tells no secret itself."""
    marks = [(number, form) for number, secret in enumerate(sorted(secrets)) for form in forms(secret)]
    return sorted(
        {
            f"secret {number} in {name}"
            for name, contents in places.items()
            for content in contents
            for number, form in marks
            if form in content
        }
    )


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with standing(tmp_path_factory.mktemp("platform")) as made:
        yield made


@pytest.mark.timeout(600)
def test_no_generated_secret_is_seen_anywhere(platform: Platform, tmp_path: Path) -> None:
    environment = json.loads((platform.sandbox.directory / "environment.json").read_text())
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {
        name: str(temporary) for name in ("TMPDIR", "ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TMP", "ANSIBLE_HOME")
    }
    said: dict[str, list[bytes]] = {"output": [], "errors": []}
    secrets: set[str] = set()

    def play(playbook: str, *arguments: str) -> None:
        run = platform.play(f"multicloud.platform.{playbook}", "-vvv", "--diff", *arguments, **variables)
        said["output"].append(run.stdout.encode())
        said["errors"].append(run.stderr.encode())
        good(run)
        secrets.update(stored.passwords(environment))

    with Watch(temporary) as watch:
        play("site", "-e", stores(rotate=False))
        first = set(secrets)
        play("site", "-e", stores(rotate=True), "--skip-tags", "kubernetes_base,application")
        renewed = secrets - first
        play("backup", "-e", "backup_label=first", "-e", stores(rotate=False))
        restore = ("-e", "restore_server=main", "-e", "restore_as=main-copy", "-e", "restore_label=first")
        play("restore", *restore, "-e", stores(rotate=False))
        copied = secrets - first - renewed

    # api-key, administrator, cache and logins on three clouds: all of them renewed
    assert len(first) >= (3 + len(LOGINS)) * len(CLOUDS)
    assert len(renewed) >= (3 + len(LOGINS)) * len(CLOUDS)
    assert len(copied) >= (1 + len(LOGINS)) * len(CLOUDS)
    assert all(len(secret) >= 16 for secret in secrets)

    places: dict[str, Iterable[bytes]] = {**said, **watch.seen}
    assert any("progress.jsonl" in name for name in places)
    assert any(b"ansible-playbook" in line for line in watch.seen["process list"])
    for path in platform.reports.rglob("*"):
        if path.is_file():
            places[f"report {path.name}"] = [path.read_bytes()]
    assert {f"report {site}.json" for site in SITES} <= places.keys()
    for pattern in ("*.jsonl", "*.log", "**/*.log"):
        for path in platform.sandbox.directory.glob(pattern):
            places[f"log {path.relative_to(platform.sandbox.directory)}"] = [path.read_bytes()]
    assert {f"log {cloud}.journal.jsonl" for cloud in CLOUDS} <= places.keys()
    assert leaks(places, secrets) == []


@pytest.mark.parametrize("offset", range(3))
def test_the_search_finds_what_is_there(offset: int) -> None:
    secret = "Kq7" * 11
    assert leaks({"plain": [b"x" * offset + secret.encode()]}, [secret]) == ["secret 0 in plain"]
    hidden = base64.b64encode(b"x" * offset + f'{{"password": "{secret}"}}'.encode())
    assert leaks({"hidden": [hidden]}, ["another" * 5, secret]) == ["secret 0 in hidden"]
    assert leaks({"nothing": [b"Kq7" * 10]}, [secret]) == []
