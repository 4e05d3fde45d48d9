"""Node pools of clusters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from ...armid import small_group
from ...call import Call
from ...errors import FLAT, ArmError
from ...operations import Operation
from ...store import Document, Record
from ..compute import shortfall
from ..sizes import SIZES, available, restricted
from . import nodes, releases
from .base import CLUSTERS, POOLS, AksKind, invalid, pruned, refuse, require_cluster, unchangeable

if TYPE_CHECKING:
    from ...emulator import AzureEmulator
    from .clusters import ManagedClusters

_NAME = re.compile(r"^[a-z][a-z0-9]{0,11}$")
_FIXED = (
    *("vmSize", "osType", "osDiskSizeGB", "osDiskType", "kubeletDiskType", "vnetSubnetID", "podSubnetID", "maxPods"),
    *("availabilityZones", "scaleSetPriority", "type", "enableNodePublicIP", "gpuInstanceProfile", "hostGroupID"),
)
_SPOT_LABEL = {"kubernetes.azure.com/scalesetpriority": "spot"}
_SPOT_TAINT = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"
_SECURITY = {"sshAccess": "LocalUser", "enableVTPM": False, "enableSecureBoot": False}
# Defaults that older api-versions do not show: property -> (first api-version that does, the default)
_SINCE: dict[str, tuple[str, Any]] = {
    "securityProfile": ("2025-01-01", _SECURITY),
}


class AgentPools(AksKind):
    """Node pools. One operation at a time per cluster."""

    type = POOLS
    duration = "aks.agentpool"
    tracked = False

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        cluster = require_cluster(self, call)
        if cluster.state == "Failed":
            message = f"Operation is not allowed: managed cluster {cluster.name} is in a failed state."
            raise refuse(409, "OperationNotAllowed", message)
        sent = {"enableAutoScaling": False, "mode": "User", **(body.get("properties") or {})}
        if previous is not None:
            sent = dict(body.get("properties") or {})
        old = previous.properties if previous is not None else None
        properties = complete_pool(call.target.name, sent, old, cluster.properties, "agentPoolProfile")
        siblings = [pool.properties for pool in self.store.of_kind(POOLS, cluster.id) if pool is not previous]
        check_pools([*siblings, properties])
        check_capacity(self.emulator, cluster.location, [(properties, old)])
        nodes.check_subnet(self.emulator, cluster.location, properties, cluster.properties.get("networkProfile") or {})
        if old is not None:
            call.notes["updating"] = _word(old, properties)
        return {"properties": properties}

    def check_busy(self, call: Call, record: Record) -> None:
        self.check_cluster_free(self.store.get(record.parent) or record)

    def put(self, call: Call) -> Any:
        cluster = self.store.get(call.target.parent)
        if cluster is not None:
            self.check_cluster_free(cluster)
        return super().put(call)

    def check_delete(self, call: Call, record: Record) -> None:
        others = [pool for pool in self.store.of_kind(POOLS, record.parent) if pool is not record]
        if record.properties["mode"] == "System" and all(pool.properties["mode"] != "System" for pool in others):
            message = "There has to be at least one system agent pool."
            raise refuse(400, "OperationNotAllowed", message)

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        record.private["upgrading"] = call.notes.get("updating") == "Upgrading"
        cluster = require_cluster(self, call)
        nodes.write_pool(self.emulator, cluster, record)

    def settled(self, record: Record, operation: Operation) -> None:
        settle_pool(record.properties)
        cluster = self.store.get(record.parent)
        if cluster is not None:
            nodes.write_pool(self.emulator, cluster, record)
            self._clusters().kubernetes.settled(cluster, record)

    def removed(self, record: Record) -> None:
        nodes.remove_pool(self.emulator, record)
        cluster = self.store.get(record.parent)
        if cluster is not None:
            self._clusters().kubernetes.follow(cluster)

    def _clusters(self) -> ManagedClusters:
        return cast("ManagedClusters", self.emulator.kinds[CLUSTERS.lower()])

    def seconds(self, verb: str, record: Record) -> float:
        if verb == "update" and record.private.get("upgrading"):
            return self.emulator.context.profile.seconds("aks.agentpool.upgrade")
        return super().seconds(verb, record)

    def missing(self, call: Call) -> ArmError:
        target = call.target
        message = (
            f"Could not find the agentpool: {target.name} in subscription: {target.subscription}, resourceGroup: "
            f"{target.group}, resourceName: {target.names[0]}."
        )
        details = [{"code": "Unspecified", "message": "rpc error: code = NotFound desc = Agent Pool not found"}]
        return ArmError(404, "NotFound", message, details=details, style=FLAT)

    def render(self, record: Record, version: str) -> Document:
        shown = super().render(record, version)
        shown["id"] = small_group(record.id)
        shown["properties"] = show_pool(record, version)
        return shown


def show_pool(record: Record, version: str) -> Document:
    """A pool's properties as a GET shows them."""
    ordered: Document = {}
    for key, value in record.properties.items():
        first, default = _SINCE.get(key, ("", None))
        if version < first and value == default:
            continue
        ordered[key] = value
        if key == "type":
            ordered["provisioningState"] = record.state
            ordered["powerState"] = {"code": "Running"}
    upgrade = dict(ordered.get("upgradeSettings") or {})
    if version < "2025-01-01":
        upgrade.pop("maxUnavailable", None)
    ordered["upgradeSettings"] = upgrade
    return ordered


