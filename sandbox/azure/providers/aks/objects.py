"""What a cluster makes in its node resource group: load balancers for its Services, disks for its claims.

Names and shapes are those of the Azure cloud provider of Kubernetes (``azure_loadbalancer.go``) and of the Azure disk
CSI driver. All of it goes with the cluster's node resource group.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from ....kubernetes.controllers.claims import SELECTED_NODE, driver_of
from ....kubernetes.controllers.cloud import DriverMissing
from ....kubernetes.quantities import parse
from ...store import Document, Record
from ..disks import DISKS, make_disk
from ..network.addresses import ADDRESSES, BALANCERS, PublicAddresses
from ..network.security import RULES
from . import machines, nodes
from .base import POOLS, refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

Body = dict[str, Any]
_INTERNAL = "service.beta.kubernetes.io/azure-load-balancer-internal"
_FIRST_PRIORITY, _LAST_PRIORITY = 500, 4096
_PARTS = ("frontendIPConfigurations", "loadBalancingRules", "probes")


def load_balancer_name(service: Body) -> str:
    """``a`` and the Service's uid without dashes, 32 characters."""
    return f"a{service['metadata']['uid'].replace('-', '')}"[:32]


def ensure_balancer(emulator: AzureEmulator, cluster: Record, service: Body) -> None:
    """Make or bring up to date what a LoadBalancer Service needs."""
    given = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if not given:
        raise refuse(400, "NoAddress", f"The Service {_full_name(service)} has no address.")
    internal = (service["metadata"].get("annotations") or {}).get(_INTERNAL) == "true"
    group, name = nodes.group_of(emulator, cluster), load_balancer_name(service)
    frontend: Document
    if internal:
        _remove_address(emulator, group, name)
        frontend = {
            "privateIPAddress": given[0]["ip"],
            "privateIPAllocationMethod": "Dynamic",
            "subnet": {"id": _subnet(emulator, cluster)},
        }
    else:
        frontend = {"publicIPAddress": {"id": _address(emulator, cluster, group, service, given[0]["ip"]).id}}
    balancer = _balancer(emulator, cluster, group, "kubernetes-internal" if internal else "kubernetes")
    other = emulator.store.get(_balancer_id(group, "kubernetes" if internal else "kubernetes-internal"))
    if other is not None:
        _take_out(emulator, other, name)
    _put_in(emulator, balancer, name, frontend, service)
    _rule(emulator, cluster, group, service, given[0]["ip"])


def remove_balancer(emulator: AzureEmulator, cluster: Record, service: Body) -> None:
    """Take it all away; a load balancer without a frontend goes too."""
    group, name = nodes.group_of(emulator, cluster), load_balancer_name(service)
    for balancer_name in ("kubernetes", "kubernetes-internal"):
        balancer = emulator.store.get(_balancer_id(group, balancer_name))
        if balancer is not None:
            _take_out(emulator, balancer, name)
    _remove_address(emulator, group, name)
    rule = emulator.store.get(f"{_security_group(group, cluster)}/securityRules/{_rule_name(service)}")
    if rule is not None:
        emulator.store.remove(rule)
        rule.kind.removed(rule)


def ensure_disk(emulator: AzureEmulator, cluster: Record, claim: Body) -> str:
    """A disk for a claim, as its class says; returns its CSI handle. DriverMissing for classes of other drivers."""
    meta, storage_class = claim["metadata"], claim["storageClass"]
    if driver_of(storage_class) != "disk.csi.azure.com":
        raise DriverMissing
    name = f"pvc-{meta['uid']}"
    amount = parse(str(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "1Gi")))
    parameters = storage_class.get("parameters") or {}
    document: Document = {
        "tags": {
            "k8s-azure-created-by": "kubernetes-azure-dd",
            "kubernetes.io-created-for-pv-name": name,
            "kubernetes.io-created-for-pvc-name": meta["name"],
            "kubernetes.io-created-for-pvc-namespace": meta["namespace"],
            **cluster.tags,
        }
    }
    zone = _zone_of(emulator, cluster, (meta.get("annotations") or {}).get(SELECTED_NODE, ""))
    if zone:
        document["zones"] = [zone]
    sku = str(parameters.get("skuName") or parameters.get("skuname") or "StandardSSD_LRS")
    gigabytes = max(1, math.ceil(amount / 2**30))
    group = nodes.group_of(emulator, cluster)
    return make_disk(emulator, group, name, cluster.location, sku, gigabytes, document).id


