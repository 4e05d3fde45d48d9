"""Before a cluster goes, what Kubernetes made in the account goes: on a cluster with controllers, and an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from module_utils._engine.access import Endpoint, NoAddress, Token
from module_utils._engine.apply import converge
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import CloudError
from module_utils._engine.fields import Fields
from module_utils._engine.graph import Graph
from module_utils._engine.report import Entry, Report
from module_utils._engine.resource import DONE, Observed, Recovery, Resource, Status
from module_utils._engine.settings import Settings
from module_utils._engine.tags import Owner
from module_utils._kubernetes import leftovers
from module_utils._kubernetes.leftovers import CloudObjects

from sandbox.core.clock import Clock
from sandbox.core.tls import Authority
from sandbox.kubernetes import MASTERS, UserInfo
from sandbox.kubernetes.controllers import node
from sandbox.kubernetes.managed import ManagedCluster
from tests.sandbox.kubernetes_support import eventually

OWNER = Owner("ml", "dev", "aws-dev")
ADMIN = "admin-token"
Body = dict[str, Any]


class Account:
    """Remembers what a cluster made in it."""

    def __init__(self) -> None:
        self.balancers: set[str] = set()
        self.volumes: set[str] = set()

    def balancer(self, service: Body) -> None:
        self.balancers.add(service["metadata"]["name"])

    def no_balancer(self, service: Body) -> None:
        self.balancers.discard(service["metadata"]["name"])

    def volume(self, claim: Body) -> str:
        self.volumes.add(claim["metadata"]["name"])
        return str(claim["metadata"]["name"])

    def no_volume(self, handle: str) -> None:
        self.volumes.discard(handle)


class Control(Resource):
    """The cluster as its cloud has it."""

    kind = "fake.cluster"
    fields = Fields({})

    def __init__(self, gone: Callable[[], None] = lambda: None, status: Status | None = Status.READY) -> None:
        super().__init__("demo")
        self.gone, self.status = gone, status

    def desired(self) -> Body:
        return {}

    def read(self) -> Observed | None:
        if self.status is None:
            return None
        return Observed({}, {"id": "demo"}, self.status, "broken", recovery=Recovery.RECREATE, tags=OWNER.tags())

    def create(self, desired: Body) -> Any:
        raise AssertionError

    update: Any = create

    def delete(self, observed: Observed) -> Any:
        self.gone()
        self.status = None
        return DONE


class Door:
    def __init__(self, server: str, ca: str, token: str = ADMIN) -> None:
        self.server, self.ca, self.value = server, ca, token
        self.error: CloudError | None = None

    def endpoint(self) -> Endpoint:
        if self.error:
            raise self.error
        return Endpoint("demo", self.server, self.ca)

    def token(self) -> Token:
        return Token(self.value)

    def exec_plugin(self) -> Body:
        return {}


class World:
    def __init__(self, directory: Path) -> None:
        self.account = Account()
        users = {ADMIN: UserInfo("admin", groups=(MASTERS,)), "alice": UserInfo("alice")}
        authority = Authority(directory / "ca")
        self.pem = authority.pem.decode()
        self.cluster = ManagedCluster(
            "demo",
            "1.34.2",
            users.get,
            authority,
            directory / "state",
            clock=Clock(),
            objects=self.account,
            classes=[_class("fast", "Delete"), _class("lasting", "Retain")],
        )
        self.cluster.set_nodes([node("n1", "1.34.2")])
        self.client = leftovers.Client(self.door(), SystemClock())

    def door(self, token: str = ADMIN) -> Door:
        return Door(self.cluster.endpoint, self.pem, token)

    def make(self, *bodies: Body) -> None:
        for body in bodies:
            self.client.apply({"metadata": {"namespace": "default"}, **body})

    def names(self, kind: str, version: str = "v1") -> list[str]:
        return [item["metadata"]["name"] for item in self.client.list(version, kind)]


def _class(name: str, policy: str) -> Body:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "disk.example.org",
        "reclaimPolicy": policy,
        "volumeBindingMode": "Immediate",
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("leftovers"))
    yield made
    made.cluster.stop()


def service(name: str, kind: str = "LoadBalancer") -> Body:
    spec = {"type": kind, "selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def claim(name: str, storage: str = "fast") -> Body:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def database(name: str) -> Body:
    """A StatefulSet whose pod holds its claim for as long as it lives."""
    template = claim("data")
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [
                        {"name": "db", "image": "db:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
                    ]
                },
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": template["spec"]}],
        },
    }


def destroy(control: Control, door: Door, check: bool = False, **more: Any) -> Report:
    settings = Settings(OWNER, state="absent", check=check, wait_timeout=60, retry_timeout=1)
    graph = Graph([CloudObjects(control, door, SystemClock(), [control], **more)])
    return converge(graph, settings, SystemClock())


def line(report: Report) -> Entry:
    return next(entry for entry in report.entries if entry.kind == "kubernetes.cloud_objects")


def test_balancers_and_disks_go_before_the_cluster(world: World) -> None:
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "site", "namespace": "default"},
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    }
    world.make(service("web"), service("inner", "ClusterIP"), claim("loose"), database("db"), ingress)
    eventually(lambda: world.account.balancers == {"web"} and world.account.volumes == {"loose", "data-db-0"})

    planned = line(destroy(Control(), world.door(), check=True))
    assert planned.action.value == "delete"
    assert planned.note == (
        "deletes Service default/web; Ingress default/site; "
        "PersistentVolumeClaim default/data-db-0, default/loose with the data in it"
    )
    assert world.account.balancers == {"web"}

    left: list[Any] = []
    control = Control(gone=lambda: left.append((set(world.account.balancers), set(world.account.volumes))))
    report = destroy(control, world.door())
    assert not report.failed, report.summary()
    assert left == [(set(), set())]
    assert "inner" in world.names("Service")
    assert "web" not in world.names("Service")
    assert world.names("PersistentVolumeClaim") == world.names("PersistentVolume") == []
    assert world.names("StatefulSet", "apps/v1") == []
    again = line(destroy(Control(), world.door()))
    assert (again.action.value, again.note) == ("none", "")


def test_disks_that_shall_stay_do_and_are_named(world: World) -> None:
    world.make(claim("archive", "lasting"))
    eventually(lambda: "archive" in world.account.volumes)
    eventually(lambda: world.names("PersistentVolume"))
    volume = world.names("PersistentVolume")[0]
    report = destroy(Control(), world.door())
    assert not report.failed, report.summary()
    assert f"the disks of {volume} stay (reclaim policy Retain)" in line(report).note
    assert world.account.volumes == {"archive"}
    assert world.names("PersistentVolumeClaim") == []


def test_a_cluster_that_was_never_there_or_never_finished_holds_nothing(world: World) -> None:
    silent = Door("https://127.0.0.1:1", world.pem)
    silent.error = NoAddress("being made")
    assert line(destroy(Control(), silent)).action.value == "none"
    report = destroy(Control(status=None), silent)
    assert line(report).action.value == "none"
    assert not report.changed


@pytest.mark.parametrize("token", ["alice", "nobody"])
def test_without_permission_nothing_is_touched(world: World, token: str) -> None:
    world.make(service(f"kept-{token}"))
    control = Control()
    with pytest.raises(CloudError, match=r"have to go before the cluster.*allow_unreachable_cluster: true") as caught:
        destroy(control, world.door(token))
    assert caught.value.status == (403 if token == "alice" else 401)
    assert control.status is Status.READY
    report = destroy(control, world.door(token), unreachable=True)
    assert not report.failed
    assert control.status is None
    assert line(report).action.value == "none"
    assert "allow_unreachable_cluster is set" in line(report).note
    assert f"kept-{token}" in world.names("Service")
    world.client.delete(leftovers.Ref("v1", "Service", f"kept-{token}", "default"))


def test_without_an_answer_nothing_is_touched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE", 0.1)
    silent = Door("https://127.0.0.1:1", world.pem)
    control = Control()
    with pytest.raises(CloudError, match="the API server did not answer"):
        destroy(control, silent)
    assert control.status is Status.READY
    broken = destroy(Control(status=Status.FAILED), silent)
    assert "its creation failed" in line(broken).note
    assert not broken.failed
