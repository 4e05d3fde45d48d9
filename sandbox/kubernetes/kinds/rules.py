"""Rules in CEL (``x-kubernetes-validations``) of custom resources.

The functions that Kubernetes adds to CEL are there as far as ``_FUNCTIONS`` goes; a rule that needs another one is not
enforced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from ..errors import Cause, bad_value, required
from ..quantities import parse
from .base import Body

_UNKNOWN_FUNCTION = "Undefined variable or function"
_REASONS = ("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate")
_OLD = re.compile(r"\boldSelf\b")


def _is_quantity(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and (parts.netloc or parts.path.startswith("/")))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "isQuantity": _is_quantity,
    "isURL": _is_url,
    "indexOf": lambda value, part: value.index(part) if part in value else -1,
    "join": lambda items, separator="": separator.join(items),
    "lowerAscii": str.lower,
    "replace": str.replace,
    "split": str.split,
    "substring": lambda text, start, end=None: text[start:end],
    "sum": sum,
    "trim": str.strip,
    "upperAscii": str.upper,
}


def rule_problems(schema: Body, where: str) -> list[Cause]:
    """Rules that are no CEL."""
    causes = []
    for path, rule in _all_rules(schema, where):
        if not rule.get("rule", "").strip():
            causes.append(required(f"{path}.rule", "rule is not specified"))
            continue
        try:
            _program(rule["rule"])
        except Exception as error:
            causes.append(bad_value(f"{path}.rule", rule["rule"], f"compilation failed: {error}"))
    return causes


def has_rules(schema: Body) -> bool:
    """Whether there is anything to evaluate."""
    return next(_all_rules(schema, ""), None) is not None


def broken_rules(schema: Body, value: Any, old: Any, path: str = "") -> list[Cause]:
    """What a value breaks; rules about ``oldSelf`` hold for updates alone (``old`` is None in a create)."""
    causes = []
    for rule in schema.get("x-kubernetes-validations") or []:
        if _OLD.search(rule["rule"]) and old is None:
            continue
        cause = _broken(rule, schema, value, old, path)
        if cause is not None:
            causes.append(cause)
    if isinstance(value, dict):
        extra = schema.get("additionalProperties")
        for name, child in value.items():
            below = (schema.get("properties") or {}).get(name) or (extra if isinstance(extra, dict) else None)
            if below is not None and child is not None:
                before = old.get(name) if isinstance(old, dict) else None
                causes += broken_rules(below, child, before, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            before = _same_item(schema, item, old)
            causes += broken_rules(schema["items"], item, before, f"{path}[{index}]")
    return causes


def _broken(rule: Body, schema: Body, value: Any, old: Any, path: str) -> Cause | None:
    context = {"self": _typed(schema, value), "oldSelf": _typed(schema, old)}
    try:
        if _evaluate(rule["rule"], context) is True:
            return None
        message = rule.get("message") or f"failed rule: {rule['rule'].strip()}"
        if rule.get("messageExpression"):
            message = str(_evaluate(rule["messageExpression"], context))
    except Exception as error:
        if _UNKNOWN_FUNCTION in str(error):
            return None
        message = f"rule evaluation error: {error}"
    reason = rule.get("reason", _REASONS[0])
    field = path + (rule.get("fieldPath") or "")
    shown = f'Invalid value: "{schema.get("type", "")}": {message}'
    if reason == "FieldValueForbidden":
        shown = f"Forbidden: {message}"
    elif reason == "FieldValueRequired":
        shown = f"Required value: {message}"
    return Cause(reason if reason in _REASONS else _REASONS[0], shown, field.lstrip("."))


def _evaluate(expression: str, values: dict[str, Any]) -> Any:
    import cel  # only clusters with such rules need it

    return _program(expression).execute(cel.Context(variables=values, functions=_FUNCTIONS))


@lru_cache(maxsize=1024)
def _program(expression: str) -> Any:
    import cel

    return cel.compile(expression)


def _typed(schema: Body, value: Any) -> Any:
    """CEL tells doubles from integers: a number of the schema is a double even when it is written without a point."""
    if isinstance(value, dict):
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        free = extra if isinstance(extra, dict) else {}
        return {name: _typed(properties.get(name, free), child) for name, child in value.items()}
    if isinstance(value, list):
        return [_typed(schema.get("items") or {}, item) for item in value]
    if schema.get("type") == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _same_item(schema: Body, item: Any, old: Any) -> Any:
    """The old item with the same keys; lists that are not maps have none."""
    keys = schema.get("x-kubernetes-list-map-keys") or []
    if not keys or not isinstance(old, list) or not isinstance(item, dict):
        return None
    return next((one for one in old if all(one.get(key) == item.get(key) for key in keys)), None)


def _all_rules(schema: Body, where: str) -> Iterator[tuple[str, Body]]:
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or []):
        yield f"{where}.x-kubernetes-validations[{index}]", rule
    for name, below in (schema.get("properties") or {}).items():
        yield from _all_rules(below, f"{where}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _all_rules(schema[name], f"{where}.{name}")
