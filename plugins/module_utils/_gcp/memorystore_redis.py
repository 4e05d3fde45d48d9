# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of Memorystore for Redis, and their passwords (Memorystore for Redis API v1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .._engine.credential import IN_USE, Kept, Vault
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields, Mode
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Progress, Recovery, Resource, Status
from .cache_bodies import older
from .memorystore import DISRUPTIVE
from .references import FIXED_REFERENCE, ProtoFields, merged, or_absent, same_moment
from .rest import Request, RestResource, Step, Style


def _same_range(want: Any, have: Any) -> bool:
    """A range by its name, or "auto", returns as the addresses that were chosen (recorded traffic)."""
    return bool(have) if want == "auto" or "/" not in str(want) else bool(want == have)


def _upgrade(resource: RestResource, observed: Observed, desired: dict[str, Any]) -> Request:
    return Request("POST", f"{resource.path}:upgrade", {"redisVersion": desired["redisVersion"]})


class RedisInstance(RestResource):
    """A cache: one node, or two in two zones with failover (`tier`)."""

    kind = "gcp.redis.instance"
    service = "redis"
    place = "projects/{project}/locations/{region}/instances"
    style = Style.RPC
    labels = "labels"
    listed = True
    items = "instances"
    replaceable = False
    fields = ProtoFields(
        {
            "name": IMMUTABLE,
            "displayName": MUTABLE,
            "labels": MUTABLE,
            "tier": IMMUTABLE,
            "memorySizeGb": DISRUPTIVE,
            "redisVersion": DISRUPTIVE,
            "redisConfigs": MUTABLE,
            "locationId": IMMUTABLE,
            "alternativeLocationId": IMMUTABLE,
            "authorizedNetwork": FIXED_REFERENCE,
            "connectMode": Field(Mode.IMMUTABLE, equal=or_absent("DIRECT_PEERING")),
            "reservedIpRange": Field(Mode.IMMUTABLE, equal=_same_range),
            "secondaryIpRange": Field(equal=_same_range),
            "transitEncryptionMode": Field(Mode.IMMUTABLE, equal=or_absent("DISABLED")),
            "authEnabled": DISRUPTIVE,  # clients without the password, or with one, are turned away
            "customerManagedKey": FIXED_REFERENCE,
            "persistenceConfig": MUTABLE,
            "persistenceConfig.persistenceMode": Field(equal=or_absent("DISABLED")),
            "persistenceConfig.rdbSnapshotStartTime": Field(equal=same_moment),
            "maintenancePolicy": MUTABLE,
            "maintenanceVersion": DISRUPTIVE,
            "readReplicasMode": Field(equal=or_absent("READ_REPLICAS_DISABLED")),
            "replicaCount": MUTABLE,
            "suspensionReasons": CREATE_ONLY,
            "tags": CREATE_ONLY,
        }
    )
    steps: ClassVar[tuple[Step, ...]] = (Step(("redisVersion",), _upgrade),)
    maps: ClassVar[tuple[str, ...]] = ("labels", "redisConfigs")  # written whole: what others set stays

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.before_auth: Callable[[], None] | None = None  # called before AUTH is switched on: a password is made

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        state = str(raw.get("state"))
        known = {"READY": Status.READY, "DELETING": Status.DELETING}
        reason = str(raw.get("statusMessage") or state.lower())
        return known.get(state, Status.PENDING), reason, Recovery.REPORT

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {
            **self.predicted(),
            "host": raw.get("host"),
            "port": raw.get("port"),
            "reader_host": raw.get("readEndpoint"),
            "auth": bool(raw.get("authEnabled")),
            "agent": raw.get("persistenceIamIdentity"),
            "certificate_authority": "\n".join(each["cert"].strip() for each in raw.get("serverCaCerts") or ()) or None,
            "version": str(raw.get("redisVersion", "")).partition("_")[2].replace("_", ".").lower() or None,
        }

    # -- changes ---------------------------------------------------------------------------------------------------

    def creation(self, desired: dict[str, Any]) -> Request:
        body = {name: value for name, value in desired.items() if value != ""}  # no key is no member
        return Request("POST", self.collection, body, {"instanceId": self.name})

    def create(self, desired: dict[str, Any]) -> Operation:
        if self.before_auth:
            self.before_auth()
        return super().create(desired)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if self.before_auth and change.touches("authEnabled"):
            self.before_auth()
        return super().update(observed, desired, change)

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        body = {
            name: merged(observed.values.get(name), desired[name]) if name in self.maps else desired[name]
            for name in sorted(members)
        }
        return Request("PATCH", self.path, body, {"updateMask": ",".join(body)})

    def check_update(self, observed: Observed, change: Plan) -> str:
        for each in change.changes:
            if each.path == "redisVersion" and older(str(each.after), str(each.before)):
                return f"the engine cannot go back from {each.before} to {each.after}. Leave the version as it is."
        return ""