def complete_pool(name: str, sent: Document, old: Document | None, cluster: Document, path: str) -> Document:
    """A pool out of a request: defaults filled, empties dropped, fixed properties guarded."""
    if not _NAME.match(name):
        raise invalid(f"{path}.name", f"'{name}' must match ^[a-z][a-z0-9]{{0,11}}$")
    cleared = {key for key in ("nodeLabels", "nodeTaints", "tags") if key in sent and not sent[key]}
    asked = _asked_pool(sent)
    for key in _FIXED:
        if old is not None and key in asked and _plain(asked[key]) != _plain(old.get(key)):
            raise unchangeable(f"properties.{key}")
    surge = (asked.get("upgradeSettings") or {}).get("maxSurge")
    network = cluster.get("networkProfile") or {}
    base = dict(old) if old is not None else _defaults(asked, network)
    if old is not None and asked.get("enableAutoScaling") is False:
        base.pop("minCount", None)
        base.pop("maxCount", None)
    for key in cleared:
        base.pop(key, None)
    for key in ("upgradeSettings", "securityProfile"):
        if old is not None and key in asked:
            asked[key] = {**(old.get(key) or {}), **asked[key]}
    properties = {**base, **asked}
    if properties.get("enableAutoScaling") is False:
        properties.pop("minCount", None)
        properties.pop("maxCount", None)
    _set_version(properties, asked, old, cluster)
    if properties.get("scaleSetPriority") == "Spot":
        _make_spot(properties, surge, path)
    _check_counts(properties, path)
    return dict(sorted(properties.items(), key=_order))


_SHOWN_ORDER = (
    *("count", "vmSize", "osDiskSizeGB", "osDiskType", "kubeletDiskType", "vnetSubnetID", "podSubnetID", "maxPods"),
    *("type", "availabilityZones", "maxCount", "minCount", "enableAutoScaling", "scaleDownMode"),
    *("orchestratorVersion", "currentOrchestratorVersion", "enableNodePublicIP", "tags", "nodeLabels", "nodeTaints"),
    *("mode", "osType", "osSKU", "nodeImageVersion", "upgradeSettings", "enableFIPS", "securityProfile"),
)


def _asked_pool(sent: Document) -> Document:
    """What a request asks for: the service drops empties, and what says nothing about a regular pool."""
    asked: Document = pruned({key: value for key, value in sent.items() if key not in ("name", "powerState")})
    if asked.get("scaleSetPriority") == "Regular":
        for key in ("scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice"):
            asked.pop(key, None)
    if asked.get("osDiskSizeGB") == 0:
        del asked["osDiskSizeGB"]
    return asked


def _plain(value: Any) -> Any:
    """A value to compare with: ids and sizes without case, lists without order."""
    if isinstance(value, list):
        return sorted(value)
    return value.lower() if isinstance(value, str) else value


def _order(item: tuple[str, Any]) -> int:
    return _SHOWN_ORDER.index(item[0]) if item[0] in _SHOWN_ORDER else len(_SHOWN_ORDER)


def _defaults(asked: Document, network: Document) -> Document:
    os_sku = asked.get("osSKU", "Ubuntu")
    flat = network.get("networkPlugin") == "azure" and network.get("networkPluginMode") != "overlay"
    pods = 110 if network.get("networkPlugin") in ("kubenet", "none") else 30 if flat else 250
    surge = {"maxSurge": "10%", "maxUnavailable": "0"}
    if asked.get("upgradeSettings"):
        surge = {**surge, **asked.pop("upgradeSettings")}
    security = {**_SECURITY, **asked.pop("securityProfile", {})}
    return {
        "count": 1,
        "osDiskSizeGB": 128,
        "osDiskType": "Managed",
        "kubeletDiskType": "OS",
        "maxPods": pods,
        "type": "VirtualMachineScaleSets",
        "scaleDownMode": "Delete",
        "enableNodePublicIP": False,
        "mode": "User",
        "osType": "Linux",
        "osSKU": os_sku,
        "nodeImageVersion": releases.node_image(os_sku),
        "upgradeSettings": surge,
        "enableFIPS": False,
        "securityProfile": security,
    }


