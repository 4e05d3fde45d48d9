"""One pod on its node: containers as processes or in name only, restarts, probes, status."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from ...core.clock import Clock
from ...engines.tools import setpriv
from .base import condition, now
from .client import ApiFailure, Body
from .containers import Container
from .environment import HOST_IP, Find, MissingConfiguration, container_environment, expanded
from .images import Images, Program, PullFailure
from .probes import probe
from .volumes import MountFailure, PodVolumes

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 30.0
_EAGER_SECONDS = 0.25
_MOUNT_SECONDS = 0.5
_RENEW_SECONDS = 5.0  # a kubelet takes up to a minute
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
# A process does not outlive the sandbox.
_WITH_US = [program, "--pdeathsig", "KILL", "--"] if (program := setpriv()) else []
Tell = Callable[[Body], Awaitable[None]]
Event = Callable[[str, str, str], Awaitable[None]]


class PodRunner:
    """Runs one pod until it is over or is told to stop; ``tell`` writes its status."""

    def __init__(
        self,
        pod: Body,
        ip: str,
        images: Images,
        logs: Path,
        session: aiohttp.ClientSession,
        find: Find,
        tell: Tell,
        event: Event,
        volumes: PodVolumes,
        clock: Clock,
        server: str,
    ) -> None:
        self.pod = pod
        self.ip = ip
        self._images, self._logs, self._session, self._find = images, logs, session, find
        self._tell, self._event = tell, event
        self.volumes = volumes
        self._clock = clock
        place = urlsplit(server)
        self._service = {
            "KUBERNETES_SERVICE_HOST": place.hostname or "",
            "KUBERNETES_SERVICE_PORT": str(place.port or 443),
        }
        spec = pod["spec"]
        self._init = [Container(one) for one in spec.get("initContainers") or []]
        self._main = [Container(one) for one in spec["containers"]]
        self._policy: str = spec["restartPolicy"]
        self._started = now()
        self._initialized = not self._init
        self._stopping = False
        self._phase = "Pending"
        self._told: Body = {}
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        """Until every container is over (or this is cancelled)."""
        await self.report()
        has_files = self._has_files()
        await self._mounted(has_files)
        renewing = asyncio.create_task(self._renew()) if has_files and self.volumes.change else None
        try:
            await self._run()
        finally:
            if renewing is not None:
                renewing.cancel()

    async def _run(self) -> None:
        for container in self._init:
            if not await self._until_success(container):
                self._phase = "Failed"
                await self.report()
                return
        self._initialized = True
        await asyncio.gather(*(self._keep(container) for container in self._main))
        if not self._stopping:
            codes = [one.state.get("terminated", {}).get("exitCode", 0) for one in self._main]
            self._phase = "Failed" if any(codes) else "Succeeded"
            await self.report()

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL when the grace period is over."""
        self._stopping = True
        running = [one.process for one in (*self._init, *self._main) if one.process and one.process.returncode is None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        if not running:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await asyncio.gather(*(process.wait() for process in running))
        for process in running:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def log_file(self, container: str) -> Path:
        """Where a container's output goes."""
        return self._logs / f"{self.pod['metadata']['uid']}-{container}.log"

    # --- volumes --------------------------------------------------------------------------------------------------

    def _has_files(self) -> bool:
        """Whether any container is a process, which looks for them."""
        for container in (*self._init, *self._main):
            with contextlib.suppress(PullFailure):
                if self._images(container.spec["image"]) is not None:
                    return True
        return False

    async def _mounted(self, has_files: bool) -> None:
        """Wait until all volumes can be set up."""
        told = ""
        while True:
            try:
                await (self.volumes.prepare(self._clock.wall()) if has_files else self.volumes.check())
                return
            except MountFailure as failure:
                if str(failure) != told:
                    told = str(failure)
                    await self._event("Warning", "FailedMount", told)
            except ApiFailure:  # the namespace or the account is going
                pass
            await asyncio.sleep(_MOUNT_SECONDS)

    async def _renew(self) -> None:
        """Follow ConfigMaps and Secrets, and replace tokens before they end."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            with contextlib.suppress(MountFailure, ApiFailure, aiohttp.ClientError, TimeoutError):
                await self.volumes.prepare(self._clock.wall())

    # --- containers -----------------------------------------------------------------------------------------------

    async def _until_success(self, container: Container) -> bool:
        """An init container: again until it succeeds, once when it may not be restarted."""
        while not self._stopping:
            code = await self._once(container)
            if code == 0:
                container.ready = True
                await self.report()
                return True
            if self._policy == "Never":
                return False
            await self._back_off(container)
        return False

    async def _keep(self, container: Container) -> None:
        """A main container: as long as the restart policy says."""
        while not self._stopping:
            code = await self._once(container)
            if self._stopping or self._policy == "Never" or (self._policy == "OnFailure" and code == 0):
                return
            await self._back_off(container)

    async def _once(self, container: Container) -> int:
        """Start it and wait for its end. A container in name only ends at once as a job's, never as a service's."""
        program = await self._pulled(container)
        environment = await self._configured(container)
        if program is None:
            return await self._in_name_only(container)
        ports = [one["containerPort"] for one in container.spec.get("ports") or []]
        own = {"HOST": self.ip, "POD_IP": self.ip, **({"PORT": str(ports[0])} if ports else {})}
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        files = self.volumes.environment(container.spec)
        environment = {name: self.volumes.located(container.spec, value) for name, value in environment.items()}
        container.environment = {**kept, **own, **self._service, **files, **program.environment, **environment}
        # Paths that the pod names are paths of its volumes; those of the image are this machine's.
        named = {
            part: [self.volumes.located(container.spec, word) for word in container.spec.get(part) or []]
            for part in ("command", "args")
        }
        words = named["command"] or [*program.entrypoint]
        words = words + (named["args"] or ([] if named["command"] else [*program.arguments]))
        command = [sys.executable if word == "python" else word for word in expanded(words, container.environment)]
        directory = container.spec.get("workingDir") or program.directory
        with self.log_file(container.name).open("ab") as log:
            try:
                container.process = await asyncio.create_subprocess_exec(
                    *_WITH_US,
                    *command,
                    env=container.environment,
                    cwd=directory,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=asyncio.subprocess.STDOUT,
                )
            except OSError as error:
                return await self._ended(container, 128, "StartError", str(error))
        container.state = {"running": {"startedAt": now()}}
        self._phase = "Running" if self._initialized else "Pending"
        await self._event("Normal", "Started", f"Started container {container.name}")
        watching = asyncio.create_task(self._watch(container))
        await self.report()
        try:
            code = await container.process.wait()
        finally:
            watching.cancel()
        return await self._ended(
            container, code if code >= 0 else 128 - code, "Completed" if code == 0 else "Error", ""
        )

    async def _in_name_only(self, container: Container) -> int:
        container.started = True
        if self._policy != "Always" or container in self._init:
            return await self._ended(container, 0, "Completed", "")
        container.state = {"running": {"startedAt": now()}}
        container.ready = True
        self._phase = "Running"
        await self.report()
        await asyncio.Event().wait()
        return 0

    async def _ended(self, container: Container, code: int, reason: str, message: str) -> int:
        started = container.state.get("running", {}).get("startedAt", now())
        ended: Body = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now()}
        container.state = {"terminated": {**ended, **({"message": message} if message else {})}}
        container.ready = container.started = False
        await self.report()
        return code

    async def _back_off(self, container: Container) -> None:
        seconds = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**container.restarts)
        container.restarts += 1
        container.last_state = container.state
        name = f"{self.pod['metadata']['name']}_{self.pod['metadata']['namespace']}({self.pod['metadata']['uid']})"
        text = f"back-off {seconds:g}s restarting failed container={container.name} pod={name}"
        container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": text}}
        await self._event("Warning", "BackOff", f"Back-off restarting failed container {container.name}")
        await self.report()
        await asyncio.sleep(seconds)

    async def _pulled(self, container: Container) -> Program | None:
        image, attempt = container.spec["image"], 0
        while True:
            try:
                return self._images(image)
            except PullFailure as failure:
                if attempt == 0:
                    await self._event("Warning", "Failed", f'Failed to pull image "{image}": {failure}')
                reason = "ErrImagePull" if attempt == 0 else "ImagePullBackOff"
                text = str(failure) if attempt == 0 else f'Back-off pulling image "{image}": ErrImagePull: {failure}'
                container.state = {"waiting": {"reason": reason, "message": text}}
                await self.report()
                await asyncio.sleep(min(_LONGEST_BACKOFF, 0.2 * 2**attempt))
                attempt += 1

    async def _configured(self, container: Container) -> dict[str, str]:
        while True:
            try:
                return await container_environment(self.pod, container.spec, self.ip, self._find)
            except MissingConfiguration as problem:
                container.state = {"waiting": {"reason": "CreateContainerConfigError", "message": str(problem)}}
                await self.report()
                await asyncio.sleep(0.5)

    # --- probes ---------------------------------------------------------------------------------------------------

    async def _watch(self, container: Container) -> None:
        """Startup first, then readiness and liveness side by side."""
        startup = container.spec.get("startupProbe")
        if startup is not None and not await self._passes(container, startup):
            await self._kill(container, "failed startup probe")
            return
        container.started = True
        readiness, liveness = container.spec.get("readinessProbe"), container.spec.get("livenessProbe")
        if readiness is None:
            container.ready = True
            await self.report()
        tasks = []
        if readiness is not None:
            tasks.append(self._follow_readiness(container, readiness))
        if liveness is not None:
            tasks.append(self._follow_liveness(container, liveness))
        await asyncio.gather(*tasks)

    async def _passes(self, container: Container, definition: Body) -> bool:
        await asyncio.sleep(definition.get("initialDelaySeconds") or 0)
        for _ in range(definition["failureThreshold"]):
            if not await self._probe(container, definition):
                return True
            await asyncio.sleep(definition["periodSeconds"])
        return False

    async def _follow_readiness(self, container: Container, definition: Body) -> None:
        await asyncio.sleep(definition.get("initialDelaySeconds") or 0)
        good = bad = 0
        while True:
            problem = await self._probe(container, definition)
            good, bad = (0, bad + 1) if problem else (good + 1, 0)
            before = container.ready
            if good >= definition["successThreshold"]:
                container.ready = True
            elif bad >= definition["failureThreshold"]:
                container.ready = False
            if problem and bad == 1:
                await self._event("Warning", "Unhealthy", f"Readiness probe failed: {problem}")
            if container.ready != before:
                await self.report()
            period = definition["periodSeconds"]
            # Until a container is ready it is asked more often, as the kubelet does when one starts.
            await asyncio.sleep(period if container.ready else min(_EAGER_SECONDS, period))

    async def _follow_liveness(self, container: Container, definition: Body) -> None:
        await asyncio.sleep(definition.get("initialDelaySeconds") or 0)
        bad = 0
        while bad < definition["failureThreshold"]:
            await asyncio.sleep(definition["periodSeconds"])
            problem = await self._probe(container, definition)
            bad = bad + 1 if problem else 0
            if problem:
                await self._event("Warning", "Unhealthy", f"Liveness probe failed: {problem}")
        await self._kill(container, "failed liveness probe")

    async def _probe(self, container: Container, definition: Body) -> str:
        return await probe(container.spec, definition, self.ip, self._session, container.environment)

    async def _kill(self, container: Container, why: str) -> None:
        await self._event("Normal", "Killing", f"Container {container.name} {why}, will be restarted")
        if container.process is not None and container.process.returncode is None:
            container.process.terminate()

    # --- status ---------------------------------------------------------------------------------------------------

    async def report(self, again: bool = False) -> None:
        """Write the status when it is another one than the last, or when somebody else may have changed it."""
        async with self._writing:
            status = self.status()
            if again or status != self._told:
                self._told = status
                await self._tell(status)

    def status(self) -> Body:
        """What the pod is like now, without the scheduler's part."""
        ready = self._initialized and all(one.ready for one in self._main) and not self._stopping
        waiting = [one.name for one in self._main if not one.ready]
        text = "" if ready else f"containers with unready status: [{' '.join(waiting)}]"
        reason = "" if ready else "ContainersNotReady"
        conditions: list[Body] = [dict(one) for one in self._told.get("conditions") or []]
        condition(conditions, "PodReadyToStartContainers", "True")
        condition(conditions, "Initialized", "True" if self._initialized else "False")
        condition(conditions, "ContainersReady", str(ready), reason, text)
        condition(conditions, "Ready", str(ready), reason, text)
        status: dict[str, Any] = {
            "phase": self._phase,
            "conditions": conditions,
            "podIP": self.ip,
            "podIPs": [{"ip": self.ip}],
            "hostIP": HOST_IP,
            "startTime": self._started,
            "containerStatuses": [one.status() for one in self._main],
        }
        if self._init:
            status["initContainerStatuses"] = [one.status() for one in self._init]
        if self._phase in ("Failed", "Succeeded"):
            for one in conditions:
                if one["type"] in ("Ready", "ContainersReady"):
                    one["reason"] = "PodFailed" if self._phase == "Failed" else "PodCompleted"
        return status
