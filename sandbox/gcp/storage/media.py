"""Uploads: in one piece, multipart (metadata and bytes) and resumable."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from typing import Any

from ..calls import Answer, Call, handles
from ..errors import GoogleError
from ..schema import Checker
from ..state import hex_id
from .bucket_fields import refuse
from .model import Bucket, Data, find
from .objects import store

MEDIA_PREFIXES = ("upload/", "resumable/upload/", "download/")
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Upload:
    """A resumable upload that has begun."""

    call: Call
    bucket: Bucket
    metadata: Data
    received: bytearray = field(default_factory=bytearray)


def media_route(raw_path: str) -> str:
    """``upload``, ``download`` or empty: what a path is for beyond the JSON API proper."""
    path = raw_path.lstrip("/")
    path = path.removeprefix("storage/") if not path.startswith("storage/v1") else path
    for prefix in MEDIA_PREFIXES:
        if path.startswith(prefix):
            return "download" if prefix.startswith("download") else "upload"
    return ""


@handles("storage.objects.insert#media")
def upload(call: Call) -> Data | Answer:
    """Take an object's bytes in any of the three protocols."""
    if "upload_id" in call.query:
        return _continue(call)
    kind = call.query.get("uploadType") or call.headers.get("X-Goog-Upload-Protocol", "")
    if kind == "media":
        given = {"contentType": call.headers.get("Content-Type", "application/octet-stream")}
        return _finish(call, find(call.state, call.path["bucket"]), given, call.content)
    if kind == "multipart":
        metadata, content_type, content = _parts(call)
        metadata.setdefault("contentType", content_type)
        return _finish(call, find(call.state, call.path["bucket"]), metadata, content)
    if kind == "resumable":
        return _begin(call)
    raise refuse(f"Invalid upload request: unknown uploadType '{kind}'", reason="badRequest")


@handles("storage.objects.insert")
def without_bytes(call: Call) -> Data:
    """An insert outside of /upload has no bytes."""
    raise refuse(
        "Upload requests must include an uploadType URL parameter and a URL path beginning with /upload/",
        reason="wrongUrlForUpload",
    )


def _finish(call: Call, bucket: Bucket, metadata: Data, content: bytes) -> Data:
    name = metadata.get("name") or call.query.get("name")
    if not name:
        raise GoogleError(400, "Required", reason="required")
    return store(call, bucket, name, content, metadata).data


def _metadata(call: Call, text: bytes) -> Data:
    try:
        value: Any = json.loads(text or b"{}")
    except ValueError:
        raise GoogleError(400, "Parse Error", reason="parseError") from None
    checker = Checker(call.document)
    checked = checker.check({"$ref": "Object"}, value, "")
    error = checker.error()
    if error is not None:
        raise error
    result: Data = checked
    return result


def _parts(call: Call) -> tuple[Data, str, bytes]:
    found = re.search(r"boundary=(\"[^\"]+\"|'[^']+'|[^;]+)", call.headers.get("Content-Type", ""))
    if found is None:
        raise refuse("Missing multipart boundary.", reason="badRequest")
    boundary = b"--" + found[1].strip().strip("\"'").encode()
    pieces = call.content.split(boundary)
    if len(pieces) < 4:
        raise refuse("Missing end boundary in multipart body.", reason="badRequest")
    # The bytes may hold the boundary text only by accident that the client has excluded.
    head, body = pieces[1], boundary.join(pieces[2:-1])
    return (
        _metadata(call, _split(head)[1].strip()),
        _split(body)[0].get("content-type", "application/octet-stream"),
        _split(body)[1],
    )


def _split(part: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and content of one part; the line ends around it belong to the boundaries."""
    newline = b"\r\n" if part.startswith(b"\r\n") else b"\n"
    part = part[len(newline) :]
    if part.endswith(newline):
        part = part[: -len(newline)]
    head, _, content = part.partition(newline * 2)
    headers = BytesHeaderParser().parsebytes(head)
    return {key.lower(): str(value) for key, value in headers.items()}, content


def _begin(call: Call) -> Answer:
    bucket = find(call.state, call.path["bucket"])
    metadata = _metadata(call, call.content)
    metadata.setdefault("contentType", call.headers.get("X-Upload-Content-Type", "application/octet-stream"))
    if not (metadata.get("name") or call.query.get("name")):
        raise GoogleError(400, "Required", reason="required")
    upload_id = f"A{hex_id(60)}"
    call.state.uploads[upload_id] = Upload(call, bucket, metadata)
    separator = "&" if "?" in call.url else "?"
    location = f"{call.url}{separator}upload_id={upload_id}"
    return Answer(headers={"Location": location, "X-GUploader-UploadID": upload_id})


def _continue(call: Call) -> Data | Answer:
    upload_id = call.query["upload_id"]
    begun: Upload | None = call.state.uploads.get(upload_id)
    if begun is None:
        raise GoogleError(404, "Not Found")
    if call.headers.get(":method") == "DELETE":
        del call.state.uploads[upload_id]
        return Answer(status=499)
    span = call.headers.get("Content-Range")
    if span is None:
        begun.received += call.content
        return _complete(call, upload_id, begun)
    found = _RANGE.fullmatch(span.strip())
    if found is None:
        raise refuse(f"Failed to parse Content-Range header: {span}", reason="badRequest")
    if found[1] is not None:
        start = int(found[1])
        if start > len(begun.received):
            raise GoogleError(503, "The chunk does not continue what has been received.", reason="backendError")
        # A chunk that was sent twice (its answer got lost) overlaps what is there.
        begun.received[start:] = call.content
    if found[3] != "*" and len(begun.received) == int(found[3]):
        return _complete(call, upload_id, begun)
    headers = {"X-GUploader-UploadID": upload_id}
    if begun.received:
        headers["Range"] = f"bytes=0-{len(begun.received) - 1}"
    return Answer(status=308, headers=headers)


def _complete(call: Call, upload_id: str, begun: Upload) -> Data:
    # Preconditions and name were given when the upload began.
    result = _finish(begun.call, find(call.state, begun.bucket.name), begun.metadata, bytes(begun.received))
    del call.state.uploads[upload_id]
    return result
