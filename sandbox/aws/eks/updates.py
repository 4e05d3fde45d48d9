"""Asynchronous changes of a cluster, and what is told about any update."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..hooks import Hooks
from ..wire import Call
from .catalog import BY_NAME, minor
from .checks import Checks
from .clusters import log_setup, refuse_unreachable
from .errors import in_use, invalid, invalid_request, not_found
from .paging import page
from .state import Cluster, Document, Lifecycle
from .store import Store

_MAX_SKEW = 3  # a kubelet may be three minor versions older than the API server
_SIMPLE = {
    "upgradePolicy": ("UpgradePolicyUpdate", "UpgradePolicy"),
    "zonalShiftConfig": ("ZonalShiftConfigUpdate", "ZonalShiftConfig"),
    "deletionProtection": ("DeletionProtectionUpdate", "DeletionProtection"),
    "controlPlaneScalingConfig": ("ControlPlaneScalingConfigUpdate", "UpdatedTier"),
    "remoteNetworkConfig": ("RemoteNetworkConfigUpdate", "RemoteNetworkConfig"),
}
_AUTO_MODE = ("computeConfig", "storageConfig", "kubernetesNetworkConfig")
_Plan = tuple[str, dict[str, Any], Callable[[], None]]


class Updates:
    """Handlers of UpdateCluster*, AssociateEncryptionConfig, DescribeUpdate and ListUpdates."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("eks.UpdateClusterConfig", self.config)
        hooks.replace("eks.UpdateClusterVersion", self.version)
        hooks.replace("eks.AssociateEncryptionConfig", self.encryption)
        hooks.replace("eks.DescribeUpdate", self.describe)
        hooks.replace("eks.ListUpdates", self.list_all)

    def config(self, call: Call) -> Document:
        """UpdateClusterConfig: one kind of change at a time."""
        cluster = self._store.cluster(call)
        plans = list(self._plans(call, cluster))
        if not plans:
            raise invalid("No changes requested", clusterName=cluster.name)
        if len({kind for kind, _, _ in plans}) > 1:
            raise invalid("Only one type of update can be allowed.", clusterName=cluster.name)
        kind, params, apply = plans[0]
        self._store.refuse_second_update(cluster, kind)
        update = self._store.start_update(
            call, cluster.life, kind=kind, params=params, duration="eks.cluster.update_config", apply=apply
        )
        return {"update": update}

    def _plans(self, call: Call, cluster: Cluster) -> list[_Plan]:
        wanted = call.params
        plans: list[_Plan] = []
        if wanted.get("resourcesVpcConfig"):
            plans.extend(self._vpc(call, cluster, wanted["resourcesVpcConfig"]))
        if wanted.get("logging"):
            plans.append(_logging(cluster, wanted["logging"]))
        if wanted.get("accessConfig"):
            plans.append(_access(cluster, wanted["accessConfig"]))
        for key, (kind, label) in _SIMPLE.items():
            if wanted.get(key) is not None:
                _refuse_same(cluster, key, wanted[key])
                plans.append((kind, {label: _text(wanted[key])}, _setter(cluster.document, {key: wanted[key]})))
        auto = {key: wanted[key] for key in _AUTO_MODE if wanted.get(key) is not None}
        if auto:
            changed = {key: {**cluster.document.get(key, {}), **value} for key, value in auto.items()}
            params = {key[0].upper() + key[1:]: _text(value) for key, value in auto.items()}
            plans.append(("AutoModeUpdate", params, _setter(cluster.document, changed)))
        return plans

    def _vpc(self, call: Call, cluster: Cluster, wanted: Document) -> list[_Plan]:
        current = cluster.document["resourcesVpcConfig"]
        endpoint = {key: wanted[key] for key in ("endpointPublicAccess", "endpointPrivateAccess") if key in wanted}
        cidrs = wanted.get("publicAccessCidrs")
        plans: list[_Plan] = []
        if endpoint or cidrs is not None:
            after = {**current, **endpoint}
            refuse_unreachable(after["endpointPublicAccess"], after["endpointPrivateAccess"], cluster.name)
            if not after["endpointPublicAccess"]:
                after["publicAccessCidrs"] = []
            else:
                after["publicAccessCidrs"] = _canonical(cidrs or current["publicAccessCidrs"] or ["0.0.0.0/0"])
            keys = ("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs")
            if all(sorted_if_list(after[key]) == sorted_if_list(current[key]) for key in keys):
                raise invalid(
                    "Cluster is already at the desired configuration with endpointPrivateAccess: "
                    f"{_text(current['endpointPrivateAccess'])} , endpointPublicAccess: "
                    f"{_text(current['endpointPublicAccess'])}, and Public Endpoint Restrictions: "
                    f"[{', '.join(current['publicAccessCidrs'])}]",
                    clusterName=cluster.name,
                )
            params = {
                "EndpointPublicAccess": _text(after["endpointPublicAccess"]),
                "EndpointPrivateAccess": _text(after["endpointPrivateAccess"]),
                "PublicAccessCidrs": _text(after["publicAccessCidrs"]),
            }
            plans.append(("EndpointAccessUpdate", params, _setter(current, {key: after[key] for key in keys})))
        if wanted.get("subnetIds") or wanted.get("securityGroupIds") is not None:
            plans.append(self._subnets_and_groups(call, cluster, wanted))
        return plans

    def _subnets_and_groups(self, call: Call, cluster: Cluster, wanted: Document) -> _Plan:
        current = cluster.document["resourcesVpcConfig"]
        subnet_ids = wanted.get("subnetIds") or current["subnetIds"]
        groups = (
            wanted["securityGroupIds"] if wanted.get("securityGroupIds") is not None else current["securityGroupIds"]
        )
        subnets = self._checks.subnets(call.region, subnet_ids, clusterName=cluster.name)
        if subnets[0].vpc_id != current["vpcId"]:
            raise invalid("Subnets specified must belong to the VPC of the cluster", clusterName=cluster.name)
        if len({subnet.availability_zone for subnet in subnets}) < 2:
            raise invalid("Subnets specified must be in at least two different AZs", clusterName=cluster.name)
        self._checks.security_groups(call.region, groups, current["vpcId"], clusterName=cluster.name)

        def apply() -> None:
            current.update(subnetIds=list(subnet_ids), securityGroupIds=list(groups))
            self._store.footprint.detach(cluster.region, cluster.interfaces)
            self._store.footprint.attach_control_plane(cluster, subnets)

        return "VpcConfigUpdate", {"Subnets": _text(subnet_ids), "SecurityGroups": _text(groups)}, apply

    def version(self, call: Call) -> Document:
        """UpdateClusterVersion: one minor version up."""
        cluster, wanted = self._store.cluster(call), call.params["version"]
        if wanted not in BY_NAME:
            raise invalid(f"unsupported Kubernetes version {wanted}", clusterName=cluster.name)
        step = minor(wanted) - minor(cluster.version)
        if step == 0:
            raise invalid(f"Cluster is already at version {wanted}", clusterName=cluster.name)
        if step != 1:
            raise invalid(
                f"Unsupported Kubernetes minor version update from {cluster.version} to {wanted}",
                clusterName=cluster.name,
            )
        for nodegroup in cluster.nodegroups.values():
            if minor(wanted) - minor(nodegroup.document["version"]) > _MAX_SKEW:
                raise invalid_request(
                    f"Nodegroups {nodegroup.name} must be updated to match cluster version {cluster.version} before "
                    "updating cluster version",
                    clusterName=cluster.name,
                )
        self._store.refuse_second_update(cluster, "VersionUpdate")
        platform = BY_NAME[wanted].platform
        update = self._store.start_update(
            call,
            cluster.life,
            kind="VersionUpdate",
            params={"Version": wanted, "PlatformVersion": platform},
            duration="eks.cluster.update_version",
            apply=_setter(cluster.document, {"version": wanted, "platformVersion": platform}),
        )
        return {"update": update}

    def encryption(self, call: Call) -> Document:
        """AssociateEncryptionConfig: once, for ever."""
        cluster = self._store.cluster(call, call.params["clusterName"])
        wanted = call.params["encryptionConfig"]
        for item in wanted:
            arn = item.get("provider", {}).get("keyArn", "")
            self._checks.encryption_key(call.region, arn, clusterName=cluster.name)
        if cluster.document.get("encryptionConfig"):
            raise invalid("Encryption is already enabled for cluster", clusterName=cluster.name)
        self._store.refuse_second_update(cluster, "AssociateEncryptionConfig")
        update = self._store.start_update(
            call,
            cluster.life,
            kind="AssociateEncryptionConfig",
            params={"EncryptionConfig": json.dumps(wanted, separators=(",", ":"))},
            duration="eks.cluster.associate_encryption",
            apply=_setter(cluster.document, {"encryptionConfig": wanted}),
        )
        return {"update": update}

    def describe(self, call: Call) -> Document:
        """DescribeUpdate of a cluster, a node group or an add-on."""
        update_id = call.params["updateId"]
        update = self._life(call).updates.get(update_id)
        if update is None:
            raise not_found(f"No update found for ID: {update_id}", clusterName=call.params["name"])
        return {"update": update.describe()}

    def list_all(self, call: Call) -> Document:
        """ListUpdates of a cluster, a node group or an add-on."""
        return page(call, list(self._life(call).updates), "updateIds")

    def _life(self, call: Call) -> Lifecycle:
        cluster, wanted = self._store.cluster(call), call.params
        if wanted.get("nodegroupName"):
            nodegroup = cluster.nodegroups.get(wanted["nodegroupName"])
            if nodegroup is None:
                raise not_found(f"No node group found for name: {wanted['nodegroupName']}.", clusterName=cluster.name)
            return nodegroup.life
        if wanted.get("addonName"):
            addon = cluster.addons.get(wanted["addonName"])
            if addon is None:
                raise not_found(f"No addon: {wanted['addonName']} found in cluster: {cluster.name}")
            return addon.life
        return cluster.life


