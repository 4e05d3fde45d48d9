# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of Azure SQL: a logical server, which is a name, a login and rules, and its databases, which hold and cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Mode
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation
from .arm import ArmResource, at
from .bodies import created
from .fields import TRACKED, ArmFields, canonical
from .kinds_postgresql_parts import AdminPassword

_GIB = 1024**3


class SqlServer(ArmResource):
    """A logical server. outputs: host, version, admin. password: the administrator's, for a new server."""

    kind = "azure.sql.server"
    type = "Microsoft.Sql/servers"
    patches = True
    replaceable = False
    exposes = {
        "host": "properties.fullyQualifiedDomainName",
        "version": "properties.version",
        "admin": "properties.administratorLogin",
    }
    fields = ArmFields(
        {**TRACKED, "kind": CREATE_ONLY, "properties.administratorLogin": IMMUTABLE, "properties.version": IMMUTABLE}
    )

    def __init__(self, *args: Any, password: Callable[[], str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._password = password

    def create(self, desired: dict[str, Any]) -> Operation:
        body = created(desired, self.fields)
        body["properties"]["administratorLoginPassword"] = self._password()
        return self.write("PUT", body)

    def check_delete(self, observed: Observed) -> str:
        found = self.session.patient(lambda: self.client.pages(f"{self.path}/databases", SqlDatabase.type))
        strangers = sorted(
            str(item["name"])
            for item in found
            if str(item["name"]).lower() != "master" and not self.session.announced(item["id"])
        )
        if not strangers:
            return ""
        return (
            f"it holds databases that the specification does not name: {', '.join(strangers)}. Deleting the server "
            "would delete them and their backups: name or remove them first."
        )

    def remains(self, observed: Observed) -> str:
        return "nothing of it can be brought back: the backups of its databases go with it"


class SqlDatabase(ArmResource):
    """A database of a logical server. It is never dropped because a specification got shorter, only with the server."""

    kind = "azure.sql.database"
    type = "Microsoft.Sql/servers/databases"
    patches = True
    replaceable = False
    inside = True
    fields = ArmFields(
        {
            **TRACKED,
            "kind": CREATE_ONLY,
            "sku": Field(disruptive=True, normalise=canonical),  # open connections are dropped when it moves
            "properties.collation": Field(Mode.IMMUTABLE, normalise=canonical),
            "properties.maxSizeBytes": MUTABLE,
            "properties.zoneRedundant": MUTABLE,
        }
    )

    def __init__(self, *args: Any, parent: SqlServer, **options: Any) -> None:
        super().__init__(*args, parent=parent, **options)
        self.goes_with = parent

    def check_update(self, observed: Observed, change: Plan) -> str:
        have, want = (at(body, "properties.maxSizeBytes") for body in (observed.raw, self.desired()))
        if have and want and int(want) < int(have):
            return f"storage_gb: {int(want) // _GIB} is less than {int(have) // _GIB}, and storage can only grow."
        return ""


class SqlPassword(AdminPassword):
    """The administrator's password of a logical server."""

    kind = "azure.sql.password"
