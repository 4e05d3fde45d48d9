"""Node pools: create, read, change, resize, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import quotas
from ..calls import Call, handles
from ..errors import GoogleError, invalid
from ..render import writable
from ..state import Record
from . import operations, versions
from .common import (
    Data,
    check_etag,
    check_idle,
    check_running,
    find,
    parts,
    pool_of,
    shown_pool,
    touched,
)
from .nodes import check_management, complete_config, complete_pool, complete_scaling

_PREFIX = "container.projects.locations.clusters.nodePools"
# Fields of UpdateNodePoolRequest that are fields of the node configuration under the same name.
_CONFIG = frozenset(
    {
        *("accelerators", "confidentialNodes", "containerdConfig", "fastSocket"),
        *("flexStart", "gcfsConfig", "gvnic", "imageType", "linuxNodeConfig", "loggingConfig"),
        *("machineType", "maxRunDuration", "resourceManagerTags", "storagePools", "windowsNodeConfig"),
        *("workloadMetadataConfig", "consolidationDelay", "taintConfig"),
    }
)
# These wrap what they replace: {"labels": {"labels": {...}}}.
_WRAPPED = {"labels": "labels", "taints": "taints", "tags": "tags", "resourceLabels": "labels"}
_ADDRESS = frozenset({"name", "nodePoolId", "clusterId", "projectId", "zone", "etag"})


def count_nodes(cluster: Data) -> None:
    """What a cluster prints about its nodes as a whole."""
    pools = cluster["nodePools"]
    nodes = sum(quotas.node_count(pool) for pool in pools)
    cluster["currentNodeCount"] = nodes
    cluster["instanceGroupUrls"] = [url for pool in pools for url in pool["instanceGroupUrls"]]
    policy = cluster["ipAllocationPolicy"]
    used: dict[str, float] = {}
    for pool in pools:
        network = pool["networkConfig"]
        share = quotas.node_count(pool) * 2 ** (_length(network["podIpv4CidrBlock"]) - pool["podIpv4CidrSize"])
        used[network["podRange"]] = round(used.get(network["podRange"], 0) + share, 4)
    for pool in pools:
        network = pool["networkConfig"]
        pool["networkConfig"] = {**network, "podIpv4RangeUtilization": used[network["podRange"]]}
    policy["defaultPodIpv4RangeUtilization"] = used.get(policy["clusterSecondaryRangeName"], 0.0)
    cluster.pop("nodeConfig", None)
    if pools:
        cluster["nodeConfig"] = pools[0]["config"]
        cluster["currentNodeVersion"] = min((pool["version"] for pool in pools), key=versions.order)


def _length(cidr: str) -> int:
    return int(cidr.rpartition("/")[2])


def run(call: Call, record: Record, pool: Data, kind: str, duration: str, change: Callable[[Data], None]) -> Data:
    """Change a copy of a node pool now (so that nonsense is refused), put it in place when the operation ends."""
    check_idle(record)
    check_running(record)
    cluster = record.data
    new = {**pool, "config": dict(pool["config"])}
    change(new)
    more = quotas.node_count(new) - quotas.node_count(pool)
    if more > 0:
        quotas.require_nodes(call.state, cluster["location"], quotas.node_need(new, more))
    touched(new)
    cluster["status"] = pool["status"] = "RECONCILING"

    def effect() -> None:
        new["status"] = cluster["status"] = "RUNNING"
        cluster["nodePools"] = [new if item is pool else item for item in cluster["nodePools"]]
        count_nodes(cluster)

    def failed(message: str, conditions: list[Data]) -> None:
        cluster["status"] = "RUNNING"
        pool.update(status="RUNNING_WITH_ERROR", statusMessage=message, conditions=conditions)

    return operations.start(call, record, kind, duration, effect, failed, pool["name"])


@handles(f"{_PREFIX}.create")
def create(call: Call) -> Data:
    """Add a node pool."""
    _, record = find(call)
    check_idle(record)
    check_running(record)
    cluster = record.data
    if "nodePool" not in call.body:
        raise invalid("node_pool must be specified.", field="node_pool")
    given = writable(call.document, "NodePool", call.body["nodePool"])
    if given.get("name") in [item["name"] for item in cluster["nodePools"]]:
        raise GoogleError(409, f'Already exists: node pool "{given["name"]}" already exists.')
    pool = complete_pool(call, cluster, given)
    quotas.require_nodes(call.state, cluster["location"], quotas.node_need(pool, quotas.node_count(pool)))
    cluster["nodePools"].append(pool)
    cluster["status"] = "RECONCILING"
    count_nodes(cluster)

    def effect() -> None:
        pool["status"] = cluster["status"] = "RUNNING"

    def failed(message: str, conditions: list[Data]) -> None:
        cluster["status"] = "RUNNING"
        pool.update(status="ERROR", statusMessage=message, conditions=conditions)

    return operations.start(call, record, "CREATE_NODE_POOL", "gke.nodepool.create", effect, failed, pool["name"])


@handles(f"{_PREFIX}.get")
def get(call: Call) -> Data:
    """One node pool."""
    _, record = find(call)
    return shown_pool(call, record, pool_of(call, record))


@handles(f"{_PREFIX}.list")
def listing(call: Call) -> Data:
    """The node pools of a cluster."""
    _, record = find(call)
    found = [shown_pool(call, record, pool) for pool in record.data["nodePools"]]
    return {"nodePools": found} if found else {}


@handles(f"{_PREFIX}.delete")
def delete(call: Call) -> Data:
    """Delete a node pool with its nodes."""
    _, record = find(call)
    check_idle(record)
    pool, cluster = pool_of(call, record), record.data
    pool["status"], cluster["status"] = "STOPPING", "RECONCILING"

    def effect() -> None:
        cluster["nodePools"] = [item for item in cluster["nodePools"] if item is not pool]
        cluster["status"] = "RUNNING"
        count_nodes(cluster)

    def failed(message: str, conditions: list[Data]) -> None:
        cluster["status"] = "RUNNING"
        pool.update(status="ERROR", statusMessage=message, conditions=conditions)

    return operations.start(call, record, "DELETE_NODE_POOL", "gke.nodepool.delete", effect, failed, pool["name"])


@handles(f"{_PREFIX}.update")
def update(call: Call) -> Data:
    """Change version, configuration, zones or upgrade settings of a node pool."""
    _, record = find(call)
    pool = pool_of(call, record)
    body = {key: value for key, value in call.body.items() if key not in _ADDRESS}
    if not body:
        raise invalid("Must specify a field to update.")
    check_etag(call.body.get("etag"), pool["etag"])
    upgrade = "nodeVersion" in body and body["nodeVersion"] not in ("", "-")
    duration = "gke.nodes.upgrade" if upgrade else "gke.nodepool.update"
    return run(call, record, pool, "UPGRADE_NODES", duration, lambda new: _apply(call, record.data, new, body))


def _apply(call: Call, cluster: Data, pool: Data, body: Data) -> None:
    config = pool["config"]
    for key, value in body.items():
        if key in _SETTERS:
            _SETTERS[key](cluster, pool, value)
        elif key in _WRAPPED:
            config[key] = value.get(_WRAPPED[key], {} if key in ("labels", "resourceLabels") else [])
        elif key in _CONFIG:
            config[key] = value
        elif key in ("locations", "nodeDrainConfig", "maintenancePolicy", "queuedProvisioning"):
            pool[key] = value
        else:
            raise GoogleError(501, f"Updating {key} of a node pool is not served by the sandbox.")
    image = config.get("nodeImageConfig")
    pool["config"] = complete_config(call, cluster, config, pool["locations"])
    if image:
        pool["config"]["nodeImageConfig"] = image
    if len(pool["locations"]) != len(pool["instanceGroupUrls"]):
        pool["instanceGroupUrls"] = complete_pool(call, cluster, pool)["instanceGroupUrls"]


def _set_version(cluster: Data, pool: Data, value: str) -> None:
    master = cluster["currentMasterVersion"]
    pool["version"] = master if value in ("", "-") else versions.resolve(value, None, "Node")
    versions.check_nodes(pool["version"], master)


def _set_kubelet(_: Data, pool: Data, value: Data) -> None:
    pool["config"]["kubeletConfig"] = {**pool["config"]["kubeletConfig"], **value}


def _set_disk_type(_: Data, pool: Data, value: str) -> None:
    pool["config"].update(diskType=value, bootDisk={})


def _set_disk_size(_: Data, pool: Data, value: str) -> None:
    pool["config"].update(diskSizeGb=int(value), bootDisk={})


def _set_boot_disk(_: Data, pool: Data, value: Data) -> None:
    config = pool["config"]
    config.update(
        bootDisk=value,
        diskType=value.get("diskType", config["diskType"]),
        diskSizeGb=int(value.get("sizeGb", config["diskSizeGb"])),
    )


def _set_upgrade_settings(_: Data, pool: Data, value: Data) -> None:
    pool["upgradeSettings"] = {"strategy": "SURGE", **value}


def _set_network(_: Data, pool: Data, value: Data) -> None:
    if "enablePrivateNodes" in value:
        pool["networkConfig"] = {**pool["networkConfig"], "enablePrivateNodes": value["enablePrivateNodes"]}


_SETTERS: dict[str, Callable[[Data, Data, Any], None]] = {
    "nodeVersion": _set_version,
    "kubeletConfig": _set_kubelet,
    "diskType": _set_disk_type,
    "diskSizeGb": _set_disk_size,
    "bootDisk": _set_boot_disk,
    "upgradeSettings": _set_upgrade_settings,
    "nodeNetworkConfig": _set_network,
}


@handles(f"{_PREFIX}.setSize")
def set_size(call: Call) -> Data:
    """Set the number of nodes per zone."""
    _, record = find(call)
    pool = pool_of(call, record)
    if "nodeCount" not in call.body or call.body["nodeCount"] < 0:
        raise invalid("node_count must not be negative.", field="node_count")

    def change(new: Data) -> None:
        new["initialNodeCount"] = call.body["nodeCount"]

    return run(call, record, pool, "SET_NODE_POOL_SIZE", "gke.nodepool.update", change)


@handles(f"{_PREFIX}.setAutoscaling")
def set_autoscaling(call: Call) -> Data:
    """Switch the autoscaler of a node pool on or off, or move its limits."""
    _, record = find(call)
    return scale(call, record, pool_of(call, record), call.body.get("autoscaling", {}))


def scale(call: Call, record: Record, pool: Data, given: Data) -> Data:
    """New autoscaling settings for a node pool."""

    def change(new: Data) -> None:
        new["autoscaling"] = complete_scaling(new, given)
        if not new["autoscaling"] and not new.get("initialNodeCount"):
            new["initialNodeCount"] = max(1, quotas.node_count(pool) // len(pool["locations"]))

    return run(call, record, pool, "UPDATE_CLUSTER", "gke.nodepool.update", change)


@handles(f"{_PREFIX}.setManagement")
def set_management(call: Call) -> Data:
    """Automatic repair and upgrade."""
    _, record = find(call)
    pool = pool_of(call, record)
    management = call.body.get("management", {})

    def change(new: Data) -> None:
        check_management(record.data, management)
        new["management"] = management

    return run(call, record, pool, "SET_NODE_POOL_MANAGEMENT", "gke.nodepool.update", change)


def pool_named(record: Record, name: str) -> Data:
    """The node pool that an update of the cluster names; its only one when it names none."""
    pools = record.data["nodePools"]
    found = [item for item in pools if item["name"] == name] if name else pools[:1] if len(pools) == 1 else []
    if not found:
        raise invalid("desired_node_pool_id must name a node pool of the cluster.")
    pool: Data = found[0]
    return pool


def upgrade_nodes(call: Call, record: Record, pool: Data, body: Data) -> Data:
    """New version or image of a node pool, asked for through its cluster."""
    parts(call)
    return run(
        call, record, pool, "UPGRADE_NODES", "gke.nodes.upgrade", lambda new: _apply(call, record.data, new, body)
    )
