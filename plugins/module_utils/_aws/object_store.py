# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portable object store is on AWS: buckets, one bucket that takes their access logs, and one key."""

from __future__ import annotations

import re
from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec import names
from .._spec.object_store import Bucket as BucketSpec
from .._spec.object_store import LifecycleRule, ObjectStore
from .._spec.site import check
from .._spec.sizes import environment_default
from .base import Item
from .client import Session
from .existing import ExistingKey
from .kms import Key
from .s3 import Bucket

LOG_BUCKET = "access-logs"
_STORAGE_CLASSES = {"infrequent": "STANDARD_IA", "archive": "GLACIER", "deep_archive": "DEEP_ARCHIVE"}
_INFREQUENT_DAYS = 30  # S3 moves nothing to STANDARD_IA earlier
_BUCKET_NAME = re.compile(r"^(?!.*\.\.)(?!xn--)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")


def build(session: Session, spec: ObjectStore) -> Built:
    """The buckets' resources."""
    check([problem for bucket in spec.buckets for problem in _problems(bucket)])
    resources: list[Resource] = []
    key = _key(session, spec)
    log_bucket = _log_bucket(session, spec)
    resources += [item for item in (key, log_bucket) if item is not None]
    arns = {str(item.aws.encryption_key_arn) for item in spec.buckets if item.aws.encryption_key_arn}
    given = {arn: ExistingKey(session, arn) for arn in sorted(arns)}
    resources += given.values()
    buckets = [
        _bucket(session, item, given.get(str(item.aws.encryption_key_arn), key), log_bucket) for item in spec.buckets
    ]
    resources += buckets

    def outputs() -> dict[str, Any]:
        return {
            "buckets": {item.name: {"name": item.bucket, "arn": item.arn} for item in buckets if item.present},
            "log_bucket": log_bucket.bucket if log_bucket and log_bucket.present else None,
            "key_arn": key.out("arn") if key and key.present else None,
        }

    return Built(resources, {"buckets": buckets}, outputs)


def _problems(bucket: BucketSpec) -> list[str]:
    where, found = f"object_store.buckets.{bucket.name}", []
    if bucket.state == "absent":
        return []
    if bucket.physical_name and not _BUCKET_NAME.match(bucket.physical_name):
        found.append(f"{where}.physical_name: {bucket.physical_name!r} is not a legal S3 bucket name.")
    if bucket.retention_days is not None and not bucket.versioning:
        found.append(f"{where}.retention_days: S3 retains versions of objects. Write versioning: true.")
    arn = bucket.aws.encryption_key_arn
    if arn and not re.match(r"^arn:aws[a-z-]*:kms:", arn):
        found.append(f"{where}.aws.encryption_key_arn: {arn!r} is not the ARN of a KMS key.")
    found += _soft_delete(bucket, where)
    for rule in bucket.lifecycle_rules or ():
        days = rule.transition_after_days
        if rule.transition_to == "infrequent" and days is not None and days < _INFREQUENT_DAYS:
            found.append(
                f"{where}.lifecycle_rules.{rule.name}: S3 moves objects to infrequent access after {_INFREQUENT_DAYS} "
                "days at the earliest."
            )
    return found


def _soft_delete(bucket: BucketSpec, where: str) -> list[str]:
    """S3 has no soft delete. With versioning a deleted object stays as an old version, so what the option promises is
    kept by keeping old versions long enough."""
    days = bucket.soft_delete_days or 0
    if not days:
        return []
    if not bucket.versioning:
        return [
            f"{where}.soft_delete_days: S3 keeps deleted objects only as old versions. Write versioning: true, or "
            "soft_delete_days: 0."
        ]
    return [
        f"{where}.lifecycle_rules.{rule.name}: old versions go after {rule.noncurrent_expire_after_days} days, but "
        f"soft_delete_days promises {days}, and S3 keeps deleted objects as old versions. Make the two agree."
        for rule in bucket.lifecycle_rules or ()
        if rule.noncurrent_expire_after_days and rule.noncurrent_expire_after_days < days
    ]


def _key(session: Session, spec: ObjectStore) -> Key | None:
    """One key for all buckets that encrypt with a customer key and name none. Not wanted gone when the last such
    bucket turns to S3's keys: objects written before can only be read with it."""
    users = [item for item in spec.buckets if item.encryption == "customer" and not item.aws.encryption_key_arn]
    if not users:
        return None
    present = any(item.state == "present" for item in users)
    return Key(session, names.of(session.site, "objects"), f"Buckets of {session.site.base}", present=present)


def _log_bucket(session: Session, spec: ObjectStore) -> Bucket | None:
    """One bucket for the access logs of all. It keeps what it has when logging is switched off."""
    users = [item for item in spec.buckets if item.access_logs]
    if not users:
        return None
    name = names.globally_unique(session.site, LOG_BUCKET)
    arn = session.arn("s3", name, region="", account="")
    days = environment_default(session.site.environment, "log_retention_days")
    delivery = {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{arn}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": session.account}},
    }
    return Bucket(
        session,
        LOG_BUCKET,
        name,
        settings={
            "LifecycleRules": [_rule(LifecycleRule("old-logs", expire_after_days=days, abort_uploads_after_days=7))],
            "PolicyStatements": [_tls_only(arn), delivery],
        },
        force=True,  # like the log groups, what it holds goes with what it is about
        present=any(item.state == "present" for item in users),
    )


def _bucket(session: Session, spec: BucketSpec, key: Resource | None, log_bucket: Bucket | None) -> Bucket:
    name = spec.physical_name or names.globally_unique(session.site, spec.name)
    logs_to = log_bucket if spec.access_logs else None
    rules = spec.lifecycle_rules
    return Bucket(
        session,
        spec.name,
        name,
        key=key if spec.encryption == "customer" else None,
        logs_to=logs_to,
        force=spec.force,
        present=spec.state == "present",
        settings={
            "Versioning": spec.versioning,
            "LifecycleRules": None if rules is None else [_rule(rule) for rule in rules],
            "Logging": f"{logs_to.bucket}/{name}/" if logs_to else "",
            "PolicyStatements": [_tls_only(session.arn("s3", name, region="", account=""))],
            "ObjectLockDays": spec.retention_days,
        },
    )


def _tls_only(arn: str) -> Item:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _rule(rule: LifecycleRule) -> Item:
    """A rule as S3 writes and returns it."""
    body: Item = {"ID": rule.name, "Status": "Enabled", "Filter": {"Prefix": rule.prefix}}
    if rule.transition_to and rule.transition_after_days is not None:
        body["Transitions"] = [
            {"Days": rule.transition_after_days, "StorageClass": _STORAGE_CLASSES[rule.transition_to]}
        ]
    if rule.expire_after_days:
        body["Expiration"] = {"Days": rule.expire_after_days}
    if rule.noncurrent_expire_after_days:
        body["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.noncurrent_expire_after_days}
    if rule.abort_uploads_after_days:
        body["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_uploads_after_days}
    return body
