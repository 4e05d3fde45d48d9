"""Reading and writing objects: everything between a decoded request and the store."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..core.clock import Clock
from . import errors, metadata
from .addresses import Addresses, NodePorts
from .catalogue import Catalogue, Resource
from .deleting import delete_stored
from .garbage import GarbageCollector
from .identity import MASTERS, UserInfo
from .kinds import Kind, kind_of
from .managers import ApplyPlan, after_apply, after_update
from .namespaces import Namespaces
from .options import DeleteOptions, WriteOptions
from .quota import Quota
from .store import Body, Change, Key, Store, Stored, dump, pending

_ITSELF = UserInfo("system:apiserver", groups=(MASTERS,))
Admission = Callable[[Resource, Body, Body | None, WriteOptions], None]


class Registry:
    """All objects of one cluster. ``mutating`` and ``validating`` are admission plugins, called in order."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self.catalogue = catalogue
        self.clock = clock
        self.store = Store()
        self.mutating: list[Admission] = []
        self.validating: list[Admission] = []
        self._kinds: dict[tuple[str, str, int], Kind] = {}
        self.addresses = Addresses()
        self.node_ports = NodePorts()
        # How work that follows a change is put off until the change has been answered.
        self.schedule: Callable[[Callable[[], None]], object] = self._put_off_for_now
        self._put_off: list[Callable[[], None]] = []
        self._waiting: dict[tuple[str, str], Callable[[], None]] = {}
        self.store.listen(self._on_change)
        self.namespaces = Namespaces(self)
        self.quota = Quota(self)
        self.collector = GarbageCollector(self)

    def kind(self, resource: Resource) -> Kind:
        """The rules of a resource."""
        key = (resource.id, resource.version, id(resource))
        if key not in self._kinds:
            self._kinds[key] = kind_of(resource)
        return self._kinds[key]

    # --- reading --------------------------------------------------------------------------------------------------

    def find(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        """An object as it is stored."""
        return self.store.get(resource.storage, _key(resource, namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Stored:
        """An object in the version of ``resource``; 404."""
        stored = self.find(resource, namespace, name)
        if stored is None:
            raise errors.not_found(resource.plural, resource.group, name)
        return self.shown(resource, stored)

    def shown(self, resource: Resource, stored: Stored) -> Stored:
        """A stored object in the version of ``resource``."""
        if stored.body.get("apiVersion") == resource.api_version:
            return stored
        body = self.kind(resource).from_storage(stored.body)
        return Stored(body, dump(body), stored.revision)

    # --- writing --------------------------------------------------------------------------------------------------

    def decode(self, resource: Resource, body: Any, options: WriteOptions, repeated: list[str]) -> Body:
        """What a client sent, as an object of the resource's kind; 400 for anything else."""
        if not isinstance(body, dict):
            raise errors.bad_request("Object 'Kind' is missing in 'null'" if body is None else "expected an object")
        body = dict(body)
        wanted = (resource.api_version, resource.kind)
        if resource.custom is not None:  # nothing is taken for granted of what has no type of its own
            if not body.get("kind"):
                raise errors.bad_request(f"Object 'Kind' is missing in '{json.dumps(body, separators=(',', ':'))}'")
            body.setdefault("apiVersion", "")
        if resource.custom is not None and body["apiVersion"] != wanted[0]:
            raise errors.bad_request(
                f"the API version in the data ({body['apiVersion']}) does not match the expected API version "
                f"({wanted[0]})"
            )
        given = (body.setdefault("apiVersion", wanted[0]) or wanted[0], body.setdefault("kind", wanted[1]) or wanted[1])
        if given[0] != wanted[0]:
            raise errors.bad_request(
                f"the API version in the data ({given[0]}) does not match the expected API version ({wanted[0]})"
            )
        if given[1] != wanted[1]:
            raise errors.bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
                f"converting ({given[1]}) to ({resource.kind}): unknown conversion"
            )
        decoded = self.kind(resource).decode(body, options, repeated)
        decoded.setdefault("metadata", {})
        return decoded

    def create(
        self, resource: Resource, namespace: str, body: Body, options: WriteOptions, plan: ApplyPlan | None = None
    ) -> Stored:
        """Store a new object (decoded by ``decode``)."""
        kind = self.kind(resource)
        metadata.prepare_create(body, resource, namespace, self.clock.wall())
        if resource.has_status and not kind.born_with_status:
            body.pop("status", None)
        kind.default(body)
        kind.prepare_create(body, self)
        for admit in self.mutating:
            admit(resource, body, None, options)
        causes = metadata.validate(body, resource) + kind.validate(body, self)
        name = body["metadata"].get("name", "")
        if causes:
            raise errors.invalid(resource.kind, resource.group, name, causes)
        for admit in self.validating:
            admit(resource, body, None, options)
        key = _key(resource, namespace, name)
        if self.store.get(resource.storage, key) is not None:
            raise errors.already_exists(resource.plural, resource.group, name)
        body["metadata"]["managedFields"] = self._managers(resource, None, body, options, plan)
        body = arranged(body)
        if options.dry_run:
            return Stored(body, dump(body), 0)
        stored = self.store.put(resource.storage, key, self._for_storage(resource, body))
        kind.created(stored, key, self)
        return self.shown(resource, stored)

    def update(
        self,
        resource: Resource,
        old: Stored,
        body: Body,
        options: WriteOptions,
        plan: ApplyPlan | None = None,
    ) -> Stored:
        """Store a changed object (decoded by ``decode``). What did not change is not written."""
        kind = self.kind(resource)
        before = self.shown(resource, old).copy()
        name, namespace = before["metadata"]["name"], before["metadata"].get("namespace", "")
        self._check_identity(resource, before, body)
        body = self._kept(resource, kind, before, body, options)
        kind.default(body)
        kind.prepare_update(body, before, self)
        for admit in self.mutating:
            admit(resource, body, before, options)
        if resource.generation and not options.subresource and _desired(body) != _desired(before):
            body["metadata"]["generation"] = before["metadata"].get("generation", 1) + 1
        causes = metadata.validate(body, resource) + metadata.validate_update(body, before)
        if options.subresource != "status":
            causes += kind.validate(body, self)
        causes += kind.validate_update(body, before, self)
        if causes:
            raise errors.invalid(resource.kind, resource.group, name, causes)
        for admit in self.validating:
            admit(resource, body, before, options)
        body["metadata"]["managedFields"] = self._managers(resource, before, body, options, plan)
        body = arranged(body)
        if body == before:
            return self.shown(resource, old)
        if options.dry_run:
            return Stored(body, dump(body), old.revision)
        key = _key(resource, namespace, name)
        ending = body["metadata"].get("deletionTimestamp") and not pending(body)
        stored = self.store.put(resource.storage, key, self._for_storage(resource, body))
        kind.updated(stored, old, key, self)
        if ending and self.store.get(resource.storage, key) is stored:
            self.remove(resource, key)
        return self.shown(resource, stored)

    def remove(self, resource: Resource, key: Key) -> Stored:
        """Take an object away for good."""
        last = self.store.remove(resource.storage, key)
        self.kind(resource).removed(last, key, self)
        return last

    # --- the server's own hand ------------------------------------------------------------------------------------

    def modify(self, resource: Resource, key: Key, change: Callable[[Body], Any]) -> Stored | None:
        """Change an object without any rule: for controllers that are part of the server."""
        stored = self.store.get(resource.storage, key)
        if stored is None:
            return None
        body = stored.copy()
        change(body)
        if body == stored.body:
            return stored
        new = self.store.put(resource.storage, key, body)
        self.kind(resource).updated(new, stored, key, self)
        if body["metadata"].get("deletionTimestamp") and not pending(body):
            self.remove(resource, key)
        return new

    def _put_off_for_now(self, work: Callable[[], None]) -> None:
        self._put_off.append(work)

    def settle(self) -> None:
        """Do what was put off while there was no event loop."""
        while self._put_off:
            self._put_off.pop(0)()

    def delete(self, resource: Resource, key: Key, options: DeleteOptions) -> None:
        """Delete an object as a client would; nothing when it is gone already."""
        stored = self.store.get(resource.storage, key)
        if stored is not None:
            delete_stored(self, resource, key, stored, options)

    def delete_all(self, resource: Resource, namespace: str = "", options: DeleteOptions | None = None) -> None:
        """Delete every object of a resource (in a namespace) that is not on its way already."""
        for key, stored in self.store.items(resource.storage, namespace):
            if not stored.body["metadata"].get("deletionTimestamp"):
                self.delete(resource, key, options or DeleteOptions(_ITSELF, propagation="Background"))

    def when_empty(self, storage: str, work: Callable[[], None], namespace: str = "") -> None:
        """Call once, when no object of a resource (in a namespace) is left."""
        self._waiting[storage, namespace] = work

    def _on_change(self, storage: str, change: Change) -> None:
        if change.kind != "DELETED" or not self._waiting:
            return
        for namespace in {"", change.key[0]}:
            if (storage, namespace) in self._waiting and not self.store.objects(storage, namespace):
                self.schedule(self._waiting.pop((storage, namespace)))

    # --- pieces ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _check_identity(resource: Resource, before: Body, body: Body) -> None:
        old, new = before["metadata"], body["metadata"]
        name = old["name"]
        if new.get("name", name) != name:
            raise errors.bad_request(
                f"the name of the object ({new['name']}) does not match the name on the URL ({name})"
            )
        version = new.get("resourceVersion")
        if version and version != old["resourceVersion"]:
            raise errors.conflict(resource.plural, resource.group, name, errors.STALE)
        if new.get("uid", old["uid"]) != old["uid"]:
            why = f"Precondition failed: UID in precondition: {new['uid']}, UID in object meta: {old['uid']}"
            raise errors.conflict(resource.plural, resource.group, name, why)
        metadata.place(new, resource, old.get("namespace", ""))

    @staticmethod
    def _kept(resource: Resource, kind: Kind, before: Body, body: Body, options: WriteOptions) -> Body:
        """The body with what this (sub)resource may not write taken from the object as it is."""
        old = before["metadata"]
        if options.subresource:
            kept: Body = json.loads(dump(before))
            if "status" in body:
                kept["status"] = body["status"]
            else:
                kept.pop("status", None)
            if "managedFields" in body["metadata"]:
                kept["metadata"]["managedFields"] = body["metadata"]["managedFields"]
            if resource.id in ("pods", "nodes"):
                for name in ("labels", "annotations"):
                    if name in body["metadata"]:
                        kept["metadata"][name] = body["metadata"][name]
            return kept
        new = body["metadata"]
        for name in [
            "name",
            "uid",
            "creationTimestamp",
            "generation",
            "resourceVersion",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "generateName",
        ]:
            if name in old:
                new[name] = old[name]
            else:
                new.pop(name, None)
        if resource.has_status:
            body.pop("status", None)
            if "status" in before:
                body["status"] = before["status"]
        return body

    def _managers(
        self, resource: Resource, old: Body | None, new: Body, options: WriteOptions, plan: ApplyPlan | None
    ) -> list[Body]:
        now = self.clock.wall()
        if plan is not None:
            return after_apply(resource, old, new, plan, now)
        return after_update(resource, old, new, options, now)

    def _for_storage(self, resource: Resource, body: Body) -> Body:
        if not resource.stored_as and resource.storage_version in ("", resource.version):
            return body
        return self.kind(resource).to_storage(body)


def arranged(body: Body) -> Body:
    """Top-level keys as people expect them; empty managedFields left out."""
    if not body["metadata"].get("managedFields"):
        body["metadata"].pop("managedFields", None)
    first: Body = {name: body[name] for name in ("apiVersion", "kind", "metadata") if name in body}
    return first | body


def _desired(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in ("metadata", "status", "apiVersion")}


def _key(resource: Resource, namespace: str, name: str) -> Key:
    return (namespace if resource.namespaced else "", name)
