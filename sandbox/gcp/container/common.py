"""Clusters by name, their links, and the rule of one operation at a time."""

from __future__ import annotations

import re
from typing import Any

from ..calls import Call, own_project
from ..catalog import REGIONS, region_of
from ..errors import GoogleError, invalid, permission_denied, precondition
from ..render import proto3
from ..state import PROJECT, Record, State, uuid
from .presence import PRESENCE

Data = dict[str, Any]
_NAME = re.compile(
    r"projects/([^/]+)/locations/([^/]+)(?:/clusters/([^/]+)(?:/nodePools/([^/]+))?)?(?:/operations/.*)?"
)
LEGAL = re.compile(r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?")


def parts(call: Call) -> tuple[str, str, str]:
    """(location, cluster, node pool) of a request; empty where it names none. 400 for a place that does not exist."""
    found = _NAME.fullmatch(call.name)
    if found is None:
        raise invalid(f"Invalid resource name: {call.name}")
    if found[1] not in (PROJECT, "-"):
        raise permission_denied()
    location = found[2]
    if location != "-" and region_of(location) is None:
        raise invalid(f'Location "{location}" does not exist.')
    return location, found[3] or "", found[4] or ""


def kind_of(location: str) -> str:
    """Zonal clusters are linked under ``zones``, regional ones under ``locations``."""
    return "locations" if location in REGIONS else "zones"


def path_of(location: str, cluster: str) -> str:
    """``projects/p/zones/z/clusters/c``: how messages and links spell it."""
    return f"projects/{PROJECT}/{kind_of(location)}/{location}/clusters/{cluster}"


def link(call: Call, path: str) -> str:
    """A link in the API version of the request."""
    return f"https://container.googleapis.com/{call.document.version}/{path}"


def find(call: Call) -> tuple[str, Record]:
    """Key and record of the cluster that a request names; 404 when there is none."""
    location, name, _ = parts(call)
    key = f"{location}/{name}"
    record = call.state.clusters.get(key)
    if record is None:
        raise GoogleError(404, f"Not found: {path_of(location, name)}.")
    return key, record


def pool_of(call: Call, record: Record) -> Data:
    """The node pool that a request names; 404 when there is none."""
    wanted = parts(call)[2]
    for pool in record.data["nodePools"]:
        if pool["name"] == wanted:
            found: Data = pool
            return found
    raise GoogleError(404, f'Not found: node pool "{wanted}" not found.')


def check_idle(record: Record) -> None:
    """GKE works on one operation per cluster at a time."""
    if record.operation is not None and not record.operation.done:
        raise precondition(
            f"Operation {record.operation.name} is currently operating on cluster {record.data['name']}. "
            "Please wait and try again once it is done."
        )


def check_running(record: Record) -> None:
    """A cluster that failed to come up can only be deleted."""
    if record.data["status"] == "ERROR":
        raise precondition(f"Cluster {record.data['name']} is in ERROR state and cannot be updated.")


def check_etag(given: str | None, present: str) -> None:
    """409 ABORTED for an etag that is not the current one."""
    if given and given != present:
        raise GoogleError(409, "The etag does not match the current etag; read again and retry.", status="ABORTED")


def touched(item: Data) -> None:
    """A new etag after a change."""
    item["etag"] = uuid()


def shown_cluster(call: Call, record: Record) -> Data:
    """A cluster as the API version of the request prints it."""
    data = dict(record.data)
    data["selfLink"] = link(call, path_of(data["location"], data["name"]))
    data["nodePools"] = [_linked(call, data, pool) for pool in data["nodePools"]]
    return proto3(call.document, "Cluster", data, PRESENCE)


def shown_pool(call: Call, record: Record, pool: Data) -> Data:
    """A node pool as the API version of the request prints it."""
    return proto3(call.document, "NodePool", _linked(call, record.data, pool), PRESENCE)


def _linked(call: Call, cluster: Data, pool: Data) -> Data:
    path = path_of(cluster["location"], cluster["name"])
    return {**pool, "selfLink": link(call, f"{path}/nodePools/{pool['name']}")}


def clusters_in(state: State, location: str) -> list[Record]:
    """The clusters of a location, ``-`` for all."""
    return [item for key, item in sorted(state.clusters.items()) if location in ("-", key.partition("/")[0])]


def short(reference: str) -> str:
    """The last part of a path or URL."""
    return own_project(reference).rstrip("/").rpartition("/")[2]
