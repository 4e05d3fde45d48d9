# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of databases on demand, and a restored server in the place of another."""

from __future__ import annotations

from typing import Any

from .._engine.backups import History
from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation, Progress, Resource, Status
from .._spec.database import Database, former_name
from .database_backups import history
from .groups import Groups
from .kinds_postgresql import ORIGIN, TAG, FlexibleServer, ServerReference, holder
from .kinds_postgresql_parts import OnDemandBackup
from .operations import look, started
from .postgresql_words import origin_of
from .session import Session

PROMOTED = "promoted-from"


def backups(groups: Groups, label: str, spec: Database) -> Built:
    """One backup of every PostgreSQL server. outputs: database, left_out."""
    resources: list[Resource] = []
    made: dict[str, OnDemandBackup] = {}
    left_out = []
    for server in spec.servers:
        if server.state == "absent":
            continue
        if server.engine != "postgresql":
            left_out.append(
                f"database.servers.{server.name}: Azure SQL takes no backups on demand; any moment of its retention "
                "time can be restored."
            )
            continue
        held = ServerReference(groups.session, server.name, groups.main(managed=False))
        made[server.name] = OnDemandBackup(held, f"backups/{label}", dict, lock=f"postgresql {server.name}")
        resources += [held, made[server.name]]
    return Built(
        resources,
        outputs=lambda: {"database": {name: item.out("id") for name, item in made.items()}, "left_out": left_out},
    )


def histories(session: Session, spec: Database) -> list[History]:
    """Of every PostgreSQL server of the specification."""
    return [history(session, server.name) for server in spec.servers if server.engine == "postgresql"]


def promotion(session: Session, spec: Database, server: str, restored: str) -> Built:
    """Names move by tags: first the former holder gives its up, then the restored server takes it."""
    problems = [
        f"database.servers: {name!r} is a server for Azure SQL, which cannot take another's place here."
        for name in (server, restored)
        for each in spec.servers
        if each.name == name and each.engine != "postgresql"
    ]
    if problems:
        raise SpecError(" ".join(problems))
    restore = next((each.restore for each in spec.servers if each.name == restored), None)
    former = FormerServer(session, server, restored)
    taken = PromotedServer(session, server, restored, former, origin_of(restore) if restore else "")
    return Built([former, taken], outputs=lambda: {"id": taken.out("id"), "host": taken.out("host")})


class _Naming(Resource):
    """The name that one server has in specifications. values: name."""

    fields = Fields({"name": MUTABLE})

    def __init__(self, session: Session, name: str, *needs: Resource) -> None:
        super().__init__(name, needs, lock=f"naming of {name}")
        self.session = session
        self._found: dict[str, Any] | None = None

    def find(self) -> dict[str, Any] | None:
        """The server that this is about."""
        raise NotImplementedError

    def read(self) -> Observed | None:
        self._found = found = self.find()
        if found is None:
            return None
        properties = found.get("properties") or {}
        busy = str(properties.get("state", "")).lower() not in ("ready", "stopped")
        return Observed(
            {"name": (found.get("tags") or {}).get(TAG, "")},
            {"id": found["id"], "host": properties.get("fullyQualifiedDomainName")},
            status=Status.PENDING if busy else Status.READY,
            reason=str(properties.get("state", "")),
            tags=found.get("tags") or {},
        )

    def retag(self, tags: dict[str, str]) -> Operation:
        """Change tags of the server; others stay."""
        found = self._found or {}
        body = {"tags": {**(found.get("tags") or {}), **tags}}
        client = self.session.client
        return started(client.send("PATCH", found["id"], FlexibleServer.type, body), client)

    def create(self, desired: dict[str, Any]) -> Operation:
        raise SpecError(f"the server {self.name} is not there any more.")

    def delete(self, observed: Observed) -> Operation:
        raise SpecError("a name is not deleted: delete the server.")

    def poll(self, operation: Operation) -> Progress:
        return look(self.session.client, operation.handle) if operation.handle else super().poll(operation)

    def forget(self) -> None:
        self.session.drop("flexible servers")


class FormerServer(_Naming):
    """The server that held the name before. Where there is none (any more), there is nothing to do."""

    kind = "azure.postgresql.former_name"

    def __init__(self, session: Session, server: str, restored: str) -> None:
        super().__init__(session, server)
        self.restored = restored
        self.former = former_name(server, restored)

    def desired(self) -> dict[str, Any]:
        return {"name": self.former}

    def find(self) -> dict[str, Any] | None:
        # While the restored server waits for the name, whoever has it must give it up; else that one has it.
        waiting = holder(self.session, self.restored)
        return holder(self.session, self.name) if waiting is not None else None

    def read(self) -> Observed | None:
        # Nobody holds the name who should not: as good as renamed.
        return super().read() or Observed({"name": self.former}, {"id": ""})

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self.retag({TAG: self.former, PROMOTED: ""})


class PromotedServer(_Naming):
    """The restored server that takes the name."""

    kind = "azure.postgresql.name"

    def __init__(self, session: Session, server: str, restored: str, former: FormerServer, origin: str) -> None:
        super().__init__(session, server, former)
        self.restored = restored
        self.origin = origin

    def desired(self) -> dict[str, Any]:
        return {"name": self.name}

    def find(self) -> dict[str, Any] | None:
        waiting = holder(self.session, self.restored)
        if waiting is not None:
            return waiting
        taken = holder(self.session, self.name)
        tags = (taken or {}).get("tags") or {}
        if tags.get(PROMOTED) == self.restored and self.origin in ("", tags.get(ORIGIN)):
            return taken
        raise SpecError(f"there is no server {self.restored!r} that could take the place of {self.name!r}.")

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self.retag({TAG: self.name, PROMOTED: self.restored})
