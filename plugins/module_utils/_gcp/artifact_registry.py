# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories of Artifact Registry, and who may pull from them (Artifact Registry API v1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation
from .._engine.retry import retry_call
from .client import Cloud
from .iam import Member
from .references import FIXED_REFERENCE, ProtoFields, matched_by, merged, or_absent, same_duration
from .rest import Body, Request, RestResource, Style

UNTAGGED = "untagged"  # the id of our cleanup policy; policies with other ids are nobody's business here
_DURATIONS = ("olderThan", "newerThan")


def _same_policies(want: Any, have: Any) -> bool:
    """Cleanup policies by id. The API writes the id into each policy and leaves zeros out; lists have no order. Without
    ours in what is wanted it must not be there either."""
    wanted, found = dict(want or {}), dict(have or {})
    gone = UNTAGGED in found and UNTAGGED not in wanted
    return not gone and all(_same_policy(policy, found.get(name)) for name, policy in wanted.items())


def _same_policy(want: Any, have: Any) -> bool:
    def same(path: str, ours: Any, theirs: Any) -> bool:
        if isinstance(ours, Mapping):
            found = theirs if isinstance(theirs, Mapping) else {}
            return all(same(name, value, found.get(name)) for name, value in ours.items())
        if path in _DURATIONS:
            return same_duration(ours, theirs)
        if isinstance(ours, (list, tuple)):
            return sorted(map(str, ours)) == sorted(map(str, theirs or ()))
        return bool(ours == theirs) or (not ours and not theirs)

    return isinstance(have, Mapping) and same("", {k: v for k, v in want.items() if k != "id"}, have)


class Repository(RestResource):
    """A repository of images. force: it is deleted with all images that it holds.

    Changes are made at once; creation and deletion are operations (recorded traffic). Image names stand below the
    repository: `<registryUri>/<image>:<tag>`.
    """

    kind = "gcp.artifactregistry.repository"
    service = "artifactregistry"
    place = "projects/{project}/locations/{region}/repositories"
    style = Style.RPC
    labels = "labels"
    listed = True
    items = "repositories"
    replaceable = False
    fields = ProtoFields(
        {
            "name": IMMUTABLE,
            "format": IMMUTABLE,
            "mode": Field(mode=IMMUTABLE.mode, equal=or_absent("STANDARD_REPOSITORY")),
            "description": MUTABLE,
            "labels": MUTABLE,
            "kmsKeyName": FIXED_REFERENCE,
            "dockerConfig": MUTABLE,
            "mavenConfig": IMMUTABLE,
            "cleanupPolicies": Field(equal=_same_policies),
            "cleanupPolicyDryRun": MUTABLE,
            "vulnerabilityScanningConfig": MUTABLE,
            "vulnerabilityScanningConfig.enablementConfig": Field(equal=or_absent("INHERITED")),
            "virtualRepositoryConfig": MUTABLE,
            "virtualRepositoryConfig.upstreamPolicies": Field(equal=matched_by("repository")),
            "remoteRepositoryConfig": MUTABLE,
            "remoteRepositoryConfig.upstreamCredentials": CREATE_ONLY,
            "disallowUnspecifiedMode": CREATE_ONLY,
        }
    )

    def __init__(
        self, cloud: Cloud, name: str, body: Body, needs: Sequence[Any] = (), *, force: bool = False, **options: Any
    ) -> None:
        super().__init__(cloud, name, body, needs, **options)
        self.force = force

    @property
    def uri(self) -> str:
        """Where images are pushed to, below it."""
        return f"{self.cloud.region}-docker.pkg.dev/{self.project}/{self.name}"

    def creation(self, desired: dict[str, Any]) -> Request:
        body = {name: value for name, value in desired.items() if value != ""}  # no key is no member
        return Request("POST", self.collection, body, {"repositoryId": self.name})

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        members = sorted({each.top for each in change.changes if each.top in desired})
        body = {name: desired[name] for name in members}
        if "labels" in body:
            body["labels"] = merged(observed.values.get("labels"), body["labels"])
        if "cleanupPolicies" in body:
            others = {k: v for k, v in (observed.values.get("cleanupPolicies") or {}).items() if k != UNTAGGED}
            body["cleanupPolicies"] = merged(others, body["cleanupPolicies"])
        query = {"updateMask": ",".join(members)}
        self.cloud.call(self.service, "PATCH", self.path, body=body, query=query)
        return DONE

    def check_delete(self, observed: Observed) -> str:
        if self.force:
            return ""
        path = f"{self.path}/packages"
        answer = retry_call(lambda: self.get(path, {"pageSize": 1}), self.cloud.clock)
        first = next(iter(answer.get("packages") or ()), None)
        if first is None:
            return ""
        image = first["name"].rpartition("/packages/")[2].replace("%2F", "/")
        return (
            f"the repository is not empty (it holds the image {image!r}). Delete its images, or set force: true to "
            "delete it with all."
        )


class RepositoryMember(Member):
    """A member's roles on a repository. Gone with it."""

    kind = "gcp.artifactregistry.iam_member"
    service = "artifactregistry"
    inside = True

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        repository: Repository,
        member: str,
        roles: Sequence[str],
        needs: Sequence[Any] = (),
        **options: Any,
    ) -> None:
        lock = f"policy/{repository.path}"
        super().__init__(cloud, name, member, roles, (repository, *needs), lock=lock, **options)
        self.repository = self.goes_with = repository

    @property
    def target(self) -> str:
        return self.repository.path

    def fetch(self) -> dict[str, Any] | None:
        return super().fetch() if self.repository.outputs else None

    def read_policy(self) -> dict[str, Any]:
        return self.get(f"{self.target}:getIamPolicy", {"options.requestedPolicyVersion": 3})

    def write_policy(self, policy: dict[str, Any]) -> None:
        self.cloud.call(self.service, "POST", f"{self.target}:setIamPolicy", body={"policy": policy})
