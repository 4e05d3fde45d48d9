"""What images are on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.kubernetes.controllers import Controllers, PullFailure, node
from sandbox.kubernetes.programs import default_images
from tests.sandbox.kubernetes_support import deployment, eventually, running

_IRIS = [5.1, 3.5, 1.4, 0.2]


@pytest.mark.parametrize("registry", ["", "localhost:5000/", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo/"])
def test_name_and_tag_decide(registry: str, tmp_path: Path) -> None:
    """The application, releases that crash, releases that are not there; whatever the registry."""
    images = default_images(tmp_path)
    for reference in ("ml-inference:1.2.3", "ml-inference@sha256:00"):
        program = images(registry + reference)
        assert program is not None
        assert program.entrypoint == ("python", "-m", "ml_inference")
        assert program.directory == tmp_path / "ml-inference"
    broken = images(f"{registry}ml-inference:broken-1")
    assert broken is not None
    code = subprocess.run([sys.executable, *broken.entrypoint[1:]], capture_output=True, text=True, check=False)
    assert (code.returncode, "cannot start" in code.stderr) == (1, True)
    for tag in ("missing", "missing-2", "broken-pull"):
        with pytest.raises(PullFailure, match="not found"):
            images(f"{registry}ml-inference:{tag}")
    assert images(f"{registry}nginx:1.29") is None


def test_the_sample_application(tmp_path: Path) -> None:
    """Its pods answer through the API server, each with its own name, cloud and region."""
    with running() as cluster:
        server = cluster.server
        cluster.post("/api/v1/nodes", node("node-a", "1.34.2"))
        with Controllers(server.url, server.ca_file, server.token, tmp_path, default_images()) as controllers:
            server.read_logs_from(controllers.log)
            body = deployment("ml-inference", "registry.example.org/ml-inference:1.0.0", replicas=2)
            container = body["spec"]["template"]["spec"]["containers"][0]
            name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
            container["env"] = [{"name": "CLOUD", "value": "aws"}, {"name": "REGION", "value": "eu-west-1"}, name]
            container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
            path = "/apis/apps/v1/namespaces/default/deployments"
            cluster.post(path, body)
            spec = {"selector": {"app": "ml-inference"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
            cluster.post("/api/v1/namespaces/default/services", {"metadata": {"name": "ml-inference"}, "spec": spec})
            eventually(lambda: cluster.get(f"{path}/ml-inference").get("status", {}).get("availableReplicas") == 2, 60)
            proxy = "/api/v1/namespaces/default/services/ml-inference:http/proxy/predict"
            answers: list[Any] = []

            def both() -> bool:
                found = cluster.request("POST", proxy, {"instances": [_IRIS]})
                assert found.code == 200, found.body
                answers.append(found.body)
                return len({one["pod"] for one in answers}) == 2

            eventually(both)
            names = {one["metadata"]["name"] for one in cluster.get("/api/v1/namespaces/default/pods")["items"]}
            assert {one["pod"] for one in answers} == names
            assert {(one["cloud"], one["region"]) for one in answers} == {("aws", "eu-west-1")}
            assert answers[0]["predictions"][0]["class"] == "setosa"
            assert cluster.request("POST", proxy, {"instances": []}).code == 422
