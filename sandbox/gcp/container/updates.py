"""Changes of a cluster: ``update`` with its desired fields, and the verbs that each set one thing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..calls import Call, handles
from ..errors import GoogleError, invalid, precondition
from ..state import Record
from . import access, creation, observability, operations, versions
from .common import Data, check_etag, check_idle, check_running, find, touched
from .nodepools import count_nodes, pool_named, scale, upgrade_nodes

_PREFIX = "container.projects.locations.clusters"
# Fields that may come together; every other field comes alone.
_TOGETHER = [
    {"desiredLoggingService", "desiredMonitoringService", "desiredLoggingConfig", "desiredMonitoringConfig"},
    {"desiredNodePoolAutoscaling", "desiredNodePoolId"},
    {"desiredNodeVersion", "desiredNodePoolId", "desiredImageType", "desiredImage", "desiredImageProject"},
    {"desiredPrivateClusterConfig", "desiredEnablePrivateEndpoint"},
]
# desired field -> where it goes, as a path; those that are not here go to the field of the same name.
_PLACES = {
    "desiredDefaultEnablePrivateNodes": "networkConfig.defaultEnablePrivateNodes",
    "desiredDnsConfig": "networkConfig.dnsConfig",
    "desiredGatewayApiConfig": "networkConfig.gatewayApiConfig",
    "desiredDatapathProvider": "networkConfig.datapathProvider",
    "desiredDefaultSnatStatus": "networkConfig.defaultSnatStatus",
    "desiredPrivateIpv6GoogleAccess": "networkConfig.privateIpv6GoogleAccess",
    "desiredServiceExternalIpsConfig": "networkConfig.serviceExternalIpsConfig",
    "desiredInTransitEncryptionConfig": "networkConfig.inTransitEncryptionConfig",
    "desiredEnableFqdnNetworkPolicy": "networkConfig.enableFqdnNetworkPolicy",
    "desiredEnableCiliumClusterwideNetworkPolicy": "networkConfig.enableCiliumClusterwideNetworkPolicy",
    "desiredEnableMultiNetworking": "networkConfig.enableMultiNetworking",
    "desiredDisableL4LbFirewallReconciliation": "networkConfig.disableL4LbFirewallReconciliation",
    "desiredNetworkPerformanceConfig": "networkConfig.networkPerformanceConfig",
    "desiredIntraNodeVisibilityConfig.enabled": "networkConfig.enableIntraNodeVisibility",
    "desiredL4ilbSubsettingConfig.enabled": "networkConfig.enableL4ilbSubsetting",
    "desiredStackType": "ipAllocationPolicy.stackType",
    "desiredAdditionalIpRangesConfig.additionalIpRangesConfigs": "ipAllocationPolicy.additionalIpRangesConfigs",
    "additionalPodRangesConfig": "ipAllocationPolicy.additionalPodRangesConfig",
    "desiredNodePoolAutoConfigNetworkTags": "nodePoolAutoConfig.networkTags",
    "desiredNodePoolAutoConfigKubeletConfig": "nodePoolAutoConfig.nodeKubeletConfig",
    "desiredNodePoolAutoConfigResourceManagerTags": "nodePoolAutoConfig.resourceManagerTags",
    "desiredNodePoolLoggingConfig": "nodePoolDefaults.nodeConfigDefaults.loggingConfig",
    "desiredNodeKubeletConfig": "nodePoolDefaults.nodeConfigDefaults.nodeKubeletConfig",
    "desiredGcfsConfig": "nodePoolDefaults.nodeConfigDefaults.gcfsConfig",
    "desiredContainerdConfig": "nodePoolDefaults.nodeConfigDefaults.containerdConfig",
    "desiredEnterpriseConfig.desiredTier": "enterpriseConfig.desiredTier",
    "desiredK8sBetaApis": "enableK8sBetaApis",
    "gkeAutoUpgradeConfig": "gkeAutoUpgradeConfig",
    "userManagedKeysConfig": "userManagedKeysConfig",
}


def run(
    call: Call,
    record: Record,
    change: Callable[[Data], None],
    kind: str = "UPDATE_CLUSTER",
    duration: str = "gke.cluster.update",
) -> Data:
    """Change a copy of the cluster now (so that nonsense is refused), put it in place when the operation ends."""
    check_idle(record)
    check_running(record)
    cluster = record.data
    new = copy.deepcopy(cluster)
    change(new)
    touched(new)
    cluster["status"] = "RECONCILING"

    def effect() -> None:
        record.data = {**new, "status": "RUNNING"}
        count_nodes(record.data)

    def failed(message: str, conditions: list[Data]) -> None:
        cluster["status"] = "RUNNING"

    return operations.start(call, record, kind, duration, effect, failed)


@handles(f"{_PREFIX}.update")
def update(call: Call) -> Data:
    """Apply one desired field."""
    _, record = find(call)
    given = dict(call.body.get("update", {}))
    check_etag(given.pop("etag", None), record.data["etag"])
    if not given:
        raise invalid("Must specify a field to update.")
    if len(given) > 1 and not any(set(given) <= group for group in _TOGETHER):
        raise invalid(f"At most one field can be updated by a request: {', '.join(sorted(given))}.")
    if "desiredNodePoolAutoscaling" in given:
        pool = pool_named(record, given.get("desiredNodePoolId", ""))
        return scale(call, record, pool, given["desiredNodePoolAutoscaling"])
    if "desiredNodeVersion" in given or "desiredImageType" in given:
        pool = pool_named(record, given.get("desiredNodePoolId", ""))
        body = {"nodeVersion": given.get("desiredNodeVersion"), "imageType": given.get("desiredImageType")}
        return upgrade_nodes(call, record, pool, {key: value for key, value in body.items() if value})
    if "desiredMasterVersion" in given:
        return _upgrade_master(call, record, given["desiredMasterVersion"])

    def change(new: Data) -> None:
        for field, value in given.items():
            _apply(call, new, field, value)

    return run(call, record, change)


def _upgrade_master(call: Call, record: Record, wanted: str) -> Data:
    cluster = record.data
    version = versions.resolve(wanted, cluster["releaseChannel"].get("channel"))
    versions.check_upgrade(cluster["currentMasterVersion"], version)

    def change(new: Data) -> None:
        new["currentMasterVersion"] = version

    return run(call, record, change, "UPGRADE_MASTER", "gke.master.upgrade")


def _apply(call: Call, cluster: Data, field: str, value: Any) -> None:
    special = _SPECIAL.get(field)
    if special is not None:
        special(call, cluster, value)
        return
    for source, place in _PLACES.items():
        name, _, inner = source.partition(".")
        if name == field:
            _put(cluster, place, value.get(inner, False) if inner else value)
            access.mirror(call, cluster)
            return
    name = field[7:8].lower() + field[8:] if field.startswith("desired") else field
    if name not in call.document.schemas["Cluster"]["properties"]:
        raise GoogleError(501, f"Updating {field} of a cluster is not served by the sandbox.")
    cluster[name] = value


def _put(cluster: Data, place: str, value: Any) -> None:
    *parents, leaf = place.split(".")
    node = cluster
    for part in parents:
        node = node.setdefault(part, {})
    node[leaf] = value


def _monitoring(_: Call, cluster: Data, value: Data) -> None:
    cluster["monitoringConfig"] = {**cluster["monitoringConfig"], **value}
    observability.mirror(cluster)


def _logging(_: Call, cluster: Data, value: Data) -> None:
    cluster["loggingConfig"] = value
    observability.mirror(cluster)


def _channel(_: Call, cluster: Data, value: Data) -> None:
    channel = value.get("channel")
    cluster["releaseChannel"] = {} if channel in (None, "UNSPECIFIED") else {"channel": channel}


def _locations(_: Call, cluster: Data, value: list[str]) -> None:
    cluster["locations"] = creation.node_zones(cluster["location"], value)


def _endpoints(call: Call, cluster: Data, value: Data) -> None:
    access.set_endpoints(cluster, value)
    access.mirror(call, cluster)


def _authorized(call: Call, cluster: Data, value: Data) -> None:
    access.set_authorized(cluster, value)
    access.mirror(call, cluster)


def _private(call: Call, cluster: Data, value: Data) -> None:
    access.set_private(cluster, value)
    access.mirror(call, cluster)


def _private_endpoint(call: Call, cluster: Data, value: bool) -> None:
    _private(call, cluster, {"enablePrivateEndpoint": value})


_SPECIAL: dict[str, Callable[[Call, Data, Any], None]] = {
    "desiredAddonsConfig": lambda _, cluster, value: creation.set_addons(cluster, value),
    "desiredLoggingConfig": _logging,
    "desiredLoggingService": lambda _, cluster, value: observability.set_logging_service(cluster, value),
    "desiredMonitoringConfig": _monitoring,
    "desiredMonitoringService": lambda _, cluster, value: observability.set_monitoring_service(cluster, value),
    "desiredReleaseChannel": _channel,
    "desiredLocations": _locations,
    "desiredControlPlaneEndpointsConfig": _endpoints,
    "desiredMasterAuthorizedNetworksConfig": _authorized,
    "desiredPrivateClusterConfig": _private,
    "desiredEnablePrivateEndpoint": _private_endpoint,
    "desiredWorkloadIdentityConfig": lambda _, cluster, value: creation.set_workload_identity(cluster, value),
    "desiredDatabaseEncryption": creation.set_encryption,
    "desiredClusterAutoscaling": lambda _, cluster, value: creation.set_autoscaling(cluster, value),
}


@handles(f"{_PREFIX}.updateMaster")
def update_master(call: Call) -> Data:
    """Upgrade the control plane."""
    _, record = find(call)
    return _upgrade_master(call, record, call.body.get("masterVersion", ""))


@handles(f"{_PREFIX}.setResourceLabels")
def set_resource_labels(call: Call) -> Data:
    """Replace the labels; the fingerprint must be the current one."""
    _, record = find(call)
    if call.body.get("labelFingerprint", "") != record.data["labelFingerprint"]:
        raise precondition("Labels could not be set due to fingerprint mismatch.")
    labels = call.body.get("resourceLabels", {})
    return run(call, record, lambda new: creation.set_labels(new, labels))


@handles(f"{_PREFIX}.setMaintenancePolicy")
def set_maintenance_policy(call: Call) -> Data:
    """Replace the maintenance policy."""
    _, record = find(call)
    policy = call.body.get("maintenancePolicy", {})
    return run(call, record, lambda new: creation.set_maintenance(new, policy))


@handles(f"{_PREFIX}.setAddons")
def set_addons(call: Call) -> Data:
    """Switch add-ons."""
    _, record = find(call)
    return run(call, record, lambda new: creation.set_addons(new, call.body.get("addonsConfig", {})))


@handles(f"{_PREFIX}.setLegacyAbac")
def set_legacy_abac(call: Call) -> Data:
    """Switch the old authorization."""
    _, record = find(call)
    return run(call, record, lambda new: new.update(legacyAbac={"enabled": call.body.get("enabled", False)}))


@handles(f"{_PREFIX}.setLocations")
def set_locations(call: Call) -> Data:
    """Zones of the nodes."""
    _, record = find(call)
    return run(call, record, lambda new: _locations(call, new, call.body.get("locations", [])))


@handles(f"{_PREFIX}.setLogging")
def set_logging(call: Call) -> Data:
    """Switch logging by the old service name."""
    _, record = find(call)
    service = call.body.get("loggingService", "")
    return run(call, record, lambda new: observability.set_logging_service(new, service))


@handles(f"{_PREFIX}.setMonitoring")
def set_monitoring(call: Call) -> Data:
    """Switch monitoring by the old service name."""
    _, record = find(call)
    service = call.body.get("monitoringService", "")
    return run(call, record, lambda new: observability.set_monitoring_service(new, service))


@handles(f"{_PREFIX}.setNetworkPolicy")
def set_network_policy(call: Call) -> Data:
    """Switch Calico."""
    _, record = find(call)
    return run(call, record, lambda new: creation.set_network_policy(new, call.body.get("networkPolicy", {})))
