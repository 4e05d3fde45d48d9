# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How GKE returns what it was sent, field by field (Kubernetes Engine API v1; most of it seen in recorded traffic)."""

from __future__ import annotations

from typing import Any

from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Mode
from .references import FIXED_REFERENCE, REFERENCE, ProtoFields, or_absent, same_range, same_reference, same_version

_UNORDERED = Field(unordered=True)

# Member of Cluster -> member of ClusterUpdate. One update changes one of them (projects.locations.clusters.update).
CLUSTER_UPDATES = {
    "addonsConfig": "desiredAddonsConfig",
    "anonymousAuthenticationConfig": "desiredAnonymousAuthenticationConfig",
    "authenticatorGroupsConfig": "desiredAuthenticatorGroupsConfig",
    "autoscaling": "desiredClusterAutoscaling",
    "binaryAuthorization": "desiredBinaryAuthorization",
    "compliancePostureConfig": "desiredCompliancePostureConfig",
    "controlPlaneEgress": "desiredControlPlaneEgress",
    "controlPlaneEndpointsConfig": "desiredControlPlaneEndpointsConfig",
    "costManagementConfig": "desiredCostManagementConfig",
    "databaseEncryption": "desiredDatabaseEncryption",
    "fleet": "desiredFleet",
    "identityServiceConfig": "desiredIdentityServiceConfig",
    "ipAllocationPolicy.additionalIpRangesConfigs": "desiredAdditionalIpRangesConfig",
    "ipAllocationPolicy.networkTierConfig": "desiredNetworkTierConfig",
    "ipAllocationPolicy.stackType": "desiredStackType",
    "locations": "desiredLocations",
    "loggingConfig": "desiredLoggingConfig",
    "loggingService": "desiredLoggingService",
    "masterAuthorizedNetworksConfig": "desiredMasterAuthorizedNetworksConfig",
    "meshCertificates": "desiredMeshCertificates",
    "monitoringConfig": "desiredMonitoringConfig",
    "monitoringService": "desiredMonitoringService",
    "networkConfig.datapathProvider": "desiredDatapathProvider",
    "networkConfig.defaultEnablePrivateNodes": "desiredDefaultEnablePrivateNodes",
    "networkConfig.defaultSnatStatus": "desiredDefaultSnatStatus",
    "networkConfig.disableL4LbFirewallReconciliation": "desiredDisableL4LbFirewallReconciliation",
    "networkConfig.dnsConfig": "desiredDnsConfig",
    "networkConfig.enableCiliumClusterwideNetworkPolicy": "desiredEnableCiliumClusterwideNetworkPolicy",
    "networkConfig.enableFqdnNetworkPolicy": "desiredEnableFqdnNetworkPolicy",
    "networkConfig.enableIntraNodeVisibility": "desiredIntraNodeVisibilityConfig",
    "networkConfig.enableL4ilbSubsetting": "desiredL4ilbSubsettingConfig",
    "networkConfig.enableMultiNetworking": "desiredEnableMultiNetworking",
    "networkConfig.gatewayApiConfig": "desiredGatewayApiConfig",
    "networkConfig.inTransitEncryptionConfig": "desiredInTransitEncryptionConfig",
    "networkConfig.networkPerformanceConfig": "desiredNetworkPerformanceConfig",
    "networkConfig.privateIpv6GoogleAccess": "desiredPrivateIpv6GoogleAccess",
    "networkConfig.serviceExternalIpsConfig": "desiredServiceExternalIpsConfig",
    "nodePoolDefaults.nodeConfigDefaults.gcfsConfig": "desiredGcfsConfig",
    "nodePoolDefaults.nodeConfigDefaults.loggingConfig": "desiredNodePoolLoggingConfig",
    "nodePoolDefaults.nodeConfigDefaults.nodeKubeletConfig": "desiredNodeKubeletConfig",
    "nodePoolAutoConfig.linuxNodeConfig": "desiredNodePoolAutoConfigLinuxNodeConfig",
    "nodePoolAutoConfig.networkTags": "desiredNodePoolAutoConfigNetworkTags",
    "nodePoolAutoConfig.nodeKubeletConfig": "desiredNodePoolAutoConfigKubeletConfig",
    "nodePoolAutoConfig.resourceManagerTags": "desiredNodePoolAutoConfigResourceManagerTags",
    "notificationConfig": "desiredNotificationConfig",
    "podAutoscaling": "desiredPodAutoscaling",
    "privateClusterConfig": "desiredPrivateClusterConfig",
    "rbacBindingConfig": "desiredRbacBindingConfig",
    "releaseChannel": "desiredReleaseChannel",
    "resourceUsageExportConfig": "desiredResourceUsageExportConfig",
    "secretManagerConfig": "desiredSecretManagerConfig",
    "securityPostureConfig": "desiredSecurityPostureConfig",
    "shieldedNodes": "desiredShieldedNodes",
    "userManagedKeysConfig": "desiredUserManagedKeysConfig",
    "verticalPodAutoscaling": "desiredVerticalPodAutoscaling",
    "workloadIdentityConfig": "desiredWorkloadIdentityConfig",
}