def _logging(cluster: Cluster, wanted: Document) -> _Plan:
    after = log_setup(wanted, cluster.document["logging"])
    if after == cluster.document["logging"]:
        raise invalid("No changes needed for the logging config provided", clusterName=cluster.name)
    params = {"ClusterLogging": json.dumps(wanted, separators=(",", ":"))}
    return "LoggingUpdate", params, _setter(cluster.document, {"logging": after})


def _access(cluster: Cluster, wanted: Document) -> _Plan:
    order = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
    current = cluster.document["accessConfig"]["authenticationMode"]
    mode = wanted.get("authenticationMode", current)
    if mode == current:
        raise invalid(f"Unsupported authentication mode update from {current} to {mode}", clusterName=cluster.name)
    if order.index(mode) != order.index(current) + 1:
        raise invalid(f"Unsupported authentication mode update from {current} to {mode}", clusterName=cluster.name)
    after = {**cluster.document["accessConfig"], "authenticationMode": mode}
    return "AccessConfigUpdate", {"AuthenticationMode": mode}, _setter(cluster.document, {"accessConfig": after})


def _refuse_same(cluster: Cluster, key: str, value: Any) -> None:
    if cluster.document.get(key) == value:
        raise invalid(f"No changes needed for the {key} provided", clusterName=cluster.name)


def _setter(target: Document, values: Document) -> Callable[[], None]:
    return lambda: target.update(values)


def _canonical(cidrs: list[str]) -> list[str]:
    return [cidr if "/" in cidr else f"{cidr}/32" for cidr in cidrs]


def sorted_if_list(value: Any) -> Any:
    """Lists that are sets compare in one order."""
    return sorted(value) if isinstance(value, list) else value


def _text(value: Any) -> str:
    """How update parameters spell a value."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def refuse_unless_active(life: Lifecycle, what: str, **names: str) -> None:
    """Node groups and add-ons take one change at a time."""
    if life.status not in ("ACTIVE", "DEGRADED", "UPDATE_FAILED"):
        raise in_use(f"{what} cannot be updated as it is currently not in Active State", **names)
