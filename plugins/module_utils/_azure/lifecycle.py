# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lifecycle rules of buckets as rules of their account's management policy, each limited to its container."""

from __future__ import annotations

import re
from typing import Any

from .._engine.errors import SpecError
from .._spec.object_store import Bucket, LifecycleRule

# Azure's tiers by what they cost to keep and to read: Cool 30 days, Cold 90 days, Archive 180 days and offline.
_TIERS = {"infrequent": "tierToCool", "archive": "tierToCold", "deep_archive": "tierToArchive"}
_UNCOMMITTED_DAYS = 7  # after which Azure itself discards blocks of uploads that were never finished
_NO_ARCHIVE = ("ZRS", "GZRS")


def rules(bucket: Bucket) -> list[dict[str, Any]]:
    """The policy's rules for one bucket."""
    found = [_rule(bucket, rule) for rule in bucket.lifecycle_rules or ()]
    return [rule for rule in found if rule["definition"]["actions"]]


def _rule(bucket: Bucket, rule: LifecycleRule) -> dict[str, Any]:
    current: dict[str, Any] = {}
    if rule.transition_to:
        current[_TIERS[rule.transition_to]] = {"daysAfterModificationGreaterThan": rule.transition_after_days}
    if rule.expire_after_days:
        current["delete"] = {"daysAfterModificationGreaterThan": rule.expire_after_days}
    actions: dict[str, Any] = {"baseBlob": current} if current else {}
    if rule.noncurrent_expire_after_days:
        actions["version"] = {"delete": {"daysAfterCreationGreaterThan": rule.noncurrent_expire_after_days}}
    container = bucket.physical_name or bucket.name
    return {
        # The bucket's name keeps those of several buckets apart.
        "name": re.sub(r"[^a-z0-9]+", "-", f"{bucket.name}-{rule.name}".lower()).strip("-"),
        "enabled": True,
        "type": "Lifecycle",
        "definition": {
            "actions": actions,
            "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [f"{container}/{rule.prefix}"]},
        },
    }


def refuse(bucket: Bucket, replication: str) -> None:
    """What Azure cannot do. Raises: SpecError saying what to write instead."""
    for rule in bucket.lifecycle_rules or ():
        where = f"object_store.buckets.{bucket.name}.lifecycle_rules.{rule.name}"
        days = rule.abort_uploads_after_days
        if days is not None and days != _UNCOMMITTED_DAYS:
            raise SpecError(
                f"{where}.abort_uploads_after_days: Azure always discards unfinished uploads after "
                f"{_UNCOMMITTED_DAYS} days. Write {_UNCOMMITTED_DAYS}, or leave it out."
            )
        if rule.transition_to == "deep_archive" and replication in _NO_ARCHIVE:
            raise SpecError(
                f"{where}.transition_to: accounts with {replication} have no archive tier. Write archive, or set "
                f"object_store.buckets.{bucket.name}.azure.replication to LRS or GRS."
            )