def remove_disk(emulator: AzureEmulator, handle: str) -> None:
    """The disk of a handle; one that is gone already is fine."""
    record = emulator.store.get(handle)
    if record is not None and record.kind.type == DISKS:
        emulator.store.remove(record)


def _full_name(service: Body) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"


def _zone_of(emulator: AzureEmulator, cluster: Record, node: str) -> str:
    for body in machines.nodes_of(emulator, cluster):
        if body["metadata"]["name"] == node:
            zone = body["metadata"]["labels"]["topology.kubernetes.io/zone"]
            return str(zone).rpartition("-")[2] if "-" in zone else ""
    return ""


def _subnet(emulator: AzureEmulator, cluster: Record) -> str:
    for pool in emulator.store.of_kind(POOLS, cluster.id):
        if pool.properties.get("vnetSubnetID"):
            return str(pool.properties["vnetSubnetID"])
    return str(cluster.private.get("subnet", ""))


def _address(emulator: AzureEmulator, cluster: Record, group: Record, service: Body, address: str) -> Record:
    name = f"kubernetes-{load_balancer_name(service)}"
    kind = emulator.kinds[ADDRESSES.lower()]
    assert isinstance(kind, PublicAddresses)  # noqa: S101
    found = emulator.store.get(f"{group.id}/providers/{ADDRESSES}/{name}")
    if found is None:
        kind.check_quota(cluster.location)
    tags = {"k8s-azure-cluster-name": "kubernetes", "k8s-azure-service": _full_name(service), **cluster.tags}
    properties: Document = {
        "resourceGuid": hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(),
        "ipAddress": address,
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": "Static",
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
    }
    record = nodes.put(emulator, group, ADDRESSES, name, cluster.location, tags, properties)
    record.properties["ipAddress"] = address
    record.document["sku"] = {"name": "Standard", "tier": "Regional"}
    return record


def _remove_address(emulator: AzureEmulator, group: Record, name: str) -> None:
    record = emulator.store.get(f"{group.id}/providers/{ADDRESSES}/kubernetes-{name}")
    if record is not None:
        emulator.store.remove(record)


def _balancer_id(group: Record, name: str) -> str:
    return f"{group.id}/providers/{BALANCERS}/{name}"


def _balancer(emulator: AzureEmulator, cluster: Record, group: Record, name: str) -> Record:
    properties: Document = {"resourceGuid": hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()}
    record = nodes.put(emulator, group, BALANCERS, name, cluster.location, dict(cluster.tags), properties)
    record.document["sku"] = {"name": "Standard", "tier": "Regional"}
    return record


def _part(balancer: Record, part: str, name: str, properties: Document) -> Document:
    return {
        "name": name,
        "id": f"{balancer.id}/{part}/{name}",
        "type": f"{BALANCERS}/{part}",
        "properties": {"provisioningState": "Succeeded", **properties},
    }


