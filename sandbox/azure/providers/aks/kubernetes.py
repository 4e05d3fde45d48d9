"""The Kubernetes behind every cluster: its API server where kubeconfigs say, nodes that follow the node pools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ...store import Record
from . import credentials
from .base import POOLS

if TYPE_CHECKING:
    from ....kubernetes.managed import ManagedCluster
    from ...emulator import AzureEmulator

Body = dict[str, Any]
_T = TypeVar("_T")
_PATIENCE = 60.0  # seconds that a controller waits for the emulator
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_DISK, _FILE = "disk.csi.azure.com", "file.csi.azure.com"


def _storage_class(name: str, provisioner: str, sku: str, *, default: bool = False) -> Body:
    labels = {"addonmanager.kubernetes.io/mode": "EnsureExists", "kubernetes.io/cluster-service": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "labels": labels, "annotations": {_DEFAULT: "true"} if default else {}},
        "provisioner": provisioner,
        "parameters": {"skuName": sku} if provisioner == _FILE else {"skuname": sku},
        "allowVolumeExpansion": True,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer" if provisioner == _DISK else "Immediate",
    }


# What `kubectl get storageclass` lists on a new cluster.
CLASSES = (
    _storage_class("azurefile", _FILE, "Standard_LRS"),
    _storage_class("azurefile-csi", _FILE, "Standard_LRS"),
    _storage_class("azurefile-csi-premium", _FILE, "Premium_LRS"),
    _storage_class("azurefile-premium", _FILE, "Premium_LRS"),
    _storage_class("default", _DISK, "StandardSSD_LRS", default=True),
    _storage_class("managed", _DISK, "StandardSSD_LRS"),
    _storage_class("managed-csi", _DISK, "StandardSSD_LRS"),
    _storage_class("managed-csi-premium", _DISK, "Premium_LRS"),
    _storage_class("managed-premium", _DISK, "Premium_LRS"),
)


class Clusters:
    """All clusters of the subscription, by id. Belongs to the emulator's event loop."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator
        self._running: dict[str, ManagedCluster] = {}

    def open(self, cluster: Record) -> None:
        """Open the port of a new cluster: ``private["port"]`` of its record."""
        # Here and below: loaded with the first cluster, so that a subscription without one does not pay for it.
        from ....kubernetes.managed import ManagedCluster
        from .authorization import decide, users

        emulator, loop = self._emulator, asyncio.get_running_loop()
        context, uid = emulator.context, cluster.properties["resourceUID"]
        managed = ManagedCluster(
            f"aks-{cluster.name}",
            cluster.properties["currentKubernetesVersion"],
            users(emulator, cluster.id),
            credentials.authority(emulator, cluster),
            context.state_dir / "kubernetes" / uid,
            clock=context.clock,
            record=context.journal.record,
            strike=context.faults.match,
            objects=CloudObjects(loop, emulator, cluster.id),
            classes=CLASSES,
            decide=decide(emulator, cluster.id),
            refresh=lambda: loop.call_soon_threadsafe(emulator.operations.settle),
        )
        self._running[cluster.key] = managed
        cluster.private["port"] = managed.port

    def follow(self, cluster: Record) -> None:
        """Bring version and nodes in line: an operation on the cluster or on a pool of it has ended well."""
        from .machines import nodes_of

        managed = self._running.get(cluster.key)
        if managed is not None:
            managed.set_version(cluster.properties["currentKubernetesVersion"])
            managed.set_nodes(nodes_of(self._emulator, cluster))

    def settled(self, cluster: Record, pool: Record | None = None) -> None:
        """A cluster (with its first pools) or one pool has come up or has changed."""
        for one in [pool] if pool is not None else self._emulator.store.of_kind(POOLS, cluster.id):
            one.private["served"] = True
        self.follow(cluster)

    def close(self, cluster: Record) -> None:
        """End the Kubernetes of a cluster that is gone."""
        cluster.private.pop("port", None)
        managed = self._running.pop(cluster.key, None)
        if managed is not None:
            managed.stop()

    def close_all(self) -> None:
        """End all of them."""
        for key in list(self._running):
            self._running.pop(key).stop()


class CloudObjects:
    """Azure's side of one cluster's Services and claims. Called in other threads: all work is handed over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, emulator: AzureEmulator, cluster_id: str) -> None:
        self._loop = loop
        self._emulator = emulator
        self._id = cluster_id

    def balancer(self, service: Body) -> None:
        """Frontend, rules and probes of the load balancer, public address, security rule."""
        from .objects import ensure_balancer

        self._there(lambda cluster: ensure_balancer(self._emulator, cluster, service))

    def no_balancer(self, service: Body) -> None:
        """Take them away."""
        from .objects import remove_balancer

        self._there(lambda cluster: remove_balancer(self._emulator, cluster, service))

    def volume(self, claim: Body) -> str:
        """A managed disk, in the zone of the node that its first pod goes to."""
        from .objects import ensure_disk

        return self._there(lambda cluster: ensure_disk(self._emulator, cluster, claim))

    def no_volume(self, handle: str) -> None:
        """Delete the disk."""
        from .objects import remove_disk

        self._there(lambda cluster: remove_disk(self._emulator, handle))

    def _there(self, work: Callable[[Record], _T]) -> _T:
        async def run() -> _T:
            cluster = self._emulator.store.get(self._id)
            if cluster is None:
                raise LookupError(f"the cluster {self._id} is gone")
            return work(cluster)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_PATIENCE)
