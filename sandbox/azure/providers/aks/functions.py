"""Versions, upgrade paths and usages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...armid import parse
from ...call import Call, Reply
from ...errors import not_found
from ...store import Record
from . import releases
from .base import CLUSTERS, POOLS, VERSIONS

if TYPE_CHECKING:
    from ...emulator import AzureEmulator


def install(emulator: AzureEmulator) -> None:
    """Add the functions of this module."""
    add = emulator.function
    add("Microsoft.ContainerService/locations/kubernetesVersions", "GET", VERSIONS, _versions)
    add("Microsoft.ContainerService/locations/usages", "GET", VERSIONS, lambda call: _usages(emulator, call))
    add(f"{CLUSTERS}/upgradeProfiles", "GET", VERSIONS, lambda call: _upgrades(emulator, call))
    add(f"{POOLS}/upgradeProfiles", "GET", VERSIONS, lambda call: _pool_upgrades(emulator, call))
    add(f"{CLUSTERS}/availableAgentPoolVersions", "GET", VERSIONS, lambda call: _pool_versions(emulator, call))


def _versions(call: Call) -> Reply:
    return call.reply(200, releases.listing())


def _usages(emulator: AzureEmulator, call: Call) -> Reply:
    location = call.target.names[0].lower()
    used = sum(1 for cluster in emulator.store.of_kind(CLUSTERS) if cluster.location == location)
    name = "ManagedClusters"
    path = f"/subscriptions/{emulator.subscription_id}/providers/Microsoft.ContainerService/locations/{location}"
    usage = {
        "currentValue": used,
        "id": f"{path}/usages/{name}",
        "limit": int(emulator.context.quotas.get(f"containerservice.{name}")),
        "name": {"localizedValue": "Managed Clusters", "value": name},
        "unit": "Count",
    }
    return call.reply(200, {"value": [usage]})


def _cluster(emulator: AzureEmulator, call: Call) -> Record:
    emulator.require_group(call.target)
    path = call.target.path.lower()
    end = path.index("/managedclusters/") + len("/managedclusters/")
    name = call.target.path[end:].partition("/")[0]
    record = emulator.store.get(call.target.path[:end] + name)
    if record is None:
        raise not_found(CLUSTERS, name, call.target.group)
    return record


def _upgrades(emulator: AzureEmulator, call: Call) -> Reply:
    cluster = _cluster(emulator, call)
    current = cluster.properties["currentKubernetesVersion"]
    control: dict[str, Any] = {"kubernetesVersion": current, "osType": "Linux"}
    found = releases.upgrades(current)
    if found:
        control["upgrades"] = [{"kubernetesVersion": version} for version in found]
    pools = [
        {
            "name": pool.name,
            "osType": pool.properties["osType"],
            "kubernetesVersion": pool.properties["currentOrchestratorVersion"],
        }
        for pool in emulator.store.of_kind(POOLS, cluster.id)
    ]
    body = {
        "id": f"{cluster.id}/upgradeprofiles/default",
        "name": "default",
        "type": f"{CLUSTERS}/upgradeprofiles",
        "properties": {"controlPlaneProfile": control, "agentPoolProfiles": pools},
    }
    return call.reply(200, body)


def _pool_upgrades(emulator: AzureEmulator, call: Call) -> Reply:
    cluster = _cluster(emulator, call)
    target = parse(call.target.path)
    pool = emulator.store.get(f"{cluster.id}/agentPools/{target.names[1]}")
    if pool is None:
        raise not_found(POOLS, target.names[1], target.group)
    current = pool.properties["currentOrchestratorVersion"]
    control = releases.number(cluster.properties["currentKubernetesVersion"])
    properties: dict[str, Any] = {
        "kubernetesVersion": current,
        "osType": pool.properties["osType"],
        "latestNodeImageVersion": releases.node_image(pool.properties["osSKU"]),
    }
    found = [version for version in releases.upgrades(current) if releases.number(version) <= control]
    if found:
        properties["upgrades"] = [{"kubernetesVersion": version} for version in found]
    body = {
        "id": f"{pool.id}/upgradeProfiles/default",
        "name": "default",
        "type": f"{POOLS}/upgradeProfiles",
        "properties": properties,
    }
    return call.reply(200, body)


def _pool_versions(emulator: AzureEmulator, call: Call) -> Reply:
    cluster = _cluster(emulator, call)
    control = releases.number(cluster.properties["currentKubernetesVersion"])
    versions = [
        {"default": False, "kubernetesVersion": patch}
        for patches in releases.RELEASES.values()
        for patch in patches
        if releases.number(patch) <= control and control[1] - releases.number(patch)[1] <= 3
    ]
    for entry in versions:
        entry["default"] = entry["kubernetesVersion"] == cluster.properties["currentKubernetesVersion"]
    body = {
        "id": f"{cluster.id}/availableagentpoolversions",
        "name": "default",
        "type": f"{CLUSTERS}/availableAgentpoolVersions",
        "properties": {"agentPoolVersions": versions},
    }
    return call.reply(200, body)
