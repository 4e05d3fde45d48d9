# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access key of a cache in the secret store: made by the service, copied, and renewed in turns.

A database has two keys, and clients use the one that the store holds. A rotation renews the other one, which nobody
uses, and only then writes it to the store: whoever has not read the store since then still gets in, until the next
rotation renews his key. Dying between the steps loses nothing, because the key in the store stays valid all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.credential import IN_USE, Kept, Vault
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Progress, Resource, State
from .kinds_cache import CacheDatabase

# Waits in the store while a database is being made: what the store held before is no key of it.
_TO_COME = "(to be copied from the service)"


class Copied:
    """The value of one secret as the copy of a key."""

    def __init__(self, vault: Vault, secret: str) -> None:
        self.vault = vault
        self.secret = secret

    def invalidate(self) -> None:
        """A new database is about to be made: its keys are not what the store holds. Survives a kill."""
        if self.vault.kept(self.secret) is Kept.CURRENT:
            self.vault.put_pending(self.secret, _TO_COME)

    def store(self, key: str) -> None:
        self.vault.put_pending(self.secret, key)
        self.vault.promote(self.secret)


class AccessKey(Resource):
    """The key that clients use. place: the secret that holds it. rotate: renew it in this run."""

    kind = "azure.cache.access_key"
    inside = True
    fields = Fields({"use": MUTABLE})

    def __init__(
        self,
        name: str,
        copied: Copied,
        place: Resource,
        database: CacheDatabase,
        needs: Sequence[Resource] = (),
        *,
        rotate: bool = False,
        present: bool = True,
    ) -> None:
        super().__init__(name, [place, database, *needs], lock=database.lock, present=present)
        self.copied = copied
        self.place = place
        self.database = database
        self.goes_with = place
        self._due = rotate
        self._renewed = ""  # the name of the key that this run has renewed

    def desired(self) -> dict[str, Any]:
        return {"use": IN_USE}

    def read(self) -> Observed | None:
        reference = self.place.known("id")
        if self.present and not self.database.outputs:
            return None
        kept = self.copied.vault.kept(self.copied.secret)
        if kept is Kept.NOTHING:
            return None
        if kept is Kept.PENDING:
            use = "a key is on its way to the store"
        elif self._renewed:
            use = "the other key is renewed"
        else:
            use = "to be renewed" if self._due else IN_USE
        return Observed({"use": use}, {"id": reference})

    def create(self, desired: dict[str, Any]) -> Operation:
        return self._advance()

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self._advance()

    def _advance(self) -> Operation:
        """The next step: write down what is renewed or on its way, or renew the key that is not in use."""
        keys, vault, secret = self.database.keys(), self.copied.vault, self.copied.secret
        if self._renewed:
            return self._store(keys[self._renewed])
        waiting = vault.pending(secret)
        if waiting is not None:
            return self._store(waiting if waiting in keys.values() else keys["Primary"])
        current = vault.current(secret)
        if current is None or not self._due:
            return self._store(keys["Primary"])
        other = "Secondary" if current == keys["Primary"] else "Primary"
        operation = self.database.regenerate(other)
        if operation.done:
            self._renewed = other
            return DONE
        return Operation((other, operation))

    def _store(self, key: str) -> Operation:
        self.copied.store(key)
        self._due, self._renewed = False, ""
        return DONE

    def poll(self, operation: Operation) -> Progress:
        if operation.handle is None:
            return Progress(State.DONE)
        other, begun = operation.handle
        progress = self.database.poll(begun)
        if progress.state is State.DONE:
            self._renewed = other
        return progress

    def delete(self, observed: Observed) -> Operation:
        """The value goes with its secret."""
        return DONE

    def forget(self) -> None:
        self.place.forget()
