"""Data stores of the fake cloud: secrets, servers with rows and logins, backups, promotion, caches, a registry.

Loaded as a member of `module_utils`, like fake_cloud. A server is found by its logical name, which can move to another
object; a restored one has the rows and the logins of its backup.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from ._engine.backups import Backup, History
from ._engine.capability import Built
from ._engine.credential import Credential, Kept
from ._engine.errors import AuthError, NotFound, Unavailable
from ._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from ._engine.plan import Plan
from ._engine.resource import DONE, WATCH, Observed, Operation, Resource
from ._fake_world import Thing, World
from ._spec.arguments import as_dict
from ._spec.cache import Cache
from ._spec.database import Database, DatabaseServer, Restore, former_name
from ._spec.registry import Registry
from ._spec.secret_store import SecretStore
from ._spec.site import Site
from ._spec.workload_identity import WorkloadIdentity

BLANK: dict[str, Any] = {"body": {}, "ready_at": 0.0}


class FileVault:
    """Values stand beside the secret that is their place."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _values(self, name: str) -> dict[str, str]:
        thing = self.world.load().get(f"fake.secret/{name}", {})
        return dict(thing.get("values", {}))

    def _store(self, name: str, values: dict[str, str]) -> None:
        key = f"fake.secret/{name}"
        self.world.put(key, {**self.world.load()[key], "values": values})

    def kept(self, name: str) -> Kept:
        values = self._values(name)
        return Kept.PENDING if "pending" in values else Kept.CURRENT if "current" in values else Kept.NOTHING

    def current(self, name: str) -> str | None:
        return self._values(name).get("current")

    def pending(self, name: str) -> str | None:
        return self._values(name).get("pending")

    def put_pending(self, name: str, value: str) -> None:
        self._store(name, {**self._values(name), "pending": value})

    def promote(self, name: str) -> None:
        values = self._values(name)
        if "pending" in values:
            self._store(name, {"current": values["pending"]})


class Secret(Thing):
    kind = "fake.secret"

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raise AssertionError("a secret has nothing to change")


class Value(Credential):
    kind = "fake.value"
    inside = True

    def give(self, password: str) -> Operation:
        return DONE


class Server(Thing):
    """One server: {logical, data, logins, restored_as} beside its body."""

    kind = "fake.server"
    replaceable = False
    fields: ClassVar[Fields] = Fields(
        {"size": Field(disruptive=True), "storage": MUTABLE, "restore": IMMUTABLE, "tags": MUTABLE}
    )

    def __init__(self, world: World, site: Site, spec: DatabaseServer, admin: Callable[[], Login]) -> None:
        body = {
            "size": spec.size,
            "storage": spec.storage_gb,
            "restore": as_dict(spec.restore) if spec.restore else None,
        }
        super().__init__(world, site, f"{site.base}-{spec.name}", body, present=spec.state == "present")
        self.spec, self.admin = spec, admin

    def found(self) -> tuple[str, dict[str, Any]]:
        entry = self.world.find(self.kind, logical=self.spec.name)
        if entry is None:
            raise NotFound("there is no such server")
        return entry

    def read(self) -> Observed | None:
        entry = self.world.find(self.kind, logical=self.spec.name)
        if entry is None:
            return None
        key, thing = entry
        identity = "id-" + key.partition("/")[2]
        return Observed(thing["body"], {"id": identity, "host": f"{self.spec.name}.example"}, tags=thing["tags"])

    def create(self, desired: dict[str, Any]) -> Operation:
        thing = {"body": desired, "tags": self.site.all_tags, "ready_at": 0.0, "logical": self.spec.name}
        if self.spec.restore:
            origin = newest(self.world, self.spec.restore)
            content = {"data": origin["data"], "logins": origin["logins"], "restored_as": mark_of(self.spec)}
        else:
            content = {"data": [], "logins": {"admin": self.admin().for_creation()}}
        taken = self.world.load()
        number = next(number for number in range(9) if f"{self.key}{number or ''}" not in taken)
        self.world.put(f"{self.key}{number or ''}", {**thing, **content})
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        key, thing = self.found()
        self.world.put(key, {**thing, "body": desired})
        return DONE

    def delete(self, observed: Observed) -> Operation:
        key, thing = self.found()
        if self.spec.final_snapshot:
            name = f"fake.backup/{self.site.base}-{self.spec.name}-final"
            self.world.put(name, snapshot(thing, self.spec.name, "", self.site) | {"origin_kind": "final"})
        self.world.put(key, None)
        return DONE

    def remains(self, observed: Observed) -> str:
        return f"{self.site.base}-{self.spec.name}-final stays" if self.spec.final_snapshot else ""


