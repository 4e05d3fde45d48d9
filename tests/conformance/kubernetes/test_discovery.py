"""Discovery, OpenAPI and tables, as clients that know nothing in advance use them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kubernetes import client

from tests.sandbox.kubernetes_support import KUBECTL, Running, deployment

needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
# Streams into containers and proxies, and what is stored as another version.
_NOT_SERVED = re.compile(
    r"/(attach|ephemeralcontainers|exec|portforward|proxy|resize)(/|$)"
    r"|/autoscaling/v1/|/events.k8s.io/|mutatingadmission"
)


def test_version_and_health(cluster: Running) -> None:
    """What load balancers and clients ask first."""
    shown = client.VersionApi(cluster.api()).get_code()
    assert shown.git_version.startswith(f"v{shown.major}.{shown.minor}.")
    for path in ("/healthz", "/livez", "/readyz", "/readyz/ping"):
        assert cluster.get(path) == "ok"


def test_the_dynamic_client_finds_resources(cluster: Running) -> None:
    """By kind, by short name, with their scope."""
    found = cluster.dynamic().resources.get(api_version="apps/v1", kind="Deployment")
    assert (found.name, found.namespaced, found.short_names) == ("deployments", True, ["deploy"])
    made = (
        cluster.dynamic()
        .resources.get(api_version="v1", kind="ConfigMap")
        .create({"metadata": {"name": "dynamic"}, "data": {"x": "y"}}, namespace="default")
    )
    assert made.data.x == "y"


def test_every_path_of_the_official_client_is_served(cluster: Running) -> None:
    """The table of built-in resources against the client generated from Kubernetes' own description."""
    served = set()
    for document in cluster.get("/openapi/v3")["paths"].values():
        served |= set(cluster.get(document["serverRelativeURL"])["paths"])
    listed: dict[str, list[str]] = {}
    for group_version in cluster.get("/openapi/v3")["paths"]:
        listed[f"/{group_version}"] = [one["name"] for one in cluster.get(f"/{group_version}")["resources"]]
    wanted = set()
    for file in Path(client.__file__).parent.glob("api/*_v[12]_api.py"):
        paths = re.findall(r"'(/apis?/[^']*v\d/[^']+)'", file.read_text())
        wanted |= {path for path in paths if "/watch/" not in path and not _NOT_SERVED.search(path)}
    assert len(wanted) > 150
    missing = []
    for path in wanted:
        base, _, rest = re.sub(r"/namespaces/\{namespace\}", "", path).partition("/v1/" if "/v1/" in path else "/v2/")
        version = "v1" if "/v1/" in path else "v2"
        resource = re.sub(r"/\{name\}", "", rest)
        if resource not in listed.get(f"{base}/{version}", []):
            missing.append(path)
    assert missing == []
    assert "/apis/apps/v1/namespaces/{namespace}/deployments/{name}" in served


