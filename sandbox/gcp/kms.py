"""Cloud KMS: key rings, keys, their versions and policies.

A version is destroyed 30 days after it was told so; only then can it, its key and its ring be deleted.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from . import lro, policies
from .calls import Call, handles
from .catalog import REGIONS
from .errors import GoogleError, invalid, precondition
from .fields import apply_mask, camel
from .listing import page, predicate
from .render import writable
from .state import hex_id, zulu

_ID = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_MULTI = ("global", "us", "eu", "europe", "asia")
_DEFAULT_ALGORITHM = {"ENCRYPT_DECRYPT": "GOOGLE_SYMMETRIC_ENCRYPTION", "MAC": "HMAC_SHA256"}
_RINGS = "cloudkms.projects.locations.keyRings"
_KEYS = f"{_RINGS}.cryptoKeys"
_VERSIONS = f"{_KEYS}.cryptoKeyVersions"
_CHANGEABLE = frozenset({"labels", "rotationPeriod", "nextRotationTime", "versionTemplate", "destroyScheduledDuration"})


def _kind(name: str) -> str:
    return name.split("/")[-2]


def _find(call: Call, name: str | None = None) -> dict[str, Any]:
    wanted = name or call.name
    _let_expire(call)
    found = call.state.kms.get(wanted)
    if found is None:
        word = {"keyRings": "KeyRing", "cryptoKeys": "CryptoKey", "cryptoKeyVersions": "CryptoKeyVersion"}
        raise GoogleError(404, f"{word[_kind(wanted)]} {wanted} not found.")
    return found


def _let_expire(call: Call) -> None:
    """Scheduled destructions whose time has come."""
    now = zulu(call.state.wall(), 9)
    for item in call.state.kms.values():
        if item.get("state") == "DESTROY_SCHEDULED" and item["destroyTime"] <= now:
            item.update(state="DESTROYED", destroyEventTime=item.pop("destroyTime"))


def _location(call: Call) -> None:
    place = call.name.split("/")[3]
    if place not in REGIONS and place not in _MULTI:
        raise GoogleError(404, f"The request concerns location '{place}' but was sent to location 'global'.")


def _fresh(call: Call, parameter: str, collection: str) -> str:
    given = call.query.get(parameter, "")
    if not _ID.fullmatch(given):
        raise invalid(f"{parameter} must match {_ID.pattern}.", field=parameter)
    name = f"{call.name}/{collection}/{given}"
    if name in call.state.kms or name in call.state.retired_keys:
        word = "KeyRing" if collection == "keyRings" else "CryptoKey"
        raise GoogleError(409, f"{word} {name} already exists.")
    return name


@handles(f"{_RINGS}.create")
def create_ring(call: Call) -> dict[str, Any]:
    """Create a key ring."""
    _location(call)
    name = _fresh(call, "keyRingId", "keyRings")
    call.state.kms[name] = {"name": name, "createTime": zulu(call.state.wall(), 9)}
    return call.state.kms[name]


@handles(f"{_KEYS}.create")
def create_key(call: Call) -> dict[str, Any]:
    """Create a key and, unless asked otherwise, its first version."""
    _find(call)
    name = _fresh(call, "cryptoKeyId", "cryptoKeys")
    body = writable(call.document, "CryptoKey", call.body)
    purpose = body.get("purpose")
    if not purpose or purpose == "CRYPTO_KEY_PURPOSE_UNSPECIFIED":
        raise invalid("CryptoKey.purpose must be specified.", field="crypto_key.purpose")
    template = body.get("versionTemplate", {})
    algorithm = template.get("algorithm") or _DEFAULT_ALGORITHM.get(purpose)
    if algorithm is None:
        raise invalid(f"An algorithm must be given for purpose {purpose}.", field="crypto_key.version_template")
    if purpose != "ENCRYPT_DECRYPT" and ("rotationPeriod" in body or "nextRotationTime" in body):
        raise invalid(f"Automatic rotation is not supported for purpose {purpose}.")
    key = {
        "name": name,
        "purpose": purpose,
        "createTime": zulu(call.state.wall(), 9),
        "destroyScheduledDuration": "2592000s",
        **{key: value for key, value in body.items() if key not in ("purpose", "versionTemplate")},
        "versionTemplate": {"protectionLevel": template.get("protectionLevel", "SOFTWARE"), "algorithm": algorithm},
    }
    call.state.kms[name] = key
    if not call.query.get("skipInitialVersionCreation"):
        version = _new_version(call, key)
        if purpose == "ENCRYPT_DECRYPT":
            key["#primary"] = version["name"]
    return _shown(call, key)


def _new_version(call: Call, key: dict[str, Any]) -> dict[str, Any]:
    prefix = f"{key['name']}/cryptoKeyVersions/"
    number = 1 + sum(1 for name in call.state.kms if name.startswith(prefix))
    moment = zulu(call.state.wall(), 9)
    version = {
        "name": f"{prefix}{number}",
        "state": "ENABLED",
        "createTime": moment,
        "protectionLevel": key["versionTemplate"]["protectionLevel"],
        "algorithm": key["versionTemplate"]["algorithm"],
        "generateTime": moment,
    }
    call.state.kms[version["name"]] = version
    return version


def _shown(call: Call, item: dict[str, Any]) -> dict[str, Any]:
    answer = {key: value for key, value in item.items() if not key.startswith("#") and value != {}}
    if "#primary" in item:
        answer["primary"] = call.state.kms[item["#primary"]]
    return answer


@handles(f"{_RINGS}.get", f"{_KEYS}.get", f"{_VERSIONS}.get")
def get(call: Call) -> dict[str, Any]:
    """One key ring, key or version."""
    return _shown(call, _find(call))


@handles(f"{_RINGS}.list", f"{_KEYS}.list", f"{_VERSIONS}.list")
def listing(call: Call) -> dict[str, Any]:
    """What is directly below a location, key ring or key."""
    collection = call.method.id.split(".")[-2]
    if collection != "keyRings":
        _find(call)
    prefix = f"{call.name}/{collection}/"
    test = predicate(call.query.get("filter"))
    items = [
        _shown(call, item)
        for name, item in call.state.kms.items()
        if name.startswith(prefix) and "/" not in name[len(prefix) :]
    ]
    items = [item for item in items if test(item)]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=100)
    answer: dict[str, Any] = {collection: found, "totalSize": len(items)} if items else {}
    if token:
        answer["nextPageToken"] = token
    return answer


@handles(f"{_KEYS}.patch")
def patch_key(call: Call) -> dict[str, Any]:
    """Change what ``updateMask`` names."""
    key = _find(call)
    mask = call.query.get("updateMask", "")
    body = writable(call.document, "CryptoKey", call.body)
    apply_mask(key, body, mask, _CHANGEABLE)
    if camel(mask) and "rotationPeriod" in camel(mask) and key["purpose"] != "ENCRYPT_DECRYPT":
        key.pop("rotationPeriod", None)
        raise invalid(f"Automatic rotation is not supported for purpose {key['purpose']}.")
    return _shown(call, key)


@handles(f"{_VERSIONS}.create")
def create_version(call: Call) -> dict[str, Any]:
    """Add a version; it becomes primary only when told to."""
    return _new_version(call, _find(call))


@handles(f"{_KEYS}.updatePrimaryVersion")
def set_primary(call: Call) -> dict[str, Any]:
    """Make a version the one that encrypts."""
    key = _find(call)
    version = _find(call, f"{call.name}/cryptoKeyVersions/{call.body.get('cryptoKeyVersionId', '')}")
    if key["purpose"] != "ENCRYPT_DECRYPT" or version["state"] != "ENABLED":
        raise precondition(f"{version['name']} cannot be the primary version.")
    key["#primary"] = version["name"]
    return _shown(call, key)


@handles(f"{_VERSIONS}.patch")
def patch_version(call: Call) -> dict[str, Any]:
    """Enable or disable a version."""
    version = _find(call)
    wanted = call.body.get("state")
    if wanted not in ("ENABLED", "DISABLED") or version["state"] not in ("ENABLED", "DISABLED"):
        raise precondition(f"{version['name']} is in state {version['state']} and cannot become {wanted}.")
    version["state"] = wanted
    return version


@handles(f"{_VERSIONS}.destroy")
def destroy(call: Call) -> dict[str, Any]:
    """Schedule the destruction of a version."""
    version = _find(call)
    if version["state"] not in ("ENABLED", "DISABLED"):
        raise precondition(f"{version['name']} is in state {version['state']} and cannot be destroyed.")
    key = call.state.kms[version["name"].partition("/cryptoKeyVersions/")[0]]
    delay = int(key["destroyScheduledDuration"].rstrip("s").partition(".")[0])
    version["state"] = "DESTROY_SCHEDULED"
    version["destroyTime"] = zulu(call.state.wall() + timedelta(seconds=delay), 9)
    return version


@handles(f"{_VERSIONS}.delete", f"{_KEYS}.delete", f"{_RINGS}.delete")
def delete(call: Call) -> dict[str, Any]:
    """Delete a destroyed version, or a key or ring with nothing below it. The name of a key stays taken."""
    item = _find(call)
    if "state" in item and item["state"] != "DESTROYED":
        raise precondition(f"{call.name} is in state {item['state']} and cannot be deleted.")
    if any(name.startswith(f"{call.name}/") for name in call.state.kms):
        raise precondition(f"{call.name} has child resources and cannot be deleted.")
    del call.state.kms[call.name]
    call.state.policies.pop(call.name, None)
    if _kind(call.name) == "cryptoKeys":
        call.state.retired_keys.add(call.name)
    place = "/".join(call.name.split("/")[:4])
    response = {"@type": "type.googleapis.com/google.protobuf.Empty"}
    return lro.start(call, f"{place}/operations/{hex_id(32)}", "cloudkms.delete", lambda: response)


@handles("cloudkms.projects.locations.operations.get")
def get_operation(call: Call) -> dict[str, Any]:
    """A deletion."""
    return lro.render(lro.find(call.state, "cloudkms", call.name))


@handles(f"{_VERSIONS}.restore")
def restore(call: Call) -> dict[str, Any]:
    """Take a scheduled destruction back; the version is disabled."""
    version = _find(call)
    if version["state"] != "DESTROY_SCHEDULED":
        raise precondition(f"{version['name']} is in state {version['state']} and cannot be restored.")
    version["state"] = "DISABLED"
    del version["destroyTime"]
    return version


@handles(f"{_RINGS}.getIamPolicy", f"{_KEYS}.getIamPolicy")
def get_policy(call: Call) -> dict[str, Any]:
    """Who may use the key or ring."""
    return policies.shown(policies.get(call.state, _find(call)["name"]))


@handles(f"{_RINGS}.setIamPolicy", f"{_KEYS}.setIamPolicy")
def set_policy(call: Call) -> dict[str, Any]:
    """Replace who may use the key or ring."""
    return policies.put(call, _find(call)["name"], call.body.get("policy", {}))


@handles(f"{_RINGS}.testIamPermissions", f"{_KEYS}.testIamPermissions")
def test_permissions(call: Call) -> dict[str, Any]:
    """The caller may do everything with what exists."""
    _find(call)
    return policies.test(call)


@handles("cloudkms.projects.locations.list")
def locations(call: Call) -> dict[str, Any]:
    """Where keys can live."""
    return {"locations": [_place(call, place) for place in (*REGIONS, *_MULTI)]}


@handles("cloudkms.projects.locations.get")
def location(call: Call) -> dict[str, Any]:
    """One location."""
    _location(call)
    return _place(call, call.name.split("/")[3])


def _place(call: Call, place: str) -> dict[str, Any]:
    return {"name": f"{'/'.join(call.name.split('/')[:2])}/locations/{place}", "locationId": place}
