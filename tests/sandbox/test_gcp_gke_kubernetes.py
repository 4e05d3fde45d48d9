"""Inside of emulated GKE clusters: Google's tokens, IAM roles, nodes, load balancers and disks in the project."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import service_account
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from sandbox.fixture import Sandbox
from tests.sandbox.gcp_support import HOME, PARENT, REGION, SCOPES, ZONE, Project
from tests.sandbox.kubernetes_support import eventually

MAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"


class Inside:
    """A running cluster, its project, and clients of its API server."""

    def __init__(self, project: Project, directory: Path) -> None:
        self.project = project
        project.network()
        pool = {
            "name": "system",
            "initialNodeCount": 1,
            "config": {"machineType": "e2-standard-4", "labels": {"pool": "system"}},
        }
        project.gke("POST", "", project.cluster_body(nodePools=[pool], initialClusterVersion="1.34"))
        self.cluster = project.gke("GET", "/main")
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(base64.b64decode(self.cluster["masterAuth"]["clusterCaCertificate"]))

    def api(self, token: str) -> client.ApiClient:
        """The official client."""
        configuration = client.Configuration()
        configuration.host = f"https://{self.cluster['endpoint']}"
        configuration.ssl_ca_cert = str(self.ca)
        configuration.api_key = {"authorization": f"Bearer {token}"}
        return client.ApiClient(configuration)

    def core(self, token: str) -> client.CoreV1Api:
        """Of the core group."""
        return client.CoreV1Api(self.api(token))

    def own(self) -> client.CoreV1Api:
        """As the sandbox's own account."""
        return self.core(self.token(service_account.Credentials.from_service_account_file(self.project.key_file)))

    @staticmethod
    def token(credentials: Any, *scopes: str) -> str:
        """An access token for credentials."""
        scoped = credentials.with_scopes([*SCOPES, *scopes])
        scoped.refresh(Request())
        return str(scoped.token)

    def account(self, name: str, *roles: str) -> Any:
        """Credentials of a new service account with roles in the project."""
        project = self.project
        status, made = project.call("POST", "iam", f"v1/{HOME}/serviceAccounts", {"accountId": name})
        assert status == 200, made
        status, key = project.call("POST", "iam", f"v1/{made['name']}/keys", {})
        assert status == 200, key
        for role in roles:
            _, policy = project.call("POST", "cloudresourcemanager", f"v1/{HOME}:getIamPolicy", {})
            policy["bindings"].append({"role": role, "members": [f"serviceAccount:{made['email']}"]})
            status, answer = project.call("POST", "cloudresourcemanager", f"v1/{HOME}:setIamPolicy", {"policy": policy})
            assert status == 200, answer
        info = json.loads(base64.b64decode(key["privateKeyData"]))
        return service_account.Credentials.from_service_account_info(info)

    def compute(self, path: str) -> dict[str, dict[str, Any]]:
        """A list of compute by name."""
        return {item["name"]: item for item in self.project.compute("GET", path).get("items", [])}


@pytest.fixture(scope="module")
def inside(gcp_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Inside:
    return Inside(Project(gcp_sandbox), tmp_path_factory.mktemp("gke"))


def refused(call: Callable[[], Any]) -> tuple[int, str]:
    """Status and message of a call that must fail."""
    with pytest.raises(ApiException) as caught:
        call()
    return caught.value.status, str(json.loads(caught.value.body)["message"])


def test_the_endpoint_is_written_as_google_writes_it(inside: Inside) -> None:
    host = inside.cluster["endpoint"]
    addresses = inside.cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]

    assert host.startswith("127.0.0.1:")
    assert addresses["publicEndpoint"] == host
    assert inside.cluster["privateClusterConfig"]["publicEndpoint"] == host
    version = client.VersionApi(inside.own().api_client).get_code()
    assert version.git_version == f"v{inside.cluster['currentMasterVersion']}"


