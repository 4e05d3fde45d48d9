# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of Memorystore for Valkey (Memorystore API v1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from .._engine.errors import AuthError, NotFound
from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Mode
from .._engine.plan import Plan
from .._engine.resource import Observed, Recovery, Status
from .cache_bodies import VALKEY_PORT, older
from .references import FIXED_REFERENCE, ProtoFields, merged, or_absent, same_duration, same_moment, same_reference
from .rest import Request, RestResource, Style

DISRUPTIVE = Field(disruptive=True)


def _connections(endpoints: Any) -> Iterator[dict[str, Any]]:
    for endpoint in endpoints or ():
        for connection in endpoint.get("connections") or ():
            yield connection.get("pscAutoConnection") or connection.get("pscConnection") or {}


def _same_endpoints(want: Any, have: Any) -> bool:
    """By network: the service makes as many connections of each as it needs (recorded traffic: two for one)."""
    ours = [each.get("network") for each in _connections(want)]
    theirs = [each.get("network") for each in _connections(have)]

    def covers(some: list[Any], others: list[Any]) -> bool:
        return all(any(same_reference(one, other) for other in others) for one in some)

    return bool(theirs) and covers(ours, theirs) and covers(theirs, ours)


def _same_connections(want: Any, have: Any) -> bool:
    """The older form of the same."""
    return _same_endpoints(
        *([{"connections": [{"pscAutoConnection": e} for e in each or ()]}] for each in (want, have))
    )


class Instance(RestResource):
    """A cache. One member is changed at a time, as recorded traffic does: the API takes few of them together."""

    kind = "gcp.memorystore.instance"
    service = "memorystore"
    place = "projects/{project}/locations/{region}/instances"
    style = Style.RPC
    labels = "labels"
    listed = True
    items = "instances"
    replaceable = False
    fields = ProtoFields(
        {
            "labels": MUTABLE,
            "mode": IMMUTABLE,
            "shardCount": MUTABLE,
            "replicaCount": MUTABLE,
            "nodeType": DISRUPTIVE,  # nodes are replaced one after the other; the primary fails over
            "engineVersion": DISRUPTIVE,
            "engineConfigs": MUTABLE,
            "endpoints": Field(Mode.IMMUTABLE, equal=_same_endpoints),
            "pscAutoConnections": Field(Mode.IMMUTABLE, equal=_same_connections),
            "authorizationMode": IMMUTABLE,
            "transitEncryptionMode": IMMUTABLE,
            "serverCaMode": IMMUTABLE,
            "serverCaPool": FIXED_REFERENCE,
            "kmsKey": FIXED_REFERENCE,
            "zoneDistributionConfig": IMMUTABLE,
            "persistenceConfig": MUTABLE,
            "persistenceConfig.mode": Field(equal=or_absent("DISABLED")),
            "persistenceConfig.rdbConfig.rdbSnapshotStartTime": Field(equal=same_moment),
            "automatedBackupConfig": MUTABLE,
            "automatedBackupConfig.automatedBackupMode": Field(equal=or_absent("DISABLED")),
            "automatedBackupConfig.retention": Field(equal=same_duration),
            "maintenancePolicy": MUTABLE,
            "maintenanceVersion": DISRUPTIVE,
            "crossInstanceReplicationConfig": MUTABLE,
            "deletionProtectionEnabled": MUTABLE,
            "ondemandMaintenance": CREATE_ONLY,
            "simulateMaintenanceEvent": CREATE_ONLY,
            "allowFewerZonesDeployment": CREATE_ONLY,
            "asyncInstanceEndpointsDeletionEnabled": MUTABLE,
            "managedBackupSource": CREATE_ONLY,
            "gcsSource": CREATE_ONLY,
            "name": IMMUTABLE,
        }
    )
    # What is changed first: more room and safety before anything that may need them.
    order: ClassVar[tuple[str, ...]] = ("replicaCount", "shardCount", "nodeType", "engineVersion")
    maps: ClassVar[tuple[str, ...]] = ("labels", "engineConfigs")  # written whole: what others set stays

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        state = str(raw.get("state"))
        known = {"ACTIVE": Status.READY, "DELETING": Status.DELETING}
        return known.get(state, Status.PENDING), state.lower(), Recovery.REPORT

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        """host and port: of the primary; reader_host: of the replicas, where there are any."""
        made = list(_connections(raw.get("endpoints")))
        primary = next((each for each in made if each.get("connectionType") == "CONNECTION_TYPE_PRIMARY"), {})
        reader = next((each for each in made if each.get("connectionType") == "CONNECTION_TYPE_READER"), {})
        return {
            **self.predicted(),
            "host": primary.get("ipAddress"),
            "port": (primary.get("port") or VALKEY_PORT) if primary else None,
            "reader_host": reader.get("ipAddress") if raw.get("replicaCount") else None,
            "uid": raw.get("uid"),
            "version": str(raw.get("engineVersion", "")).partition("_")[2].replace("_", ".") or None,
        }

    def certificate_authority(self) -> str | None:
        """Whom clients have to trust, PEM. None while it is not there, and to those who may not see it: a run that has
        done its work does not fail for it."""
        if not self.outputs.get("host"):
            return None
        try:
            answer = self.cloud.look(self.service, f"{self.path}/certificateAuthority")
        except (AuthError, NotFound):
            return None
        chains = (answer.get("managedServerCa") or {}).get("caCerts") or ()
        return "\n".join(pem.strip() for chain in chains for pem in chain.get("certificates") or ()) or None

    # -- changes ---------------------------------------------------------------------------------------------------

    def creation(self, desired: dict[str, Any]) -> Request:
        body = {name: value for name, value in desired.items() if value != ""}  # no key is no member
        return Request("POST", self.collection, body, {"instanceId": self.name})

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        name = next((each for each in self.order if each in members), min(members))
        value = merged(observed.values.get(name), desired[name]) if name in self.maps else desired[name]
        return Request("PATCH", self.path, {name: value}, {"updateMask": name})

    def check_update(self, observed: Observed, change: Plan) -> str:
        for each in change.changes:
            if each.path == "engineVersion" and older(str(each.after), str(each.before)):
                return f"the engine cannot go back from {each.before} to {each.after}. Leave the version as it is."
        return ""

    def check_delete(self, observed: Observed) -> str:
        if observed.values.get("deletionProtectionEnabled"):
            return "it is protected against deletion. Switch its deletion protection off first."
        return ""
