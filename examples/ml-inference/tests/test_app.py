"""What the application answers, in-process; how it starts and stops, as a process."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from ml_inference.app import create_app
from ml_inference.settings import OWN_MODEL, Settings, SettingsError

HERE = Path(__file__).parents[1]
SETOSA, VERSICOLOR, VIRGINICA = [5.1, 3.5, 1.4, 0.2], [6.0, 2.7, 4.1, 1.2], [6.7, 3.0, 5.2, 2.3]
PLACE = {"cloud": "gcp", "region": "europe-west3", "pod": "ml-inference-7d"}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(Settings(cloud="gcp", region="europe-west3", pod_name="ml-inference-7d"))) as client:
        until_ready(client)
        yield client


def until_ready(client: httpx.Client) -> None:
    """Wait until the model is loaded."""
    end = time.monotonic() + 20
    while True:
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, "not ready in 20 s"
        time.sleep(0.02)


def test_known_flowers_have_their_classes_in_their_order(client: TestClient) -> None:
    answer = client.post("/predict", json={"instances": [VIRGINICA, SETOSA, VERSICOLOR]}).json()
    assert [one["class"] for one in answer["predictions"]] == ["virginica", "setosa", "versicolor"]
    for one in answer["predictions"]:
        assert one["probabilities"][one["class"]] == max(one["probabilities"].values())
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["model"] == {"name": "iris", "version": "1.0.0"}
    assert {key: answer[key] for key in PLACE} == PLACE


def test_the_same_input_has_the_same_answer(client: TestClient) -> None:
    answers = [client.post("/predict", json={"instances": [SETOSA]}).content for _ in range(3)]
    assert len(set(answers)) == 1


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        ('{"instances": [[5.1, 3.5, 1.4]]}', ["body", "instances", 0], "4 numbers are needed"),
        ('{"instances": [[1, 2, 3, 4], [1, 2, 3, 4, 5]]}', ["body", "instances", 1], "not 5"),
        ('{"instances": [[5.1, 3.5, 1.4, NaN]]}', ["body", "instances", 0, 3], "finite"),
        ('{"instances": [[-Infinity, 3.5, 1.4, 1]]}', ["body", "instances", 0, 0], "finite"),
        ('{"instances": [[1e400, 3.5, 1.4, 1]]}', ["body", "instances", 0, 0], "finite"),
        ('{"instances": [[1e39, 3.5, 1.4, 1]]}', ["body", "instances", 0, 0], "1000000"),
        ('{"instances": [["5.1", 3.5, 1.4, 1]]}', ["body", "instances", 0, 0], "valid number"),
        ('{"instances": [[true, 3.5, 1.4, 1]]}', ["body", "instances", 0, 0], "valid number"),
        ('{"instances": [[null, 3.5, 1.4, 1]]}', ["body", "instances", 0, 0], "valid number"),
        ('{"instances": [5.1, 3.5, 1.4, 1]}', ["body", "instances", 0], "valid list"),
        ('{"instances": []}', ["body", "instances"], "at least 1"),
        (json.dumps({"instances": [SETOSA] * 257}), ["body", "instances"], "at most 256"),
        ("{}", ["body", "instances"], "required"),
        ('{"instances": [[1, 2, 3, 4]], "inputs": 1}', ["body", "inputs"], "not permitted"),
        ("5.1,3.5", ["body", 1], "JSON"),
    ],
)
def test_wrong_input_is_refused_with_its_place(client: TestClient, body: str, place: list[Any], said: str) -> None:
    answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    first = answer.json()["detail"][0]
    if said != "JSON":
        assert first["loc"] == place
    assert said in first["msg"]
    assert "input" not in first


def test_a_body_beyond_the_limit_is_not_read(client: TestClient) -> None:
    answer = client.post("/predict", content=b" " * 2_000_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "1048576" in answer.json()["detail"]


def test_it_says_what_it_is_and_how_it_is(client: TestClient) -> None:
    about = client.get("/").json()
    assert about["model"]["features"][0] == "sepal_length_cm"
    assert about["model"]["sha256"] == hashlib.sha256(OWN_MODEL.read_bytes()).hexdigest()
    assert client.get("/health").json() == {"status": "ok", **PLACE}
    assert client.get("/ready").json() == {"status": "ready", **PLACE}


def test_metrics_count_requests_classes_and_know_the_model(client: TestClient) -> None:
    def value(line: str) -> float:
        found = [one for one in client.get("/metrics").text.splitlines() if one.startswith(line + " ")]
        return float(found[0].rsplit(" ", 1)[1]) if found else 0.0

    setosa = 'ml_inference_predictions_total{class="setosa"}'
    posted = 'ml_inference_requests_total{method="POST",route="/predict",status="200"}'
    other = 'ml_inference_requests_total{method="GET",route="other",status="404"}'
    timed = 'ml_inference_request_seconds_bucket{le="+Inf",route="/predict"}'
    before = [value(line) for line in (setosa, posted, other, timed)]
    client.post("/predict", json={"instances": [SETOSA, SETOSA, VIRGINICA]})
    client.get("/nothing/here")
    after = [value(line) for line in (setosa, posted, other, timed)]
    assert [new - old for old, new in zip(before, after, strict=True)] == [2, 1, 1, 1]
    assert 'ml_inference_model_info{name="iris"' in client.get("/metrics").text


def test_until_the_model_is_there_it_lives_and_is_not_ready(tmp_path: Path) -> None:
    pipe = tmp_path / "model.onnx"
    os.mkfifo(pipe)  # reading waits until somebody writes
    with TestClient(create_app(Settings(model_path=pipe))) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503
        refused = client.post("/predict", json={"instances": [SETOSA]})
        assert refused.status_code == 503
        assert refused.json() == {"detail": "the model is being loaded"}
        pipe.write_bytes(OWN_MODEL.read_bytes())
        until_ready(client)
        assert client.post("/predict", json={"instances": [SETOSA]}).status_code == 200


def test_settings_that_make_no_sense_are_named() -> None:
    for environment, said in (
        ({"PORT": "http"}, "PORT is http"),
        ({"PORT": "70000"}, "PORT is 70000"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is LOUD"),
        ({"DRAIN_SECONDS": "-1"}, "DRAIN_SECONDS"),
        ({"MODEL_URI": "s3://models/iris.onnx"}, "MODEL_SHA256"),
    ):
        with pytest.raises(SettingsError, match=said):
            Settings.of(environment)


def start(**environment: str) -> tuple[subprocess.Popen[str], httpx.Client]:
    """The application as a process of its own, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_inference"],
        cwd=HERE,
        env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "DRAIN_SECONDS": "2", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return process, httpx.Client(base_url=f"http://127.0.0.1:{port}")