# What ClusterUpdate puts into an object of its own.
WRAPPED = {
    "desiredAdditionalIpRangesConfig": "additionalIpRangesConfigs",
    "desiredIntraNodeVisibilityConfig": "enabled",
    "desiredL4ilbSubsettingConfig": "enabled",
}


def _same_encryption(want: Any, have: Any) -> bool:
    """ENCRYPTED returns as ALL_OBJECTS_ENCRYPTION_ENABLED (recorded traffic)."""

    def plain(state: Any) -> str:
        word = str(state or "DECRYPTED")
        return "ENCRYPTED" if word == "ALL_OBJECTS_ENCRYPTION_ENABLED" else word

    return plain(want) == plain(have)


def same_taints(want: Any, have: Any) -> bool:
    """Taints in any order. GKE itself taints nodes with GPUs and with other processors."""

    def plain(taints: Any) -> set[tuple[str, str, str]]:
        return {(str(t.get("key")), str(t.get("value") or ""), str(t.get("effect"))) for t in taints or ()}

    wanted, found = plain(want), plain(have)
    by_itself = {taint for taint in found if taint[0] in ("nvidia.com/gpu", "kubernetes.io/arch")}
    return wanted == found or wanted == found - (by_itself - wanted)


# Node settings, the same in a cluster's first pool, in pools of their own and in node auto-provisioning.
NODE_CONFIG: dict[str, Field] = {
    "accelerators": Field(key="acceleratorType", disruptive=True),
    "accelerators[].gpuDriverInstallationConfig": MUTABLE,
    "advancedMachineFeatures": IMMUTABLE,
    "bootDiskKmsKey": FIXED_REFERENCE,
    "diskSizeGb": Field(disruptive=True),
    "diskType": Field(disruptive=True, equal=same_reference),
    "imageType": Field(disruptive=True, normalise=lambda value: str(value).upper()),
    "machineType": Field(disruptive=True),
    "metadata": IMMUTABLE,
    # "automatic" is what there is without any (recorded traffic: not returned).
    "minCpuPlatform": Field(Mode.IMMUTABLE, equal=or_absent("automatic")),
    "oauthScopes": Field(Mode.IMMUTABLE, unordered=True),
    "preemptible": IMMUTABLE,
    "reservationAffinity": IMMUTABLE,
    "serviceAccount": Field(Mode.IMMUTABLE, equal=or_absent("default")),
    "shieldedInstanceConfig": IMMUTABLE,
    "spot": IMMUTABLE,
    "tags": Field(unordered=True),
    "taints": Field(equal=same_taints),
    "windowsNodeConfig": IMMUTABLE,
}
POOL: dict[str, Field] = {
    "name": IMMUTABLE,
    "autoscaling": MUTABLE,
    "autoscaling.locationPolicy": Field(equal=or_absent("BALANCED")),
    "config": MUTABLE,
    **{f"config.{name}": declared for name, declared in NODE_CONFIG.items()},
    "initialNodeCount": MUTABLE,
    "locations": _UNORDERED,
    "management": MUTABLE,
    "maxPodsConstraint": IMMUTABLE,
    "networkConfig": IMMUTABLE,
    "networkConfig.createPodRange": CREATE_ONLY,
    "networkConfig.podIpv4CidrBlock": Field(Mode.IMMUTABLE, equal=same_range),
    "networkConfig.subnetwork": FIXED_REFERENCE,
    "networkConfig.enablePrivateNodes": MUTABLE,
    "nodeDrainConfig": MUTABLE,
    "placementPolicy": IMMUTABLE,
    "queuedProvisioning": IMMUTABLE,
    "upgradeSettings": MUTABLE,
    "upgradeSettings.strategy": Field(equal=or_absent("SURGE")),
    "version": Field(equal=same_version, disruptive=True),
}
POOL_FIELDS = ProtoFields(POOL)

