"""Lifecycle configurations, kept as they were sent and checked as S3 checks them."""

from __future__ import annotations

import secrets
from typing import Any

from ..errors import AwsError
from ..hooks import Hooks
from ..wire import Call
from ..world import World
from .configuration import find_bucket

_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransitions",
    "AbortIncompleteMultipartUpload",
)
_LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
_MAX_RULES = 1000
_DEFAULT_SIZE = "all_storage_classes_128K"


class Lifecycle:
    """Handlers of the lifecycle operations: moto forgets some of the fields."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("s3.PutBucketLifecycleConfiguration", self.put)
        hooks.replace("s3.GetBucketLifecycleConfiguration", self.get)
        hooks.replace("s3.DeleteBucketLifecycle", self.delete)

    def reset(self) -> None:
        """The configurations hang on the buckets."""

    def put(self, call: Call) -> dict[str, Any]:
        """PutBucketLifecycleConfiguration: replaces all rules."""
        bucket = find_bucket(self._world, call)
        rules = call.params.get("LifecycleConfiguration", {}).get("Rules", [])
        if not 1 <= len(rules) <= _MAX_RULES:
            raise AwsError("MalformedXML", "The XML you provided was not well-formed", 400)
        for rule in rules:
            _check(rule)
        ids = [rule["ID"] for rule in rules if rule.get("ID")]
        if len(set(ids)) != len(ids):
            raise AwsError("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule", 400)
        size = call.params.get("TransitionDefaultMinimumObjectSize") or _DEFAULT_SIZE
        named = [{"ID": secrets.token_hex(24), **{k: v for k, v in rule.items() if k != "ID" or v}} for rule in rules]
        bucket.sandbox_lifecycle = (named, size)
        return {"TransitionDefaultMinimumObjectSize": size}

    def get(self, call: Call) -> dict[str, Any]:
        """GetBucketLifecycleConfiguration."""
        bucket = find_bucket(self._world, call)
        rules, size = getattr(bucket, "sandbox_lifecycle", (None, None))
        if not rules:
            message = "The lifecycle configuration does not exist"
            raise AwsError("NoSuchLifecycleConfiguration", message, 404, BucketName=bucket.name)
        return {"Rules": rules, "TransitionDefaultMinimumObjectSize": size}

    def delete(self, call: Call) -> dict[str, Any]:
        """DeleteBucketLifecycle."""
        find_bucket(self._world, call).sandbox_lifecycle = (None, None)
        return {}


def _check(rule: dict[str, Any]) -> None:
    if ("Prefix" in rule) == ("Filter" in rule):
        raise AwsError("MalformedXML", "A rule needs exactly one of Filter and Prefix", 400)
    if not any(rule.get(action) for action in _ACTIONS):
        raise AwsError("InvalidRequest", "At least one action needs to be specified in a rule", 400)
    expiration = rule.get("Expiration", {})
    if sum(bool(expiration.get(key)) for key in ("Days", "Date", "ExpiredObjectDeleteMarker")) > 1:
        raise AwsError("MalformedXML", "An expiration has one of Days, Date and ExpiredObjectDeleteMarker", 400)
    if "Days" in expiration and expiration["Days"] < 1:
        raise AwsError("InvalidArgument", "'Days' for Expiration action must be a positive integer", 400)
    prefix = rule.get("Prefix", rule.get("Filter", {}).get("Prefix", ""))
    for transition in rule.get("Transitions", ()):
        _check_transition(transition.get("Days"), transition["StorageClass"], "Transition")
        if expiration.get("Days") and transition.get("Days") is not None and expiration["Days"] <= transition["Days"]:
            raise AwsError(
                "InvalidArgument",
                f"'Days' in the Expiration action for prefix '{prefix}' must be greater than 'Days' in the "
                "Transition action",
                400,
            )
    for transition in rule.get("NoncurrentVersionTransitions", ()):
        _check_transition(transition.get("NoncurrentDays"), transition["StorageClass"], "NoncurrentVersionTransition")


def _check_transition(days: int | None, storage_class: str, action: str) -> None:
    least = _LEAST_DAYS.get(storage_class, 0)
    if days is not None and days < least:
        raise AwsError(
            "InvalidArgument",
            f"'Days' in {action} action must be greater than or equal to {least} for storageClass '{storage_class}'",
            400,
        )
