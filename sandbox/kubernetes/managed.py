"""The Kubernetes of an emulated managed cluster: a port that is open from the beginning, and a server behind it from
the first connection on, because most users of an emulated cloud never look into a cluster and must not pay for it."""

from __future__ import annotations

import contextlib
import logging
import secrets
import select
import shutil
import socket
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.clock import Clock
from ..core.tls import Authority
from .identity import MASTERS, TokenCheck, UserInfo

if TYPE_CHECKING:
    from .authorization import Decide
    from .controllers import Controllers
    from .controllers.cloud import CloudObjects
    from .controllers.images import Images
    from .server import Endpoint
    from .traffic import Record, Strike

_LOG = logging.getLogger(__name__)
_BACKLOG = 128
_PEOPLE = UserInfo("sandbox-admin", groups=(MASTERS,))
_REFRESH_SECONDS = 0.5
Body = dict[str, Any]
_ALL: weakref.WeakSet[ManagedCluster] = weakref.WeakSet()


class ManagedCluster:
    """Listens at once; server and controllers start when somebody first connects.

    ``tokens`` turns a bearer token into its user; it is asked in the server's thread and must not wait for a thread
    that may be in ``stop``. ``classes`` are the StorageClasses that the cloud gives its clusters, ``manifests`` what
    else it puts there (its add-ons), both as object bodies. ``decide`` is the cloud's authorizer beside RBAC, asked
    in the server's thread as ``tokens`` is. ``refresh`` is called while the server runs, twice a
    second and in a thread of its own, for whoever lets nodes follow a clock. ``port`` 0 takes any.
    """

    def __init__(
        self,
        name: str,
        version: str,
        tokens: TokenCheck,
        authority: Authority,
        directory: Path,
        *,
        clock: Clock,
        record: Record | None = None,
        strike: Strike | None = None,
        objects: CloudObjects | None = None,
        images: Images | None = None,
        classes: Sequence[Body] = (),
        manifests: Sequence[Body] = (),
        decide: Decide | None = None,
        refresh: Callable[[], object] | None = None,
        port: int = 0,
    ) -> None:
        self.name = name
        self._version = version
        self._of_cloud, self.authority, self._directory = tokens, authority, directory
        self._clock, self._record, self._strike = clock, record, strike
        self.admin_token = secrets.token_urlsafe(32)  # for people at this machine, whatever the cloud says of them
        self._objects, self._images = objects, images
        self._start_with = [*classes, *manifests]
        self._decide, self._refresh = decide, refresh
        self._nodes: list[Body] = []
        self._server: Endpoint | None = None
        self._controllers: Controllers | None = None
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._bell, self._button = socket.socketpair()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind(("127.0.0.1", port))
            self._listener.listen(_BACKLOG)
        except OSError:
            self._close()
            raise
        self.port: int = self._listener.getsockname()[1]
        self.endpoint = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._keep, name=f"kubernetes-door-{name}", daemon=True).start()
        _ALL.add(self)

    @property
    def started(self) -> bool:
        """Whether somebody has looked into it."""
        return self._server is not None

    def set_nodes(self, nodes: Sequence[Body]) -> None:
        """The nodes that the cloud has now (``controllers.node(...)``). Cheap: does not wait for anything.

        New ones are there for every request that comes after this; those gone are drained and deleted.
        """
        with self._lock:
            if [_lasting(one) for one in nodes] == [_lasting(one) for one in self._nodes]:
                return
            self._nodes = list(nodes)
            if self._server is not None and self._controllers is not None:
                self._server.put(self._nodes)
                self._controllers.want_nodes(nodes)

    def set_version(self, version: str) -> None:
        """The control plane has another version now (``1.35.0-eks-1``): other schemas and kinds, the same objects."""
        with self._lock:
            if version == self._version:
                return
            self._version = version
            if self._server is not None:
                self._server.upgrade(version)

    def add(self, manifests: Sequence[Body]) -> None:
        """Put objects of the cloud's own there, such as an add-on that was installed; what exists stays."""
        with self._lock:
            self._start_with += manifests
            if self._server is not None:
                self._server.put(manifests)

    def start(self) -> Endpoint:
        """Start without waiting for a connection; returns the server. RuntimeError when it was stopped."""
        with self._lock:
            if self._over.is_set():
                raise RuntimeError(f"the cluster {self.name} was stopped")
            if self._server is None:
                self._start()
            if self._server is None:
                raise RuntimeError(f"the API server of {self.name} could not be started")
            return self._server

    def stop(self) -> None:
        """Close the port, end the server, the controllers and the processes of pods. Waits; may be repeated."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._button.send(b"x")
        with self._lock:
            server, controllers = self._server, self._controllers
            self._server = self._controllers = None
            if controllers is not None:
                controllers.stop()
            if server is not None:
                server.stop()
            self._close()
        shutil.rmtree(self._directory / "pods", ignore_errors=True)
        _ALL.discard(self)

    def _keep(self) -> None:
        """The life of the door: wait for a visitor, open, look after what follows the clock."""
        try:
            ready, _, _ = select.select([self._listener, self._bell], [], [])
        except (OSError, ValueError):  # closed meanwhile
            return
        if self._bell in ready and self._over.is_set():
            return
        try:
            if self._refresh is not None:
                self._refresh()
            self.start()
        except Exception:
            if not self._over.is_set():
                _LOG.exception("the cluster %s does not start", self.name)
                self.stop()
            return
        while self._refresh is not None and not self._over.wait(_REFRESH_SECONDS):
            try:
                self._refresh()
            except Exception:
                _LOG.exception("the nodes of %s", self.name)

    def _start(self) -> None:
        from .controllers import Controllers
        from .programs import default_images

        server = self._backend().start()
        try:
            controllers = Controllers(
                server.url,
                server.ca_file,
                server.token,
                self._directory / "pods",
                self._images or default_images(),
                self._objects,
                self._nodes,
                self._clock,
                server.brings,
            ).start()
        except BaseException:
            server.stop()
            raise
        server.read_logs_from(controllers.log)
        self._server, self._controllers = server, controllers

    def _backend(self) -> Endpoint:
        """The embedded server, or real binaries when ``KUBEBUILDER_ASSETS`` names them."""
        from .assets import assets

        found = assets()
        place = ("127.0.0.1", self.port)
        if found is None:
            from .cluster import Cluster
            from .server import ApiServer

            cluster = Cluster(self.name, self._version, self._clock, self.authority.pem.decode())
            cluster.authorizer.beside = self._decide
            cluster.put_all([*self._start_with, *self._nodes])
            return ApiServer(
                cluster, self._tokens, self.authority, *place, self._record, self._strike, listener=self._listener
            )
        from .real import RealServer

        return RealServer(
            self.name,
            found,
            self._tokens,
            self.authority,
            self._directory / "control-plane",
            place,
            self._record,
            self._strike,
            self._listener,
            decide=self._decide,
            first=[*self._start_with, *self._nodes],
        )

    def _tokens(self, token: str) -> UserInfo | None:
        return _PEOPLE if token == self.admin_token else self._of_cloud(token)

    def _close(self) -> None:
        for one in (self._listener, self._bell, self._button):
            one.close()


def _lasting(node: Body) -> Body:
    """What a node is, without the times at which it said so (the classes of controllers are not loaded for this)."""
    status = dict(node.get("status") or {})
    status["conditions"] = [(one["type"], one["status"]) for one in status.get("conditions") or []]
    return {**node, "status": status}


def all_for_people() -> list[dict[str, str]]:
    """Every cluster of this process: name, server, ca (PEM) and the token of its administrator."""
    return [
        {"name": one.name, "server": one.endpoint, "ca": one.authority.pem.decode(), "token": one.admin_token}
        for one in sorted(_ALL, key=lambda one: one.name)
    ]


def stop_all() -> None:
    """Stop every cluster of this process."""
    for cluster in list(_ALL):
        cluster.stop()
