"""Lists: filters and pages."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any

from .errors import GoogleError, invalid

_WORD = re.compile(
    r"\s*(\(|\)|AND\b|OR\b|NOT\b|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|"
    r"!=|<=|>=|[=<>:]|[^\s()=<>:!\"']+)"
)
_REGEX = re.compile(r"^\(?\s*([\w.\-]+)\s+(eq|ne)\s+(.*?)\s*\)?$", re.DOTALL)
Predicate = Callable[[dict[str, Any]], bool]


def predicate(text: str | None) -> Predicate:
    """A ``filter`` expression (AIP-160, or compute's ``field eq regex``); raises 400 for nonsense."""
    if not text or not text.strip():
        return lambda _: True
    found = _REGEX.match(text.strip())
    if found:
        return _regex(found[1], found[2], found[3])
    tokens = _tokens(text)
    result, rest = _any_of(tokens)
    if rest:
        raise _nonsense(text)
    return result


def _regex(path: str, operator: str, literal: str) -> Predicate:
    pattern = re.compile(literal.strip("\"'"))
    wanted = operator == "eq"

    def test(item: dict[str, Any]) -> bool:
        value = _value(item, path)
        return (pattern.fullmatch(_text(value)) is not None) is wanted

    return test


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _WORD.match(text, at)
        if found is None:
            raise _nonsense(text)
        tokens.append(found[1])
        at = found.end()
    return tokens


def _any_of(tokens: list[str]) -> tuple[Predicate, list[str]]:
    parts: list[Predicate] = []
    part, tokens = _all_of(tokens)
    parts.append(part)
    while tokens and tokens[0] == "OR":
        part, tokens = _all_of(tokens[1:])
        parts.append(part)
    return (lambda item: any(test(item) for test in parts)), tokens


def _all_of(tokens: list[str]) -> tuple[Predicate, list[str]]:
    parts: list[Predicate] = []
    while tokens and tokens[0] not in (")", "OR"):
        if tokens[0] == "AND":
            tokens = tokens[1:]
        part, tokens = _term(tokens)
        parts.append(part)
    return (lambda item: all(test(item) for test in parts)), tokens


def _term(tokens: list[str]) -> tuple[Predicate, list[str]]:
    if not tokens:
        raise _nonsense("")
    if tokens[0] == "NOT" or (tokens[0].startswith("-") and len(tokens[0]) > 1):
        rest = tokens[1:] if tokens[0] == "NOT" else [tokens[0][1:], *tokens[1:]]
        inner, rest = _term(rest)
        return (lambda item: not inner(item)), rest
    if tokens[0] == "(":
        inner, rest = _any_of(tokens[1:])
        if not rest or rest[0] != ")":
            raise _nonsense(" ".join(tokens))
        return inner, rest[1:]
    if len(tokens) < 3 or tokens[2] in ("(", ")") or tokens[1] not in ("=", "!=", ":", "<", "<=", ">", ">="):
        raise _nonsense(" ".join(tokens))
    return _comparison(tokens[0].strip("\"'"), tokens[1], tokens[2].strip("\"'")), tokens[3:]


def _comparison(path: str, operator: str, literal: str) -> Predicate:
    def test(item: dict[str, Any]) -> bool:
        value = _value(item, path)
        if operator == ":" and literal == "*":
            return value is not None
        if isinstance(value, list):
            return any(_compare(_text(part), operator, literal) for part in value)
        return _compare(_text(value), operator, literal)

    return test


def _compare(value: str, operator: str, literal: str) -> bool:
    if operator == ":":
        return literal.lower().rstrip("*") in value.lower()
    if operator in ("=", "!="):
        if literal.endswith("*"):
            return value.startswith(literal[:-1]) is (operator == "=")
        return (value == literal) is (operator == "=")
    try:
        left: Any = float(value)
        right: Any = float(literal)
    except ValueError:
        left, right = value, literal
    tests = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return bool(tests[operator])


def _value(item: dict[str, Any], path: str) -> Any:
    value: Any = item
    parts = path.split(".")
    for index, part in enumerate(parts):
        if not isinstance(value, dict):
            return None
        rest = ".".join(parts[index:])
        if rest in value:
            return value[rest]
        value = value.get(part)
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _nonsense(text: str) -> GoogleError:
    return invalid(f"Invalid list filter expression. {text}".strip())


def page(items: Iterable[Any], size: int | None, token: str | None, default: int = 500) -> tuple[list[Any], str | None]:
    """One page of items and the token of the next one."""
    everything = list(items)
    start = _start(token)
    count = size if size else default
    if count < 0:
        raise invalid("Invalid value for field 'pageSize': must not be negative.")
    rest = everything[start : start + count]
    more = start + count < len(everything)
    following = base64.urlsafe_b64encode(f"from:{start + count}".encode()).decode() if more else None
    return rest, following


def _start(token: str | None) -> int:
    if not token:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if word != "from":
            raise ValueError
        return int(number)
    except (ValueError, UnicodeError):
        raise invalid(f"Invalid value for page token: '{token}'.") from None
