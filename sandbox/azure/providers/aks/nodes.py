"""The node resource group of a cluster and what the service puts into it."""

from __future__ import annotations

import ipaddress
import uuid
from typing import TYPE_CHECKING

from ....core.connection import AZURE_TENANT
from ...store import Document, Record
from ..compute import SCALE_SETS, scale_set
from ..identities import IDENTITIES
from ..network.addresses import ADDRESSES, BALANCERS, PublicAddresses
from ..network.endpoints import ENDPOINTS
from ..network.vnets import SUBNETS, free_address, ranges, vnet_of
from ..privatedns import LINKS, ZONES
from ..resources import ResourceGroups
from .base import POOLS, invalid, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_VNETS = "Microsoft.Network/virtualNetworks"
_NSGS = "Microsoft.Network/networkSecurityGroups"
_OWN_SPACE, _OWN_SUBNET = "10.224.0.0/12", "10.224.0.0/16"


def group_of(emulator: AzureEmulator, cluster: Record) -> Record:
    """The node resource group; made when it is not there."""
    groups = emulator.kinds["microsoft.resources/resourcegroups"]
    assert isinstance(groups, ResourceGroups)  # noqa: S101
    group = groups.ensure(
        cluster.properties["nodeResourceGroup"], {"location": cluster.location, "managedBy": cluster.id}
    )
    group.document["tags"] = _tags(cluster)
    return group


def _tags(cluster: Record) -> dict[str, str]:
    return {"aks-managed-cluster-name": cluster.name, "aks-managed-cluster-rg": cluster.group, **cluster.tags}


def write(emulator: AzureEmulator, cluster: Record) -> None:
    """Make, or bring up to date, what every cluster has: identity, security group, way out, own network."""
    group = group_of(emulator, cluster)
    properties = cluster.properties
    tags = dict(cluster.tags)
    serial = cluster.private.setdefault("serial", f"{uuid.uuid4().int % 10**8:08d}")
    pools = emulator.store.of_kind(POOLS, cluster.id)
    if not any(pool.properties.get("vnetSubnetID") for pool in pools):
        _own_network(emulator, cluster, group, serial, tags)
    put(emulator, group, _NSGS, f"aks-agentpool-{serial}-nsg", cluster.location, tags, {"resourceGuid": serial})
    if properties.get("identityProfile") is None and "kubelet" not in cluster.private:
        cluster.private["kubelet"] = _identity(emulator, cluster, group, f"{cluster.name}-agentpool", tags)
    for name in properties.get("addonProfiles") or {}:
        if properties["addonProfiles"][name].get("enabled"):
            _addon_identity(emulator, cluster, group, name, tags)
    network = properties["networkProfile"]
    if network.get("outboundType") == "loadBalancer" and "outbound" not in cluster.private:
        cluster.private["outbound"] = _balancer(emulator, cluster, group, tags)
    access = properties.get("apiServerAccessProfile") or {}
    if access.get("enablePrivateCluster") and "endpoint" not in cluster.private:
        cluster.private["endpoint"] = _private_endpoint(emulator, cluster, group, serial, tags)


def remove(emulator: AzureEmulator, cluster: Record) -> None:
    """Delete the node resource group with all that is in it."""
    name = cluster.properties["nodeResourceGroup"]
    group = emulator.store.get(f"/subscriptions/{emulator.subscription_id}/resourceGroups/{name}")
    if group is None:
        return
    for record in emulator.store.below(group.id):
        record.kind.removed(record)
    emulator.store.remove(group)


def write_pool(emulator: AzureEmulator, cluster: Record, pool: Record) -> None:
    """Make, or bring up to date, the scale set of a pool."""
    properties = pool.properties
    group = group_of(emulator, cluster)
    name = pool.private.setdefault("scale_set", f"aks-{pool.name}-{cluster.private['serial']}-vmss")
    subnet = properties.get("vnetSubnetID") or cluster.private.get("subnet", "")
    document: Document = {
        "tags": {
            **cluster.tags,
            **(properties.get("tags") or {}),
            "aks-managed-poolName": pool.name,
            "aks-managed-orchestrator": f"Kubernetes:{properties['currentOrchestratorVersion']}",
        },
        "properties": {
            "singlePlacementGroup": False,
            "orchestrationMode": "Uniform",
            "virtualMachineProfile": {
                "networkProfile": {
                    "networkInterfaceConfigurations": [
                        {
                            "name": pool.name,
                            "properties": {
                                "ipConfigurations": [{"name": "ipconfig1", "properties": {"subnet": {"id": subnet}}}]
                            },
                        }
                    ]
                },
            },
        },
    }
    if properties.get("availabilityZones"):
        document["zones"] = properties["availabilityZones"]
    record = scale_set(emulator, group, name, cluster.location, properties["vmSize"], properties["count"], document)
    record.private["spot"] = properties.get("scaleSetPriority") == "Spot"
    machine = f"{record.id}/virtualMachines/0/networkInterfaces/{pool.name}"
    record.private["ip_configurations"] = [f"{machine}/ipConfigurations/ipconfig1"]
    pool.private["scale_set_id"] = record.id


