# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of caches: exports into a storage account of the site's own, which stays when the site goes.

Azure Managed Redis has no backups. Its export writes the whole database into a blob container, which it enters by a
signed address; the account for that takes shared keys, and nothing else is in it. Each backup is a container of its
own, whose metadata says what it is of, when it was taken, and whether it is whole: a run that dies while the export
goes on leaves one that is not, and the next run exports again.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from .._engine.backups import Backup, History
from .._engine.capability import Built
from .._engine.errors import NotFound
from .._engine.fields import MUTABLE, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Progress, Resource, State
from .._spec import names
from .._spec.cache import Cache
from .._spec.site import Site
from .._spec.sizes import environment_default
from . import sas
from .arm import at
from .cache import physical_name
from .groups import Groups
from .kinds_cache import CacheCluster
from .kinds_storage import Container, StorageAccount
from .operations import look, started
from .session import Session

PART = "backups"
_CONTAINER = Container.type
# What the service asks for (Azure Managed Redis, "Import and Export data"), and longer than it asks for.
_PERMISSIONS, _HOURS = "racwdltm", 12
_READY = "ready"


class FoundCluster(CacheCluster):
    """A cluster that is only referred to, wherever in the subscription it lies: its name is unique."""

    def predicted(self) -> dict[str, Any]:
        return {}

    def fetch(self) -> dict[str, Any] | None:
        return clusters(self.session).get(self.name.lower())


def clusters(session: Session) -> dict[str, dict[str, Any]]:
    """Every cluster of the subscription by name, asked once per run."""
    path = f"{session.subscription}/providers/{CacheCluster.type}"

    def ask() -> dict[str, dict[str, Any]]:
        found = session.patient(lambda: session.client.pages(path, CacheCluster.type))
        return {str(item.get("name", "")).lower(): item for item in found}

    return session.once(path, ask)


class CacheBackup(Resource):
    """One export of one cache. It is made once; one of this label that is whole is left as it is."""

    kind = "azure.cache.backup"
    fields = Fields({"state": MUTABLE})
    replaceable = False

    def __init__(
        self, session: Session, cache: str, label: str, account: StorageAccount, cluster: CacheCluster
    ) -> None:
        path = f"{account.path}/blobServices/default/containers/{container_name(cache, label)}"
        super().__init__(f"{cache}/{label}", [account, cluster], lock=cluster.path)
        self.session = session
        self.cache = cache
        self.label = label
        self.account = account
        self.cluster = cluster
        self.path = path
        self._exported = False

    def predicted(self) -> dict[str, Any]:
        return {"id": self.path}

    def desired(self) -> dict[str, Any]:
        return {"state": _READY}

    def read(self) -> Observed | None:
        if not self.account.outputs:
            return None
        found = self.session.read(self.path, _CONTAINER, direct=True)
        if found is None:
            return None
        state = "exported" if self._exported else str(at(found, "properties.metadata.state"))
        return Observed({"state": state}, {"id": self.path}, raw=found)

    def create(self, desired: dict[str, Any]) -> Operation:
        self._describe("PUT", "exporting", datetime.now(UTC))
        return self._export()

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if not self._exported:
            self._describe("PATCH", "exporting", datetime.now(UTC))
            return self._export()
        self._describe("PATCH", _READY, datetime.fromisoformat(at(observed.raw, "properties.metadata.taken")))
        self._exported = False
        return DONE

    def _describe(self, method: str, state: str, taken: datetime) -> None:
        told = {"cache": self.cache, "label": self.label, "state": state, "taken": taken.isoformat(timespec="seconds")}
        body = {"properties": {"publicAccess": "None", "metadata": told}}
        self.session.client.send(method, self.path, _CONTAINER, body)

    def _export(self) -> Operation:
        client, account = self.session.client, self.account
        keys = self.session.patient(lambda: client.send("POST", f"{account.path}/listKeys", account.type).body)
        container = self.path.rpartition("/")[2]
        until = datetime.now(UTC) + timedelta(hours=_HOURS)
        query = sas.container_query(account.name, container, str(keys["keys"][0]["value"]), _PERMISSIONS, until)
        address = f"{str(account.known('blob_endpoint')).rstrip('/')}/{container}?{query}"
        path = f"{self.cluster.known('id')}/databases/default"
        kind = f"{CacheCluster.type}/databases"
        operation = started(client.send("POST", f"{path}/export", kind, {"sasUri": address}), client)
        self._exported = operation.done
        return operation

    def poll(self, operation: Operation) -> Progress:
        progress = look(self.session.client, operation.handle) if operation.handle else super().poll(operation)
        self._exported = progress.state is State.DONE
        return progress

    def delete(self, observed: Observed) -> Operation:
        with suppress(NotFound):
            self.session.client.send("DELETE", self.path, _CONTAINER)
        return DONE


