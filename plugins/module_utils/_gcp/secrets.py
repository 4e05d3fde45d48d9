# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets, and the vault that credentials live in (Secret Manager API v1)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

from .._engine.credential import Kept
from .._engine.errors import AuthError, Conflict, InvalidRequest, NotFound
from .._engine.fields import CREATE_ONLY, MUTABLE, Field
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Resource
from .._engine.retry import retry_call
from . import errors
from .client import Cloud
from .references import ProtoFields, last, merged, same_duration, same_moment
from .rest import Request, RestResource, Style

DAY = 86400
# The alias of the version in use. It stands in the secret itself: one list tells which secrets hold a value.
CURRENT = "current"
DELETED = "soft-deleted"  # the label of a secret that was deleted and can still be brought back
PENDING_SUFFIX = "_pending"  # no name of ours contains it


def identity(cloud: Cloud, name: str) -> str:
    """The id of a secret of the site."""
    return f"{cloud.site.base}-{name}"


def listed(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Every secret whose name contains the site's, by id; one list for all. A service that is off holds nothing."""

    def load() -> dict[str, dict[str, Any]]:
        query = {"filter": f"name:{cloud.site.base}"}
        try:
            found = list(cloud.pages("secretmanager", f"projects/{cloud.project}/secrets", "secrets", query))
        except AuthError as error:
            if error.code == errors.SERVICE_DISABLED:
                return {}
            raise
        return {last(each["name"]): each for each in found}

    return cloud.shared.get(_LIST, load)


_LIST = "secretmanager/secrets"


def keys_of(raw: dict[str, Any]) -> set[str]:
    """The keys that a secret is encrypted with."""
    replication = raw.get("replication") or {}
    policies = [replication.get("automatic"), *((replication.get("userManaged") or {}).get("replicas") or ())]
    return {_key(policy) for policy in policies} - {""}


def needs_key(cloud: Cloud, key: str) -> bool:
    """Whether there are secrets of this key: a deleted one can be brought back only with it."""
    return any(key in keys_of(each) for each in listed(cloud).values())


def is_deleted(raw: dict[str, Any]) -> bool:
    return DELETED in (raw.get("labels") or {})


def _same_replicas(want: Any, have: Any) -> bool:
    """Places and their keys; none is the provider's own."""

    def plain(replicas: Any) -> list[tuple[str, str]]:
        return sorted(
            (str(each.get("location")), str((each.get("customerManagedEncryption") or {}).get("kmsKeyName") or ""))
            for each in replicas or ()
        )

    return plain(want) == plain(have)


class Secret(RestResource):
    """A secret, without its value.

    Secret Manager deletes at once and for ever. So that a deleted secret can be brought back, deletion here closes its
    versions, marks it, and lets it expire after `keep_days`; it counts as absent meanwhile, and making it again within
    that time brings it back with its value.
    """

    kind = "gcp.secretmanager.secret"
    service = "secretmanager"
    place = "projects/{project}/secrets"
    style = Style.AT_ONCE
    labels = "labels"
    listed: ClassVar[bool] = True
    replaceable = False
    fields = ProtoFields(
        {
            "labels": MUTABLE,
            "annotations": MUTABLE,
            "replication": MUTABLE,
            "replication.automatic": Field(equal=lambda want, have: have is not None and _key(want) == _key(have)),
            "replication.userManaged.replicas": Field(equal=_same_replicas),
            "expireTime": Field(equal=same_moment),
            "ttl": CREATE_ONLY,  # becomes expireTime
            "rotation": MUTABLE,
            "rotation.rotationPeriod": Field(equal=same_duration),
            "rotation.nextRotationTime": Field(equal=same_moment),
            "topics": Field(key="name"),
            "versionDestroyTtl": Field(equal=same_duration),
            "versionAliases": CREATE_ONLY,
            "tags": CREATE_ONLY,  # never returned
        }
    )

    def __init__(
        self, cloud: Cloud, name: str, body: Any, needs: Sequence[Resource] = (), *, keep_days: int, **options: Any
    ) -> None:
        super().__init__(cloud, name, body, needs, **options)
        self.keep_days = keep_days

    def _list(self) -> dict[str, Any]:
        return listed(self.cloud)

    def forget(self) -> None:
        self.cloud.shared.drop(_LIST)

    def fetch(self) -> dict[str, Any] | None:
        raw = super().fetch()
        return None if raw is None or is_deleted(raw) else raw

    def check_update(self, observed: Observed, change: Plan) -> str:
        have, want = _places(observed.values), _places(self.desired())
        if have == want:
            return ""
        return (
            f"the places of a secret cannot be changed (it is in {', '.join(have)}). Keep them, or delete it "
            "deliberately first."
        )

    def creation(self, desired: dict[str, Any]) -> Request:
        return Request("POST", self.collection, desired, {"secretId": self.name})

    def create(self, desired: dict[str, Any]) -> Operation:
        found = self._list().get(self.name)
        if found is None or not is_deleted(found):
            return super().create(desired)
        # A member that the mask names and the body lacks is cleared.
        mask = {*desired, "expireTime"} | (set() if self._opened(found) else {"versionAliases"})
        labels = {key: value for key, value in (found.get("labels") or {}).items() if key != DELETED}
        body = {**desired, "labels": merged(labels, desired.get("labels"))}
        return self.send(Request("PATCH", self.path, body, {"updateMask": ",".join(sorted(mask))}))

    def _opened(self, found: dict[str, Any]) -> bool:
        """Open the value of a deleted secret again. Whether it can be read: its key may be gone meanwhile."""
        in_use = str((found.get("versionAliases") or {}).get(CURRENT) or "")
        usable = (each for each in _versions(self.cloud, self.path) if each.get("state") != "DESTROYED")
        version = next((last(each["name"]) for each in usable if in_use in ("", last(each["name"]))), "")
        if not version:
            return False
        self.cloud.call(self.service, "POST", f"{self.path}/versions/{version}:enable", body={})
        try:
            self.cloud.look(self.service, f"{self.path}/versions/{version}:access")
        except InvalidRequest as error:
            if error.code != "FAILED_PRECONDITION":
                raise
            return False
        return True

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        body = {name: desired[name] for name in sorted(members)}
        if "labels" in body:
            body["labels"] = merged(observed.values.get("labels"), body["labels"])
        return Request("PATCH", self.path, body, {"updateMask": ",".join(body)})

    def delete(self, observed: Observed) -> Operation:
        pending = f"{self.name}{PENDING_SUFFIX}"
        if pending in self._list():
            self._quietly_delete(f"{self.collection}/{pending}")
        body = {"labels": merged(observed.values.get("labels"), {DELETED: "true"}), "ttl": f"{self.keep_days * DAY}s"}
        self.cloud.call(self.service, "PATCH", self.path, body=body, query={"updateMask": "labels,ttl"})
        for version in retry_call(lambda: _versions(self.cloud, self.path), self.cloud.clock):
            if version.get("state") == "ENABLED":
                path = f"{self.path}/versions/{last(version['name'])}:disable"
                self.cloud.call(self.service, "POST", path, body={})
        return DONE

    def _quietly_delete(self, path: str) -> None:
        try:
            self.cloud.call(self.service, "DELETE", path)
        except NotFound:
            return

    def remains(self, observed: Observed) -> str:
        return f"closed, and can be brought back under its name for {self.keep_days} days"


def _key(policy: Any) -> str:
    return str(((policy or {}).get("customerManagedEncryption") or {}).get("kmsKeyName") or "")


def _places(body: dict[str, Any]) -> list[str]:
    replication = body.get("replication") or {}
    managed = replication.get("userManaged")
    return ["every region"] if managed is None else sorted(str(each["location"]) for each in managed["replicas"])


def _versions(cloud: Cloud, path: str) -> list[dict[str, Any]]:
    """Versions of a secret, the newest first."""
    return list(cloud.pages("secretmanager", f"{path}/versions", "versions"))


class SecretVault:
    """Implements `_engine.credential.Vault`: where the site's credentials live.

    The value in use is a secret's newest version (`latest`), and the only one that is not closed. A value on its way
    is kept in a second secret beside it, so that nobody reads it before it is in use.
    """

    def __init__(
        self, cloud: Cloud, body: dict[str, Any], needs: Sequence[Resource], *, days: int, fixed: bool
    ) -> None:
        """body: how secrets are made (replication, versionDestroyTtl). fixed: it is also how they must be; else those
        that exist stay as they are."""
        self.cloud = cloud
        self.body = body
        self._needs = tuple(needs)
        self._days = days
        self._fixed = fixed
        self._places: dict[str, Secret] = {}

    def place(self, name: str, *, present: bool = True) -> Secret:
        """The secret of this name, as a resource; the same one every time."""
        if name not in self._places:
            secret = Secret(
                self.cloud, identity(self.cloud, name), self.body, self._needs, keep_days=self._days, present=present
            )
            if not self._fixed:
                secret.classed(dict.fromkeys(("replication", "versionDestroyTtl"), CREATE_ONLY))
                secret.classed({"replication.userManaged.replicas": CREATE_ONLY})
            self._places[name] = secret
        return self._places[name]

    def kept(self, name: str) -> Kept:
        secrets, own = listed(self.cloud), identity(self.cloud, name)
        if _number(secrets.get(own + PENDING_SUFFIX)):
            return Kept.PENDING
        return Kept.CURRENT if _number(secrets.get(own)) else Kept.NOTHING

    def current(self, name: str) -> str | None:
        return self._value(self._path(name))

    def pending(self, name: str) -> str | None:
        return self._value(self._path(name) + PENDING_SUFFIX)

    def put_pending(self, name: str, value: str) -> None:
        body = {**self.body, "labels": self.cloud.site.all_tags}
        secret_id = identity(self.cloud, name) + PENDING_SUFFIX
        collection = f"projects/{self.cloud.project}/secrets"
        with suppress(Conflict):  # it is there from a run that was ended before it could write the value
            self.cloud.call("secretmanager", "POST", collection, body=body, query={"secretId": secret_id})
        self._add(f"{collection}/{secret_id}", value)
        self.cloud.shared.drop(_LIST)

    def promote(self, name: str) -> None:
        path = self._path(name)
        value = self._value(path + PENDING_SUFFIX)
        if value is None:
            return
        if self._value(path) != value:
            self._add(path, value)
        number = _number(self.cloud.look("secretmanager", path))
        for version in retry_call(lambda: _versions(self.cloud, path), self.cloud.clock):
            closed = version.get("state") == "DESTROYED" or version.get("scheduledDestroyTime")
            if last(version["name"]) != number and not closed:
                # Closed now; with versionDestroyTtl it can be brought back until then.
                call = f"{path}/versions/{last(version['name'])}:destroy"
                self.cloud.call("secretmanager", "POST", call, body={})
        self.cloud.call("secretmanager", "DELETE", path + PENDING_SUFFIX)
        self.cloud.shared.drop(_LIST)

    def _path(self, name: str) -> str:
        return f"projects/{self.cloud.project}/secrets/{identity(self.cloud, name)}"

    def _value(self, path: str) -> str | None:
        """The value that the alias names. By its number: only then is a value readable as soon as it was written."""
        try:
            number = _number(self.cloud.look("secretmanager", path))
            if not number:
                return None
            answer = self.cloud.look("secretmanager", f"{path}/versions/{number}:access")
        except NotFound:
            return None
        return base64.b64decode(answer["payload"]["data"]).decode()

    def _add(self, path: str, value: str) -> None:
        body = {"payload": {"data": base64.b64encode(value.encode()).decode()}}
        made = self.cloud.call("secretmanager", "POST", f"{path}:addVersion", body=body)
        aliases = {"versionAliases": {CURRENT: last(made["name"])}}
        self.cloud.call("secretmanager", "PATCH", path, body=aliases, query={"updateMask": "versionAliases"})


def _number(raw: dict[str, Any] | None) -> str:
    """The number of the version in use, or nothing."""
    if raw is None or is_deleted(raw):
        return ""
    return str((raw.get("versionAliases") or {}).get(CURRENT) or "")