def _set_version(properties: Document, asked: Document, old: Document | None, cluster: Document) -> None:
    control = cluster["currentKubernetesVersion"]
    wanted = asked.get("orchestratorVersion") or (old or {}).get("orchestratorVersion") or ""
    wanted = wanted or cluster["kubernetesVersion"]
    if old is not None and wanted == old.get("orchestratorVersion"):
        return
    shown, current = releases.resolve(wanted, "")
    if wanted == releases.minor(control):
        current = control
    if releases.number(current) > releases.number(control):
        message = (
            f"Node pool version {current} and control plane version {control} are incompatible. Minor version of node "
            f"pool version {current.split('.')[1]} is bigger than control plane version {control.split('.')[1]}. For "
            "more information, please check https://aka.ms/aks/UpgradeVersionRules"
        )
        raise refuse(400, "NodePoolMcVersionIncompatible", message)
    if old is not None:
        releases.check_upgrade(old["currentOrchestratorVersion"], current)
    properties["orchestratorVersion"] = shown
    properties["currentOrchestratorVersion"] = current


def _make_spot(properties: Document, surge: str | None, path: str) -> None:
    if properties["mode"] == "System":
        raise invalid(f"{path}.scaleSetPriority", "Spot priority is not supported in a pool of mode System")
    if surge:
        raise invalid(f"{path}.upgrade.maxSurge", "Spot pools can't set max surge")
    properties["upgradeSettings"] = {}
    properties.setdefault("scaleSetEvictionPolicy", "Delete")
    price = properties.get("spotMaxPrice", -1)
    properties["spotMaxPrice"] = int(price) if price == int(price) else price  # the service writes -1, not -1.0
    properties["nodeLabels"] = {**(properties.get("nodeLabels") or {}), **_SPOT_LABEL}
    taints = properties.get("nodeTaints") or []
    properties["nodeTaints"] = taints if _SPOT_TAINT in taints else [*taints, _SPOT_TAINT]


def _check_counts(properties: Document, path: str) -> None:
    least = 1 if properties["mode"] == "System" else 0
    count = properties["count"]
    if not least <= count <= 1000:
        raise invalid(
            f"{path}.count", f"{count} is not between {least} and 1000 for a pool of mode {properties['mode']}"
        )
    if not properties.get("enableAutoScaling"):
        return
    low, high = properties.get("minCount"), properties.get("maxCount")
    if low is None or high is None:
        raise invalid(f"{path}.minCount", "minCount and maxCount are required when enableAutoScaling is true")
    if low < least or high < low or high > 1000:
        raise invalid(f"{path}.minCount", f"minCount {low} and maxCount {high} are no range from {least} to 1000")


def check_pools(pools: list[Document]) -> None:
    """ArmError unless there is a system pool."""
    if all(pool["mode"] != "System" for pool in pools):
        raise refuse(400, "InvalidParameter", "Must define at least one system pool.", "agentPoolProfiles")


def check_capacity(emulator: AzureEmulator, region: str, changes: list[tuple[Document, Document | None]]) -> None:
    """ArmError unless the region has the machine sizes and the quotas suffice for what is added."""
    wanted: dict[tuple[str, bool], int] = {}
    for new, old in changes:
        size = SIZES.get(str(new.get("vmSize") or "").lower())
        if size is None or not available(size, region) or restricted(size, region):
            message = (
                f"The VM size of {new.get('vmSize')} is not allowed in your subscription in "
                f"location '{region}'. For more "
                "details, please visit https://aka.ms/cpu-quota"
            )
            raise refuse(400, "BadRequest", message, "agentPoolProfile.vmSize")
        new["vmSize"] = size.name
        added = new["count"] - (old["count"] if old is not None else 0)
        key = (size.name.lower(), new.get("scaleSetPriority") == "Spot")
        wanted[key] = wanted.get(key, 0) + max(0, added) * size.vcpus
    for (name, spot), vcpus in wanted.items():
        lacking = shortfall(emulator, region, SIZES[name], vcpus, spot)
        if vcpus and lacking is not None:
            quota, left = lacking
            message = (
                f"Preflight validation check for resource(s) failed. Message: Insufficient {quota} quota requested "
                f"{vcpus}, remaining {left} for family {SIZES[name].family} for region {region}. If "
                "you want to increase "
                "the quota, please follow this instruction: https://aka.ms/aks-quota-increase."
            )
            raise refuse(400, "ErrCode_InsufficientVCPUQuota", message)


def settle_pool(properties: Document) -> None:
    """What the autoscaler does at once: bring the number of nodes into its range."""
    if properties.get("enableAutoScaling"):
        properties["count"] = min(max(properties["count"], properties["minCount"]), properties["maxCount"])


def _word(old: Document, new: Document) -> str:
    changed = changed_keys(old, new)
    if "currentOrchestratorVersion" in changed:
        return "Upgrading"
    return "Scaling" if changed == {"count"} else "Updating"


def changed_keys(old: Document, new: Document) -> set[str]:
    """What differs between two versions of a pool; the way its version is written does not count."""
    return {key for key in {*old, *new} if old.get(key) != new.get(key)} - {"orchestratorVersion"}


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(AgentPools(emulator))
