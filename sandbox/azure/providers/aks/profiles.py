"""Parts of a cluster document: defaults that the service fills in, checks that it makes."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from ....core.connection import AZURE_TENANT
from ... import armid
from ...store import Document, Record
from ..authorization import allows
from ..keyvault import find_key
from .base import invalid, pruned, refuse, unchangeable

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

AUTOSCALER: dict[str, str | bool] = {
    "balance-similar-node-groups": "false",
    "daemonset-eviction-for-empty-nodes": False,
    "daemonset-eviction-for-occupied-nodes": True,
    "expander": "random",
    "ignore-daemonsets-utilization": False,
    "max-empty-bulk-delete": "10",
    "max-graceful-termination-sec": "600",
    "max-node-provision-time": "15m",
    "max-total-unready-percentage": "45",
    "new-pod-scale-up-delay": "0s",
    "ok-total-unready-count": "3",
    "scale-down-delay-after-add": "10m",
    "scale-down-delay-after-delete": "10s",
    "scale-down-delay-after-failure": "3m",
    "scale-down-unneeded-time": "10m",
    "scale-down-unready-time": "20m",
    "scale-down-utilization-threshold": "0.5",
    "scan-interval": "10s",
    "skip-nodes-with-local-storage": "false",
    "skip-nodes-with-system-pods": "true",
}
STORAGE = {
    "diskCSIDriver": {"enabled": True},
    "fileCSIDriver": {"enabled": True},
    "snapshotController": {"enabled": True},
}
_NETWORK_FIXED = ("podCidr", "serviceCidr", "dnsServiceIP", "loadBalancerSku", "networkPlugin")


def network(sent: Document | None, old: Document | None) -> Document:
    """The network profile."""
    asked = _asked_network(sent)
    if old is not None:
        for key in _NETWORK_FIXED:
            if key in asked and key in old and str(asked[key]).lower() != str(old[key]).lower():
                raise unchangeable(f"properties.networkProfile.{key}")
        return {**old, **asked}
    profile: Document = {"networkPlugin": asked.get("networkPlugin", "azure")}
    if profile["networkPlugin"] == "azure":
        if "networkPluginMode" in asked or "networkPlugin" not in asked:
            profile["networkPluginMode"] = asked.get("networkPluginMode", "overlay")
        profile["networkPolicy"] = asked.get("networkPolicy", "none")
        profile["networkDataplane"] = asked.get("networkDataplane", "azure")
        if profile["networkPolicy"] == "cilium" and profile["networkDataplane"] != "cilium":
            raise invalid("networkProfile.networkPolicy", "policy cilium needs networkDataplane cilium")
    elif asked.get("networkPolicy") == "azure":
        raise invalid("networkProfile.networkPolicy", "policy azure needs networkPlugin azure")
    profile["loadBalancerSku"] = asked.get("loadBalancerSku", "standard")
    outbound = asked.get("outboundType", "loadBalancer")
    if outbound == "loadBalancer":
        profile["loadBalancerProfile"] = {
            "managedOutboundIPs": {"count": 1},
            **(asked.get("loadBalancerProfile") or {}),
            "backendPoolType": (asked.get("loadBalancerProfile") or {}).get("backendPoolType", "nodeIPConfiguration"),
        }
    elif outbound == "managedNATGateway":
        profile["natGatewayProfile"] = {
            "managedOutboundIPProfile": {"count": 1},
            "idleTimeoutInMinutes": 4,
            **(asked.get("natGatewayProfile") or {}),
        }
    flat = profile["networkPlugin"] == "azure" and profile.get("networkPluginMode") != "overlay"
    if not flat:
        profile["podCidr"] = asked.get("podCidr", "10.244.0.0/16")
    profile["serviceCidr"] = asked.get("serviceCidr", "10.0.0.0/16")
    profile["dnsServiceIP"] = asked.get("dnsServiceIP") or _dns_address(profile["serviceCidr"])
    profile["outboundType"] = outbound
    if not flat:
        profile["podCidrs"] = [profile["podCidr"]]
    profile["serviceCidrs"] = [profile["serviceCidr"]]
    profile["ipFamilies"] = asked.get("ipFamilies", ["IPv4"])
    _check_ranges(profile)
    return {**asked, **profile} if asked.get("advancedNetworking") else {**profile, **_rest(asked, profile)}


def _asked_network(sent: Document | None) -> Document:
    asked: Document = pruned(sent or {})
    balancing = asked.get("loadBalancerProfile") or {}
    balancing.pop("effectiveOutboundIPs", None)
    if "backendPoolType" in balancing:
        # The service's own spelling, whatever the SDK's is.
        balancing["backendPoolType"] = balancing["backendPoolType"][:1].lower() + balancing["backendPoolType"][1:]
    return asked


def _rest(asked: Document, profile: Document) -> Document:
    return {key: value for key, value in asked.items() if key not in profile}


def _dns_address(cidr: str) -> str:
    try:
        return str(ipaddress.ip_network(cidr)[10])
    except (ValueError, IndexError):
        raise invalid("networkProfile.serviceCidr", f"'{cidr}' is no CIDR") from None


def _check_ranges(profile: Document) -> None:
    try:
        services = ipaddress.ip_network(profile["serviceCidr"])
        pods = ipaddress.ip_network(profile["podCidr"]) if "podCidr" in profile else None
        address = ipaddress.ip_address(profile["dnsServiceIP"])
    except ValueError as error:
        raise invalid("networkProfile", str(error)) from None
    if address not in services:
        message = f"dnsServiceIP {address} is not within the service CIDR {services}"
        raise invalid("networkProfile.dnsServiceIP", message)
    if pods is not None and pods.overlaps(services):
        raise invalid("networkProfile.podCidr", f"pod CIDR {pods} overlaps service CIDR {services}")


def access(sent: Document | None, old: Document | None) -> Document:
    """The API server access profile; empty when nothing was asked for."""
    given = sent or {}
    asked = pruned(given)
    base = dict(old or {})
    if "authorizedIPRanges" in given and not given["authorizedIPRanges"]:
        base.pop("authorizedIPRanges", None)
    profile = {**base, **asked}
    if old is not None and bool(profile.get("enablePrivateCluster")) != bool(old.get("enablePrivateCluster")):
        raise unchangeable("properties.apiServerAccessProfile.enablePrivateCluster")
    if profile.get("enablePrivateCluster"):
        profile.setdefault("privateDNSZone", "system")
        profile.setdefault("enablePrivateClusterPublicFQDN", True)
        if profile.get("authorizedIPRanges"):
            message = "authorizedIPRanges cannot be used with a private cluster"
            raise invalid("apiServerAccessProfile.authorizedIPRanges", message)
    if profile.get("authorizedIPRanges"):
        profile["authorizedIPRanges"] = [_range(item) for item in profile["authorizedIPRanges"]]
    return profile


def _range(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise invalid("apiServerAccessProfile.authorizedIPRanges", f"'{text}' is no IP range") from None


def oidc(sent: Document | None, old: Document | None, location: str, issuer: str) -> Document:
    """The OIDC issuer profile."""
    enabled = bool((sent or old or {}).get("enabled"))
    if old is not None and old.get("enabled") and not enabled:
        raise refuse(400, "OIDCIssuerFeatureCannotBeDisabled", "OIDC issuer feature cannot be disabled once enabled.")
    if not enabled:
        return {"enabled": False}
    url = f"https://{location}.oic.prod-aks.azure.com/{AZURE_TENANT}/{issuer}/"
    return {"enabled": True, "issuerURL": url}


def security(emulator: AzureEmulator, sent: Document | None, old: Document | None, issuer: Document) -> Document:
    """The security profile."""
    profile = {**(old or {}), **pruned(sent or {})}
    if (profile.get("workloadIdentity") or {}).get("enabled") and not issuer["enabled"]:
        message = "Workload identity requires the OIDC issuer: set oidcIssuerProfile.enabled to true."
        raise refuse(400, "EnableWorkloadIdentityWithoutOIDCIssuer", message, "securityProfile.workloadIdentity")
    kms = profile.get("azureKeyVaultKms") or {}
    if kms.get("enabled"):
        key_id = kms.get("keyId") or ""
        if find_key(emulator, key_id) is None:
            message = f"The key {key_id} of the key management service is not found."
            raise refuse(400, "KeyVaultKeyNotFound", message, "securityProfile.azureKeyVaultKms.keyId")
        kms.setdefault("keyVaultNetworkAccess", "Public")
    return profile


def aad(sent: Document | None, old: Document | None) -> Document | None:
    """The Entra profile; None without integration."""
    if not sent:
        return old
    profile = {**(old or {}), **pruned(sent)}
    profile.setdefault("managed", True)
    profile.setdefault("enableAzureRBAC", False)
    profile.setdefault("tenantID", AZURE_TENANT)
    if "adminGroupObjectIDs" in sent and not sent["adminGroupObjectIDs"]:
        profile.pop("adminGroupObjectIDs", None)
    return profile


def addons(emulator: AzureEmulator, sent: Document | None, old: Document | None) -> Document:
    """Add-on profiles by name; add-ons that a request leaves out stay as they are."""
    result = {name: dict(value) for name, value in (old or {}).items()}
    for name, value in (sent or {}).items():
        key = "omsagent" if name.lower() == "omsagent" else name
        given: Document = value or {}
        config: Document = given.get("config") or {}
        entry: Document = {"enabled": bool(given.get("enabled")), "config": config or None}
        workspace = config.get("logAnalyticsWorkspaceResourceID")
        if entry["enabled"] and key == "omsagent" and (not workspace or emulator.store.get(workspace) is None):
            message = f"The workspace {workspace} of the monitoring add-on is not found."
            raise refuse(400, "WorkspaceNotFound", message, "addonProfiles.omsagent.config")
        result[key] = entry
    return result


def autoscaler(sent: Document | None, pools: list[Document]) -> Document | None:
    """The autoscaler's settings: the sent ones over the defaults; None while no pool is scaled."""
    if not any(pool.get("enableAutoScaling") for pool in pools) and not sent:
        return None
    return {**AUTOSCALER, **pruned(sent or {})}


