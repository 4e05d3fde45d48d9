# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portable words mean: one table for environments, one for sizes, one for machines. All overridable."""

from __future__ import annotations

from typing import Any

# What `environment` sets where the specification is silent.
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "dev": {
        "high_availability": False,  # one NAT gateway; prod: one per zone
        "spot": True,  # for pools that may be spot: never a pool that carries system workloads on Azure
        "deletion_protection": False,
        "flow_logs": False,
        "secrets_encryption": False,
        "control_plane_logs": ("audit",),
        "log_retention_days": 7,
        "soft_delete_days": 7,
        "noncurrent_days": 30,
        "backup_retention_days": 7,
        "final_snapshot": False,
        "database_insights": False,
        "paid_control_plane": False,  # Azure's uptime SLA tier; the other clouds have one tier
    },
    "staging": {
        "high_availability": False,
        "spot": False,
        "deletion_protection": False,
        "flow_logs": True,
        "secrets_encryption": True,
        "control_plane_logs": ("api", "audit", "authenticator"),
        "log_retention_days": 30,
        "soft_delete_days": 14,
        "noncurrent_days": 60,
        "backup_retention_days": 7,
        "final_snapshot": True,
        "database_insights": True,
        "paid_control_plane": True,
    },
    "prod": {
        "high_availability": True,
        "spot": False,
        "deletion_protection": True,
        "flow_logs": True,
        "secrets_encryption": True,
        "control_plane_logs": ("api", "audit", "authenticator", "controller_manager", "scheduler"),
        "log_retention_days": 90,
        "soft_delete_days": 30,
        "noncurrent_days": 90,
        "backup_retention_days": 14,
        "final_snapshot": True,
        "database_insights": True,
        "paid_control_plane": True,
    },
}

# Cluster sizes: nodes and the machine class of the default pool.
CLUSTER_SIZES: dict[str, dict[str, Any]] = {
    "small": {"min_size": 2, "max_size": 5, "size": "medium"},
    "medium": {"min_size": 3, "max_size": 10, "size": "large"},
    "large": {"min_size": 5, "max_size": 20, "size": "xlarge"},
}

# Machine classes: medium = 2 vCPU / 4 GiB, large = 2 vCPU / 8 GiB, xlarge = 4 vCPU / 16 GiB, gpu = one NVIDIA T4.
MACHINES: dict[str, dict[str, str]] = {
    "aws": {"medium": "t3.medium", "large": "m6i.large", "xlarge": "m6i.xlarge", "gpu": "g4dn.xlarge"},
    "gcp": {"medium": "e2-medium", "large": "e2-standard-2", "xlarge": "e2-standard-4", "gpu": "n1-standard-4"},
    "azure": {
        "medium": "Standard_B2s",
        "large": "Standard_D2s_v5",
        "xlarge": "Standard_D4s_v5",
        "gpu": "Standard_NC4as_T4_v3",
    },
}

# Database classes: small = 2 vCPU / 8 GiB, medium = 4 vCPU / 16 GiB, large = 8 vCPU / 32 GiB.
DATABASE_CLASSES: dict[str, dict[str, str]] = {
    "aws": {"small": "db.m6g.large", "medium": "db.m6g.xlarge", "large": "db.m6g.2xlarge"},
    "gcp": {"small": "db-custom-2-8192", "medium": "db-custom-4-16384", "large": "db-custom-8-32768"},
    "azure": {"small": "Standard_D2ds_v5", "medium": "Standard_D4ds_v5", "large": "Standard_D8ds_v5"},
}

# Cache classes: small = about 1 GiB, medium = about 6 GiB, large = about 25 GiB of memory.
CACHE_CLASSES: dict[str, dict[str, str]] = {
    "aws": {"small": "cache.t4g.small", "medium": "cache.m7g.large", "large": "cache.r7g.xlarge"},
    "gcp": {"small": "SHARED_CORE_NANO", "medium": "STANDARD_SMALL", "large": "HIGHMEM_XLARGE"},
    "azure": {"small": "Balanced_B1", "medium": "Balanced_B5", "large": "Balanced_B20"},
}
CACHE_MEMORY_GB = {"small": 1, "medium": 6, "large": 25}  # Memorystore for Redis has no classes

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "no_schedule"}
GPU_ACCELERATOR = {"gcp": "nvidia-tesla-t4"}
GPU_POOL = {"min_size": 0, "max_size": 3}
DISK_SIZE_GB = 100


def environment_default(environment: str, name: str) -> Any:
    """One value of the environment table."""
    return ENVIRONMENTS[environment][name]
