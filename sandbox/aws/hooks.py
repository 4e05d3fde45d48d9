"""Where a service's own behaviour is put in front of, behind or in place of moto's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .errors import RawResponse
from .wire import Call

Check = Callable[[Call], None]
Replacement = Callable[[Call], "dict[str, Any] | RawResponse"]
After = Callable[[Call, RawResponse], None]


class Hooks:
    """``before`` may raise AwsError, ``replace`` answers itself, ``after`` sees moto's successful answer.

    ``name`` is ``service.Action``, or ``service.*`` for every action of a service.
    """

    def __init__(self) -> None:
        self._before: dict[str, list[Check]] = {}
        self._replace: dict[str, Replacement] = {}
        self._after: dict[str, list[After]] = {}

    def before(self, name: str, check: Check) -> None:
        """Run ``check`` before the operation."""
        self._before.setdefault(name, []).append(check)

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
        return [*self._before.get(f"{call.service}.*", ()), *self._before.get(call.name, ())]

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
