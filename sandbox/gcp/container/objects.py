"""What a cluster makes in the project: load balancers for its Services, disks for its claims.

Names and shapes are those of Kubernetes' service controller for Google Cloud (``gce_loadbalancer_external.go`` and
``gce_loadbalancer_internal.go`` of cloud-provider-gcp) and of the persistent disk CSI driver. All of it outlives a
cluster that is deleted before its Services and claims (GKE documentation, "Deleting a cluster").
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

from ...kubernetes.quantities import parse
from .. import quotas
from ..catalog import region_of
from ..compute import balancing, disks
from ..compute.crud import add
from ..compute.kinds import KINDS, Kind
from ..compute.links import link
from ..errors import GoogleError
from ..state import PROJECT, State, fingerprint
from .common import Data

Body = dict[str, Any]
Wanted = tuple[Kind, str, Data]
_CHECKERS = ["130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22", "35.191.0.0/16"]
_KUBE_PROXY_PORT = 10256
_INTERNAL = ("networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type")
_TIER = "cloud.google.com/network-tier"


def load_balancer_name(service: Body) -> str:
    """``a`` and the Service's uid without dashes, 32 characters."""
    return f"a{service['metadata']['uid'].replace('-', '')}"[:32]


def ensure_balancer(state: State, cluster: Data, nodes: list[Body], service: Body) -> None:
    """Make or bring up to date what a LoadBalancer Service needs; GoogleError when a quota does not suffice."""
    internal = _internal(service)
    wanted = list(_internal_parts(cluster, service) if internal else _external_parts(cluster, nodes, service))
    remove_balancer(state, cluster, service, keep={path for _, path, _ in wanted})
    for kind, path, data in wanted:
        record = state.compute.get(path)
        if record is not None:
            record.data.update(data)
            continue
        quotas.require(state, kind.segment)
        add(state, kind, path, data)


def remove_balancer(state: State, cluster: Data, service: Body, keep: set[str] | None = None) -> None:
    """Take it all away but what is to be kept; what the cluster's balancers share goes with the last of them."""
    name, region = load_balancer_name(service), region_of(cluster["location"])
    local, everywhere = f"projects/{PROJECT}/regions/{region}", f"projects/{PROJECT}/global"
    own = [
        f"{local}/forwardingRules/{name}",
        f"{local}/targetPools/{name}",
        f"{local}/backendServices/{name}",
        f"{everywhere}/httpHealthChecks/{name}",
        f"{everywhere}/firewalls/k8s-fw-{name}",
        f"{everywhere}/firewalls/k8s-{name}-http-hc",
        f"{everywhere}/firewalls/{name}",
    ]
    for path in own:
        if path not in (keep or ()):
            state.compute.pop(path, None)
    check = f"{everywhere}/httpHealthChecks/{_shared(cluster)}"
    if not any(link(check) in record.data.get("healthChecks", []) for record in state.compute.values()):
        for path in (check, f"{everywhere}/firewalls/{_shared(cluster)}-http-hc"):
            if path not in (keep or ()):
                state.compute.pop(path, None)


def follow_nodes(state: State, cluster: Data, nodes: list[Body]) -> None:
    """The nodes have changed: so do the members of the cluster's target pools."""
    for path, record in state.compute.items():
        if "/targetPools/" in path:
            opening = state.compute.get(f"projects/{PROJECT}/global/firewalls/k8s-fw-{record.data['name']}")
            if opening is not None and _node_tag(cluster) in opening.data["targetTags"]:
                record.data["instances"] = _instances(nodes)


