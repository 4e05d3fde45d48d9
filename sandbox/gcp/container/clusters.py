"""Clusters: create, read, delete."""

from __future__ import annotations

from .. import quotas
from ..calls import Call, handles
from ..errors import GoogleError, invalid
from ..render import writable
from ..state import PROJECT, Record
from . import access, addressing, operations, versions
from .common import Data, check_idle, clusters_in, find, parts, path_of, shown_cluster
from .creation import complete_cluster
from .nodepools import count_nodes


@handles("container.projects.locations.clusters.create")
def create(call: Call) -> Data:
    """Create a cluster with its node pools."""
    location = parts(call)[0]
    if "cluster" not in call.body:
        raise invalid("cluster must be specified.", field="cluster")
    given = writable(call.document, "Cluster", call.body["cluster"])
    key = f"{location}/{given.get('name', '')}"
    if key in call.state.clusters:
        raise GoogleError(409, f"Already exists: {path_of(location, given['name'])}.")
    data = complete_cluster(call, location, given)
    quotas.require_cluster(call.state, location)
    for pool in data["nodePools"]:
        quotas.require_nodes(call.state, location, quotas.node_need(pool, quotas.node_count(pool)))
    record = Record(data)
    call.state.clusters[key] = record
    call.state.kubernetes.open(data)
    access.mirror(call, data)
    endpoint = data.pop("endpoint")
    count_nodes(data)
    addressing.settle_in(call.state, data)

    def effect() -> None:
        data.update(status="RUNNING", endpoint=endpoint)
        for pool in data["nodePools"]:
            pool["status"] = "RUNNING"

    def failed(message: str, conditions: list[Data]) -> None:
        data.update(status="ERROR", statusMessage=message, conditions=conditions)
        for pool in data["nodePools"]:
            pool.update(status="ERROR", statusMessage=message)

    return operations.start(call, record, "CREATE_CLUSTER", "gke.cluster.create", effect, failed)


@handles("container.projects.locations.clusters.get")
def get(call: Call) -> Data:
    """One cluster."""
    return shown_cluster(call, find(call)[1])


@handles("container.projects.locations.clusters.list")
def listing(call: Call) -> Data:
    """The clusters of a location, ``-`` for all."""
    found = [shown_cluster(call, record) for record in clusters_in(call.state, parts(call)[0])]
    return {"clusters": found} if found else {}


@handles("container.projects.locations.clusters.delete")
def delete(call: Call) -> Data:
    """Delete a cluster with everything that GKE made for it."""
    key, record = find(call)
    check_idle(record)
    data = record.data
    data["status"] = "STOPPING"

    def effect() -> None:
        addressing.move_out(call.state, data)
        call.state.clusters.pop(key, None)
        call.state.api_servers.pop(key, None)
        call.state.kubernetes.close(key)

    def failed(message: str, conditions: list[Data]) -> None:
        data.update(status="ERROR", statusMessage=message, conditions=conditions)

    return operations.start(call, record, "DELETE_CLUSTER", "gke.cluster.delete", effect, failed)


@handles("container.projects.locations.getServerConfig")
def get_server_config(call: Call) -> Data:
    """Versions and images that can be had."""
    parts(call)
    return versions.server_config()


@handles("container.projects.aggregated.usableSubnetworks.list")
def usable_subnetworks(call: Call) -> Data:
    """Subnetworks that clusters can be put on."""
    found = [
        {
            "subnetwork": path,
            "network": record.data["network"].split("/compute/v1/")[1],
            "ipCidrRange": record.data["ipCidrRange"],
        }
        for path, record in sorted(call.state.compute.items())
        if path.startswith(f"projects/{PROJECT}/regions/") and "/subnetworks/" in path
    ]
    return {"subnetworks": found} if found else {}
