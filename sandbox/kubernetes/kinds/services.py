"""Services, ingresses, network policies, endpoints."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ..addresses import Exhausted
from ..errors import ApiError, Cause, bad_value, duplicate, not_supported, required
from ..store import Key, Stored
from .base import Body, Kind, at

if TYPE_CHECKING:
    from ..registry import Registry

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
_PROTOCOLS = ("TCP", "UDP", "SCTP")


class Service(Kind):
    """v1 Service, with its addresses and node ports."""

    returns_deleted = True

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
        if spec["sessionAffinity"] == "ClientIP":
            spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
        for port in spec.get("ports") or []:
            port.setdefault("protocol", "TCP")
            if port.get("targetPort") in (None, 0, "") and "port" in port:
                port["targetPort"] = port["port"]
        if spec["type"] == "ExternalName":
            return
        spec.setdefault("internalTrafficPolicy", "Cluster")
        if spec["type"] in _WITH_NODE_PORTS:
            spec.setdefault("externalTrafficPolicy", "Cluster")
        if spec["type"] == "LoadBalancer":
            spec.setdefault("allocateLoadBalancerNodePorts", True)

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"loadBalancer": {}}

    def prepare_update(self, new: Body, old: Body, registry: Registry) -> None:
        """What was allocated stays when an update leaves it out."""
        spec, before = new["spec"], old["spec"]
        if spec["type"] == "ExternalName" or before["type"] == "ExternalName":
            return
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not spec.get(name) and before.get(name):
                spec[name] = before[name]
        if spec["type"] in _WITH_NODE_PORTS and before["type"] in _WITH_NODE_PORTS:
            known = {(one["port"], one["protocol"]): one.get("nodePort") for one in before.get("ports") or []}
            for port in spec.get("ports") or []:
                node_port = known.get((port.get("port"), port["protocol"]))
                if node_port and not port.get("nodePort"):
                    port["nodePort"] = node_port
            if before.get("healthCheckNodePort") and spec.get("externalTrafficPolicy") == "Local":
                spec.setdefault("healthCheckNodePort", before["healthCheckNodePort"])

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        spec = body["spec"]
        causes = super().validate(body, registry)
        if spec["type"] not in _TYPES:
            causes.append(not_supported("spec.type", spec["type"], _TYPES))
        ports = spec.get("ports") or []
        if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
            causes.append(required("spec.ports"))
        if spec["type"] == "ExternalName" and not spec.get("externalName"):
            causes.append(required("spec.externalName"))
        names: set[str] = set()
        taken: set[tuple[str, int]] = set()
        for index, port in enumerate(ports):
            where = f"spec.ports[{index}]"
            if len(ports) > 1 and not port.get("name"):
                causes.append(required(f"{where}.name"))
            if port.get("name") and port["name"] in names:
                causes.append(duplicate(f"{where}.name", port["name"]))
            names.add(port.get("name", ""))
            if "port" in port and not 0 < port["port"] < 65536:
                causes.append(bad_value(f"{where}.port", port["port"], "must be between 1 and 65535, inclusive"))
            if port["protocol"] not in _PROTOCOLS:
                causes.append(not_supported(f"{where}.protocol", port["protocol"], _PROTOCOLS))
            pair = (port["protocol"], port.get("port", 0))
            if pair in taken:
                causes.append(duplicate(where, {"port": pair[1], "protocol": pair[0]}))
            taken.add(pair)
        return causes if causes else self._allocate(body, registry)

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        spec, before = new["spec"], old["spec"]
        if "ExternalName" in (spec["type"], before["type"]) or not before.get("clusterIP"):
            return []
        if spec.get("clusterIP") == before["clusterIP"]:
            return []
        detail = "may not change once set"
        return [bad_value("spec.clusterIPs[0]", [spec.get("clusterIP", "")], detail)]

    def _allocate(self, body: Body, registry: Registry) -> list[Cause]:
        """Addresses and node ports that are not there yet; those asked for must be free."""
        spec = body["spec"]
        if spec["type"] == "ExternalName":
            return []
        owner = body["metadata"]["uid"]
        causes: list[Cause] = []
        if not spec.get("clusterIP") and spec.get("clusterIPs"):
            spec["clusterIP"] = spec["clusterIPs"][0]
        if spec.get("clusterIP") != "None":
            problem = self._address(spec, owner, registry)
            if problem:
                causes.append(bad_value("spec.clusterIPs", [spec["clusterIP"]], problem))
        spec["clusterIPs"] = [spec["clusterIP"]]
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        version = 4 if spec["clusterIP"] == "None" else ipaddress.ip_address(spec["clusterIP"]).version
        spec.setdefault("ipFamilies", [f"IPv{version}"])
        if spec["type"] in _WITH_NODE_PORTS and spec.get("allocateLoadBalancerNodePorts", True):
            causes += self._node_ports(spec, owner, registry)
        return causes

    @staticmethod
    def _address(spec: Body, owner: str, registry: Registry) -> str:
        try:
            spec["clusterIP"] = registry.addresses.take(owner, spec.get("clusterIP", ""))
        except ValueError as error:
            return str(error)
        except Exhausted as error:
            raise ApiError(
                500, "InternalError", f"Internal error occurred: failed to allocate a serviceIP: {error}"
            ) from None
        return ""

    @staticmethod
    def _node_ports(spec: Body, owner: str, registry: Registry) -> list[Cause]:
        causes = []
        for index, port in enumerate(spec.get("ports") or []):
            try:
                port["nodePort"] = registry.node_ports.take(f"{owner}/{port['protocol']}", port.get("nodePort", 0))
            except ValueError as error:
                causes.append(bad_value(f"spec.ports[{index}].nodePort", port["nodePort"], str(error)))
        return causes

    def updated(self, stored: Stored, old: Stored, key: Key, registry: Registry) -> None:
        self._keep(stored, registry)

    def created(self, stored: Stored, key: Key, registry: Registry) -> None:
        self._keep(stored, registry)

    def removed(self, last: Stored, key: Key, registry: Registry) -> None:
        uid = last.body["metadata"]["uid"]
        registry.addresses.release(uid)
        for protocol in _PROTOCOLS:
            registry.node_ports.release(f"{uid}/{protocol}")

    @staticmethod
    def _keep(stored: Stored, registry: Registry) -> None:
        """Mark what the stored service holds; what a refused or dry request took is free again."""
        spec, uid = stored.body["spec"], stored.body["metadata"]["uid"]
        registry.addresses.keep(uid, [spec["clusterIP"]] if spec.get("clusterIP", "None") != "None" else [])
        for protocol in _PROTOCOLS:
            ports = [
                one["nodePort"]
                for one in spec.get("ports") or []
                if one.get("nodePort") and one["protocol"] == protocol
            ]
            registry.node_ports.keep(f"{uid}/{protocol}", ports)


class Ingress(Kind):
    """networking.k8s.io/v1."""

    def prepare_create(self, body: Body, registry: Registry) -> None:
        body["status"] = {"loadBalancer": {}}

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        spec = body.get("spec") or {}
        causes = super().validate(body, registry)
        if not spec.get("rules") and not spec.get("defaultBackend"):
            causes.append(bad_value("spec", spec, "either `defaultBackend` or `rules` must be specified"))
        types = ("Exact", "ImplementationSpecific", "Prefix")
        for index, rule in enumerate(spec.get("rules") or []):
            for number, path in enumerate(at(rule, "http.paths") or []):
                where = f"spec.rules[{index}].http.paths[{number}]"
                if path.get("pathType") and path["pathType"] not in types:
                    causes.append(not_supported(f"{where}.pathType", path["pathType"], types))
                if path.get("path") and not path["path"].startswith("/") and path.get("pathType") != types[1]:
                    causes.append(bad_value(f"{where}.path", path["path"], "must be an absolute path"))
        return causes


class NetworkPolicy(Kind):
    """networking.k8s.io/v1."""

    def default(self, body: Body) -> None:
        spec = body.setdefault("spec", {})
        spec.setdefault("podSelector", {})
        if not spec.get("policyTypes"):
            spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
        for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
            for port in rule.get("ports") or []:
                port.setdefault("protocol", "TCP")

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = super().validate(body, registry)
        for index, name in enumerate(body["spec"]["policyTypes"]):
            if name not in ("Ingress", "Egress"):
                causes.append(not_supported(f"spec.policyTypes[{index}]", name, ("Egress", "Ingress")))
        for side, peers in (("ingress", "from"), ("egress", "to")):
            for index, rule in enumerate(body["spec"].get(side) or []):
                for number, peer in enumerate(rule.get(peers) or []):
                    causes += _block_problems(peer, f"spec.{side}[{index}].{peers}[{number}].ipBlock")
        return causes


def _block_problems(peer: Body, where: str) -> list[Cause]:
    block = peer.get("ipBlock")
    if block is None:
        return []
    try:
        ipaddress.ip_network(block.get("cidr", ""))
    except ValueError:
        detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
        return [bad_value(f"{where}.cidr", block.get("cidr", ""), detail)]
    return []


class Endpoints(Kind):
    """v1 Endpoints."""

    def default(self, body: Body) -> None:
        for subset in body.get("subsets") or []:
            for port in subset.get("ports") or []:
                port.setdefault("protocol", "TCP")


class EndpointSlice(Kind):
    """discovery.k8s.io/v1."""

    immutable = ("addressType",)

    def default(self, body: Body) -> None:
        for port in body.get("ports") or []:
            port.setdefault("name", "")
            port.setdefault("protocol", "TCP")

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = [] if body.get("addressType") else [required("addressType")]
        return causes + [
            required(f"endpoints[{index}].addresses", "must contain at least 1 address")
            for index, endpoint in enumerate(body.get("endpoints") or [])
            if not endpoint.get("addresses")
        ]
