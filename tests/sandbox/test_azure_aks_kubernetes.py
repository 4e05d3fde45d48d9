"""Inside of emulated AKS clusters: Entra's tokens, Azure's roles, nodes, load balancers and disks of the cluster."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.core.exceptions import HttpResponseError
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from sandbox.azure.identity import CLIENT_OBJECT
from sandbox.core.connection import AZURE_GROUP
from sandbox.fixture import Sandbox
from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, cluster_body
from tests.sandbox.kubernetes_support import eventually

SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630"
NODES = f"MC_{GROUP}_k8s_{LOCATION}"
ENTRA: dict[str, Any] = {"aadProfile": {"managed": True, "enableAzureRBAC": True}}
ROLES = {
    "Cluster Admin": "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b",
    "Admin": "3498e952-d568-435e-9b2c-8d77e338d7f7",
    "Writer": "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb",
    "Reader": "7f6c6a51-bcf8-42ba-9220-52d62157d7db",
}


class Inside:
    """A running cluster with Entra and Azure RBAC, and clients of its API server."""

    def __init__(self, azure: Subscription, directory: Path) -> None:
        self.azure = azure
        self.directory = directory
        azure.make_group()
        pool = {"availabilityZones": ["1", "2", "3"], "nodeLabels": {"pool": "system"}}
        self.cluster = azure.make_cluster(pool=pool, kubernetesVersion="1.34.2", **ENTRA)
        self.id = f"{azure.group_id}/providers/Microsoft.ContainerService/managedClusters/k8s"

    def kubeconfig(self, admin: bool = False, name: str = "k8s") -> dict[str, Any]:
        """As the service hands it out."""
        ask = self.azure.aks.managed_clusters
        answer = (
            ask.list_cluster_admin_credentials(GROUP, name) if admin else ask.list_cluster_user_credentials(GROUP, name)
        )
        config: dict[str, Any] = yaml.safe_load(answer.kubeconfigs[0].value)
        return config

    def core(self, token: str, name: str = "k8s") -> client.CoreV1Api:
        """The official client; server and CA from the kubeconfig."""
        cluster = self.kubeconfig(name=name)["clusters"][0]["cluster"]
        ca = self.directory / f"{name}.pem"
        ca.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        configuration = client.Configuration()
        configuration.host, configuration.ssl_ca_cert = cluster["server"], str(ca)
        configuration.api_key = {"authorization": f"Bearer {token}"}
        return client.CoreV1Api(client.ApiClient(configuration))

    def entra(self) -> client.CoreV1Api:
        """With Entra's token for the sandbox's application, as azure-identity gets it."""
        return self.core(self.azure.credential.get_token(f"{SERVER_APPLICATION}/.default").token)

    def admin(self) -> client.CoreV1Api:
        """The local administrator."""
        return self.core(self.kubeconfig(admin=True)["users"][0]["user"]["token"])

    def grant(self, role: str, scope: str = "", principal: str = CLIENT_OBJECT) -> str:
        """A role assignment at the cluster or at another scope; returns its name."""
        name = str(uuid.uuid4())
        role_id = f"{self.azure.id}/providers/Microsoft.Authorization/roleDefinitions/{ROLES[role]}"
        properties = {"roleDefinitionId": role_id, "principalId": principal, "principalType": "ServicePrincipal"}
        self.azure.roles.role_assignments.create(scope or self.id, name, {"properties": properties})
        return name

    def take_back(self, name: str, scope: str = "") -> None:
        """Delete a role assignment."""
        self.azure.roles.role_assignments.delete(scope or self.id, name)

    def parts(self, kind: str) -> dict[str, Any]:
        """Resources of a type in the node resource group, by name."""
        listed = self.azure.resources.resources.list_by_resource_group(NODES)
        return {item.name: item for item in listed if item.type == kind}


def refused(call: Callable[[], Any]) -> tuple[int, str]:
    """Status and message of a call that must fail."""
    with pytest.raises(ApiException) as caught:
        call()
    return caught.value.status, str(json.loads(caught.value.body)["message"])


def may(core: client.CoreV1Api, verb: str, resource: str, group: str = "") -> bool:
    """What the API server says of one's own rights in the namespace ``default``."""
    asked = client.V1ResourceAttributes(verb=verb, resource=resource, group=group, namespace="default")
    review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked))
    answer = client.AuthorizationV1Api(core.api_client).create_self_subject_access_review(review)
    return bool(answer.status.allowed)


