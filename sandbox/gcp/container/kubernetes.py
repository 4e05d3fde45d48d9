"""The Kubernetes behind every cluster: its API server at the cluster's endpoint, nodes that follow the node pools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .common import Data

if TYPE_CHECKING:
    from ...core.context import Context
    from ...kubernetes.managed import ManagedCluster
    from ..auth import Tokens
    from ..state import State

Body = dict[str, Any]
_T = TypeVar("_T")
_PATIENCE = 60.0  # seconds that a controller waits for the emulator
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_DISKS = "pd.csi.storage.gke.io"


def _storage_class(name: str, disk: str, *, provisioner: str = _DISKS, default: bool = False) -> Body:
    late = provisioner == _DISKS
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": name,
            "annotations": {_DEFAULT: str(default).lower(), "components.gke.io/component-name": "pdcsi"},
            "labels": {"addonmanager.kubernetes.io/mode": "EnsureExists", "k8s-app": "gcp-compute-persistent-disk-csi"},
        },
        "provisioner": provisioner,
        "parameters": {"type": disk},
        "allowVolumeExpansion": True,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer" if late else "Immediate",
    }


# What `kubectl get storageclass` lists on a new cluster.
CLASSES = (
    _storage_class("premium-rwo", "pd-ssd"),
    _storage_class("standard", "pd-standard", provisioner="kubernetes.io/gce-pd"),
    _storage_class("standard-rwo", "pd-balanced", default=True),
)


class Clusters:
    """All clusters of the project, by ``location/name``. Belongs to the emulator's event loop."""

    def __init__(
        self, context: Context, tokens: Tokens, state: Callable[[], State], catch_up: Callable[[], None]
    ) -> None:
        self._context = context
        self._state = state
        self._catch_up = catch_up
        self._tokens = tokens
        self._running: dict[str, ManagedCluster] = {}
        self._seen: dict[str, object] = {}

    def open(self, cluster: Data) -> None:
        """Open the port of a new cluster; its address is ``State.api_server`` from now on."""
        # Here and below: loaded with the first cluster, so that a project without one does not pay for it.
        from ...kubernetes.managed import ManagedCluster
        from .authorization import decide, users

        location, name = cluster["location"], cluster["name"]
        key = f"{location}/{name}"
        state, loop = self._state(), asyncio.get_running_loop()
        managed = ManagedCluster(
            f"gke-{location}-{name}",
            cluster["currentMasterVersion"],
            users(self._tokens, self._state),
            self._context.authority.child(f"gke-{location}-{name}"),
            self._context.state_dir / "kubernetes" / f"{location}-{name}",
            clock=self._context.clock,
            record=self._context.journal.record,
            strike=self._context.faults.match,
            objects=CloudObjects(loop, state, key),
            classes=CLASSES,
            decide=decide(self._state),
            refresh=lambda: loop.call_soon_threadsafe(self._catch_up),
        )
        self._running[key] = managed
        state.api_servers[key] = f"127.0.0.1:{managed.port}"

    def follow(self) -> None:
        """Bring nodes and versions in line with the clusters as they are now."""
        clusters = self._state().clusters
        for key, managed in self._running.items():
            record = clusters.get(key)
            if record is None:
                continue
            data = record.data
            pools = tuple((pool["name"], pool["status"], pool["etag"]) for pool in data["nodePools"])
            seen = (data["status"], data["currentMasterVersion"], pools)
            if self._seen.get(key) != seen:
                from . import machines, objects

                self._seen[key] = seen
                nodes = machines.nodes_of(data)
                managed.set_version(data["currentMasterVersion"])
                managed.set_nodes(nodes)
                objects.follow_nodes(self._state(), data, nodes)

    def close(self, key: str) -> None:
        """End the Kubernetes of a cluster that is gone."""
        self._seen.pop(key, None)
        managed = self._running.pop(key, None)
        if managed is not None:
            managed.stop()

    def close_all(self) -> None:
        """End all of them."""
        for key in list(self._running):
            self.close(key)


class CloudObjects:
    """The project's side of one cluster's Services and claims. Called in other threads: all work is handed over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, state: State, key: str) -> None:
        self._loop = loop
        self._state = state
        self._key = key

    def balancer(self, service: Body) -> None:
        """Forwarding rule, target pool, health check, firewall rules."""
        from . import machines, objects

        def make() -> None:
            cluster = self._cluster()
            objects.ensure_balancer(self._state, cluster, machines.nodes_of(cluster), service)

        self._there(make)

    def no_balancer(self, service: Body) -> None:
        """Take them away."""
        from . import objects

        self._there(lambda: objects.remove_balancer(self._state, self._cluster(), service))

    def volume(self, claim: Body) -> str:
        """A disk, in the zone of the node that its first pod goes to."""
        from . import machines, objects

        def make() -> str:
            cluster = self._cluster()
            chosen = (claim["metadata"].get("annotations") or {}).get("volume.kubernetes.io/selected-node")
            zones = [
                body["metadata"]["labels"]["topology.kubernetes.io/zone"]
                for body in machines.nodes_of(cluster)
                if body["metadata"]["name"] == chosen
            ]
            return objects.make_disk(self._state, cluster, [*zones, *cluster["locations"]][0], claim)

        return self._there(make)

    def no_volume(self, handle: str) -> None:
        """Delete the disk."""
        from . import objects

        self._there(lambda: objects.remove_disk(self._state, handle))

    def _cluster(self) -> Data:
        return self._state.clusters[self._key].data

    def _there(self, work: Callable[[], _T]) -> _T:
        async def run() -> _T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE)
