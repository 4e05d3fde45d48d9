"""The verbs that all kinds of compute share."""

from __future__ import annotations

import re

from .. import quotas
from ..calls import HANDLERS, Call, handles
from ..catalog import REGIONS, all_zones
from ..errors import GoogleError, invalid_field, required_field
from ..fields import merge_patch
from ..listing import page, predicate
from ..render import writable
from ..state import PROJECT, Record, State, compute_time, fingerprint, number_id
from . import operations
from .kinds import KINDS, Data, Kind
from .links import link, relative, scope_name, scope_path

_NAME = re.compile(r"(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def not_found(path: str) -> GoogleError:
    """404 as compute words it."""
    return GoogleError(404, f"The resource '{path}' was not found")


def not_ready(path: str) -> GoogleError:
    """400 for an object that an operation still works on."""
    return GoogleError(400, f"The resource '{path}' is not ready", reason="resourceNotReady")


def scope_of(call: Call) -> str:
    """``projects/p/global``, ``…/regions/r`` or ``…/zones/z`` of a request; 400/404 for a place that does not exist."""
    base = f"projects/{PROJECT}"
    if "region" in call.path:
        region = call.path["region"]
        if region not in REGIONS:
            raise GoogleError(400, f"Invalid value for field 'region': '{region}'. Unknown region.", reason="invalid")
        return f"{base}/regions/{region}"
    if "zone" in call.path:
        zone = call.path["zone"]
        if zone not in all_zones():
            raise GoogleError(400, f"Invalid value for field 'zone': '{zone}'. Unknown zone.", reason="invalid")
        return f"{base}/zones/{zone}"
    return f"{base}/global"


def target(call: Call, kind: Kind) -> tuple[str, Record]:
    """Path and record of the object that a request names; 404 when there is none."""
    known = ("project", "region", "zone")
    name = next(value for key, value in call.path.items() if key not in known)
    path = f"{scope_of(call)}/{kind.segment}/{name}"
    record = call.state.compute.get(path)
    if record is None:
        raise not_found(path)
    return path, record


def must_exist(state: State, path: str) -> Record:
    """The referenced object; 404 when it is missing, 400 when it is still being made."""
    record = state.compute.get(path)
    if record is None:
        raise not_found(path)
    if not record.ready:
        raise not_ready(path)
    return record


def view(state: State, kind: Kind, path: str, record: Record) -> Data:
    """The object as a read prints it."""
    data = dict(record.data)
    if kind.view is not None:
        data.update(kind.view(state, path, record))
    return data


def check_labels(labels: dict[str, str]) -> None:
    """Labels must be lower case; compute's words for the others."""
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            why = "Label keys and values must match the regex [a-z0-9_-]{0,63}, keys must start with a letter."
            raise invalid_field("resource.labels", f"{key}: {value}", why)


def add(state: State, kind: Kind, path: str, data: Data, owner: str | None = None) -> Record:
    """Put an object into the project as the server would print it."""
    data.update(kind=kind.kind, id=number_id(), creationTimestamp=compute_time(state.wall()), selfLink=link(path))
    if kind.scope != "global":
        data[kind.scope] = link(scope_path(path))
    record = Record(data, owner=owner)
    state.compute[path] = record
    return record


def insert(call: Call, kind: Kind) -> Data:
    """Create an object."""
    begun = operations.repeated(call)
    if begun is not None:
        return begun
    body = writable(call.document, kind.schema, call.body)
    name = body.get("name")
    if not name:
        raise required_field("resource.name")
    if not _NAME.fullmatch(name):
        raise invalid_field("resource.name", name, f"Must be a match of regex '{_NAME.pattern}'")
    path = f"{scope_of(call)}/{kind.segment}/{name}"
    if path in call.state.compute:
        raise GoogleError(409, f"The resource '{path}' already exists", reason="alreadyExists")
    _resolve(call, kind, body)
    check_labels(body.get("labels", {}))
    quotas.require(call.state, kind.segment)
    kind.fill(call, path, body)
    record = add(call.state, kind, path, body)
    if kind.needs_fingerprint:
        record.data["fingerprint"] = fingerprint(record.data)

    def undo() -> None:
        call.state.compute.pop(path, None)
        kind.gone(call.state, path, record.data)

    def effect() -> None:
        kind.created(call.state, path)

    return operations.start(call, path, "insert", kind.duration("insert"), record=record, effect=effect, undo=undo)


def _resolve(call: Call, kind: Kind, body: Data) -> None:
    """Turn the references of a body into URLs; what they name must exist."""
    for name, collection in kind.references.items():
        if name in body:
            path = relative(body[name], f"resource.{name}", collection)
            must_exist(call.state, path)
            body[name] = link(path)
    if kind.scope != "global" and kind.scope in body:
        place = call.path[kind.scope]
        if body[kind.scope].rstrip("/").rpartition("/")[2] != place:
            raise invalid_field(
                f"resource.{kind.scope}", body[kind.scope], f"The {kind.scope} does not match the URL: '{place}'."
            )
        del body[kind.scope]


def get(call: Call, kind: Kind) -> Data:
    """Read an object."""
    path, record = target(call, kind)
    return view(call.state, kind, path, record)


def change(call: Call, kind: Kind, replace: bool) -> Data:
    """PATCH (merge) or PUT (replace) an object; the change is seen when its operation ends."""
    path, record = target(call, kind)
    if not record.ready:
        raise not_ready(path)
    body = writable(call.document, kind.schema, call.patch)
    _check_fingerprint(kind, record, body)
    for name, collection in kind.references.items():
        if body.get(name):
            body[name] = link(relative(body[name], f"resource.{name}", collection))
    if kind.scope in body:
        del body[kind.scope]
    old = record.data
    new = merge_patch(old, body)
    if replace:
        for name in kind.patchable - set(body):
            new.pop(name, None)
    for name in body:
        if name not in kind.patchable and new.get(name) != old.get(name) and name != "fingerprint":
            raise invalid_field(
                f"resource.{name}", body[name], f"The {name} of a {kind.noun} cannot be changed after creation."
            )
    check_labels(new.get("labels") or {})
    kind.changed(call, path, old, new)
    if kind.needs_fingerprint:
        new["fingerprint"] = fingerprint({k: v for k, v in new.items() if k != "fingerprint"})

    def effect() -> None:
        record.data = new
        kind.created(call.state, path)

    word = "update" if replace else kind.patch_operation(body)
    return operations.start(call, path, word, kind.duration("update"), record=record, effect=effect)


def _check_fingerprint(kind: Kind, record: Record, body: Data) -> None:
    if not kind.needs_fingerprint:
        return
    if body.pop("fingerprint", None) != record.data.get("fingerprint"):
        raise GoogleError(412, "Invalid fingerprint.", reason="conditionNotMet", location="If-Match")


def delete(call: Call, kind: Kind) -> Data:
    """Delete an object, if nothing uses it."""
    begun = operations.repeated(call)
    if begun is not None:
        return begun
    path, record = target(call, kind)
    if not record.ready:
        raise not_ready(path)
    user = kind.user(call.state, path)
    if user is not None and not kind.late_conflict:
        message = f"The {kind.noun} resource '{path}' is already being used by '{user}'"
        raise GoogleError(400, message, reason="resourceInUseByAnotherResource")

    def effect() -> Data | None:
        late = kind.user(call.state, path)
        if late is not None:
            return operations.in_use(kind.noun, path, late)
        call.state.compute.pop(path, None)
        kind.gone(call.state, path, record.data)
        return None

    return operations.start(call, path, "delete", kind.duration("delete"), record=record, effect=effect)


def set_labels(call: Call, kind: Kind) -> Data:
    """Replace the labels; the fingerprint must be the current one."""
    path, record = target(call, kind)
    if not record.ready:
        raise not_ready(path)
    labels = call.body.get("labels", {})
    check_labels(labels)
    if call.body.get("labelFingerprint") != record.data.get("labelFingerprint"):
        message = "Labels fingerprint either invalid or resource labels have changed"
        raise GoogleError(412, message, reason="conditionNotMet", location="If-Match")

    def effect() -> None:
        record.data.pop("labels", None)
        if labels:
            record.data["labels"] = labels
        record.data["labelFingerprint"] = fingerprint(labels)

    return operations.start(call, path, "setLabels", kind.duration("update"), record=record, effect=effect)


def listing(call: Call, kind: Kind) -> Data:
    """The objects of one scope."""
    scope = f"{scope_of(call)}/{kind.segment}"
    items, token = _page(call, kind, _below(call.state, scope + "/"))
    answer: Data = {"kind": f"{kind.kind}List", "id": scope, "selfLink": link(scope)}
    if items:
        answer["items"] = [item for _, item in items]
    if token:
        answer["nextPageToken"] = token
    return answer


def aggregated(call: Call, kind: Kind) -> Data:
    """The objects of all scopes."""
    members = [(p, r) for p, r in _below(call.state, f"projects/{PROJECT}/") if p.split("/")[-2] == kind.segment]
    items, token = _page(call, kind, members)
    scopes: dict[str, Data] = {}
    if not call.query.get("pageToken"):
        regional = [f"regions/{place}" for place in REGIONS]
        zonal = [f"zones/{place}" for place in all_zones()]
        places = regional + zonal if call.query.get("includeAllScopes") else zonal if kind.scope == "zone" else regional
        for scope in ("global", *places):
            scopes[scope] = {
                "warning": {
                    "code": "NO_RESULTS_ON_PAGE",
                    "message": f"There are no results for scope '{scope}' on this page.",
                    "data": [{"key": "scope", "value": scope}],
                }
            }
    for path, item in items:
        found = scopes.setdefault(scope_name(path), {})
        found.pop("warning", None)
        found.setdefault(kind.segment, []).append(item)
    scope = f"projects/{PROJECT}/aggregated/{kind.segment}"
    answer: Data = {"kind": f"{kind.kind}AggregatedList", "id": scope, "items": scopes, "selfLink": link(scope)}
    if token:
        answer["nextPageToken"] = token
    return answer


def _below(state: State, prefix: str) -> list[tuple[str, Record]]:
    return [(path, record) for path, record in state.compute.items() if path.startswith(prefix)]


def _page(call: Call, kind: Kind, members: list[tuple[str, Record]]) -> tuple[list[tuple[str, Data]], str | None]:
    test = predicate(call.query.get("filter"))
    shown = [(path, view(call.state, kind, path, record)) for path, record in members]
    shown = [(path, item) for path, item in shown if test(item)]
    if call.query.get("orderBy") == "creationTimestamp desc":
        shown.sort(key=lambda pair: pair[1]["creationTimestamp"], reverse=True)
    else:
        shown.sort(key=lambda pair: pair[1]["name"])
    return page(shown, call.query.get("maxResults"), call.query.get("pageToken"))


def allowed(call: Call, kind: Kind) -> Data:  # shape of all verbs
    """The account may do everything."""
    return {"permissions": call.body.get("permissions", [])}


_VERBS = {
    "insert": insert,
    "get": get,
    "list": listing,
    "aggregatedList": aggregated,
    "patch": lambda call, kind: change(call, kind, replace=False),
    "update": lambda call, kind: change(call, kind, replace=True),
    "delete": delete,
    "setLabels": set_labels,
    "testIamPermissions": allowed,
}


def register_verbs() -> None:
    """Make handlers of the shared verbs of every kind in the table."""
    for kind in KINDS.values():
        for verb, function in _VERBS.items():
            method = f"compute.{kind.collection}.{verb}"
            if method not in HANDLERS:
                handles(method)(lambda call, function=function, kind=kind: function(call, kind))  # type: ignore[misc]