class Login(Credential):
    kind = "fake.login"
    inside = True

    def __init__(self, world: World, server: Server, vault: FileVault, place: Resource, user: str, **more: Any) -> None:
        secret = f"{server.spec.name}-{user}"
        super().__init__(f"{server.name}/{user}", vault, place, (server,), secret=secret, username=user, **more)
        self.world, self.server, self.goes_with = world, server, server

    def give(self, password: str) -> Operation:
        key, thing = self.server.found()
        self.world.put(key, {**thing, "logins": {**thing["logins"], self.username: password}})
        return DONE


class Copied(Thing):
    """A backup that was asked for."""

    kind = "fake.backup"

    def __init__(self, world: World, site: Site, server: Server, label: str) -> None:
        name = f"{site.base}-{server.spec.name}-{label}"
        super().__init__(world, site, name, {"label": label}, [server])
        self.server, self.label = server, label

    def desired(self) -> dict[str, Any]:
        return dict(self.body)

    def create(self, desired: dict[str, Any]) -> Operation:
        _key, thing = self.server.found()
        self.world.put(self.key, snapshot(thing, self.server.spec.name, self.label, self.site))
        return WATCH


class Name(Resource):
    """What a server is called. It can be given to another one."""

    kind = "fake.name"
    fields: ClassVar[Fields] = Fields({"name": MUTABLE})

    def __init__(
        self, world: World, old: str, new: str, needs: tuple[Resource, ...] = (), *, restored: DatabaseServer
    ) -> None:
        super().__init__(f"{old} becomes {new}", needs)
        self.world, self.old, self.new, self.mark = world, old, new, mark_of(restored)
        self._takes = old == restored.name  # otherwise its predecessor is moved out of the way

    def desired(self) -> dict[str, Any]:
        return {"name": self.new}

    def read(self) -> Observed | None:
        moving = self._moving()
        if moving:
            return Observed({"name": self.old}, {"id": moving[0]})
        there = self.world.find("fake.server", logical=self.new)
        if there and (there[1].get("restored_as") == self.mark or not self._takes):
            return Observed({"name": self.new}, {"id": there[0]})
        return None if self._takes else Observed({"name": self.new}, {"id": "nobody"})

    def create(self, desired: dict[str, Any]) -> Operation:
        raise NotFound(f"there is no server {self.old}")

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        moving = self._moving()
        if moving is None:
            raise NotFound(f"there is no server {self.old}")
        self.world.put(moving[0], {**moving[1], "logical": self.new})
        return DONE

    def delete(self, observed: Observed) -> Operation:
        raise AssertionError("names are not deleted")

    def _moving(self) -> tuple[str, dict[str, Any]] | None:
        found = self.world.find("fake.server", logical=self.old)
        if found is None or (not self._takes and found[1].get("restored_as") == self.mark):
            return None
        return found


def mark_of(spec: DatabaseServer) -> list[Any]:
    """What a restored server says for good: as what, and from what, it was made."""
    return [spec.name, as_dict(spec.restore)]


def snapshot(thing: dict[str, Any], server: str, label: str, site: Site) -> dict[str, Any]:
    content = {name: copy.deepcopy(thing[name]) for name in ("data", "logins")}
    body = {"label": label}
    return {**BLANK, "body": body, "tags": site.all_tags, "of": server, "taken": time.time(), **content}


def newest(world: World, restore: Restore) -> dict[str, Any]:
    """What a restore begins with: the server as it is, or its newest backup (with the label)."""
    living = world.find("fake.server", logical=restore.server)
    if living and not restore.label:
        return living[1]
    copies = [
        thing
        for key, thing in world.load().items()
        if key.startswith("fake.backup/")
        and thing["of"] == restore.server
        and restore.label in (None, thing["body"]["label"])
    ]
    if not copies:
        raise NotFound("there is no such backup")
    return dict(max(copies, key=lambda thing: thing["taken"]))


class Console:
    """A server as its administrator sees it."""

    def __init__(self, vault: FileVault, server: Server) -> None:
        self.vault, self.server = vault, server

    def check(self) -> str:
        if os.environ.get("FAKE_UNREACHABLE"):
            raise Unavailable("no route to host", what="PostgreSQL")
        stored = self.vault.current(f"{self.server.spec.name}-admin") or ""
        password = self.server.found()[1]["logins"]["admin"]
        if password not in stored:
            raise AuthError("the login of admin is refused")
        return "16.4"

    def databases(self) -> set[str]:
        return {"postgres"}