def remove_pool(emulator: AzureEmulator, pool: Record) -> None:
    """Delete the scale set of a pool."""
    record = emulator.store.get(pool.private.get("scale_set_id", ""))
    if record is not None and record.kind.type == SCALE_SETS:
        emulator.store.remove(record)


def check_subnet(emulator: AzureEmulator, location: str, pool: Document, network: Document) -> None:
    """ArmError unless the pool's subnet exists, is large enough, and has the way out that the cluster asks for."""
    subnet_id = pool.get("vnetSubnetID")
    if not subnet_id:
        if network.get("outboundType") in ("userAssignedNATGateway", "userDefinedRouting"):
            message = f"outboundType {network['outboundType']} needs a subnet of your own (vnetSubnetID)"
            raise invalid("networkProfile.outboundType", message)
        return
    subnet = emulator.store.get(subnet_id)
    vnet = vnet_of(emulator, subnet_id)
    if subnet is None or vnet is None or subnet.kind.type != SUBNETS or vnet.location != location:
        message = f"The subnet with ID {subnet_id} is not found in location {location}."
        raise refuse(400, "SubnetNotFound", message, "agentPoolProfile.vnetSubnetID")
    if subnet.properties.get("delegations"):
        service = subnet.properties["delegations"][0]["properties"]["serviceName"]
        message = f"The subnet {subnet_id} is delegated to {service} and cannot be used by an agent pool."
        raise refuse(400, "SubnetIsDelegated", message, "agentPoolProfile.vnetSubnetID")
    outbound = network.get("outboundType")
    if outbound == "userAssignedNATGateway" and not subnet.properties.get("natGateway"):
        message = f"subnet {subnet_id} is not associated with a NAT gateway"
        raise invalid("networkProfile.outboundType", message)
    if outbound == "userDefinedRouting" and not subnet.properties.get("routeTable"):
        message = f"subnet {subnet_id} is not associated with a route table"
        raise invalid("networkProfile.outboundType", message)
    _check_size(subnet, pool, network)
    service_cidr = network.get("serviceCidr")
    if service_cidr:
        for taken in ranges(subnet.properties):
            if taken.version == 4 and taken.overlaps(ipaddress.ip_network(service_cidr)):
                message = (
                    f"The specified service CIDR {service_cidr} is conflicted with an existing subnet CIDR {taken}"
                )
                raise refuse(400, "ServiceCidrOverlapExistingSubnetsCidr", message, "networkProfile.serviceCIDR")


def _check_size(subnet: Record, pool: Document, network: Document) -> None:
    flat = network.get("networkPlugin") == "azure" and network.get("networkPluginMode") != "overlay"
    most = pool.get("maxCount") if pool.get("enableAutoScaling") else pool["count"]
    nodes = int(most or 0) + 1  # one more while it surges
    needed = nodes * (pool["maxPods"] + 1) if flat and not pool.get("podSubnetID") else nodes
    free = ranges(subnet.properties)[0].num_addresses - 5
    if needed > free:
        message = (
            f"Pre-allocated IPs {needed} exceeds IPs available {free} in Subnet Cidr {ranges(subnet.properties)[0]}, "
            f"Subnet Name {subnet.name}. http://aka.ms/aks/insufficientsubnetsize"
        )
        raise refuse(400, "InsufficientSubnetSize", message, "agentPoolProfile.count")


def put(
    emulator: AzureEmulator,
    group: Record,
    kind_name: str,
    name: str,
    location: str,
    tags: dict[str, str],
    properties: Document,
) -> Record:
    """A resource of the node resource group: made when it is not there, its tags in any case."""
    kind = emulator.kinds[kind_name.lower()]
    resource_id = f"{group.id}/providers/{kind_name}/{name}"
    record = emulator.store.get(resource_id)
    if record is None:
        record = kind.make(resource_id, name, group.name, {"location": location, "properties": properties})
    record.document["tags"] = dict(tags)
    return emulator.store.put(record)


