"""What the Kubernetes of the sandbox costs: in a process of its own, whose memory nothing else is in.

Prints figures as JSON. Times are those that a client sees, the best of several runs: the machine may have other work.
"""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

OBJECTS, APPLIED, RUNS = 1000, 200, 7
_TOKEN = "bench"


def _memory() -> float:
    """MiB that only this process has."""
    text = Path("/proc/self/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_")) / 1024


def _best(work: Callable[[], object], runs: int = RUNS) -> float:
    """Milliseconds of the fastest run."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


class _Client:
    """One connection."""

    def __init__(self, url: str, ca_file: Path) -> None:
        place = urlsplit(url)
        context = ssl.create_default_context(cafile=str(ca_file))
        self._connection = http.client.HTTPSConnection(str(place.hostname), place.port, context=context)

    def request(self, method: str, path: str, body: Any = None, media: str = "application/json") -> bytes:
        headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": media}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:500]!r}")
        return data


def _config_map(number: int, text: str = "x") -> dict[str, Any]:
    meta = {"name": f"object-{number:04}", "labels": {"app": "bench", "part": str(number % 10)}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"text": text * 100}}


def measure(directory: Path) -> dict[str, Any]:
    """All figures; times in milliseconds, memory in MiB."""
    before = _memory()
    begun, spent = time.perf_counter(), time.process_time()
    from sandbox.kubernetes import MASTERS, UserInfo, start

    def check(token: str) -> UserInfo | None:
        return UserInfo("bench", groups=(MASTERS,)) if token == _TOKEN else None

    server = start("bench", "1.34.2", check, directory / "first")
    first, cpu = (time.perf_counter() - begun) * 1000, (time.process_time() - spent) * 1000
    memory = _memory() - before
    with server:
        begun = time.perf_counter()
        start("second", "1.34.2", check, directory / "second").stop()
        another = (time.perf_counter() - begun) * 1000
        client = _Client(server.url, server.ca_file)
        maps = "/api/v1/namespaces/default/configmaps"
        for number in range(OBJECTS):
            client.request("POST", maps, _config_map(number))
        listed = _best(lambda: client.request("GET", f"{maps}?labelSelector=app"))
        everything = _best(lambda: client.request("GET", maps))
        size = len(client.request("GET", maps))
        client.request("POST", "/api/v1/namespaces", {"metadata": {"name": "applied"}})

        def apply(text: str) -> Callable[[], None]:
            def run() -> None:
                for number in range(APPLIED):
                    path = f"/api/v1/namespaces/applied/configmaps/object-{number:04}?fieldManager=bench"
                    client.request("PATCH", path, _config_map(number, text), "application/apply-patch+yaml")

            return run

        created, changed = _best(apply("a"), 1), _best(apply("b"), 1)
        unchanged = _best(apply("b"), 2)
    return {
        "start": {"first_ms": first, "first_cpu_ms": cpu, "another_ms": another, "memory_mib": memory},
        "list": {"objects": OBJECTS, "bytes": size, "all_ms": everything, "selected_ms": listed},
        "apply": {"objects": APPLIED, "created_ms": created, "changed_ms": changed, "unchanged_ms": unchanged},
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(Path(name))))
