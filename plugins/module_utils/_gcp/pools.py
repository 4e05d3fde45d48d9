# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node pools in GKE's form."""

from __future__ import annotations

from typing import Any

from .._spec.cluster import Cluster as Spec
from .._spec.cluster import NodePool, Taint
from .._spec.site import Site
from .._spec.sizes import GPU_ACCELERATOR, GPU_TAINT

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]  # what nodes may do is decided by their account's roles
_EFFECTS = {"no_schedule": "NO_SCHEDULE", "prefer_no_schedule": "PREFER_NO_SCHEDULE", "no_execute": "NO_EXECUTE"}
# GKE taints nodes with GPUs by itself, with this value: a second taint of the same key would be refused.
_GPU_VALUE = "present"
# Machine families that bring their GPUs with them.
_WITH_GPU = {
    "g2-": "nvidia-l4",
    "a2-highgpu": "nvidia-tesla-a100",
    "a2-ultragpu": "nvidia-a100-80gb",
    "a3-high": "nvidia-h100-80gb",
}


def accelerator_of(pool: NodePool) -> str:
    """The kind of GPU: as named, as the machine type brings it, or the default."""
    machine = (pool.machine_types or ("",))[0]
    brought = next((kind for prefix, kind in _WITH_GPU.items() if machine.startswith(prefix)), None)
    return pool.gcp.accelerator or brought or GPU_ACCELERATOR["gcp"]


def pool_problems(pool: NodePool, zones: int) -> list[str]:
    """What GKE cannot do, as sentences."""
    where, problems = f"cluster.node_pools.{pool.name}", []
    machine = (pool.machine_types or ("",))[0]
    if len(pool.name) > 40:
        problems.append(f"{where}: the name is longer than 40 characters.")
    if not pool.autoscaling and (pool.node_count or 0) % zones:
        problems.append(
            f"{where}: node_count {pool.node_count} cannot be spread evenly over {zones} zones, as GKE does. "
            f"Choose a multiple of {zones}, name fewer zones, or set autoscaling: true."
        )
    if pool.gcp.accelerator and not pool.gpu:
        problems.append(f"{where}: gcp.accelerator has no effect without gpu: true.")
    if pool.gpu and machine.startswith("e2-"):
        problems.append(f"{where}: machines of type {machine} cannot carry GPUs. Use n1-standard-4 or g2-standard-4.")
    if pool.gpu_count not in (1, 2, 4, 8, 16):
        problems.append(f"{where}: gpu_count {pool.gpu_count} is not possible: 1, 2, 4, 8 or 16.")
    if pool.gpu_count != 1 and not pool.gpu:
        problems.append(f"{where}: gpu_count has no effect without gpu: true.")
    return problems


def pool_body(pool: NodePool, spec: Spec, site: Site, account: str, zones: Any, count: int) -> dict[str, Any]:
    """The pool's body. zones: to write, None to take the cluster's; count: how many zones there are."""
    count = len(zones) if isinstance(zones, list) and zones else count
    low, high, wanted = pool.min_size or 0, pool.max_size or 1, pool.node_count or 0
    body: dict[str, Any] = {
        "config": _config(pool, spec, site, account),
        "autoscaling": {"enabled": False},
        "initialNodeCount": per_zone(wanted, count, high if pool.autoscaling else wanted),
        "management": {"autoRepair": True, "autoUpgrade": spec.upgrade_channel != "none"},
    }
    if pool.autoscaling:
        body["autoscaling"] = {
            "enabled": True,
            "totalMinNodeCount": low,
            "totalMaxNodeCount": high,
            # Scarce machines are taken where they are, others are spread evenly.
            "locationPolicy": "ANY" if pool.spot or pool.gpu else "BALANCED",
        }
    if pool.max_surge is not None or pool.max_unavailable is not None:
        unavailable = pool.max_unavailable or 0
        surge = pool.max_surge if pool.max_surge is not None else (0 if unavailable else 1)
        body["upgradeSettings"] = {"strategy": "SURGE", "maxSurge": surge, "maxUnavailable": unavailable}
    if zones is not None:
        body["locations"] = zones
    if spec.version:
        body["version"] = spec.version
    return body


def per_zone(nodes: int, zones: int, most: int) -> int:
    """Nodes in each zone, which is how GKE counts them: rounded up, unless that is more than the pool may have."""
    up = -(-nodes // zones)
    return up if up * zones <= most else most // zones


def _config(pool: NodePool, spec: Spec, site: Site, account: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "machineType": (pool.machine_types or ("",))[0],
        "diskSizeGb": pool.disk_size_gb,
        "serviceAccount": account,
        "oauthScopes": SCOPES,
        "labels": dict(pool.labels or {}),
        "taints": [_taint(taint) for taint in pool.taints or ()],
        "spot": bool(pool.spot),
        "tags": [site.base],
        "metadata": {"disable-legacy-endpoints": "true"},
        "shieldedInstanceConfig": {"enableSecureBoot": True, "enableIntegrityMonitoring": True},
        "workloadMetadataConfig": {"mode": "GKE_METADATA" if spec.workload_identity else "GCE_METADATA"},
        "resourceLabels": site.all_tags,
    }
    if pool.gcp.disk_type:
        config["diskType"] = pool.gcp.disk_type
    if pool.gcp.image_type:
        config["imageType"] = pool.gcp.image_type
    if pool.gpu:
        config["accelerators"] = [
            {
                "acceleratorType": accelerator_of(pool),
                "acceleratorCount": str(pool.gpu_count),
                "gpuDriverInstallationConfig": {"gpuDriverVersion": "DEFAULT"},
            }
        ]
    return config


def _taint(taint: Taint) -> dict[str, str]:
    value = taint.value or ""
    if taint.key == GPU_TAINT["key"] and value == GPU_TAINT["value"]:
        value = _GPU_VALUE
    return {"key": taint.key, "value": value, "effect": _EFFECTS[taint.effect]}
