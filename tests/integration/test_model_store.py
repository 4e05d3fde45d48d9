"""The sample application's model from an emulated object store, by the cloud's own SDK."""

from __future__ import annotations

import hashlib
from functools import partial

import pytest
from google.cloud import storage  # type: ignore[attr-defined]
from ml_inference.app import load
from ml_inference.model import ModelError
from ml_inference.settings import OWN_MODEL, Settings

from sandbox.fixture import Sandbox


@pytest.mark.parametrize("cloud", ["gcp"])
def test_a_model_comes_from_a_bucket_of_gcp_with_the_identity_of_the_environment(
    cloud: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"api_endpoint": sandbox.endpoints(cloud)["storage"].rstrip("/")}
    monkeypatch.setattr(storage, "Client", partial(storage.Client, client_options=there))
    content = OWN_MODEL.read_bytes()
    storage.Client().create_bucket("models", location="europe-west3").blob("iris/model.onnx").upload_from_string(
        content
    )
    uri, sha256 = "gs://models/iris/model.onnx", hashlib.sha256(content).hexdigest()
    assert load(Settings(model_uri=uri, model_sha256=sha256)).name == "iris"
    with pytest.raises(ModelError, match=r"gs://models/iris/none\.onnx: NotFound"):
        load(Settings(model_uri="gs://models/iris/none.onnx", model_sha256=sha256))
