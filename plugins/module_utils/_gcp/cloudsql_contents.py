# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a Cloud SQL server: databases and logins, made by its API (sql.databases, sql.users)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.credential import Credential, Vault
from .._engine.errors import NotFound
from .._engine.fields import IMMUTABLE, Field, Fields
from .._engine.resource import DONE, NotYetKnown, Observed, Operation, Progress, Resource
from .client import Cloud
from .cloudsql import SqlResource, known_path
from .cloudsql_server import Server
from .references import or_absent
from .rest import Request


def _listed(cloud: Cloud, server: Server, what: str) -> dict[str, dict[str, Any]]:
    """What a server has of one kind, by name; one list for all. Raises NotYetKnown while it does not run."""
    path = f"{known_path(server)}/{what}"
    if not server.outputs.get("running"):
        raise NotYetKnown(f"{server.key}.{what}")

    def load() -> dict[str, dict[str, Any]]:
        try:
            found = list(cloud.pages("sqladmin", path, "items"))
        except NotFound:
            return {}
        return {each["name"]: each for each in found}

    return cloud.shared.get(f"sqladmin/{path}", load)


def _forget(cloud: Cloud, server: Server, what: str) -> None:
    cloud.shared.drop(f"sqladmin/{server.outputs.get('id')}/{what}")


def _same_charset(want: Any, have: Any) -> bool:
    """MySQL's utf8mb4 returns as utf8 (recorded traffic)."""
    return str(want or "").lower().removesuffix("mb4") == str(have or "").lower().removesuffix("mb4")


class SqlDatabase(SqlResource):
    """A database of a server. It is never dropped because a specification got shorter, only with the server."""

    kind = "gcp.sql.database"
    replaceable = False
    inside = True
    fields = Fields(
        {
            "name": IMMUTABLE,
            "instance": IMMUTABLE,
            "charset": Field(equal=_same_charset),
            "collation": Field(equal=or_absent("")),
        }
    )

    def __init__(self, cloud: Cloud, name: str, database: str, server: Server, needs: Sequence[Resource] = ()) -> None:
        # One operation at a time per instance.
        super().__init__(cloud, name, {"name": database}, (server, *needs), lock=server.lock)
        self.database = database
        self.server = server
        self.goes_with = server

    @property
    def path(self) -> str:
        return f"{known_path(self.server)}/databases/{self.database}"

    def predicted(self) -> dict[str, Any]:
        return {"name": self.database}

    def fetch(self) -> dict[str, Any] | None:
        return _listed(self.cloud, self.server, "databases").get(self.database)

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {"id": self.path, "name": self.database}

    def forget(self) -> None:
        _forget(self.cloud, self.server, "databases")

    def create(self, desired: dict[str, Any]) -> Operation:
        # A server that was restored has it already, which could not be seen before.
        return DONE if self.fetch() is not None else super().create(desired)

    def creation(self, desired: dict[str, Any]) -> Request:
        return Request("POST", f"{known_path(self.server)}/databases", desired)


class SqlLogin(Credential):
    """A login of a server. Its password lives in the vault.

    own: it is made and removed here; the administrator is there from the beginning.
    """

    kind = "gcp.sql.user"
    inside = True

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        vault: Vault,
        place: Resource,
        server: Server,
        needs: Sequence[Resource] = (),
        *,
        username: str,
        own: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(name, vault, place, (server, *needs), username=username, lock=server.lock, **options)
        self.cloud = cloud
        self.server = server
        self.goes_with = server
        self._login = username
        self._own = own

    def _is_there(self) -> bool:
        return self._login in _listed(self.cloud, self.server, "users")

    def read(self) -> Observed | None:
        identity = f"{known_path(self.server)}/users/{self._login}"
        if not self.present:
            return Observed({}, {"id": identity}) if self._is_there() else None
        observed = super().read()
        if observed is None:
            return None
        if self._own and not self._is_there():
            observed.values["use"] = "missing on the server"
        observed.outputs["id"] = identity
        return observed

    def give(self, password: str) -> Operation:
        path = f"{known_path(self.server)}/users"
        body = {"name": self._login, "password": password}
        if self._is_there():
            answer = self.cloud.call("sqladmin", "PUT", path, body=body, query={"name": self._login})
        else:
            answer = self.cloud.call("sqladmin", "POST", path, body=body)
        return self.server.started(answer)

    def follow(self, operation: Operation) -> Progress:
        return self.server.poll(operation)

    def delete(self, observed: Observed) -> Operation:
        path = f"{known_path(self.server)}/users"
        answer = self.cloud.call("sqladmin", "DELETE", path, query={"name": self._login})
        return self.server.started(answer)

    def forget(self) -> None:
        super().forget()
        _forget(self.cloud, self.server, "users")
