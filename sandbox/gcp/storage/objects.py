"""Objects: metadata, lists, copies, deletion."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from ..calls import Answer, Call, handles
from ..errors import GoogleError
from ..fields import merge_patch
from ..listing import page
from ..state import zulu
from .bucket_fields import refuse
from .model import Bucket, Data, Object, check_preconditions, etag, find, micros

_GIVEN = frozenset(
    {
        *("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime"),
        *("eventBasedHold", "metadata", "storageClass", "temporaryHold", "retention", "kmsKeyName", "contexts"),
    }
)


def store(call: Call, bucket: Bucket, name: str, content: bytes, given: Data, components: int = 0) -> Object:
    """Write a new generation of an object; preconditions and retention are enforced, checksums compared."""
    if not name or len(name.encode()) > 1024 or "\r" in name or "\n" in name:
        raise refuse(f"Invalid object name: '{name}'")
    present = bucket.live(name)
    check_preconditions(call, present.data if present else None)
    if present is not None:
        _check_retention(call, bucket, present)
    sums = checksums(content)
    for key in ("md5Hash", "crc32c"):
        if key in given and given[key] != sums[key]:
            raise refuse(f'Provided {key} "{given[key]}" doesn\'t match calculated {key} "{sums[key]}".')
    moment = call.state.wall()
    newest = max((int(item.data["generation"]) for item in bucket.objects.get(name, [])), default=0)
    generation = str(max(micros(moment), newest + 1))
    data: Data = {
        "kind": "storage#object",
        "id": f"{bucket.name}/{name}/{generation}",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{bucket.name}/o/{quote(name, safe='')}",
        "mediaLink": (
            f"https://storage.googleapis.com/download/storage/v1/b/{bucket.name}/o/{quote(name, safe='')}"
            f"?generation={generation}&alt=media"
        ),
        "name": name,
        "bucket": bucket.name,
        "generation": generation,
        "metageneration": "1",
        "storageClass": bucket.data["storageClass"],
        "size": str(len(content)),
        **sums,
        "etag": _etag(generation, 1),
        "timeCreated": zulu(moment, 3),
        "updated": zulu(moment, 3),
        "timeStorageClassUpdated": zulu(moment, 3),
        "timeFinalized": zulu(moment, 3),
        **{key: value for key, value in given.items() if key in _GIVEN},
    }
    if components:
        data["componentCount"] = components
        del data["md5Hash"]
    if "defaultKmsKeyName" in bucket.data.get("encryption", {}):
        data.setdefault("kmsKeyName", bucket.data["encryption"]["defaultKmsKeyName"] + "/cryptoKeyVersions/1")
    if "retentionPolicy" in bucket.data:
        end = moment + timedelta(seconds=int(bucket.data["retentionPolicy"]["retentionPeriod"]))
        data["retentionExpirationTime"] = zulu(end, 3)
    if present is not None:
        _retire(call, bucket, name, present)
    item = Object(data, content)
    bucket.objects.setdefault(name, []).append(item)
    return item


def checksums(content: bytes) -> Data:
    """``md5Hash`` and ``crc32c``, base64."""
    import google_crc32c

    crc = google_crc32c.value(content).to_bytes(4, "big")
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    return {"md5Hash": base64.b64encode(md5).decode(), "crc32c": base64.b64encode(crc).decode()}


def _etag(generation: str, metageneration: int) -> str:
    return etag(int(generation) ^ metageneration)


def _check_retention(call: Call, bucket: Bucket, item: Object) -> None:
    where = f"Object '{bucket.name}/{item.data['name']}'"
    if item.data.get("temporaryHold") or item.data.get("eventBasedHold"):
        message = f"{where} is under active Temporary or Event-Based hold and cannot be deleted or overwritten."
        raise refuse(message, 403, "forbidden")
    end = item.data.get("retentionExpirationTime")
    if end and datetime.fromisoformat(end) > call.state.wall():
        message = (
            f"{where} is subject to bucket's retention policy or object retention and cannot be deleted or overwritten "
            f"until {end}"
        )
        raise refuse(message, 403, "retentionPolicyNotMet")


def _retire(call: Call, bucket: Bucket, name: str, item: Object) -> None:
    """The current generation makes room: kept as noncurrent when the bucket is versioned."""
    if bucket.data.get("versioning", {}).get("enabled"):
        item.data["timeDeleted"] = zulu(call.state.wall(), 3)
    else:
        _remove(bucket, name, item)


def _remove(bucket: Bucket, name: str, item: Object) -> None:
    bucket.objects[name].remove(item)
    if not bucket.objects[name]:
        del bucket.objects[name]


def locate(
    call: Call, bucket: str = "bucket", name: str = "object", generation: str = "generation"
) -> tuple[Bucket, Object]:
    """The object of a request; 404 when it or its bucket does not exist."""
    found = find(call.state, call.path[bucket])
    item = found.generation(call.path[name], call.query.get(generation))
    if item is None:
        raise GoogleError(404, f"No such object: {found.name}/{call.path[name]}")
    return found, item


@handles("storage.objects.get")
def get(call: Call) -> Data | Answer:
    """Metadata of an object, or with ``alt=media`` its bytes."""
    _, item = locate(call)
    check_preconditions(call, item.data)
    if call.query.get("alt") != "media":
        return item.data
    content, status = item.content, 200
    headers = {
        "Content-Type": item.data.get("contentType", "application/octet-stream"),
        "ETag": item.data["etag"],
        "X-Goog-Generation": item.data["generation"],
        "X-Goog-Metageneration": item.data["metageneration"],
        "X-Goog-Storage-Class": item.data["storageClass"],
        "X-Goog-Stored-Content-Length": item.data["size"],
        "X-Goog-Hash": ",".join(
            f"{word}={item.data[key]}" for word, key in (("crc32c", "crc32c"), ("md5", "md5Hash")) if key in item.data
        ),
        "Accept-Ranges": "bytes",
    }
    wanted = call.headers.get("Range", "")
    if wanted.startswith("bytes="):
        first, last = _span(wanted[6:], len(content))
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        content, status = content[first : last + 1], 206
    return Answer(status=status, content=content, headers=headers)


def _span(text: str, size: int) -> tuple[int, int]:
    first, _, last = text.partition("-")
    begin = max(0, size - int(last)) if not first else int(first)
    end = size - 1 if not first or not last else min(int(last), size - 1)
    if begin >= size or begin > end:
        raise GoogleError(416, "The requested range cannot be satisfied.", reason="requestedRangeNotSatisfiable")
    return begin, end


@handles("storage.objects.list")
def listing(call: Call) -> Data:
    """Objects (with ``versions`` every generation) by prefix; ``delimiter`` folds them into prefixes."""
    bucket = find(call.state, call.path["bucket"])
    query = call.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    entries: dict[str, list[Data] | None] = {}
    for name in sorted(bucket.objects):
        if not name.startswith(prefix) or name < query.get("startOffset", ""):
            continue
        if "endOffset" in query and name >= query["endOffset"]:
            continue
        shown = [item.data for item in bucket.objects[name] if query.get("versions") or item.live]
        if not shown:
            continue
        cut = name.find(delimiter, len(prefix)) if delimiter else -1
        folded = name[: cut + len(delimiter)] if cut >= 0 else None
        if folded is not None:
            entries.setdefault(folded, None)
        if folded is None or (query.get("includeTrailingDelimiter") and folded == name):
            entries[name] = shown
    found, token = page(entries.items(), query.get("maxResults"), query.get("pageToken"), default=1000)
    answer: Data = {"kind": "storage#objects"}
    prefixes = [name for name, shown in found if shown is None]
    items = [data for _, shown in found if shown is not None for data in shown]
    if token:
        answer["nextPageToken"] = token
    if prefixes:
        answer["prefixes"] = prefixes
    if items:
        answer["items"] = items
    return answer


@handles("storage.objects.delete")
def delete(call: Call) -> Answer:
    """Delete an object; in a versioned bucket it becomes noncurrent unless ``generation`` is given."""
    bucket, item = locate(call)
    check_preconditions(call, item.data)
    name = item.data["name"]
    keep = bucket.data.get("versioning", {}).get("enabled") and "generation" not in call.query
    if not keep:
        _check_retention(call, bucket, item)
    if keep:
        _retire(call, bucket, name, item)
    else:
        _remove(bucket, name, item)
    return Answer(status=204)


@handles("storage.objects.patch", "storage.objects.update")
def change(call: Call) -> Data:
    """Change metadata; the bytes stay."""
    _, item = locate(call)
    check_preconditions(call, item.data)
    body = {key: value for key, value in call.patch.items() if key in _GIVEN}
    if call.method.id.endswith("update"):
        kept = {key: value for key, value in item.data.items() if key not in _GIVEN or key == "storageClass"}
        new = {**kept, **body}
    else:
        new = merge_patch(item.data, body)
    number = int(item.data["metageneration"]) + 1
    new.update(metageneration=str(number), etag=_etag(new["generation"], number), updated=zulu(call.state.wall(), 3))
    item.data = new
    return new


def _copy(call: Call) -> Object:
    _, source = locate(call, "sourceBucket", "sourceObject", "sourceGeneration")
    check_preconditions(call, source.data, source="Source")
    target = find(call.state, call.path["destinationBucket"])
    given = call.body or {key: value for key, value in source.data.items() if key in _GIVEN - {"storageClass"}}
    return store(call, target, call.path["destinationObject"], source.content, given)


@handles("storage.objects.copy")
def copy(call: Call) -> Data:
    """Copy an object within one request."""
    return _copy(call).data


@handles("storage.objects.rewrite")
def rewrite(call: Call) -> Data:
    """Copy an object; here always finished by the first request."""
    item = _copy(call)
    size = item.data["size"]
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": size,
        "objectSize": size,
        "done": True,
        "resource": item.data,
    }


@handles("storage.objects.compose")
def compose(call: Call) -> Data:
    """Concatenate up to 32 objects."""
    bucket = find(call.state, call.path["destinationBucket"])
    sources: list[dict[str, Any]] = call.body.get("sourceObjects", [])
    if not 1 <= len(sources) <= 32:
        raise refuse("The number of source components provided must be between 1 and 32.")
    parts, count = [], 0
    for source in sources:
        item = bucket.generation(source.get("name", ""), source.get("generation"))
        if item is None:
            raise GoogleError(404, f"Object {source.get('name')} was not found.")
        parts.append(item.content)
        count += int(item.data.get("componentCount", 1))
    return store(
        call, bucket, call.path["destinationObject"], b"".join(parts), call.body.get("destination", {}), count
    ).data
