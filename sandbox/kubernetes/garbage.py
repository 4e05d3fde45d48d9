"""Owners and dependents: what goes when its last owner is gone, and what waits for whom."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .deleting import FOREGROUND, ORPHAN
from .identity import MASTERS, UserInfo
from .options import DeleteOptions
from .store import Body, Change, Key, Stored

if TYPE_CHECKING:
    from .registry import Registry

_COLLECTOR = UserInfo("system:serviceaccount:kube-system:generic-garbage-collector", groups=(MASTERS,))
Place = tuple[str, Key]


class GarbageCollector:
    """Follows every change of the store; acts a moment later, as the real one does."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[str, Place] = {}  # uid to where the object is
        self._dependents: dict[str, set[Place]] = {}  # owner's uid to its dependents
        registry.store.listen(self._on_change)

    def _on_change(self, storage: str, change: Change) -> None:
        place = (storage, change.key)
        before = _owners(change.before)
        now = set() if change.kind == "DELETED" else _owners(change.now)
        for uid in before - now:
            self._dependents.get(uid, set()).discard(place)
        for uid in now - before:
            self._dependents.setdefault(uid, set()).add(place)
        meta = change.now.body["metadata"]
        uid = meta["uid"]
        schedule = self._registry.schedule
        if change.kind == "DELETED":
            self._known.pop(uid, None)
            for dependent in self._dependents.pop(uid, ()):
                schedule(partial(self._check, dependent))
            for owner in before:
                schedule(partial(self._check_owner, owner))
            return
        self._known[uid] = place
        if now - before or (now and any(owner not in self._known for owner in now)):
            schedule(lambda: self._check(place))
        if meta.get("deletionTimestamp") and {ORPHAN, FOREGROUND} & set(meta.get("finalizers") or []):
            schedule(lambda: self._check_owner(uid))

    def _check(self, place: Place) -> None:
        """Delete a dependent without owners; take away references to owners that are gone."""
        storage, key = place
        stored = self._registry.store.get(storage, key)
        resource = self._registry.catalogue.of_storage(storage)
        if stored is None or resource is None:
            return
        references = stored.body["metadata"].get("ownerReferences") or []
        solid = [one for one in references if self._exists(one, key)]
        waiting = [one for one in solid if self._ends_in_foreground(one["uid"])]
        if references and not solid:
            policy = "Foreground" if FOREGROUND in (stored.body["metadata"].get("finalizers") or []) else "Background"
            self._registry.delete(resource, key, DeleteOptions(_COLLECTOR, propagation=policy))
        elif waiting and len(waiting) == len(solid):
            policy = "Foreground" if self._dependents.get(stored.body["metadata"]["uid"]) else "Background"
            self._registry.delete(resource, key, DeleteOptions(_COLLECTOR, propagation=policy))
        elif len(solid) != len(references):
            kept = {one["uid"] for one in solid}
            self._registry.modify(resource, key, lambda body: _keep_owners(body, kept))

    def _check_owner(self, uid: str) -> None:
        """An owner in deletion with a finalizer of ours: let its dependents go first, or set them free."""
        place = self._known.get(uid)
        if place is None:
            return
        stored, resource = self._registry.store.get(*place), self._registry.catalogue.of_storage(place[0])
        if stored is None or resource is None or not stored.body["metadata"].get("deletionTimestamp"):
            return
        finalizers = stored.body["metadata"].get("finalizers") or []
        dependents = sorted(self._dependents.get(uid, set()))
        if ORPHAN in finalizers:
            for storage, key in dependents:
                dependent = self._registry.catalogue.of_storage(storage)
                if dependent is not None:
                    self._registry.modify(dependent, key, lambda body: _drop_owner(body, uid))
            self._registry.modify(resource, place[1], lambda body: _drop_finalizer(body, ORPHAN))
        elif FOREGROUND in finalizers:
            blocking = [one for one in dependents if self._blocks(one, uid)]
            if not blocking:
                self._registry.modify(resource, place[1], lambda body: _drop_finalizer(body, FOREGROUND))
                return
            for one in dependents:
                self._check(one)

    def _exists(self, reference: Body, dependent: Key) -> bool:
        place = self._known.get(reference["uid"])
        if place is None:
            return False
        stored = self._registry.store.get(*place)
        return stored is not None and place[1][0] in ("", dependent[0])

    def _ends_in_foreground(self, uid: str) -> bool:
        place = self._known.get(uid)
        stored = None if place is None else self._registry.store.get(*place)
        if stored is None:
            return False
        meta = stored.body["metadata"]
        return bool(meta.get("deletionTimestamp")) and FOREGROUND in (meta.get("finalizers") or [])

    def _blocks(self, place: Place, uid: str) -> bool:
        stored = self._registry.store.get(*place)
        if stored is None:
            return False
        references = stored.body["metadata"].get("ownerReferences") or []
        return any(one["uid"] == uid and one.get("blockOwnerDeletion") for one in references)


def _owners(stored: Stored | None) -> set[str]:
    if stored is None:
        return set()
    return {one["uid"] for one in stored.body["metadata"].get("ownerReferences") or []}


def _keep_owners(body: Body, uids: set[str]) -> None:
    kept = [one for one in body["metadata"].get("ownerReferences") or [] if one["uid"] in uids]
    body["metadata"]["ownerReferences"] = kept
    if not kept:
        del body["metadata"]["ownerReferences"]


def _drop_owner(body: Body, uid: str) -> None:
    _keep_owners(body, {one["uid"] for one in body["metadata"].get("ownerReferences") or []} - {uid})


def _drop_finalizer(body: Body, name: str) -> None:
    kept = [one for one in body["metadata"].get("finalizers") or [] if one != name]
    body["metadata"]["finalizers"] = kept
    if not kept:
        del body["metadata"]["finalizers"]