_ADDONS = "addonsConfig"
_ENDPOINTS = "controlPlaneEndpointsConfig"
_EXCLUSIONS = "maintenancePolicy.window.maintenanceExclusions"
CLUSTER_FIELDS = ProtoFields(
    {
        **{path.partition(".")[0]: MUTABLE for path in CLUSTER_UPDATES},
        "name": IMMUTABLE,
        "description": CREATE_ONLY,
        "resourceLabels": MUTABLE,
        # On in a new cluster whatever was asked for; only a later update turns it off (recorded traffic).
        f"{_ADDONS}.gcePersistentDiskCsiDriverConfig": CREATE_ONLY,
        # The zero of an enumeration is never returned.
        f"{_ADDONS}.istioConfig.auth": Field(equal=or_absent("AUTH_NONE")),
        f"{_ADDONS}.cloudRunConfig.loadBalancerType": Field(equal=or_absent("LOAD_BALANCER_TYPE_EXTERNAL")),
        "autopilot": IMMUTABLE,
        "autoscaling.resourceLimits": Field(key="resourceType"),
        "autoscaling.autoprovisioningLocations": _UNORDERED,
        "autoscaling.autoprovisioningNodePoolDefaults.oauthScopes": _UNORDERED,
        "autoscaling.autoprovisioningNodePoolDefaults.minCpuPlatform": Field(equal=or_absent("automatic")),
        "autoscaling.autoprovisioningNodePoolDefaults.bootDiskKmsKey": REFERENCE,
        "autoscaling.autoprovisioningNodePoolDefaults.serviceAccount": Field(equal=or_absent("default")),
        f"{_ENDPOINTS}.ipEndpointsConfig.authorizedNetworksConfig.cidrBlocks": Field(key="cidrBlock"),
        f"{_ENDPOINTS}.ipEndpointsConfig.privateEndpointSubnetwork": Field(Mode.IMMUTABLE, equal=same_reference),
        "databaseEncryption.state": Field(equal=_same_encryption),
        "databaseEncryption.keyName": REFERENCE,
        "defaultMaxPodsConstraint": IMMUTABLE,
        "enableKubernetesAlpha": IMMUTABLE,
        # Written once: GKE puts what it chose in their place.
        "initialNodeCount": CREATE_ONLY,
        "nodePools": CREATE_ONLY,
        "nodeConfig": CREATE_ONLY,
        "initialClusterVersion": Field(Mode.CREATE_ONLY),
        "clusterIpv4Cidr": Field(Mode.IMMUTABLE, equal=same_range),
        "ipAllocationPolicy": IMMUTABLE,
        "ipAllocationPolicy.useIpAliases": CREATE_ONLY,  # always true by now, whatever was asked for
        "ipAllocationPolicy.createSubnetwork": CREATE_ONLY,
        "ipAllocationPolicy.subnetworkName": CREATE_ONLY,
        "ipAllocationPolicy.nodeIpv4CidrBlock": CREATE_ONLY,
        "ipAllocationPolicy.clusterIpv4CidrBlock": Field(Mode.IMMUTABLE, equal=same_range),
        "ipAllocationPolicy.servicesIpv4CidrBlock": Field(Mode.IMMUTABLE, equal=same_range),
        "ipAllocationPolicy.additionalIpRangesConfigs": MUTABLE,
        "ipAllocationPolicy.additionalIpRangesConfigs[].subnetwork": REFERENCE,
        "ipAllocationPolicy.additionalIpRangesConfigs[].podIpv4RangeNames": _UNORDERED,
        "ipAllocationPolicy.additionalIpRangesConfigs[].status": Field(equal=or_absent("ACTIVE")),
        "ipAllocationPolicy.stackType": Field(equal=or_absent("IPV4")),
        "legacyAbac": MUTABLE,
        "locations": _UNORDERED,
        "loggingConfig.componentConfig.enableComponents": _UNORDERED,
        "maintenancePolicy": MUTABLE,
        "maintenancePolicy.resourceVersion": CREATE_ONLY,  # the hash of what it guards
        f"{_EXCLUSIONS}.*.maintenanceExclusionOptions.scope": Field(equal=or_absent("NO_UPGRADES")),
        "masterAuth": IMMUTABLE,
        "masterAuthorizedNetworksConfig.cidrBlocks": Field(key="cidrBlock"),
        "monitoringConfig.componentConfig.enableComponents": _UNORDERED,
        "network": FIXED_REFERENCE,
        "networkConfig.datapathProvider": IMMUTABLE,
        "networkConfig.inTransitEncryptionConfig": Field(equal=or_absent("IN_TRANSIT_ENCRYPTION_DISABLED")),
        "networkPolicy": MUTABLE,
        "notificationConfig.pubsub.topic": REFERENCE,
        "privateClusterConfig": MUTABLE,
        "privateClusterConfig.masterIpv4CidrBlock": Field(Mode.IMMUTABLE, equal=same_range),
        "privateClusterConfig.enablePrivateNodes": IMMUTABLE,
        "releaseChannel.channel": Field(equal=or_absent("UNSPECIFIED")),
        "subnetwork": FIXED_REFERENCE,
        "version": Field(equal=same_version, disruptive=False),
    }
)
