"""Bucket configuration: encryption that is never off, object lock, policies."""

from __future__ import annotations

from typing import Any

from ..errors import AwsError
from ..hooks import Hooks
from ..wire import Call
from ..world import World
from . import policies


class Configuration:
    """Handlers and checks of single configuration calls."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        hooks.replace("s3.GetBucketEncryption", self.encryption)
        hooks.before("s3.PutBucketPolicy", self._check_policy)
        hooks.before("s3.PutBucketVersioning", self._check_versioning)
        hooks.replace("s3.GetObjectLockConfiguration", self.object_lock)
        hooks.replace("s3.PutObjectLockConfiguration", self.put_object_lock)

    def reset(self) -> None:
        """Nothing is kept."""

    def _bucket(self, call: Call) -> Any:
        return find_bucket(self._world, call)

    def encryption(self, call: Call) -> dict[str, Any]:
        """GetBucketEncryption: since January 2023 every bucket has at least SSE-S3.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
        """
        rule = (self._bucket(call).encryption or {}).get("Rule", {})
        settings = rule.get("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"})
        enabled = str(rule.get("BucketKeyEnabled", "false")).lower() == "true"
        answer = {"ApplyServerSideEncryptionByDefault": settings, "BucketKeyEnabled": enabled}
        return {"ServerSideEncryptionConfiguration": {"Rules": [answer]}}

    def _check_policy(self, call: Call) -> None:
        bucket = self._bucket(call)
        block = bucket.public_access_block
        policies.check(bucket.name, call.params["Policy"], bool(block and block.block_public_policy))

    def _check_versioning(self, call: Call) -> None:
        if self._bucket(call).object_lock_enabled and call.params["VersioningConfiguration"].get("Status") != "Enabled":
            message = (
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            )
            raise AwsError("InvalidBucketState", message, 409)

    def object_lock(self, call: Call) -> dict[str, Any]:
        """GetObjectLockConfiguration."""
        bucket = self._bucket(call)
        if not bucket.object_lock_enabled:
            raise AwsError(
                "ObjectLockConfigurationNotFoundError",
                "Object Lock configuration does not exist for this bucket",
                404,
                BucketName=bucket.name,
            )
        answer: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
        if bucket.default_lock_mode:
            days, years = bucket.default_lock_days, bucket.default_lock_years
            period = {"Days": int(days)} if days else {"Years": int(years)}
            answer["Rule"] = {"DefaultRetention": {"Mode": bucket.default_lock_mode, **period}}
        return {"ObjectLockConfiguration": answer}

    def put_object_lock(self, call: Call) -> dict[str, Any]:
        """PutObjectLockConfiguration: also on buckets made without it, if they are versioned; never taken back."""
        bucket, wanted = self._bucket(call), call.params.get("ObjectLockConfiguration", {})
        if bucket.versioning_status != "Enabled":
            message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
            raise AwsError("InvalidBucketState", message, 409)
        if wanted.get("ObjectLockEnabled") != "Enabled":
            raise AwsError("MalformedXML", "The XML you provided was not well-formed", 400)
        retention = wanted.get("Rule", {}).get("DefaultRetention", {})
        if retention and (not retention.get("Mode") or bool(retention.get("Days")) == bool(retention.get("Years"))):
            raise AwsError("MalformedXML", "A retention needs a mode and either days or years", 400)
        bucket.object_lock_enabled = True
        bucket.default_lock_mode = retention.get("Mode")
        bucket.default_lock_days = retention.get("Days") or 0
        bucket.default_lock_years = retention.get("Years") or 0
        return {}


def find_bucket(world: World, call: Call) -> Any:
    """Moto's bucket, or NoSuchBucket."""
    name = call.params["Bucket"]
    bucket = world.s3().buckets.get(name)
    if bucket is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=name)
    return bucket
