"""What RDS tells CloudWatch: how far read replicas are behind."""

from __future__ import annotations

from datetime import UTC, datetime

from ...engines import EngineError
from ..hooks import Hooks
from ..wire import Call
from .state import Instance
from .store import Store

_NAMESPACE = "AWS/RDS"


class Metrics:
    """Puts the present value of ReplicaLag into moto's CloudWatch before anybody asks for metrics."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        for action in ("GetMetricData", "GetMetricStatistics", "ListMetrics"):
            hooks.before(f"cloudwatch.{action}", self._publish)

    def _publish(self, call: Call) -> None:
        replicas = [item for item in self._store.region(call.region).instances.values() if item.source is not None]
        if not replicas:
            return
        # Who asks for the last minutes means those of his own clock. Moto's times are in UTC and do not say so.
        now = datetime.now(UTC).replace(tzinfo=None)
        data = [
            {
                "MetricName": "ReplicaLag",
                "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": replica.name}],
                "Value": _lag(replica),
                "Unit": "Seconds",
                "Timestamp": now,
            }
            for replica in replicas
            if replica.created
        ]
        self._store.world.backend("cloudwatch", call.region).put_metric_data(_NAMESPACE, data)


def _lag(replica: Instance) -> float:
    """Seconds; -1 when replication is broken, as RDS for PostgreSQL says."""
    server = replica.server
    if server is None:
        return 0.0
    try:
        return server.engine.lag_seconds(server.id)
    except (EngineError, KeyError):
        return -1.0
