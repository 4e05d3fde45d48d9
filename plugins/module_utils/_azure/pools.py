# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node pools of the portable cluster as AKS agent pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._engine.errors import SpecError
from .._spec.cluster import NodePool
from .._spec.names import fit

_NAME_LIMIT = 12  # of a Linux pool: lower-case letters and digits
_EFFECTS = {"no_schedule": "NoSchedule", "prefer_no_schedule": "PreferNoSchedule", "no_execute": "NoExecute"}
# Members of autoScalerProfile that are true or false; all others are text, numbers too (REST reference).
_SWITCHES = {
    "daemonset-eviction-for-empty-nodes",
    "daemonset-eviction-for-occupied-nodes",
    "ignore-daemonsets-utilization",
}
# AKS puts both on spot pools by itself.
_SPOT_TAINT = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"
_SPOT_LABEL = {"kubernetes.azure.com/scalesetpriority": "spot"}


def pool_names(pools: Sequence[NodePool]) -> dict[str, str]:
    """The name of each pool on AKS. Raises: SpecError when two become one."""
    made: dict[str, str] = {}
    for pool in pools:
        short = fit(pool.name, _NAME_LIMIT, separator="")
        other = next((name for name, taken in made.items() if taken == short), None)
        if other:
            raise SpecError(
                f"cluster.node_pools: {other!r} and {pool.name!r} would both be named {short!r}, because AKS allows "
                f"{_NAME_LIMIT} lower-case letters and digits. Rename one of them."
            )
        made[pool.name] = short
    return made


def check(pools: Sequence[NodePool]) -> None:
    """What AKS cannot do. Raises: SpecError saying what to write instead."""
    present = [pool for pool in pools if pool.state == "present"]
    problems = [problem for pool in present if pool.azure.mode == "System" for problem in _system_problems(pool)]
    if not any(pool.azure.mode == "System" for pool in present):
        problems.append(
            "cluster.node_pools: AKS needs a pool for its own pods, and every pool here is spot, tainted, has GPUs or "
            "is set to mode User. Add a pool without these, for example `- name: system`."
        )
    for pool in present:
        if pool.max_surge and pool.max_unavailable:
            problems.append(
                f"cluster.node_pools.{pool.name}: AKS either adds nodes or takes nodes away during an upgrade. "
                "Set max_surge or max_unavailable, not both."
            )
        if pool.spot and pool.max_surge is not None:
            problems.append(
                f"cluster.node_pools.{pool.name}.max_surge: AKS adds no nodes to spot pools for an upgrade. "
                "Leave it out, or set spot: false."
            )
        if pool.gpu and pool.gpu_count != 1 and not pool.machine_types:
            problems.append(_gpu_problem(pool))
    if problems:
        raise SpecError(" ".join(problems))


def _gpu_problem(pool: NodePool) -> str:
    return (
        f"cluster.node_pools.{pool.name}.gpu_count: on Azure the machine type decides. Leave gpu_count out and name "
        "machine_types, for example [Standard_NC64as_T4_v3] for four."
    )


def _system_problems(pool: NodePool) -> list[str]:
    where, problems = f"cluster.node_pools.{pool.name}", []
    if pool.spot:
        problems.append(
            f"{where}.spot: this pool carries AKS's own pods, and AKS does not run those on spot machines. "
            "Remove spot here, and add a second pool with spot: true for the work that may be interrupted."
        )
    if pool.taints:
        problems.append(f"{where}.taints: AKS's own pods must be able to run here. Taint another pool.")
    if not pool.min_size or not pool.node_count:
        problems.append(f"{where}.min_size: AKS's own pods need at least one node. Set min_size: 1 or more.")
    if pool.max_unavailable:
        problems.append(f"{where}.max_unavailable: AKS does not allow it for pools of mode System. Use max_surge.")
    return problems


def body(
    pool: NodePool, *, subnet: Any, version: str | None, zones: Sequence[str], tags: dict[str, str]
) -> dict[str, Any]:
    """The properties of an agent pool. subnet: its id."""
    counts: dict[str, Any] = {"count": pool.node_count, "enableAutoScaling": pool.autoscaling}
    if pool.autoscaling:
        counts |= {"minCount": pool.min_size, "maxCount": pool.max_size}
    taints = [f"{taint.key}={taint.value or ''}:{_EFFECTS[taint.effect]}" for taint in pool.taints or ()]
    spot = {"scaleSetEvictionPolicy": "Delete", "spotMaxPrice": -1} if pool.spot else {}
    return {
        "mode": pool.azure.mode,
        "type": "VirtualMachineScaleSets",
        "vmSize": (pool.machine_types or ("",))[0],
        "osType": "Linux",
        "osSKU": pool.azure.os_sku,
        "osDiskSizeGB": pool.disk_size_gb,
        "maxPods": pool.azure.max_pods,
        "vnetSubnetID": subnet,
        "availabilityZones": list(pool.zones if pool.zones is not None else zones) or None,
        "orchestratorVersion": version,
        "enableNodePublicIP": False,
        "nodeLabels": {**(pool.labels or {}), **(_SPOT_LABEL if pool.spot else {})},
        "nodeTaints": [*taints, *([_SPOT_TAINT] if pool.spot else [])],
        "upgradeSettings": _upgrade(pool),
        "tags": tags,
        "scaleSetPriority": "Spot" if pool.spot else "Regular",
        **counts,
        **spot,
    }


def autoscaler(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """The autoscaler's settings in the types that AKS wants: text, but for three switches."""
    if given is None:
        return None
    return {name: _autoscaler_value(name, value) for name, value in given.items()}


def _autoscaler_value(name: str, value: Any) -> str | bool:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.lower() == "true" if name in _SWITCHES else text


def _upgrade(pool: NodePool) -> dict[str, str] | None:
    settings: dict[str, str] = {}
    if pool.max_surge is not None:
        settings["maxSurge"] = str(pool.max_surge)
    if pool.max_unavailable is not None:
        settings["maxUnavailable"] = str(pool.max_unavailable)
        settings.setdefault("maxSurge", "0")
    return settings or None