def test_an_endpoint_is_shown_once_the_cluster_runs(inside: Inside) -> None:
    inside.project.sandbox.set_profile("realistic", 1.0)
    try:
        body = inside.project.cluster_body("later")
        status, answer = inside.project.call("POST", "container", f"v1/{PARENT}/clusters", body)
        assert status == 200, answer
        cluster = inside.project.gke("GET", "/later")
        assert cluster["status"] == "PROVISIONING"
        assert "endpoint" not in cluster
    finally:
        inside.project.sandbox.set_profile("instant")


def test_tokens_that_google_did_not_issue_are_nobody(inside: Inside) -> None:
    assert refused(inside.core("ya29.somebody-elses").list_node) == (401, "Unauthorized")


def test_an_account_without_roles_is_somebody_who_may_nothing(inside: Inside) -> None:
    credentials = inside.account("nobody-special")
    mail = credentials.service_account_email
    core = inside.core(inside.token(credentials, MAIL_SCOPE))

    status, message = refused(lambda: core.list_namespaced_pod("default"))
    assert status == 403
    assert message == (
        f'pods is forbidden: User "{mail}" cannot list resource "pods" in API group "" in the namespace "default": '
        'requires one of ["container.pods.list"] permission(s).'
    )
    assert client.VersionApi(core.api_client).get_code().major == "1"
    session = AuthorizedSession(credentials.with_scopes(SCOPES))
    answer = session.get(f"{inside.project.endpoints['container']}v1/{PARENT}/clusters/main")
    assert answer.status_code == 403


def test_without_the_scope_for_mail_addresses_an_account_is_a_number(inside: Inside) -> None:
    credentials = inside.account("numbered")
    status, message = refused(inside.core(inside.token(credentials)).list_node)
    assert status == 403
    assert 'User "1' in message
    assert "numbered" not in message


@pytest.mark.parametrize(
    ("role", "sees", "writes", "secrets", "roles"),
    [
        ("roles/container.clusterViewer", False, False, False, False),
        ("roles/container.viewer", True, False, False, False),
        ("roles/container.developer", True, True, True, False),
        ("roles/container.admin", True, True, True, True),
    ],
)
def test_roles_of_the_project_count_inside(
    inside: Inside, role: str, sees: bool, writes: bool, secrets: bool, roles: bool
) -> None:
    name = role.rpartition(".")[2].lower()
    api = inside.api(inside.token(inside.account(f"with-{name}", role), MAIL_SCOPE))
    reviews = client.AuthorizationV1Api(api)

    def may(verb: str, resource: str, group: str = "") -> bool:
        asked = client.V1ResourceAttributes(verb=verb, resource=resource, group=group, namespace="default")
        review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked))
        return bool(reviews.create_self_subject_access_review(review).status.allowed)

    assert may("list", "pods") is sees
    assert may("patch", "deployments", "apps") is writes
    assert may("get", "secrets") is secrets
    assert may("create", "rolebindings", "rbac.authorization.k8s.io") is roles


def test_an_expired_token_is_refused_and_a_new_one_works(inside: Inside) -> None:
    core = inside.own()
    core.list_node()
    inside.project.sandbox.advance("gcp", 3700)
    assert refused(core.list_node)[0] == 401
    assert inside.own().list_node().items


def test_nodes_are_those_of_the_node_pools(inside: Inside) -> None:
    found = inside.own().list_node(label_selector="cloud.google.com/gke-nodepool=system").items
    assert {node.metadata.labels["topology.kubernetes.io/zone"] for node in found} == {
        f"{REGION}-{letter}" for letter in "bcd"
    }
    node = next(item for item in found if item.metadata.labels["topology.kubernetes.io/zone"] == ZONE)
    assert node.metadata.name.startswith("gke-main-system-")
    assert node.spec.provider_id == f"gce://sandbox-project/{ZONE}/{node.metadata.name}"
    assert node.metadata.labels["pool"] == "system"
    assert node.metadata.labels["node.kubernetes.io/instance-type"] == "e2-standard-4"
    assert node.status.node_info.kubelet_version == f"v{inside.cluster['nodePools'][0]['version']}"
    assert node.status.allocatable["cpu"] == "4"


