# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of one's own for encryption at rest (Cloud KMS API v1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from .._engine.errors import Conflict, NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields, Mode
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Resource
from .._engine.retry import retry_call
from .client import Cloud
from .iam import KeyMember
from .references import FIXED_REFERENCE, ProtoFields, merged, same_duration
from .rest import Request, RestResource, Style

ENCRYPTER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
ROTATION = "7776000s"  # 90 days
_KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
_DEAD = ("DESTROYED", "DESTROY_SCHEDULED", 4, 3)


class Key(RestResource):
    """A symmetric key in the site's key ring, which is made with the first key and holds nothing else.

    A key is never gone at once: deleting schedules the destruction of its versions, and what is left of it, like its
    ring, costs nothing. A key without a usable version counts as absent here, and is brought back to life with a new
    version when it is wanted again.
    """

    kind = "gcp.kms.key"
    service = "cloudkms"
    style = Style.AT_ONCE
    labels = "labels"
    replaceable = False
    fields = ProtoFields(
        {
            "purpose": IMMUTABLE,
            "labels": MUTABLE,
            "rotationPeriod": Field(equal=same_duration),
            "nextRotationTime": Field(Mode.CREATE_ONLY),  # moves on with every rotation
            "versionTemplate": MUTABLE,
            "versionTemplate.protectionLevel": IMMUTABLE,
            "destroyScheduledDuration": Field(Mode.IMMUTABLE, equal=same_duration),
            "importOnly": IMMUTABLE,
            "cryptoKeyBackend": FIXED_REFERENCE,
        }
    )

    def __init__(self, cloud: Cloud, name: str, ring: str, location: str, **options: Any) -> None:
        super().__init__(cloud, name, {"purpose": "ENCRYPT_DECRYPT", "rotationPeriod": ROTATION}, **options)
        self.location = f"projects/{self.project}/locations/{location}"
        self.ring = ring

    @property
    def collection(self) -> str:
        return f"{self.location}/keyRings/{self.ring}/cryptoKeys"

    def fetch(self) -> dict[str, Any] | None:
        raw = super().fetch()
        primary = (raw or {}).get("primary") or {}
        return raw if primary and primary.get("state") not in _DEAD else None

    def create(self, desired: dict[str, Any]) -> Operation:
        self._quietly("POST", f"{self.location}/keyRings", {}, {"keyRingId": self.ring})
        fresh = self._quietly("POST", self.collection, desired, {"cryptoKeyId": self.name})
        if not fresh:
            self._revive(desired)
        return DONE

    def _quietly(self, method: str, path: str, body: Any, query: dict[str, Any]) -> bool:
        """Create something that may be there from an earlier run. Whether it was made now."""
        try:
            self.cloud.call(self.service, method, path, body=body, query=query)
        except Conflict:
            return False
        return True

    def _revive(self, desired: dict[str, Any]) -> None:
        version = self.cloud.call(self.service, "POST", f"{self.path}/cryptoKeyVersions", body={})
        number = {"cryptoKeyVersionId": version["name"].rpartition("/")[2]}
        self.cloud.call(self.service, "POST", f"{self.path}:updatePrimaryVersion", body=number)

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        body = {name: desired[name] for name in sorted(members)}
        if "labels" in body:
            body["labels"] = merged(observed.values.get("labels"), body["labels"])
        return Request("PATCH", self.path, body, {"updateMask": ",".join(body)})

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        members = {each.top for each in change.changes if each.top in desired}
        return self.send(self.patch(observed, desired, members))

    def delete(self, observed: Observed) -> Operation:
        """Stop rotation, then schedule the destruction of every version, the primary one last: it tells that we are
        not done."""
        if observed.values.get("rotationPeriod") not in (None, "0s"):
            query = {"updateMask": "rotationPeriod"}
            self.cloud.call(self.service, "PATCH", self.path, body={"rotationPeriod": "0s"}, query=query)
        versions = retry_call(self._versions, self.cloud.clock)
        primary = observed.values["primary"]["name"]
        for name in sorted(versions, key=lambda version: version == primary):
            self.cloud.call(self.service, "POST", f"{name}:destroy", body={})
        return DONE

    def _versions(self) -> list[str]:
        found = self.cloud.pages(self.service, f"{self.path}/cryptoKeyVersions", "cryptoKeyVersions")
        return [each["name"] for each in found if each.get("state") not in _DEAD]


def place_problem(name: str | None, region: str, where: str) -> str:
    """Why a regional service cannot encrypt with a key that the user named, or an empty string."""
    found = _KEY.fullmatch(name or "")
    if name and found is None:
        return f"{where}: {name!r} is not the name of a key (projects/p/locations/l/keyRings/r/cryptoKeys/k)."
    if found and found[1] != region:
        return f"{where}: the key is in {found[1]}, and what it shall encrypt is in {region}. Name one that is there."
    return ""


class KeepingKey(Key):
    """A key that stays as long as something that is kept can only be read with it (final backups, deleted secrets).

    needed: whether there is such a thing under the key with this path; asked when the key shall go.
    """

    stays = "stays as long as something that is kept can only be read with it"

    def __init__(self, cloud: Cloud, name: str, ring: str, location: str, needed: Callable[[str], bool]) -> None:
        super().__init__(cloud, name, ring, location)
        self._needed = needed

    def lasts(self) -> bool:
        return retry_call(lambda: self._needed(self.path), self.cloud.clock)


class GivenKey(RestResource):
    """A key that the user named. Referred to, never changed."""

    kind = "gcp.kms.given_key"
    service = "cloudkms"
    style = Style.AT_ONCE
    fields = Fields({})

    def __init__(self, cloud: Cloud, name: str) -> None:
        super().__init__(cloud, name, managed=False)

    @property
    def path(self) -> str:
        return self.name

    def fetch(self) -> dict[str, Any] | None:
        try:
            return self.get(self.path)
        except NotFound:
            return None


def use_of(cloud: Cloud, name: str, key: Key | GivenKey, agent: Any, needs: Sequence[Resource] = ()) -> KeyMember:
    """The grant that lets one of Google's service agents encrypt with a key."""
    return KeyMember(cloud, name, key.path, agent, [ENCRYPTER], (key, *needs), among=[ENCRYPTER], present=key.present)
