"""Logging and monitoring of a cluster: components, and the old service names that mirror them."""

from __future__ import annotations

from .common import Data

_LOGGING = "logging.googleapis.com/kubernetes"
_MONITORING = "monitoring.googleapis.com/kubernetes"
# Filled by the server. Source: recorded traffic.
_LOGS = ["SYSTEM_COMPONENTS", "WORKLOADS"]
_METRICS = [
    *("SYSTEM_COMPONENTS", "STORAGE", "HPA", "POD", "DAEMONSET", "DEPLOYMENT", "STATEFULSET"),
    *("CADVISOR", "KUBELET", "DCGM", "JOBSET"),
]


def begin(cluster: Data, given: Data) -> None:
    """Fill the blocks of a new cluster."""
    service = given.get("loggingService")
    cluster["loggingConfig"] = given.get("loggingConfig") or _logs([] if service == "none" else _LOGS)
    metrics = [] if given.get("monitoringService") == "none" else _METRICS
    config = {"componentConfig": {"enableComponents": list(metrics)}, **given.get("monitoringConfig", {})}
    config.setdefault("managedPrometheusConfig", {"enabled": True})
    config.setdefault("advancedDatapathObservabilityConfig", {})
    cluster["monitoringConfig"] = config
    mirror(cluster)


def _logs(components: list[str]) -> Data:
    return {"componentConfig": {"enableComponents": list(components)}}


def set_logging_service(cluster: Data, service: str) -> None:
    """``none`` switches all logging off."""
    cluster["loggingConfig"] = _logs([] if service == "none" else _LOGS)
    mirror(cluster)


def set_monitoring_service(cluster: Data, service: str) -> None:
    """``none`` leaves the control plane's own components. Source: recorded traffic."""
    config = cluster["monitoringConfig"]
    own = ["APISERVER", "SCHEDULER", "CONTROLLER_MANAGER"] if "APISERVER" in _enabled(config) else []
    config["componentConfig"] = {"enableComponents": own if service == "none" else list(_METRICS)}
    mirror(cluster)
    cluster["monitoringService"] = service


def _enabled(config: Data) -> list[str]:
    found: list[str] = config.get("componentConfig", {}).get("enableComponents", [])
    return found


def mirror(cluster: Data) -> None:
    """Derive the old service names from the components."""
    cluster["loggingService"] = _LOGGING if _enabled(cluster["loggingConfig"]) else "none"
    cluster["monitoringService"] = _MONITORING if _enabled(cluster["monitoringConfig"]) else "none"
    cluster["clusterTelemetry"] = {"type": "ENABLED" if cluster["loggingService"] != "none" else "DISABLED"}