def test_nodes_follow_a_pool(inside: Inside) -> None:
    core = inside.own()
    config = {
        "machineType": "n1-standard-4",
        "spot": True,
        "accelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": "1"}],
    }
    pool = {"name": "gpu", "initialNodeCount": 1, "locations": [ZONE], "config": config}
    inside.project.gke("POST", "/main/nodePools", {"nodePool": pool})

    def names() -> set[str]:
        return {n.metadata.name for n in core.list_node(label_selector="cloud.google.com/gke-nodepool=gpu").items}

    first = names()
    assert len(first) == 1
    node = core.read_node(min(first))
    assert node.metadata.labels["cloud.google.com/gke-spot"] == "true"
    assert node.metadata.labels["cloud.google.com/gke-accelerator"] == "nvidia-tesla-t4"
    assert [(one.key, one.effect) for one in node.spec.taints] == [("nvidia.com/gpu", "NoSchedule")]
    assert node.status.allocatable["nvidia.com/gpu"] == "1"

    inside.project.gke("POST", "/main/nodePools/gpu:setSize", {"nodeCount": 2})
    assert names() > first
    inside.project.gke("DELETE", "/main/nodePools/gpu")
    eventually(lambda: not names())


def test_nodes_come_when_their_pool_has_come_up_whether_or_not_the_cloud_is_asked(inside: Inside) -> None:
    core, sandbox = inside.own(), inside.project.sandbox
    sandbox.set_profile("realistic", 80.0)
    try:
        pool = {"name": "slow", "initialNodeCount": 1, "locations": [ZONE]}
        inside.project.gke("POST", "/main/nodePools", {"nodePool": pool})
        label = "cloud.google.com/gke-nodepool=slow"
        assert not core.list_node(label_selector=label).items
        eventually(lambda: core.list_node(label_selector=label).items)
    finally:
        sandbox.set_profile("instant")
    inside.project.gke("DELETE", "/main/nodePools/slow")


def test_rules_of_a_user_are_told_to_be_incomplete(inside: Inside) -> None:
    reviews = client.AuthorizationV1Api(inside.own().api_client)
    asked = client.V1SelfSubjectRulesReview(spec=client.V1SelfSubjectRulesReviewSpec(namespace="default"))
    status = reviews.create_self_subject_rules_review(asked).status
    assert status.incomplete is True
    assert "webhook" in status.evaluation_error


def service(name: str, annotations: dict[str, str] | None = None) -> client.V1Service:
    return client.V1Service(
        metadata=client.V1ObjectMeta(name=name, annotations=annotations),
        spec=client.V1ServiceSpec(
            type="LoadBalancer", selector={"app": name}, ports=[client.V1ServicePort(port=80, target_port=8080)]
        ),
    )


def test_a_load_balancer_is_made_of_the_projects_objects(inside: Inside) -> None:
    core = inside.own()
    made = core.create_namespaced_service("default", service("web"))
    name = ("a" + made.metadata.uid.replace("-", ""))[:32]
    rules = f"regions/{REGION}/forwardingRules"

    rule = eventually(lambda: inside.compute(rules).get(name))
    shown = eventually(lambda: core.read_namespaced_service("web", "default").status.load_balancer.ingress)
    assert rule["IPAddress"] == shown[0].ip
    assert rule["portRange"] == "80-80"
    assert len(inside.compute(f"regions/{REGION}/targetPools")[name]["instances"]) == 3
    inside.project.gke("POST", "/main/nodePools/system:setSize", {"nodeCount": 2})
    assert len(inside.compute(f"regions/{REGION}/targetPools")[name]["instances"]) == 6
    inside.project.gke("POST", "/main/nodePools/system:setSize", {"nodeCount": 1})
    firewall = inside.compute("global/firewalls")[f"k8s-fw-{name}"]
    assert firewall["allowed"] == [{"IPProtocol": "tcp", "ports": ["80"]}]
    # The rule for the load balancer keeps the network, whoever deletes it.
    operation = inside.project.operation(inside.project.compute("DELETE", "global/networks/net"))
    assert operation["error"]["errors"][0]["code"] == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"

    core.delete_namespaced_service("web", "default")
    eventually(lambda: name not in inside.compute(rules))
    assert not [one for one in inside.compute("global/firewalls") if one.startswith("k8s-")]
    assert not inside.compute("global/httpHealthChecks")


