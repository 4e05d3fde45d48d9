# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases and logins of a PostgreSQL server as resources. For clouds whose own API does not make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._engine.credential import Credential, Vault
from .._engine.fields import MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Resource
from .postgresql import PostgresServer

# Asked for when it is used: raises NotYetKnown while the server has no address.
Connect = Callable[[], PostgresServer]


class PostgresDatabase(Resource):
    """A database of a server. It is never dropped because a specification got shorter, only with the server."""

    kind = "postgresql.database"
    replaceable = False
    inside = True
    fields = Fields({"name": Field()})

    def __init__(
        self, name: str, database: str, server: Resource, connect: Connect, needs: Sequence[Resource] = ()
    ) -> None:
        super().__init__(name, (server, *needs))
        self.database = database
        self.goes_with = server
        self._connect = connect

    def predicted(self) -> dict[str, Any]:
        return {"id": self.database}

    def desired(self) -> dict[str, Any]:
        return {"name": self.database}

    def read(self) -> Observed | None:
        if self.database not in self._connect().databases():
            return None
        return Observed({"name": self.database}, {"id": self.database})

    def create(self, desired: dict[str, Any]) -> Operation:
        self._connect().create_database(self.database)
        return DONE

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return DONE  # it has nothing but its name

    def delete(self, observed: Observed) -> Operation:
        self._connect().drop_database(self.database)
        return DONE


class PostgresUser(Credential):
    """A login with its grants. Its password lives in the vault."""

    kind = "postgresql.user"
    inside = True
    fields = Fields({"use": MUTABLE, "databases": Field(unordered=True, open=True)})

    def __init__(
        self,
        name: str,
        vault: Vault,
        place: Resource,
        server: Resource,
        needs: Sequence[Resource] = (),
        *,
        connect: Connect,
        username: str,
        databases: tuple[str, ...],
        **options: Any,
    ) -> None:
        super().__init__(name, vault, place, (server, *needs), username=username, **options)
        self.goes_with = server
        self._connect = connect
        self._role = username
        self._databases = databases

    def desired(self) -> dict[str, Any]:
        return {**super().desired(), "databases": list(self._databases)}

    def read(self) -> Observed | None:
        server = self._connect()
        if not self.present:
            return Observed({}, {"id": self._role}) if self._role in server.roles() else None
        observed = super().read()
        if observed is None:
            return None
        if self._role not in server.roles():
            observed.values["use"] = "missing on the server"
        observed.values["databases"] = sorted(server.granted(self._role))
        return observed

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("use"):
            return super().update(observed, desired, change)
        self._connect().grant(self._role, self._databases)
        return DONE

    def give(self, password: str) -> Operation:
        server = self._connect()
        server.set_password(self._role, password)
        server.grant(self._role, self._databases)
        return DONE

    def delete(self, observed: Observed) -> Operation:
        self._connect().drop_role(self._role, self._databases)
        return DONE
