# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3 buckets."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import AuthError, NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Progress, Resource, State
from .base import AwsResource, Item, as_list
from .bulk import TAGS, tags_in_sync
from .client import Session
from .errors import from_response
from .policies import same_policy
from .s3_config import ORDER, PARTS, PUBLIC_ACCESS, read_part, write_part

# One look at a running deletion empties this many pages of (at most 1000) object versions.
_PAGES_A_LOOK = 20


class Bucket(AwsResource):
    """One bucket with all its configurations.

    settings: members of `desired()` that need nothing. key: resource of the KMS key, or None for S3's own keys.
    logs_to: the bucket that takes the access logs, or None. force: it may be deleted with what is in it.
    """

    kind: ClassVar[str] = "aws.s3.bucket"
    fields: ClassVar[Fields] = Fields(
        {
            "Region": IMMUTABLE,
            "PublicAccessBlock": MUTABLE,
            "ObjectOwnership": MUTABLE,
            "Versioning": MUTABLE,
            "Encryption": MUTABLE,
            "LifecycleRules": Field(key="ID"),
            "LifecycleRules[]": Field(exact=True),
            "Logging": MUTABLE,
            "PolicyStatements": Field(key="Sid", open=True),
            "PolicyStatements[]": Field(equal=same_policy),
            "ObjectLockDays": MUTABLE,
            "tags": MUTABLE,
        }
    )
    replaceable: ClassVar[bool] = False

    def __init__(
        self,
        session: Session,
        name: str,
        bucket: str,
        *,
        settings: dict[str, Any],
        key: Resource | None = None,
        logs_to: Bucket | None = None,
        force: bool = False,
        needs: Sequence[Resource] = (),
        **kwargs: Any,
    ) -> None:
        used = [item for item in (key, logs_to) if item is not None]
        super().__init__(session, name, [*used, *needs], **kwargs)
        self.bucket, self.settings, self.key_source = bucket, settings, key
        self.logs_to, self.force = logs_to, force
        self._deleted = 0

    @property
    def tags(self) -> dict[str, str]:
        return {**super().tags, "Name": self.bucket}

    @property
    def arn(self) -> str:
        return self.session.arn("s3", self.bucket, region="", account="")

    def predicted(self) -> dict[str, Any]:
        return {"id": self.bucket, "arn": self.arn, "name": self.bucket}

    def lists(self) -> Sequence[Hashable]:
        return (("s3", "buckets"), TAGS)

    def desired(self) -> dict[str, Any]:
        source = self.key_source
        key = source.out("arn") if source else None
        customer = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key, "BucketKeyEnabled": True}
        return {
            "Region": self.session.region,
            "PublicAccessBlock": dict.fromkeys(PUBLIC_ACCESS, True),
            "ObjectOwnership": "BucketOwnerEnforced",
            "Encryption": customer if key else {"SSEAlgorithm": "AES256"},
            **self.settings,
            "tags": self.tags,
        }

    # -- looking ---------------------------------------------------------------------------------------------------

    def read(self) -> Observed | None:
        region = self._region()
        if region is None:
            return None
        wanted = [*_ALWAYS, *(name for name in PARTS if self.settings.get(name) is not None)]
        try:
            parts = {name: read_part(self.session, self.bucket, name) for name in wanted}
            tags = tags_in_sync(self.session, self.arn, self.tags)
            parts["tags"] = read_part(self.session, self.bucket, "tags") if tags is None else tags
        except NotFound as error:
            if error.code not in ("NoSuchBucket", "404"):
                raise
            return None
        return Observed({"Region": region, **parts}, self.predicted(), tags=parts["tags"])

    def _region(self) -> str | None:
        """Where the bucket is; None when there is none. Names made here are listed together, others asked for."""
        if self.bucket.startswith(self.session.site.base):
            return self._listed().get(self.bucket)
        try:
            answer = self.session.call("s3", "head_bucket", Bucket=self.bucket)
        except NotFound:
            return None
        except AuthError as error:
            error.hint = (
                f"The bucket {self.bucket} is another account's, or these credentials may not see it. Choose another "
                "physical_name."
            )
            raise
        return str(answer.get("BucketRegion") or "us-east-1")

    def _listed(self) -> dict[str, str]:
        """The account's buckets that begin with the site's name, with their regions."""
        session = self.session

        def load() -> dict[str, str]:
            found = session.pages("s3", "list_buckets", "Buckets", Prefix=session.site.base)
            return {item["Name"]: str(item.get("BucketRegion") or self._located(item["Name"])) for item in found}

        return session.remember(("s3", "buckets"), load)

    def _located(self, bucket: str) -> str:
        """An empty location is us-east-1 (recorded traffic)."""
        answer = self.session.call("s3", "get_bucket_location", Bucket=bucket)
        return str(answer.get("LocationConstraint") or "us-east-1")

    # -- changing --------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        place: Item = {"Tags": as_list(desired["tags"])}
        if self.session.region != "us-east-1":
            place["LocationConstraint"] = self.session.region
        lock: Item = {"ObjectLockEnabledForBucket": True} if desired.get("ObjectLockDays") else {}
        self.session.create(
            "s3",
            "create_bucket",
            Bucket=self.bucket,
            CreateBucketConfiguration=place,
            ObjectOwnership=desired["ObjectOwnership"],
            **lock,
        )
        # The configurations are the update that follows: a run that dies in between goes on there. Until then S3's
        # own defaults keep the bucket private and encrypted.
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        for name in ORDER:
            if change.touches(name):
                write_part(self.session, self.bucket, name, observed.values.get(name), desired[name])
        return WATCH

    def check_delete(self, observed: Observed) -> str:
        if self.force:
            return ""
        held = self.session.steady(
            lambda: self.session.call("s3", "list_object_versions", Bucket=self.bucket, MaxKeys=1)
        )
        if held.get("Versions") or held.get("DeleteMarkers"):
            return f"the bucket {self.bucket} is not empty. Set force: true to delete it with everything in it."
        return ""

    def delete(self, observed: Observed) -> Operation:
        if self.force:
            self._deleted = 0
            return Operation("empty")
        self.session.call("s3", "delete_bucket", Bucket=self.bucket)
        return WATCH

    def poll(self, operation: Operation) -> Progress:
        if operation.handle is None:
            return Progress(State.DONE)
        for _page in range(_PAGES_A_LOOK):
            try:
                page = self.session.call("s3", "list_object_versions", Bucket=self.bucket, MaxKeys=1000)
                held = [*(page.get("Versions") or ()), *(page.get("DeleteMarkers") or ())]
                if not held:
                    self.session.call("s3", "delete_bucket", Bucket=self.bucket)
                    return Progress(State.DONE)
                self._remove(held)
            except NotFound:
                return Progress(State.DONE)
        return Progress(State.RUNNING, f"{self._deleted} object versions deleted")

    def _remove(self, held: list[Item]) -> None:
        objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in held]
        lock: Item = {"BypassGovernanceRetention": True} if self.settings.get("ObjectLockDays") else {}
        answer = self.session.call(
            "s3", "delete_objects", Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True}, **lock
        )
        for error in answer.get("Errors") or ():
            raise from_response({"Error": error}, f"s3 delete_objects {self.bucket}/{error.get('Key')}")
        self._deleted += len(objects)


_ALWAYS = ("PublicAccessBlock", "ObjectOwnership", "Encryption")