def backups(groups: Groups, label: str, spec: Cache) -> Built:
    """One export of every cache that keeps its data. outputs: cache, left_out."""
    session = groups.session
    resources: list[Resource] = []
    made: dict[str, CacheBackup] = {}
    wanted, left_out = spec.to_back_up()
    account = _account(groups)
    for item in wanted:
        name = physical_name(groups, item.name)
        cluster = FoundCluster(session, name, _nowhere(session, name), dict, managed=False)
        made[item.name] = CacheBackup(session, item.name, label, account, cluster)
        resources += [cluster, made[item.name]]
    if made:
        resources = [groups.part(PART), account, *resources]
    return Built(
        resources,
        outputs=lambda: {"cache": {name: item.out("id") for name, item in made.items()}, "left_out": left_out},
    )


def histories(groups: Groups, spec: Cache) -> list[History]:
    """Of every cache of the specification."""
    session = groups.session
    there = clusters(session) if spec.instances else {}
    return [
        History(
            "cache",
            item.name,
            exists=physical_name(groups, item.name).lower() in there,
            backups=tuple(_backups_of(groups, item.name)),
        )
        for item in spec.instances
    ]


def container_name(cache: str, label: str) -> str:
    """Unique for the pair, whatever the two names are."""
    return f"{names.fit(f'{cache}-{label}', 56)}-{names.digest(f'{cache}/{label}')}"


def _backups_of(groups: Groups, cache: str) -> list[Backup]:
    session = groups.session
    found = []
    for name in _containers(groups):
        if not name.startswith(f"{cache}-"):
            continue
        path = f"{_account_path(groups)}/blobServices/default/containers/{name}"

        def ask(path: str = path) -> Any:
            return session.read(path, _CONTAINER, direct=True)  # lists do not show metadata

        raw = session.patient(ask)
        told = at(raw, "properties.metadata") or {}
        if told.get("cache") == cache and told.get("taken"):
            ready = told.get("state") == _READY
            taken = datetime.fromisoformat(told["taken"])
            found.append(Backup(path, str(told.get("label", "")), "manual", "ready" if ready else "pending", taken))
    return found


def _containers(groups: Groups) -> list[str]:
    session, path = groups.session, f"{_account_path(groups)}/blobServices/default/containers"

    def ask() -> list[str]:
        try:
            return [str(item["name"]) for item in session.patient(lambda: session.client.pages(path, _CONTAINER))]
        except NotFound:
            return []  # no backup was ever made

    return session.once(path, ask)


def _account_path(groups: Groups) -> str:
    name = names.globally_unique(groups.session.site, PART, limit=24, separator="")
    return groups.session.in_group(groups.part(PART).name, StorageAccount.type, name)


def _account(groups: Groups) -> StorageAccount:
    session, path = groups.session, _account_path(groups)
    name = path.rpartition("/")[2]
    return StorageAccount(session, name, path, lambda: _body(session.site), parent=groups.part(PART))


def _body(site: Site) -> dict[str, Any]:
    spread = environment_default(site.environment, "high_availability")
    return {
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS" if spread else "Standard_LRS"},
        "properties": {
            "minimumTlsVersion": "TLS1_2",
            "supportsHttpsTrafficOnly": True,
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": True,
            "allowCrossTenantReplication": False,
        },
    }


def _nowhere(session: Session, name: str) -> str:
    """A path that only tells clusters apart: where one lies is told when it is found."""
    return f"{session.subscription}/providers/{CacheCluster.type}/{name}"
