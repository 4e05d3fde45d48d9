"""Clusters and node pools, through Google's own clients."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from googleapiclient.errors import HttpError

from tests.sandbox.gcp_support import HOME, NUMBER, PARENT, PROJECT, REGION, Project, refusal

POOL = f"{PROJECT}.svc.id.goog"


def _refused(gcp: Project, method: str, path: str, body: Any) -> tuple[int, str, str]:
    status, answer = gcp.call(method, "container", f"v1/{PARENT}/clusters{path}", body)
    assert status >= 400, answer
    return status, answer["error"]["status"], answer["error"]["message"]


def _done(gcp: Project, operation: dict[str, Any]) -> dict[str, Any]:
    status, answer = gcp.call("GET", "container", f"v1/{PARENT}/operations/{operation['name']}")
    assert status == 200
    return answer


def test_cluster_as_the_server_prints_it(gcp: Project) -> None:
    cluster = gcp.cluster(workloadIdentityConfig={"workloadPool": POOL}, autopilot={"enabled": False})
    assert len(cluster) >= 50
    assert cluster["status"] == "RUNNING"
    assert (cluster["network"], cluster["subnetwork"]) == ("net", "net-nodes")
    assert cluster["networkConfig"]["network"] == f"{HOME}/global/networks/net"
    assert cluster["autopilot"] == {}
    assert cluster["legacyAbac"] == {}
    assert cluster["releaseChannel"] == {"channel": "REGULAR"}
    assert cluster["ipAllocationPolicy"]["clusterIpv4CidrBlock"] == "10.64.0.0/14"
    assert cluster["servicesIpv4Cidr"] == "10.80.0.0/20"
    assert cluster["locations"] == [f"{REGION}-{zone}" for zone in "bcd"]
    assert cluster["currentNodeCount"] == 3
    assert cluster["selfLink"] == f"https://container.googleapis.com/v1/{PARENT}/clusters/main"
    assert cluster["workloadIdentityConfig"] == {"workloadPool": POOL}
    pool = cluster["nodePools"][0]
    assert pool["maxPodsConstraint"] == {"maxPodsPerNode": "110"}
    assert pool["podIpv4CidrSize"] == 24
    assert pool["config"]["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}
    assert pool["config"]["kubeletConfig"]["insecureKubeletReadonlyPortEnabled"] is False
    authority = x509.load_pem_x509_certificate(base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]))
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is True
    assert cluster["endpoint"].startswith("127.0.0.1:")


def test_beta_prints_more(gcp: Project) -> None:
    gcp.cluster()
    beta = gcp.client("container", "v1beta1").projects().locations().clusters().get(name=f"{PARENT}/clusters/main")
    cluster = beta.execute()
    assert cluster["selfLink"].startswith("https://container.googleapis.com/v1beta1/")
    assert cluster["protectConfig"]["workloadConfig"] == {"auditMode": "BASIC"}
    assert "protectConfig" not in gcp.gke("GET", "/main")


@pytest.mark.parametrize(
    ("sent", "version", "channel"),
    [
        ({}, "1.35.6-gke.1127000", "REGULAR"),
        ({"initialClusterVersion": "1.34"}, "1.34.8-gke.1278000", "STABLE"),
        (
            {"initialClusterVersion": "1.34.8", "releaseChannel": {"channel": "REGULAR"}},
            "1.34.8-gke.1278000",
            "REGULAR",
        ),
        ({"initialClusterVersion": "latest", "releaseChannel": {"channel": "RAPID"}}, "1.36.0-gke.3302004", "RAPID"),
        ({"initialClusterVersion": "-", "releaseChannel": {"channel": "STABLE"}}, "1.34.8-gke.1278000", "STABLE"),
        ({"releaseChannel": {"channel": "UNSPECIFIED"}}, "1.35.6-gke.1127000", None),
    ],
)
def test_versions_are_rewritten(gcp: Project, sent: dict[str, Any], version: str, channel: str | None) -> None:
    cluster = gcp.cluster(**sent)
    assert cluster["currentMasterVersion"] == cluster["initialClusterVersion"] == version
    assert cluster["releaseChannel"].get("channel") == channel


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"initialClusterVersion": "1.20"}, 'No valid versions with the prefix "1.20" found.'),
    ({"name": "Main"}, 'Invalid value for field "cluster.name"'),
    ({"network": "absent"}, f'Project "{PROJECT}" has no network named "absent".'),
    ({"subnetwork": None}, 'Network "net" requires specifying a subnet.'),
    ({"ipAllocationPolicy": {"clusterSecondaryRangeName": "x"}}, 'Pod secondary range "x" does not exist'),
    ({"nodePools": [{"name": "a"}]}, "initial_node_count must be greater than zero"),
    ({"initialNodeCount": 1}, "cannot be set together with node_pools"),
    ({"workloadIdentityConfig": {"workloadPool": "other.svc.id.goog"}}, "Workload pool"),
    ({"networkPolicy": {"enabled": True}}, "Network policy addon must be enabled"),
    ({"masterAuthorizedNetworksConfig": {"enabled": True, "cidrBlocks": [{"cidrBlock": "x"}]}}, "Invalid CIDR block"),
    ({"resourceLabels": {"Team": "ml"}}, "Invalid resource label"),
    ({"nodeLocations": ["x"]}, "Unknown name \"nodeLocations\" at 'cluster': Cannot find field."),
    ({"initialNodeCount": "x", "nodePools": None}, "Invalid value at 'cluster.initial_node_count' (TYPE_INT32), \"x\""),
    ({"nodePools": [{"config": {"taints": [{"effect": "NEVER"}]}}]}, "Invalid value at 'cluster.node_pools[0].config"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED, ids=[next(iter(item[0])) for item in REFUSED])
def test_clusters_that_google_refuses(gcp: Project, fields: dict[str, Any], words: str) -> None:
    gcp.network()
    status, code, message = _refused(gcp, "POST", "", gcp.cluster_body(**fields))
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert words in message
    assert gcp.gke("GET") == {}


POOLS_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"config": {"machineType": "e2-giant"}}, 'Machine type with name "e2-giant" does not exist in zone'),
    ({"config": {"serviceAccount": f"x@{PROJECT}.iam.gserviceaccount.com"}}, "does not exist."),
    (
        {"config": {"accelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": "1"}]}},
        "cannot be attached",
    ),
    ({"config": {"accelerators": [{"acceleratorType": "voodoo", "acceleratorCount": "1"}]}}, "does not exist in zone"),
    ({"management": {"autoRepair": True}}, "Auto_upgrade must be true when release_channel REGULAR is set."),
    ({"version": "1.36.0-gke.3302004"}, "must not be greater than the master version"),
    ({"autoscaling": {"enabled": True}}, "max_node_count"),
    ({"initialNodeCount": 5, "autoscaling": {"enabled": True, "maxNodeCount": 3}}, "within the limits of autoscaling"),
    ({"config": {"diskSizeGb": 5}}, "at least 10 GB"),
    ({"config": {"taints": [{"key": "a", "value": "b"}]}}, "Invalid taint"),
]


@pytest.mark.parametrize(("fields", "words"), POOLS_REFUSED)
def test_pools_that_google_refuses(gcp: Project, fields: dict[str, Any], words: str) -> None:
    gcp.cluster()
    body = {"nodePool": {"name": "extra", "initialNodeCount": 1, **fields}}
    status, _, message = _refused(gcp, "POST", "/main/nodePools", body)
    assert status == 400
    assert words in message
    assert len(gcp.gke("GET", "/main")["nodePools"]) == 1


def test_labels_by_fingerprint_only(gcp: Project) -> None:
    old = gcp.cluster()
    body = {"resourceLabels": {"team": "data"}, "labelFingerprint": "stale"}
    assert _refused(gcp, "POST", "/main:setResourceLabels", body)[:2] == (400, "FAILED_PRECONDITION")
    gcp.gke("POST", "/main:setResourceLabels", {**body, "labelFingerprint": old["labelFingerprint"]})
    new = gcp.gke("GET", "/main")
    assert new["resourceLabels"] == {"team": "data"}
    assert new["labelFingerprint"] != old["labelFingerprint"]


def test_one_operation_per_cluster(gcp: Project) -> None:
    gcp.network()
    gcp.sandbox.set_profile("realistic", scale=1)
    begun = gcp.gke("POST", "", gcp.cluster_body())
    cluster = gcp.gke("GET", "/main")
    assert (begun["status"], cluster["status"], "endpoint" in cluster) == ("RUNNING", "PROVISIONING", False)
    pool = {"nodePool": {"name": "extra", "initialNodeCount": 1}}
    for method, path, body in (("POST", "/main/nodePools", pool), ("DELETE", "/main", None)):
        status, code, message = _refused(gcp, method, path, body)
        assert (status, code) == (400, "FAILED_PRECONDITION")
        assert message.startswith(f"Operation {begun['name']} is currently operating on cluster main.")
    gcp.sandbox.advance("gcp", 200)
    half = {item["name"]: item["intValue"] for item in _done(gcp, begun)["progress"]["metrics"]}
    assert half["CLUSTER_CONFIGURING"] == "13"
    assert half["CLUSTER_HEALTHCHECKING"] == "0"
    gcp.sandbox.advance("gcp", 161)
    assert _done(gcp, begun)["status"] == "DONE"
    assert gcp.gke("GET", "/main")["status"] == "RUNNING"
    made = gcp.gke("POST", "/main/nodePools", pool)
    assert made["status"] == "PENDING"
    states = gcp.gke("GET", "/main")
    assert (states["status"], states["nodePools"][1]["status"]) == ("RECONCILING", "PROVISIONING")
    gcp.sandbox.advance("gcp", 121)
    assert gcp.gke("GET", "/main/nodePools/extra")["status"] == "RUNNING"
    removed = gcp.gke("DELETE", "/main")
    assert gcp.gke("GET", "/main")["status"] == "STOPPING"
    gcp.sandbox.advance("gcp", 241)
    assert _refused(gcp, "GET", "/main", None)[:2] == (404, "NOT_FOUND")
    done = _done(gcp, removed)
    assert (done["status"], done["operationType"]) == ("DONE", "DELETE_CLUSTER")
    assert done["targetLink"].endswith(f"projects/{NUMBER}/locations/{REGION}/clusters/main")


def test_failed_creation_leaves_a_cluster_in_error(gcp: Project) -> None:
    gcp.network()
    fault = {"operation": "clusters.create$", "kind": "fail_operation", "code": "GCE_STOCKOUT", "message": "No room."}
    gcp.sandbox.fault("gcp", **fault)
    operation = _done(gcp, gcp.gke("POST", "", gcp.cluster_body()))
    assert operation["status"] == "DONE"
    assert operation["error"]["message"] == operation["statusMessage"] == "No room."
    cluster = gcp.gke("GET", "/main")
    assert (cluster["status"], cluster["statusMessage"]) == ("ERROR", "No room.")
    assert cluster["conditions"][0]["code"] == "GCE_STOCKOUT"
    body = {"update": {"desiredLoggingService": "none"}}
    assert _refused(gcp, "PUT", "/main", body)[1] == "FAILED_PRECONDITION"
    gcp.gke("DELETE", "/main")
    assert gcp.gke("GET") == {}


def test_failed_pool(gcp: Project) -> None:
    gcp.cluster()
    gcp.sandbox.fault("gcp", operation="nodePools.create$", kind="fail_operation", message="Quota.")
    gcp.gke("POST", "/main/nodePools", {"nodePool": {"name": "extra", "initialNodeCount": 1}})
    cluster = gcp.gke("GET", "/main")
    assert cluster["status"] == "RUNNING"
    assert (cluster["nodePools"][1]["status"], cluster["nodePools"][1]["statusMessage"]) == ("ERROR", "Quota.")
    gcp.gke("DELETE", "/main/nodePools/extra")
    assert len(gcp.gke("GET", "/main")["nodePools"]) == 1


UPDATES = [
    ({"desiredLoggingConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS"]}}}, "loggingConfig",
     {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS"]}}),
    ({"desiredVerticalPodAutoscaling": {"enabled": True}}, "verticalPodAutoscaling", {"enabled": True}),
    ({"desiredVerticalPodAutoscaling": {"enabled": False}}, "verticalPodAutoscaling", {}),
    ({"desiredShieldedNodes": {"enabled": False}}, "shieldedNodes", {}),
    ({"desiredReleaseChannel": {"channel": "STABLE"}}, "releaseChannel", {"channel": "STABLE"}),
    ({"desiredLocations": [f"{REGION}-b", f"{REGION}-c"]}, "locations", [f"{REGION}-b", f"{REGION}-c"]),
    ({"desiredWorkloadIdentityConfig": {"workloadPool": POOL}}, "workloadIdentityConfig", {"workloadPool": POOL}),
    ({"desiredCostManagementConfig": {"enabled": True}}, "costManagementConfig", {"enabled": True}),
    ({"desiredBinaryAuthorization": {"evaluationMode": "DISABLED"}}, "binaryAuthorization",
     {"evaluationMode": "DISABLED"}),
]  # fmt: skip


@pytest.mark.parametrize(("update", "field", "expected"), UPDATES)
def test_updates(gcp: Project, update: dict[str, Any], field: str, expected: Any) -> None:
    old = gcp.cluster()
    operation = gcp.gke("PUT", "/main", {"update": update})
    assert operation["operationType"] == "UPDATE_CLUSTER"
    new = gcp.gke("GET", "/main")
    assert new[field] == expected
    assert new["etag"] != old["etag"]


def test_update_takes_one_field_and_a_current_etag(gcp: Project) -> None:
    gcp.cluster()
    two = {"desiredShieldedNodes": {"enabled": True}, "desiredVerticalPodAutoscaling": {"enabled": True}}
    assert _refused(gcp, "PUT", "/main", {"update": two})[1] == "INVALID_ARGUMENT"
    assert _refused(gcp, "PUT", "/main", {"update": {}})[1] == "INVALID_ARGUMENT"
    stale = {"desiredShieldedNodes": {"enabled": True}, "etag": "stale"}
    assert _refused(gcp, "PUT", "/main", {"update": stale})[:2] == (409, "ABORTED")


def test_disk_driver_stays_on_until_an_update(gcp: Project) -> None:
    off = {"gcePersistentDiskCsiDriverConfig": {"enabled": False}}
    assert gcp.cluster(addonsConfig=off)["addonsConfig"]["gcePersistentDiskCsiDriverConfig"] == {"enabled": True}
    gcp.gke("PUT", "/main", {"update": {"desiredAddonsConfig": off}})
    assert gcp.gke("GET", "/main")["addonsConfig"]["gcePersistentDiskCsiDriverConfig"] == {}


def test_access_blocks_mirror_each_other(gcp: Project) -> None:
    private = {"enablePrivateNodes": True, "masterIpv4CidrBlock": "172.16.0.0/28"}
    office = {"enabled": True, "cidrBlocks": [{"displayName": "office", "cidrBlock": "203.0.113.0/24"}]}
    cluster = gcp.cluster(privateClusterConfig=private, masterAuthorizedNetworksConfig=office)
    endpoints = cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]
    assert endpoints["authorizedNetworksConfig"] == cluster["masterAuthorizedNetworksConfig"]
    assert cluster["masterAuthorizedNetworksConfig"] == {"gcpPublicCidrsAccessEnabled": True, **office}
    assert cluster["networkConfig"]["defaultEnablePrivateNodes"] is True
    assert cluster["privateClusterConfig"]["enablePrivateNodes"] is True
    assert cluster["nodePools"][0]["networkConfig"]["enablePrivateNodes"] is True
    closed = {"ipEndpointsConfig": {"enablePublicEndpoint": False}}
    gcp.gke("PUT", "/main", {"update": {"desiredControlPlaneEndpointsConfig": closed}})
    cluster = gcp.gke("GET", "/main")
    assert cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]["enablePublicEndpoint"] is False
    assert cluster["privateClusterConfig"]["enablePrivateEndpoint"] is True
    gcp.gke("PUT", "/main", {"update": {"desiredPrivateClusterConfig": {"enablePrivateEndpoint": False}}})
    cluster = gcp.gke("GET", "/main")
    assert cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]["enablePublicEndpoint"] is True


def test_maintenance_policy(gcp: Project) -> None:
    old = gcp.cluster()["maintenancePolicy"]
    assert old == {"resourceVersion": "e3b0c442"}
    policy = {"window": {"dailyMaintenanceWindow": {"startTime": "03:00"}}, **old}
    gcp.gke("POST", "/main:setMaintenancePolicy", {"maintenancePolicy": policy})
    new = gcp.gke("GET", "/main")["maintenancePolicy"]
    assert new["window"]["dailyMaintenanceWindow"] == {"startTime": "03:00", "duration": "PT4H0M0S"}
    assert (
        _refused(gcp, "POST", "/main:setMaintenancePolicy", {"maintenancePolicy": policy})[1] == "FAILED_PRECONDITION"
    )


def test_control_plane_upgrades_one_minor_version_at_a_time(gcp: Project) -> None:
    gcp.cluster(initialClusterVersion="1.33", releaseChannel={"channel": "REGULAR"})
    far = {"update": {"desiredMasterVersion": "1.35"}}
    assert "more than one minor version" in _refused(gcp, "PUT", "/main", far)[2]
    operation = gcp.gke("PUT", "/main", {"update": {"desiredMasterVersion": "1.34"}})
    assert operation["operationType"] == "UPGRADE_MASTER"
    cluster = gcp.gke("GET", "/main")
    assert cluster["currentMasterVersion"] == "1.34.8-gke.1278000"
    assert cluster["currentNodeVersion"].startswith("1.33.")
    gcp.gke("PUT", "/main/nodePools/system", {"nodeVersion": "-"})
    assert gcp.gke("GET", "/main")["currentNodeVersion"] == "1.34.8-gke.1278000"
    back = {"update": {"desiredMasterVersion": "1.33"}}
    assert "downgraded" in _refused(gcp, "PUT", "/main", back)[2]


def test_pool_life(gcp: Project) -> None:
    gcp.cluster()
    gpu = {
        "name": "gpu",
        "initialNodeCount": 1,
        "locations": [f"{REGION}-b"],
        "autoscaling": {"enabled": True, "minNodeCount": 0, "maxNodeCount": 2},
        "config": {
            "machineType": "n1-standard-4",
            "spot": True,
            "accelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": "1"}],
            "labels": {"pool": "gpu"},
        },
    }
    assert gcp.gke("POST", "/main/nodePools", {"nodePool": gpu})["operationType"] == "CREATE_NODE_POOL"
    pool = gcp.gke("GET", "/main/nodePools/gpu")
    assert pool["config"]["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    assert pool["autoscaling"] == {"enabled": True, "maxNodeCount": 2, "locationPolicy": "ANY"}
    assert pool["config"]["resourceLabels"] == {"goog-gke-node-pool-provisioning-model": "spot"}
    assert pool["config"]["bootDisk"] == {"diskType": "pd-balanced", "sizeGb": "100"}
    path = "/main/nodePools/gpu"
    scaling = {"autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 4}}
    gcp.gke("POST", f"{path}:setAutoscaling", scaling)
    gcp.gke("PUT", path, {"labels": {"labels": {"pool": "gpu", "x": "y"}}})
    gcp.gke("PUT", path, {"taints": {"taints": [{"key": "a", "value": "b", "effect": "NO_EXECUTE"}]}})
    gcp.gke("PUT", path, {"upgradeSettings": {"maxSurge": 2, "maxUnavailable": 1}})
    gcp.gke("POST", f"{path}:setSize", {"nodeCount": 2})
    changed = gcp.gke("GET", path)
    assert changed["autoscaling"] == {"enabled": True, "minNodeCount": 1, "maxNodeCount": 4, "locationPolicy": "ANY"}
    assert changed["config"]["labels"] == {"pool": "gpu", "x": "y"}
    assert [taint["key"] for taint in changed["config"]["taints"]] == ["a", "nvidia.com/gpu"]
    assert changed["upgradeSettings"] == {"maxSurge": 2, "maxUnavailable": 1, "strategy": "SURGE"}
    assert changed["initialNodeCount"] == 2
    assert gcp.gke("GET", "/main")["currentNodeCount"] == 5
    by_cluster = {"desiredNodePoolId": "gpu", "desiredNodePoolAutoscaling": {"enabled": False}}
    gcp.gke("PUT", "/main", {"update": by_cluster})
    assert gcp.gke("GET", path)["autoscaling"] == {}
    gcp.gke("DELETE", path)
    assert [item["name"] for item in gcp.gke("GET", "/main/nodePools")["nodePools"]] == ["system"]


def test_pool_etag(gcp: Project) -> None:
    gcp.cluster()
    path = "/main/nodePools/system"
    etag = gcp.gke("GET", path)["etag"]
    gcp.gke("PUT", path, {"tags": {"tags": ["a"]}, "etag": etag})
    assert _refused(gcp, "PUT", path, {"tags": {"tags": ["b"]}, "etag": etag})[:2] == (409, "ABORTED")


def test_gke_changes_the_network_behind_your_back(gcp: Project) -> None:
    gcp.network()
    path = f"regions/{REGION}/subnetworks/net-nodes"
    gcp.gke("POST", "", gcp.cluster_body(ipAllocationPolicy={"clusterIpv4CidrBlock": "/20"}))
    cluster = gcp.gke("GET", "/main")
    subnetwork = gcp.compute("GET", path)
    assert subnetwork["privateIpGoogleAccess"] is True
    own = subnetwork["secondaryIpRanges"][-1]
    assert own["rangeName"] == cluster["ipAllocationPolicy"]["clusterSecondaryRangeName"]
    assert own["ipCidrRange"] == cluster["clusterIpv4Cidr"]
    rules = gcp.compute("GET", "global/firewalls", filter="name:gke-main-*")["items"]
    assert len(rules) == 4
    status, answer = gcp.call("DELETE", "compute", f"compute/v1/{HOME}/{path}")
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "resourceInUseByAnotherResource")
    assert "error" in gcp.operation(gcp.compute("DELETE", "global/networks/net"))
    gcp.gke("DELETE", "/main")
    assert [item["rangeName"] for item in gcp.compute("GET", path)["secondaryIpRanges"]] == ["pods", "services"]
    gcp.compute("DELETE", path)
    assert "error" not in gcp.operation(gcp.compute("DELETE", "global/networks/net"))


def test_key_for_secrets_needs_a_grant(gcp: Project) -> None:
    gcp.network()
    rings = gcp.client("cloudkms").projects().locations().keyRings()
    ring = rings.create(parent=PARENT, keyRingId="r").execute()["name"]
    key = rings.cryptoKeys().create(parent=ring, cryptoKeyId="k", body={"purpose": "ENCRYPT_DECRYPT"}).execute()["name"]
    body = gcp.cluster_body(databaseEncryption={"state": "ENCRYPTED", "keyName": key})
    assert _refused(gcp, "POST", "", body)[1] == "FAILED_PRECONDITION"
    robot = f"serviceAccount:service-{NUMBER}@container-engine-robot.iam.gserviceaccount.com"
    binding = {"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "members": [robot]}
    rings.cryptoKeys().setIamPolicy(resource=key, body={"policy": {"bindings": [binding]}}).execute()
    gcp.gke("POST", "", body)
    assert gcp.gke("GET", "/main")["databaseEncryption"]["state"] == "ALL_OBJECTS_ENCRYPTION_ENABLED"


def test_quota_for_nodes(gcp: Project) -> None:
    gcp.network()
    gcp.sandbox.set_quotas("gcp", {"CPUS": 4})
    clusters = gcp.client("container").projects().locations().clusters()
    with pytest.raises(HttpError) as caught:
        clusters.create(parent=PARENT, body=gcp.cluster_body()).execute()
    assert refusal(caught) == (403, "forbidden")
    assert "resource \"CPUS\": request requires '6.0' and is short '2.0'" in str(caught.value)
    gcp.sandbox.set_quotas("gcp", {"CPUS": 6})
    gcp.gke("POST", "", gcp.cluster_body())
    used = {item["metric"]: item["usage"] for item in gcp.compute("GET", f"regions/{REGION}")["quotas"]}
    assert (used["CPUS"], used["SSD_TOTAL_GB"]) == (6.0, 300.0)
    gcp.gke("DELETE", "/main")
    used = {item["metric"]: item["usage"] for item in gcp.compute("GET", f"regions/{REGION}")["quotas"]}
    assert used["CPUS"] == 0.0


def test_lists_over_locations_and_operations(gcp: Project) -> None:
    gcp.cluster()
    clusters = gcp.client("container").projects().locations().clusters()
    assert len(clusters.list(parent=f"{HOME}/locations/-").execute()["clusters"]) == 1
    assert clusters.list(parent=f"{HOME}/locations/us-east1").execute() == {}
    operations = gcp.client("container").projects().locations().operations()
    found = operations.list(parent=f"{HOME}/locations/-").execute()["operations"]
    assert [item["operationType"] for item in found] == ["CREATE_CLUSTER"]
    status, answer = gcp.call("GET", "container", f"v1/{HOME}/locations/mars-west1/clusters")
    assert (status, answer["error"]["message"]) == (400, 'Location "mars-west1" does not exist.')
