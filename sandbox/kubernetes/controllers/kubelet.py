"""The nodes' side: runs the pods that are bound to a node, ends those that are deleted."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import aiohttp

from .base import Controller, Informers
from .client import ApiFailure, Body, Client, path_of
from .images import Images
from .informer import Key, key_of
from .nodelife import readiness
from .pods import PodRunner
from .volumes import PodVolumes

_STRATEGIC = "application/strategic-merge-patch+json"
_OVER = ("Succeeded", "Failed")
_PLURALS = {
    "ConfigMap": "configmaps",
    "Node": "nodes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Secret": "secrets",
}


class Kubelet(Controller):
    """Of all nodes at once. ``images`` says what runs; logs go to ``directory``, pods live in ``network``."""

    api_version, plural, kind = "v1", "pods", "Pod"

    def __init__(
        self, client: Client, informers: Informers, images: Images, directory: Path, network: ipaddress.IPv4Network
    ) -> None:
        super().__init__(client, informers)
        self._images = images
        self._logs = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._runners: dict[str, tuple[PodRunner, asyncio.Task[None]]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._reports: set[asyncio.Task[None]] = set()
        self._addresses = _addresses(network)
        self._session: aiohttp.ClientSession | None = None
        self._nodes = informers.of("v1", "nodes")
        self._nodes.on_change(self._node_changed)

    async def run(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector) as self._session:
            try:
                await super().run()
            finally:
                await self._stop_all()

    def _node_changed(self, node: Body, before: Body | None) -> None:
        """A kubelet that is heard of again tells the state of its pods and does what it missed."""
        name = node["metadata"]["name"]
        if readiness(before) in ("", "True") or readiness(self._nodes.get("", name)) != "True":
            return
        for runner, _ in self._runners.values():
            if runner.pod["spec"]["nodeName"] == name:
                task = asyncio.create_task(runner.report(again=True))
                self._reports.add(task)
                task.add_done_callback(self._reports.discard)
        for key, pod in self.own.objects.items():
            if pod["spec"].get("nodeName") == name:
                self.enqueue(key)

    def _silent(self, pod: Body) -> bool:
        """Whether nothing is heard of the kubelet of a pod's node."""
        return readiness(self._nodes.get("", pod["spec"].get("nodeName", ""))) == "Unknown"

    async def reconcile(self, key: Key) -> None:
        pod = self.own.get(*key)
        for uid in [uid for uid, (runner, _) in self._runners.items() if key_of(runner.pod) == key]:
            if pod is None or pod["metadata"]["uid"] != uid:
                self._end(uid, 0)
        if pod is None or not pod["spec"].get("nodeName") or self._silent(pod):
            return
        uid = pod["metadata"]["uid"]
        if pod["metadata"].get("deletionTimestamp"):
            await self._delete(pod)
        elif uid not in self._runners and (pod.get("status") or {}).get("phase") not in _OVER:
            self._begin(pod)

    def log(self, uid: str, container: str) -> Path | None:
        """The file with a container's output; None for a pod that does not run here."""
        found = self._runners.get(uid)
        return None if found is None else found[0].log_file(container)

    def _begin(self, pod: Body) -> None:
        if self._session is None:
            raise RuntimeError("the kubelet does not run")
        key = key_of(pod)

        async def find(kind: str, name: str) -> Body | None:
            return await self.client.get(path_of("v1", _PLURALS[kind], "" if kind == "Node" else key[0], name))

        async def token(audience: str, seconds: int) -> tuple[str, datetime]:
            meta = pod["metadata"]
            bound = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
            spec = {"expirationSeconds": seconds, "boundObjectRef": bound}
            account = pod["spec"].get("serviceAccountName", "default")
            path = path_of("v1", "serviceaccounts", key[0], account, "token")
            answer = await self.client.create(
                path, {"spec": {**spec, **({"audiences": [audience]} if audience else {})}}
            )
            return answer["status"]["token"], datetime.fromisoformat(answer["status"]["expirationTimestamp"])

        async def tell(status: Body) -> None:
            node = self._nodes.get("", pod["spec"]["nodeName"])
            if readiness(node) not in ("", "True"):  # told again when the node is
                return
            patch = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
            with contextlib.suppress(ApiFailure):  # the pod is gone: its end is on the way
                self.own.remember(await self.client.patch(self.path(pod, "status"), patch, _STRATEGIC))

        async def event(kind: str, reason: str, message: str) -> None:
            await self.event(pod, kind, reason, message)

        used = {runner.ip for runner, _ in self._runners.values()}
        address = next(one for one in self._addresses if one not in used)
        uid = pod["metadata"]["uid"]
        volumes = PodVolumes(pod, address, self._logs / "volumes" / uid, self._logs / "disks", find, token)
        runner = PodRunner(
            pod,
            address,
            self._images,
            self._logs,
            self._session,
            find,
            tell,
            event,
            volumes,
            self.clock,
            self.client.url,
        )
        self._runners[uid] = (runner, asyncio.create_task(runner.run()))

    async def _delete(self, pod: Body) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._ending:
            return
        end_at = datetime.fromisoformat(pod["metadata"]["deletionTimestamp"])
        left = (end_at - self.clock.wall()).total_seconds()

        async def end() -> None:
            found = self._runners.get(uid)
            if found is not None:
                await self._finish(uid, max(0.0, left))
            await self.client.delete(
                path_of("v1", "pods", *key_of(pod)), gracePeriodSeconds=0, preconditions={"uid": uid}
            )
            self._ending.pop(uid, None)

        self._ending[uid] = asyncio.create_task(end())

    def _end(self, uid: str, grace: float) -> None:
        if uid not in self._ending:
            self._ending[uid] = asyncio.create_task(self._finish(uid, grace))
            self._ending[uid].add_done_callback(lambda task: self._ending.pop(uid, None))

    async def _finish(self, uid: str, grace: float) -> None:
        found = self._runners.pop(uid, None)
        if found is None:
            return
        runner, task = found
        await runner.stop(grace)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        runner_logs = self._logs.glob(f"{uid}-*.log")
        for file in runner_logs:
            file.unlink(missing_ok=True)
        runner.volumes.remove()

    async def _stop_all(self) -> None:
        ending = list(self._ending.values())
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await asyncio.gather(*(self._finish(uid, 1.0) for uid in list(self._runners)))


def _addresses(network: ipaddress.IPv4Network) -> Iterator[str]:
    while True:
        yield from (str(address) for address in network.hosts())
