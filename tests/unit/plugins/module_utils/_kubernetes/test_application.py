"""What a service is rendered to, and what is refused before."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
from module_utils._engine.errors import SpecError
from module_utils._kubernetes.application import Rendered, render, split
from module_utils._kubernetes.place import Place
from module_utils._spec.application import Application
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

ACCOUNTS = {"aws": "123456789012", "gcp": "project", "azure": "sub"}
FULL: dict[str, Any] = {
    "name": "api",
    "image": "registry.example/team/api:1.2.0",
    "autoscaling": {"min": 2, "max": 6, "cpu": 70, "memory": 80},
    "ports": [{"port": 8080, "service_port": 80}, {"port": 9000, "name": "grpc"}],
    "command": ["/api"],
    "args": ["--verbose"],
    "env": {"LOG_LEVEL": "info", "DEBUG": False},
    "config": {"THREADS": 4},
    "config_files": {"model.yml": "name: iris\n"},
    "secrets": [{"name": "api", "env": {"TOKEN": "token"}}, {"name": "tls", "path": "/etc/tls"}],
    "secret_references": {"DATABASE_SECRET": "arn:aws:secretsmanager:eu:1:secret:db"},
    "platform_config": "platform",
    "resources": {"cpu": "250m", "memory": "512Mi", "cpu_limit": "1", "memory_limit": "1Gi", "gpu": 1},
    "health_path": "/health",
    "ready_path": "/ready",
    "identity": "somebody",
    "image_pull_secrets": ["pull"],
    "node_pool": "gpu",
    "tolerations": [{"key": "team", "value": "ml", "effect": "no_execute"}, {"key": "spot"}],
    "priority_class": "ml-platform-serving",
    "expose": "public",
    "allowed_cidrs": ["203.0.113.0/24"],
    "allow_from": ["batch"],
    "labels": {"tier": "front"},
    "annotations": {"note": "x"},
    "canary": {"image": "registry.example/team/api:1.3.0", "weight": 25, "env": {"LOG_LEVEL": "debug"}},
}


def site(cloud: str = "aws", **given: Any) -> Site:
    return build(
        Site, {"cloud": cloud, "region": "eu-1", "platform": "ml-platform", "account": ACCOUNTS[cloud], **given}
    )


def rendered(cloud: str = "aws", environment: str = "dev", **given: Any) -> Rendered:
    where = site(cloud, environment=environment)
    service = {"name": "api", "image": "example.org/api:1", **given}
    spec = build(Application, {"services": [service]}).resolve(where)
    return render(spec.services[0], Place.of(where), ("10.1.0.0/16",))


def one(found: Rendered, kind: str, name: str = "api") -> dict[str, Any]:
    return next(body for body in found.present if (body["kind"], body["metadata"]["name"]) == (kind, name))


def pod(found: Rendered, name: str = "api") -> dict[str, Any]:
    spec: dict[str, Any] = one(found, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def env(found: Rendered, name: str = "api") -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in pod(found, name)["containers"][0]["env"]}


@pytest.mark.parametrize("version", ["1.33", "1.36"])
@pytest.mark.parametrize("cloud", list(ACCOUNTS))
@pytest.mark.parametrize("given", [{}, FULL, {**FULL, "expose": "internal", "allowed_cidrs": None}], ids=len)
def test_every_object_is_one_that_kubernetes_knows(version: str, cloud: str, given: dict[str, Any]) -> None:
    found = rendered(cloud, **given)
    for body in found.present:
        kubernetes_validate.validate(body, version, strict=True)


def test_pods_fulfil_the_level_restricted() -> None:
    spec = pod(rendered())
    container = spec["containers"][0]["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False
    (scratch,) = spec["containers"][0]["volumeMounts"]
    assert scratch["mountPath"] == "/tmp"  # noqa: S108


def test_pods_know_where_they_are() -> None:
    found = rendered("gcp", environment="prod")
    assert env(found)["CLOUD"] == "gcp"
    assert env(found)["REGION"] == "eu-1"
    assert env(found)["SITE"] == "gcp-prod"
    assert env(found)["POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    labels = one(found, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels["multicloud.platform/cloud"] == "gcp"
    assert labels["multicloud.platform/region"] == "eu-1"
    assert one(found, "Deployment")["spec"]["replicas"] == 3


def test_a_change_of_the_configuration_is_a_new_template_beside_the_old_one() -> None:
    before, after = rendered(config={"A": "1"}), rendered(config={"A": "2"})
    names = [
        next(body["metadata"]["name"] for body in found.present if body["kind"] == "ConfigMap")
        for found in (before, after)
    ]
    assert names[0] != names[1]
    assert pod(after)["containers"][0]["envFrom"] == [{"configMapRef": {"name": names[1]}}]
    assert one(after, "ConfigMap", names[1])["immutable"] is True


def test_secrets_are_references() -> None:
    found = rendered(**FULL)
    assert env(found)["TOKEN"] == {"secretKeyRef": {"name": "api", "key": "token"}}
    assert env(found)["DATABASE_SECRET"].startswith("arn:")
    assert {"name": "secret-0", "secret": {"secretName": "tls", "defaultMode": 0o440}} in pod(found)["volumes"]
    assert not [body for body in found.present if body["kind"] == "Secret"]


def test_a_gpu_is_asked_for_and_tolerated() -> None:
    spec = pod(rendered("azure", **FULL))
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["nodeSelector"] == {"workload": "gpu"}
    tolerated = {each["key"]: each for each in spec["tolerations"]}
    assert tolerated["nvidia.com/gpu"] == {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert tolerated["team"]["effect"] == "NoExecute"
    assert tolerated["spot"] == {"key": "spot", "operator": "Exists"}
    assert "kubernetes.azure.com/scalesetpriority" in tolerated


def test_probes_ask_the_paths_or_the_port() -> None:
    asked = pod(rendered(health_path="/health", ready_path="/ready", startup_seconds=31))["containers"][0]
    assert asked["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert asked["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert asked["startupProbe"]["failureThreshold"] * asked["startupProbe"]["periodSeconds"] == 32
    assert pod(rendered())["containers"][0]["livenessProbe"]["tcpSocket"] == {"port": "http"}


@pytest.mark.parametrize(
    ("cloud", "url"),
    [
        ("aws", "123456789012.dkr.ecr.eu-1.amazonaws.com/ml-platform-aws-dev/api"),
        ("gcp", "eu-1-docker.pkg.dev/project/ml-platform-gcp-dev-api/api"),
        ("azure", "mlplatformazuredev[0-9a-f]{6}.azurecr.io/api"),
    ],
)
def test_images_of_the_sites_own_registry_need_no_address(cloud: str, url: str) -> None:
    found = rendered(cloud, image=None, repository="api", version="1.2", canary={"version": "1.3"})
    images = [pod(found, name)["containers"][0]["image"] for name in ("api", "api-canary")]
    assert re.fullmatch(f"{url}:1.2", images[0])
    assert images[1] == images[0].replace(":1.2", ":1.3")


@pytest.mark.parametrize(
    ("cloud", "expose", "key", "value"),
    [
        ("aws", "public", "service.beta.kubernetes.io/aws-load-balancer-scheme", "internet-facing"),
        ("aws", "internal", "service.beta.kubernetes.io/aws-load-balancer-internal", "true"),
        ("gcp", "public", "cloud.google.com/l4-rbs", "enabled"),
        ("gcp", "internal", "networking.gke.io/load-balancer-type", "Internal"),
        ("azure", "internal", "service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
    ],
)
def test_load_balancers_are_what_the_cloud_calls_them(cloud: str, expose: str, key: str, value: str) -> None:
    service = one(rendered(cloud, expose=expose, load_balancer_annotations={"mine": "1"}), "Service")
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"][key] == value
    assert service["metadata"]["annotations"]["mine"] == "1"


def test_without_exposure_it_is_reached_in_the_cluster_alone() -> None:
    found = rendered()
    assert one(found, "Service")["spec"]["type"] == "ClusterIP"
    peers = one(found, "NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert {"ipBlock": {"cidr": "10.1.0.0/16"}} in peers
    assert {"ipBlock": {"cidr": "0.0.0.0/0"}} not in peers
    public = one(rendered(expose="public"), "NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert {"ipBlock": {"cidr": "0.0.0.0/0"}} in public


def test_what_is_not_asked_for_is_not_made() -> None:
    kinds = [body["kind"] for body in rendered(service_account="other", network_policy=False).present]
    assert sorted(kinds) == ["Deployment", "PodDisruptionBudget", "Service"]
    assert rendered(state="absent", image=None).present == ()


def test_the_autoscaler_decides_the_number() -> None:
    found = rendered(autoscaling={"min": 2, "max": 4, "cpu": 50})
    assert "replicas" not in one(found, "Deployment")["spec"]
    assert one(found, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2


@pytest.mark.parametrize(
    ("total", "weight", "stable", "canary", "share"),
    [(10, 10, 9, 1, 10.0), (3, 10, 2, 1, 33.3), (1, 10, 1, 1, 50.0), (4, 50, 2, 2, 50.0), (3, 99, 1, 3, 75.0)],
)
def test_a_percentage_is_met_as_far_as_pods_are_whole(
    total: int, weight: int, stable: int, canary: int, share: float
) -> None:
    found = split(total, weight)
    assert (found.stable, found.canary, found.share) == (stable, canary, share)
    assert ("exactly" in found.note) == (share == weight)


def test_a_canary_stands_behind_the_same_service() -> None:
    found = rendered(replicas=4, env={"A": "1"}, canary={"image": "example.org/api:2", "weight": 25, "env": {"A": "2"}})
    stable, canary = one(found, "Deployment"), one(found, "Deployment", "api-canary")
    assert (stable["spec"]["replicas"], canary["spec"]["replicas"]) == (3, 1)
    assert pod(found, "api-canary")["containers"][0]["image"] == "example.org/api:2"
    assert (env(found)["A"], env(found, "api-canary")["A"]) == ("1", "2")
    chosen = one(found, "Service")["spec"]["selector"].items()
    selectors = []
    for each in (stable, canary):
        assert chosen <= each["spec"]["template"]["metadata"]["labels"].items()
        selectors.append(each["spec"]["selector"]["matchLabels"])
    assert selectors[0] != selectors[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"image": None}, "api.image: a service needs one"),
        ({"version": "2"}, "repository and version belong together"),
        ({"version": "2", "repository": "api"}, "api.version: '2' has no effect with image"),
        ({"image": None, "repository": "api", "version": "a b"}, "api.version: 'a b' is not a tag"),
        ({"canary": {"weight": 5}}, "api.canary: give either image, or version"),
        ({"canary": {"version": "2"}}, "api.canary.version: of which repository"),
        ({"image": "https://example.org/api"}, "api.image: 'https://example.org/api' is not a reference"),
        ({"replicas": 2, "autoscaling": {"min": 1, "max": 2, "cpu": 50}}, "api.replicas: 2 has no effect with autosc"),
        ({"autoscaling": {"min": 3, "max": 2, "cpu": 50}}, "min 3 and max 2 do not fit"),
        ({"autoscaling": {"min": 1, "max": 2}}, "Give cpu or memory"),
        ({"canary": {"image": "a:1", "weight": 100}}, "api.canary.weight: 100 is out of range"),
        ({"ports": [{"port": 80}]}, "port 80 is for root alone"),
        ({"ports": [{"port": 8080}, {"port": 8081}]}, "one name or one service_port"),
        ({"env": {"CLOUD": "x"}}, "api.env.CLOUD: is set by the collection itself"),
        ({"env": {"A": "1"}, "config": {"A": "2"}}, "api.config.A: is given by env too"),
        ({"env": {"A": {"b": 1}}}, "api.env.A: must be text, not dict"),
        ({"secrets": [{"name": "s"}]}, "api.secrets.s: without env and path it has no effect"),
        ({"resources": {"memory": "1 GB"}}, "api.resources.memory: '1 GB' is not a quantity"),
        ({"resources": {"cpu": "2", "cpu_limit": "500m"}}, "cpu 2 is more than cpu_limit 500m"),
        ({"allowed_cidrs": ["10.0.0.0/8"]}, "allowed_cidrs: has no effect with expose: cluster"),
        ({"update": {"max_surge": "0", "max_unavailable": "0"}}, "cannot both be 0"),
        ({"pre_stop_seconds": 40}, "pre_stop_seconds: 40 leaves nothing"),
        ({"health_timeout": 0}, "health_timeout: 0 is out of range"),
        ({"health_path": "health"}, "health_path: 'health' must begin with a slash"),
        ({"user": 0}, "0 is root"),
        ({"identity": "x", "service_account": "y"}, "identity: belongs to the service's own account"),
        ({"name": "Api"}, "Api.name: 'Api' must be"),
    ],
)
def test_what_cannot_be_is_refused_with_its_option(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        rendered(**given)
    assert said in str(caught.value)


def test_two_services_of_one_name_are_refused() -> None:
    service = {"name": "api", "image": "a:1"}
    for other, said in (({}, "in the namespace 'ml-serving'"), ({"namespace": "b"}, "stands in two namespaces")):
        with pytest.raises(SpecError, match=said):
            build(Application, {"services": [service, {**service, **other}]}).resolve(site())