def _identity(emulator: AzureEmulator, cluster: Record, group: Record, name: str, tags: dict[str, str]) -> Document:
    principal = emulator.directory.add(name)
    properties = {
        "tenantId": AZURE_TENANT,
        "principalId": principal.object_id,
        "clientId": principal.client_id,
    }
    record = put(emulator, group, IDENTITIES, name, cluster.location, tags, properties)
    return {
        "resourceId": record.id.replace("/resourceGroups/", "/resourcegroups/"),
        "clientId": principal.client_id,
        "objectId": principal.object_id,
    }


def _addon_identity(emulator: AzureEmulator, cluster: Record, group: Record, name: str, tags: dict[str, str]) -> None:
    identities = cluster.private.setdefault("addon_identities", {})
    if name not in identities:
        identities[name] = _identity(emulator, cluster, group, f"{name.lower()}-{cluster.name}", tags)


def _balancer(emulator: AzureEmulator, cluster: Record, group: Record, tags: dict[str, str]) -> str:
    kind = emulator.kinds[ADDRESSES.lower()]
    assert isinstance(kind, PublicAddresses)  # noqa: S101
    address = put(
        emulator,
        group,
        ADDRESSES,
        str(uuid.uuid4()),
        cluster.location,
        tags,
        {
            "resourceGuid": str(uuid.uuid4()),
            "ipAddress": kind.allocate(),
            "publicIPAddressVersion": "IPv4",
            "publicIPAllocationMethod": "Static",
            "idleTimeoutInMinutes": 30,
            "ipTags": [],
        },
    )
    address.document["sku"] = {"name": "Standard", "tier": "Regional"}
    frontend = {"name": address.name, "properties": {"publicIPAddress": {"id": address.id}}}
    balancer = put(
        emulator,
        group,
        BALANCERS,
        "kubernetes",
        cluster.location,
        tags,
        {"resourceGuid": str(uuid.uuid4()), "frontendIPConfigurations": [frontend]},
    )
    balancer.document["sku"] = {"name": "Standard", "tier": "Regional"}
    return address.id


def _own_network(emulator: AzureEmulator, cluster: Record, group: Record, serial: str, tags: dict[str, str]) -> None:
    if "subnet" in cluster.private:
        return
    properties = {"resourceGuid": serial, "addressSpace": {"addressPrefixes": [_OWN_SPACE]}}
    vnet = put(emulator, group, _VNETS, f"aks-vnet-{serial}", cluster.location, tags, properties)
    kind = emulator.kinds[SUBNETS.lower()]
    part = {
        "properties": {
            "addressPrefix": _OWN_SUBNET,
            "delegations": [],
            "privateEndpointNetworkPolicies": "Disabled",
            "privateLinkServiceNetworkPolicies": "Enabled",
        }
    }
    subnet = emulator.store.put(kind.make(f"{vnet.id}/subnets/aks-subnet", "aks-subnet", group.name, part))
    cluster.private["subnet"] = subnet.id


def _private_endpoint(
    emulator: AzureEmulator, cluster: Record, group: Record, serial: str, tags: dict[str, str]
) -> str:
    """The private endpoint of the API server, and its zone when the service keeps it."""
    pool = next((item for item in emulator.store.of_kind(POOLS, cluster.id)), None)
    subnet_id = (pool.properties.get("vnetSubnetID") if pool is not None else None) or cluster.private.get("subnet", "")
    subnet = emulator.store.get(subnet_id)
    endpoint = put(
        emulator,
        group,
        ENDPOINTS,
        "kube-apiserver",
        cluster.location,
        tags,
        {
            "resourceGuid": str(uuid.uuid4()),
            "privateLinkServiceConnections": [],
            "manualPrivateLinkServiceConnections": [],
            "customNetworkInterfaceName": "",
            "subnet": {"id": subnet_id},
            "ipConfigurations": [],
            "customDnsConfigs": [],
            "ipVersionType": "IPv4",
        },
    )
    endpoint.private["address"] = free_address(emulator, subnet) if subnet is not None else ""
    access = cluster.properties["apiServerAccessProfile"]
    vnet = vnet_of(emulator, subnet_id)
    if access.get("privateDNSZone") == "system" and vnet is not None:
        zone_name = cluster.properties["privateFQDN"].partition(".")[2]
        zone = put(emulator, group, ZONES, zone_name, "global", tags, {"internalId": serial})
        kind = emulator.kinds[LINKS.lower()]
        document: Document = {
            "location": "global",
            "properties": {
                "registrationEnabled": False,
                "virtualNetwork": {"id": vnet.id},
                "virtualNetworkLinkState": "Completed",
            },
        }
        name = f"{cluster.properties['dnsPrefix']}-{serial}"
        emulator.store.put(kind.make(f"{zone.id}/virtualNetworkLinks/{name}", name, group.name, document))
    return endpoint.id
