"""What GKE makes of a cluster that is asked for."""

from __future__ import annotations

import base64
from typing import Any

from ..calls import Call
from ..catalog import REGIONS, default_node_zones, zones
from ..errors import GoogleError, invalid, precondition
from ..state import NUMBER, PROJECT, hex_id, short_hash, uuid
from ..storage.bucket_fields import may_use_key
from . import access, addressing, observability, versions
from .common import LEGAL, Data
from .nodes import DEFAULT_SCOPES, check_resource_labels, complete_pool

ROBOT = f"service-{NUMBER}@container-engine-robot.iam.gserviceaccount.com"
POOL = f"{PROJECT}.svc.id.goog"

# Blocks that the server adds, newest versions. Source: recorded traffic.
_FILLED: Data = {
    "anonymousAuthenticationConfig": {"mode": "LIMITED"},
    "autopilot": {},
    "binaryAuthorization": {},
    "controlPlaneEgress": {"mode": "VIA_CONTROL_PLANE"},
    "defaultMaxPodsConstraint": {"maxPodsPerNode": "110"},
    "enterpriseConfig": {"clusterTier": "STANDARD"},
    "legacyAbac": {},
    "master": {},
    "nodeCreationConfig": {"nodeCreationMode": "VIA_KUBELET"},
    "nodePoolAutoConfig": {"nodeKubeletConfig": {"insecureKubeletReadonlyPortEnabled": False}},
    "nodePoolDefaults": {
        "nodeConfigDefaults": {
            "loggingConfig": {"variantConfig": {"variant": "DEFAULT"}},
            "nodeKubeletConfig": {"insecureKubeletReadonlyPortEnabled": False},
        }
    },
    "notificationConfig": {"pubsub": {}},
    "podAutoscaling": {"hpaProfile": "PERFORMANCE"},
    "privateCluster": True,
    "protectConfig": {
        "workloadConfig": {"auditMode": "BASIC"},
        "workloadVulnerabilityMode": "WORKLOAD_VULNERABILITY_MODE_UNSPECIFIED",
    },
    "rbacBindingConfig": {
        "enableInsecureBindingSystemAuthenticated": True,
        "enableInsecureBindingSystemUnauthenticated": True,
    },
    "securityPostureConfig": {"mode": "BASIC", "vulnerabilityMode": "VULNERABILITY_MODE_UNSPECIFIED"},
    "shieldedNodes": {"enabled": True},
    "userManagedKeysConfig": {},
}
# Built elsewhere in this module or in its neighbours.
_SPECIAL = frozenset(
    {
        *("name", "network", "subnetwork", "networkConfig", "ipAllocationPolicy", "nodePools", "nodeConfig"),
        *("initialNodeCount", "initialClusterVersion", "locations", "addonsConfig", "autoscaling", "loggingConfig"),
        *("loggingService", "monitoringConfig", "monitoringService", "databaseEncryption", "releaseChannel"),
        *("controlPlaneEndpointsConfig", "masterAuthorizedNetworksConfig", "privateClusterConfig", "masterAuth"),
        *("maintenancePolicy", "resourceLabels", "labelFingerprint", "workloadIdentityConfig", "networkPolicy"),
        *("clusterIpv4Cidr", "etag", "clusterTelemetry", "masterIpv4CidrBlock"),
    }
)
_PROVISIONED_SCOPES = (
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/cloud-platform",
)
_WINDOW_START = "dailyMaintenanceWindow"


