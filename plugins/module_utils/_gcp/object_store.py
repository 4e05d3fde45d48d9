# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's buckets on Google Cloud: Cloud Storage, private, with keys and access logs where asked for."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec import names
from .._spec.object_store import Bucket as Spec
from .._spec.object_store import LifecycleRule, ObjectStore
from .._spec.site import check
from .._spec.sizes import environment_default
from .client import Cloud
from .iam import KeyMember
from .kms import GivenKey, Key, use_of
from .storage import Bucket, BucketMember

CLASSES = {"infrequent": "NEARLINE", "archive": "COLDLINE", "deep_archive": "ARCHIVE"}
# Who delivers usage logs, and what it needs (Cloud Storage documentation, usage logs).
LOG_WRITER, LOG_ROLE = "group:cloud-storage-analytics@google.com", "roles/storage.objectCreator"
LOGS = "access-logs"
DAY = 86400
_OWN_KEY = "storage"


def build(spec: ObjectStore, cloud: Cloud) -> Built:
    """The buckets' resources. Raises SpecError for what Cloud Storage cannot honour."""
    check([problem for bucket in spec.buckets if bucket.state == "present" for problem in _problems(bucket)])
    return Builder(spec, cloud).built()


def _problems(bucket: Spec) -> list[str]:
    where, problems = f"object_store.buckets.{bucket.name}", []
    if bucket.retention_days and bucket.versioning:
        problems.append(
            f"{where}: Cloud Storage keeps either old versions or a retention period. "
            "Set versioning: false (nothing can be overwritten while it is retained), or leave retention_days out."
        )
    days = bucket.soft_delete_days or 0
    if days and not 7 <= days <= 90:
        problems.append(f"{where}.soft_delete_days: {days} is not possible: Cloud Storage takes 0, or 7 to 90.")
    return problems


