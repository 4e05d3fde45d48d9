"""Faults that tests inject into an emulated cloud."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import Any

KINDS = ("throttle", "error", "slow", "drop", "drop_after", "fail_operation")


@dataclass
class FaultRule:
    """One fault and the requests that it hits.

    ``operation``, ``method`` and ``path`` are regular expressions (``re.search``; all that are given must match).
    ``kind``: ``throttle`` and ``error`` answer instead of the service; ``slow`` answers ``seconds`` later;
    ``drop`` closes the connection before the request is handled, ``drop_after`` after it was handled;
    ``fail_operation`` accepts the write and ends its long-running operation in the cloud's own form of failure.
    ``times``: how many requests it hits, -1 = for ever. ``skip``: so many matching requests pass first.
    ``per_operation``: how many requests of each operation it hits at most, -1 = no such limit.
    ``probability`` draws from a generator seeded by ``seed``, so that a run can be repeated.
    ``status`` 0 and an empty ``code`` mean what the cloud itself uses for that kind of fault.
    """

    operation: str | None = None
    method: str | None = None
    path: str | None = None
    kind: str = "error"
    status: int = 0
    code: str = ""
    message: str = ""
    seconds: float = 1.0
    times: int = 1
    per_operation: int = -1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    id: int = 0
    hits: int = 0
    _random: random.Random = field(default_factory=random.Random, repr=False, compare=False)
    _struck: Counter[str] = field(default_factory=Counter, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}: one of {', '.join(KINDS)}")
        for pattern in (self.operation, self.method, self.path):
            if pattern is not None:
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ValueError(f"not a regular expression: {pattern!r} ({error})") from error
        self._random = random.Random(self.seed)  # noqa: S311  # repeatable on purpose

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> FaultRule:
        """Build a rule from JSON; ValueError names what is not known."""
        known = {item.name for item in fields(cls)} - {"_random", "_struck", "id", "hits"}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ValueError(f"unknown fault fields: {', '.join(unknown)}")
        return cls(**data)

    def as_dict(self) -> dict[str, Any]:
        """The rule as JSON-able values, with ``id`` and how often it has hit."""
        return {key: value for key, value in asdict(self).items() if not key.startswith("_")}

    def applies(self, operation: str, method: str, path: str) -> bool:
        """Whether the rule is meant for this request (without counting it)."""
        wanted = ((self.operation, operation), (self.method, method), (self.path, path))
        if self.times == 0 or 0 <= self.per_operation <= self._struck[operation]:
            return False
        return all(pattern is None or re.search(pattern, value) for pattern, value in wanted)

    def take(self, operation: str) -> bool:
        """Count one matching request of this operation; whether the fault strikes it."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.probability < 1.0 and self._random.random() >= self.probability:
            return False
        if self.times > 0:
            self.times -= 1
        self._struck[operation] += 1
        self.hits += 1
        return True


class Faults:
    """The rules in force, in the order in which they were added."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._next_id = 1
        self._lock = threading.Lock()  # the clusters' API servers ask from their own threads

    def add(self, rule: FaultRule) -> FaultRule:
        """Put a rule into force and give it an id."""
        rule.id = self._next_id
        self._next_id += 1
        self._rules.append(rule)
        return rule

    def clear(self, rule_id: int | None = None) -> None:
        """Take one rule, or all of them, out of force."""
        self._rules = [rule for rule in self._rules if rule_id is not None and rule.id != rule_id]

    def rules(self) -> list[FaultRule]:
        """The rules in force, spent ones included."""
        return list(self._rules)

    def match(self, operation: str, method: str, path: str) -> FaultRule | None:
        """The rule that strikes this request, counted; ``fail_operation`` rules are left to the emulator."""
        with self._lock:
            for rule in self._rules:
                if rule.kind != "fail_operation" and rule.applies(operation, method, path) and rule.take(operation):
                    return rule
            return None

    def match_operation(self, operation: str) -> FaultRule | None:
        """The ``fail_operation`` rule that strikes this long-running operation, counted."""
        with self._lock:
            for rule in self._rules:
                if rule.kind == "fail_operation" and rule.applies(operation, "", "") and rule.take(operation):
                    return rule
            return None