def test_aggregated_discovery(cluster: Running) -> None:
    """All groups in one answer."""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    answer = cluster.request("GET", "/apis", Accept=accept)
    assert answer.headers["Content-Type"] == accept
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2")
    apps = next(one for one in answer.body["items"] if one["metadata"]["name"] == "apps")
    deployment = next(one for one in apps["versions"][0]["resources"] if one["resource"] == "deployments")
    assert deployment["responseKind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert {one["subresource"] for one in deployment["subresources"]} == {"scale", "status"}
    core = cluster.request("GET", "/api", Accept=accept).body["items"][0]["versions"][0]["resources"]
    assert "configmaps" in [one["resource"] for one in core]


def test_openapi_documents(cluster: Running) -> None:
    """v2 and v3, with group-version-kinds and patch keys."""
    whole = cluster.get("/openapi/v2")
    pod = whole["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert (pod["x-kubernetes-patch-merge-key"], pod["type"]) == ("name", "array")
    assert "/api/v1/namespaces/{namespace}/pods" in whole["paths"]
    apps = cluster.get("/openapi/v3/apis/apps/v1")
    schema = apps["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"]
    assert schema["x-kubernetes-group-version-kind"] == [{"group": "apps", "kind": "Deployment", "version": "v1"}]
    assert "null" not in str(schema)
    assert cluster.request("GET", "/openapi/v3/apis/nothing/v1").code == 404


def test_tables(cluster: Running) -> None:
    """What kubectl get asks for."""
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    cluster.request("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "t"}, "data": {"a": "1"}})
    table = cluster.get("/api/v1/namespaces/default/configmaps?fieldSelector=metadata.name=t", Accept=accept)
    assert [one["name"] for one in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert [row["cells"][:2] for row in table["rows"]] == [["t", 1]]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_wide_tables(cluster: Running, namespace: str) -> None:
    """More columns of a lower priority, rows with whole objects or none."""
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    cluster.post(path, deployment())
    table = cluster.get(f"{path}?includeObject=Object", Accept=accept)
    wide = {one["name"]: index for index, one in enumerate(table["columnDefinitions"]) if one["priority"]}
    (row,) = table["rows"]
    assert {name: row["cells"][index] for name, index in wide.items()} == {
        "Containers": "main",
        "Images": "example.org/web:1",
        "Selector": "app=web",
    }
    assert row["object"]["kind"] == "Deployment"
    assert not cluster.get(f"{path}?includeObject=None", Accept=accept)["rows"][0].get("object")


def test_metadata_alone(cluster: Running, namespace: str) -> None:
    """Of one, of a list, of a watch."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = cluster.post(path, {"metadata": {"name": "m"}, "data": {"a": "1"}})
    wanted = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": made["metadata"]}
    media = "application/json;as={};v=v1;g=meta.k8s.io"
    assert cluster.get(f"{path}/m", Accept=media.format("PartialObjectMetadata")) == wanted
    only = "fieldSelector=metadata.name%3Dm"
    listed = cluster.get(f"{path}?{only}", Accept=media.format("PartialObjectMetadataList"))
    assert (listed["kind"], [one["metadata"] for one in listed["items"]]) == (
        "PartialObjectMetadataList",
        [made["metadata"]],
    )
    event = next(cluster.events(f"{path}?{only}&watch=1", Accept=media.format("PartialObjectMetadata")))
    assert (event["type"], event["object"]) == ("ADDED", wanted)


@needs_kubectl
def test_kubectl(cluster: Running) -> None:
    """Client-side and server-side apply, get, explain, label, delete."""
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-kubectl\ndata: {a: b}\n"
    assert "created" in cluster.kubectl("apply", "-f", "-", data=manifest).stdout
    assert "unchanged" in cluster.kubectl("apply", "-f", "-", data=manifest).stdout
    assert "configured" in cluster.kubectl("apply", "-f", "-", data=manifest.replace("b}", "c}")).stdout
    assert "serverside-applied" in cluster.kubectl("apply", "--server-side", "-f", "-", data=manifest).stdout
    assert "from-kubectl" in cluster.kubectl("get", "cm").stdout
    assert "replicas <integer>" in cluster.kubectl("explain", "deployment.spec.replicas").stdout
    assert "labeled" in cluster.kubectl("label", "cm", "from-kubectl", "x=z").stdout
    assert "from-kubectl" in cluster.kubectl("get", "cm", "-l", "x=z", "-o", "name").stdout
    typo = cluster.kubectl("apply", "-f", "-", data=manifest + "specs: {}\n", check=False)
    assert 'unknown field "specs"' in typo.stderr
    assert "deleted" in cluster.kubectl("delete", "cm", "from-kubectl").stdout


@needs_kubectl
def test_kubectl_makes_objects(cluster: Running) -> None:
    """Imperative commands, which send protobuf."""
    cluster.kubectl("create", "namespace", "team")
    cluster.kubectl("-n", "team", "create", "configmap", "c", "--from-literal=a=b")
    assert cluster.get("/api/v1/namespaces/team/configmaps/c")["data"] == {"a": "b"}
    cluster.kubectl("-n", "team", "create", "secret", "generic", "s", "--from-literal=a=b")
    assert cluster.get("/api/v1/namespaces/team/secrets/s")["data"] == {"a": "Yg=="}
    cluster.kubectl("-n", "team", "create", "quota", "q", "--hard=pods=1,requests.cpu=1500m")
    assert cluster.get("/api/v1/namespaces/team/resourcequotas/q")["spec"]["hard"]["requests.cpu"] == "1500m"
    cluster.kubectl("-n", "team", "create", "serviceaccount", "bot")
    assert len(cluster.kubectl("-n", "team", "create", "token", "bot").stdout.split(".")) == 3
    cluster.kubectl("-n", "team", "create", "role", "r", "--verb=get,list", "--resource=pods,deployments.apps")
    rules = cluster.get("/apis/rbac.authorization.k8s.io/v1/namespaces/team/roles/r")["rules"]
    assert {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]} in rules
    cluster.kubectl("-n", "team", "create", "rolebinding", "b", "--role=r", "--serviceaccount=team:bot")
    cluster.kubectl("create", "clusterrole", "cr", "--verb=get", "--non-resource-url=/metrics")
    cluster.kubectl("create", "clusterrolebinding", "cb", "--clusterrole=cr", "--group=g")
    cluster.kubectl("create", "priorityclass", "p", "--value=10", "--description=d")
    assert cluster.kubectl("auth", "can-i", "delete", "nodes").stdout.strip() == "yes"
    assert "system:masters" in cluster.kubectl("auth", "whoami").stdout
    assert "[*]" in cluster.kubectl("auth", "can-i", "--list").stdout
    shape = ("--image=example.org/web:1", "--replicas=2", "--port=80")
    cluster.kubectl("-n", "team", "create", "deployment", "web", *shape)
    spec = cluster.get("/apis/apps/v1/namespaces/team/deployments/web")["spec"]
    assert (spec["replicas"], spec["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]) == (2, 80)
    assert "hostNetwork" not in spec["template"]["spec"]
    cluster.kubectl("delete", "namespace", "team", "--timeout=10s")
