"""What objects and answers are found to be, without a cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest
from module_utils._engine.errors import AuthError, NotFound, SpecError, Unavailable
from module_utils._kubernetes import verify_asking as asking
from module_utils._kubernetes import verify_health as health
from module_utils._kubernetes.client import Answer
from module_utils._kubernetes.objects import Ref
from module_utils._kubernetes.verify import Verifier
from module_utils._spec.arguments import build
from module_utils._spec.verify import Limits, Namespace, Nodes, Request, Target, Verify


def node(name: str, *, ready: str = "True", zone: str = "a", pool: str = "general", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {health.ZONE: zone, "cloud.google.com/gke-nodepool": pool}},
        "spec": spec,
        "status": {
            "conditions": [{"type": "Ready", "status": ready, "reason": "KubeletNotReady", "message": "no CNI"}]
        },
    }


def test_nodes_that_are_drained_count_neither_way() -> None:
    found = [node("a"), node("b", zone="b"), node("c", ready="False"), node("d", ready="Unknown", unschedulable=True)]
    nodes, zones, pool = health.nodes(found, build(Nodes, {"ready": 2, "zones": 2, "pools": [{"name": "general"}]}))
    assert (nodes.ok, nodes.detail) == (False, "c is not ready (KubeletNotReady: no CNI)")
    assert (zones.ok, zones.detail) == (True, "a, b")
    assert (pool.ok, pool.detail) == (True, "2 ready")


def policy(types: list[str] | None = None, selector: dict[str, Any] | None = None, **rules: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"podSelector": selector or {}, **rules}
    if types is not None:
        spec["policyTypes"] = types
    return {"metadata": {"name": "one"}, "spec": spec}


@pytest.mark.parametrize(
    ("body", "denied"),
    [
        (policy(["Ingress", "Egress"]), {"ingress", "egress"}),
        (policy(["Ingress"]), {"ingress"}),
        (policy(), {"ingress"}),
        (policy(egress=[{}]), {"ingress"}),
        (policy(["Ingress"], ingress=[{}]), set()),
        (policy(["Ingress"], ingress=[]), {"ingress"}),
        (policy(["Ingress", "Egress"], {"matchLabels": {"app": "x"}}), set()),
        (policy(["Ingress"], {"matchExpressions": [{"key": "app", "operator": "Exists"}]}), set()),
        (policy(["Ingress"], {"matchLabels": {}}), {"ingress"}),
    ],
)
def test_default_deny_is_of_all_pods_and_without_rules(body: dict[str, Any], denied: set[str]) -> None:
    assert health.denies(body) == denied


def test_two_policies_deny_together() -> None:
    found = health.policies([policy(["Ingress"]), policy(["Egress"])], Namespace("x"))
    assert (found.ok, found.detail) == (True, "2, egress and ingress denied by default")
    found = health.policies([policy(["Ingress"])], Namespace("x", network_policies=("dns",)))
    assert (found.ok, found.detail) == (False, "nothing denies egress by default; dns is missing")


@pytest.mark.parametrize(
    ("selector", "finds"),
    [
        ({}, True),
        ({"matchLabels": {"app": "x"}}, True),
        ({"matchLabels": {"app": "y"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["x", "y"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
    ],
)
def test_selectors(selector: dict[str, Any], finds: bool) -> None:
    assert health.selects(selector, {"app": "x"}) is finds


ANSWER = json.dumps({"a": {"b": [{"c": 1}, {"c": True}]}, "text": "x", "d.e": 2}).encode()


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (Request("r", expect={"a.b.0.c": 1, "text": "x"}), 200, ""),
        (Request("r", expect={"a.b.0.c": 1.0}), 200, ""),
        (Request("r", expect={"a.b.1.c": 1}), 200, "a.b.1.c is true, not 1"),
        (Request("r", expect={"a.b.2.c": 1}), 200, "a.b.2.c is missing"),
        (Request("r", expect={"a.x": 1, "text": "y"}), 200, 'a.x is missing; text is "x", not "y"'),
        (Request("r", contains="text"), 200, ""),
        (Request("r", contains="nothing"), 200, "'nothing' is not in the answer"),
        (Request("r"), 503, "answered 503, not 200"),
        (Request("r", status=503), 503, ""),
    ],
)
def test_answers_are_held_against_what_is_expected(request_: Request, status: int, said: str) -> None:
    found = asking.problem(request_, asking.Reply(status, ANSWER))
    assert found == said if not said else found.startswith(said)


def test_an_answer_that_is_no_json_is_told_as_such() -> None:
    assert "no JSON: <html>" in asking.problem(Request("r", expect={"a": 1}), asking.Reply(200, b"<html>"))


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [asking.percentile(values, percent) for percent in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert asking.percentile([7.0], 99) == 7
    with pytest.raises(ValueError, match="nothing was measured"):
        asking.percentile([], 50)


def test_measuring_ends_early_when_answers_are_not_right() -> None:
    moments = iter(range(1000))
    replies = iter([asking.Reply(200, b""), *[asking.Reply(500, b"oh")] * 100])
    measured, told = asking.measure(lambda: next(replies), Request("r", samples=100), lambda: float(next(moments)))
    assert (measured["samples"], measured["errors"], measured["p50"]) == (6, 5, 1000.0)
    assert told == "5 of 6 answers are not right: answered 500, not 200: oh"


def test_a_request_that_is_not_answered_is_an_error_and_not_the_end() -> None:
    def send() -> asking.Reply:
        raise Unavailable("gone")

    measured, told = asking.measure(send, Request("r", samples=2), iter(range(100)).__next__)
    assert measured["errors"] == 2
    assert "gone" in told


def test_limits_are_those_of_each_percentile() -> None:
    measured = {"p50": 5.0, "p90": 9.0, "p99": 20.0}
    assert asking.exceeded(measured, Limits(p50=5, p99=19.5)) == ["p99 20.0 ms is more than 19.5 ms"]


class Service:
    """Answers with one Service."""

    def __init__(self, kind: str = "ClusterIP", ingress: list[dict[str, str]] | None = None) -> None:
        ports = [{"name": "http", "port": 80}, {"port": 9090}]
        self.body = {"spec": {"type": kind, "ports": ports}, "status": {"loadBalancer": {"ingress": ingress or []}}}

    def get(self, ref: Ref) -> dict[str, Any]:
        return self.body

    def raw(self, *_arguments: Any, **_options: Any) -> Any:
        raise NotImplementedError


def target(**options: Any) -> Target:
    return build(Target, {"name": "web", "namespace": "shop", **options})


@pytest.mark.parametrize(
    ("service", "options", "url"),
    [
        (Service(), {}, "https://api/api/v1/namespaces/shop/services/web:http/proxy/x"),
        (Service(), {"scheme": "https", "port": "9090"}, "https://api/api/v1/namespaces/shop/services/https:web:9090/proxy/x"),
        (Service(ingress=[{"ip": "192.0.2.1"}]), {}, "http://192.0.2.1:80/x"),
        (Service(ingress=[{"hostname": "lb.example"}]), {"scheme": "https"}, "https://lb.example:80/x"),
        (Service(ingress=[{"ip": "2001:db8::1"}]), {"port": "9090"}, "http://[2001:db8::1]:9090/x"),
        (Service(ingress=[{"ip": "192.0.2.1"}]), {"through": "proxy"}, "https://api/api/v1/namespaces/shop/services/web:http/proxy/x"),
    ],
)  # fmt: skip
def test_the_way_to_an_application(service: Service, options: dict[str, Any], url: str) -> None:
    assert asking.way(service, target(**options)).url("https://api/", "/x") == url


def test_a_way_that_there_is_not_is_told() -> None:
    with pytest.raises(NotFound, match=r"no port grpc \(it has: http, 9090\)"):
        asking.way(Service(), target(port="grpc"))
    with pytest.raises(NotFound, match="no address of a load balancer"):
        asking.way(Service("LoadBalancer"), target(through="address"))


class Cluster:
    """A client whose first answer to everything is a server error, and that may not list network policies."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def _once(self, what: str) -> None:
        self.asked.append(what)
        if self.asked.count(what) == 1:
            raise Unavailable("the API server did not answer")

    def raw(self, method: str, path: str, **_options: Any) -> Any:
        self._once(path)
        return Answer(200, b'{"gitVersion": "v1.34.2"}')

    def get(self, ref: Ref) -> dict[str, Any]:
        self._once(str(ref))
        return {"status": {"phase": "Active"}}

    def list(self, api_version: str, kind: str, namespace: str | None = None, **_options: Any) -> list[dict[str, Any]]:
        if kind == "NetworkPolicy":
            raise AuthError('networkpolicies is forbidden: User "x" cannot list')
        self._once(kind)
        return [node("a")] if kind == "Node" else []


