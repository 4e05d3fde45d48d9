"""Who owns which field: keeps ``metadata.managedFields`` through updates, patches and applies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .catalogue import Resource
from .errors import ApiError, Cause
from .fieldsets import (
    EMPTY,
    Comparison,
    FieldSet,
    Path,
    dotted,
    field_set,
    from_fields_v1,
    merge,
    to_fields_v1,
    with_parents,
    without,
)
from .metadata import timestamp
from .options import WriteOptions

Body = dict[str, Any]
BEFORE_FIRST_APPLY = "before-first-apply"
_STRIPPED = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",)]
    + [
        ("f:metadata", f"f:{name}")
        for name in [
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
        ]
    ]
)


@dataclass(frozen=True)
class Owner:
    """One entry of managedFields, without its fields."""

    manager: str
    operation: str
    subresource: str
    api_version: str
    time: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells entries apart."""
        return self.manager, self.operation, self.subresource

    def __str__(self) -> str:
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation != "Update":
            return text
        return f"{text} using {self.api_version}" + (f" at {self.time}" if self.time else "")


Owned = dict[Owner, FieldSet]


def owned_fields(body: Body | None) -> Owned:
    """The entries of an object."""
    found: Owned = {}
    for entry in (body or {}).get("metadata", {}).get("managedFields") or []:
        owner = Owner(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("subresource", ""),
            entry.get("apiVersion", ""),
            entry.get("time", ""),
        )
        found[owner] = from_fields_v1(entry.get("fieldsV1") or {})
    return found


def entries(owned: Owned) -> list[Body]:
    """As ``metadata.managedFields``: applied ones first, then by time."""
    order = sorted(owned, key=lambda owner: (owner.operation != "Apply", owner.time, owner.manager))
    result = []
    for owner in order:
        entry: Body = {
            "manager": owner.manager,
            "operation": owner.operation,
            "apiVersion": owner.api_version,
            "time": owner.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(owned[owner]),
        }
        if owner.subresource:
            entry["subresource"] = owner.subresource
        result.append(entry)
    return result


def after_update(resource: Resource, old: Body | None, new: Body, options: WriteOptions, now: datetime) -> list[Body]:
    """managedFields after an update (or create): what was changed now belongs to who changed it."""
    if new["metadata"].get("managedFields") == [{}]:  # how a client asks to forget all owners
        return []
    owned = owned_fields(old)
    comparison = Comparison(resource.schema, old or {}, new)
    changed = frozenset((comparison.added | comparison.modified) - _STRIPPED)
    mine = Owner(options.manager, "Update", options.subresource, resource.api_version, timestamp(now))
    before = next((fields for owner, fields in owned.items() if owner.key == mine.key), EMPTY)
    rest = {owner: fields - comparison.removed - changed for owner, fields in owned.items()}
    return entries(_with(owned, rest, mine, (before - comparison.removed) | changed))


def after_apply(resource: Resource, old: Body | None, new: Body, plan: ApplyPlan, now: datetime) -> list[Body]:
    """managedFields after an apply: the configuration's fields belong to its manager, shared or taken by force."""
    comparison = Comparison(resource.schema, old or {}, new)
    mine = Owner(plan.manager, "Apply", plan.subresource, resource.api_version, timestamp(now))
    rest = {owner: fields - comparison.removed - plan.overruled for owner, fields in plan.owned.items()}
    return entries(_with(plan.owned, rest, mine, plan.fields))


def _with(before: Owned, rest: Owned, mine: Owner, fields: FieldSet) -> Owned:
    """``rest`` with ``mine`` in it, whose time moves only when its fields do."""
    result = {owner: kept for owner, kept in rest.items() if owner.key != mine.key and kept}
    for owner, previous in before.items():
        if owner.key == mine.key and previous == fields:
            mine = replace(mine, time=owner.time)
    if fields:
        result[mine] = fields
    return result


@dataclass
class ApplyPlan:
    """What an apply makes: the merged object, and what it does to ownership."""

    manager: str
    subresource: str
    owned: Owned
    fields: FieldSet
    merged: Body
    overruled: FieldSet = EMPTY


def plan_apply(
    resource: Resource,
    live: Body | None,
    config: Body,
    options: WriteOptions,
    now: datetime,
    allowed: FieldSet = EMPTY,
) -> ApplyPlan:
    """Merge ``config`` into ``live``, drop what its manager applied before and nobody else owns.

    ApiError 409 naming the other managers when fields that they own would change, unless forced or ``allowed``.
    """
    schema = resource.schema
    owned = owned_fields(live)
    if live is not None and not owned:
        unknown = Owner(BEFORE_FIRST_APPLY, "Update", "", resource.api_version, timestamp(now))
        owned = {unknown: field_set(schema, live) - _STRIPPED}
    fields = field_set(schema, config) - _STRIPPED
    if resource.has_status and not options.subresource:
        fields = frozenset(path for path in fields if path[0] != "f:status")
    key = (options.manager, "Apply", options.subresource)
    last = next((known for owner, known in owned.items() if owner.key == key), EMPTY)
    others = {owner: known for owner, known in owned.items() if owner.key != key}
    merged = merge(schema, live or {}, config)
    dropped = with_parents(last) - with_parents(fields)
    for known in others.values():
        dropped -= with_parents(known)
    merged = without(schema, merged, dropped)
    plan = ApplyPlan(options.manager, options.subresource, owned, fields, merged)
    if live is not None:
        comparison = Comparison(schema, live, merged)
        changed = comparison.added | comparison.modified
        conflicts = {owner: known & changed & fields for owner, known in others.items()}
        conflicts = {owner: paths for owner, paths in conflicts.items() if paths}
        if frozenset().union(*conflicts.values()) - allowed and not options.force:
            raise _conflict({owner: sorted(paths) for owner, paths in conflicts.items()})
        plan.overruled = frozenset().union(*conflicts.values())
    return plan


def _conflict(conflicts: dict[Owner, list[Path]]) -> ApiError:
    found = [(owner, path) for owner, paths in sorted(conflicts.items(), key=_by_text) for path in paths]
    causes = [Cause("FieldManagerConflict", f"conflict with {owner}", dotted(path)) for owner, path in found]
    if len(found) == 1:
        text = f"Apply failed with 1 conflict: conflict with {found[0][0]}: {dotted(found[0][1])}"
    else:
        parts = [
            f"conflicts with {owner}:\n" + "\n".join(f"- {dotted(path)}" for path in paths)
            for owner, paths in sorted(conflicts.items(), key=_by_text)
        ]
        text = f"Apply failed with {len(found)} conflicts: " + "\n".join(parts)
    return ApiError(409, "Conflict", text, {"causes": [cause.body() for cause in causes]})


def _by_text(item: tuple[Owner, list[Path]]) -> str:
    return str(item[0])
