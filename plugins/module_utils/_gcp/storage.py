# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets of Cloud Storage, and who may write to them (Cloud Storage JSON API v1)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, ClassVar
from urllib.parse import quote

from .._engine.errors import NotFound
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields, Mode, ignore_case
from .._engine.resource import Observed, Operation, Resource
from .._engine.retry import retry_call
from .client import Cloud
from .iam import Member
from .references import REFERENCE, matched_by, or_absent, same_duration
from .rest import Body, Request, RestResource, Style

_DELETERS, _PAGE = 16, 1000  # objects deleted side by side when a bucket is emptied, and listed at once


def _same_rules(want: Any, have: Any) -> bool:
    """Lifecycle rules have no names and no order, and an empty list of them is not returned."""

    def said(value: Any) -> Any:
        """Without what says nothing; lists of conditions have no order."""
        if isinstance(value, dict):
            return {name: said(item) for name, item in value.items() if item not in (None, "", [])}
        return sorted(value) if isinstance(value, list) else value

    def plain(rules: Any) -> list[str]:
        return sorted(json.dumps(said(rule), sort_keys=True) for rule in rules or ())

    return plain(want) == plain(have)


class Bucket(RestResource):
    """A bucket. force: it is deleted with all versions of all objects that it holds.

    Reached over TLS only, like everything in this API: there is no switch for it. Numbers of 64 bits are strings.
    """

    kind = "gcp.storage.bucket"
    service = "storage"
    style = Style.AT_ONCE
    place = "b"
    labels = "labels"
    replaceable = False
    fields = Fields(
        {
            "name": IMMUTABLE,
            "location": Field(Mode.IMMUTABLE, normalise=ignore_case),
            "locationType": IMMUTABLE,
            "customPlacementConfig": IMMUTABLE,
            "customPlacementConfig.dataLocations": Field(Mode.IMMUTABLE, normalise=ignore_case, unordered=True),
            "storageClass": Field(normalise=ignore_case),
            "labels": MUTABLE,
            "versioning": MUTABLE,
            "lifecycle": MUTABLE,
            "lifecycle.rule": Field(equal=_same_rules),
            "encryption": MUTABLE,
            "encryption.defaultKmsKeyName": REFERENCE,
            "logging": MUTABLE,
            "iamConfiguration": MUTABLE,
            "iamConfiguration.publicAccessPrevention": Field(equal=or_absent("inherited")),
            "iamConfiguration.bucketPolicyOnly": CREATE_ONLY,  # the old name of uniformBucketLevelAccess
            "retentionPolicy": MUTABLE,
            "retentionPolicy.effectiveTime": CREATE_ONLY,
            "softDeletePolicy": MUTABLE,
            "softDeletePolicy.retentionDurationSeconds": Field(equal=same_duration),
            "softDeletePolicy.effectiveTime": CREATE_ONLY,
            "autoclass": MUTABLE,
            "autoclass.toggleTime": CREATE_ONLY,
            "autoclass.terminalStorageClass": Field(equal=or_absent("NEARLINE")),
            "cors": MUTABLE,
            "website": MUTABLE,
            "billing": MUTABLE,
            "defaultEventBasedHold": MUTABLE,
            "acl": CREATE_ONLY,
            "defaultObjectAcl": CREATE_ONLY,
            "hierarchicalNamespace": IMMUTABLE,
            "ipFilter": MUTABLE,
            "ipFilter.publicNetworkSource.allowedIpCidrRanges": Field(unordered=True),
            "ipFilter.vpcNetworkSources": Field(equal=matched_by("network")),
            "objectRetention": IMMUTABLE,
            "rpo": Field(equal=or_absent("DEFAULT")),
        }
    )
    # Blocks that are taken away by null, when the member that makes them is empty.
    removable: ClassVar[dict[str, str]] = {
        "encryption": "defaultKmsKeyName",
        "logging": "logBucket",
        "retentionPolicy": "retentionPeriod",
    }

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        body: Body,
        needs: Any = (),
        *,
        force: bool = False,
        ours: bool = True,
        **rest: Any,
    ) -> None:
        """ours: the name begins as our names do, so that it is read from the one list of all our buckets."""
        super().__init__(cloud, name, body, needs, **rest)
        self.force = force
        self.ours = ours

    def fetch(self) -> dict[str, Any] | None:
        if not self.ours:
            return super().fetch()
        return self._all().get(self.name)

    def _all(self) -> dict[str, Any]:
        # Every name of ours begins with the platform's.
        query = {"project": self.project, "prefix": self.cloud.site.platform, "projection": "noAcl"}

        def load() -> dict[str, Any]:
            return {each["name"]: each for each in self.cloud.pages(self.service, "b", "items", query)}

        return self.cloud.shared.get("buckets", load)

    def forget(self) -> None:
        self.cloud.shared.drop("buckets")

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**self.predicted(), "url": f"gs://{self.name}", "location": raw.get("location")}

    # -- changes ---------------------------------------------------------------------------------------------------

    def creation(self, desired: dict[str, Any]) -> Request:
        body = {name: value for name, value in desired.items() if not self._off(name, value)}
        return Request("POST", "b", {"name": self.name, **body}, {"project": self.project})

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        body = {name: None if self._off(name, desired[name]) else desired[name] for name in sorted(members)}
        return Request("PATCH", self.path, body)

    def _off(self, name: str, value: Any) -> bool:
        maker = self.removable.get(name)
        return maker is not None and isinstance(value, dict) and not value.get(maker)

    def check_delete(self, observed: Observed) -> str:
        if self.force:
            return ""
        first = next(retry_call(lambda: iter(list(self._objects(1))), self.cloud.clock), None)
        if first is None:
            return ""
        return f"the bucket is not empty (it holds {first[0]!r}). Empty it, or set force: true to delete it with all."

    def delete(self, observed: Observed) -> Operation:
        if self.force:
            self._empty()
        return super().delete(observed)

    def _objects(self, most: int = 0) -> Iterator[tuple[str, str]]:
        """Names and generations, those of old versions included."""
        query: dict[str, Any] = {"versions": "true", "fields": "items(name,generation),nextPageToken"}
        if most:
            answer = self.get(f"{self.path}/o", {**query, "maxResults": most})
            items: Any = answer.get("items") or ()
        else:
            items = self.cloud.pages(self.service, f"{self.path}/o", "items", query)
        for item in items:
            yield item["name"], item["generation"]

    def _empty(self) -> None:
        def remove(entry: tuple[str, str]) -> None:
            name, generation = entry
            path = f"{self.path}/o/{quote(name, safe='')}"
            with contextlib.suppress(NotFound):
                retry_call(
                    lambda: self.cloud.call(self.service, "DELETE", path, query={"generation": generation}),
                    self.cloud.clock,
                )

        with ThreadPoolExecutor(_DELETERS, thread_name_prefix="empty") as pool:
            objects = self._objects()
            while page := list(islice(objects, _PAGE)):  # a bucket may hold more than memory does
                list(pool.map(remove, page))


class BucketMember(Member):
    """A member's roles on a bucket."""

    kind = "gcp.storage.iam_member"
    service = "storage"

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        bucket: Bucket,
        member: str | Callable[[], str],
        roles: Sequence[str],
        needs: Sequence[Resource] = (),
        **options: Any,
    ) -> None:
        super().__init__(cloud, name, member, roles, (bucket, *needs), lock=f"policy/{bucket.name}", **options)
        self.bucket = bucket

    @property
    def target(self) -> str:
        return self.bucket.path

    def fetch(self) -> dict[str, Any] | None:
        return super().fetch() if self.bucket.outputs else None

    def read_policy(self) -> dict[str, Any]:
        return self.get(f"{self.target}/iam", {"optionsRequestedPolicyVersion": 3})

    def write_policy(self, policy: dict[str, Any]) -> None:
        self.cloud.call(self.service, "PUT", f"{self.target}/iam", body=policy)
