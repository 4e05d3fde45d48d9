# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before anything is touched: do quotas suffice for what the plan adds, and does the region offer it?"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .._engine.errors import AuthError
from .._engine.plan import Action
from .._engine.retry import retry_call
from .._engine.survey import Planned
from . import cache_checks, cloudsql_checks, errors
from .client import Cloud
from .compute import Address, Firewall, Network, Router, Subnetwork
from .gke import Cluster
from .nodepools import NodePool
from .places import Accelerator
from .references import last, same_version

# Objects that count one each against a quota of the project (compute.projects.get).
_COUNTED = {Network: "NETWORKS", Subnetwork: "SUBNETWORKS", Router: "ROUTERS", Firewall: "FIREWALLS"}
_STANDARD_DISKS = ("pd-standard",)
_DEFAULT_ZONES = 3  # of a regional cluster whose zones GKE chooses


def problems(cloud: Cloud, planned: Sequence[Planned]) -> list[str]:
    """Sentences, each with what is there and what is needed. Costs no call when the plan adds nothing."""
    return Preflight(cloud, planned).problems()


class Preflight:
    """One plan's needs against one project and region."""

    def __init__(self, cloud: Cloud, planned: Sequence[Planned]) -> None:
        self.cloud = cloud
        self.planned = planned
        self.region_needs: Counter[str] = Counter()
        self.global_needs: Counter[str] = Counter()
        self.found: list[str] = []

    def added(self, *kinds: type) -> Iterable[Planned]:
        actions = (Action.CREATE, Action.REPLACE)
        return (each for each in self.planned if each.action in actions and isinstance(each.resource, kinds))

    def problems(self) -> list[str]:
        try:
            return self._problems()
        except AuthError as error:
            # What is still to be switched on cannot be asked yet.
            if error.code == errors.SERVICE_DISABLED and self.cloud.site.enable_services:
                return self.found
            raise

    def _problems(self) -> list[str]:
        for each in self.added(*_COUNTED):
            if each.action is Action.CREATE:
                self.global_needs[next(_COUNTED[kind] for kind in _COUNTED if isinstance(each.resource, kind))] += 1
        for each in self.added(Address):
            if (each.resource.desired().get("addressType") or "EXTERNAL") == "EXTERNAL":
                self.region_needs["STATIC_ADDRESSES"] += 1
        self._pools()
        self._versions()
        self._quotas()
        self.found += cloudsql_checks.problems(self.cloud, self.planned)
        self.found += cache_checks.problems(self.cloud, self.planned)
        return self.found

    # -- quotas ----------------------------------------------------------------------------------------------------

    def _quotas(self) -> None:
        project, region = self.cloud.project, self.cloud.region
        if self.global_needs:
            limits = self._limits(f"projects/{project}")
            self._compare(self.global_needs, limits, f"project {project}")
        if self.region_needs:
            limits = self._limits(f"projects/{project}/regions/{region}")
            self._compare(_settled(self.region_needs, limits), limits, f"region {region} of project {project}")

    def _limits(self, path: str) -> dict[str, tuple[float, float]]:
        """Metric -> limit and what is used of it."""
        answer = self.cloud.look("compute", path)
        return {each["metric"]: (each["limit"], each.get("usage", 0)) for each in answer.get("quotas") or ()}

    def _compare(self, needs: Counter[str], limits: dict[str, tuple[float, float]], where: str) -> None:
        for metric, need in sorted(needs.items()):
            limit, used = limits.get(metric, (math.inf, 0))
            if used + need > limit:
                self.found.append(
                    f"The quota {metric} of {where} does not suffice: {need:g} more are needed, {limit - used:g} of "
                    f"{limit:g} are left. Ask for more under IAM & Admin, Quotas, or take less."
                )

    # -- node pools ------------------------------------------------------------------------------------------------

    def _pools(self) -> None:
        for each in self.added(NodePool):
            body = each.resource.desired()
            config = body["config"]
            zones = body.get("locations")
            zones = [str(zone) for zone in zones] if isinstance(zones, list) else []
            nodes = int(body.get("initialNodeCount") or 0) * (len(zones) or _DEFAULT_ZONES)
            cpus = self._machine(each.resource.name, str(config["machineType"]), zones)
            self._count_nodes(config, nodes, cpus)
            self._accelerators(each.resource, config, zones)

    def _count_nodes(self, config: dict[str, Any], nodes: int, cpus: int) -> None:
        if not nodes:
            return
        spot = bool(config.get("spot"))
        family = str(config["machineType"]).partition("-")[0].upper()
        self.region_needs[f"{'PREEMPTIBLE_' if spot else ''}{family}_CPUS"] += cpus * nodes
        self.global_needs["CPUS_ALL_REGIONS"] += cpus * nodes
        self.region_needs["INSTANCES"] += nodes
        disk = "DISKS_TOTAL_GB" if config.get("diskType") in _STANDARD_DISKS else "SSD_TOTAL_GB"
        self.region_needs[disk] += int(config.get("diskSizeGb") or 0) * nodes
        for card in config.get("accelerators") or ():
            count = int(card["acceleratorCount"]) * nodes
            self.region_needs[f"{'PREEMPTIBLE_' if spot else ''}{gpu_metric(card['acceleratorType'])}"] += count
            self.global_needs["GPUS_ALL_REGIONS"] += count

    def _machine(self, pool: str, machine: str, zones: list[str]) -> int:
        """vCPUs of a machine type, or 0; a problem when the zones do not offer it."""
        path = f"projects/{self.cloud.project}/aggregated/machineTypes"
        answer = self.cloud.shared.get(
            f"machine/{machine}", lambda: self.cloud.look("compute", path, {"filter": f"name = {machine}"})
        )
        region = f"{self.cloud.region}-"
        offered = {
            last(scope): found["machineTypes"][0]
            for scope, found in (answer.get("items") or {}).items()
            if found.get("machineTypes") and last(scope).startswith(region)
        }
        missing = [zone for zone in zones if zone not in offered]
        if not offered:
            self.found.append(
                f"Node pool {pool}: the machine type {machine} is not offered in {self.cloud.region}. "
                "Choose another in machine_types."
            )
            return 0
        if missing:
            self.found.append(
                f"Node pool {pool}: the machine type {machine} is not offered in {', '.join(missing)}, only in "
                f"{', '.join(sorted(offered))}. Choose among these in zones."
            )
        return int(next(iter(offered.values())).get("guestCpus") or 0)

    def _accelerators(self, resource: Any, config: dict[str, Any], zones: list[str]) -> None:
        for card in config.get("accelerators") or ():
            kind = card["acceleratorType"]
            lookup = next((each for each in resource.needs if isinstance(each, Accelerator)), None)
            if lookup is None:  # the user chose the zones
                lookup = Accelerator(self.cloud, kind)
                observed = retry_call(lookup.read, self.cloud.clock)
                lookup.outputs = dict(observed.outputs) if observed else {}
            offered = lookup.outputs.get("zones") or []
            missing = [zone for zone in zones if zone not in offered]
            if not offered:
                self.found.append(
                    f"Node pool {resource.name}: {kind} is not offered in {self.cloud.region}. "
                    "Choose another kind in gcp.accelerator, or another region."
                )
            elif missing:
                self.found.append(
                    f"Node pool {resource.name}: {kind} is not offered in {', '.join(missing)}, only in "
                    f"{', '.join(offered)}. Choose among these in zones."
                )

    # -- versions --------------------------------------------------------------------------------------------------

    def _versions(self) -> None:
        for each in self.planned:
            changed = [change for change in each.plan.changes if change.path == "version"]
            if not isinstance(each.resource, Cluster) or not changed:
                continue
            body = each.resource.desired()
            wanted = str(changed[0].after)
            channel = str((body.get("releaseChannel") or {}).get("channel") or "")
            path = f"projects/{self.cloud.project}/locations/{self.cloud.region}/serverConfig"
            config = self.cloud.look("container", path)
            offered = list(config.get("validMasterVersions") or ())
            for listed in config.get("channels") or ():
                if listed.get("channel") == channel:
                    offered = list(listed.get("validVersions") or ())
            if offered and not any(same_version(wanted, version) for version in offered):
                minors = sorted({".".join(version.split(".")[:2]) for version in offered}, key=_as_numbers)
                self.found.append(
                    f"Cluster {each.resource.name}: version {wanted} is not offered in {self.cloud.region}"
                    f"{f' on the {channel} channel' if channel else ''}. Choose among {', '.join(minors)}, "
                    "or leave it out."
                )


