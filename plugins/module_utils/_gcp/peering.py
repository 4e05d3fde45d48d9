# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks joined to others: peerings of one's own, and private access to Google's managed services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.errors import NotFound
from .._engine.fields import CREATE_ONLY, MUTABLE, Field, Fields, Mode
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation, Resource
from .client import Cloud
from .compute import Network
from .references import FIXED_REFERENCE, same_references
from .rest import Body, Request, RestResource, Style

SERVICE = "services/servicenetworking.googleapis.com"
CONNECTION = "servicenetworking-googleapis-com"


class NetworkPeering(RestResource):
    """One side of a peering: an entry of the network. It is INACTIVE until the other side makes its own."""

    kind = "gcp.compute.network_peering"
    fields = Fields(
        {
            "network": FIXED_REFERENCE,
            "exchangeSubnetRoutes": CREATE_ONLY,  # always true
            "exportCustomRoutes": MUTABLE,
            "importCustomRoutes": MUTABLE,
        }
    )

    def __init__(self, cloud: Cloud, name: str, network: Network, body: Body, needs: Sequence[Resource] = ()) -> None:
        # Google changes one peering of a network at a time.
        super().__init__(cloud, name, body, (network, *needs), lock=f"peerings/{network.path}")
        self.network = network

    @property
    def path(self) -> str:
        return f"{self.network.path}/peerings/{self.name}"

    def predicted(self) -> dict[str, Any]:
        return {"id": self.path, "name": self.name}

    def fetch(self) -> dict[str, Any] | None:
        network = self.network.fetch() or {}
        return next((each for each in network.get("peerings") or () if each["name"] == self.name), None)

    def forget(self) -> None:
        self.network.forget()

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**self.predicted(), "state": raw.get("state"), "detail": raw.get("stateDetails")}

    def creation(self, desired: dict[str, Any]) -> Request:
        return Request("POST", f"{self.network.path}/addPeering", {"networkPeering": {"name": self.name, **desired}})

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        body = {"networkPeering": {"name": self.name, **desired}}
        return self.send(Request("PATCH", f"{self.network.path}/updatePeering", body))

    def deletion(self, observed: Observed) -> Request:
        return Request("POST", f"{self.network.path}/removePeering", {"name": self.name})


class ServiceConnection(RestResource):
    """Private services access: the network's connection to Google's managed services (Cloud SQL, Memorystore).

    Written with PATCH and force, as recorded traffic does: unlike the create call it also takes over what an earlier
    connection left behind.
    """

    kind = "gcp.servicenetworking.connection"
    service = "servicenetworking"
    style = Style.RPC
    fields = Fields({"network": Field(Mode.IMMUTABLE, equal=FIXED_REFERENCE.equal), "reservedPeeringRanges": Field(
        equal=same_references
    )})  # fmt: skip

    def __init__(self, cloud: Cloud, name: str, network: Network, ranges: Sequence[Resource], **options: Any) -> None:
        super().__init__(cloud, name, {}, (network, *ranges), lock=f"peerings/{network.path}", **options)
        self.network = network
        self.ranges = tuple(ranges)

    @property
    def path(self) -> str:
        return f"{SERVICE}/connections/{CONNECTION}"

    def predicted(self) -> dict[str, Any]:
        return {"id": f"{self.network.path}/connections/{CONNECTION}", "name": CONNECTION}

    def _network(self) -> str:
        """This API takes the project's number, and only that."""
        return f"projects/{self.cloud.project_number()}/global/networks/{self.network.name}"

    def body(self) -> dict[str, Any]:
        return {"network": self._network(), "reservedPeeringRanges": [each.name for each in self.ranges]}

    def fetch(self) -> dict[str, Any] | None:
        if not self.network.outputs:
            return None  # without its network there is none, and asking for it is an error
        try:
            answer = self.get(f"{SERVICE}/connections", {"network": self._network()})
        except NotFound:
            return None
        return next((each for each in answer.get("connections") or () if each.get("peering") == CONNECTION), None)

    def creation(self, desired: dict[str, Any]) -> Request:
        query = {"updateMask": "reservedPeeringRanges", "force": "true"}
        return Request("PATCH", f"{SERVICE}/connections/-", desired, query)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return self.send(self.creation(desired))

    def deletion(self, observed: Observed) -> Request:
        return Request("POST", self.path, {"consumerNetwork": self._network()})
