"""The base and services in a cluster: rolled out, left alone, changed, returned to what was healthy, removed."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from module_utils._engine.errors import InvalidRequest
from module_utils._inside import Call, arguments
from module_utils._kubernetes.objects import Body, Ref
from module_utils._module import Outcome, blank

from sandbox.kubernetes.controllers import Controllers, ImageTable, Program, node
from tests.integration.clusters import World, world, writes

_COUNT = itertools.count()
_CRASH = (sys.executable, "-c", "import sys; print('no model there'); sys.exit('cannot start')")
_SITE = {
    "cloud": "aws",
    "region": "eu-central-1",
    "account": "123456789012",
    "platform": "ml-platform",
    "site": "aws-dev",
    "network": {"addresses": {"aws-dev": 0}},
    "wait_timeout": 60,
    "retry_timeout": 5,
}


class Driver:
    """Of a cloud that has this one cluster."""

    def __init__(self, cluster: World) -> None:
        self.cluster = cluster

    def verify(self) -> list[str]:
        return []

    def access(self, cluster: str | None = None) -> Any:
        return self.cluster.access()


@pytest.fixture(scope="module")
def cluster() -> Iterator[World]:
    """With two nodes, controllers and the base."""
    with world() as made:
        for name in ("n1", "n2"):
            body = node(name, "1.34.2", labels={"topology.kubernetes.io/zone": name})
            made.client().apply(body)
        table = ImageTable({"*:crash*": Program(_CRASH)}, missing=["*:missing*"])
        server = made.server
        controllers = Controllers(server.url, server.ca_file, server.token, server.ca_file.parent, table).start()
        server.read_logs_from(controllers.log)
        try:
            outcome = call(made, "kubernetes_base")
            assert not outcome.failed, outcome.result
            yield made
        finally:
            controllers.stop()


def call(cluster: World, module: str, *, check: bool = False, **given: Any) -> Outcome:
    """One call of a module, from its arguments to its result."""
    params = {key: option.get("default") for key, option in arguments(module).items()} | _SITE | given
    outcome = Outcome(blank(params))
    try:
        Call(module, params, check=check, driver=Driver(cluster)).into(outcome, lambda event: None)  # type: ignore[arg-type]
    except Exception as error:
        outcome.fail(str(error))
    return outcome


class Shop:
    """One service of its own in the shared cluster."""

    def __init__(self, cluster: World) -> None:
        self.cluster = cluster
        self.name = f"api-{next(_COUNT)}"
        self.client = cluster.client()

    def run(self, *, check: bool = False, tag: str = "1", **given: Any) -> Outcome:
        service = {"name": self.name, "image": f"example.org/api:{tag}", "health_timeout": 2, **given}
        return call(self.cluster, "application", check=check, application={"services": [service]})

    def told(self, outcome: Outcome) -> dict[str, Any]:
        shown: dict[str, Any] = outcome.result["outputs"]["services"][self.name]
        return shown

    def get(self, kind: str, api_version: str = "v1", name: str = "") -> Body:
        return self.client.get(Ref(api_version, kind, name or self.name, "ml-serving"))

    def image(self) -> str:
        spec = self.get("Deployment", "apps/v1")["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    def owned(self, kind: str, api_version: str = "v1") -> list[str]:
        found = self.client.list(api_version, kind, "ml-serving", f"multicloud.platform/service={self.name}")
        return [body["metadata"]["name"] for body in found]


@pytest.fixture
def shop(cluster: World) -> Shop:
    return Shop(cluster)


def changed(outcome: Outcome) -> list[str]:
    return [entry["kind"].rpartition(".")[2] for entry in outcome.result["resources"] if entry["action"] != "none"]


def test_the_base_is_there_and_stays_as_it_is(cluster: World) -> None:
    client = cluster.client()
    labels = client.get(Ref("v1", "Namespace", "ml-serving"))["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce-version"] == "v1.34"
    policies = client.list("networking.k8s.io/v1", "NetworkPolicy", "ml-serving")
    assert {"default-deny", "allow-dns", "allow-data-stores"} <= {body["metadata"]["name"] for body in policies}
    with cluster.watched() as seen:
        again = call(cluster, "kubernetes_base")
    assert not again.failed, again.result
    assert not again.result["changed"]
    assert writes(seen) == []


def test_a_namespace_that_is_not_listed_any_more_stays_with_what_is_in_it(cluster: World) -> None:
    client = cluster.client()
    space = {"name": f"extra-{next(_COUNT)}"}
    listed = [{"name": name} for name in ("ml-platform", "ml-serving", "monitoring", "istio-system")]
    assert not call(cluster, "kubernetes_base", kubernetes_base={"namespaces": [*listed, space]}).failed
    assert client.get(Ref("v1", "ResourceQuota", "platform", space["name"]))
    outcome = call(cluster, "kubernetes_base")
    assert not outcome.failed, outcome.result
    assert client.get(Ref("v1", "Namespace", space["name"]))["status"]["phase"] == "Active"
    assert client.list("v1", "ResourceQuota", space["name"]) == []
    assert not call(cluster, "kubernetes_base").result["changed"]


def test_a_service_is_rolled_out_and_left_alone(shop: Shop, cluster: World) -> None:
    planned = shop.run(check=True, replicas=2, config={"A": "1"})
    assert planned.result["changed"], planned
    assert shop.told(planned)["image"] is None
    first = shop.run(replicas=2, config={"A": "1"})
    assert not first.failed, first.result
    assert changed(planned) == changed(first)
    told = shop.told(first)
    assert (told["image"], told["replicas"], told["ready"], told["revision"]) == ("example.org/api:1", 2, 2, 1)
    assert told["url"] == f"http://{shop.name}.ml-serving.svc:8080"
    with cluster.watched() as seen:
        again = shop.run(replicas=2, config={"A": "1"})
    assert not again.result["changed"]
    assert writes(seen) == []


def test_a_change_of_the_configuration_rolls(shop: Shop) -> None:
    shop.run(config={"A": "1"})
    outcome = shop.run(config={"A": "2"})
    assert not outcome.failed, outcome.result
    assert shop.told(outcome)["revision"] == 2
    assert len(shop.owned("ConfigMap")) == 2  # the former version can come back


def test_pods_pass_the_level_restricted_and_others_do_not(shop: Shop) -> None:
    outcome = shop.run()
    assert not outcome.failed, outcome.result
    assert not outcome.warnings
    spec = {"containers": [{"name": "c", "image": "x", "securityContext": {"privileged": True}}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad", "namespace": "ml-serving"}, "spec": spec}
    with pytest.raises(
        InvalidRequest, match=r'violates PodSecurity "restricted:v1.34": privileged \(container "c" must not'
    ):
        shop.client.apply(pod)


def test_a_version_that_does_not_become_healthy_goes_again(shop: Shop) -> None:
    shop.run(config={"A": "1"})
    bad = shop.run(tag="crash", config={"A": "2"})
    assert bad.failed
    assert bad.result["rolled_back"] is True
    assert "no model there" in bad.result["msg"]
    assert "example.org/api:1 (1 ready) runs now" in bad.result["msg"]
    assert shop.image() == "example.org/api:1"
    told = shop.told(bad)
    assert (told["rolled_back"], told["image"], told["ready"]) == (True, "example.org/api:1", 1)
    assert "no model there" in told["reason"]
    good = shop.run(tag="2", config={"A": "2"})
    assert not good.failed, good.result
    assert shop.told(good)["image"] == "example.org/api:2"


def test_the_same_again_tries_again_and_says_so(shop: Shop) -> None:
    shop.run()
    assert "missing: not found" in shop.run(tag="missing").result["msg"]
    again = shop.run(tag="missing")
    assert again.failed
    assert again.result["rolled_back"] is True
    assert any("is tried again" in warning for warning in again.warnings)


def test_what_was_never_healthy_stays_for_inspection(shop: Shop) -> None:
    outcome = shop.run(tag="missing")
    assert outcome.failed
    assert outcome.result["rolled_back"] is False
    assert any("no version of it was ever healthy" in warning for warning in outcome.warnings)
    assert shop.image() == "example.org/api:missing"


def test_without_rollback_a_bad_version_stays_until_the_next_one(shop: Shop) -> None:
    shop.run()
    bad = shop.run(tag="missing", rollback=False)
    assert bad.failed
    assert bad.result["rolled_back"] is False
    assert shop.image() == "example.org/api:missing"
    good = shop.run(tag="2")
    assert not good.failed, good.result


def test_a_call_that_was_killed_on_its_way_back_is_finished_by_the_same_call(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run()

    class Killed(BaseException):
        pass

    def die(*given: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("module_utils._application.returning", die)
        with pytest.raises(Killed):
            shop.run(tag="missing")
    assert shop.image() == "example.org/api:missing"
    again = shop.run(tag="missing")
    assert again.result["rolled_back"] is True
    assert shop.image() == "example.org/api:1"


def test_a_canary_takes_its_share_and_ends(shop: Shop) -> None:
    outcome = shop.run(replicas=4, canary={"image": "example.org/api:2", "weight": 25})
    assert not outcome.failed, outcome.result
    canary = shop.told(outcome)["canary"]
    assert (canary["share"], canary["replicas"], canary["ready"]) == (25.0, 1, 1)
    assert shop.told(outcome)["ready"] == 3
    promoted = shop.run(tag="2", replicas=4)
    assert not promoted.failed, promoted.result
    assert shop.owned("Deployment", "apps/v1") == [shop.name]
    assert shop.told(promoted)["canary"] is None


def test_an_exposed_service_tells_its_address(shop: Shop) -> None:
    outcome = shop.run(expose="internal", ports=[{"port": 8080, "service_port": 80}])
    assert not outcome.failed, outcome.result
    (given,) = shop.get("Service")["status"]["loadBalancer"]["ingress"]
    assert shop.told(outcome)["url"] == f"http://{given.get('hostname') or given['ip']}"
    assert not shop.run(state="absent").failed


def test_a_quota_that_does_not_suffice_is_quoted(shop: Shop) -> None:
    outcome = shop.run(resources={"cpu": "3", "memory": "1Gi"}, replicas=4)
    assert outcome.failed
    assert "exceeded quota" in outcome.result["msg"]
    shop.run(state="absent")


def test_the_autoscaler_takes_over_without_a_step_down(shop: Shop) -> None:
    shop.run(replicas=3)
    outcome = shop.run(autoscaling={"min": 2, "max": 4, "cpu": 70})
    assert not outcome.failed, outcome.result
    assert shop.get("Deployment", "apps/v1")["spec"]["replicas"] == 3
    assert not shop.run(autoscaling={"min": 2, "max": 4, "cpu": 70}).result["changed"]


def test_what_is_absent_is_gone_with_all_of_it(shop: Shop) -> None:
    shop.run(config={"A": "1"})
    outcome = shop.run(state="absent")
    assert not outcome.failed, outcome.result
    for kind, version in (("Deployment", "apps/v1"), ("Service", "v1"), ("ConfigMap", "v1"), ("ServiceAccount", "v1")):
        assert shop.owned(kind, version) == []
    assert not shop.run(state="absent").result["changed"]


def test_nothing_is_touched_when_one_of_several_cannot_be(cluster: World) -> None:
    good = {"name": f"api-{next(_COUNT)}", "image": "example.org/api:1", "health_timeout": 2}
    bad = {**good, "name": f"api-{next(_COUNT)}", "namespace": "nowhere"}
    with cluster.watched() as seen:
        outcome = call(cluster, "application", application={"services": [good, bad]})
    assert outcome.failed
    assert "nowhere" in outcome.result["msg"]
    assert writes(seen) == []
