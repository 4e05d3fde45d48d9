"""Buckets: names, regions, what a new bucket comes with."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from moto.s3.models import PublicAccessBlock

from ..errors import AwsError, RawResponse
from ..hooks import Hooks
from ..wire import Call
from ..world import World

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ANY_REGION = ("CreateBucket", "ListBuckets", "GetBucketLocation")
OWNER = "bcaf1ffd86f41161ca5fb16fd081034f"
BUCKETS_QUOTA = "s3/L-DC2B2D3D"


class Buckets:
    """Checks on all requests for a bucket, and the settings of a new one."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        hooks.before("s3.*", self._check_region)
        hooks.replace("s3.ListBuckets", self._list)
        hooks.before("s3.CreateBucket", self._check_creation)
        hooks.after("s3.CreateBucket", self._give_defaults)
        for action in ("PutBucketAcl", "PutObjectAcl", "PutObject"):
            hooks.before(f"s3.{action}", self._check_acl)

    def reset(self) -> None:
        """Nothing is kept."""

    def _check_region(self, call: Call) -> None:
        bucket = self._world.s3().buckets.get(call.params.get("Bucket"))
        if bucket is None or call.action in _ANY_REGION or bucket.region_name == call.region:
            return
        if call.environ["REQUEST_METHOD"] == "HEAD":
            error = AwsError("301", "Moved Permanently", 301)
        else:
            error = AwsError(
                "AuthorizationHeaderMalformed",
                f"The authorization header is malformed; the region '{call.region}' is wrong; "
                f"expecting '{bucket.region_name}'",
                400,
                Region=bucket.region_name,
            )
        error.headers = [("x-amz-bucket-region", bucket.region_name)]
        raise error

    def _list(self, call: Call) -> dict[str, Any]:
        """ListBuckets, in pages when MaxBuckets says so. Regions are told when any parameter is given.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
        """
        wanted = call.params
        told = any(wanted.get(name) for name in ("Prefix", "BucketRegion", "MaxBuckets", "ContinuationToken"))
        found = [
            bucket
            for name, bucket in sorted(self._world.s3().buckets.items())
            if name.startswith(wanted.get("Prefix") or "")
            and wanted.get("BucketRegion") in (None, bucket.region_name)
            and name > (wanted.get("ContinuationToken") or "")
        ]
        most = int(wanted.get("MaxBuckets") or 10000)
        page = [
            {
                "Name": bucket.name,
                "CreationDate": bucket.creation_date,
                **({"BucketRegion": bucket.region_name} if told else {}),
            }
            for bucket in found[:most]
        ]
        answer: dict[str, Any] = {"Buckets": page, "Owner": {"ID": OWNER}}
        if wanted.get("Prefix"):
            answer["Prefix"] = wanted["Prefix"]
        if len(found) > most:
            answer["ContinuationToken"] = page[-1]["Name"]
        return answer

    def _check_creation(self, call: Call) -> None:
        name = call.params["Bucket"]
        if not _NAME.fullmatch(name) or ".." in name or _is_address(name) or name.startswith(("xn--", "sthree-")):
            raise AwsError("InvalidBucketName", "The specified bucket is not valid.", 400, BucketName=name)
        if call.params.get("ACL", "private") != "private" and not call.params.get("ObjectOwnership"):
            message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
            raise AwsError("InvalidBucketAclWithObjectOwnership", message, 400)
        buckets = self._world.s3().buckets
        if name not in buckets and len(buckets) >= self._world.context.quotas.get(BUCKETS_QUOTA):
            message = "You have attempted to create more buckets than allowed"
            raise AwsError("TooManyBuckets", message, 400)

    def _give_defaults(self, call: Call, _: RawResponse) -> None:
        """Since April 2023 new buckets block public access and have no ACLs.

        https://aws.amazon.com/about-aws/whats-new/2022/12/amazon-s3-automatically-enable-block-public-access-disable-access-control-lists-buckets-april-2023/
        """
        bucket = self._world.s3().buckets[call.params["Bucket"]]
        if getattr(bucket, "sandbox_seen", False):
            # In us-east-1 a creation is repeated without an error, and changes nothing.
            return
        bucket.sandbox_seen = True
        bucket.public_access_block = PublicAccessBlock(True, True, True, True)
        bucket.ownership_rule = call.params.get("ObjectOwnership") or "BucketOwnerEnforced"
        tags = call.params.get("CreateBucketConfiguration", {}).get("Tags")
        if tags:
            self._world.s3().put_bucket_tagging(bucket.name, {tag["Key"]: tag["Value"] for tag in tags})

    def _check_acl(self, call: Call) -> None:
        bucket = self._world.s3().buckets.get(call.params.get("Bucket"))
        acl = call.environ.get("HTTP_X_AMZ_ACL")
        if bucket is None or bucket.ownership_rule != "BucketOwnerEnforced":
            return
        if acl not in (None, "private", "bucket-owner-full-control") or call.action != "PutObject":
            raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs", 400)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
