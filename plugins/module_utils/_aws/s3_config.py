# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dozen configurations of an S3 bucket: how each is read, what "not configured" looks like, how each is written.

Every one is a call of its own with an error code of its own for "there is none" (Amazon S3 API reference).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._engine.errors import CloudError
from .base import Item, as_dict, as_list
from .client import Session

PUBLIC_ACCESS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True)
class Part:
    """One configuration. absent: the code that S3 answers while it is not set. parse: answer -> value."""

    operation: str
    absent: str
    parse: Callable[[Item], Any]


def _encryption(answer: Item) -> Item:
    rule: Item = next(iter(answer.get("ServerSideEncryptionConfiguration", {}).get("Rules") or ()), {})
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    return {
        "SSEAlgorithm": default.get("SSEAlgorithm", "AES256"),
        "KMSMasterKeyID": default.get("KMSMasterKeyID"),
        "BucketKeyEnabled": bool(rule.get("BucketKeyEnabled")),
    }


def _ownership(answer: Item) -> str | None:
    rules = answer.get("OwnershipControls", {}).get("Rules") or ()
    return next((rule["ObjectOwnership"] for rule in rules), None)


def _logging(answer: Item) -> str:
    enabled = answer.get("LoggingEnabled") or {}
    return f"{enabled['TargetBucket']}/{enabled.get('TargetPrefix', '')}" if enabled.get("TargetBucket") else ""


def _lock_days(answer: Item) -> int:
    """Days of default retention. S3 takes years too; 0 is a bucket without."""
    rule = (answer.get("ObjectLockConfiguration") or {}).get("Rule") or {}
    retention = rule.get("DefaultRetention") or {}
    return int(retention.get("Days") or 365 * int(retention.get("Years") or 0))


def _rules(answer: Item) -> list[Item]:
    """Lifecycle rules. The prefix of old rules stands beside the filter, new ones say it in the filter."""
    rules = []
    for rule in answer.get("Rules") or ():
        prefix = rule.get("Prefix", (rule.get("Filter") or {}).get("Prefix", ""))
        rest = {key: value for key, value in rule.items() if key not in ("Prefix", "Filter")}
        other = {key: value for key, value in (rule.get("Filter") or {}).items() if key != "Prefix"}
        rules.append({**rest, "Filter": {"Prefix": prefix, **other}})
    return rules


PARTS: dict[str, Part] = {
    "PublicAccessBlock": Part(
        "get_public_access_block",
        "NoSuchPublicAccessBlockConfiguration",
        lambda answer: dict(answer.get("PublicAccessBlockConfiguration") or {}),
    ),
    "ObjectOwnership": Part("get_bucket_ownership_controls", "OwnershipControlsNotFoundError", _ownership),
    "Versioning": Part("get_bucket_versioning", "", lambda answer: answer.get("Status") == "Enabled"),
    "Encryption": Part("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError", _encryption),
    "LifecycleRules": Part("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", _rules),
    "Logging": Part("get_bucket_logging", "", _logging),
    "PolicyStatements": Part(
        "get_bucket_policy",
        "NoSuchBucketPolicy",
        lambda answer: json.loads(answer["Policy"])["Statement"] if answer.get("Policy") else [],
    ),
    "ObjectLockDays": Part("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError", _lock_days),
    "tags": Part("get_bucket_tagging", "NoSuchTagSet", lambda answer: as_dict(answer.get("TagSet"))),
}


def read_part(session: Session, bucket: str, name: str) -> Any:
    """The value of one configuration. Raises NotFound for a bucket that does not exist."""
    part = PARTS[name]
    try:
        # Each call is repeated by itself: of so many, one fails too often for all of them to be asked again.
        answer = session.steady(lambda: session.call("s3", part.operation, Bucket=bucket))
    except CloudError as error:
        if error.code != part.absent:
            raise
        answer = {}
    return part.parse(answer)


def write_part(session: Session, bucket: str, name: str, have: Any, want: Any) -> None:
    """Make one configuration what is wanted. have: what it is now, for those that are written as a whole."""
    _WRITERS[name](_Target(session, bucket), have, want)


@dataclass(frozen=True)
class _Target:
    session: Session
    bucket: str

    def call(self, operation: str, **params: Any) -> None:
        self.session.create("s3", operation, Bucket=self.bucket, **params)


def _write_tags(target: _Target, have: Mapping[str, str] | None, want: Mapping[str, str]) -> None:
    # The call replaces all tags: those of others are sent along. AWS's own (aws:*) cannot be.
    kept = {key: value for key, value in (have or {}).items() if not key.startswith("aws:")}
    target.call("put_bucket_tagging", Tagging={"TagSet": as_list({**kept, **want})})


def _write_encryption(target: _Target, have: Any, want: Item) -> None:
    default = {name: want[name] for name in ("SSEAlgorithm", "KMSMasterKeyID") if want.get(name)}
    rule: Item = {"ApplyServerSideEncryptionByDefault": default}
    if "BucketKeyEnabled" in want:
        rule["BucketKeyEnabled"] = want["BucketKeyEnabled"]
    target.call("put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [rule]})


def _write_lifecycle(target: _Target, have: Any, want: list[Item]) -> None:
    if want:
        target.call("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": want})
    else:
        target.call("delete_bucket_lifecycle")


def _write_logging(target: _Target, have: Any, want: str) -> None:
    bucket, _slash, prefix = want.partition("/")
    status = {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": prefix}} if want else {}
    target.call("put_bucket_logging", BucketLoggingStatus=status)


def _write_policy(target: _Target, have: list[Item] | None, want: list[Item]) -> None:
    # The call replaces the policy: statements of others are sent along.
    ours = {statement["Sid"] for statement in want}
    kept = [statement for statement in have or () if statement.get("Sid") not in ours]
    document = {"Version": "2012-10-17", "Statement": [*kept, *want]}
    target.call("put_bucket_policy", Policy=json.dumps(document))


def _write_lock(target: _Target, have: Any, want: int) -> None:
    configuration: Item = {"ObjectLockEnabled": "Enabled"}
    if want:
        # Governance: the site's owners can still shorten it and, with force, delete the bucket.
        configuration["Rule"] = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": want}}
    target.call("put_object_lock_configuration", ObjectLockConfiguration=configuration)


# In the order in which they have to be written: object lock and old versions need versioning.
_WRITERS: dict[str, Callable[[_Target, Any, Any], None]] = {
    "PublicAccessBlock": lambda target, have, want: target.call(
        "put_public_access_block", PublicAccessBlockConfiguration=want
    ),
    "ObjectOwnership": lambda target, have, want: target.call(
        "put_bucket_ownership_controls", OwnershipControls={"Rules": [{"ObjectOwnership": want}]}
    ),
    "Versioning": lambda target, have, want: target.call(
        "put_bucket_versioning", VersioningConfiguration={"Status": "Enabled" if want else "Suspended"}
    ),
    "Encryption": _write_encryption,
    "PolicyStatements": _write_policy,
    "ObjectLockDays": _write_lock,
    "LifecycleRules": _write_lifecycle,
    "Logging": _write_logging,
    "tags": _write_tags,
}
ORDER = tuple(_WRITERS)
