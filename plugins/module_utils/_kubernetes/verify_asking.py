# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to applications of a cluster, their right answers, and how long they take."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .._engine.errors import NotFound, Unavailable
from .._spec.verify import Limits, Request, Target
from .objects import Ref

_SHOWN = 200
_MISSING = object()


@dataclass(frozen=True)
class Reply:
    """An application's answer."""

    status: int
    body: bytes


class Asks(Protocol):
    """The part of `client.Client` that is needed here."""

    def get(self, ref: Ref) -> dict[str, Any]: ...

    def raw(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> Any: ...


@dataclass(frozen=True)
class Way:
    """How an application is reached: by its own address, or through the API server when base is empty."""

    through: str
    base: str
    prefix: str

    def url(self, server: str, path: str) -> str:
        """The whole address of a path. server: the API server's."""
        return f"{(self.base or server).rstrip('/')}{self.prefix}{path}"


def way(client: Asks, target: Target) -> Way:
    """The way to an application. Raises NotFound where there is no such service, port or address."""
    name = target.service or target.name
    service = client.get(Ref("v1", "Service", name, target.namespace))
    ports = service["spec"].get("ports") or []
    port = next((each for each in ports if target.port in (each.get("name"), str(each["port"]))), None)
    if port is None:
        known = ", ".join(str(each.get("name") or each["port"]) for each in ports) or "none"
        raise NotFound(f"service {target.namespace}/{name} has no port {target.port} (it has: {known})")
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    address = next((each.get("ip") or each.get("hostname") for each in ingress), None)
    if target.through != "proxy" and address:
        host = f"[{address}]" if ":" in address else address
        return Way("address", f"{target.scheme}://{host}:{port['port']}", "")
    if target.through == "address":
        raise NotFound(
            f"service {target.namespace}/{name} has no address of a load balancer (it is of type "
            f"{service['spec'].get('type')})"
        )
    scheme = "https:" if target.scheme == "https" else ""
    identity = f"{scheme}{name}:{target.port}"
    return Way("proxy", "", f"/api/v1/namespaces/{target.namespace}/services/{identity}/proxy")


class Sender:
    """Sends requests on their way. Thread-safe."""

    def __init__(self, client: Asks) -> None:
        self._client = client
        self._pool: Any = None

    def send(self, on: Way, request: Request) -> Reply:
        """One attempt. Raises Unavailable when nothing answers in time."""
        headers = dict(request.headers or {})
        if not on.base:
            answer = self._client.raw(
                request.method,
                on.prefix + request.path,
                body=request.body,
                headers=headers,
                check=False,
                timeout=request.timeout,
            )
            return Reply(answer.status, answer.body)
        import urllib3

        if self._pool is None:
            self._pool = urllib3.PoolManager(retries=False)
        body = None
        if request.body is not None:
            body = json.dumps(request.body).encode()
            headers = {"Content-Type": "application/json", **headers}
        try:
            response = self._pool.request(
                request.method,
                on.url("", request.path),
                body=body,
                headers=headers,
                timeout=request.timeout,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"{on.base} did not answer: {error}", code=type(error).__name__) from error
        return Reply(response.status, response.data)


def problem(request: Request, reply: Reply) -> str:
    """What is wrong with an answer; empty when it is right."""
    if reply.status != request.status:
        return f"answered {reply.status}, not {request.status}: {_shown(reply.body)}"
    if request.contains is not None and request.contains not in reply.body.decode(errors="replace"):
        return f"{request.contains!r} is not in the answer: {_shown(reply.body)}"
    if not request.expect:
        return ""
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return f"the answer is no JSON: {_shown(reply.body)}"
    wrong = []
    for path, wanted in request.expect.items():
        found = member(answer, path)
        if found is _MISSING:
            wrong.append(f"{path} is missing")
        elif isinstance(found, bool) != isinstance(wanted, bool) or found != wanted:
            wrong.append(f"{path} is {json.dumps(found)[:_SHOWN]}, not {json.dumps(wanted)}")
    return "; ".join(wrong)


def fine(request: Request, reply: Reply) -> str:
    """What was right about an answer."""
    return ", ".join([str(reply.status), *(f"{path} {value}" for path, value in (request.expect or {}).items())])


def member(answer: Any, path: str) -> Any:
    """What stands at a dotted path; numbers count list items."""
    for part in path.split("."):
        if isinstance(answer, Mapping) and part in answer:
            answer = answer[part]
        elif isinstance(answer, list) and part.isdecimal() and int(part) < len(answer):
            answer = answer[int(part)]
        else:
            return _MISSING
    return answer


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """Nearest rank: a value that was measured. ValueError for nothing measured."""
    if not sorted_values:
        raise ValueError("nothing was measured")
    return sorted_values[max(0, math.ceil(percent / 100 * len(sorted_values)) - 1)]


def exceeded(measured: Mapping[str, float], limits: Limits) -> list[str]:
    """Which percentiles (p50, p90, p99, in ms) are beyond their limits, as words."""
    given = {name: getattr(limits, name) for name in ("p50", "p90", "p99")}
    return [
        f"{name} {measured[name]:.1f} ms is more than {limit:g} ms"
        for name, limit in given.items()
        if limit is not None and measured[name] > limit
    ]


def measure(send: Callable[[], Reply], request: Request, now: Callable[[], float]) -> tuple[dict[str, float], str]:
    """Repeat a request: percentiles in ms, and what was wrong. Ends early when five answers are not right."""
    taken: list[float] = []
    wrong: list[str] = []
    for _number in range(request.samples):
        begun = now()
        try:
            trouble = problem(request, send())
        except Unavailable as error:
            trouble = str(error)
        taken.append((now() - begun) * 1000)
        if trouble:
            wrong.append(trouble)
            if len(wrong) == 5:
                break
    taken.sort()
    measured = {f"p{percent}": round(percentile(taken, percent), 3) for percent in (50, 90, 99)}
    measured |= {"max": round(taken[-1], 3), "samples": len(taken), "errors": len(wrong)}
    told = f"{len(wrong)} of {len(taken)} answers are not right: {wrong[0]}" if wrong else ""
    return measured, told


def _shown(body: bytes) -> str:
    text = " ".join(body.decode(errors="replace").split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