def test_an_internal_load_balancer_stays_in_the_network(inside: Inside) -> None:
    core = inside.own()
    internal = {"networking.gke.io/load-balancer-type": "Internal"}
    made = core.create_namespaced_service("default", service("inner", internal))
    name = ("a" + made.metadata.uid.replace("-", ""))[:32]
    rule = eventually(lambda: inside.compute(f"regions/{REGION}/forwardingRules").get(name))
    assert rule["loadBalancingScheme"] == "INTERNAL"
    assert rule["ports"] == ["80"]
    assert rule["subnetwork"].endswith("/net-nodes")
    assert name in inside.compute(f"regions/{REGION}/backendServices")
    core.delete_namespaced_service("inner", "default")
    eventually(lambda: not inside.compute(f"regions/{REGION}/backendServices"))


def test_a_claim_gets_a_disk_in_the_project(inside: Inside) -> None:
    core = inside.own()
    classes = {one.metadata.name: one for one in client.StorageV1Api(core.api_client).list_storage_class().items}
    assert set(classes) == {"premium-rwo", "standard", "standard-rwo"}
    default = "storageclass.kubernetes.io/is-default-class"
    assert [name for name, one in classes.items() if one.metadata.annotations[default] == "true"] == ["standard-rwo"]
    claim = client.V1PersistentVolumeClaim(
        metadata=client.V1ObjectMeta(name="data"),
        spec=client.V1PersistentVolumeClaimSpec(
            access_modes=["ReadWriteOnce"],
            storage_class_name="premium-rwo",
            resources=client.V1VolumeResourceRequirements(requests={"storage": "20Gi"}),
        ),
    )
    made = core.create_namespaced_persistent_volume_claim("default", claim)
    user = client.V1Pod(
        metadata=client.V1ObjectMeta(name="user"),
        spec=client.V1PodSpec(
            containers=[client.V1Container(name="main", image="registry.example/anything:1")],
            volumes=[
                client.V1Volume(
                    name="data",
                    persistent_volume_claim=client.V1PersistentVolumeClaimVolumeSource(claim_name="data"),
                )
            ],
        ),
    )
    core.create_namespaced_pod("default", user)

    def disks() -> dict[str, Any]:
        listed = inside.project.compute("GET", "aggregated/disks")["items"]
        return {disk["name"]: disk for part in listed.values() for disk in part.get("disks", [])}

    name = f"pvc-{made.metadata.uid}"
    disk = eventually(lambda: disks().get(name))
    assert disk["sizeGb"] == "20"
    assert disk["type"].endswith("/diskTypes/pd-ssd")
    assert disk["labels"]["goog-k8s-cluster-name"] == "main"
    node = eventually(lambda: core.read_namespaced_pod("user", "default").spec.node_name)
    zone = core.read_node(node).metadata.labels["topology.kubernetes.io/zone"]
    assert disk["zone"].endswith(f"/zones/{zone}")

    core.delete_namespaced_pod("user", "default", grace_period_seconds=0)
    core.delete_namespaced_persistent_volume_claim("data", "default")
    eventually(lambda: not disks())


def test_an_upgraded_control_plane_serves_its_new_version(inside: Inside) -> None:
    wanted = "1.35.1-gke.1396002"
    inside.project.gke("PUT", "/main", {"update": {"desiredMasterVersion": wanted}})
    assert client.VersionApi(inside.own().api_client).get_code().git_version == f"v{wanted}"


def test_requests_to_the_cluster_are_in_the_log(inside: Inside) -> None:
    seen = len(inside.project.sandbox.journal("gcp"))
    core = inside.own()
    core.create_namespaced_config_map("default", {"metadata": {"name": "logged"}})
    entry = inside.project.sandbox.journal("gcp", seen)[-1]
    assert (entry["operation"], entry["write"]) == ("kubernetes.create.configmaps", True)


def test_a_deleted_clusters_port_is_closed(inside: Inside) -> None:
    core = inside.own()
    inside.project.gke("DELETE", "/main")
    with pytest.raises(Exception, match=r"refused|closed|Max retries"):
        core.list_node()
