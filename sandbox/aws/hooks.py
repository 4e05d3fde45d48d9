"""Where a service's own behaviour is put in front of, behind or in place of moto's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .errors import RawResponse
from .wire import Call

Check = Callable[[Call], None]
Replacement = Callable[[Call], "dict[str, Any] | RawResponse"]
After = Callable[[Call, RawResponse], None]
ShortCut = Callable[[Call], "RawResponse | None"]


class Hooks:
    """``before`` may raise AwsError, ``replace`` answers itself, ``after`` sees the successful answer.

    ``name`` is ``service.Action``, or ``service.*`` for every action of a service.
    """

    def __init__(self) -> None:
        self._before: dict[str, list[Check]] = {}
        self._last: dict[str, list[Check]] = {}
        self._short_cuts: dict[str, list[ShortCut]] = {}
        self._replace: dict[str, Replacement] = {}
        self._after: dict[str, list[After]] = {}

    def before(self, name: str, check: Check) -> None:
        """Run ``check`` before the operation."""
        self._before.setdefault(name, []).append(check)

    def last(self, name: str, check: Check) -> None:
        """Run ``check`` when all others have passed, just before the operation."""
        self._last.setdefault(name, []).append(check)

    def short_cut(self, name: str, repeat: ShortCut) -> None:
        """Ask ``repeat`` first; an answer of its own ends the matter."""
        self._short_cuts.setdefault(name, []).append(repeat)

    def replace(self, name: str, handler: Replacement) -> None:
        """Answer the operation with ``handler``."""
        if name in self._replace:
            raise ValueError(f"{name} has two handlers")
        self._replace[name] = handler

    def after(self, name: str, follow_up: After) -> None:
        """Run ``follow_up`` after the operation succeeded."""
        self._after.setdefault(name, []).append(follow_up)

    def checks(self, call: Call) -> list[Check]:
        """What runs before ``call``."""
        found: list[Check] = []
        for table in (self._before, self._last):
            found += [*table.get(f"{call.service}.*", ()), *table.get(call.name, ())]
        return found

    def answer_at_once(self, call: Call) -> RawResponse | None:
        """The answer of a short cut."""
        for repeat in (*self._short_cuts.get(f"{call.service}.*", ()), *self._short_cuts.get(call.name, ())):
            answer = repeat(call)
            if answer is not None:
                return answer
        return None

    def handler(self, call: Call) -> Replacement | None:
        """What answers in place of moto."""
        return self._replace.get(call.name) or self._replace.get(f"{call.service}.*")

    def follow_ups(self, call: Call) -> list[After]:
        """What runs after ``call`` succeeded."""
        return [*self._after.get(call.name, ()), *self._after.get(f"{call.service}.*", ())]


class Service(Protocol):
    """A part of the emulator that adds to moto."""

    def register(self, hooks: Hooks) -> None:
        """Tell which operations it touches."""

    def reset(self) -> None:
        """Forget everything."""
