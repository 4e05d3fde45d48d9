# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who of Google's services may put endpoints into a network (Network Connectivity API v1)."""

from __future__ import annotations

from typing import Any

from .._engine.errors import Conflict, InvalidRequest
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE
from .._engine.resource import Observed, Operation, Progress
from .client import Cloud
from .compute import Network
from .references import FIXED_REFERENCE, REFERENCES, ProtoFields, merged, same_reference
from .rest import Request, RestResource, Style

MEMORYSTORE = "gcp-memorystore"


class ServiceConnectionPolicy(RestResource):
    """Lets one class of services connect to a network; one for each network, region and class."""

    kind = "gcp.networkconnectivity.service_connection_policy"
    service = "networkconnectivity"
    place = "projects/{project}/locations/{region}/serviceConnectionPolicies"
    style = Style.RPC
    labels = "labels"
    listed = True
    items = "serviceConnectionPolicies"
    fields = ProtoFields(
        {
            "network": FIXED_REFERENCE,
            "serviceClass": IMMUTABLE,
            "description": MUTABLE,
            "labels": MUTABLE,
            "pscConfig": MUTABLE,
            "pscConfig.subnetworks": REFERENCES,
            "infrastructure": CREATE_ONLY,
            "autoCreatedSubnetInfo": CREATE_ONLY,
        }
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._leaving = False

    def all(self) -> list[dict[str, Any]]:
        """Every policy of the region, whoever made it."""
        return list(self._list().values())

    def creation(self, desired: dict[str, Any]) -> Request:
        return Request("POST", self.collection, desired, {"serviceConnectionPolicyId": self.name})

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        body = {name: desired[name] for name in sorted(members)}
        if "labels" in body:
            body["labels"] = merged(observed.values.get("labels"), body["labels"])
        return Request("PATCH", self.path, body, {"updateMask": ",".join(body)})

    # What stands on its endpoints may be gone a moment before the endpoints are: worth another try.

    def delete(self, observed: Observed) -> Operation:
        self._leaving = True
        try:
            return super().delete(observed)
        except InvalidRequest as error:
            raise Conflict(error.message, code=error.code, status=error.status) from error

    def poll(self, operation: Operation) -> Progress:
        progress = super().poll(operation)
        if progress.error is None or not self._leaving:
            return progress
        return Progress(progress.state, progress.message, error=Conflict(progress.error.message))


class GivenPolicy(ServiceConnectionPolicy):
    """The policy of a network that is only referred to, by whatever name: it must be there, and is never changed."""

    kind = "gcp.networkconnectivity.given_policy"

    def __init__(self, cloud: Cloud, network: Network, service_class: str = MEMORYSTORE) -> None:
        super().__init__(cloud, service_class, {}, (network,), managed=False, project=network.project)
        self.network = network

    def predicted(self) -> dict[str, Any]:
        return {}

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {"id": raw["name"]}

    def fetch(self) -> dict[str, Any] | None:
        def ours(each: dict[str, Any]) -> bool:
            return each.get("serviceClass") == self.name and same_reference(self.network.path, each.get("network"))

        return next((each for each in self.all() if ours(each)), None)
