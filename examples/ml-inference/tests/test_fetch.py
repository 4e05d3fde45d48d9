"""Models from object stores, by the clouds' own SDKs. Each SDK is optional, and so is its test."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pytest
from ml_inference import fetch as fetching
from ml_inference.app import load
from ml_inference.fetch import fetch
from ml_inference.model import ModelError
from ml_inference.settings import OWN_MODEL, Settings

CONTENT = OWN_MODEL.read_bytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket with the model."""
    moto = pytest.importorskip("moto")
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="models")
        client.put_object(Bucket="models", Key="iris/1.0.0/model 1.onnx", Body=CONTENT)
        yield client


def test_a_model_comes_from_s3_and_is_the_one_that_was_asked_for(s3: Any) -> None:
    uri = "s3://models/iris/1.0.0/model%201.onnx"
    assert load(Settings(model_uri=uri, model_sha256=SHA256)).version == "1.0.0"
    with pytest.raises(ModelError, match=f"SHA-256 is {SHA256}, not 0000"):
        load(Settings(model_uri=uri, model_sha256="0" * 64))


def test_an_object_that_is_not_there_is_told_with_the_words_of_the_store(s3: Any) -> None:
    with pytest.raises(ModelError, match=r"s3://models/none\.onnx: NoSuchKey"):
        fetch("s3://models/none.onnx")


def test_an_object_beyond_all_models_is_not_read(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST_MODEL", 100)
    with pytest.raises(ModelError, match=f"has {len(CONTENT)} bytes or more, and 100 is the most"):
        fetch("s3://models/iris/1.0.0/model%201.onnx")


class Blob:
    """Stands in for Azure's client: one container with one blob."""

    def __init__(self, url: str, container: str, name: str, *, credential: Any) -> None:
        self.place = (url, container, name)

    def __enter__(self) -> Blob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    @property
    def size(self) -> int:
        return len(CONTENT)

    def get_blob_properties(self) -> Blob:
        from azure.core.exceptions import ResourceNotFoundError

        if self.place != ("https://account.blob.core.windows.net", "models", "iris/model.onnx"):
            raise ResourceNotFoundError("The specified blob does not exist.")
        return self

    download_blob = get_blob_properties

    def readall(self) -> bytes:
        return CONTENT


def test_a_model_comes_from_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = pytest.importorskip("azure.storage.blob")
    pytest.importorskip("azure.identity")
    monkeypatch.setattr(blobs, "BlobClient", Blob)
    base = "https://account.blob.core.windows.net"
    assert load(Settings(model_uri=f"{base}/models/iris/model.onnx", model_sha256=SHA256)).sha256 == SHA256
    with pytest.raises(ModelError, match="ResourceNotFoundError: The specified blob does not exist"):
        fetch(f"{base}/models/other.onnx")
    with pytest.raises(ModelError, match="names no object"):
        fetch(f"{base}/models")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("ftp://models/iris.onnx", "begins with s3://, gs://"),
        ("https://models.example.org/iris.onnx", "begins with s3://, gs://"),
        ("s3://models", "names no object"),
        ("gs:///iris.onnx", "names no object"),
        ("https://account.blob.core.windows.net/models/iris.onnx?sig=x", "no signature"),
    ],
)
def test_addresses_that_name_no_model_are_refused(uri: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        fetch(uri)


def test_without_the_sdk_it_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ModelError, match=r"pip install 'ml-inference\[aws\]'"):
        fetch("s3://models/iris.onnx")
