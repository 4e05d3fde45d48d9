"""Replays recorded traffic of the real Google Cloud against the emulated project.

The recordings have placeholders for names; several objects may share one (``${addressID}``). ``Names`` finds out from
the course of the traffic which object is meant. What the recorder normalised away (operation names, fingerprints,
etags) is taken from the emulator's own answers.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.sandbox.gcp_support import NUMBER, PROJECT, Project

_PLACEHOLDER = re.compile(r"\$\{(\w+ID)\}")
_FIXED = {
    "${projectId}": PROJECT,
    "${projectNumber}": NUMBER,
    "project-${uniqueId}": PROJECT,
    "${uniqueId}": "x7q",
    "${organizationID}": "123456789",
}
# Values that the recorder replaced: the emulator's own are sent instead.
_OWN = ("labelFingerprint", "fingerprint", "etag", "resourceVersion", "settingsVersion", "maintenanceVersion")
# Times that were in the future when they were recorded.
_FUTURE = ("expireTime", "nextRotationTime")
# Collections whose objects have placeholders in paths, but may be spelt out in bodies.
_COLLECTIONS = {"networks": "networkID", "subnetworks": "subnetworkID"}
_PATIENCE = 60.0


@dataclass(frozen=True)
class Exchange:
    """One recorded request with its answer."""

    method: str
    url: str
    body: Any
    status: int
    answer: Any

    @property
    def api(self) -> str:
        """``compute`` of ``https://compute.googleapis.com/…``."""
        return (urlsplit(self.url).hostname or "").partition(".")[0]

    @property
    def path(self) -> str:
        """The path without a leading slash, placeholders and percent-encoding in place."""
        return self.url.split("?")[0].partition("googleapis.com/")[2]

    @property
    def query(self) -> dict[str, str]:
        """Query parameters, decoded."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


def load(file: Path) -> list[Exchange]:
    """All exchanges of one recording."""
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        Exchange(row["method"], row["url"], row["request_body"], row["status"], row["response_body"]) for row in rows
    ]


class Names:
    """Real names for placeholders; those of one kind are numbered in the order of their creation."""

    def __init__(self) -> None:
        self._existing: dict[str, list[str]] = {}
        self._next: dict[str, int] = {}
        self._literal: dict[str, str] = {}

    def fresh(self, word: str) -> None:
        """The next object of this kind is spoken of (it was asked for and not found)."""
        if word not in self._next or self._current(word) in self._existing.get(word, []):
            self._next[word] = self._next.get(word, 0) + 1

    def preexisting(self, word: str) -> None:
        """The object was there before the recording began: the default network and its parts."""
        self._existing[word] = ["default"]

    def known(self, word: str) -> bool:
        """Whether an object of this kind has been spoken of."""
        return bool(self._existing.get(word)) or word in self._next

    def created(self, word: str, literal: str = "") -> None:
        """The current object exists now; ``literal`` is its name where the recording spells it in bodies."""
        name = self._current(word)
        if literal:
            self._literal[name] = literal
        if name not in self._existing.setdefault(word, []):
            self._existing[word].append(name)

    def deleted(self, word: str) -> None:
        """The current object is gone; the one before it is spoken of again."""
        if self._existing.get(word):
            self._existing[word].pop()
            self._next[word] = 0

    def speak_of(self, word: str, number: int) -> None:
        """The ``number``-th object of this kind (from 1) is meant from here on."""
        self._next[word] = number

    def _current(self, word: str) -> str:
        return f"{word.lower().replace('id', '')}-{self._next.get(word, 0)}"

    def name(self, word: str, index: int | None = None) -> str:
        """The object that is spoken of; ``index`` counts within a list."""
        existing = self._existing.get(word, [])
        found = self._current(word)
        if index is not None and index < len(existing):
            found = existing[index]
        elif not self._next.get(word) and existing:
            found = existing[-1]
        return self._literal.get(found, found)

    def fill(self, value: Any, index: int | None = None) -> Any:
        """A recorded value with all placeholders filled in."""
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            several = len(value) > 1
            return [self.fill(item, number if several else None) for number, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        for placeholder, text in _FIXED.items():
            value = value.replace(placeholder, text)
        return _PLACEHOLDER.sub(lambda found: self.name(found[1], index), value)


@dataclass
class Replay:
    """One recording on one project; ``problems`` collects where the emulator answers otherwise."""

    project: Project
    names: Names = field(default_factory=Names)
    problems: list[str] = field(default_factory=list)
    compared: int = 0
    _operation: str = ""
    _own: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(self, number: int, exchange: Exchange) -> None:
        """Send one request and compare the answers."""
        self._before(exchange)
        path = unquote(self.names.fill(exchange.path.replace("${operationID}", self._operation)))
        query = {key: self.names.fill(value) for key, value in exchange.query.items()}
        body = _in_future(self._with_own_values(self.names.fill(exchange.body), path))
        status, answer = self.project.call(exchange.method, exchange.api, path, body, **query)
        deadline = time.monotonic() + _PATIENCE
        polling = exchange.method == "GET" and _over(exchange.answer)
        while polling and status == 200 and not _over(answer) and time.monotonic() < deadline:
            # Work of a real server behind an instance takes its time even in the instant profile.
            time.sleep(0.05)
            status, answer = self.project.call(exchange.method, exchange.api, path, body, **query)
        self._after(exchange, status, answer, path)
        self.compared += 1
        where = f"[{number}] {exchange.method} {path}"
        if status != exchange.status:
            self.problems.append(f"{where}: status {status}, recorded {exchange.status}: {json.dumps(answer)[:300]}")
            return
        mine = dict(shape(answer))
        for place, kind in shape(self.names.fill(exchange.answer)):
            if mine.get(place) != kind:
                self.problems.append(f"{where}: {place}: {mine.get(place, 'absent')}, recorded {kind}")

    def _before(self, exchange: Exchange) -> None:
        word = _named(exchange.path)
        if word is None:
            return
        if exchange.method == "GET" and exchange.status == 404:
            self.names.fresh(word)
        elif exchange.method == "GET" and exchange.status == 200 and not self.names.known(word):
            self.names.preexisting(word)

    def _after(self, exchange: Exchange, status: int, answer: dict[str, Any], path: str) -> None:
        if status < 300:
            if exchange.method == "POST" and isinstance(exchange.body, dict):
                found = _PLACEHOLDER.fullmatch(str(exchange.body.get("name", "")))
                collection = _COLLECTIONS.get(path.rpartition("/")[2])
                if found:
                    self.names.created(found[1])
                elif collection and self.names.known(collection):
                    self.names.created(collection, self.names.fill(exchange.body["name"]))
            word = _named(exchange.path)
            if exchange.method == "DELETE" and word and not _failed(self._operation_error(answer)):
                self.names.deleted(word)
        kind = answer.get("kind")
        if "operation" in json.dumps(answer.get("name", "")) or kind in ("compute#operation", "sql#operation"):
            self._operation = str(answer["name"]).rpartition("/")[2]
        elif status == 200:
            self._own[_stem(path)] = answer

    def _operation_error(self, answer: dict[str, Any]) -> dict[str, Any]:
        if answer.get("kind") != "compute#operation":
            return {}
        return self.project.operation(answer)

    def _with_own_values(self, body: Any, path: str) -> Any:
        own = self._own.get(_stem(path), {})
        known = {key: value for key, value in _deep(own) if key in _OWN}

        def replace(value: Any) -> Any:
            if isinstance(value, dict):
                return {
                    key: known.get(key, item) if key in _OWN else replace(item)
                    for key, item in value.items()
                    if key not in _OWN or key in known
                }
            return [replace(item) for item in value] if isinstance(value, list) else value

        return replace(body)


def _over(answer: Any) -> bool:
    """Whether an answer is that of a finished operation."""
    if not isinstance(answer, dict):
        return False
    return answer.get("done") is True or (answer.get("kind") == "sql#operation" and answer.get("status") == "DONE")


def _in_future(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "2099-01-01T00:00:00Z" if key in _FUTURE else _in_future(item) for key, item in value.items()}
    return [_in_future(item) for item in value] if isinstance(value, list) else value


def _failed(operation: dict[str, Any]) -> bool:
    return "error" in operation


def _named(path: str) -> str | None:
    """The placeholder that names the object of a path."""
    found = _PLACEHOLDER.search(path.rpartition("/")[2])
    if found is None or found[1] == "operationID":
        parent = path.rpartition("/")[0].rpartition("/")[2]
        found = _PLACEHOLDER.fullmatch(parent) if "/" in path else None
    return found[1] if found and found[1] != "operationID" else None


def _stem(path: str) -> str:
    """The object that a path is about, without verbs behind it."""
    stem = path.partition(":")[0]
    return re.sub(r"/(setLabels|setPrivateIpGoogleAccess|expandIpCidrRange)$", "", stem)


def _deep(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            # Own values of nested node pools are not those of the cluster.
            if key != "nodePools":
                yield from _deep(item)
            yield key, item


def shape(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every path of a JSON value with the type that stands there."""
    if isinstance(value, dict):
        yield place, "object"
        for key, item in value.items():
            yield from shape(item, f"{place}.{key}")
    elif isinstance(value, list):
        yield place, "list"
        for item in value[:1]:
            yield from shape(item, f"{place}[]")
    elif isinstance(value, bool):
        yield place, "boolean"
    elif isinstance(value, (int, float)):
        yield place, "number"
    elif value is not None:
        yield place, "string"
