"""What containers printed: ``GET .../pods/<name>/log``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from aiohttp import web

from .errors import ApiError, bad_request
from .kinds.base import at
from .store import Body

# A pod's uid and a container's name to the file with its output; None when nothing was printed.
LogSource = Callable[[str, str], Path | None]
_POLL_SECONDS = 0.1
_KUBELET_PORT = 10250


class Logs:
    """Reads logs where the kubelet of the cluster left them; without one the node does not answer."""

    def __init__(self) -> None:
        self.source: LogSource | None = None

    async def answer(self, request: web.BaseRequest, pod: Body) -> web.StreamResponse:
        """Text, to its present end or followed as long as the container runs."""
        name = _started(pod, request.query)
        if self.source is None:
            meta = pod["metadata"]
            where = f"https://{at(pod, 'spec.nodeName')}:{_KUBELET_PORT}/containerLogs"
            raise ApiError(
                500,
                "InternalError",
                f'Get "{where}/{meta["namespace"]}/{meta["name"]}/{name}": dial tcp: connect: connection refused',
            )
        file = self.source(pod["metadata"]["uid"], name)
        data = file.read_bytes() if file is not None and file.exists() else b""
        position = len(data)
        tail = request.query.get("tailLines")
        if tail is not None:
            if not tail.isdigit():
                raise bad_request(f'strconv.ParseInt: parsing "{tail}": invalid syntax')
            lines = data.splitlines(keepends=True)
            data = b"".join(lines[len(lines) - min(int(tail), len(lines)) :])
        limit = request.query.get("limitBytes", "")
        if limit.isdigit():
            data = data[: int(limit)]
        if request.query.get("follow") not in ("true", "1", "True"):
            return web.Response(body=data, headers={"Content-Type": "text/plain"})
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(data)
        while file is not None and file.exists():
            with file.open("rb") as log:
                log.seek(position)
                more = log.read()
            if more:
                position += len(more)
                await response.write(more)
            await asyncio.sleep(_POLL_SECONDS)
        await response.write_eof()
        return response


def container_of(pod: Body, query: Mapping[str, str]) -> str:
    """Which container is meant; 400 when that is not clear."""
    name = pod["metadata"]["name"]
    named = [one["name"] for field in ("containers", "initContainers") for one in pod["spec"].get(field) or []]
    wanted = query.get("container", "")
    if not wanted:
        if len(pod["spec"]["containers"]) > 1:
            shown = " ".join(one["name"] for one in pod["spec"]["containers"])
            raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{shown}]")
        wanted = pod["spec"]["containers"][0]["name"]
    if wanted not in named:
        raise bad_request(f"container {wanted} is not valid for pod {name}")
    return str(wanted)


def _started(pod: Body, query: Mapping[str, str]) -> str:
    """The container that is meant; 400 when it has not started."""
    wanted, name = container_of(pod, query), pod["metadata"]["name"]
    states = [
        one for field in ("containerStatuses", "initContainerStatuses") for one in at(pod, f"status.{field}") or []
    ]
    state: Body = next((one for one in states if one["name"] == wanted), {})
    reason = at(state, "state.waiting.reason")
    if not pod["spec"].get("nodeName") or (reason and not at(state, "lastState.terminated")):
        text = f": {reason}" if reason else ""
        raise bad_request(f'container "{wanted}" in pod "{name}" is waiting to start{text}')
    return wanted
