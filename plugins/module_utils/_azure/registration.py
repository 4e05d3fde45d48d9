# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource providers: a subscription must be registered with each before anything of it can be made."""

from __future__ import annotations

from typing import Any

from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource, Status
from .session import Session

KIND = "Microsoft.Resources/providers"
# What the capabilities use.
NAMESPACES = (
    "Microsoft.Network",
    "Microsoft.ContainerService",
    "Microsoft.Compute",
    "Microsoft.ManagedIdentity",
    "Microsoft.Storage",
    "Microsoft.KeyVault",
    "Microsoft.DBforPostgreSQL",
    "Microsoft.Sql",
    "Microsoft.Cache",
    "Microsoft.ContainerRegistry",
    "Microsoft.OperationalInsights",
    "Microsoft.Insights",
)


def provider_path(session: Session, namespace: str) -> str:
    return f"{session.subscription}/providers/{namespace}"


class Registration(Resource):
    """The subscription's registration with one resource provider. It stays when the site goes."""

    kind = "azure.resources.provider"
    fields = Fields({"registrationState": MUTABLE})
    lasting = True
    replaceable = False

    def __init__(self, session: Session, namespace: str) -> None:
        super().__init__(namespace)
        self.session = session
        self.path = provider_path(session, namespace)

    def predicted(self) -> dict[str, Any]:
        return {"id": self.path}

    def desired(self) -> dict[str, Any]:
        return {"registrationState": "Registered"}

    def read(self) -> Observed | None:
        raw = self.session.client.get(self.path, KIND)
        state = str(raw.get("registrationState", ""))
        return Observed(
            values={"registrationState": state},
            outputs={"id": raw.get("id") or self.path},
            status=Status.PENDING if state in ("Registering", "Unregistering") else Status.READY,
            reason=state,
        )

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.client.send("POST", f"{self.path}/register", KIND)
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self.create(desired)

    def delete(self, observed: Observed) -> Operation:
        return Operation(done=True)