class Builder:
    """Makes the resources of one object store."""

    def __init__(self, spec: ObjectStore, cloud: Cloud) -> None:
        self.spec = spec
        self.cloud = cloud
        self.site = cloud.site
        self.keys: dict[str, Key | GivenKey] = {}
        self.grants: dict[str, KeyMember] = {}
        self.buckets: dict[str, Bucket] = {}
        logged = [bucket for bucket in spec.buckets if bucket.state == "present" and bucket.access_logs]
        self.logs = Bucket(
            cloud,
            names.globally_unique(self.site, LOGS),
            self._logs,
            present=bool(logged),
            force=True,  # like log groups elsewhere, what it holds goes with what it is about
        )
        self.writer = BucketMember(
            cloud, LOGS, self.logs, LOG_WRITER, [LOG_ROLE], among=[LOG_ROLE], present=bool(logged)
        )

    def built(self) -> Built:
        for bucket in self.spec.buckets:
            self.buckets[bucket.name] = self._bucket(bucket)
        kept: list[Resource] = [*self.keys.values(), *self.grants.values()]
        return Built(
            [self.logs, self.writer, *kept, *self.buckets.values()],
            {"buckets": self.buckets},
            self._outputs,
        )

    def _logs(self) -> dict[str, Any]:
        days = int(environment_default(self.site.environment, "log_retention_days"))
        return {
            **self._private(),
            "location": self.site.region,
            "storageClass": "STANDARD",
            "versioning": {"enabled": False},
            "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": days}}]},
            "softDeletePolicy": {"retentionDurationSeconds": "0"},
        }

    def _private(self) -> dict[str, Any]:
        access = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
        return {"iamConfiguration": access}

    def _bucket(self, bucket: Spec) -> Bucket:
        present = bucket.state == "present"
        needs: list[Resource] = []
        key = self._key(bucket) if bucket.encryption == "customer" and present else None
        if key:
            needs += [key, self.grants[key.path]]
        if bucket.access_logs and present:
            needs += [self.logs, self.writer]
        return Bucket(
            self.cloud,
            bucket.physical_name or names.globally_unique(self.site, bucket.name),
            self._body(bucket, key),
            needs,
            present=present,
            force=bucket.force,
            ours=not bucket.physical_name,
        )

    def _key(self, bucket: Spec) -> Key | GivenKey:
        """The key that the bucket names, or one of ours in its location, and the grant to Cloud Storage's agent."""
        location = _location(bucket, self.site.region).lower()
        name = bucket.gcp.kms_key or location
        if name not in self.keys:
            if bucket.gcp.kms_key:
                self.keys[name] = GivenKey(self.cloud, bucket.gcp.kms_key)
            else:
                ring = names.of(self.site)
                self.keys[name] = Key(self.cloud, names.of(self.site, _OWN_KEY), ring, location)
            key = self.keys[name]
            label = names.of(self.site, _OWN_KEY, f"gcs-{len(self.keys)}")
            self.grants[key.path] = use_of(self.cloud, label, key, self._agent)
        return self.keys[name]

    def _agent(self) -> str:
        """Cloud Storage's own service account in this project. Asking for it makes it, when it is not there yet."""

        def load() -> str:
            answer = self.cloud.look("storage", f"projects/{self.cloud.project}/serviceAccount")
            return str(answer["email_address"])

        return "serviceAccount:" + self.cloud.shared.get("storage-agent", load)

    def _body(self, bucket: Spec, key: Key | GivenKey | None) -> dict[str, Any]:
        body = {
            **self._private(),
            "location": _location(bucket, self.site.region),
            "storageClass": bucket.gcp.storage_class or "STANDARD",
            "versioning": {"enabled": bucket.versioning},
            "lifecycle": {"rule": [each for rule in bucket.lifecycle_rules or () for each in _rules(rule, bucket)]},
            "encryption": {"defaultKmsKeyName": key.path if key else ""},
            "logging": {"logBucket": self.logs.name if bucket.access_logs else ""},
            "retentionPolicy": {"retentionPeriod": str((bucket.retention_days or 0) * DAY)},
            "softDeletePolicy": {"retentionDurationSeconds": str((bucket.soft_delete_days or 0) * DAY)},
        }
        if not bucket.retention_days:
            body["retentionPolicy"] = {"retentionPeriod": ""}
        if bucket.access_logs:
            body["logging"]["logObjectPrefix"] = bucket.name
        return body

    def _outputs(self) -> dict[str, Any]:
        return {
            "buckets": {
                name: {
                    "name": bucket.name,
                    "url": bucket.outputs.get("url"),
                    "location": bucket.outputs.get("location"),
                }
                for name, bucket in self.buckets.items()
                if bucket.present
            },
            "log_bucket": self.logs.name if self.logs.present else None,
            "keys": sorted(key.path for key in self.keys.values()),
            "tls_only": "always: Cloud Storage answers on HTTPS, and has no switch for it",
        }


def _location(bucket: Spec, region: str) -> str:
    return bucket.gcp.location or region


def _rules(rule: LifecycleRule, bucket: Spec) -> list[dict[str, Any]]:
    """One portable rule in Cloud Storage's form, where every action is a rule of its own."""
    scope: dict[str, Any] = {"matchesPrefix": [rule.prefix]} if rule.prefix else {}
    # With versioning, age counts for live objects only; what becomes of old versions is said separately.
    live = {"isLive": True, **scope} if bucket.versioning else scope
    rules: list[dict[str, Any]] = []
    if rule.transition_to and rule.transition_after_days is not None:
        action = {"type": "SetStorageClass", "storageClass": CLASSES[rule.transition_to]}
        rules.append({"action": action, "condition": {"age": rule.transition_after_days, **live}})
    if rule.expire_after_days is not None:
        rules.append({"action": {"type": "Delete"}, "condition": {"age": rule.expire_after_days, **live}})
    if rule.noncurrent_expire_after_days is not None:
        condition = {"daysSinceNoncurrentTime": rule.noncurrent_expire_after_days, **scope}
        rules.append({"action": {"type": "Delete"}, "condition": condition})
    if rule.abort_uploads_after_days is not None:
        condition = {"age": rule.abort_uploads_after_days, **scope}
        rules.append({"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": condition})
    return rules