def test_after_sigterm_it_is_not_ready_but_answers_and_then_ends() -> None:
    process, client = start(CLOUD="aws", REGION="eu-central-1", POD_NAME="one")
    try:
        until_ready(client)
        # A request in flight: its body is half there when the signal comes, and the rest comes after the draining.
        body = json.dumps({"instances": [SETOSA]}).encode()
        halfway = threading.Event()

        def slowly() -> Iterator[bytes]:
            yield body[:5]
            halfway.set()
            time.sleep(2.5)
            yield body[5:]

        answers: list[httpx.Response] = []
        with httpx.Client(base_url=client.base_url) as slow:
            headers = {"Content-Type": "application/json"}
            flying = threading.Thread(
                target=lambda: answers.append(slow.post("/predict", content=slowly(), headers=headers))
            )
            flying.start()
            assert halfway.wait(5)
            process.send_signal(signal.SIGTERM)
            end = time.monotonic() + 5
            while client.get("/ready").status_code == 200:
                assert time.monotonic() < end
            late = client.post("/predict", json={"instances": [SETOSA]})
            assert late.json()["cloud"] == "aws"
            assert late.headers["connection"] == "close"
            flying.join(10)
        assert answers[0].json()["predictions"][0]["class"] == "setosa"
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
        client.close()
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert all(line["pod"] == "one" for line in lines)
    assert any(line.get("route") == "/predict" and line["status"] == 200 for line in lines)
    assert "5.1" not in output


@pytest.mark.parametrize(
    ("content", "sha256", "said"),
    [
        (OWN_MODEL.read_bytes(), "0" * 64, f"not {'0' * 64}"),
        (OWN_MODEL.read_bytes()[:200], "", "no ONNX file"),
        (None, "", "No such file"),
    ],
    ids=["another", "damaged", "missing"],
)
def test_without_its_model_the_process_ends_and_says_why(
    tmp_path: Path, content: bytes | None, sha256: str, said: str
) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    process, client = start(MODEL_PATH=str(path), MODEL_SHA256=sha256)
    client.close()
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    told = [json.loads(line) for line in output.splitlines() if "cannot be loaded" in line]
    assert len(told) == 1
    assert said in told[0]["why"]
