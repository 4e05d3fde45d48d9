"""What is done with an instance: failover, upgrade, export and import."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from ...engines import RedisEngine
from .. import managed_lro
from ..calls import Call, handles
from ..engines import Server
from ..errors import GoogleError, invalid, precondition
from ..managed_lro import check_idle
from ..state import Record, hex_id
from ..storage.model import Bucket
from ..storage.objects import store
from .instances import begin
from .model import INSTANCES, TYPE, Data, find, server, shown
from .settings import VERSIONS

# An RDB file without keys (its checksum of zero is "none").
_NO_KEYS = b"REDIS0011\xff" + bytes(8)


def _begin(call: Call, state: str) -> Record:
    record = find(call)
    check_idle(record)
    if record.data["state"] != "READY":
        raise precondition(f"Instance {call.name} is in state {record.data['state']}.")
    record.data["state"] = state
    return record


def _run(call: Call, record: Record, verb: str, duration: str, effect: Any, work: Future[Any] | None = None) -> Data:
    def response() -> Data:
        effect(record.data)
        record.data["state"] = "READY"
        return {"@type": TYPE, **shown(call, record.data)}

    def failed(_: str) -> None:
        record.data["state"] = "READY"

    return managed_lro.start(call, record, verb, duration, response, failed, work)


@handles(f"{INSTANCES}.failover")
def failover(call: Call) -> Data:
    """Let the replica take over."""
    if find(call).data["tier"] != "STANDARD_HA":
        raise precondition("Failover is only supported for instances of tier STANDARD_HA.")
    record = _begin(call, "FAILING_OVER")

    def effect(data: Data) -> None:
        first, second = data["#zones"]
        data["#current"] = second if data["#current"] == first else first

    return _run(call, record, "failover", "redis.instance.failover", effect)


@handles(f"{INSTANCES}.upgrade")
def upgrade(call: Call) -> Data:
    """Go to a newer version of Redis."""
    wanted, present = call.body.get("redisVersion", ""), find(call).data["redisVersion"]
    if wanted not in VERSIONS or VERSIONS.index(wanted) <= VERSIONS.index(present):
        raise invalid(f"Cannot upgrade from {present} to {wanted}.", field="redis_version")
    record = _begin(call, "UPDATING")
    return _run(call, record, "update", "redis.instance.upgrade", lambda data: data.__setitem__("redisVersion", wanted))


def _object(call: Call, uri: str) -> tuple[Bucket, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not name:
        raise invalid(f"Invalid Cloud Storage URI: {uri}.")
    found: Bucket | None = call.state.buckets.get(bucket)
    if found is None:
        raise GoogleError(404, f"The bucket {bucket} does not exist.")
    return found, name


@handles(f"{INSTANCES}.export")
def export(call: Call) -> Data:
    """Write all keys into an object of a bucket."""
    uri = call.body.get("outputConfig", {}).get("gcsDestination", {}).get("uri", "")
    bucket, name = _object(call, uri)
    record = _begin(call, "UPDATING")
    work = call.state.engines.run(server(record.data), lambda engine: _dump(engine, server(record.data)))

    def effect(_: Data) -> None:
        content = work.result() if work is not None else _NO_KEYS
        store(call, bucket, name, content, {"contentType": "application/octet-stream"})

    return _run(call, record, "export", "redis.instance.export", effect, work)


def _dump(engine: RedisEngine, real: Server | None) -> bytes:
    if real is None:
        return _NO_KEYS
    snapshot = f"export-{hex_id(12)}"
    engine.snapshot(real.id, snapshot)
    try:
        return engine.snapshot_bytes(snapshot)
    finally:
        engine.delete_snapshot(snapshot)


@handles(f"{INSTANCES}.import")
def import_(call: Call) -> Data:
    """Replace all keys by those of an object."""
    uri = call.body.get("inputConfig", {}).get("gcsSource", {}).get("uri", "")
    bucket, name = _object(call, uri)
    item = bucket.live(name)
    if item is None or not item.content.startswith(b"REDIS"):
        raise invalid(f"{uri} is not an RDB file.")
    record = _begin(call, "IMPORTING")
    real, content, snapshot = server(record.data), item.content, f"import-{hex_id(12)}"
    if real is not None:
        call.state.engines.run(real, lambda engine: engine.put_snapshot(snapshot, content))
        call.state.engines.run(real, lambda engine: engine.delete(real.id))
    work = begin(call.state, record.data, snapshot)
    if real is not None:
        call.state.engines.run(real, lambda engine: engine.delete_snapshot(snapshot))
    return _run(call, record, "import", "redis.instance.import", lambda _: None, work)
