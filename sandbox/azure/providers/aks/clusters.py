"""Managed clusters."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from ...armid import small_group
from ...call import Call
from ...documents import merged
from ...operations import Operation
from ...store import Document, Record
from . import credentials, nodes, profiles, releases
from .base import CLUSTERS, POOLS, AksKind, invalid, pruned, refuse, unchangeable
from .kubernetes import Clusters
from .pools import changed_keys, check_capacity, check_pools, complete_pool, settle_pool, show_pool

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

# Sections that are echoed as sent, and kept when a PUT leaves them out.
_KEPT = (
    *("linuxProfile", "windowsProfile", "httpProxyConfig", "azureMonitorProfile", "serviceMeshProfile"),
    *("ingressProfile", "upgradeSettings", "diskEncryptionSetID", "publicNetworkAccess", "podIdentityProfile"),
    *("nodeResourceGroupProfile", "aiToolchainOperatorProfile", "schedulerProfile", "hostedSystemProfile"),
)


class ManagedClusters(AksKind):
    """Clusters. A PUT keeps the sections that it leaves out; pools are records of their own."""

    type = CLUSTERS
    duration = "aks.cluster"
    holds = True
    since = {
        "resourceUID": "2023-11-01",
        "metricsProfile": "2025-01-01",
        "nodeProvisioningProfile": "2025-07-01",
        "bootstrapProfile": "2025-05-01",
    }
    conceals = ("identityProfile",)

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        emulator.context.quotas.declare({"containerservice.ManagedClusters": 5000.0})
        self.kubernetes = Clusters(emulator)
        self.actions = {
            "listclusteradmincredential": lambda call, record: credentials.admin(emulator, call, record),
            "listclusterusercredential": lambda call, record: credentials.user(emulator, call, record),
        }

    def check_busy(self, call: Call, record: Record) -> None:
        self.check_cluster_free(record)

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        old = previous.document if previous is not None else None
        if previous is None:
            self._check_quota(call)
        sent: Document = body.get("properties") or {}
        before: Document = (old or {}).get("properties") or {}
        properties = self._basics(call, body, sent, before)
        properties["networkProfile"] = profiles.network(sent.get("networkProfile"), before.get("networkProfile"))
        pools = self._pools(call, sent, properties, previous)
        self._profiles(call, sent, before, properties, pools)
        document: Document = {"location": body["location"]}
        if body.get("tags"):
            document["tags"] = body["tags"]
        document["kind"] = "Base"
        document["properties"] = properties
        document["identity"] = profiles.identity(
            self.emulator, call.target.name, body.get("identity"), (old or {}).get("identity")
        )
        if document["identity"] is None:
            del document["identity"]
            self._service_principal(sent, before, properties)
        else:
            properties["servicePrincipalProfile"] = {"clientId": "msi"}
        sku = pruned(body.get("sku") or {})
        document["sku"] = {"name": "Base", "tier": "Free", **((old or {}).get("sku") or {}), **sku}
        self._identity_profile(sent, before, document, previous)
        call.notes["updating"] = _word(before, properties, call)
        return document

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        return {**previous.document, "tags": body.get("tags") or {}}

    def _check_quota(self, call: Call) -> None:
        limit = int(self.emulator.context.quotas.get("containerservice.ManagedClusters"))
        if len(self.store.of_kind(CLUSTERS)) >= limit:
            message = f"Provisioning of resource(s) for container service failed: at most {limit} clusters are allowed."
            raise refuse(400, "QuotaExceeded", message)

    def _basics(self, call: Call, body: Document, sent: Document, before: Document) -> Document:
        name, location = call.target.name, body["location"]
        prefix = sent.get("dnsPrefix") or before.get("dnsPrefix") or sent.get("fqdnSubdomain")
        if not prefix:
            raise refuse(400, "InvalidParameter", "Required parameter dnsPrefix is missing (null).", "dnsPrefix")
        for key in ("dnsPrefix", "nodeResourceGroup", "fqdnSubdomain", "enableRBAC", "diskEncryptionSetID"):
            if before.get(key) is not None and sent.get(key) is not None and sent[key] != before[key]:
                raise unchangeable(f"properties.{key}")
        asked = sent.get("kubernetesVersion") or before.get("kubernetesVersion") or ""
        shown, current = releases.resolve(asked, name)
        if before:
            if asked == before["kubernetesVersion"] or asked == releases.minor(before["currentKubernetesVersion"]):
                current = before["currentKubernetesVersion"]
            releases.check_upgrade(before["currentKubernetesVersion"], current)
        suffix = uuid.uuid4().hex[:8]
        host = before.get("fqdn") or f"{prefix}-{suffix}.hcp.{location}.azmk8s.io"
        group = f"MC_{call.target.group}_{name}_{location}"[:80]
        return {
            "kubernetesVersion": shown,
            "currentKubernetesVersion": current,
            "dnsPrefix": prefix,
            "fqdn": host,
            "azurePortalFQDN": before.get("azurePortalFQDN") or host.replace(".hcp.", ".portal.hcp."),
            "nodeResourceGroup": before.get("nodeResourceGroup") or sent.get("nodeResourceGroup") or group,
            "enableRBAC": sent.get("enableRBAC", before.get("enableRBAC", True)),
            "supportPlan": sent.get("supportPlan") or before.get("supportPlan") or "KubernetesOfficial",
            "maxAgentPools": 100,
            "resourceUID": before.get("resourceUID") or uuid.uuid4().hex[:24],
        }

    def _pools(
        self, call: Call, sent: Document, properties: Document, previous: Record | None
    ) -> list[tuple[str, Document]]:
        existing = self.store.of_kind(POOLS, previous.id) if previous is not None else []
        entries = sent.get("agentPoolProfiles")
        if entries is None and previous is not None:
            return [(pool.name, pool.properties) for pool in existing]
        by_name = {pool.name: pool for pool in existing}
        asked = [str(entry.get("name") or "") for entry in entries or []]
        if previous is not None:
            _check_same_pools(set(by_name), asked)
        pools = []
        changes: list[tuple[Document, Document | None]] = []
        for entry in entries or []:
            name = str(entry["name"])
            old = by_name[name].properties if name in by_name else None
            path = "agentPoolProfile"
            base = entry if old is not None else {"mode": "System" if len(asked) == 1 else "User", **entry}
            pool = complete_pool(name, base, old, properties, path)
            pools.append((name, pool))
            changes.append((pool, old))
            nodes.check_subnet(self.emulator, call.json()["location"].lower(), pool, properties["networkProfile"])
        if not pools:
            raise refuse(400, "InvalidParameter", "Must define at least one system pool.", "agentPoolProfiles")
        check_pools([pool for _, pool in pools])
        check_capacity(self.emulator, call.json()["location"].replace(" ", "").lower(), changes)
        call.notes["pools"] = pools
        call.notes["pool_changes"] = changes
        return pools

    def _profiles(
        self, call: Call, sent: Document, before: Document, properties: Document, pools: list[tuple[str, Document]]
    ) -> None:
        location = call.json()["location"].replace(" ", "").lower()
        issuer = str(call.notes.setdefault("issuer", uuid.uuid4()))
        old_url = (before.get("oidcIssuerProfile") or {}).get("issuerURL")
        if old_url:
            issuer = old_url.rstrip("/").rpartition("/")[2]
        access = profiles.access(
            sent.get("apiServerAccessProfile"), before.get("apiServerAccessProfile", {}) if before else None
        )
        if access:
            properties["apiServerAccessProfile"] = access
        if access.get("enablePrivateCluster"):
            private = (
                f"{properties['dnsPrefix']}-{uuid.uuid4().hex[:8]}.{uuid.uuid4()}.privatelink.{location}.azmk8s.io"
            )
            properties["privateFQDN"] = before.get("privateFQDN") or private
            properties["privateLinkResources"] = [
                {
                    "id": f"{small_group(call.target.path)}/privateLinkResources/management",
                    "name": "management",
                    "type": f"{CLUSTERS}/privateLinkResources",
                    "groupId": "management",
                    "requiredMembers": ["management"],
                }
            ]
            if not access.get("enablePrivateClusterPublicFQDN"):
                properties.pop("fqdn", None)
        oidc = profiles.oidc(sent.get("oidcIssuerProfile"), before.get("oidcIssuerProfile"), location, issuer)
        properties["oidcIssuerProfile"] = oidc
        properties["securityProfile"] = profiles.security(
            self.emulator, sent.get("securityProfile"), before.get("securityProfile"), oidc
        )
        aad = profiles.aad(sent.get("aadProfile"), before.get("aadProfile"))
        if aad:
            properties["aadProfile"] = aad
        local = sent.get("disableLocalAccounts", before.get("disableLocalAccounts"))
        if local is not None:
            properties["disableLocalAccounts"] = local
        if local and not aad:
            message = "disableLocalAccounts can only be true when Microsoft Entra integration (aadProfile) is on."
            raise refuse(400, "BadRequest", message, "disableLocalAccounts")
        addons = profiles.addons(self.emulator, sent.get("addonProfiles"), before.get("addonProfiles"))
        if addons:
            properties["addonProfiles"] = addons
        scaling = profiles.autoscaler(sent.get("autoScalerProfile"), [pool for _, pool in pools])
        if scaling:
            properties["autoScalerProfile"] = scaling
        upgrade = {
            "nodeOSUpgradeChannel": "NodeImage",
            **(before.get("autoUpgradeProfile") or {}),
            **pruned(sent.get("autoUpgradeProfile") or {}),
        }
        properties["autoUpgradeProfile"] = upgrade
        properties["storageProfile"] = merged(
            before.get("storageProfile") or profiles.STORAGE, pruned(sent.get("storageProfile") or {})
        )
        scaler = {
            **(before.get("workloadAutoScalerProfile") or {}),
            **pruned(sent.get("workloadAutoScalerProfile") or {}),
        }
        properties["workloadAutoScalerProfile"] = scaler
        for key, value in (
            ("metricsProfile", {"costAnalysis": {"enabled": False}}),
            ("nodeProvisioningProfile", {"mode": "Manual", "defaultNodePools": "Auto"}),
            ("bootstrapProfile", {"artifactSource": "Direct"}),
        ):
            properties[key] = merged(before.get(key) or value, pruned(sent.get(key) or {}))
        for key in _KEPT:
            found = pruned(sent[key]) if sent.get(key) else before.get(key)
            if found:
                properties[key] = found

    def _service_principal(self, sent: Document, before: Document, properties: Document) -> None:
        client = (sent.get("servicePrincipalProfile") or before.get("servicePrincipalProfile") or {}).get("clientId")
        if not client or client == "msi":
            message = "Provisioning of resource(s) needs a service principal or a managed identity."
            raise refuse(400, "ServicePrincipalProfileOrIdentityRequired", message, "servicePrincipalProfile")
        properties["servicePrincipalProfile"] = {"clientId": client}

    def _identity_profile(self, sent: Document, before: Document, document: Document, previous: Record | None) -> None:
        properties = document["properties"]
        old = before.get("identityProfile")
        kubelet = ((sent.get("identityProfile") or {}).get("kubeletidentity") or {}).get("resourceId")
        shown = ((old or {}).get("kubeletidentity") or {}).get("resourceId")
        if old is not None:
            properties["identityProfile"] = old
            if kubelet and shown and kubelet.lower() != shown.lower():
                raise unchangeable("properties.identityProfile.kubeletidentity.resourceId")
        elif kubelet and previous is None:
            properties["identityProfile"] = {"kubeletidentity": {"resourceId": kubelet}}
            profiles.check_permissions(self.emulator, document)
            found = self.store.get(kubelet)
            assert found is not None  # noqa: S101 - checked
            properties["identityProfile"]["kubeletidentity"].update(
                clientId=found.properties["clientId"], objectId=found.properties["principalId"]
            )
            return
        if previous is None:
            profiles.check_permissions(self.emulator, document)

    def saved(self, call: Call, record: Record, previous: Document | None) -> None:
        kind = self.emulator.kinds[POOLS.lower()]
        pools = call.notes.get("pools") or []
        if "port" not in record.private:
            self.kubernetes.open(record)
        record.private["upgrading"] = call.notes.get("updating") == "Upgrading"
        for name, properties in pools:
            found = self.store.get(f"{record.id}/agentPools/{name}")
            if found is None:
                document = {"properties": properties}
                found = kind.make(f"{record.id}/agentPools/{name}", name, record.group, document)
            found.document = {"properties": properties}
            self.store.put(found)
        nodes.write(self.emulator, record)
        for pool in self.store.of_kind(POOLS, record.id):
            nodes.write_pool(self.emulator, record, pool)
        kubelet = record.private.get("kubelet")
        if kubelet and "identity" in record.document and "identityProfile" not in record.properties:
            record.properties["identityProfile"] = {"kubeletidentity": kubelet}
        for name, identity in (record.private.get("addon_identities") or {}).items():
            addon = record.properties["addonProfiles"].get(name)
            if addon is not None and addon["enabled"]:
                addon["identity"] = identity
        self.store.put(record)

    def settled(self, record: Record, operation: Operation) -> None:
        for pool in self.store.of_kind(POOLS, record.id):
            settle_pool(pool.properties)
            nodes.write_pool(self.emulator, record, pool)
        self.kubernetes.settled(record)

    def close(self) -> None:
        self.kubernetes.close_all()

    def removed(self, record: Record) -> None:
        self.kubernetes.close(record)
        nodes.remove(self.emulator, record)
        principal = (record.document.get("identity") or {}).get("principalId")
        if principal:
            self.emulator.directory.remove(principal)

    def seconds(self, verb: str, record: Record) -> float:
        if verb == "update" and record.private.get("upgrading"):
            return self.emulator.context.profile.seconds("aks.cluster.upgrade")
        return super().seconds(verb, record)

    def render(self, record: Record, version: str) -> Document:
        shown = super().render(record, version)
        shown["id"] = small_group(record.id)
        shown["type"] = "Microsoft.ContainerService/ManagedClusters"
        if version < "2024-10-01":
            shown.pop("kind", None)
        return shown

    def show(self, record: Record, document: Document, version: str) -> None:
        properties = document["properties"]
        pools = sorted(self.store.of_kind(POOLS, record.id), key=lambda pool: pool.created)
        entries = []
        for pool in pools:
            entry = show_pool(pool, version)
            if record.state in ("Creating", "Updating", "Scaling", "Upgrading", "Failed") and record.busy:
                entry["provisioningState"] = record.state
            entries.append({"name": pool.name, **entry})
        properties["agentPoolProfiles"] = entries
        properties["powerState"] = {"code": "Running"}
        outbound = record.private.get("outbound")
        network = dict(properties["networkProfile"])
        if outbound and not record.hidden and "loadBalancerProfile" in network:
            network["loadBalancerProfile"] = {
                **network["loadBalancerProfile"],
                "effectiveOutboundIPs": [{"id": outbound}],
            }
        properties["networkProfile"] = network
        error = record.private.get("error")
        if record.state == "Failed" and error and version >= "2025-04-01":
            properties["status"] = {"provisioningError": error}

    def accept(self, call: Call, record: Record, before: Document | None, failure: Any) -> Any:
        reply = super().accept(call, record, before, failure)
        record.private["error"] = None
        if failure is not None:
            record.private["error"] = {"code": failure.code or "InternalServerError", "message": failure.message}
        return reply


def _check_same_pools(existing: set[str], asked: list[str]) -> None:
    if set(asked) - existing:
        message = (
            "A new agent pool was introduced. Adding agent pools to an existing cluster is not allowed through managed "
            "cluster operations. For agent pool specific change, please use per agent pool operations: "
            "https://aka.ms/agent-pool-rest-api"
        )
        raise refuse(400, "BadRequest", message, "agentPoolProfiles")
    if existing - set(asked):
        message = (
            "An agent pool was removed. Removing agent pools from an existing cluster is not allowed through managed "
            "cluster operations. For agent pool specific change, please use per agent pool operations: "
            "https://aka.ms/agent-pool-rest-api"
        )
        raise refuse(400, "BadRequest", message, "agentPoolProfiles")
    if len(asked) != len(set(asked)):
        raise invalid("agentPoolProfile.name", "names of agent pools must be unique")


def _word(before: Document, properties: Document, call: Call) -> str:
    """provisioningState while an update runs."""
    if not before:
        return "Creating"
    if properties["currentKubernetesVersion"] != before["currentKubernetesVersion"]:
        return "Upgrading"
    changes = [changed_keys(old, new) for new, old in call.notes.get("pool_changes") or [] if old is not None]
    changed = [keys for keys in changes if keys]
    same = all(properties.get(key) == before.get(key) for key in ("networkProfile", "addonProfiles", "aadProfile"))
    counts = all(keys == {"count"} for keys in changed)
    return "Scaling" if changed and counts and same else "Updating"


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(ManagedClusters(emulator))
