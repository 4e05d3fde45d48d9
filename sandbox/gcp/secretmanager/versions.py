"""Versions of secrets: adding, reading, and taking them out of use."""

from __future__ import annotations

import base64

import google_crc32c

from .. import cmek
from ..calls import Call, handles
from ..errors import invalid, precondition
from ..listing import page, predicate
from ..state import zulu
from .model import Data, Secret, Version, after, check_etag, destroy, etag, find, find_version
from .secrets import duration

_VERSIONS = "secretmanager.projects.secrets.versions"
_MAX_BYTES = 64 * 1024


@handles("secretmanager.projects.secrets.addVersion")
def add(call: Call) -> Data:
    """Add a version with its bytes."""
    secret = find(call)
    payload = call.body.get("payload", {})
    if "data" not in payload:
        raise invalid("The payload is required.", field="payload")
    text = payload["data"].replace("-", "+").replace("_", "/")
    content = base64.b64decode(text + "=" * (-len(text) % 4))
    if len(content) > _MAX_BYTES:
        raise invalid(f"The payload is larger than {_MAX_BYTES} bytes.", field="payload.data")
    checksum = payload.get("dataCrc32c")
    if checksum is not None and int(checksum) != _crc(content):
        raise invalid("The provided checksum does not match the data.", field="payload.data_crc32c")
    number = max(secret.versions, default=0) + 1
    data: Data = {
        "name": f"{secret.data['name']}/versions/{number}",
        "createTime": zulu(call.state.wall()),
        "state": "ENABLED",
        "replicationStatus": _replication(call, secret),
        "etag": etag(call),
    }
    if checksum is not None:
        data["clientSpecifiedPayloadChecksum"] = True
    secret.versions[number] = Version(data, content)
    return data


def _crc(content: bytes) -> int:
    return int(google_crc32c.value(content))


def _replication(call: Call, secret: Secret) -> Data:
    def encryption(policy: Data) -> Data:
        key = policy.get("customerManagedEncryption", {}).get("kmsKeyName")
        if not key:
            return {}
        version = cmek.version_in_use(call.state, key)
        if version is None:
            raise precondition(f"The primary version of Cloud KMS key {key} is not enabled.")
        return {"customerManagedEncryption": {"kmsKeyVersionName": version}}

    policy = secret.data["replication"]
    if "automatic" in policy:
        return {"automatic": encryption(policy["automatic"])}
    replicas = [{"location": item["location"], **encryption(item)} for item in policy["userManaged"]["replicas"]]
    return {"userManaged": {"replicas": replicas}}


@handles(f"{_VERSIONS}.get")
def get(call: Call) -> Data:
    """One version, without its bytes."""
    return find_version(call)[1].data


@handles(f"{_VERSIONS}.list")
def listing(call: Call) -> Data:
    """The versions of a secret, newest first."""
    secret = find(call)
    test = predicate(call.query.get("filter"))
    items = [secret.versions[number].data for number in sorted(secret.versions, reverse=True)]
    items = [item for item in items if test(item)]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=25000)
    answer: Data = {"versions": found, "totalSize": len(items)} if items else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles(f"{_VERSIONS}.access")
def access(call: Call) -> Data:
    """The bytes of a version."""
    _, version = find_version(call)
    state = version.data["state"]
    if state != "ENABLED" or version.payload is None:
        raise precondition(f"Secret Version [{version.data['name']}] is in {state} state.")
    _check_key(call, version)
    content = version.payload
    payload = {"data": base64.b64encode(content).decode(), "dataCrc32c": str(_crc(content))}
    return {"name": version.data["name"], "payload": payload}


def _check_key(call: Call, version: Version) -> None:
    status = version.data["replicationStatus"]
    places = [status.get("automatic", {}), *status.get("userManaged", {}).get("replicas", [])]
    for place in places:
        name = place.get("customerManagedEncryption", {}).get("kmsKeyVersionName")
        if name and call.state.kms.get(name, {}).get("state") != "ENABLED":
            raise precondition(f"Cloud KMS key version {name} is not enabled.")


@handles(f"{_VERSIONS}.enable", f"{_VERSIONS}.disable")
def switch(call: Call) -> Data:
    """Enable or disable a version; one that is destroyed stays destroyed."""
    _, version = find_version(call)
    check_etag(call.body.get("etag"), version.data["etag"])
    if version.data["state"] == "DESTROYED":
        raise precondition(f"Secret Version [{version.data['name']}] is in DESTROYED state.")
    enable = call.method.id.endswith("enable")
    version.data.update(state="ENABLED" if enable else "DISABLED", etag=etag(call))
    version.data.pop("scheduledDestroyTime", None)
    return version.data


@handles(f"{_VERSIONS}.destroy")
def remove(call: Call) -> Data:
    """Destroy the bytes; a secret with ``versionDestroyTtl`` disables the version first."""
    secret, version = find_version(call)
    check_etag(call.body.get("etag"), version.data["etag"])
    if version.data["state"] == "DESTROYED":
        raise precondition(f"Secret Version [{version.data['name']}] is in DESTROYED state.")
    ttl = secret.data.get("versionDestroyTtl")
    if ttl and "scheduledDestroyTime" not in version.data:
        version.data.update(state="DISABLED", scheduledDestroyTime=after(call, duration(ttl, "version_destroy_ttl")))
    elif not ttl:
        destroy(version, zulu(call.state.wall()))
    version.data["etag"] = etag(call)
    return version.data