def complete_cluster(call: Call, location: str, given: Data) -> Data:
    """A full cluster in state PROVISIONING; refuses what GKE refuses."""
    name = given.get("name", "")
    if not LEGAL.fullmatch(name):
        raise invalid(
            f'Invalid value for field "cluster.name": "{name}". Must be a match of regex \'{LEGAL.pattern}\'.'
        )
    if given.get("autopilot", {}).get("enabled"):
        raise GoogleError(501, "Autopilot clusters are not served by the sandbox.")
    cluster: Data = {
        "name": name,
        "location": location,
        "zone": location,
        "id": hex_id(64),
        "etag": uuid(),
        "status": "PROVISIONING",
        "createTime": call.state.wall().isoformat(timespec="seconds"),
        **{key: _copy(value) for key, value in _FILLED.items()},
        **{key: value for key, value in given.items() if key not in _SPECIAL},
    }
    if given.get("notificationConfig", {}).get("pubsub") is None:
        cluster["notificationConfig"] = {"pubsub": {}}
    _version(cluster, given)
    cluster["locations"] = node_zones(location, given.get("locations", []))
    set_labels(cluster, given.get("resourceLabels", {}))
    addressing.place(call, cluster, given)
    access.begin(call, cluster, given)
    observability.begin(cluster, given)
    set_addons(cluster, _ADDONS)
    set_addons(cluster, given.get("addonsConfig", {}))
    # Whatever was sent, this driver is on at first and can be switched off by an update. Source: recorded traffic.
    cluster["addonsConfig"]["gcePersistentDiskCsiDriverConfig"] = {"enabled": True}
    set_network_policy(cluster, given.get("networkPolicy", {}))
    set_workload_identity(cluster, given.get("workloadIdentityConfig", {}))
    set_encryption(call, cluster, given.get("databaseEncryption", {}))
    set_autoscaling(cluster, given.get("autoscaling", {}))
    set_maintenance(cluster, given.get("maintenancePolicy", {}))
    authority = call.context.authority.child(f"gke-{location}-{name}")
    cluster["masterAuth"] = {
        "clientCertificateConfig": {},
        "clusterCaCertificate": base64.b64encode(authority.pem).decode(),
    }
    cluster["nodePools"] = [complete_pool(call, cluster, pool) for pool in _pools(cluster, given)]
    names = [pool["name"] for pool in cluster["nodePools"]]
    if len(set(names)) != len(names):
        raise invalid("Node pool names must be unique within a cluster.")
    return cluster


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return list(value) if isinstance(value, list) else value


def _version(cluster: Data, given: Data) -> None:
    channel, wanted = given.get("releaseChannel", {}).get("channel"), given.get("initialClusterVersion")
    version = versions.resolve(wanted, channel)
    if channel is None:
        channel = versions.channel_of(version) if wanted else "REGULAR"
    cluster["releaseChannel"] = {} if channel == "UNSPECIFIED" else {"channel": channel}
    cluster.update(initialClusterVersion=version, currentMasterVersion=version, currentNodeVersion=version)


def node_zones(location: str, wanted: list[str]) -> list[str]:
    """The zones that nodes are spread over; 400 for zones that do not fit."""
    region = location if location in REGIONS else location.rpartition("-")[0]
    for zone in wanted:
        if zone not in zones(region):
            raise invalid(f'Zone "{zone}" is not in region "{region}".')
    if location in REGIONS:
        return list(wanted) or default_node_zones(region)
    if wanted and location not in wanted:
        raise invalid(f'Locations must contain the zone of the cluster, "{location}".')
    return list(wanted) or [location]


def _pools(cluster: Data, given: Data) -> list[Data]:
    pools: list[Data] = given.get("nodePools", [])
    count = given.get("initialNodeCount", 0)
    if pools:
        if count or "nodeConfig" in given:
            raise invalid("Cluster.initial_node_count and node_config cannot be set together with node_pools.")
        return pools
    if count <= 0:
        raise invalid("Cluster.initial_node_count must be greater than zero.")
    cluster["initialNodeCount"] = count
    return [{"name": "default-pool", "initialNodeCount": count, "config": given.get("nodeConfig", {})}]


def set_labels(cluster: Data, labels: dict[str, str]) -> None:
    """Replace the labels of the cluster."""
    check_resource_labels(labels)
    cluster["resourceLabels"] = dict(labels)
    cluster["labelFingerprint"] = short_hash(labels)


_ADDONS: Data = {
    "dnsCacheConfig": {"enabled": True},
    "kubernetesDashboard": {"disabled": True},
    "networkPolicyConfig": {"disabled": True},
    "nodeReadinessConfig": {},
}


def set_addons(cluster: Data, given: Data) -> None:
    """Replace the add-ons that are named; the others stay."""
    addons = cluster.setdefault("addonsConfig", {})
    addons.update(_copy(given))
    if "cloudRunConfig" in given:
        addons["cloudRunConfig"].setdefault("loadBalancerType", "LOAD_BALANCER_TYPE_EXTERNAL")


