"""What GKE makes of a node pool that is asked for."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from ..calls import Call
from ..catalog import accelerators_in, in_zone, machine_types
from ..errors import GoogleError, invalid
from ..state import PROJECT, Record, hex_id, uuid, zulu
from . import versions
from .common import LEGAL, Data, short

DEFAULT_SCOPES = [
    f"https://www.googleapis.com/auth/{name}"
    for name in (
        "devstorage.read_only",
        "logging.write",
        "monitoring",
        "service.management.readonly",
        "servicecontrol",
        "trace.append",
    )
]
_DISK_TYPES = ("pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced")
_HYPERDISK_ONLY = ("n4", "c4", "c4a", "n4a")
_LABEL_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,252}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_RESOURCE_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def complete_pool(call: Call, cluster: Data, given: Data) -> Data:
    """A full node pool; refuses what GKE refuses."""
    name = given.get("name") or "default-pool"
    if not LEGAL.fullmatch(name):
        raise invalid(
            f'Invalid value for field "node_pool.name": "{name}". Must be a match of regex \'{LEGAL.pattern}\'.'
        )
    zones = given.get("locations") or cluster["locations"]
    pool: Data = {**given, "name": name, "locations": list(zones), "status": "PROVISIONING", "etag": uuid()}
    pool["config"] = complete_config(call, cluster, given.get("config", {}), zones)
    _complete_version(cluster, pool)
    expiry = call.state.wall() + timedelta(days=5 * 365)
    pool["kubeletCertInfo"] = {"tpmBootstrapCertExpireTime": zulu(expiry, 0)}
    _complete_management(cluster, pool)
    _complete_scaling(pool)
    _complete_network(call, cluster, pool)
    settings = dict(given.get("upgradeSettings") or {"maxSurge": 1})
    settings.setdefault("strategy", "SURGE")
    pool["upgradeSettings"] = settings
    group = f"gke-{cluster['name'][:18]}-{name[:16]}"
    pool["instanceGroupUrls"] = [
        f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/{zone}/instanceGroupManagers/{group}-{hex_id(8)}-grp"
        for zone in zones
    ]
    return pool


def complete_config(call: Call, cluster: Data, given: Data, zones: list[str]) -> Data:
    """A full node configuration."""
    config = dict(given)
    machine = config.setdefault("machineType", "e2-medium")
    for zone in zones:
        if machine not in in_zone(zone):
            raise invalid(f'Machine type with name "{machine}" does not exist in zone "{zone}".')
    _complete_disk(config)
    config.setdefault("imageType", "COS_CONTAINERD")
    config["imageType"] = config["imageType"].upper()
    if config["imageType"] not in versions.IMAGE_TYPES:
        raise invalid(f'Image type "{config["imageType"]}" is not supported.')
    config["effectiveCgroupMode"] = "EFFECTIVE_CGROUP_MODE_V2"
    config["kubeletConfig"] = {
        "insecureKubeletReadonlyPortEnabled": False,
        "maxParallelImagePulls": 2,
        **config.get("kubeletConfig", {}),
    }
    config["metadata"] = {"disable-legacy-endpoints": "true", **config.get("metadata", {})}
    config["oauthScopes"] = config.get("oauthScopes") or list(DEFAULT_SCOPES)
    _check_account(call, config.setdefault("serviceAccount", "default"))
    _check_labels(config)
    model = "spot" if config.get("spot") else "preemptible" if config.get("preemptible") else "on-demand"
    config["resourceLabels"] = {
        **config.get("resourceLabels", {}),
        "goog-gke-node-pool-provisioning-model": model,
    }
    shielded = config.get("shieldedInstanceConfig")
    config["shieldedInstanceConfig"] = shielded if shielded is not None else {"enableIntegrityMonitoring": True}
    config.setdefault("windowsNodeConfig", {})
    _complete_accelerators(config, zones)
    if cluster.get("workloadIdentityConfig", {}).get("workloadPool"):
        config.setdefault("workloadMetadataConfig", {"mode": "GKE_METADATA"})
    metadata = config.get("workloadMetadataConfig")
    if metadata and metadata.get("mode") == "GKE_METADATA":
        metadata["nodeMetadata"] = "GKE_METADATA_SERVER"
    return config


def _complete_disk(config: Data) -> None:
    family = machine_types()[config["machineType"]].family
    boot = config.get("bootDisk", {})
    kind = config.get("diskType") or boot.get("diskType")
    if not kind:
        kind = "hyperdisk-balanced" if family in _HYPERDISK_ONLY else "pd-balanced"
    if kind not in _DISK_TYPES:
        raise invalid(f'Disk type "{kind}" is not supported.')
    size = int(config.get("diskSizeGb") or boot.get("sizeGb") or 100)
    if size < 10:
        raise invalid("Node disk size must be at least 10 GB.")
    config.update(diskSizeGb=size, diskType=kind, bootDisk={**boot, "diskType": kind, "sizeGb": str(size)})


def _check_account(call: Call, account: str) -> None:
    if account != "default" and account not in call.state.service_accounts:
        raise invalid(f'Service account "{account}" does not exist.')


def _check_labels(config: Data) -> None:
    for key in config.get("labels", {}):
        if not _LABEL_KEY.fullmatch(key):
            raise invalid(f'Invalid node label key "{key}".')
        if re.search(r"(^|\.)(kubernetes\.io|k8s\.io)/", key) and not key.startswith("node-role"):
            raise invalid(f'Node label "{key}" uses a reserved prefix.')
    for taint in config.get("taints", []):
        if not _LABEL_KEY.fullmatch(taint.get("key", "")) or taint.get("effect") in (None, "EFFECT_UNSPECIFIED"):
            raise invalid(f"Invalid taint: {taint}.")
    check_resource_labels(config.get("resourceLabels", {}))


def check_resource_labels(labels: dict[str, str]) -> None:
    """Labels of Google Cloud are lower case."""
    for key, value in labels.items():
        if not _RESOURCE_LABEL.fullmatch(key) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
            raise invalid(f'Invalid resource label "{key}": "{value}".')


def _complete_accelerators(config: Data, zones: list[str]) -> None:
    cards = config.get("accelerators") or []
    for card in cards:
        kind, count = card.get("acceleratorType", ""), int(card.get("acceleratorCount", 0))
        for zone in zones:
            offered = accelerators_in(zone)
            if kind not in offered:
                raise invalid(f'Accelerator type "{kind}" does not exist in zone {zone}.')
            if not 1 <= count <= offered[kind][1]:
                raise invalid(f'Accelerator count {count} is not supported for "{kind}".')
        family = machine_types()[config["machineType"]].family
        if kind in ("nvidia-tesla-t4", "nvidia-tesla-v100") and family != "n1":
            raise invalid(f'Accelerator "{kind}" cannot be attached to machine type "{config["machineType"]}".')
    if cards:
        # GKE keeps other pods away from GPU nodes by itself.
        taints = config.setdefault("taints", [])
        if not any(taint["key"] == "nvidia.com/gpu" for taint in taints):
            taints.append({"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"})


def _complete_version(cluster: Data, pool: Data) -> None:
    master = cluster["currentMasterVersion"]
    wanted = pool.get("version")
    pool["version"] = versions.resolve(wanted, None, "Node") if wanted and wanted != "-" else master
    versions.check_nodes(pool["version"], master)
    digits = versions.order(pool["version"])
    image = f"gke-{digits[0]}{digits[1]}{digits[2]}-gke{digits[3]}-cos-125-19216-395-109-c-pre"
    pool["config"]["nodeImageConfig"] = {"image": image, "imageProject": "gke-node-images"}


def _complete_management(cluster: Data, pool: Data) -> None:
    pool["management"] = pool.get("management") or {"autoRepair": True, "autoUpgrade": True}
    check_management(cluster, pool["management"])


def check_management(cluster: Data, management: Data) -> None:
    """Clusters in a release channel upgrade and repair their nodes."""
    channel = cluster.get("releaseChannel", {}).get("channel")
    if channel in versions.CHANNELS:
        for key, word in (("autoUpgrade", "Auto_upgrade"), ("autoRepair", "Auto_repair")):
            if not management.get(key):
                raise invalid(f"{word} must be true when release_channel {channel} is set.")


def _complete_scaling(pool: Data) -> None:
    if "autoscaling" in pool:
        pool["autoscaling"] = complete_scaling(pool, pool["autoscaling"])
    count = pool.get("initialNodeCount", 0)
    scaling = pool.get("autoscaling", {})
    if count < 0 or (count == 0 and not scaling.get("enabled")):
        raise invalid("node_pool.initial_node_count must be greater than zero.")
    if scaling.get("enabled") and scaling.get("maxNodeCount") and count > scaling["maxNodeCount"]:
        raise invalid("node_pool.initial_node_count must be within the limits of autoscaling.")


def complete_scaling(pool: Data, given: Data) -> Data:
    """Autoscaling settings with defaults; ``{}`` when it is off."""
    if not given.get("enabled"):
        return {}
    scaling = dict(given)
    per_zone, total = scaling.get("maxNodeCount", 0), scaling.get("totalMaxNodeCount", 0)
    if bool(per_zone) == bool(total):
        raise invalid("Exactly one of max_node_count and total_max_node_count must be greater than zero.")
    if scaling.get("minNodeCount", 0) > (per_zone or 10**6) or scaling.get("totalMinNodeCount", 0) > (total or 10**6):
        raise invalid("min_node_count must not be greater than max_node_count.")
    spot = pool.get("config", {}).get("spot")
    if scaling.get("locationPolicy", "LOCATION_POLICY_UNSPECIFIED") == "LOCATION_POLICY_UNSPECIFIED":
        scaling["locationPolicy"] = "ANY" if spot else "BALANCED"
    return scaling


def _complete_network(call: Call, cluster: Data, pool: Data) -> None:
    policy = cluster["ipAllocationPolicy"]
    given = dict(pool.get("networkConfig") or {})
    limit = pool.get("maxPodsConstraint") or cluster["defaultMaxPodsConstraint"]
    pods = int(limit["maxPodsPerNode"])
    if not 8 <= pods <= 256:
        raise invalid("max_pods_per_node must be between 8 and 256.")
    pool["maxPodsConstraint"] = {"maxPodsPerNode": str(pods)}
    # Twice as many addresses as pods, as a power of two.
    pool["podIpv4CidrSize"] = 32 - (2 * pods - 1).bit_length()
    where = cluster["networkConfig"]["subnetwork"]
    if given.get("subnetwork"):
        where = f"{where.rpartition('/')[0]}/{short(given['subnetwork'])}"
    subnetwork: Record | None = call.state.compute.get(where)
    if subnetwork is None:
        raise invalid(f'Subnetwork "{where}" does not exist.')
    name = given.get("podRange") or policy["clusterSecondaryRangeName"]
    ranges: dict[str, Any] = {
        item["rangeName"]: item["ipCidrRange"] for item in subnetwork.data.get("secondaryIpRanges", [])
    }
    if given.get("createPodRange") and name not in ranges:
        raise GoogleError(501, "Creating a pod range for a node pool is not served by the sandbox.")
    if name not in ranges and name != policy["clusterSecondaryRangeName"]:
        raise invalid(f'Pod secondary range "{name}" does not exist in subnetwork "{short(where)}".')
    private = given.get("enablePrivateNodes", cluster["networkConfig"].get("defaultEnablePrivateNodes"))
    network: Data = {
        **{key: value for key, value in given.items() if key != "subnetwork"},
        "networkTierConfig": {"networkTier": "NETWORK_TIER_DEFAULT"},
        "podRange": name,
        "podIpv4CidrBlock": ranges.get(name, policy["clusterIpv4CidrBlock"]),
        "subnetwork": where,
    }
    if private is not None:
        network["enablePrivateNodes"] = private
    pool["networkConfig"] = network
