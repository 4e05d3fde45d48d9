"""What the specification becomes on Google Cloud, and what is refused before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import SpecError
from module_utils._engine.graph import Graph
from module_utils._gcp.driver import GcpDriver
from module_utils._gcp.network import HEALTH_CHECKS
from module_utils._gcp.object_store import _rules
from module_utils._gcp.preflight import gpu_metric
from module_utils._spec.cluster import Access, Cluster, GcpCluster, MaintenanceWindow, NodePool
from module_utils._spec.network import GcpNetwork, Network, Peering
from module_utils._spec.object_store import Bucket, LifecycleRule, ObjectStore
from module_utils._spec.site import Credentials, Site

ALLOWED = {"allowed_cidrs": ("198.51.100.0/24",)}


def site(**options: Any) -> Site:
    return Site("gcp", "europe-west1", "ml", "project-1", **options)


def driver(**options: Any) -> GcpDriver:
    return GcpDriver(site(**options), SystemClock())


def network(**options: Any) -> Network:
    return Network(addresses={"gcp-dev": "1"}, **options).resolve(site())


def by_name(built: Any) -> dict[str, Any]:
    return {resource.name: resource for resource in built.resources}


def cluster(net: Network | None = None, **options: Any) -> dict[str, Any]:
    used, net = driver(), net or network()
    spec = Cluster(**{**ALLOWED, **options}).resolve(site())
    built = used.cluster(spec, net, used.network(net))
    Graph(built.resources)
    return {resource.key: resource for resource in built.resources}


CLUSTER = "gcp.container.cluster/ml-gcp-dev"


def test_the_network_is_closed_but_for_what_is_named() -> None:
    rules = {
        name: each.desired()
        for name, each in by_name(driver().network(network())).items()
        if "deny" in name or ("allow" in name and each.present)
    }
    deny = rules["ml-gcp-dev-deny-ingress"]
    assert deny["denied"] == [{"IPProtocol": "all"}]
    assert deny["priority"] == max(rule["priority"] for rule in rules.values())
    assert rules["ml-gcp-dev-allow-health"]["sourceRanges"] == HEALTH_CHECKS
    data = rules["ml-gcp-dev-allow-data"]
    assert data["allowed"] == [{"IPProtocol": "tcp", "ports": ["5432", "6379"]}]
    assert data["priority"] < rules["ml-gcp-dev-deny-managed"]["priority"]
    assert not [
        name for name, rule in rules.items() if "0.0.0.0/0" in rule.get("sourceRanges", []) and "allowed" in rule
    ]


def test_the_ranges_come_from_the_sites_block() -> None:
    body = by_name(driver().network(network()))["ml-gcp-dev-nodes"].desired()
    assert body["ipCidrRange"] == "10.8.0.0/17"
    assert body["secondaryIpRanges"] == [
        {"rangeName": "pods", "ipCidrRange": "10.12.0.0/14"},
        {"rangeName": "services", "ipCidrRange": "10.10.0.0/20"},
    ]
    assert body["privateIpGoogleAccess"] is True


def test_nat_addresses_that_are_no_longer_wanted_go() -> None:
    found = by_name(driver().network(network(gcp=GcpNetwork(nat_addresses=1))))
    assert [found[f"ml-gcp-dev-nat-{number}"].present for number in (1, 2, 3, 4)] == [True, False, False, False]
    assert found["ml-gcp-dev-router"].desired()["nats"][0]["natIpAllocateOption"] == "MANUAL_ONLY"
    assert not by_name(driver().network(network(nat=False)))["ml-gcp-dev-router"].present


def test_an_existing_network_is_referred_to() -> None:
    given = GcpNetwork(existing_network="projects/host/global/networks/shared", existing_subnetwork="inner")
    built = driver().network(Network(gcp=given).resolve(site()))
    assert [(each.predicted()["id"], each.managed) for each in built.resources] == [
        ("projects/host/global/networks/shared", False),
        ("projects/host/regions/europe-west1/subnetworks/inner", False),
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gcp": GcpNetwork(nat_addresses=5)}, "nat_addresses"),
        ({"gcp": GcpNetwork(nat_addresses=1), "nat": False}, "nat: false"),
        ({"gcp": GcpNetwork(flow_logs_sampling=0.5)}, "flow_logs: false"),
        ({"gcp": GcpNetwork(flow_logs_sampling=2), "flow_logs": True}, "at most 1"),
        ({"flow_logs_retention_days": 7}, "log bucket"),
        ({"peerings": (Peering("x", "n", ("172.16.0.0/16",), region="r"),)}, "networks are global"),
        ({"peerings": (Peering("x", "projects/a/global/networks/n", ("172.16.0.0/16",), account="b"),)}, "'b'"),
        ({"gcp": GcpNetwork(existing_network="n")}, "existing_subnetwork"),
    ],
)
def test_networks_that_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        driver().network(network(**options))


def test_a_cluster_is_private_and_restricted() -> None:
    body = cluster()[CLUSTER].desired()
    endpoints = body["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]
    assert body["networkConfig"] == {"datapathProvider": "ADVANCED_DATAPATH", "defaultEnablePrivateNodes": True}
    assert endpoints["authorizedNetworksConfig"]["cidrBlocks"][0]["cidrBlock"] == "198.51.100.0/24"
    assert endpoints["authorizedNetworksConfig"]["enabled"] is True
    assert body["workloadIdentityConfig"] == {"workloadPool": "project-1.svc.id.goog"}
    assert body["ipAllocationPolicy"]["clusterSecondaryRangeName"] == "pods"
    assert "version" not in body
    assert "releaseChannel" not in body


def test_the_first_pool_without_gpus_comes_with_the_cluster() -> None:
    body = cluster(node_pools=(NodePool("cards", gpu=True), NodePool("general"), NodePool("more")))[CLUSTER].desired()
    assert [pool["name"] for pool in body["nodePools"]] == ["general"]


def test_a_pool() -> None:
    body = cluster()["gcp.container.node_pool/general"].desired()
    assert body["autoscaling"] == {
        "enabled": True, "totalMinNodeCount": 2, "totalMaxNodeCount": 5, "locationPolicy": "ANY",
    }  # fmt: skip
    assert body["initialNodeCount"] == 1
    assert body["config"]["serviceAccount"] == "ml-gcp-dev-nodes@project-1.iam.gserviceaccount.com"
    assert body["config"]["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
    assert body["config"]["spot"] is True
    assert "locations" not in body


def test_nodes_may_do_what_they_need_and_no_more() -> None:
    grant = cluster()["gcp.project.iam_member/ml-gcp-dev-nodes"]
    assert grant.roles == ["roles/artifactregistry.reader", "roles/container.defaultNodeServiceAccount"]


def test_access_is_granted_by_role() -> None:
    found = cluster(
        access=(
            Access("a@example.com", "admin"),
            Access("group:g@example.com"),
            Access("b@p.iam.gserviceaccount.com", "edit"),
        )
    )
    members = {each.member: each.roles for key, each in found.items() if "@" in key}
    assert members == {
        "user:a@example.com": ["roles/container.admin"],
        "group:g@example.com": ["roles/container.viewer"],
        "serviceAccount:b@p.iam.gserviceaccount.com": ["roles/container.developer"],
    }


def test_encryption_with_our_key_or_a_given_one() -> None:
    ours = cluster(secrets_encryption=True)
    key = "projects/project-1/locations/europe-west1/keyRings/ml-gcp-dev/cryptoKeys/ml-gcp-dev-cluster"
    assert ours[CLUSTER].desired()["databaseEncryption"] == {"state": "ENCRYPTED", "keyName": key}
    given = "projects/q/locations/europe-west1/keyRings/r/cryptoKeys/k"
    found = cluster(secrets_encryption=True, encryption_key=given)
    assert found[CLUSTER].desired()["databaseEncryption"]["keyName"] == given
    assert not found["gcp.kms.key/ml-gcp-dev-cluster"].present
    assert not cluster(secrets_encryption=False)["gcp.kms.key/ml-gcp-dev-cluster"].present


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"node_pools": (NodePool("x", state="absent"),)}, "at least one present"),
        ({"log_retention_days": 3}, "log bucket"),
        ({"network_policy": False}, "always enforces"),
        ({"access": (Access("arn:aws:iam::1:role/x"), Access("somebody"))}, "somebody"),
        ({"maintenance_window": MaintenanceWindow("01:00", duration_hours=1)}, "4 to 24"),
        ({"gcp": GcpCluster(node_locations=())}, "at least one zone"),
        ({"node_pools": (NodePool("p", autoscaling=False, node_count=4),)}, "multiple of 3"),
    ],
)
def test_clusters_that_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        cluster(**options)


def test_a_bucket() -> None:
    spec = ObjectStore((Bucket("data", soft_delete_days=7),)).resolve(site())
    found = by_name(driver().object_store(spec))
    body = next(each for name, each in found.items() if "-data-" in name).desired()
    assert body["iamConfiguration"] == {
        "uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced",
    }  # fmt: skip
    assert body["softDeletePolicy"] == {"retentionDurationSeconds": "604800"}
    assert body["logging"]["logBucket"] in found
    assert body["labels"]["site"] == "gcp-dev"


def test_lifecycle_rules() -> None:
    rule = LifecycleRule("r", "tmp/", 30, "infrequent", 90, 7, 3)
    live = {"isLive": True, "matchesPrefix": ["tmp/"]}
    assert _rules(rule, Bucket("b")) == [
        {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 30, **live}},
        {"action": {"type": "Delete"}, "condition": {"age": 90, **live}},
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 7, "matchesPrefix": ["tmp/"]}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 3, "matchesPrefix": ["tmp/"]}},
    ]
    assert _rules(LifecycleRule("r", expire_after_days=9), Bucket("b", versioning=False)) == [
        {"action": {"type": "Delete"}, "condition": {"age": 9}}
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"retention_days": 30}, "versioning: false"), ({"soft_delete_days": 3}, "7 to 90")],
)
def test_buckets_that_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        driver().object_store(ObjectStore((Bucket("b", **options),)).resolve(site()))


def test_credentials_of_another_cloud_are_refused() -> None:
    with pytest.raises(SpecError, match="no meaning on Google Cloud"):
        driver(credentials=Credentials(profile="x"))


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("nvidia-tesla-t4", "NVIDIA_T4_GPUS"),
        ("nvidia-l4", "NVIDIA_L4_GPUS"),
        ("nvidia-a100-80gb", "NVIDIA_A100_80GB_GPUS"),
        ("nvidia-h100-80gb", "NVIDIA_H100_GPUS"),
    ],
)
def test_quotas_of_gpus(kind: str, metric: str) -> None:
    assert gpu_metric(kind) == metric
