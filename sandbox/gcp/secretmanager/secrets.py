"""Secrets: creation, change, deletion, policies."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from .. import cmek, policies
from ..calls import Call, handles
from ..catalog import REGIONS
from ..errors import GoogleError, invalid
from ..fields import apply_mask, camel
from ..listing import page, predicate
from ..render import writable
from ..state import zulu
from .model import Data, Secret, after, check_etag, etag, find, let_expire, name_of, parse, policy_key

_ID = re.compile(r"[a-zA-Z0-9_-]{1,255}")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_ANNOTATION_KEY = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?")
_ALIAS = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,62}")
_TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")
_DURATION = re.compile(r"(\d+)(?:\.\d+)?s")
_SECRETS = "secretmanager.projects.secrets"
_CHANGEABLE = frozenset(
    {
        *("annotations", "expireTime", "labels", "replication", "rotation", "topics", "ttl", "versionAliases"),
        "versionDestroyTtl",
    }
)
_YEARS_100 = 3_153_600_000
_MAX_ANNOTATIONS = 16 * 1024


def duration(text: str, field: str) -> int:
    """Whole seconds of ``3600s``."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise invalid(f"Illegal duration format; {field} must end with 's'.", field=field)
    return int(found[1])


@handles(f"{_SECRETS}.create")
def create(call: Call) -> Data:
    """Create a secret without versions."""
    let_expire(call)
    secret_id = call.query.get("secretId", "")
    if not _ID.fullmatch(secret_id):
        raise invalid(f"The provided Secret ID [{secret_id}] does not match the expected format [[a-zA-Z_0-9]+].")
    if secret_id in call.state.secrets:
        raise GoogleError(409, f"Secret [{name_of(secret_id)}] already exists.")
    body = writable(call.document, "Secret", call.body)
    data: Data = {"name": name_of(secret_id), "createTime": zulu(call.state.wall()), "etag": etag(call), **body}
    data["name"] = name_of(secret_id)
    data["etag"] = etag(call)
    data.pop("tags", None)
    _complete(call, data, {}, {})
    call.state.secrets[secret_id] = Secret(data)
    return shown(data)


def shown(data: Data) -> Data:
    """As the API prints it."""
    return {key: value for key, value in data.items() if value not in ({}, [], "")}


def _complete(call: Call, data: Data, before: Data, versions: dict[int, Any]) -> None:
    _replication(call, data, before)
    _labels(data)
    ttl = data.pop("ttl", None)
    if ttl is not None:
        seconds = duration(ttl, "ttl")
        if not 60 <= seconds <= _YEARS_100:
            raise invalid("Secret.ttl must be between 1 minute and 100 years.", field="secret.ttl")
        data["expireTime"] = after(call, seconds)
    elif data.get("expireTime") not in (None, before.get("expireTime")) and (
        _time(data["expireTime"], "expire_time") <= call.state.wall()
    ):
        raise invalid("Secret.expire_time must be in the future.", field="secret.expire_time")
    if "versionDestroyTtl" in data and duration(data["versionDestroyTtl"], "version_destroy_ttl") < 86400:
        raise invalid("Secret.version_destroy_ttl must be at least 24 hours.", field="secret.version_destroy_ttl")
    _rotation(call, data, before)
    for alias, number in data.get("versionAliases", {}).items():
        if not _ALIAS.fullmatch(alias) or alias == "latest":
            raise invalid(f"Invalid version alias: {alias}.", field="secret.version_aliases")
        if int(number) not in versions:
            raise invalid(f"Version alias {alias} points to version {number}, which does not exist.")


def _time(text: str, field: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        raise invalid(f"Invalid value at 'secret.{field}': {text}", field=f"secret.{field}") from None


def _replication(call: Call, data: Data, before: Data) -> None:
    given = data.get("replication", {})
    kinds = [kind for kind in ("automatic", "userManaged") if kind in given]
    if len(kinds) != 1:
        raise invalid("Secret.replication must be provided and set to automatic or user_managed.")
    old = before.get("replication")
    if old is not None and _places(old) != _places(given):
        raise invalid("Secret.replication cannot be changed; only its customer managed encryption can.")
    if kinds == ["automatic"]:
        encryption = given["automatic"].get("customerManagedEncryption", {})
        if encryption:
            cmek.require(call, encryption.get("kmsKeyName", ""), "global")
        return
    replicas = given["userManaged"].get("replicas", [])
    if not replicas:
        raise invalid("At least one replica must be given.", field="secret.replication.user_managed.replicas")
    for replica in replicas:
        place = replica.get("location", "")
        if place not in REGIONS:
            raise invalid(f"Location {place} is not valid for secret replication.")
        if replica.get("customerManagedEncryption"):
            cmek.require(call, replica["customerManagedEncryption"].get("kmsKeyName", ""), place)
    if len({bool(replica.get("customerManagedEncryption")) for replica in replicas}) > 1:
        raise invalid("Either all replicas or none must use customer managed encryption.")


def _places(replication: Data) -> list[str]:
    managed = replication.get("userManaged")
    return ["automatic"] if managed is None else [replica.get("location", "") for replica in managed["replicas"]]


def _labels(data: Data) -> None:
    labels = data.get("labels", {})
    if len(labels) > 64:
        raise invalid("A secret may have at most 64 labels.", field="secret.labels")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"Invalid label: {key}={value}.", field="secret.labels")
    annotations = data.get("annotations", {})
    if any(not _ANNOTATION_KEY.fullmatch(key) for key in annotations):
        raise invalid("Invalid annotation key.", field="secret.annotations")
    if sum(len(key) + len(value) for key, value in annotations.items()) > _MAX_ANNOTATIONS:
        raise invalid("The annotations are larger than 16 KiB.", field="secret.annotations")


