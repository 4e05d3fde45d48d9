"""What a bucket may be told, and what the server makes of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from .. import policies
from ..calls import Call
from ..catalog import REGIONS
from ..errors import GoogleError
from ..state import NUMBER, PROJECT, zulu

Data = dict[str, Any]

WRITABLE = frozenset(
    {
        *("acl", "autoclass", "billing", "cors", "customPlacementConfig", "defaultEventBasedHold", "defaultObjectAcl"),
        *("encryption", "hierarchicalNamespace", "iamConfiguration", "ipFilter", "labels", "lifecycle", "logging"),
        *("retentionPolicy", "rpo", "softDeletePolicy", "storageClass", "versioning", "website"),
    }
)
FIXED = frozenset({"location", "hierarchicalNamespace", "customPlacementConfig"})
AGENT = f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{1,220}[a-z0-9]")
_MULTI = ("US", "EU", "ASIA")
_DUAL = ("ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4")
_CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY")
_ACTIONS = ("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload")
_WEEK, _QUARTER = 7 * 86400, 90 * 86400
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def refuse(message: str, code: int = 400, reason: str = "invalid") -> GoogleError:
    """An error as Cloud Storage shapes it."""
    return GoogleError(code, message, reason=reason)


def check_name(name: str) -> None:
    """Bucket names are lower case, 3 to 63 characters (222 with dots), no IP address, no ``goog`` in front."""
    parts = name.split(".")
    if (
        not _NAME.fullmatch(name)
        or any(not part or len(part) > 63 for part in parts)
        or name.startswith("goog")
        or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name)
    ):
        raise refuse(f"Invalid bucket name: '{name}'")


def placed(body: Data) -> Data:
    """``location``, ``locationType`` and ``rpo`` of a new bucket."""
    location = (body.get("location") or "US").upper()
    if location in _MULTI:
        kind = "multi-region"
    elif location in _DUAL or body.get("customPlacementConfig"):
        kind = "dual-region"
    elif location.lower() in REGIONS:
        kind = "region"
    else:
        raise refuse("The specified location constraint is not valid.")
    result: Data = {"location": location, "locationType": kind}
    if kind != "region":
        result["rpo"] = body.get("rpo", "DEFAULT")
    return result


def complete(call: Call, name: str, old: Data, new: Data) -> None:
    """Check a bucket's fields and fill in what the server adds. ``old`` is empty for a new bucket."""
    moment = zulu(call.state.wall(), 3)
    new["storageClass"] = new.get("storageClass") or "STANDARD"
    if new["storageClass"] not in _CLASSES:
        raise refuse("Invalid argument.")
    _access(call, old, new)
    _soft_delete(new, old, moment)
    _retention(name, new, old, moment)
    _lifecycle(new)
    _autoclass(new, old, moment)
    _labels(new)
    if new.get("logging"):
        target = new["logging"].get("logBucket")
        if not target or target not in {*call.state.buckets, name}:
            raise refuse("The target bucket for logging does not exist.")
        new["logging"].setdefault("logObjectPrefix", name)
    _encryption(call, old, new)
    for key in ("labels", "cors", "logging", "encryption", "website", "billing"):
        if key in new and not new[key]:
            del new[key]


def _access(call: Call, old: Data, new: Data) -> None:
    given = new.get("iamConfiguration", {})
    before = old.get("iamConfiguration", {})
    # bucketPolicyOnly is the old name of uniformBucketLevelAccess; both are always printed.
    uniform = given.get("uniformBucketLevelAccess", {})
    legacy = given.get("bucketPolicyOnly", {})
    was = before.get("uniformBucketLevelAccess", {})
    enabled = bool(uniform.get("enabled", False))
    if legacy.get("enabled", was.get("enabled", False)) != was.get("enabled", False) and not uniform.get("enabled"):
        enabled = bool(legacy["enabled"])
    if was.get("enabled") and not enabled and was["lockedTime"] < zulu(call.state.wall(), 3):
        raise refuse("Uniform bucket-level access can no longer be disabled.", 412, "conditionNotMet")
    state: Data = {"enabled": enabled}
    if enabled:
        state["lockedTime"] = was.get("lockedTime") or zulu(call.state.wall() + timedelta(days=90), 3)
    prevention = given.get("publicAccessPrevention", "inherited")
    if prevention not in ("inherited", "enforced"):
        raise refuse(f"Invalid value for publicAccessPrevention: {prevention}")
    new["iamConfiguration"] = {
        "bucketPolicyOnly": dict(state),
        "uniformBucketLevelAccess": state,
        "publicAccessPrevention": prevention,
    }


