"""Fields of GKE's messages with explicit presence: printed even when they are false or zero.

Source: the ``optional`` fields of ``google/container/v1{,beta1}/cluster_service.proto``.
"""

from __future__ import annotations

from ..render import Presence

PRESENCE: Presence = {
    name: frozenset(fields.split())
    for name, fields in {
        "AdvancedDatapathObservabilityConfig": "enableRelay",
        "AdvancedMachineFeatures": "threadsPerCore enableNestedVirtualization performanceMonitoringUnit",
        "AccurateTimeConfig": "enablePtpKvmTimeSync",
        "AutoIpamConfig": "enabled",
        "AutoprovisioningNodePoolDefaults": "insecureKubeletReadonlyPortEnabled",
        "Cluster": "satisfiesPzs satisfiesPzi",
        "ClusterNetworkPerformanceConfig": "totalEgressBandwidthTier",
        "CompliancePostureConfig": "mode",
        "DNSEndpointConfig": "allowExternalTraffic enableK8sTokensViaDns enableK8sCertsViaDns",
        "DatabaseEncryption": "currentState",
        "DataplaneV2Config": "scalabilityMode",
        "EncryptionConfig": "disabled",
        "GPUDriverInstallationConfig": "gpuDriverVersion",
        "GPUSharingConfig": "gpuSharingStrategy",
        "HugepagesConfig": "hugepageSize2m hugepageSize1g",
        "IPEndpointsConfig": "enabled enablePublicEndpoint globalAccess",
        "MasterAuthorizedNetworksConfig": "gcpPublicCidrsAccessEnabled privateEndpointEnforcementEnabled",
        "Metric": "intValue doubleValue stringValue",
        "NetworkConfig": "enableFqdnNetworkPolicy inTransitEncryptionConfig enableCiliumClusterwideNetworkPolicy "
        "defaultEnablePrivateNodes disableL4LbFirewallReconciliation",
        "NodeConfig": "localSsdEncryptionMode flexStart",
        "NodeDrainConfig": "respectPdbDuringNodePoolDeletion",
        "NodeKubeletConfig": "cpuCfsQuota insecureKubeletReadonlyPortEnabled singleProcessOomKill "
        "shutdownGracePeriodSeconds shutdownGracePeriodCriticalPodsSeconds",
        "NodeNetworkConfig": "enablePrivateNodes",
        "PodAutoscaling": "hpaProfile",
        "ProtectConfig": "workloadVulnerabilityMode",
        "RBACBindingConfig": "enableInsecureBindingSystemUnauthenticated enableInsecureBindingSystemAuthenticated",
        "RotationConfig": "enabled",
        "SecretManagerConfig": "enabled",
        "SecretSyncConfig": "enabled",
        "SecurityPostureConfig": "mode vulnerabilityMode",
        "SoleTenantConfig": "minNodeCpus",
        "StandardRolloutPolicy": "batchPercentage batchNodeCount",
        "SwapConfig": "enabled",
        "SyncRotationConfig": "enabled",
        "UpgradeSettings": "strategy",
        "WorkloadConfig": "auditMode",
        "WorkloadPolicyConfig": "allowNetAdmin autopilotCompatibilityAuditingEnabled",
    }.items()
}
