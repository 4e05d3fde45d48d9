# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks of one site's cluster. A check that fails, or cannot be carried out, stops no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from .._engine.clock import Clock
from .._engine.errors import CloudError, NotFound
from .._engine.retry import retry_call
from .._spec.verify import Namespace, Request, Target, Verify
from . import stuck
from . import verify_asking as asking
from . import verify_health as health
from .client import Client
from .objects import Ref
from .verify_health import Body, Finding

T = TypeVar("T")
_VERSIONS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1"}


@dataclass(frozen=True)
class Row:
    """One check of one site."""

    site: str
    check: str
    ok: bool
    detail: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 3)}


@dataclass
class Findings:
    """latencies: by application and request, percentiles in ms."""

    rows: list[Row] = field(default_factory=list)
    latencies: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)


class Verifier:
    """One run over one cluster. Reading calls that fail for a passing reason are tried again for retry_timeout
    seconds; requests to applications are not, because their first answer is what is verified."""

    def __init__(self, client: Client, site: str, clock: Clock, *, retry_timeout: float) -> None:
        self._client = client
        self._site = site
        self._clock = clock
        self._retry_timeout = retry_timeout
        self._sender = asking.Sender(client)
        self._listed: dict[tuple[str, str, str | None], list[dict[str, Any]]] = {}
        self.findings = Findings()

    def run(self, spec: Verify) -> Findings:
        """All rows, in the order of the specification. A cluster that does not answer has only the first."""
        if not self._check("cluster", lambda: [self._reach()]):
            return self.findings
        if spec.nodes:
            wanted = spec.nodes
            self._check("nodes", lambda: health.nodes(self._list("v1", "Node"), wanted))
        for space in spec.namespaces:
            self._namespace(space)
        for target in spec.applications:
            self._application(target)
        return self.findings

    def _reach(self) -> Finding:
        version = self._try(lambda: self._client.raw("GET", "/version").json())
        return Finding("cluster", True, f"answers, {version.get('gitVersion', 'of no version')}")

    def _explain(self, body: dict[str, Any]) -> str:
        return stuck.explain(self._client, body)

    def _namespace(self, space: Namespace) -> None:
        there = self._check(
            f"namespace {space.name}",
            lambda: [health.namespace(self._get(Ref("v1", "Namespace", space.name)), space)],
        )
        if there and space.workloads:
            self._check(f"workloads {space.name}", lambda: [self._workloads(space.name)])
        if there and (space.default_deny or space.network_policies):
            self._check(
                f"network policies {space.name}",
                lambda: [health.policies(self._list("networking.k8s.io/v1", "NetworkPolicy", space.name), space)],
            )

    def _workloads(self, space: str) -> Finding:
        found = [body for kind in health.KINDS for body in self._list(_VERSIONS[kind], kind, space)]
        return health.workloads(space, found, self._explain)

    def _application(self, target: Target) -> None:
        def workload() -> Body | None:
            return self._get(Ref(_VERSIONS[target.kind], target.kind, target.name, target.namespace))

        def application() -> list[Finding]:
            return [health.application(workload(), target, self._explain)]

        self._check(f"application {target.name}", application)
        if target.autoscaler:
            self._check(
                f"autoscaler {target.name}",
                lambda: [
                    health.autoscaler(self._list("autoscaling/v2", "HorizontalPodAutoscaler", target.namespace), target)
                ],
            )
        if target.disruption_budget:
            self._check(
                f"disruption budget {target.name}",
                lambda: [
                    health.disruption_budget(
                        self._list("policy/v1", "PodDisruptionBudget", target.namespace), workload(), target
                    )
                ],
            )
        for request in target.requests:
            self._request(target, request)

    def _request(self, target: Target, request: Request) -> None:
        name = f"{target.name} {request.name}"

        def ask() -> list[Finding]:
            on = self._try(lambda: asking.way(self._client, target))
            reply = self._sender.send(on, request)
            trouble = asking.problem(request, reply)
            return [Finding(f"request {name}", not trouble, trouble or asking.fine(request, reply))]

        def time() -> list[Finding]:
            on = self._try(lambda: asking.way(self._client, target))
            measured, trouble = asking.measure(lambda: self._sender.send(on, request), request, self._clock.now)
            self.findings.latencies.setdefault(target.name, {})[request.name] = {**measured, "through": on.through}
            slow = [*([trouble] if trouble else []), *asking.exceeded(measured, request.limits_ms)]
            told = ", ".join(f"{key} {measured[key]:.1f}" for key in ("p50", "p90", "p99"))
            counted = f"{told} ms, {measured['samples']} by {on.through}"
            return [Finding(f"latency {name}", not slow, "; ".join(slow) or counted)]

        right = self._check(f"request {name}", ask)
        if not request.samples:
            return
        if right:
            self._check(f"latency {name}", time)
        else:
            self._row(Finding(f"latency {name}", False, "not measured: the answer is not right"), 0.0)

    def _check(self, name: str, work: Callable[[], list[Finding]]) -> bool:
        """Carry out one check; whether all that it found is fine. name: what a check is called that cannot be."""
        begun = self._clock.now()
        try:
            found = work()
        except CloudError as error:
            found = [Finding(name, False, str(error))]
        seconds = self._clock.now() - begun
        for index, finding in enumerate(found):
            self._row(finding, seconds if index == 0 else 0.0)
        return all(finding.ok for finding in found)

    def _row(self, finding: Finding, seconds: float) -> None:
        self.findings.rows.append(Row(self._site, finding.check, finding.ok, finding.detail, seconds))

    def _get(self, ref: Ref) -> Body | None:
        try:
            return self._try(lambda: self._client.get(ref))
        except NotFound:
            return None

    def _list(self, api_version: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        key = (api_version, kind, namespace)
        if key not in self._listed:
            self._listed[key] = self._try(lambda: self._client.list(api_version, kind, namespace))
        return self._listed[key]

    def _try(self, call: Callable[[], T]) -> T:
        return retry_call(call, self._clock, timeout=self._retry_timeout)
