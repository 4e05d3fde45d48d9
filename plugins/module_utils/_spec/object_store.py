# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object store is: buckets, private, encrypted and versioned by default."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from .arguments import NOT_SECRET
from .site import Site, check
from .sizes import environment_default


@dataclass(frozen=True)
class LifecycleRule:
    """What happens to objects with age. transition_to: infrequent, archive and deep_archive exist on every cloud."""

    name: str
    prefix: str = ""
    transition_after_days: int | None = None
    transition_to: Literal["infrequent", "archive", "deep_archive"] | None = None
    expire_after_days: int | None = None
    noncurrent_expire_after_days: int | None = None
    abort_uploads_after_days: int | None = None


@dataclass(frozen=True)
class AwsBucket:
    encryption_key_arn: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class GcpBucket:
    kms_key: str | None = field(default=None, metadata=NOT_SECRET)
    location: str | None = None
    storage_class: str | None = None


@dataclass(frozen=True)
class AzureBucket:
    """storage_account: a label; buckets of one label share one storage account, whose settings must then agree.
    Without it each bucket has an account of its own."""

    storage_account: str | None = None
    replication: Literal["LRS", "ZRS", "GRS", "GZRS"] | None = None
    key_vault_key_id: str | None = None


@dataclass(frozen=True)
class AzureObjectStore:
    """Azure only. resource_group: a group that exists and is used instead of one of the site's own."""

    resource_group: str | None = None


@dataclass(frozen=True)
class Bucket:
    """One bucket. `physical_name` overrides the name it gets in the cloud (made of platform, site, name and a hash)."""

    name: str
    state: Literal["present", "absent"] = "present"
    physical_name: str | None = None
    versioning: bool = True
    lifecycle_rules: tuple[LifecycleRule, ...] | None = None
    encryption: Literal["provider", "customer"] = "provider"
    access_logs: bool = True
    retention_days: int | None = None
    soft_delete_days: int | None = None
    force: bool = False
    aws: AwsBucket = field(default_factory=AwsBucket)
    gcp: GcpBucket = field(default_factory=GcpBucket)
    azure: AzureBucket = field(default_factory=AzureBucket)


@dataclass(frozen=True)
class ObjectStore:
    """The site's buckets."""

    buckets: tuple[Bucket, ...] = ()
    azure: AzureObjectStore = field(default_factory=AzureObjectStore)

    def resolve(self, site: Site) -> ObjectStore:
        """Every None that the environment decides, decided. Raises SpecError."""
        problems = []
        names = [bucket.name for bucket in self.buckets]
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.append(f"object_store.buckets: two buckets are named {name!r}.")
        for bucket in self.buckets:
            problems += _problems(bucket)
        check(problems)
        return dataclasses.replace(self, buckets=tuple(_resolve(bucket, site) for bucket in self.buckets))


def _resolve(bucket: Bucket, site: Site) -> Bucket:
    rules = bucket.lifecycle_rules
    if rules is None and bucket.versioning:
        days = environment_default(site.environment, "noncurrent_days")
        rules = (LifecycleRule("old-versions", noncurrent_expire_after_days=days, abort_uploads_after_days=7),)
    soft: Any = bucket.soft_delete_days
    if soft is None:
        soft = environment_default(site.environment, "soft_delete_days")
        if site.cloud == "aws":
            # S3 keeps deleted objects as old versions, so the default promises no more than these give.
            kept = [rule.noncurrent_expire_after_days for rule in rules or () if rule.noncurrent_expire_after_days]
            soft = min([soft, *kept]) if bucket.versioning else 0
    return dataclasses.replace(bucket, lifecycle_rules=rules, soft_delete_days=soft)


def _problems(bucket: Bucket) -> list[str]:
    where, problems = f"object_store.buckets.{bucket.name}", []
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?", bucket.name):
        problems.append(f"{where}: the name must be 1 to 42 lower-case letters, digits and hyphens.")
    custom = bucket.aws.encryption_key_arn or bucket.gcp.kms_key or bucket.azure.key_vault_key_id
    if custom and bucket.encryption == "provider":
        problems.append(f"{where}: a key of your own needs encryption: customer.")
    for rule in bucket.lifecycle_rules or ():
        at = f"{where}.lifecycle_rules.{rule.name}"
        if (rule.transition_to is None) != (rule.transition_after_days is None):
            problems.append(f"{at}: transition_to and transition_after_days belong together.")
        if (
            rule.expire_after_days
            and rule.transition_after_days
            and rule.expire_after_days <= rule.transition_after_days
        ):
            problems.append(
                f"{at}: objects would expire (day {rule.expire_after_days}) before they move to another class."
            )
        if rule.noncurrent_expire_after_days and not bucket.versioning:
            problems.append(f"{at}: noncurrent_expire_after_days has no effect without versioning.")
        deeds = (
            rule.transition_to,
            rule.expire_after_days,
            rule.noncurrent_expire_after_days,
            rule.abort_uploads_after_days,
        )
        if not any(deeds):
            problems.append(f"{at}: the rule does nothing.")
    return problems