def _rotation(call: Call, data: Data, before: Data) -> None:
    topics = data.get("topics", [])
    if len(topics) > 10 or any(not _TOPIC.fullmatch(topic.get("name", "")) for topic in topics):
        raise invalid("Topics must be named projects/*/topics/*, at most 10 of them.", field="secret.topics")
    rotation = data.get("rotation")
    if not rotation:
        return
    if not topics:
        raise invalid("Secret.topics must be set to configure rotation.", field="secret.topics")
    if "rotationPeriod" in rotation:
        if not 3600 <= duration(rotation["rotationPeriod"], "rotation_period") <= _YEARS_100:
            raise invalid("Rotation.rotation_period must be between 1 hour and 100 years.")
        if "nextRotationTime" not in rotation:
            raise invalid("Rotation.next_rotation_time must be set when rotation_period is set.")
    moment = rotation.get("nextRotationTime")
    if moment in (None, before.get("rotation", {}).get("nextRotationTime")):
        return
    if _time(moment, "rotation.next_rotation_time") < call.state.wall() + timedelta(minutes=5):
        raise invalid("Rotation.next_rotation_time must be at least 5 minutes in the future.")


@handles(f"{_SECRETS}.get")
def get(call: Call) -> Data:
    """One secret, without its values."""
    return shown(find(call).data)


@handles(f"{_SECRETS}.list")
def listing(call: Call) -> Data:
    """All secrets of the project."""
    let_expire(call)
    test = predicate(call.query.get("filter"))
    items = [shown(item.data) for _, item in sorted(call.state.secrets.items())]
    items = [item for item in items if test(item)]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=25000)
    answer: Data = {"secrets": found, "totalSize": len(items)} if items else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles(f"{_SECRETS}.patch")
def patch(call: Call) -> Data:
    """Change what ``updateMask`` names."""
    secret = find(call)
    check_etag(call.body.get("etag"), secret.data["etag"])
    body = writable(call.document, "Secret", call.body)
    mask = ",".join(part for part in camel(call.query.get("updateMask", "")).split(",") if part != "etag")
    data = _deep_copy(secret.data)
    apply_mask(data, body, mask, _CHANGEABLE)
    if "ttl" in mask.split(",") and "ttl" not in body:
        data.pop("expireTime", None)
    _complete(call, data, secret.data, secret.versions)
    data["etag"] = etag(call)
    secret.data = data
    return shown(data)


def _deep_copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _deep_copy(item) for key, item in value.items()}
    return [_deep_copy(item) for item in value] if isinstance(value, list) else value


@handles(f"{_SECRETS}.delete")
def delete(call: Call) -> Data:
    """Delete a secret with all its versions; there is no way back."""
    secret = find(call)
    check_etag(call.query.get("etag"), secret.data["etag"])
    del call.state.secrets[secret.id]
    call.state.policies.pop(policy_key(secret.id), None)
    return {}


@handles(f"{_SECRETS}.getIamPolicy")
def get_policy(call: Call) -> Data:
    """Who may use the secret."""
    return policies.shown(policies.get(call.state, policy_key(find(call).id)))


@handles(f"{_SECRETS}.setIamPolicy")
def set_policy(call: Call) -> Data:
    """Replace who may use the secret."""
    return policies.put(call, policy_key(find(call).id), call.body.get("policy", {}))


@handles(f"{_SECRETS}.testIamPermissions")
def test_permissions(call: Call) -> Data:
    """The caller may do everything with what exists."""
    find(call)
    return policies.test(call)


@handles("secretmanager.projects.locations.list")
def locations(call: Call) -> Data:
    """Where secrets can be replicated to."""
    parent = "/".join(call.name.split("/")[:2])
    return {"locations": [{"name": f"{parent}/locations/{place}", "locationId": place} for place in REGIONS]}