def _put_in(emulator: AzureEmulator, balancer: Record, name: str, frontend: Document, service: Body) -> None:
    spec = service["spec"]
    _drop_parts(balancer, name)
    properties = balancer.properties
    properties["backendAddressPools"] = [_part(balancer, "backendAddressPools", "kubernetes", {})]
    front, pool = _part(balancer, "frontendIPConfigurations", name, frontend), properties["backendAddressPools"][0]
    properties.setdefault("frontendIPConfigurations", []).append(front)
    local = spec.get("externalTrafficPolicy") == "Local"
    for port in spec.get("ports") or []:
        protocol = port.get("protocol", "TCP")
        own = f"{name}-{protocol}-{port['port']}"
        probed: Document = {"intervalInSeconds": 5, "numberOfProbes": 2, "probeThreshold": 2}
        if local and spec.get("healthCheckNodePort"):
            probed.update(protocol="Http", port=spec["healthCheckNodePort"], requestPath="/healthz")
        else:
            probed.update(protocol="Tcp", port=port.get("nodePort") or port["port"])
        probe = _part(balancer, "probes", own, probed)
        rule: Document = {
            "frontendIPConfiguration": {"id": front["id"]},
            "backendAddressPool": {"id": pool["id"]},
            "probe": {"id": probe["id"]},
            "protocol": protocol.capitalize(),
            "frontendPort": port["port"],
            "backendPort": port["port"],
            "enableFloatingIP": True,
            "idleTimeoutInMinutes": 4,
            "loadDistribution": "SourceIP" if spec.get("sessionAffinity") == "ClientIP" else "Default",
            "disableOutboundSnat": True,
            "enableTcpReset": True,
        }
        properties.setdefault("probes", []).append(probe)
        properties.setdefault("loadBalancingRules", []).append(_part(balancer, "loadBalancingRules", own, rule))
    emulator.store.put(balancer)


def _drop_parts(balancer: Record, name: str) -> None:
    for part in _PARTS:
        kept = [one for one in balancer.properties.get(part) or [] if not _of(one["name"], name)]
        balancer.properties[part] = kept


def _of(part: str, name: str) -> bool:
    return part == name or part.startswith(f"{name}-")


def _take_out(emulator: AzureEmulator, balancer: Record, name: str) -> None:
    _drop_parts(balancer, name)
    if balancer.properties["frontendIPConfigurations"]:
        emulator.store.put(balancer)
    else:
        emulator.store.remove(balancer)


def _security_group(group: Record, cluster: Record) -> str:
    name = f"aks-agentpool-{cluster.private['serial']}-nsg"
    return f"{group.id}/providers/Microsoft.Network/networkSecurityGroups/{name}"


def _rule_name(service: Body) -> str:
    digest = hashlib.md5(service["metadata"]["uid"].encode(), usedforsecurity=False).hexdigest()
    return f"k8s-azure-lb_allow_IPv4_{digest}"


def _rule(emulator: AzureEmulator, cluster: Record, group: Record, service: Body, address: str) -> None:
    parent, name = _security_group(group, cluster), _rule_name(service)
    others = [one for one in emulator.store.of_kind(RULES, parent) if one.name != name]
    taken = {one.properties["priority"] for one in others}
    ports = service["spec"].get("ports") or []
    protocols = {port.get("protocol", "TCP") for port in ports}
    sources = service["spec"].get("loadBalancerSourceRanges") or []
    properties: Document = {
        "protocol": protocols.pop().capitalize() if len(protocols) == 1 else "*",
        "sourcePortRange": "*",
        "destinationPortRanges": [str(port["port"]) for port in ports],
        "destinationAddressPrefixes": [address],
        "access": "Allow",
        "direction": "Inbound",
        "priority": next(one for one in range(_FIRST_PRIORITY, _LAST_PRIORITY) if one not in taken),
        "sourcePortRanges": [],
        "sourceAddressPrefixes": list(sources) if len(sources) > 1 else [],
    }
    if len(sources) < 2:
        properties["sourceAddressPrefix"] = sources[0] if sources else "Internet"
    kind = emulator.kinds[RULES.lower()]
    record = emulator.store.get(f"{parent}/securityRules/{name}")
    if record is None:
        record = kind.make(f"{parent}/securityRules/{name}", name, group.name, {"properties": properties})
    else:
        properties["priority"] = record.properties["priority"]
        record.document["properties"] = properties
    emulator.store.put(record)