def make_disk(state: State, cluster: Data, zone: str, claim: Body) -> str:
    """A disk for a claim, as its class says; returns its CSI handle. DriverMissing for classes of other drivers."""
    from ...kubernetes.controllers.claims import driver_of
    from ...kubernetes.controllers.cloud import DriverMissing

    meta, spec, storage_class = claim["metadata"], claim["spec"], claim["storageClass"]
    if driver_of(storage_class) != "pd.csi.storage.gke.io":
        raise DriverMissing
    name = f"pvc-{meta['uid']}"
    path = f"projects/{PROJECT}/zones/{zone}/disks/{name}"
    if path in state.compute:
        return path
    told = {
        "kubernetes.io/created-for/pv/name": name,
        "kubernetes.io/created-for/pvc/name": meta["name"],
        "kubernetes.io/created-for/pvc/namespace": meta["namespace"],
        "storage.gke.io/created-by": "pd.csi.storage.gke.io",
    }
    amount = parse(str(((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")))
    kind = (storage_class.get("parameters") or {}).get("type", "pd-balanced")
    labels = {"goog-gke-volume": "", "goog-k8s-cluster-location": cluster["location"]}
    body: Data = {
        "name": name,
        "description": json.dumps(told, separators=(",", ":")),
        "labels": {**labels, "goog-k8s-cluster-name": cluster["name"], **cluster.get("resourceLabels", {})},
        "sizeGb": str(max(disks.TYPES.get(kind, 0), math.ceil(amount / 2**30))),
        "type": kind,
    }
    disks.complete(body, zone)
    quotas.require_disk(state, region_of(zone) or "", body)
    add(state, disks.DISKS, path, body)
    return path


def remove_disk(state: State, handle: str) -> None:
    """The disk of a handle; one that is gone already is fine."""
    state.compute.pop(handle, None)


def _internal(service: Body) -> bool:
    notes = service["metadata"].get("annotations") or {}
    return any(notes.get(key) == "Internal" for key in _INTERNAL)


def _shared(cluster: Data) -> str:
    """The health check that all load balancers of a cluster share."""
    return f"k8s-{hashlib.sha256(cluster['id'].encode()).hexdigest()[:16]}-node"


def _basics(service: Body) -> tuple[str, str, list[Body], str]:
    """Name, address, ports and how the description names the Service."""
    meta, spec = service["metadata"], service["spec"]
    given = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if not given:
        raise GoogleError(400, f"The Service {meta['namespace']}/{meta['name']} has no address.")
    ports = spec.get("ports") or []
    return load_balancer_name(service), given[0]["ip"], ports, f"{meta['namespace']}/{meta['name']}"


def _external_parts(cluster: Data, nodes: list[Body], service: Body) -> Iterator[Wanted]:
    name, address, ports, full_name = _basics(service)
    region, spec = region_of(cluster["location"]), service["spec"]
    local, everywhere = f"projects/{PROJECT}/regions/{region}", f"projects/{PROJECT}/global"
    description = json.dumps({"kubernetes.io/service-name": full_name}, separators=(",", ":"))
    own = spec.get("externalTrafficPolicy") == "Local"
    check = name if own else _shared(cluster)
    port = int(spec.get("healthCheckNodePort") or 0) if own else _KUBE_PROXY_PORT
    health: Data = {"name": check, "description": "", "host": "", "port": port, "requestPath": "/healthz"}
    health.update(checkIntervalSec=8, timeoutSec=1, healthyThreshold=1, unhealthyThreshold=3)
    yield balancing.CHECKS, f"{everywhere}/httpHealthChecks/{check}", health
    opening = f"k8s-{name}-http-hc" if own else f"{check}-http-hc"
    yield _firewall(cluster, opening, "", [{"IPProtocol": "tcp", "ports": [str(port)]}], _CHECKERS)
    pool: Data = {"name": name, "description": description, "sessionAffinity": _affinity(spec)}
    pool["instances"] = _instances(nodes)
    pool["healthChecks"] = [link(f"{everywhere}/httpHealthChecks/{check}")]
    yield balancing.POOLS, f"{local}/targetPools/{name}", pool
    notes = service["metadata"].get("annotations") or {}
    rule = _rule(name, address, ports, description)
    rule.update(loadBalancingScheme="EXTERNAL", target=link(f"{local}/targetPools/{name}"))
    rule["networkTier"] = "STANDARD" if notes.get(_TIER) == "Standard" else "PREMIUM"
    numbers = [item["port"] for item in ports]
    rule["portRange"] = f"{min(numbers)}-{max(numbers)}"
    yield balancing.RULES, f"{local}/forwardingRules/{name}", rule
    told = {"kubernetes.io/service-name": full_name, "kubernetes.io/service-ip": address}
    text = json.dumps(told, separators=(",", ":"))
    yield _firewall(cluster, f"k8s-fw-{name}", text, _allowed(ports), _sources(spec))


def _internal_parts(cluster: Data, service: Body) -> Iterator[Wanted]:
    name, address, ports, full_name = _basics(service)
    local = f"projects/{PROJECT}/regions/{region_of(cluster['location'])}"
    description = json.dumps({"kubernetes.io/service-name": full_name}, separators=(",", ":"))
    protocol = ports[0].get("protocol", "TCP")
    backend: Data = {"name": name, "description": description, "protocol": protocol, "loadBalancingScheme": "INTERNAL"}
    backend.update(sessionAffinity=_affinity(service["spec"]), timeoutSec=30)
    backend["fingerprint"] = fingerprint(backend)
    yield balancing.SERVICES, f"{local}/backendServices/{name}", backend
    rule = _rule(name, address, ports, description)
    rule.update(loadBalancingScheme="INTERNAL", backendService=link(f"{local}/backendServices/{name}"))
    rule.update(network=link(cluster["networkConfig"]["network"]), networkTier="PREMIUM")
    rule.update(subnetwork=link(cluster["networkConfig"]["subnetwork"]), ports=[str(item["port"]) for item in ports])
    yield balancing.RULES, f"{local}/forwardingRules/{name}", rule
    yield _firewall(cluster, name, description, _allowed(ports), _sources(service["spec"]))


def _instances(nodes: list[Body]) -> list[str]:
    """The machines of nodes, whose providerID is ``gce://project/zone/name``."""
    found = [body["spec"]["providerID"].removeprefix("gce://").split("/") for body in nodes]
    return [link(f"projects/{project}/zones/{zone}/instances/{name}") for project, zone, name in found]


def _node_tag(cluster: Data) -> str:
    """The network tag of all nodes."""
    return f"gke-{cluster['name']}-{cluster['id'][:8]}-node"


def _rule(name: str, address: str, ports: list[Body], description: str) -> Data:
    return {
        "name": name,
        "description": description,
        "IPAddress": address,
        "IPProtocol": ports[0].get("protocol", "TCP"),
        "labelFingerprint": fingerprint({}),
    }


def _firewall(cluster: Data, name: str, text: str, allowed: list[Data], sources: list[str]) -> Wanted:
    data: Data = {
        "name": name,
        "description": text,
        "network": link(cluster["networkConfig"]["network"]),
        "priority": 1000,
        "sourceRanges": sources,
        "targetTags": [_node_tag(cluster)],
        "allowed": allowed,
        "direction": "INGRESS",
        "disabled": False,
        "logConfig": {"enable": False},
    }
    return KINDS["firewalls"], f"projects/{PROJECT}/global/firewalls/{name}", data


def _allowed(ports: list[Body]) -> list[Data]:
    protocols = dict.fromkeys(item.get("protocol", "TCP").lower() for item in ports)
    return [
        {
            "IPProtocol": protocol,
            "ports": [str(item["port"]) for item in ports if item.get("protocol", "TCP").lower() == protocol],
        }
        for protocol in protocols
    ]


def _sources(spec: Body) -> list[str]:
    return list(spec.get("loadBalancerSourceRanges") or ["0.0.0.0/0"])


def _affinity(spec: Body) -> str:
    return "CLIENT_IP" if spec.get("sessionAffinity") == "ClientIP" else "NONE"
