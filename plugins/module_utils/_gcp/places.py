# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the region offers: looked up where the specification leaves the choice of zones to us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.fields import Fields
from .._engine.resource import Observed
from .._engine.retry import retry_call
from .client import Cloud
from .references import last
from .rest import RestResource


class Lookup(RestResource):
    """Something that is referred to and never managed.

    While its service is still off (enable_services) what it tells is not known; it is asked again once it is needed.
    """

    fields = Fields({})

    def __init__(self, cloud: Cloud, name: str) -> None:
        super().__init__(cloud, name, managed=False)

    def predicted(self) -> dict[str, Any]:
        return {}

    def read(self) -> Observed | None:
        observed = super().read()
        return Observed({}) if observed is None and self._off() else observed

    def out(self, name: str) -> Any:
        if name not in self.outputs and self._off():
            observed = retry_call(super().read, self.cloud.clock)
            self.outputs = dict(observed.outputs) if observed else {}
        return super().out(name)

    def _off(self) -> bool:
        return self.cloud.site.enable_services and not self.outputs


class Region(Lookup):
    """The region's zones."""

    kind = "gcp.compute.region"
    place = "projects/{project}/regions"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, cloud.region)

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {"id": self.path, "zones": sorted(last(zone) for zone in raw.get("zones") or ())}


class Accelerator(Lookup):
    """The zones of the region that offer a kind of GPU."""

    kind = "gcp.compute.accelerator"

    @property
    def path(self) -> str:
        return f"projects/{self.project}/aggregated/acceleratorTypes"

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return super().get(path, {"filter": f"name = {self.name}", "returnPartialSuccess": "true"})

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        scopes = raw.get("items") or {}
        zones = sorted(last(scope) for scope, found in scopes.items() if found.get("acceleratorTypes"))
        here = [zone for zone in zones if zone.startswith(self.cloud.region + "-")]
        return {"id": f"{self.path}/{self.name}", "zones": here}
