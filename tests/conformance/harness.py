"""Recorded traffic of the real clouds against the planner.

For every write of a managed kind whose effect was read back, two things must hold:

* no false drift: the body that was sent, planned against what the cloud then returned, is "no change";
* exact difference: the next body, planned against the state before it, names what really changed and nothing else.
  What really changed is told by the cloud: the members of the body whose value differs between the two reads.

Adapters (`tests.conformance.gcp`, `tests.conformance.azure`) export `ADAPTER` and know each cloud's URLs; nothing here
does. They import this module as `from tests.conformance.harness import ...`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from module_utils._engine.fields import Fields, Mode
from module_utils._engine.plan import Change, plan

ROOT = Path(__file__).parents[2]


def recordings() -> Path:
    """The folder of recorded traffic: `RECORDINGS`, or beside the checkout."""
    return Path(os.environ.get("RECORDINGS") or ROOT.parent / "shared" / "recordings")


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    method: str
    url: str
    request: Any
    status: int
    response: Any
    headers: dict[str, str]

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Write:
    """A write of a managed kind. identity: of the object, equal to that of its reads. desired: as our body would be."""

    kind: str
    fields: Fields
    identity: str
    desired: dict[str, Any]


@dataclass(frozen=True)
class Read:
    """A settled read (nothing under way). values: as our `read()` would give them."""

    identity: str
    values: dict[str, Any]


class Adapter(Protocol):
    """One cloud's URLs and bodies."""

    cloud: str

    def write(self, exchange: Exchange) -> Write | None:
        """The write, if it is one of a managed kind and carries a body; else None."""
        ...

    def read(self, exchange: Exchange) -> Read | None:
        """The read, if it shows one object of a managed kind in a settled state; else None."""
        ...


@dataclass
class Result:
    """What one file showed. failures: sentences."""

    cases: dict[str, list[int]] = field(default_factory=dict)  # kind -> [cases, passed]
    failures: list[str] = field(default_factory=list)

    def note(self, kind: str, problem: str) -> None:
        counts = self.cases.setdefault(kind, [0, 0])
        counts[0] += 1
        if problem:
            self.failures.append(f"{kind}: {problem}")
        else:
            counts[1] += 1


def load(path: Path) -> list[Exchange]:
    exchanges = []
    for line in path.read_text().splitlines():
        raw = json.loads(line)
        if "method" in raw:
            exchanges.append(
                Exchange(
                    raw["method"],
                    raw["url"],
                    raw.get("request_body"),
                    raw["status"],
                    raw.get("response_body"),
                    raw.get("response_headers") or {},
                )
            )
    return exchanges


def examine(exchanges: list[Exchange], adapter: Adapter) -> Result:
    """Every case of one recording."""
    result = Result()
    before: dict[str, Read] = {}
    pending: dict[str, Write] = {}
    operations: dict[str, Write] = {}
    for exchange in exchanges:
        write = adapter.write(exchange) if exchange.accepted else None
        failed = operations.get(exchange.url) if _failed(exchange) else None
        if failed is not None and pending.get(failed.identity) is failed:
            del pending[failed.identity]  # accepted, and not carried out
        if write is not None:
            operations[exchange.headers.get("azure-asyncoperation", "")] = write
            # A second write before any read supersedes the first: nobody saw what the first one did.
            if write.identity in pending:
                before.pop(write.identity, None)
            pending[write.identity] = write
            continue
        read = adapter.read(exchange) if exchange.accepted else None
        if read is None:
            if exchange.method == "DELETE" and exchange.accepted:
                before.clear()
                pending.clear()
            continue
        sent = pending.pop(read.identity, None)
        if sent is not None:
            result.note(sent.kind, false_drift(sent, read))
            if read.identity in before:
                result.note(sent.kind, inexact(sent, before[read.identity], read))
        before[read.identity] = read
    return result


def _failed(exchange: Exchange) -> bool:
    """Whether the exchange is a look at an operation that has failed."""
    told = exchange.response if isinstance(exchange.response, dict) else {}
    return exchange.method == "GET" and told.get("status") in ("Failed", "Canceled")


def false_drift(write: Write, read: Read) -> str:
    """The changes that would be made although nothing is to be done."""
    changes = plan(write.desired, read.values, write.fields).changes
    return "" if not changes else f"{write.identity}: planned although in sync: {_show(changes)}"


def inexact(write: Write, before: Read, after: Read) -> str:
    """Where the planned difference is not the real one."""
    changes = plan(write.desired, before.values, write.fields).changes
    planned = {_stem(change.path) for change in changes}
    invented = [change for change in changes if _at(before.values, change.path) == _at(after.values, change.path)]
    missed = [
        path
        for path, wanted in _leaves(write.desired)
        if write.fields.at(path).mode is not Mode.CREATE_ONLY
        and _at(before.values, path) != _at(after.values, path)
        and _at(after.values, path) == wanted
        and not any(path == stem or path.startswith(stem + ".") or stem.startswith(path) for stem in planned)
    ]
    problems = []
    if invented:
        problems.append(f"planned, but did not change: {_show(tuple(invented))}")
    if missed:
        problems.append(f"changed, but not planned: {', '.join(missed)}")
    return f"{write.identity}: " + "; ".join(problems) if problems else ""


def _show(changes: tuple[Change, ...]) -> str:
    return ", ".join(f"{change.path} {change.before!r} -> {change.after!r}" for change in changes[:6])


def _stem(path: str) -> str:
    """The path down to the first list element: lists are compared as wholes here."""
    return path.split("[", maxsplit=1)[0]


def _at(values: Any, path: str) -> Any:
    for part in _stem(path).split("."):
        if not isinstance(values, dict):
            return None
        folded = {key.lower(): key for key in values}
        values = values.get(folded.get(part.lower(), part))
    return values


def _leaves(body: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, dict) and value:
            yield from _leaves(value, here)
        elif value is not None:
            yield here, value