@pytest.fixture(scope="module")
def inside(azure_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Inside:
    return Inside(Subscription(azure_sandbox), tmp_path_factory.mktemp("aks"))


def test_the_name_is_azures_and_the_server_is_reachable(inside: Inside) -> None:
    assert inside.cluster.properties.fqdn.endswith(f".hcp.{LOCATION}.azmk8s.io")
    version = client.VersionApi(inside.admin().api_client).get_code()
    assert version.git_version == "v1.34.2"


def test_tokens_for_somebody_else_are_nobody(inside: Inside) -> None:
    other = inside.azure.credential.get_token(f"{inside.azure.url}/.default").token
    good = inside.azure.credential.get_token(f"{SERVER_APPLICATION}/.default").token
    for token in ("nonsense", other, good[:-4] + "AAAA"):
        assert refused(inside.core(token).list_node) == (401, "Unauthorized")


def test_without_a_role_nobody_may_anything_not_even_the_clusters_maker(inside: Inside) -> None:
    core = inside.entra()
    status, message = refused(lambda: core.list_namespaced_pod("default"))
    assert status == 403
    assert message == (
        f'pods is forbidden: User "{CLIENT_OBJECT}" cannot list resource "pods" in API group "" in the namespace '
        '"default": User does not have access to the resource in Azure. Update role assignment to allow access.'
    )
    assert client.VersionApi(core.api_client).get_code().major == "1"


@pytest.mark.parametrize(
    ("role", "sees", "writes", "secrets", "roles", "quotas", "cluster_wide"),
    [
        ("Reader", True, False, False, False, False, False),
        ("Writer", True, True, True, False, False, False),
        ("Admin", True, True, True, True, False, True),
        ("Cluster Admin", True, True, True, True, True, True),
    ],
)
def test_azures_roles_count_inside(
    inside: Inside, role: str, sees: bool, writes: bool, secrets: bool, roles: bool, quotas: bool, cluster_wide: bool
) -> None:
    core = inside.entra()
    name = inside.grant(role)
    try:
        assert may(core, "watch", "pods") is sees
        assert may(core, "patch", "deployments", "apps") is writes
        assert may(core, "get", "secrets") is secrets
        assert may(core, "create", "rolebindings", "rbac.authorization.k8s.io") is roles
        assert may(core, "create", "resourcequotas") is quotas
        assert may(core, "list", "nodes") is cluster_wide
    finally:
        inside.take_back(name)
    assert not may(core, "watch", "pods")


def test_a_role_counts_from_above_and_for_a_namespace_alone(inside: Inside) -> None:
    core = inside.entra()
    above = inside.grant("Reader", inside.azure.group_id)
    assert may(core, "list", "pods")
    inside.take_back(above, inside.azure.group_id)
    scope = f"{inside.id}/namespaces/default"
    below = inside.grant("Writer", scope)
    assert may(core, "create", "pods")
    assert refused(lambda: core.list_namespaced_pod("kube-system"))[0] == 403
    inside.take_back(below, scope)


def test_members_of_the_admin_group_are_masters(inside: Inside) -> None:
    update = inside.azure.aks.managed_clusters
    body = {"adminGroupObjectIDs": [AZURE_GROUP], **ENTRA["aadProfile"]}
    update.begin_create_or_update(GROUP, "k8s", cluster_body(aadProfile=body)).result()
    assert inside.entra().list_node().items
    body = {"adminGroupObjectIDs": [], **ENTRA["aadProfile"]}
    update.begin_create_or_update(GROUP, "k8s", cluster_body(aadProfile=body)).result()
    assert refused(inside.entra().list_node)[0] == 403


def test_local_accounts_can_be_switched_off(inside: Inside) -> None:
    core = inside.admin()
    assert core.list_node().items
    update = inside.azure.aks.managed_clusters
    update.begin_create_or_update(GROUP, "k8s", cluster_body(disableLocalAccounts=True)).result()
    assert refused(core.list_node) == (401, "Unauthorized")
    with pytest.raises(HttpResponseError):
        inside.kubeconfig(admin=True)
    update.begin_create_or_update(GROUP, "k8s", cluster_body(disableLocalAccounts=False)).result()
    assert core.list_node().items


def test_a_cluster_without_entra_knows_its_user_by_a_static_token(inside: Inside) -> None:
    inside.azure.make_cluster("plain")
    token = inside.kubeconfig(name="plain")["users"][0]["user"]["token"]
    assert len(inside.core(token, "plain").list_node().items) == 2
    entra = inside.azure.credential.get_token(f"{SERVER_APPLICATION}/.default").token
    assert refused(inside.core(entra, "plain").list_node)[0] == 401
    inside.azure.aks.managed_clusters.begin_delete(GROUP, "plain").result()


def test_nodes_are_the_machines_of_the_pools(inside: Inside) -> None:
    found = sorted(inside.admin().list_node(label_selector="agentpool=system").items, key=lambda n: n.metadata.name)
    assert len(found) == 2
    first = found[0]
    scale_set = next(iter(inside.parts("Microsoft.Compute/virtualMachineScaleSets")))
    assert first.metadata.name == f"{scale_set}000000"
    assert first.spec.provider_id.startswith(f"azure:///subscriptions/{inside.id.split('/')[2]}/resourceGroups/mc_")
    assert first.spec.provider_id.endswith(f"/{scale_set}/virtualMachines/0")
    labels = first.metadata.labels
    assert labels["kubernetes.azure.com/mode"] == "system"
    assert labels["kubernetes.azure.com/agentpool"] == "system"
    assert labels["topology.kubernetes.io/zone"] == f"{LOCATION}-1"
    assert found[1].metadata.labels["topology.kubernetes.io/zone"] == f"{LOCATION}-2"
    assert labels["node.kubernetes.io/instance-type"] == "Standard_D2s_v5"
    assert labels["pool"] == "system"
    assert first.status.node_info.kubelet_version == "v1.34.2"


def test_nodes_follow_a_pool(inside: Inside) -> None:
    core, pools = inside.admin(), inside.azure.aks.agent_pools
    properties = {"count": 1, "vmSize": "Standard_D4s_v5", "mode": "User", "scaleSetPriority": "Spot"}
    pools.begin_create_or_update(GROUP, "k8s", "spot", {"properties": properties}).result()

    def names() -> set[str]:
        return {node.metadata.name for node in core.list_node(label_selector="agentpool=spot").items}

    first = names()
    assert len(first) == 1
    node = core.read_node(min(first))
    assert node.metadata.labels["kubernetes.azure.com/scalesetpriority"] == "spot"
    assert [(one.key, one.value, one.effect) for one in node.spec.taints] == [
        ("kubernetes.azure.com/scalesetpriority", "spot", "NoSchedule")
    ]
    pools.begin_create_or_update(GROUP, "k8s", "spot", {"properties": {**properties, "count": 3}}).result()
    assert len(names()) == 3
    assert names() > first
    pools.begin_create_or_update(GROUP, "k8s", "spot", {"properties": properties}).result()
    eventually(lambda: names() == first)
    pools.begin_delete(GROUP, "k8s", "spot").result()
    eventually(lambda: not names())


def test_nodes_come_when_their_pool_has_come_up_whether_or_not_the_cloud_is_asked(inside: Inside) -> None:
    core, sandbox = inside.admin(), inside.azure.sandbox
    path = f"{inside.id}/agentPools/slow"
    sandbox.set_profile("realistic", 80.0)
    try:
        pool = {"count": 1, "vmSize": "Standard_D2s_v5", "mode": "User"}
        answer = inside.azure.send("PUT", path, {"properties": pool}, version="2025-10-01")
        assert answer.status_code == 201, answer.text
        assert not core.list_node(label_selector="agentpool=slow").items
        eventually(lambda: core.list_node(label_selector="agentpool=slow").items)
    finally:
        sandbox.set_profile("instant")
    inside.azure.aks.agent_pools.begin_delete(GROUP, "k8s", "slow").result()


def service(name: str, annotations: dict[str, str] | None = None) -> client.V1Service:
    return client.V1Service(
        metadata=client.V1ObjectMeta(name=name, annotations=annotations),
        spec=client.V1ServiceSpec(
            type="LoadBalancer", selector={"app": name}, ports=[client.V1ServicePort(port=80, target_port=8080)]
        ),
    )


def test_a_load_balancer_is_made_of_the_node_groups_objects(inside: Inside) -> None:
    core, network = inside.admin(), inside.azure.network
    made = core.create_namespaced_service("default", service("web"))
    name = ("a" + made.metadata.uid.replace("-", ""))[:32]

    shown = eventually(lambda: core.read_namespaced_service("web", "default").status.load_balancer.ingress)
    address = network.public_ip_addresses.get(NODES, f"kubernetes-{name}")
    assert address.ip_address == shown[0].ip
    assert address.tags["k8s-azure-service"] == "default/web"
    balancer = network.load_balancers.get(NODES, "kubernetes")
    assert name in [item.name for item in balancer.frontend_ip_configurations]
    assert [(item.name, item.frontend_port) for item in balancer.load_balancing_rules] == [(f"{name}-TCP-80", 80)]
    group = next(iter(inside.parts("Microsoft.Network/networkSecurityGroups")))
    rules = network.security_rules.list(NODES, group)
    assert [list(rule.destination_address_prefixes) for rule in rules] == [[shown[0].ip]]
    with pytest.raises(HttpResponseError) as caught:
        network.public_ip_addresses.begin_delete(NODES, f"kubernetes-{name}").result()
    assert caught.value.error.code == "PublicIPAddressCannotBeDeleted"

    core.delete_namespaced_service("web", "default")
    kind = "Microsoft.Network/publicIPAddresses"
    eventually(lambda: f"kubernetes-{name}" not in inside.parts(kind))
    balancer = network.load_balancers.get(NODES, "kubernetes")
    # The cluster's own way out stays.
    assert len(balancer.frontend_ip_configurations) == 1
    assert not balancer.load_balancing_rules
    assert not list(network.security_rules.list(NODES, group))


def test_an_internal_load_balancer_has_no_public_address(inside: Inside) -> None:
    core, network = inside.admin(), inside.azure.network
    before = set(inside.parts("Microsoft.Network/publicIPAddresses"))
    internal = {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}
    core.create_namespaced_service("default", service("inner", internal))
    kind = "Microsoft.Network/loadBalancers"
    eventually(lambda: "kubernetes-internal" in inside.parts(kind))
    front = network.load_balancers.get(NODES, "kubernetes-internal").frontend_ip_configurations[0]
    assert front.subnet.id.endswith("/subnets/aks-subnet")
    assert set(inside.parts("Microsoft.Network/publicIPAddresses")) == before
    core.delete_namespaced_service("inner", "default")
    eventually(lambda: "kubernetes-internal" not in inside.parts(kind))


def test_a_claim_gets_a_disk_in_the_node_group(inside: Inside) -> None:
    core = inside.admin()
    classes = {one.metadata.name: one for one in client.StorageV1Api(core.api_client).list_storage_class().items}
    assert {"default", "managed-csi", "managed-csi-premium", "azurefile-csi"} <= set(classes)
    key = "storageclass.kubernetes.io/is-default-class"
    assert [name for name, one in classes.items() if (one.metadata.annotations or {}).get(key) == "true"] == ["default"]
    claim = client.V1PersistentVolumeClaim(
        metadata=client.V1ObjectMeta(name="data"),
        spec=client.V1PersistentVolumeClaimSpec(
            access_modes=["ReadWriteOnce"],
            storage_class_name="managed-csi-premium",
            resources=client.V1VolumeResourceRequirements(requests={"storage": "32Gi"}),
        ),
    )
    made = core.create_namespaced_persistent_volume_claim("default", claim)
    source = client.V1PersistentVolumeClaimVolumeSource(claim_name="data")
    user = client.V1Pod(
        metadata=client.V1ObjectMeta(name="user"),
        spec=client.V1PodSpec(
            containers=[client.V1Container(name="main", image="registry.example/anything:1")],
            volumes=[client.V1Volume(name="data", persistent_volume_claim=source)],
        ),
    )
    core.create_namespaced_pod("default", user)
    name = f"pvc-{made.metadata.uid}"

    eventually(lambda: name in inside.parts("Microsoft.Compute/disks"))
    disk = inside.azure.compute.disks.get(NODES, name)
    assert (disk.disk_size_gb, disk.sku.name) == (32, "Premium_LRS")
    assert disk.tags["kubernetes.io-created-for-pvc-name"] == "data"
    node = core.read_namespaced_pod("user", "default").spec.node_name
    zone = core.read_node(node).metadata.labels["topology.kubernetes.io/zone"]
    assert zone == f"{LOCATION}-{disk.zones[0]}"
    volume = eventually(lambda: core.read_namespaced_persistent_volume_claim("data", "default").spec.volume_name)
    assert core.read_persistent_volume(volume).spec.csi.volume_handle == disk.id

    core.delete_namespaced_pod("user", "default", grace_period_seconds=0)
    core.delete_namespaced_persistent_volume_claim("data", "default")
    eventually(lambda: not inside.parts("Microsoft.Compute/disks"))


def test_an_upgraded_control_plane_serves_its_new_version(inside: Inside) -> None:
    body = cluster_body(kubernetesVersion="1.35.1")
    inside.azure.aks.managed_clusters.begin_create_or_update(GROUP, "k8s", body).result()
    assert client.VersionApi(inside.admin().api_client).get_code().git_version == "v1.35.1"


def test_requests_to_the_cluster_are_in_the_log(inside: Inside) -> None:
    core = inside.admin()
    seen = len(inside.azure.sandbox.journal("azure"))
    core.create_namespaced_config_map("default", {"metadata": {"name": "logged"}})
    entry = inside.azure.sandbox.journal("azure", seen)[-1]
    assert (entry["operation"], entry["write"]) == ("kubernetes.create.configmaps", True)


def test_everything_goes_with_the_cluster(inside: Inside) -> None:
    core = inside.admin()
    core.create_namespaced_service("default", service("left"))
    kind = "Microsoft.Network/publicIPAddresses"
    eventually(lambda: len(inside.parts(kind)) == 2)
    inside.azure.aks.managed_clusters.begin_delete(GROUP, "k8s").result()
    assert not inside.azure.resources.resource_groups.check_existence(NODES)
    with pytest.raises(Exception, match=r"refused|closed|Max retries"):
        core.list_node()
