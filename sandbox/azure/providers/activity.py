"""Microsoft.Insights: what was done to resources (the activity log), and how they do (metrics).

The log holds what providers note in it. Its filter has to begin with a time (REST reference, Activity Logs - List).
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..armid import parse
from ..call import Call, Reply
from ..errors import ArmError
from ..flows import stamp

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

_EVENTS = "Microsoft.Insights/eventtypes/values"
_METRICS = "Microsoft.Insights/metrics"
_KEPT = timedelta(days=90)
_TERM = re.compile(r"(\w+)\s+(ge|le|eq)\s+'([^']*)'")
_LAG = "physical_replication_delay_in_seconds"


class ActivityLog:
    """Events, oldest first."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator
        self._events: list[dict[str, Any]] = []

    def note(self, resource_id: str, operation: str) -> None:
        """Something was done: ``operation`` is the type with its verb."""
        moment = self._emulator.context.clock.wall()
        target = parse(resource_id)
        self._events.append(
            {
                "eventDataId": str(uuid.uuid4()),
                "eventTimestamp": stamp(moment),
                "submissionTimestamp": stamp(moment),
                "resourceId": resource_id,
                "resourceGroupName": target.group,
                "resourceProviderName": {"value": target.namespace, "localizedValue": target.namespace},
                "resourceType": {"value": target.kind, "localizedValue": target.kind},
                "operationName": {"value": operation, "localizedValue": operation},
                "category": {"value": "Administrative", "localizedValue": "Administrative"},
                "status": {"value": "Succeeded", "localizedValue": "Succeeded"},
                "level": "Informational",
            }
        )

    def find(self, call: Call) -> Reply:
        """GET …/eventtypes/management/values."""
        text = call.query.get("$filter", "")
        terms = {(name.lower(), sign): value for name, sign, value in _TERM.findall(text)}
        since = terms.pop(("eventtimestamp", "ge"), "")
        if not since:
            raise ArmError(400, "BadRequest", "The filter must contain eventTimestamp ge '<time>'.")
        until = terms.pop(("eventtimestamp", "le"), "")
        oldest = self._emulator.context.clock.wall() - _KEPT
        found = [
            event
            for event in reversed(self._events)
            if _moment(event) >= max(oldest, _time(since)) and (not until or _moment(event) <= _time(until))
        ]
        for (name, _), value in terms.items():
            found = [event for event in found if _shown(event, name).lower() == value.lower()]
        return call.reply(200, {"value": found})


def _shown(event: dict[str, Any], name: str) -> str:
    keys = {
        "resourcegroupname": "resourceGroupName",
        "resourceuri": "resourceId",
        "resourceid": "resourceId",
        "resourceprovider": "resourceProviderName",
        "status": "status",
    }
    if name not in keys:
        raise ArmError(400, "BadRequest", f"The filter on {name} is not supported.")
    value = event[keys[name]]
    return str(value["value"] if isinstance(value, dict) else value)


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ArmError(400, "BadRequest", f"'{text}' is no time.") from None


def _moment(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(event["eventTimestamp"])[:26] + "+00:00")


def _metrics(emulator: AzureEmulator, call: Call) -> Reply:
    """GET …/metrics of one resource: how far a replica is behind. Others have no metrics here."""
    from .postgresql.servers import Servers

    record = emulator.store.get(call.target.scope)
    if record is None:
        message = f"The Resource '{call.target.scope}' was not found."
        raise ArmError(404, "ResourceNotFound", message)
    name = call.query.get("metricnames", "")
    lag = record.kind.lag(record) if isinstance(record.kind, Servers) else None
    if name.lower() != _LAG or lag is None:
        raise ArmError(400, "BadRequest", f"Failed to find metric configuration for metric: {name}")
    at = emulator.context.clock.wall().replace(second=0, microsecond=0)
    data = [{"timeStamp": stamp(at), call.query.get("aggregation", "Average").lower(): lag}]
    metric = {
        "id": f"{record.id}/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": "Read Replica Lag"},
        "unit": "Seconds",
        "timeseries": [{"metadatavalues": [], "data": data}],
        "errorCode": "Success",
    }
    answer = {"timespan": call.query.get("timespan", ""), "interval": "PT1M", "value": [metric]}
    return call.reply(200, {**answer, "namespace": record.kind.type, "resourceregion": record.location})


def install(emulator: AzureEmulator) -> None:
    """Add the functions."""
    emulator.function(_EVENTS, "GET", ("2015-04-01",), emulator.activity.find)
    versions = ("2018-01-01", "2019-07-01", "2021-05-01", "2023-10-01")
    emulator.function(_METRICS, "GET", versions, lambda call: _metrics(emulator, call))
