# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be true inside a site's cluster, and how much load its applications are to bear."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from .site import check

MOST_SAMPLES = 1000
MOST_SECONDS, MOST_USERS, MOST_RATE = 600, 200, 1000
# Through the API server: it has more to do than to carry somebody's requests.
MOST_PROXIED_RATE = 100
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PORT = re.compile(r"[a-z0-9-]{1,15}")
_HEADER = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True)
class Pool:
    """ready: how many nodes of this pool are ready at least."""

    name: str
    ready: int = 1


@dataclass(frozen=True)
class Nodes:
    """ready: how many nodes are ready at least; every node that there is has to be. zones: in how many zones."""

    ready: int = 1
    zones: int = 1
    pools: tuple[Pool, ...] = ()


@dataclass(frozen=True)
class Namespace:
    """One that has to be there, with every workload in it ready. default_deny: directions in which nothing passes that
    no network policy allows. network_policies: names of policies that have to be there."""

    name: str
    default_deny: tuple[Literal["ingress", "egress"], ...] = ("ingress", "egress")
    network_policies: tuple[str, ...] = ()
    workloads: bool = True


@dataclass(frozen=True)
class Limits:
    """In milliseconds, over the samples of a request."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Request:
    """One request and its right answer. expect: members of the JSON answer by their dotted path
    ("predictions.0.class"). contains: text of an answer that is no JSON. samples: how often it is repeated for its
    latency."""

    name: str
    path: str = "/"
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    body: dict[str, Any] | None = None
    headers: dict[str, str] | None = None
    status: int = 200
    expect: dict[str, Any] | None = None
    contains: str | None = None
    timeout: float = 10.0
    samples: int = 0
    limits_ms: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Target:
    """An application of the cluster. autoscaler, disruption_budget: whether there has to be one. service: without it
    the application's name. through: the API server's proxy, the load balancer's address, or that address when there is
    one. scheme: what the service speaks."""

    name: str
    namespace: str
    kind: Literal["Deployment", "StatefulSet", "DaemonSet"] = "Deployment"
    autoscaler: bool = True
    disruption_budget: bool = True
    service: str | None = None
    port: str = "http"
    scheme: Literal["http", "https"] = "http"
    through: Literal["auto", "proxy", "address"] = "auto"
    requests: tuple[Request, ...] = ()


@dataclass(frozen=True)
class Verify:
    """What is to be true."""

    nodes: Nodes | None = None
    namespaces: tuple[Namespace, ...] = ()
    applications: tuple[Target, ...] = ()

    def resolve(self) -> Verify:
        """Raises SpecError naming every problem."""
        problems = _twice("namespaces", (each.name for each in self.namespaces))
        for space in self.namespaces:
            problems += _legal(f"namespaces.{space.name}.name", space.name)
        if self.nodes:
            problems += _nodes(self.nodes)
        problems += _targets(self.applications)
        if not (self.nodes or self.namespaces or self.applications):
            problems.append("There is nothing to verify. Give nodes, namespaces or applications.")
        check(problems)
        return self


@dataclass(frozen=True)
class Load:
    """How much load, for how long, and what has to hold meanwhile.

    users: requests at the same time at most. rate: requests per second of all users together, as many as they can
    without. limits_ms and max_error_percent: of all requests of an application.
    """

    applications: tuple[Target, ...] = ()
    seconds: int = 10
    users: int = 4
    rate: float = 20.0
    max_error_percent: float = 0.0
    min_requests: int = 1
    limits_ms: Limits = field(default_factory=Limits)

    def resolve(self) -> Load:
        """Raises SpecError naming every problem."""
        problems = _targets(self.applications)
        proxied = any(each.through != "address" for each in self.applications)
        for name, value, most in (
            ("seconds", self.seconds, MOST_SECONDS),
            ("users", self.users, MOST_USERS),
            ("rate", self.rate, MOST_PROXIED_RATE if proxied else MOST_RATE),
        ):
            if not 0 < value <= most:
                why = (
                    " through the API server; for more expose the application and set through: address"
                    if name == "rate" and proxied and value > 0
                    else ""
                )
                problems.append(f"{name}: {value:g} is out of range (above 0, at most {most}{why}).")
        if not 0 <= self.max_error_percent <= 100:
            problems.append(f"max_error_percent: {self.max_error_percent:g} is out of range (0 to 100).")
        if self.min_requests < 1:
            problems.append(f"min_requests: {self.min_requests} must be 1 or more: nothing measured proves nothing.")
        problems += _bounds("limits_ms", self.limits_ms)
        if not any(each.requests for each in self.applications):
            problems.append("applications: none of them has requests, so that there is nothing to send.")
        check(problems)
        return self


def _nodes(nodes: Nodes) -> list[str]:
    problems = _twice("nodes.pools", (pool.name for pool in nodes.pools))
    for name, value in (("ready", nodes.ready), ("zones", nodes.zones)):
        if value < 1:
            problems.append(f"nodes.{name}: {value} must be 1 or more.")
    return problems + [
        f"nodes.pools.{pool.name}.ready: {pool.ready} must be 0 or more." for pool in nodes.pools if pool.ready < 0
    ]


def _targets(targets: tuple[Target, ...]) -> list[str]:
    problems = _twice("applications", (f"{each.namespace}/{each.name}" for each in targets))
    for target in targets:
        where = f"applications.{target.name}"
        for name, text in (("name", target.name), ("namespace", target.namespace), ("service", target.service)):
            problems += _legal(f"{where}.{name}", text) if text is not None else []
        if not _PORT.fullmatch(target.port):
            problems.append(f"{where}.port: {target.port!r} is neither a port's name nor its number.")
        problems += _twice(f"{where}.requests", (each.name for each in target.requests))
        for request in target.requests:
            problems += _request(f"{where}.requests.{request.name}", request)
    return problems


def _request(where: str, request: Request) -> list[str]:
    problems = _bounds(f"{where}.limits_ms", request.limits_ms)
    if not request.path.startswith("/") or any(char.isspace() for char in request.path) or "/../" in request.path:
        problems.append(f"{where}.path: {request.path!r} must begin with a slash and hold no space and no '..'.")
    if request.body is not None and request.method in ("GET", "HEAD"):
        problems.append(f"{where}.body: has no effect with {request.method}. Set method, or remove it.")
    if not 100 <= request.status <= 599:
        problems.append(f"{where}.status: {request.status} is no status of HTTP.")
    if not 0 <= request.samples <= MOST_SAMPLES:
        problems.append(f"{where}.samples: {request.samples} is out of range (0 to {MOST_SAMPLES}).")
    if request.limits_ms != Limits() and not request.samples:
        problems.append(f"{where}.limits_ms: has no effect without samples. Set samples, or remove it.")
    if not 0 < request.timeout <= 60:
        problems.append(f"{where}.timeout: {request.timeout:g} is out of range (above 0, at most 60 seconds).")
    for name, value in (request.headers or {}).items():
        if not _HEADER.fullmatch(name) or not isinstance(value, str) or "\n" in value or "\r" in value:
            problems.append(f"{where}.headers.{name}: is no header of one line.")
        if name.lower() == "authorization":
            # It is the API server's on the way through it, and would stand in an inventory.
            problems.append(f"{where}.headers.{name}: credentials of applications are not sent.")
    return problems


def _bounds(where: str, limits: Limits) -> list[str]:
    given = {name: getattr(limits, name) for name in ("p50", "p90", "p99") if getattr(limits, name) is not None}
    problems = [f"{where}.{name}: {value:g} must be above 0." for name, value in given.items() if value <= 0]
    if list(given.values()) != sorted(given.values()):
        problems.append(f"{where}: a higher percentile cannot have a lower limit.")
    return problems


def _legal(where: str, name: str) -> list[str]:
    return [] if _NAME.fullmatch(name) else [f"{where}: {name!r} is not a legal name of an object."]


def _twice(where: str, names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [f"{where}: {name!r} stands there twice." for name in sorted({n for n in listed if listed.count(n) > 1})]
