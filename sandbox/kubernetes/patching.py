"""The patch verb: which patch, on what, and what comes of it."""

from __future__ import annotations

import json

from . import errors
from .catalogue import Resource
from .decoding import parse_body
from .fieldsets import EMPTY, FieldSet, ambiguities, field_set
from .managers import plan_apply
from .options import WriteOptions
from .patches import (
    APPLY_PATCH,
    BUILT_IN,
    CUSTOM,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    json_patch,
    merge_patch,
    strategic_patch,
)
from .registry import Body, Registry
from .requests import RequestInfo
from .store import Stored, dump
from .subresources import scale_of, write_scale

_KUBECTL = "kubectl"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def patch(
    registry: Registry, resource: Resource, info: RequestInfo, media: str, data: bytes, options: WriteOptions
) -> tuple[Stored, int]:
    """The patched object and the HTTP status."""
    accepted = BUILT_IN if resource.custom is None else CUSTOM
    if media not in accepted:
        raise errors.unsupported_media(accepted)
    if media == APPLY_PATCH:
        return _apply(registry, resource, info, data, options)
    if options.force:
        cause = errors.not_allowed("force", "may not be specified for non-apply patch")
        raise errors.invalid("PatchOptions", "meta.k8s.io", "", [cause])
    given, repeated = parse_body(data)
    old = registry.get(resource, info.namespace, info.name)
    body = scale_of(resource, old.body) if options.subresource == "scale" else old.copy()
    if media == JSON_PATCH:
        patched = json_patch(body, given)
    elif media == MERGE_PATCH:
        patched = merge_patch(body, given)
    elif media == STRATEGIC_PATCH:
        patched = strategic_patch(resource.schema, body, given)
        # This patch is laid over an object whose type is known: what it says of the type is not looked at.
        patched |= {"apiVersion": body["apiVersion"], "kind": body["kind"]}
    if options.subresource == "scale":
        return write_scale(registry, resource, old, patched, options), 200
    decoded = registry.decode(resource, patched, options, repeated)
    return registry.update(resource, old, decoded, options), 200


def _apply(
    registry: Registry, resource: Resource, info: RequestInfo, data: bytes, options: WriteOptions
) -> tuple[Stored, int]:
    options.operation = "Apply"
    if not options.named:
        cause = errors.required("fieldManager", "is required for apply patch")
        raise errors.invalid("PatchOptions", "meta.k8s.io", "", [cause])
    config = _configuration(registry, resource, info, data, options)
    stored = registry.find(resource, info.namespace, info.name)
    if stored is None and options.subresource:
        raise errors.not_found(resource.plural, resource.group, info.name)
    live = None if stored is None else registry.shown(resource, stored).copy()
    if config["metadata"].get("uid") and live is None:
        uid = config["metadata"]["uid"]
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise errors.conflict(resource.plural, resource.group, info.name, why)
    allowed = EMPTY
    if live is not None and options.manager == _KUBECTL:
        allowed = _client_side_applied(resource, live, config)
    plan = plan_apply(resource, live, config, options, registry.clock.wall(), allowed)
    if stored is None:
        return registry.create(resource, info.namespace, plan.merged, options, plan), 201
    return registry.update(resource, stored, plan.merged, options, plan), 200


def _configuration(
    registry: Registry, resource: Resource, info: RequestInfo, data: bytes, options: WriteOptions
) -> Body:
    given, repeated = parse_body(data, "application/yaml")
    if not isinstance(given, dict):
        raise errors.bad_request(f"error decoding YAML: expected an object, got {type(given).__name__}")
    for name in ("apiVersion", "kind"):
        if not given.get(name):
            raise errors.bad_request(f"Object '{name[0].upper() + name[1:]}' is missing in the applied configuration")
    if (given.get("metadata") or {}).get("managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    validation, options.validation = (
        options.validation,
        "Warn" if options.validation == "Ignore" else options.validation,
    )
    seen = len(options.warnings)
    config = registry.decode(resource, given, options, repeated)
    options.validation = validation
    unknown = [text.split('"')[1] for text in options.warnings[seen:] if text.startswith("unknown field")]
    del options.warnings[seen:]
    if unknown and resource.custom is None:
        fields = ", ".join(f".{path}: field not declared in schema" for path in unknown)
        raise _untyped(info, resource, fields)
    ambiguous = list(ambiguities(resource.schema, config))
    if ambiguous:
        raise _untyped(info, resource, ", ".join(ambiguous))
    config["metadata"].setdefault("name", info.name)
    if config["metadata"]["name"] != info.name:
        raise errors.bad_request(
            f"the name of the object ({config['metadata']['name']}) does not match the name on the URL ({info.name})"
        )
    return config


def _untyped(info: RequestInfo, resource: Resource, why: str) -> errors.ApiError:
    where = f"{info.namespace}/{info.name}; {resource.api_version}, Kind={resource.kind}"
    return errors.ApiError(500, "", f"failed to create typed patch object ({where}): {why}")


def _client_side_applied(resource: Resource, live: Body, config: Body) -> FieldSet:
    """What ``kubectl apply`` without --server-side wrote: its successor may overwrite it.

    The annotation that it kept is brought up to date in ``config``, as long as there is one.
    """
    text = (live["metadata"].get("annotations") or {}).get(_LAST_APPLIED)
    if not text:
        return EMPTY
    try:
        fields = field_set(resource.schema, json.loads(text))
    except (ValueError, AttributeError):
        return EMPTY
    applied = dump(config).decode() + "\n"
    config["metadata"].setdefault("annotations", {})[_LAST_APPLIED] = applied
    return fields | {("f:metadata", "f:annotations", f"f:{_LAST_APPLIED}")}