def set_network_policy(cluster: Data, given: Data) -> None:
    """Calico; needs its add-on and the old data path."""
    cluster.pop("networkPolicy", None)
    if not given.get("enabled"):
        return
    if cluster["networkConfig"].get("datapathProvider") == "ADVANCED_DATAPATH":
        raise invalid("Enabling NetworkPolicy for clusters with DatapathProvider=ADVANCED_DATAPATH is not allowed.")
    if cluster["addonsConfig"].get("networkPolicyConfig", {}).get("disabled"):
        raise invalid("Network policy addon must be enabled before updating the nodes.")
    cluster["networkPolicy"] = {"provider": "CALICO", **given}


def set_workload_identity(cluster: Data, given: Data) -> None:
    """The pool is always the project's own; an empty one switches workload identity off."""
    cluster.pop("workloadIdentityConfig", None)
    pool = given.get("workloadPool") or given.get("identityNamespace")
    if not pool:
        return
    if pool != POOL:
        raise invalid(f'Workload pool "{pool}" is not supported: must be "{POOL}".')
    where = f"projects/{PROJECT}/locations/{cluster['location']}/clusters/{cluster['name']}"
    cluster["workloadIdentityConfig"] = {
        "workloadPool": pool,
        "identityNamespace": pool,
        "identityProvider": f"https://container.googleapis.com/v1/{where}",
    }


def set_encryption(call: Call, cluster: Data, given: Data) -> None:
    """Encryption of etcd by a key of one's own; states are printed under their new names."""
    before = cluster.get("databaseEncryption", {})
    state = given.get("state", "DECRYPTED")
    if state in ("ENCRYPTED", "ALL_OBJECTS_ENCRYPTION_ENABLED"):
        key = given.get("keyName", "")
        if key not in call.state.kms:
            raise invalid(f'Cloud KMS key "{key}" was not found.')
        if not may_use_key(call, key, ROBOT):
            raise precondition(
                f"Cloud KMS error when using key {key}: Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on "
                f"resource '{key}' (or it may not exist)."
            )
        cluster["databaseEncryption"] = {
            "state": "ALL_OBJECTS_ENCRYPTION_ENABLED",
            "currentState": "CURRENT_STATE_ALL_OBJECTS_ENCRYPTION_ENABLED",
            "keyName": key,
        }
        return
    cluster["databaseEncryption"] = {"state": "DECRYPTED", "currentState": "CURRENT_STATE_DECRYPTED"}
    if before.get("keyName"):
        # The old key still opens what was encrypted with it. Source: recorded traffic.
        cluster["databaseEncryption"]["decryptionKeys"] = [before["keyName"]]


def set_autoscaling(cluster: Data, given: Data) -> None:
    """Cluster autoscaling: profile and node auto-provisioning."""
    config: Data = {"autoscalingProfile": "BALANCED", **cluster.get("autoscaling", {}), **_copy(given)}
    defaults = config.setdefault("autoprovisioningNodePoolDefaults", {})
    defaults.setdefault("imageType", "COS_CONTAINERD")
    defaults.setdefault("management", {"autoRepair": True, "autoUpgrade": True})
    provisioning = config.get("enableNodeAutoprovisioning")
    defaults.setdefault("oauthScopes", list(_PROVISIONED_SCOPES if provisioning else DEFAULT_SCOPES))
    if defaults.get("minCpuPlatform") == "automatic":
        del defaults["minCpuPlatform"]
    defaults.setdefault("serviceAccount", "default")
    if "upgradeSettings" in defaults:
        defaults["upgradeSettings"].setdefault("strategy", "SURGE")
    if provisioning:
        limits = {item.get("resourceType") for item in config.get("resourceLimits", [])}
        if not {"cpu", "memory"} <= limits:
            raise invalid("Resource limits for cpu and memory are required when node auto-provisioning is enabled.")
    cluster["autoscaling"] = config


def set_maintenance(cluster: Data, given: Data) -> None:
    """Maintenance windows; a stale ``resourceVersion`` is refused."""
    before = cluster.get("maintenancePolicy", {})
    version = given.get("resourceVersion")
    if version and before and version != before["resourceVersion"]:
        raise precondition("The resource version of the maintenance policy does not match; read again and retry.")
    window = _copy(given.get("window", {}))
    if _WINDOW_START in window and "recurringWindow" in window:
        raise invalid("Only one of daily_maintenance_window and recurring_window can be set.")
    if _WINDOW_START in window:
        window[_WINDOW_START]["duration"] = "PT4H0M0S"
    cluster["maintenancePolicy"] = {"resourceVersion": short_hash(window or "")}
    if window:
        cluster["maintenancePolicy"]["window"] = window
