"""Cloud Monitoring: time series of managed databases, one point each: now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from .calls import Call, handles
from .listing import page, predicate
from .quotas import SQL_LAG
from .sql.model import Instance
from .state import PROJECT, zulu

_SQL = "cloudsql.googleapis.com/database/"
_LAG = f"{_SQL}replication/replica_lag"


async def _lag(call: Call, instance: Instance) -> float:
    """Seconds that a replica is behind its primary."""
    lag, real = call.context.quotas.get(SQL_LAG), instance.server
    work = (
        call.state.engines.run(real, lambda engine: engine.lag_seconds(real.id)) if real and instance.running else None
    )
    call.state.engines.release()
    return lag + (await asyncio.wrap_future(work) if work is not None else 0.0)


def _series(call: Call, instance: Instance, metric: str, kind: str, value: Any) -> dict[str, Any]:
    labels = {
        "project_id": PROJECT,
        "database_id": f"{PROJECT}:{instance.name}",
        "region": instance.data["region"],
    }
    moment = zulu(call.state.wall(), 0)
    return {
        "metric": {"type": metric},
        "resource": {"type": "cloudsql_database", "labels": labels},
        "metricKind": "GAUGE",
        "valueType": {"doubleValue": "DOUBLE", "int64Value": "INT64"}[kind],
        "points": [{"interval": {"startTime": moment, "endTime": moment}, "value": {kind: value}}],
    }


def _instances(call: Call) -> Iterator[Instance]:
    return (item for _, item in sorted(call.state.sql.items()) if item.made)


@handles("monitoring.projects.timeSeries.list")
async def time_series(call: Call) -> dict[str, Any]:
    """The series that a filter names: lag of replicas, whether instances are up."""
    found = []
    for instance in _instances(call):
        found.append(_series(call, instance, f"{_SQL}up", "int64Value", str(int(instance.running))))
        if instance.master:
            found.append(_series(call, instance, _LAG, "doubleValue", await _lag(call, instance)))
    test = predicate(call.query.get("filter"))
    items, token = page([item for item in found if test(item)], call.query.get("pageSize"), call.query.get("pageToken"))
    answer: dict[str, Any] = {"timeSeries": items} if items else {}
    if token:
        answer["nextPageToken"] = token
    return answer
