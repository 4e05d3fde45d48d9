# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of Microsoft.ContainerService: the cluster, its agent pools, its maintenance windows.

The service drops empty values and its own defaults from what it returns, and fills in what is sent as zero or as an
empty string (recorded traffic). What the autoscaler owns is not compared: the node count while autoscaling is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Mode
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation
from . import releases
from .arm import ArmResource, at
from .bodies import merged, writable
from .fields import TRACKED, ArmFields, canonical, cidr, dropped, unless_blank

_FIXED = Field(Mode.IMMUTABLE, normalise=canonical)


def _pool_fields(prefix: str) -> dict[str, Field]:
    fixed = ("vmSize", "osType", "type", "vnetSubnetID", "podSubnetID", "maxPods", "osDiskType", "gpuInstanceProfile")
    fields = {f"{prefix}.{name}": Field(Mode.IMMUTABLE, equal=unless_blank) for name in fixed}
    return {
        **fields,
        f"{prefix}.osDiskSizeGB": Field(Mode.IMMUTABLE, equal=unless_blank),
        f"{prefix}.availabilityZones": Field(Mode.IMMUTABLE, normalise=canonical),
        f"{prefix}.orchestratorVersion": Field(equal=releases.same, disruptive=True),
        f"{prefix}.scaleSetPriority": Field(Mode.IMMUTABLE, equal=dropped("Regular")),
        f"{prefix}.scaleSetEvictionPolicy": Field(Mode.IMMUTABLE, equal=dropped("Delete")),
        f"{prefix}.spotMaxPrice": Field(equal=dropped(-1)),
        f"{prefix}.nodeTaints": Field(normalise=_taints),
        f"{prefix}.creationData": CREATE_ONLY,
    }


def _taints(value: Any) -> Any:
    """Taints in one order, without those that the service keeps by itself (spot pools)."""
    return sorted(item for item in value or [] if not item.startswith("kubernetes.azure.com/"))


def _counts(pool: Mapping[str, Any]) -> dict[str, Any]:
    """A pool without its node count while the autoscaler owns it."""
    return {name: value for name, value in pool.items() if name != "count" or not pool.get("enableAutoScaling")}


