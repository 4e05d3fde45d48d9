# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A password: made once, kept in the secret store, given to a service, and renewed without ever being lost."""

from __future__ import annotations

import json
import secrets
import string
from abc import abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import Any, ClassVar, Protocol

from .fields import MUTABLE, Fields
from .plan import Plan
from .resource import DONE, Observed, Operation, Progress, Resource, State


class Kept(Enum):
    """What a vault holds under a name."""

    NOTHING = "nothing"
    CURRENT = "current"  # the value in use
    PENDING = "pending"  # a value that is on its way to become current; there may be a current one beside it


class Vault(Protocol):
    """The secret store of one site on one cloud. Values pass only through here; nothing else ever sees them.

    A pending value is kept beside the current one, so that whoever dies between two steps loses neither.
    """

    def kept(self, name: str) -> Kept:
        """What there is, without fetching the value. Remembered until the secret's `forget`."""

    def current(self, name: str) -> str | None: ...

    def pending(self, name: str) -> str | None: ...

    def put_pending(self, name: str, value: str) -> None: ...

    def promote(self, name: str) -> None:
        """The pending value becomes the current one. Repeatable: without a pending value nothing happens."""


def generate(length: int = 32) -> str:
    """A random password of letters and digits with at least one of each class, which every service accepts."""
    alphabet = string.ascii_letters + string.digits
    while True:
        password = "".join(secrets.choice(alphabet) for _position in range(length))
        if all(set(password) & set(kind) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits)):
            return password


def pack(username: str | None, password: str) -> str:
    """What is stored: the bare password, or, where a user name belongs to it, the JSON object that RDS writes too."""
    return password if username is None else json.dumps({"username": username, "password": password})


def unpack(stored: str) -> str:
    """The password of what is stored. Whatever `pack` wrote or RDS manages is understood."""
    try:
        value = json.loads(stored)
    except ValueError:
        return stored
    return str(value["password"]) if isinstance(value, dict) and "password" in value else stored


IN_USE = "in use"


class Credential(Resource):
    """The value of one secret, and its use by one service.

    The order that survives a kill at any moment: a new value is written beside the current one (pending), given to
    the service, and only then made current. Whoever finds a pending value goes on from there.

    place: the secret that holds the value; it must exist first. secret: its name as the vault knows it.
    rotate: make a new value in this run. reapply: give the current value to the service again (a service that was
    restored holds passwords of the past).
    """

    fields: ClassVar[Fields] = Fields({"use": MUTABLE})

    def __init__(
        self,
        name: str,
        vault: Vault,
        place: Resource,
        needs: Sequence[Resource] = (),
        *,
        secret: str,
        username: str | None = None,
        length: int = 32,
        rotate: bool = False,
        reapply: bool = False,
        present: bool = True,
        lock: str | None = None,
    ) -> None:
        super().__init__(name, (place, *needs), present=present, lock=lock)
        self.vault = vault
        self.place = place
        self.secret = secret
        self.username = username
        self.length = length
        self._due = rotate
        self._reapply = reapply
        self._given = False
        self.goes_with = place

    @abstractmethod
    def give(self, password: str) -> Operation:
        """Start to make the service accept this password (again, where it does already). `follow` watches it."""

    def follow(self, operation: Operation) -> Progress:
        """How far that is. The default is for services that have taken it when they answer."""
        return Progress(State.DONE)

    def poll(self, operation: Operation) -> Progress:
        progress = self.follow(operation)
        if progress.state is State.DONE:
            self._accepted()
        return progress

    def desired(self) -> dict[str, Any]:
        return {"use": IN_USE}

    def read(self) -> Observed | None:
        reference = self.place.known("id")
        kept = self.vault.kept(self.secret)
        if kept is Kept.NOTHING:
            return None
        if kept is Kept.PENDING:
            use = "accepted by the service" if self._given else "a new value is on its way"
        elif self._due:
            use = "to be renewed"
        else:
            use = "to be given again" if self._reapply else IN_USE
        return Observed({"use": use}, {"id": reference})

    def create(self, desired: dict[str, Any]) -> Operation:
        return self._advance()

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self._advance()

    def delete(self, observed: Observed) -> Operation:
        """The value goes with its secret."""
        return DONE

    @property
    def settled(self) -> bool:
        """Whether the current value opens the service for certain: whoever has to log in with it waits for that."""
        return not self._reapply and self.vault.kept(self.secret) is not Kept.PENDING

    def for_creation(self) -> str:
        """The password for a service that must be told one when it is made: the one there is, or a new one."""
        stored = self.vault.pending(self.secret) or self.vault.current(self.secret)
        if stored is None:
            stored = pack(self.username, generate(self.length))
            self.vault.put_pending(self.secret, stored)
        self._given, self._due, self._reapply = True, False, False
        return unpack(stored)

    def forget(self) -> None:
        self.place.forget()

    def _advance(self) -> Operation:
        """The next step: confirm what the service has accepted, go on with what is on its way, or begin."""
        if self._given:  # what a service was made with may be the current value: then there is nothing to confirm
            self.vault.promote(self.secret)
            self._due = False
            return DONE
        stored = self.vault.pending(self.secret)
        if stored is None and not self._due:
            stored = self.vault.current(self.secret)
        if stored is None:
            stored = pack(self.username, generate(self.length))
            self.vault.put_pending(self.secret, stored)
        self._given = False
        operation = self.give(unpack(stored))
        if operation.done:
            self._accepted()
        return operation

    def _accepted(self) -> None:
        self._given, self._reapply = True, False


class GeneratedValue(Credential):
    """A value that no service has to be told: what is in the store is all there is to it."""

    kind = "secret.value"
    inside = True

    def give(self, password: str) -> Operation:
        return DONE