class StoresDriver:
    """The data stores' half of the driver."""

    site: Site
    world: World

    def secret_store(self, spec: SecretStore, *, managed: bool = True) -> Built:
        vault = FileVault(self.world)
        secrets = [self._secret(each.name) for each in spec.secrets if managed]
        values = [
            Value(f"{place.name} value", vault, place, secret=place.name, rotate=each.rotate)
            for each, place in zip(spec.secrets, secrets, strict=False)
            if each.generate
        ]
        ids = {each.name: f"id-{each.name}" for each in secrets}
        return Built([*secrets, *values], {"vault": vault}, lambda: {"id": "store", "secrets": ids})

    def database(
        self, spec: Database, network: Any, network_built: Built, secrets_built: Built, *, reapply: bool = False
    ) -> Built:
        vault = secrets_built.exports["vault"]
        resources: list[Resource] = []
        outputs: dict[str, Any] = {}
        reach: dict[str, Callable[[], Console]] = {}
        for each in spec.servers:
            here = each.state == "present"
            logins: list[Login] = []
            server = Server(self.world, self.site, each, lambda logins=logins: logins[0])  # type: ignore[misc]
            place = self._secret(f"{each.name}-admin", present=here)
            logins.append(
                Login(self.world, server, vault, place, "admin", rotate=each.rotate, reapply=reapply, present=here)
            )
            resources += [place, server, *logins]
            server.needs = (place,)
            reference = {"username": "admin", "secret": place.predicted()["id"]}
            if here:
                outputs[each.name] = {"id": server, "host": server, "admin": reference}
                reach[each.name] = lambda server=server: Console(vault, server)  # type: ignore[misc]
        return Built(
            resources,
            {"reach": reach},
            lambda: {
                "servers": {
                    name: {**each, "id": each["id"].out("id"), "host": each["host"].out("host")}
                    for name, each in outputs.items()
                }
            },
        )

    def cache(self, spec: Cache, network: Any, network_built: Built, secrets_built: Built) -> Built:
        made = [
            Thing.of("fake.cache", self.world, self.site, f"{self.site.base}-{each.name}", {"size": each.size})
            for each in spec.instances
        ]
        return Built(list(made), {}, lambda: {"instances": {each.name: {"id": each.out("id")} for each in made}})

    def registry(self, spec: Registry, cluster_built: Built | None) -> Built:
        made = [
            Thing.of("fake.repository", self.world, self.site, f"{self.site.base}-{each.name}", {})
            for each in spec.repositories
        ]
        return Built(list(made), {}, lambda: {"url": "registry.example", "repositories": {}})

    def workload_identity(self, spec: WorkloadIdentity, specs: Mapping[str, Any], built: Mapping[str, Built]) -> Built:
        made = [
            Thing.of(
                "fake.identity",
                self.world,
                self.site,
                f"{self.site.base}-{each.name}",
                {"secrets": list(each.secrets)},
                [built["cluster"].resources[0]],
                present=each.state == "present",
            )
            for each in spec.workloads
        ]
        told = {
            each.name: {"namespace": each.namespace, "service_account": each.account, "identity": f"id-{each.name}"}
            for each in spec.workloads
            if each.state == "present"
        }
        return Built(list(made), {}, lambda: {"workloads": told})

    def backups(self, label: str, database: Database | None, cache: Cache | None) -> Built:
        made: list[Resource] = []
        for each in database.servers if database else ():
            server = Server(self.world, self.site, each, lambda: None)  # type: ignore[arg-type,return-value]
            server.managed = False
            made.append(Copied(self.world, self.site, server, label))
        return Built(made, {}, lambda: {"backups": {each.name: each.out("id") for each in made}})

    def histories(self, database: Database | None, cache: Cache | None) -> list[History]:
        return [self._history(each) for each in (database.servers if database else ())]

    def promotion(self, database: Database, server: str, restored: str) -> Built:
        entry = next(each for each in database.servers if each.name == restored)
        aside = Name(self.world, server, former_name(server, restored), restored=entry)
        return Built([aside, Name(self.world, restored, server, (aside,), restored=entry)])

    def _history(self, spec: DatabaseServer) -> History:
        living = self.world.find("fake.server", logical=spec.name)
        copies = [
            Backup(
                id="id-" + key.partition("/")[2],
                label=thing["body"]["label"],
                kind="final" if thing.get("origin_kind") == "final" else "manual",
                status="ready",
                taken=datetime.fromtimestamp(thing["taken"], UTC),
            )
            for key, thing in self.world.load().items()
            if key.startswith("fake.backup/") and thing["of"] == spec.name
        ]
        until = datetime.now(UTC) if living else None
        return History("database", spec.name, living is not None, 7, until, until, tuple(copies))

    def _secret(self, name: str, *, present: bool = True) -> Secret:
        return Secret(self.world, self.site, name, {}, present=present)
