"""What a cluster begins with, and what is refused before."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import kubernetes_validate
import pytest
from module_utils._engine.errors import SpecError
from module_utils._kubernetes.base import Surroundings, build, facts_of
from module_utils._kubernetes.place import Place
from module_utils._spec import arguments
from module_utils._spec.kubernetes_base import KubernetesBase
from module_utils._spec.site import Site

ACCOUNTS = {"aws": "123456789012", "gcp": "project", "azure": "sub"}
OUTPUTS = {
    "database": {
        "servers": {
            "main": {
                "host": "main.example",
                "port": 5432,
                "engine": "postgresql",
                "databases": ["app", "other"],
                "admin": {"username": "admin", "secret": "vault/admin"},
                "users": {"app": {"secret": "vault/app"}},
                "replicas": {"main-read": {"host": "read.example"}},
            }
        }
    },
    "cache": {"instances": {"main": {"host": "(known after apply: x)", "port": 6379, "secret": None, "tls": True}}},
    "object_store": {"buckets": {"training-data": {"name": "b-1", "url": "s3://b-1"}}},
    "registry": {"url": "registry.example", "repositories": {"api": "registry.example/api"}},
    "secret_store": {"secrets": {"api-key": "vault/api-key"}},
}


def base(cloud: str = "aws", environment: str = "dev", **given: Any) -> list[dict[str, Any]]:
    where = arguments.build(
        Site,
        {
            "cloud": cloud,
            "region": "eu-1",
            "platform": "ml-platform",
            "account": ACCOUNTS[cloud],
            "environment": environment,
        },
    )
    spec = arguments.build(KubernetesBase, given).resolve(where)
    return build(spec, Surroundings(Place.of(where), ("10.8.0.0/13",), "1.34", facts_of(OUTPUTS)))


def find(found: list[dict[str, Any]], kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    for body in found:
        meta = body["metadata"]
        if (body["kind"], meta["name"], meta.get("namespace")) == (kind, name, namespace):
            return body
    raise LookupError(f"{kind} {namespace}/{name}")


@pytest.mark.parametrize("version", ["1.33", "1.36"])
@pytest.mark.parametrize("cloud", list(ACCOUNTS))
def test_every_object_is_one_that_kubernetes_knows(version: str, cloud: str) -> None:
    accounts = [{"name": "reader", "identity": "somebody"}]
    for body in base(cloud, service_accounts=accounts):
        kubernetes_validate.validate(body, version, strict=True)


def test_no_object_stands_twice() -> None:
    keys = [(b["kind"], b["metadata"].get("namespace", ""), b["metadata"]["name"]) for b in base()]
    assert len(keys) == len(set(keys))


def test_the_four_namespaces_and_their_levels() -> None:
    found = base()
    levels = {}
    for body in found:
        if body["kind"] == "Namespace":
            labels = body["metadata"]["labels"]
            levels[body["metadata"]["name"]] = labels["pod-security.kubernetes.io/enforce"]
            assert labels["pod-security.kubernetes.io/enforce-version"] == "v1.34"
            assert labels["pod-security.kubernetes.io/warn"] == "restricted"
            assert labels["istio-injection"] == "disabled"
            assert labels["multicloud.platform/region"] == "eu-1"
    assert levels == {
        "ml-platform": "restricted",
        "ml-serving": "restricted",
        "monitoring": "privileged",
        "istio-system": "privileged",
    }


def test_bounds_grow_with_the_environment_and_can_be_overridden() -> None:
    hard = {env: find(base(environment=env), "ResourceQuota", "platform", "ml-serving") for env in ("dev", "prod")}
    assert [int(hard[env]["spec"]["hard"]["requests.cpu"]) for env in ("dev", "prod")] == [8, 64]
    own = base(namespaces=[{"name": "one", "quota": {"pods": 7}, "limits": {"max_memory": "1Gi"}}])
    assert find(own, "ResourceQuota", "platform", "one")["spec"]["hard"]["pods"] == "7"
    item = find(own, "LimitRange", "platform", "one")["spec"]["limits"][0]
    assert item["max"] == {"cpu": "4", "memory": "1Gi"}


def _reaches(policies: list[dict[str, Any]], address: str, port: int) -> bool:
    """Whether a pod may open this connection by one of the rules with an address."""
    for policy in policies:
        for rule in policy["spec"].get("egress", []):
            if not any(item["port"] == port for item in rule.get("ports", [])):
                continue
            for peer in rule["to"]:
                block = peer.get("ipBlock")
                if block is None or ip_address(address) not in ip_network(block["cidr"]):
                    continue
                if not any(ip_address(address) in ip_network(each) for each in block.get("except", ())):
                    return True
    return False


@pytest.mark.parametrize(
    ("cloud", "address", "port", "allowed"),
    [
        ("aws", "169.254.170.23", 80, True),
        ("aws", "169.254.169.254", 80, False),  # the node's own identity
        ("gcp", "169.254.169.252", 988, True),
        ("gcp", "169.254.169.254", 80, True),
        ("azure", "169.254.169.254", 80, False),
        ("azure", "20.190.128.1", 443, True),
        ("aws", "10.8.3.4", 5432, True),
        ("aws", "10.8.3.4", 443, True),
        ("aws", "10.16.3.4", 5432, False),  # another site's
        ("azure", "10.8.3.4", 10000, True),
        ("gcp", "10.8.3.4", 6378, True),
        ("aws", "10.8.3.4", 22, False),
        ("aws", "203.0.113.9", 80, False),
    ],
)
def test_only_what_is_needed_is_open(cloud: str, address: str, port: int, allowed: bool) -> None:
    policies = [b for b in base(cloud) if b["kind"] == "NetworkPolicy" and b["metadata"]["namespace"] == "ml-serving"]
    deny = next(policy for policy in policies if policy["metadata"]["name"] == "default-deny")
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert _reaches(policies, address, port) is allowed


def test_both_ends_of_a_declared_way_are_open() -> None:
    found = base(namespaces=[{"name": "a"}, {"name": "b", "ingress_from": ["a"], "internet": False}])
    (peer,) = find(found, "NetworkPolicy", "allow-from-namespaces", "b")["spec"]["ingress"][0]["from"]
    assert peer["namespaceSelector"]["matchExpressions"][0]["values"] == ["a"]
    (peer,) = find(found, "NetworkPolicy", "allow-to-namespaces", "a")["spec"]["egress"][0]["to"]
    assert peer["namespaceSelector"]["matchExpressions"][0]["values"] == ["b"]
    there = {(b["metadata"]["name"], b["metadata"]["namespace"]) for b in found if b["kind"] == "NetworkPolicy"}
    assert not {("allow-internet-https", "b"), ("allow-to-namespaces", "b"), ("allow-from-namespaces", "a")} & there


def test_what_is_switched_off_is_not_made() -> None:
    found = base(quotas=False, network_policies=False)
    kinds = {body["kind"] for body in found}
    assert not kinds & {"ResourceQuota", "LimitRange", "NetworkPolicy"}


def test_rights_end_at_the_platforms_namespaces_and_secrets_are_for_administrators() -> None:
    found = base(groups={"viewer": [], "developer": ["ml@example.com"]})
    binding = find(found, "RoleBinding", "ml-platform-developer", "ml-serving")
    assert [subject["name"] for subject in binding["subjects"]] == ["ml@example.com"]
    assert find(found, "RoleBinding", "ml-platform-admin", "ml-serving")["subjects"][0]["name"] == "ml-platform-admins"
    rules = find(found, "ClusterRole", "ml-platform-developer")["rules"]
    assert not [rule for rule in rules if "secrets" in rule["resources"]]
    wide = [body["metadata"]["name"] for body in found if body["kind"] == "ClusterRoleBinding"]
    assert wide == ["ml-platform-cluster-viewer"]
    assert ("RoleBinding", "ml-platform-viewer") not in {(b["kind"], b["metadata"]["name"]) for b in found}
    assert any("pods/exec" in rule["resources"] for rule in rules)
    prod = find(base(environment="prod"), "ClusterRole", "ml-platform-developer")["rules"]
    assert not any("pods/exec" in rule["resources"] for rule in prod)


@pytest.mark.parametrize(
    ("cloud", "key"),
    [
        ("aws", "eks.amazonaws.com/role-arn"),
        ("gcp", "iam.gke.io/gcp-service-account"),
        ("azure", "azure.workload.identity/client-id"),
    ],
)
def test_accounts_are_somebody_in_the_cloud(cloud: str, key: str) -> None:
    found = base(cloud, service_accounts=[{"name": "reader", "identity": "me"}, {"name": "nobody"}])
    assert find(found, "ServiceAccount", "reader", "ml-serving")["metadata"]["annotations"] == {key: "me"}
    assert "annotations" not in find(found, "ServiceAccount", "nobody", "ml-serving")["metadata"]


def test_the_config_map_refers_and_holds_no_secret() -> None:
    found = base(references={"MODEL_URL": "s3://models/iris"})
    data = find(found, "ConfigMap", "platform", "ml-serving")["data"]
    assert data["PLATFORM"] == "ml-platform"
    assert data["DATABASE_MAIN_HOST"] == "main.example"
    assert data["DATABASE_MAIN_PORT"] == "5432"
    assert data["DATABASE_MAIN_APP_SECRET"] == "vault/app"
    assert data["DATABASE_MAIN_MAIN_READ_HOST"] == "read.example"
    assert data["BUCKET_TRAINING_DATA"] == "b-1"
    assert data["REGISTRY_API"] == "registry.example/api"
    assert data["SECRET_API_KEY"] == "vault/api-key"
    assert data["MODEL_URL"] == "s3://models/iris"
    assert "CACHE_MAIN_HOST" not in data  # not known yet


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"namespaces": [{"name": "kube-system"}]}, "kube-system: belongs to Kubernetes"),
        ({"namespaces": [{"name": "a"}, {"name": "a"}]}, "two namespaces are named 'a'"),
        ({"namespaces": [{"name": "a", "quota": {"pods": "many"}}]}, "a.quota.pods: 'many' is not a quantity"),
        ({"namespaces": [{"name": "a", "limits": {"memory": "1Ti"}}]}, "memory 1Ti is more than max_memory"),
        ({"namespaces": [{"name": "a", "labels": {"istio-injection": "enabled"}}]}, "follows from other options"),
        ({"service_accounts": [{"name": "x", "namespace": "other"}]}, "'other' is not in kubernetes_base.namespaces"),
        ({"priority_classes": [{"name": "p", "value": 2000000000}]}, "p.value: 2000000000 is out of range"),
        ({"references": {"a b": "c"}}, "references.a b: is not a legal name"),
        ({"network_ranges": ["10.0.0.1/8"]}, "kubernetes_base.network_ranges: '10.0.0.1/8'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_option(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        base(**given)
    assert said in str(caught.value)
