"""Models from object stores, by each cloud's own SDK and the identity of the workload. No key is ever taken.

The SDKs are optional: ``pip install ml-inference[aws]``, ``[gcp]`` or ``[azure]``.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from .model import ModelError

# What a model may weigh; a wrong address does not fill the memory.
LARGEST_MODEL = 512 * 1024 * 1024


def fetch(uri: str) -> bytes:
    """The object at an address. ModelError says what was asked for and what the store answered."""
    parts = urlsplit(uri)
    extra, get = _reader(parts.scheme, parts.hostname or "")
    key = unquote(parts.path).lstrip("/")
    if not parts.netloc or not key:
        raise ModelError(f"MODEL_URI {uri} names no object")
    if parts.query or parts.username:
        # Signed addresses are secrets, and would be in the pod's description.
        raise ModelError("MODEL_URI holds no signature and no password: the workload's identity is used")
    try:
        content = get(parts.netloc, key)
    except ImportError as missing:
        raise ModelError(
            f"MODEL_URI {uri} needs the extra: pip install 'ml-inference[{extra}]' ({missing})"
        ) from missing
    except ModelError:
        raise
    except Exception as failure:  # three SDKs with classes of their own for what is refused or not there
        raise ModelError(f"MODEL_URI {uri}: {type(failure).__name__}: {str(failure)[:300]}") from failure
    return content


def _reader(scheme: str, host: str) -> tuple[str, Callable[[str, str], bytes]]:
    if scheme == "s3":
        return "aws", _from_s3
    if scheme == "gs":
        return "gcp", _from_google
    if scheme == "https" and host.endswith(".blob.core.windows.net"):
        return "azure", _from_azure
    raise ModelError("MODEL_URI begins with s3://, gs:// or https://<account>.blob.core.windows.net/")


def _bounded(size: int | None) -> None:
    if size is not None and size > LARGEST_MODEL:
        raise ModelError(f"the model has {size} bytes or more, and {LARGEST_MODEL} is the most")


def _from_s3(bucket: str, key: str) -> bytes:
    import boto3

    found = boto3.client("s3").get_object(Bucket=bucket, Key=key)
    _bounded(found["ContentLength"])
    content: bytes = found["Body"].read()
    return content


def _from_google(bucket: str, key: str) -> bytes:
    from google.cloud import storage

    blob = storage.Client().bucket(bucket).blob(key)
    content: bytes = blob.download_as_bytes(end=LARGEST_MODEL)  # one byte beyond the most
    _bounded(len(content))
    return content


def _from_azure(account: str, path: str) -> bytes:
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import BlobClient

    container, slash, name = path.partition("/")
    if not slash or not name:
        raise ModelError("MODEL_URI names no object: https://<account>.blob.core.windows.net/<container>/<name>")
    with (
        DefaultAzureCredential() as credential,
        BlobClient(f"https://{account}", container, name, credential=credential) as blob,
    ):
        _bounded(blob.get_blob_properties().size)
        content: bytes = blob.download_blob().readall()
    return content
