"""The delete verbs: preconditions, grace, finalizers, propagation."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from . import errors
from .catalogue import Resource
from .listing import Page, page
from .metadata import timestamp
from .options import DeleteOptions, ListOptions
from .store import Body, Key, Stored, pending

if TYPE_CHECKING:
    from .registry import Registry

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
# Kinds whose dependents stay when a delete says nothing about them.
_KEPT_NAMESPACES = ("default", "kube-system", "kube-public")
_ORPHANING = ("jobs.batch", "replicationcontrollers")


def delete(
    registry: Registry, resource: Resource, namespace: str, name: str, options: DeleteOptions
) -> tuple[Any, int]:
    """What to answer: the object while something holds it back, else a Status (or the last state of the object)."""
    if resource.id == "namespaces" and name in _KEPT_NAMESPACES:
        raise errors.forbidden("namespaces", "", name, "this namespace may not be deleted")
    stored = registry.get(resource, namespace, name)
    key = (namespace if resource.namespaced else "", name)
    last = delete_stored(registry, resource, key, stored, options)
    gone_now = options.dry_run or registry.store.get(resource.storage, key) is None
    if gone_now and not registry.kind(resource).returns_deleted:
        return _success(resource, stored), 200
    return registry.shown(resource, last).body, 200


def delete_collection(
    registry: Registry, resource: Resource, namespace: str, which: ListOptions, options: DeleteOptions
) -> Page:
    """Delete what is listed; returns the list."""
    found = page(registry.store, resource, namespace, which)
    for stored in found.items:
        meta = stored.body["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        if registry.store.get(resource.storage, key) is not None:
            delete_stored(registry, resource, key, stored, options)
    return found


def delete_stored(registry: Registry, resource: Resource, key: Key, stored: Stored, options: DeleteOptions) -> Stored:
    """Delete, or mark as being deleted; returns the last state."""
    meta = stored.body["metadata"]
    for name, wanted, field in (
        ("UID", options.uid, "uid"),
        ("ResourceVersion", options.resource_version, "resourceVersion"),
    ):
        if wanted and wanted != meta[field]:
            why = f"Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {meta[field]}"
            raise errors.conflict(resource.plural, resource.group, key[1], why)
    body = stored.copy()
    _set_finalizers(resource, body, options)
    grace = _grace(resource, body, options)
    if not pending(body) and not grace:
        if options.dry_run:
            return stored
        return registry.remove(resource, key)
    now = registry.clock.wall()
    ours = body["metadata"]
    if not ours.get("deletionTimestamp"):
        ours["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace))
        if "generation" in ours:
            ours["generation"] += 1
    elif grace < ours.get("deletionGracePeriodSeconds", 0):
        ours["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace))
    else:
        grace = ours.get("deletionGracePeriodSeconds", 0)
    ours["deletionGracePeriodSeconds"] = grace
    if resource.id == "namespaces":
        body.setdefault("status", {})["phase"] = "Terminating"
    if options.dry_run or body == stored.body:
        return Stored(body, stored.raw, stored.revision)
    new = registry.store.put(resource.storage, key, body)
    registry.kind(resource).updated(new, stored, key, registry)
    if not pending(body) and registry.store.get(resource.storage, key) is new:
        return registry.remove(resource, key)
    return new


def _set_finalizers(resource: Resource, body: Body, options: DeleteOptions) -> None:
    """The garbage collector's own finalizers, as the propagation policy wants them."""
    meta = body["metadata"]
    policy = options.propagation
    if not policy and resource.id in _ORPHANING and not meta.get("deletionTimestamp"):
        policy = "Orphan"
        if resource.id == "jobs.batch":
            options.warnings.append(
                "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove "
                "them or set propagationPolicy=Orphan to suppress this warning"
            )
    if not policy:
        return
    kept = [one for one in meta.get("finalizers") or [] if one not in (ORPHAN, FOREGROUND)]
    own = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy, [])
    meta["finalizers"] = kept + own
    if not meta["finalizers"]:
        del meta["finalizers"]


def _grace(resource: Resource, body: Body, options: DeleteOptions) -> int:
    """Seconds that a pod has to end; nothing else has any."""
    if resource.id != "pods" or not body.get("spec", {}).get("nodeName"):
        return 0
    if body.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if options.grace_seconds is not None:
        return max(0, options.grace_seconds)
    return int(body["spec"].get("terminationGracePeriodSeconds", 30))


def _success(resource: Resource, stored: Stored) -> Body:
    details = {"name": stored.body["metadata"]["name"]}
    if resource.group:
        details["group"] = resource.group
    details |= {"kind": resource.plural, "uid": stored.body["metadata"]["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
