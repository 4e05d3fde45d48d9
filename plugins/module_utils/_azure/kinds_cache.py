# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of Azure Managed Redis: a cluster, which is the machines, and the one database in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._engine.errors import InvalidRequest, NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Mode
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation
from .arm import ArmResource, at
from .fields import TRACKED, ArmFields, canonical, dropped
from .operations import started

_WORD = Field(Mode.IMMUTABLE, normalise=canonical)


class CacheCluster(ArmResource):
    """A cluster of Azure Managed Redis. outputs: host.

    High availability can be switched on and never off; a cluster without it loses all data when it is scaled (Azure
    Managed Redis, "Plan reliability and durability", "Scale an instance").
    """

    kind = "azure.cache.cluster"
    type = "Microsoft.Cache/redisEnterprise"
    patches = True
    replaceable = False
    fields = ArmFields(
        {
            **TRACKED,
            "sku.capacity": MUTABLE,
            "identity.type": Field(equal=dropped("None")),
            "properties.encryption.customerManagedKeyEncryption": Field(exact=True),
        }
    )
    exposes = {"host": "properties.hostName"}

    def check_update(self, observed: Observed, change: Plan) -> str:
        have, want = observed.raw, self.desired()
        if canonical(at(have, "properties.highAvailability") or "") == "enabled" and (
            canonical(at(want, "properties.highAvailability") or "enabled") == "disabled"
        ):
            return (
                "high availability of Azure Managed Redis can be switched on, but not off again. Leave "
                "high_availability at true."
            )
        if change.touches("sku"):
            return self._scaling(str(at(want, "sku.name")))
        return ""

    def _scaling(self, size: str) -> str:
        """Why the cluster cannot be scaled to a size: the service itself tells which it offers from here."""
        try:
            found = self.session.patient(
                lambda: self.client.send("POST", f"{self.path}/listSkusForScaling", self.type).body
            )
        except (InvalidRequest, NotFound):
            return ""
        offered = {canonical(str(item.get("name"))): str(item.get("name")) for item in (found or {}).get("skus") or []}
        if canonical(size) in offered:
            return ""
        return f"it cannot be scaled to {size}. From here Azure offers {', '.join(offered.values()) or 'nothing else'}."

    def write(self, method: str, body: Any, etag: str = "") -> Operation:
        secured = (body.get("properties") or {}).get("encryption")
        if method == "PATCH" and secured and secured.get("customerManagedKeyEncryption") is None:
            secured["customerManagedKeyEncryption"] = {}  # back to the provider's key (REST reference)
        return super().write(method, body, etag)

    def disruption(self, observed: Observed, change: Plan) -> str:
        if not change.touches("sku"):
            return ""
        if canonical(at(observed.raw, "properties.highAvailability") or "") == "disabled":
            return "scaling a cache without high availability takes it down and loses all its data"
        return "scaling fails the cache over, and connections break for a moment"


class CacheDatabase(ArmResource):
    """The database of a cluster; there is one, named `default`. before: called just before it is made."""

    kind = "azure.cache.database"
    type = "Microsoft.Cache/redisEnterprise/databases"
    tracked = False
    patches = True
    inner = True
    replaceable = False
    fields = ArmFields(
        {
            "properties": MUTABLE,
            "properties.clientProtocol": _WORD,
            "properties.clusteringPolicy": _WORD,
            "properties.port": IMMUTABLE,
            "properties.modules": IMMUTABLE,
            "properties.geoReplication": IMMUTABLE,
        }
    )
    exposes = {"port": "properties.port", "version": "properties.redisVersion"}

    def __init__(self, *args: Any, before: Callable[[], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._before = before

    def create(self, desired: dict[str, Any]) -> Operation:
        self._before()
        return super().create(desired)

    # -- keys ------------------------------------------------------------------------------------------------------

    def keys(self) -> dict[str, str]:
        """Both access keys by their names, "Primary" and "Secondary". Never to be shown."""
        body = self.session.patient(lambda: self.client.send("POST", f"{self.path}/listKeys", self.type).body)
        return {name: str(body[f"{name.lower()}Key"]) for name in ("Primary", "Secondary")}

    def regenerate(self, name: str) -> Operation:
        """Start to replace one of the keys. `poll` watches it."""
        answer = self.client.send("POST", f"{self.path}/regenerateKey", self.type, {"keyType": name})
        return started(answer, self.client)