def _as_numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def gpu_metric(kind: str) -> str:
    """The quota of a kind of GPU: nvidia-tesla-t4 counts as NVIDIA_T4_GPUS, nvidia-a100-80gb as NVIDIA_A100_80GB_GPUS,
    nvidia-h100-80gb as NVIDIA_H100_GPUS (Compute Engine's table of GPU quotas)."""
    name = kind.removeprefix("nvidia-").removeprefix("tesla-").upper().replace("-", "_")
    return f"NVIDIA_{name.removesuffix('_80GB') if name.startswith('H100') else name}_GPUS"


def _settled(needs: Counter[str], limits: dict[str, tuple[float, float]]) -> Counter[str]:
    """Needs by the metric that really counts.

    A machine family without a quota of its own counts as CPUS. Spot machines have their own quota only where one was
    granted; otherwise they count as ordinary ones (Compute Engine documentation, preemptible quota).
    """
    result: Counter[str] = Counter()
    for metric, need in needs.items():
        name = metric
        if name.startswith("PREEMPTIBLE_") and not name.endswith("_GPUS"):
            name = (
                "PREEMPTIBLE_CPUS" if limits.get("PREEMPTIBLE_CPUS", (0, 0))[0] else name.removeprefix("PREEMPTIBLE_")
            )
        elif name.startswith("PREEMPTIBLE_") and not limits.get(name, (0, 0))[0]:
            name = name.removeprefix("PREEMPTIBLE_")
        if name.endswith("_CPUS") and name not in limits:
            name = "CPUS"
        result[name] += need
    return result
