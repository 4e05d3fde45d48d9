"""All controllers of a cluster, in a thread of their own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection, Sequence
from pathlib import Path

from ...core.clock import Clock
from .autoscaling import Autoscalers
from .balancers import LoadBalancers
from .base import Controller, Informers
from .budgets import DisruptionBudgets
from .claims import Claims, Volumes
from .client import Body, Client
from .cloud import CloudObjects
from .cronjobs import CronJobs
from .deployments import Deployments, ReplicaSets
from .endpoints import Endpoints
from .images import Images, ImageTable
from .jobs import Jobs
from .kubelet import Kubelet
from .networks import balancer_network, pod_network
from .nodelife import Evictions, NodeLifecycle
from .pools import NodePools
from .scheduler import Scheduler
from .sets import DaemonSets, StatefulSets

_LOG = logging.getLogger(__name__)
_START_SECONDS = 30.0


class Controllers:
    """Running controllers. They know the API server by its address alone, so any will do."""

    def __init__(
        self,
        url: str,
        ca_file: Path,
        token: str,
        directory: Path,
        images: Images | None = None,
        objects: CloudObjects | None = None,
        nodes: Sequence[Body] = (),
        clock: Clock | None = None,
        without: Collection[str] = (),
    ) -> None:
        """``objects``: what the cloud makes for the cluster; ``nodes``: that the cluster has (see ``want_nodes``);
        ``without``: classes of controllers whose work somebody else does."""
        self._without = without
        self._place = (url, ca_file, token)
        self._clock = clock
        self._objects = objects
        self._wanted_nodes = list(nodes)
        self._pools: NodePools | None = None
        self._directory = directory
        self._images = images or ImageTable()
        self._loop = asyncio.new_event_loop()
        self._kubelet: Kubelet | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="kubernetes-controllers", daemon=True)

    def start(self) -> Controllers:
        """Returns when every cache is filled."""
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            self.stop()
            raise TimeoutError("the controllers did not find their API server")
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """End them, and every process of a pod."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Controllers:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def want_nodes(self, nodes: Sequence[Body]) -> None:
        """The nodes that there are now: new ones are registered, those gone are drained and deleted. Any thread."""
        self._wanted_nodes = list(nodes)
        if self._thread.is_alive():
            # Every step, not the last one alone: nodes that are gone again by now have been registered meanwhile.
            self._loop.call_soon_threadsafe(self._follow_nodes, list(nodes))

    def _follow_nodes(self, nodes: Sequence[Body]) -> None:
        if self._pools is not None:
            self._pools.want(nodes)

    def log(self, uid: str, container: str) -> Path | None:
        """The file with what a container of a pod printed; None when it runs in name only or not here."""
        return None if self._kubelet is None else self._kubelet.log(uid, container)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._failure = error  # start() raises it
            if self._ready.is_set():
                _LOG.exception("the controllers have stopped")
        finally:
            self._ready.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        async with Client(*self._place) as client:
            informers = Informers(client, self._clock)
            url = self._place[0]
            self._kubelet = Kubelet(client, informers, self._images, self._directory, pod_network(url))
            self._pools = NodePools(client, informers, self._wanted_nodes)
            controllers: list[Controller] = [
                Deployments(client, informers),
                ReplicaSets(client, informers),
                StatefulSets(client, informers),
                DaemonSets(client, informers),
                Jobs(client, informers),
                CronJobs(client, informers),
                Autoscalers(client, informers),
                Endpoints(client, informers),
                LoadBalancers(client, informers, self._objects, balancer_network(url)),
                Claims(client, informers, self._objects),
                Volumes(client, informers, self._objects),
                DisruptionBudgets(client, informers),
                Scheduler(client, informers),
                NodeLifecycle(client, informers),
                Evictions(client, informers),
                self._pools,
                self._kubelet,
            ]
            controllers = [one for one in controllers if type(one).__name__ not in self._without]
            tasks = [asyncio.create_task(one.run()) for one in informers.all()]
            await asyncio.gather(*(one.synced.wait() for one in informers.all()))
            tasks += [asyncio.create_task(one.run()) for one in controllers]
            self._ready.set()
            stopping = asyncio.create_task(self._stop.wait())
            done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in [stopping, *tasks]:
                task.cancel()
            await asyncio.gather(stopping, *tasks, return_exceptions=True)
            for task in done - {stopping}:
                task.result()
