# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored server takes another one's name. Nothing can be renamed on Cloud SQL: the labels say who is who."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation, Recovery, Status
from .._spec import names
from .._spec.database import Database, Restore, former_name
from .client import Cloud
from .cloudsql import INSTANCES, SERVER, SqlResource, holder, instance_path, labels, own_names
from .cloudsql_server import READY
from .rest import Request


class ServerName(SqlResource):
    """Which instance a server's name stands for.

    The former holder steps aside first (update), then the restored one takes the name (create). In between nobody has
    it, and the next run goes on from there.
    """

    kind = "gcp.sql.server_name"
    replaceable = False
    fields = Fields({"restored": MUTABLE})

    def __init__(self, cloud: Cloud, server: str, restored: str, restore: Restore | None) -> None:
        super().__init__(cloud, names.of(cloud.site, server), {}, lock=f"sql/{server}")
        self.server = server
        self.restored = restored
        self._made = own_names(cloud, restored, restore)

    def predicted(self) -> dict[str, Any]:
        return {}

    def desired(self) -> dict[str, Any]:
        return {"restored": True}

    def read(self) -> Observed | None:
        current = holder(self.cloud, self.server)
        if current is None:
            return None
        return Observed(
            {"restored": current["name"] in self._made},
            {"id": instance_path(self.cloud, current["name"]), "name": current["name"]},
            Status.READY if current.get("state") in READY else Status.PENDING,
            str(current.get("state") or ""),
            tags=labels(current),
            recovery=Recovery.REPORT,
            raw=current,
        )

    def create(self, desired: dict[str, Any]) -> Operation:
        return self._call(self._successor(), self.server)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self._successor()  # nobody steps aside for nobody
        return self._call(observed.raw, former_name(self.server, self.restored))

    def _successor(self) -> dict[str, Any]:
        found = holder(self.cloud, self.restored)
        if found is None:
            raise SpecError(
                f"database server {self.restored!r} does not exist in this project, so it cannot become "
                f"{self.server!r}. Restore it first."
            )
        return found

    def delete(self, observed: Observed) -> Operation:
        raise SpecError("a name goes with its server: remove that.")

    def _call(self, raw: dict[str, Any], server: str) -> Operation:
        settings = {
            "settingsVersion": raw["settings"]["settingsVersion"],
            "userLabels": {**labels(raw), SERVER: server},
        }
        return self.send(Request("PATCH", instance_path(self.cloud, raw["name"]), {"settings": settings}))

    def forget(self) -> None:
        self.cloud.shared.drop(INSTANCES)


def build(cloud: Cloud, spec: Database, server: str, restored: str) -> Built:
    """spec: holds the entry of the restored server, which says what it was made of."""
    restore = next((each.restore for each in spec.servers if each.name == restored), None)
    return Built([ServerName(cloud, server, restored, restore)])
