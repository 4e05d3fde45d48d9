"""The Kubernetes behind a cluster's endpoint: who gets in, which nodes there are, what it makes in the account."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ...core.ports import release_port, reserve_port
from ...core.tls import Authority
from ...kubernetes.managed import ManagedCluster
from ..world import World
from .balancers import Balancers, Refused
from .disks import Disks
from .machines import kubelet_version, nodes_of, state_of
from .policies import Policies
from .state import Cluster
from .tokens import Tokens
from .workloads import addon_manifests, storage_classes

_T = TypeVar("_T")
_PORTS_TO_TRY = 50


class Objects:
    """What one cluster makes in the account (``CloudObjects``). Called in other threads than the worker's."""

    def __init__(self, world: World, cluster: Cluster, is_there: Callable[[], bool]) -> None:
        self._world = world
        self._cluster = cluster
        self._is_there = is_there
        self._balancers = Balancers(world)
        self._disks = Disks(world)

    def balancer(self, service: dict[str, Any]) -> None:
        """A load balancer with its security group and interfaces."""
        self._work(lambda: self._balancers.ensure(self._cluster, service))

    def no_balancer(self, service: dict[str, Any]) -> None:
        """Away with it."""
        self._work(lambda: self._balancers.remove(self._cluster, service))

    def volume(self, claim: dict[str, Any]) -> str:
        """An EBS volume."""
        return self._work(lambda: self._disks.ensure(self._cluster, claim))

    def no_volume(self, handle: str) -> None:
        """Away with it."""
        self._work(lambda: self._disks.remove(self._cluster, handle))

    def _work(self, work: Callable[[], _T]) -> _T:
        def alive() -> _T:
            if not self._is_there():
                raise Refused("the cluster is gone")
            return work()

        return self._world.in_worker(alive)


class ControlPlane:
    """Of one cluster. Its port is open from the cluster's creation on; the server starts with the first visitor."""

    def __init__(
        self,
        world: World,
        cluster: Cluster,
        directory: Path,
        is_there: Callable[[], bool],
        settle: Callable[[], None],
    ) -> None:
        self._world = world
        self._cluster = cluster
        self._directory = directory
        self._seen: tuple[Any, ...] = ()
        self._addons: set[str] = set()
        authority = Authority(directory, common_name="kubernetes")
        context = world.context
        self.managed = _listening(
            lambda port: ManagedCluster(
                cluster.name,
                kubelet_version(cluster.version),
                Tokens(world, cluster).check,
                authority,
                directory / "state",
                clock=context.clock,
                record=context.journal.record,
                strike=context.faults.match,
                objects=Objects(world, cluster, is_there),
                classes=storage_classes(cluster),
                decide=Policies(cluster).decide,
                refresh=lambda: world.in_worker(settle),
                port=port,
            )
        )
        self.certificate = base64.b64encode(authority.pem).decode()

    def follow(self) -> None:
        """Let nodes, version and add-ons be what the cluster has now. In the worker thread; cheap without changes."""
        cluster = self._cluster
        state = (
            cluster.version,
            state_of(cluster),
            tuple((one.name, one.life.status) for one in cluster.addons.values()),
        )
        if state == self._seen:
            return
        self._seen = state
        self.managed.set_version(kubelet_version(cluster.version))
        self.managed.set_nodes(nodes_of(self._world, cluster))
        for name, bodies in addon_manifests(cluster).items():
            if name not in self._addons:
                self._addons.add(name)
                self.managed.add(bodies)

    def stop(self) -> None:
        """End it; what it made in the account stays there."""
        self.managed.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
        release_port(self.managed.port)


def _listening(make: Callable[[int], ManagedCluster]) -> ManagedCluster:
    """On a reserved port; the emulators of other clouds may be faster."""
    for _ in range(_PORTS_TO_TRY):
        port = reserve_port()
        try:
            return make(port)
        except OSError:
            continue
    raise OSError("no port for the cluster's API server")