def identity(emulator: AzureEmulator, name: str, sent: Document | None, old: Document | None) -> Document | None:
    """The cluster's identity: service principals of system-assigned ones are made here."""
    asked = pruned(sent or {})
    kind = asked.get("type") or (old or {}).get("type")
    if kind in (None, "None"):
        return None
    if kind == "SystemAssigned":
        if old is not None and old.get("type") == kind:
            return old
        principal = emulator.directory.add(name)
        return {"type": kind, "principalId": principal.object_id, "tenantId": AZURE_TENANT}
    ids = list((sent or {}).get("userAssignedIdentities") or (old or {}).get("userAssignedIdentities") or {})
    if len(ids) != 1:
        raise invalid("identity.userAssignedIdentities", "exactly one user-assigned identity is required")
    found = emulator.store.get(ids[0])
    if found is None:
        message = f"The identity {ids[0]} is not found."
        raise refuse(400, "UserAssignedIdentityNotFound", message, "identity.userAssignedIdentities")
    values = {"clientId": found.properties["clientId"], "principalId": found.properties["principalId"]}
    return {"type": kind, "userAssignedIdentities": {ids[0]: values}}


def principal_of(emulator: AzureEmulator, document: Document) -> str:
    """Object id of the control plane's identity."""
    found = document.get("identity") or {}
    values: list[Any] = list((found.get("userAssignedIdentities") or {}).values())
    return str(values[0]["principalId"] if values else found.get("principalId") or "")


