# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frozen dataclasses are the specification; Ansible's argument spec is read off them, so the two cannot differ."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

S = TypeVar("S")

# For options that name a key, and are none: without this Ansible takes their value for a secret.
NOT_SECRET = {"no_log": False}


def argument_spec(cls: type) -> dict[str, dict[str, Any]]:
    """The Ansible argument spec of a dataclass.

    `X | None` is an optional X, `tuple[X, ...]` a list, `Literal` becomes choices, nested dataclasses become
    sub-options. A field without a default is required. `metadata` entries (no_log, type) are taken over. The option of
    a field whose name would be a word of Python (`as_`) has the name without the underscore.
    """
    hints = typing.get_type_hints(cls)
    return {_name(field): _option(field, hints[field.name]) for field in dataclasses.fields(cls)}


def build(cls: type[S], params: Mapping[str, Any] | None) -> S:
    """An instance from Ansible's params. Options that are None and unknown keys are left to the default."""
    hints = typing.get_type_hints(cls)
    values = {
        field.name: _value(hints[field.name], params[_name(field)])
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if params is not None and params.get(_name(field)) is not None
    }
    return cls(**values)


def as_dict(spec: Any) -> Any:
    """The specification as plain data, for the report; fields that no_log marks are left out."""
    if dataclasses.is_dataclass(spec) and not isinstance(spec, type):
        return {
            field.name: as_dict(getattr(spec, field.name))
            for field in dataclasses.fields(spec)
            if not field.metadata.get("no_log")
        }
    if isinstance(spec, (tuple, list)):
        return [as_dict(item) for item in spec]
    if isinstance(spec, Mapping):
        return {key: as_dict(item) for key, item in spec.items()}
    return spec


def _name(field: dataclasses.Field[Any]) -> str:
    return field.name.rstrip("_")


def _option(field: dataclasses.Field[Any], hint: Any) -> dict[str, Any]:
    option = {**_typed(_inner(hint)), **field.metadata}
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        option["required"] = True
    elif field.default is not dataclasses.MISSING and field.default is not None:
        option["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
    return option


def _typed(hint: Any) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if origin is Literal:
        return {"type": "str", "choices": list(typing.get_args(hint))}
    if origin is tuple:
        element = _typed(typing.get_args(hint)[0])
        listed = {"type": "list", "elements": element.pop("type")}
        return {**listed, **element}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return {"type": "dict", "options": argument_spec(hint)}
    if origin is dict or hint is dict:
        return {"type": "dict"}
    return {"type": {str: "str", int: "int", bool: "bool", float: "float"}[hint]}


def _inner(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(arm for arm in typing.get_args(hint) if arm is not type(None))
    return hint


def _value(hint: Any, value: Any) -> Any:
    hint = _inner(hint)
    if typing.get_origin(hint) is tuple:
        element = typing.get_args(hint)[0]
        return tuple(_value(element, item) for item in value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value)
    return value
