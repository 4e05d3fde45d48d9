# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The APIs that a site needs, switched on in its project (Service Usage API v1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .._engine.fields import Field, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation
from .client import Cloud
from .rest import Request, RestResource, Style

BASE = ("compute", "iam", "cloudresourcemanager")
NETWORK = (*BASE, "servicenetworking")
CLUSTER = (*BASE, "container", "cloudkms")
ACCESS = ("container",)
STORE = ("storage", "cloudkms")
SECRETS = ("secretmanager", "cloudkms")
DATABASE = (*NETWORK, *SECRETS, "sqladmin", "monitoring")


class Services(RestResource):
    """What is switched on for a site stays on when the site goes: others in the project may need it."""

    kind = "gcp.serviceusage.services"
    service = "serviceusage"
    style = Style.RPC
    lasting = True
    fields = Fields({"enabled": Field(unordered=True, open=True)})
    # Service Usage changes at most 20 services in one call (services.batchEnable).
    at_once: ClassVar[int] = 20

    def __init__(self, cloud: Cloud, names: Sequence[str]) -> None:
        super().__init__(cloud, cloud.project)
        self.wanted = sorted(f"{name}.googleapis.com" for name in set(names))

    @property
    def path(self) -> str:
        return f"projects/{self.project}/services"

    def body(self) -> dict[str, Any]:
        return {"enabled": self.wanted}

    def states(self) -> dict[str, bool]:
        """Service -> on. One call; also tells the project's number."""

        def load() -> dict[str, bool]:
            names = [f"{self.path}/{name}" for name in self.wanted]
            answer = self.get(f"{self.path}:batchGet", {"names": names})
            found = answer.get("services") or []
            for each in found:
                parent = str(each.get("parent") or each.get("name", ""))
                self.cloud.number = parent.split("/")[1] if "/" in parent else self.cloud.number
            return {each["name"].rpartition("/")[2]: each.get("state") == "ENABLED" for each in found}

        return self.cloud.shared.get(self.path, load)

    def forget(self) -> None:
        self.cloud.shared.drop(self.path)

    def fetch(self) -> dict[str, Any] | None:
        return {"enabled": [name for name, on in self.states().items() if on]}

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        missing = [name for name in self.wanted if name not in observed.values["enabled"]]
        return self.send(Request("POST", f"{self.path}:batchEnable", {"serviceIds": missing[: self.at_once]}))

    def delete(self, observed: Observed) -> Operation:
        return DONE  # lasting