class AuthString(Resource):
    """The password of a Redis instance, which the service makes, copied into the secret store.

    The service has one password at a time, and makes a new one when AUTH is switched off and on again: whoever is
    connected stays so, and who connects in between is turned away (Memorystore for Redis documentation, AUTH overview).
    A pending value in the store marks that this is under way: whoever finds one goes on, and at the end copies what is
    in force.
    """

    kind = "gcp.redis.auth_string"
    inside = True
    fields: ClassVar[Fields] = Fields({"use": MUTABLE})

    def __init__(
        self,
        name: str,
        vault: Vault,
        place: Resource,
        instance: RedisInstance,
        *,
        secret: str,
        rotate: bool = False,
        present: bool = True,
    ) -> None:
        super().__init__(name, (place, instance), present=present, lock=instance.lock)
        self.vault = vault
        self.place = place
        self.instance = instance
        self.secret = secret
        self.goes_with = instance
        instance.before_auth = self.mark
        self._due = rotate
        self._off = False  # AUTH was switched off by this run
        self._stale = False  # the instance, or its AUTH, was not there: what is stored opens nothing

    def desired(self) -> dict[str, Any]:
        return {"use": IN_USE}

    def read(self) -> Observed | None:
        reference = self.place.known("id")
        self._stale = self._stale or not self.instance.outputs.get("auth")
        kept = self.vault.kept(self.secret)
        if kept is Kept.NOTHING:
            return None
        if self._due:
            use = "to be renewed: AUTH is off" if self._off else "to be renewed"
        elif kept is Kept.PENDING:
            use = "a new value is on its way"
        else:
            use = "to be copied again" if self._stale else IN_USE
        return Observed({"use": use}, {"id": reference})

    def mark(self) -> None:
        """A new value is about to be made: say so where the next run looks."""
        if self.vault.kept(self.secret) is Kept.CURRENT:
            self.vault.put_pending(self.secret, self.vault.current(self.secret) or "")
            self.place.forget()

    def create(self, desired: dict[str, Any]) -> Operation:
        return self._copy()

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if not self._due:
            return self._copy()
        self.mark()
        return self._switch(on=self._off)

    def poll(self, operation: Operation) -> Progress:
        progress = self.instance.poll(operation)
        if progress.state.value == "done":
            self._switched(on=self._off)
        return progress

    def delete(self, observed: Observed) -> Operation:
        """The password goes with its instance, and what is stored with its secret."""
        return DONE

    def disruption(self, observed: Observed, change: Plan) -> str:
        if not self._due:
            return ""
        return "a new password is made by switching AUTH off and on: clients that connect meanwhile are turned away"

    def forget(self) -> None:
        self.place.forget()

    def _switch(self, *, on: bool) -> Operation:
        operation = self.instance.send(
            Request("PATCH", self.instance.path, {"authEnabled": on}, {"updateMask": "authEnabled"})
        )
        if operation.done:
            self._switched(on=on)
        return operation

    def _switched(self, *, on: bool) -> None:
        self._off, self._due = not on, not on

    def _copy(self) -> Operation:
        answer = self.instance.cloud.look(self.instance.service, f"{self.instance.path}/authString")
        self.vault.put_pending(self.secret, str(answer["authString"]))
        self.vault.promote(self.secret)
        self._stale = False
        return DONE
