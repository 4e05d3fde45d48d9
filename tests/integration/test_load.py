"""Bounded load on the sample application, by Locust in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from module_utils import _verify
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import SpecError
from module_utils._kubernetes import load as sending
from module_utils._kubernetes.client import Client
from module_utils._kubernetes.objects import Ref
from module_utils._kubernetes.verify_asking import Way
from module_utils._spec.arguments import build
from module_utils._spec.site import Site
from module_utils._spec.verify import Load

from sandbox.kubernetes.controllers import Controllers, node
from sandbox.kubernetes.programs import default_images
from tests.integration import serving
from tests.sandbox.kubernetes_support import ADMIN, Running, eventually, running

HERE = ("azure", "westeurope")
SITE = build(
    Site,
    {
        "cloud": "azure",
        "region": "westeurope",
        "platform": "ml-platform",
        "account": "00000000-0000-0000-0000-00000000bbbb",
    },
)
needs_locust = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is optional")


class Driver:
    """As much of a cloud as is needed: the way to the embedded server."""

    def __init__(self, cluster: Running) -> None:
        self.reached = serving.Reached(cluster.server.url, cluster.server.ca_pem.decode(), ADMIN)

    def verify(self) -> list[str]:
        return []

    def access(self, cluster: str | None = None) -> serving.Reached:
        return self.reached


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with running() as started:
        server = started.server
        started.post("/api/v1/nodes", node("node-a", "1.34.2"))
        with Controllers(server.url, server.ca_file, server.token, started.directory / "pods", default_images()):
            driver = Driver(started)
            client = Client(driver.reached, SystemClock())
            for manifest in serving.manifests(*HERE):
                client.apply(manifest)
            ref = Ref("apps/v1", "Deployment", "ml-inference", serving.NAMESPACE)
            eventually(lambda: client.get(ref).get("status", {}).get("readyReplicas") == 2, 30)
            yield driver


def send(driver: Any, **options: Any) -> dict[str | None, dict[str, Any]]:
    """Rows by request; None has those of the whole application."""
    spec = build(Load, {"seconds": 2, "users": 4, "rate": 40, "applications": [serving.application(*HERE)], **options})
    rows = _verify.load(SITE, spec, _verify.Reach(retry_timeout=5), clock=SystemClock(), driver=driver)
    return {row["request"]: row for row in rows}


@needs_locust
def test_a_load_is_bounded_and_measured_and_its_token_is_seen_nowhere(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], dict[str, str]]] = []
    real = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        seen.append((command, options["env"]))
        return real(command, **options)

    monkeypatch.setattr(sending.subprocess, "run", run)
    before = {path.name for path in Path(os.environ.get("TMPDIR", "/tmp")).iterdir()}  # noqa: S108
    rows = send(driver, limits_ms={"p99": 5000})
    assert set(rows) == {"health", "predict", None}
    total = rows[None]
    assert total["requests"] == rows["health"]["requests"] + rows["predict"]["requests"]
    assert 4 <= total["requests"] <= 100  # at most 40 a second for two seconds, and the first of each user at once
    assert total["failures"] == 0
    assert total["problems"] == []
    assert 0 < total["p50"] <= total["p90"] <= total["p99"] <= total["max"]
    assert total["through"] == "proxy"
    assert all(ADMIN not in text for command, env in seen for text in [*command, *env.values()])
    new = {path.name for path in Path(os.environ.get("TMPDIR", "/tmp")).iterdir()} - before  # noqa: S108
    assert not [name for name in new if "locust" in name]


@needs_locust
def test_wrong_answers_and_slow_ones_are_beyond_the_limits(driver: Any) -> None:
    wrong = serving.application("aws", "westeurope")
    rows = send(driver, seconds=1, applications=[wrong], limits_ms={"p50": 0.01}, max_error_percent=10)
    total = rows[None]
    assert total["failures"] == rows["predict"]["requests"] > 0
    assert rows["health"]["failures"] == 0
    told = " ".join(total["problems"])
    assert "% errors are more than 10 %" in told
    assert "is more than 0.01 ms" in told
    assert total["errors"][0]["message"] == 'cloud is "azure", not "aws"'
    assert total["errors"][0]["count"] == total["failures"]


@needs_locust
def test_a_token_is_not_sent_to_a_server_that_is_not_trusted(driver: Any) -> None:
    """Without the server's CA those of the system hold: every request fails while the connection is made."""
    spec = build(Load, {"seconds": 1, "applications": [serving.application(*HERE)]})
    way = Way("proxy", "", "/api/v1")
    rows = sending.send(spec, spec.applications[0], way, server=driver.reached.server, ca="", token="t", paths=sys.path)
    total = rows["rows"][-1]
    assert total["requests"] == total["failures"] > 0
    assert "certificate verify failed" in total["errors"][0]["message"].lower()


@needs_locust
def test_an_application_that_is_not_there_is_a_problem_and_not_an_empty_success(driver: Any) -> None:
    rows = send(driver, applications=[{**serving.application(*HERE), "service": "nothing"}])
    assert "nothing" in rows[None]["problems"][0]
    assert rows[None]["requests"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seconds": 601}, "seconds: 601"),
        ({"users": 201}, "users: 201"),
        ({"rate": 101}, "through: address"),
        ({"applications": []}, "nothing to send"),
        ({"limits_ms": {"p50": 5, "p99": 4}}, "higher percentile"),
    ],
)
def test_what_is_beyond_the_bounds_is_refused_before_anything_is_sent(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        send(None, **options)


def test_without_locust_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_verify.importlib.util, "find_spec", lambda name: None)
    params = {name: option.get("default") for name, option in _verify.arguments("load").items()}
    params |= {"cloud": "azure", "region": "westeurope", "platform": "ml-platform", "account": "x"}
    outcome = _verify.carry_out("load", params, missing_library=lambda name, reason: f"install {name} {reason}")
    assert outcome.failed
    assert outcome.result["msg"] == "install locust to send load"
    assert outcome.result["loads"] == []