class Clock:
    """Sleeping takes no time."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_what_fails_for_a_passing_reason_is_read_again_and_what_is_forbidden_is_one_row() -> None:
    spec = build(Verify, {"nodes": {}, "namespaces": [{"name": "shop"}]}).resolve()
    cluster: Any = Cluster()
    rows = {row.check: row for row in Verifier(cluster, "aws-dev", Clock(), retry_timeout=60).run(spec).rows}
    assert [check for check, row in rows.items() if not row.ok] == ["network policies shop"]
    assert "cannot list" in rows["network policies shop"].detail
    assert rows["nodes"].detail == "1 ready"
    assert rows["workloads shop"].detail == "none there"
    assert cluster.asked.count("Node") == 2


REQUEST = {"name": "r"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"path": "health"}, "must begin with a slash"),
        ({"path": "/../../secrets"}, "'..'"),
        ({"body": {"a": 1}}, "no effect with GET"),
        ({"samples": 1001}, "samples: 1001"),
        ({"limits_ms": {"p50": 1}}, "without samples"),
        ({"timeout": 61}, "timeout: 61"),
        ({"status": 99}, "no status"),
        ({"headers": {"Authorization": "Basic x"}}, "credentials"),
        ({"headers": {"X": "a\r\nb"}}, "one line"),
    ],
)
def test_requests_that_make_no_sense_are_refused(request_: dict[str, Any], said: str) -> None:
    application = {"name": "web", "namespace": "shop", "requests": [{**REQUEST, **request_}]}
    with pytest.raises(SpecError, match=said):
        build(Verify, {"applications": [application]}).resolve()


def test_every_problem_is_named_at_once_and_nothing_to_verify_is_one() -> None:
    with pytest.raises(SpecError, match="nothing to verify"):
        Verify().resolve()
    with pytest.raises(SpecError) as refused:
        build(
            Verify,
            {"nodes": {"ready": 0}, "namespaces": [{"name": "A"}, {"name": "x"}, {"name": "x"}]},
        ).resolve()
    assert all(
        part in str(refused.value) for part in ("nodes.ready: 0", "'A' is not a legal name", "'x' stands there twice")
    )
