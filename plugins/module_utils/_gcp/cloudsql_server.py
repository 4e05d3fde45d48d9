# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Cloud SQL server as a resource: primaries, read replicas, and servers that begin with what another one held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._engine.credential import Credential
from .._engine.errors import CloudError, Conflict, InvalidRequest, NotFound, NotYetConsistent
from .._engine.fields import Fields
from .._engine.plan import Plan
from .._engine.resource import Observed, Operation, Recovery, Resource, Status
from .._spec.database import Restore
from . import cloudsql_facts as facts
from .client import Cloud
from .cloudsql import INSTANCES, NAMED, RESTORED, SERVER, SqlResource, holder, instances, is_settled, labels, own_names
from .cloudsql_fields import FIELDS
from .cloudsql_origins import Origin, find_origin
from .references import last, merged
from .rest import Request

FINAL_DAYS = 365  # how long a final backup stays; no more is possible
FINAL = "final"  # what it is called
# Everything else is on its way. An instance under ONLINE_MAINTENANCE serves, but takes no changes.
READY, _DELETING, _BROKEN = ("RUNNABLE", "STOPPED"), ("PENDING_DELETE",), ("FAILED", "SUSPENDED")
_TAKEN = "instanceAlreadyExists"


class Server(SqlResource):
    """One instance.

    server: its name in the specification. admin: whose password is given at creation. restore: what it begins with.
    final: a final backup is made when it is deleted. max_lag: of a replica, how far behind it may be when it is
    promoted.
    """

    kind = "gcp.sql.instance"
    place = "projects/{project}/instances"
    replaceable = False
    fields: Fields = FIELDS  # type: ignore[misc]  # some of one object are classed differently

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        body: Callable[[], dict[str, Any]],
        needs: Sequence[Resource] = (),
        *,
        server: str,
        restore: Restore | None = None,
        final: bool = False,
        max_lag: int = 0,
        present: bool = True,
    ) -> None:
        super().__init__(cloud, name, body, needs, present=present, lock=f"sql/{server}")
        self.server = server
        self.restore = restore
        self.final = final
        self.max_lag = max_lag
        self.admin: Credential | None = None
        self._unusable: set[str] = set()

    # -- where it is -----------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return str(self.known("id"))

    def predicted(self) -> dict[str, Any]:
        return {}  # which of its names is free is known when it is made

    def own_names(self) -> list[str]:
        """The names that an instance made for this purpose may have."""
        return own_names(self.cloud, self.server, self.restore)

    def _own_name(self) -> str:
        """The instance's name, or the one it would get."""
        known = self.outputs.get("name")
        if known:
            return str(known)
        there = instances(self.cloud)
        return next(each for each in self.own_names() if each not in there and each not in self._unusable)

    def forget(self) -> None:
        self.cloud.shared.drop(INSTANCES)

    # -- what it is ------------------------------------------------------------------------------------------------

    def desired(self) -> dict[str, Any]:
        body = self.body()
        own = {SERVER: self.server, NAMED: self._own_name()}
        if self.restore is not None:
            own[RESTORED] = self.server
        settings = {**body["settings"], "userLabels": {**self.cloud.site.all_tags, **own}}
        return {**body, "settings": settings}

    def fetch(self) -> dict[str, Any] | None:
        found = holder(self.cloud, self.server)
        if found is None and self.restore is not None:
            # A clone that an earlier run began has its source's labels still.
            there = instances(self.cloud)
            begun = (there[name] for name in self.own_names() if name in there)
            found = next((each for each in begun if not is_settled(each)), None)
        return found

    def values(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, "masterInstanceName": raw.get("masterInstanceName") or ""}

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        addresses = {each.get("type"): each.get("ipAddress") for each in raw.get("ipAddresses") or ()}
        return {
            "id": f"{self.collection}/{raw['name']}",
            "name": raw["name"],
            "host": addresses.get("PRIVATE"),
            "version": str(raw.get("databaseVersion", "")).partition("_")[2].replace("_", "."),
            "database_version": raw.get("databaseVersion"),
            # What is in it can be asked only while it runs.
            "running": raw.get("state") in READY and (raw.get("settings") or {}).get("activationPolicy") != "NEVER",
            "zone": raw.get("gceZone"),
            "connection_name": raw.get("connectionName"),
        }

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        state = str(raw.get("state") or "")
        if state in READY:
            return Status.READY, "", Recovery.REPORT
        if state in _BROKEN:
            why = ", ".join(raw.get("suspensionReason") or ()) or "its creation or last change failed"
            # One without addresses never came to life.
            recovery = Recovery.REPORT if raw.get("ipAddresses") else Recovery.RECREATE
            return Status.FAILED, f"{state}: {why}.", recovery
        return (Status.DELETING if state in _DELETING else Status.PENDING), state, Recovery.REPORT

    def owners(self, raw: dict[str, Any]) -> dict[str, str]:
        return labels(raw)

    # -- changes ---------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        name = desired["settings"]["userLabels"][NAMED]
        try:
            return self.send(self._beginning(name, desired))
        except Conflict as error:
            if error.code != _TAKEN:
                raise
            if not self._is_there(name):
                self._unusable.add(name)  # an instance of this name was deleted less than a week ago
            raise NotYetConsistent(error.message, code=error.code, status=error.status) from error

    def _is_there(self, name: str) -> bool:
        try:
            self.cloud.look(self.service, f"{self.collection}/{name}")
        except NotFound:
            return False
        return True

    def _beginning(self, name: str, desired: dict[str, Any]) -> Request:
        body = {key: value for key, value in desired.items() if value != ""}
        origin = find_origin(self.cloud, self.restore) if self.restore is not None else None
        if origin is not None:
            return self._from(origin, name, body)
        if self.admin is not None:
            body["rootPassword"] = self.admin.for_creation()
        return Request("POST", self.collection, {"name": name, **body})

    def _from(self, origin: Origin, name: str, body: dict[str, Any]) -> Request:
        """A clone of a server that is there, or a new server from a backup. What differs is changed afterwards."""
        if origin.source:
            context: dict[str, Any] = {"destinationInstanceName": name}
            if origin.time:
                context["pointInTime"] = origin.time
            return Request("POST", f"{self.collection}/{origin.source}/clone", {"cloneContext": context})
        settings = dict(body["settings"])
        settings["dataDiskSizeGb"] = str(max(int(settings["dataDiskSizeGb"]), origin.disk_gb))
        # The version is the backup's; a newer one that is asked for is an upgrade afterwards.
        fresh = {**body, "name": name, "databaseVersion": origin.version, "settings": settings}
        content = {"backup": origin.backup, "restoreInstanceSettings": fresh}
        return Request("POST", f"{self.collection}/{name}/restoreBackup", content)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        path = f"{self.collection}/{observed.values['name']}"
        if change.touches("masterInstanceName"):
            reason = facts.lag_problem(self.cloud, observed.values["name"], self.max_lag)
            if reason:
                raise InvalidRequest(reason)
            return self.send(Request("POST", f"{path}/promoteReplica"))
        if change.touches("databaseVersion"):
            return self.send(Request("PATCH", path, {"databaseVersion": desired["databaseVersion"]}))
        settings = desired["settings"]
        changed = {_second(each.path) for each in change.changes} & settings.keys()
        body = {name: settings[name] for name in sorted(changed)}
        have = observed.values.get("settings") or {}
        if "userLabels" in body:
            body["userLabels"] = merged(have.get("userLabels"), body["userLabels"])
        if "databaseFlags" in body and self.fields.at("settings.databaseFlags").open:
            ours = {each["name"] for each in body["databaseFlags"]}
            others = [each for each in have.get("databaseFlags") or () if each["name"] not in ours]
            body["databaseFlags"] = [*body["databaseFlags"], *others]
        # Guarded: settings that changed meanwhile are read again (412).
        return self.send(Request("PATCH", path, {"settings": {"settingsVersion": have["settingsVersion"], **body}}))

    def deletion(self, observed: Observed) -> Request:
        query = {}
        if self.final and not observed.values["masterInstanceName"] and observed.status is not Status.FAILED:
            query = {
                "enableFinalBackup": "true",
                "finalBackupTtlDays": str(FINAL_DAYS),
                "finalBackupDescription": FINAL,
            }
        return Request("DELETE", f"{self.collection}/{observed.values['name']}", query=query)

    # -- guards ----------------------------------------------------------------------------------------------------

    def check_update(self, observed: Observed, change: Plan) -> str:
        have = observed.values
        for each in change.changes:
            reason = ""
            if each.path == "databaseVersion":
                reason = facts.version_problem(str(each.before), str(each.after), have)
            elif each.path == "settings.dataDiskSizeGb" and int(each.after) < int(each.before or 0):
                reason = (
                    f"storage cannot shrink: it is {each.before} GB, asked for {each.after}. Set storage_gb to at "
                    "least what there is, or restore into a new server."
                )
            elif each.path == "masterInstanceName":
                reason = self._primary_problem(observed, each.after)
            if reason:
                return reason
        return ""

    def _primary_problem(self, observed: Observed, master: Any) -> str:
        if master and observed.values["masterInstanceName"]:
            return (
                f"it follows {observed.values['masterInstanceName']}, and a replica cannot be given another primary. "
                "Remove it (state: absent), then make it again."
            )
        if master:
            return (
                "it is a server of its own, which cannot become a replica again. Write promote: true, or remove it and "
                "give the replica another name."
            )
        try:
            return facts.lag_problem(self.cloud, observed.values["name"], self.max_lag)
        except CloudError as error:
            return f"how far it is behind its primary is not known: {error.message}"

    def disruption(self, observed: Observed, change: Plan) -> str:
        paths = [each.path for each in change.changes if each.field.disruptive]
        version = str(observed.values.get("databaseVersion") or "")
        changed = sorted(facts.changed_flags(change))
        paths += [f"the flag {name}" for name in changed if facts.needs_restart(self.cloud, version, name)]
        return f"a change of {', '.join(paths)} restarts the server" if paths else ""

    def check_delete(self, observed: Observed) -> str:
        never_lived = observed.status is Status.FAILED and observed.recovery is Recovery.RECREATE
        if (observed.values.get("settings") or {}).get("deletionProtectionEnabled") and not never_lived:
            return "deletion protection is on. Set deletion_protection: false, roll that out, then delete."
        return ""

    def remains(self, observed: Observed) -> str:
        if observed.values["masterInstanceName"]:
            return ""
        kept = [f"a final backup for {FINAL_DAYS} days"] if self.final else []
        if (observed.values.get("settings") or {}).get("retainBackupsOnDelete"):
            kept.append("its backups")
        return f"leaves behind {' and '.join(kept)} of {last(observed.values['name'])}" if kept else ""


def _second(path: str) -> str:
    """The member of settings that a change is in."""
    parts = path.split(".")
    return parts[1].partition("[")[0] if parts[0] == "settings" and len(parts) > 1 else ""
