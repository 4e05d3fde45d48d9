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
        """A claim of the cloud's storage class: make the disk, return its CSI ``volumeHandle``."""

    def no_volume(self, handle: str) -> None:
        """The disk of a volume whose claim is gone."""
