"""What a cluster makes in the account of its cloud."""

from __future__ import annotations

from typing import Protocol

from .client import Body


class CloudObjects(Protocol):
    """The cloud's side of Services and claims. Called in threads of the controllers: the calls may block and may be
    repeated; what they raise is tried again later."""

    def balancer(self, service: Body) -> None:
        """A LoadBalancer Service got its address: make the cloud's objects (known by the Service's uid)."""

    def no_balancer(self, service: Body) -> None:
        """It is going; its finalizer ``service.kubernetes.io/load-balancer-cleanup`` is removed after this returns."""

    def volume(self, claim: Body) -> str:
        """Make the disk of a claim, return its CSI ``volumeHandle``.

        The key ``storageClass`` of ``claim`` holds the claim's StorageClass, the annotation
        ``volume.kubernetes.io/selected-node`` the node that will use it (unless the class binds at once).
        """

    def no_volume(self, handle: str) -> None:
        """The disk of a volume whose claim is gone."""


class DriverMissing(Exception):
    """Raised by ``volume``: the cluster has no driver that could make disks (yet); the claim waits."""
