# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the region offers: looked up where the specification leaves the choice of zones to us."""

from __future__ import annotations

from typing import Any

from .._engine.errors import NotFound
from .._engine.fields import Fields
from .client import Cloud
from .references import last
from .rest import RestResource


class Region(RestResource):
    """The region's zones and quotas. Referred to, never managed."""

    kind = "gcp.compute.region"
    place = "projects/{project}/regions"
    fields = Fields({})

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, cloud.region, managed=False)

    def fetch(self) -> dict[str, Any] | None:
        return self.cloud.shared.get(self.path, super().fetch)

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**self.predicted(), "zones": sorted(last(zone) for zone in raw.get("zones") or ())}


class Accelerator(RestResource):
    """The zones of the region that offer a kind of GPU. Referred to, never managed."""

    kind = "gcp.compute.accelerator"
    fields = Fields({})

    def __init__(self, cloud: Cloud, accelerator: str) -> None:
        super().__init__(cloud, accelerator, managed=False)

    @property
    def path(self) -> str:
        return f"projects/{self.project}/aggregated/acceleratorTypes"

    def predicted(self) -> dict[str, Any]:
        return {}

    def fetch(self) -> dict[str, Any] | None:
        try:
            answer = self.get(self.path, {"filter": f"name = {self.name}", "returnPartialSuccess": "true"})
        except NotFound:
            return None
        scopes = answer.get("items") or {}
        zones = sorted(last(scope) for scope, found in scopes.items() if found.get("acceleratorTypes"))
        return {"zones": [zone for zone in zones if zone.startswith(self.cloud.region + "-")]}

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {"id": f"{self.path}/{self.name}", "zones": raw["zones"]}
