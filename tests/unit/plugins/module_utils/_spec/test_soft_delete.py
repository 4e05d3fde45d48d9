"""What the default of soft_delete_days promises: never more than the cloud keeps."""

from __future__ import annotations

import pytest
from module_utils._spec.object_store import Bucket, LifecycleRule, ObjectStore
from module_utils._spec.site import Site

SHORT = (LifecycleRule("short", noncurrent_expire_after_days=3),)


@pytest.mark.parametrize(
    ("cloud", "bucket", "days"),
    [
        ("aws", Bucket("b"), 7),
        ("aws", Bucket("b", versioning=False), 0),
        ("aws", Bucket("b", lifecycle_rules=SHORT), 3),
        ("aws", Bucket("b", lifecycle_rules=()), 7),
        ("aws", Bucket("b", versioning=False, soft_delete_days=5), 5),  # said: refused later, not changed here
        ("gcp", Bucket("b", versioning=False), 7),
        ("azure", Bucket("b", lifecycle_rules=SHORT), 7),
    ],
)
def test_default(cloud: str, bucket: Bucket, days: int) -> None:
    site = Site(cloud, "here", "mlp", "123456789012")  # type: ignore[arg-type]
    assert ObjectStore((bucket,)).resolve(site).buckets[0].soft_delete_days == days