def check_permissions(emulator: AzureEmulator, document: Document) -> None:
    """ArmError where the control plane's identity has no role on what it shall use."""
    properties = document["properties"]
    principal = principal_of(emulator, document)
    zone = (properties.get("apiServerAccessProfile") or {}).get("privateDNSZone") or ""
    if armid.type_of(zone):
        found: Record | None = emulator.store.get(zone)
        if found is None:
            message = f"The private DNS zone {zone} is not found."
            raise refuse(400, "CustomPrivateDNSZoneNotFound", message, "apiServerAccessProfile.privateDNSZone")
        if not allows(emulator, principal, zone, "Private DNS Zone Contributor"):
            message = (
                "The user assigned identity must be given permission to perform read and write on "
                "the private DNS zone "
                f"{zone}. Check access result not allowed for action Microsoft.Network/privateDnsZones/write."
            )
            raise refuse(400, "CustomPrivateDNSZoneMissingPermissionError", message)
    kubelet = ((properties.get("identityProfile") or {}).get("kubeletidentity") or {}).get("resourceId") or ""
    if kubelet:
        if emulator.store.get(kubelet) is None:
            raise refuse(400, "KubeletIdentityNotFound", f"The kubelet identity {kubelet} is not found.")
        if not allows(emulator, principal, kubelet, "Managed Identity Operator", "Managed Identity Contributor"):
            message = (
                f"The cluster user assigned identity must be given permission to assign kubelet identity {kubelet}. "
                "Check access result not allowed for action "
                "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action."
            )
            raise refuse(400, "CustomKubeletIdentityMissingPermissionError", message)