def _soft_delete(new: Data, old: Data, moment: str) -> None:
    given = new.get("softDeletePolicy")
    seconds = str((given or {}).get("retentionDurationSeconds", _WEEK))
    if int(seconds) != 0 and not _WEEK <= int(seconds) <= _QUARTER:
        raise refuse("The soft delete retention duration must be 0 or between 7 and 90 days.")
    before = old.get("softDeletePolicy", {})
    same = before.get("retentionDurationSeconds") == seconds
    new["softDeletePolicy"] = {
        "retentionDurationSeconds": seconds,
        "effectiveTime": before["effectiveTime"] if same else moment,
    }


def _retention(name: str, new: Data, old: Data, moment: str) -> None:
    given, before = new.get("retentionPolicy"), old.get("retentionPolicy", {})
    if not given or "retentionPeriod" not in given:
        if before.get("isLocked"):
            raise refuse(f"Cannot remove a locked Retention Policy from bucket '{name}'.", 403, "forbidden")
        new.pop("retentionPolicy", None)
        return
    seconds = int(given["retentionPeriod"])
    if not 0 < seconds < 100 * 366 * 86400:
        raise refuse("Invalid argument: the retention period must be between 1 second and 100 years.")
    if before.get("isLocked") and seconds < int(before["retentionPeriod"]):
        message = f"Cannot reduce retention duration of a locked Retention Policy for bucket '{name}'."
        raise refuse(message, 403, "forbidden")
    if new.get("versioning", {}).get("enabled"):
        raise refuse("A bucket cannot have both a retention policy and object versioning.")
    same = before.get("retentionPeriod") == str(seconds)
    policy: Data = {
        "retentionPeriod": str(seconds),
        "effectiveTime": before["effectiveTime"] if same else moment,
    }
    if before.get("isLocked"):
        policy["isLocked"] = True
    new["retentionPolicy"] = policy


def _lifecycle(new: Data) -> None:
    rules = (new.get("lifecycle") or {}).get("rule")
    if not rules:
        new.pop("lifecycle", None)
        return
    if len(rules) > 100:
        raise refuse("A bucket may have at most 100 lifecycle rules.")
    for rule in rules:
        action, condition = rule.get("action", {}), rule.get("condition")
        if action.get("type") not in _ACTIONS:
            raise refuse(f"Invalid lifecycle action: {action.get('type')}")
        if (action["type"] == "SetStorageClass") != ("storageClass" in action):
            raise refuse("SetStorageClass needs a storageClass, and no other action takes one.")
        if "storageClass" in action and action["storageClass"] not in _CLASSES:
            raise refuse("Invalid argument.")
        if not condition:
            raise refuse("A lifecycle rule must have at least one condition.")


def _autoclass(new: Data, old: Data, moment: str) -> None:
    given, before = new.get("autoclass"), old.get("autoclass", {})
    if given is None:
        return
    enabled = bool(given.get("enabled"))
    result: Data = {"enabled": enabled}
    result["toggleTime"] = before["toggleTime"] if before.get("enabled") is enabled and before else moment
    if enabled:
        terminal = given.get("terminalStorageClass", "NEARLINE")
        if terminal not in ("NEARLINE", "ARCHIVE"):
            raise refuse("Invalid argument.")
        same = before.get("terminalStorageClass") == terminal
        result["terminalStorageClass"] = terminal
        result["terminalStorageClassUpdateTime"] = before["terminalStorageClassUpdateTime"] if same else moment
    new["autoclass"] = result


def _labels(new: Data) -> None:
    labels = new.get("labels", {})
    if len(labels) > 64:
        raise refuse("A bucket may have at most 64 labels.")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise refuse(f"Invalid label: '{key}': '{value}'")


def _encryption(call: Call, old: Data, new: Data) -> None:
    key = new.get("encryption", {}).get("defaultKmsKeyName")
    if not key or key == old.get("encryption", {}).get("defaultKmsKeyName"):
        return
    denied = refuse(
        "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized "
        "to use this key.",
        403,
        "forbidden",
    )
    if key not in call.state.kms or not may_use_key(call, key, AGENT):
        raise denied
    place = key.split("/")[3]
    if place not in (new["location"].lower(), {"EU": "europe"}.get(new["location"], "")):
        raise refuse(f"Cloud KMS key location '{place}' must match the bucket's location '{new['location']}'.")


def may_use_key(call: Call, key: str, account: str) -> bool:
    """Whether a service agent may encrypt with a key: by the key's, its ring's or the project's policy."""
    member = f"serviceAccount:{account}"
    for resource in (key, key.partition("/cryptoKeys/")[0], f"projects/{PROJECT}"):
        for binding in policies.get(call.state, resource).get("bindings", []):
            if binding["role"] == "roles/cloudkms.cryptoKeyEncrypterDecrypter" and member in binding["members"]:
                return True
    return False