class Cluster(ArmResource):
    """An AKS cluster. Its first pool is made with it; every pool is changed as an object of its own afterwards.

    outputs: fqdn, oidc_issuer, version, node_resource_group, kubelet_id, pools (names).
    """

    kind = "azure.container.cluster"
    type = "Microsoft.ContainerService/managedClusters"
    tag_patch = True
    replaceable = False
    fields = ArmFields(
        {
            **TRACKED,
            "properties.kubernetesVersion": Field(equal=releases.same, disruptive=True),
            "properties.dnsPrefix": _FIXED,
            "properties.nodeResourceGroup": _FIXED,
            "properties.enableRBAC": IMMUTABLE,
            "properties.linuxProfile": IMMUTABLE,
            "properties.windowsProfile.adminPassword": Field(Mode.CREATE_ONLY, secret=True),
            "properties.servicePrincipalProfile.secret": Field(Mode.CREATE_ONLY, secret=True),
            "properties.aadProfile.serverAppSecret": Field(Mode.CREATE_ONLY, secret=True),
            "properties.agentPoolProfiles": Field(key="name", open=True),
            **_pool_fields("properties.agentPoolProfiles[]"),
            "properties.apiServerAccessProfile.authorizedIPRanges": Field(normalise=cidr),
            "properties.apiServerAccessProfile.enablePrivateCluster": IMMUTABLE,
            "properties.apiServerAccessProfile.privateDNSZone": _FIXED,
            "properties.networkProfile.networkPlugin": _FIXED,
            "properties.networkProfile.podCidr": _FIXED,
            "properties.networkProfile.serviceCidr": _FIXED,
            "properties.networkProfile.dnsServiceIP": _FIXED,
            "properties.networkProfile.loadBalancerSku": _FIXED,
            "properties.networkProfile.networkPolicy": Field(equal=dropped("none")),
            "properties.networkProfile.networkDataplane": Field(equal=dropped("azure")),
            "properties.autoUpgradeProfile.upgradeChannel": Field(equal=dropped("none")),
        }
    )
    read_only = frozenset(
        {
            *("currentkubernetesversion", "currentorchestratorversion", "nodeimageversion", "fqdn", "privatefqdn"),
            *("azureportalfqdn", "maxagentpools", "resourceuid", "effectiveoutboundips", "issuerurl", "status"),
        }
    )
    exposes = {
        "fqdn": "properties.fqdn",
        "private_fqdn": "properties.privateFQDN",
        "oidc_issuer": "properties.oidcIssuerProfile.issuerURL",
        "version": "properties.currentKubernetesVersion",
        "node_resource_group": "properties.nodeResourceGroup",
        "kubelet_id": "properties.identityProfile.kubeletidentity.objectId",
    }

    @classmethod
    def comparable(cls, body: dict[str, Any]) -> dict[str, Any]:
        properties = body.get("properties") or {}
        pools = properties.get("agentPoolProfiles")
        if not pools:
            return body
        return {**body, "properties": {**properties, "agentPoolProfiles": [_counts(pool) for pool in pools]}}

    def expose(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        pools = [pool["name"] for pool in at(raw, "properties.agentPoolProfiles") or []]
        return {**super().expose(raw), **({"pools": pools} if pools else {})}

    def desired(self) -> dict[str, Any]:
        body = super().desired()
        if self.outputs.get("pools"):
            body["properties"] = {**body["properties"], "agentPoolProfiles": None}
        return body

    def check_update(self, observed: Observed, change: Plan) -> str:
        if not change.touches("properties.kubernetesVersion"):
            return ""
        return releases.refusal(*self._versions(observed, self.desired()))

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if all(item.top == "tags" for item in change.changes) and change.changes:
            return super().update(observed, desired, change)
        # A PUT carries the pools too: what the autoscaler did since the last look must not be undone.
        raw = self.session.read(self.path, self.type, direct=True) or observed.raw
        if change.touches("properties.kubernetesVersion"):
            # The control plane alone, one minor version at a time; the pools follow as objects of their own.
            have, want = self._versions(observed, desired)
            desired = {"properties": {"kubernetesVersion": releases.next_step(have, want)}}
        body = merged(desired, writable(raw, self.read_only), self.fields)
        body["properties"].pop("powerState", None)
        return self.write("PUT", body)

    @staticmethod
    def _versions(observed: Observed, desired: dict[str, Any]) -> tuple[str, str]:
        have = at(observed.raw, "properties.currentKubernetesVersion") or at(
            observed.raw, "properties.kubernetesVersion"
        )
        return str(have), str(at(desired, "properties.kubernetesVersion"))


class AgentPool(ArmResource):
    """A pool of nodes. `first`: made with its cluster. outputs: mode."""

    kind = "azure.container.agent_pool"
    type = "Microsoft.ContainerService/managedClusters/agentPools"
    tracked = False
    inner = True
    fields = ArmFields({"properties": MUTABLE, **_pool_fields("properties")})
    read_only = frozenset({"currentorchestratorversion", "nodeimageversion", "status"})
    exposes = {"mode": "properties.mode"}

    def __init__(self, *args: Any, first: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.first = first
        if first:
            self.replaceable = False  # type: ignore[misc]  # a cluster never loses its only system pool

    @classmethod
    def comparable(cls, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "properties": _counts(body.get("properties") or {})}

    def within(self, parent: dict[str, Any]) -> dict[str, Any] | None:
        name = self.path.rpartition("/")[2]
        for profile in at(parent, "properties.agentPoolProfiles") or []:
            if profile.get("name") == name:
                shown = {key: value for key, value in profile.items() if key != "name"}
                return {"id": f"{parent['id']}/agentPools/{name}", "name": name, "properties": shown}
        return {}

    def desired(self) -> dict[str, Any]:
        body = super().desired()
        return self.comparable(body) if self.outputs else body

    def create(self, desired: dict[str, Any]) -> Operation:
        if self.first and self.session.read(self.path, self.type, direct=True) is not None:
            return DONE
        return super().create(desired)

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raw = self.session.read(self.path, self.type, direct=True) or observed.raw
        if change.touches("properties.orchestratorVersion"):
            have = at(raw, "properties.currentOrchestratorVersion") or at(raw, "properties.orchestratorVersion")
            want = str(at(desired, "properties.orchestratorVersion"))
            desired = {"properties": {"orchestratorVersion": releases.next_step(str(have), want)}}
        return self.write("PUT", merged(desired, writable(raw, self.read_only), self.fields))


class MaintenanceConfiguration(ArmResource):
    """When the service may upgrade: `aksManagedAutoUpgradeSchedule` and `aksManagedNodeOSUpgradeSchedule`."""

    kind = "azure.container.maintenance"
    type = "Microsoft.ContainerService/managedClusters/maintenanceConfigurations"
    tracked = False
    inner = True
    fields = ArmFields(
        {
            "properties": MUTABLE,
            "properties.maintenanceWindow.schedule": Field(exact=True),
            "properties.timeInWeek": Field(key="day"),
        }
    )
