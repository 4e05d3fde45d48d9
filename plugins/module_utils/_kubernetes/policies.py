# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network policies of a namespace: nothing is allowed, and then what is needed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._spec.kubernetes_base import KubernetesBase, Namespace
from .clouds import DATA_PORTS, DNS, IDENTITY, blocks
from .place import Place

Body = dict[str, Any]
_INTERNET_EXCEPT = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"]
_API_SERVER_PORTS = (443, 6443)
DENY, DNS_OUT, WITHIN, API_SERVER = "default-deny", "allow-dns", "allow-same-namespace", "allow-api-server"
FROM, INTO, IDENTITIES = "allow-from-namespaces", "allow-to-namespaces", "allow-cloud-identity"
STORES, INTERNET = "allow-data-stores", "allow-internet-https"


def of_namespace(
    each: Namespace, everybody: Sequence[Namespace], spec: KubernetesBase, place: Place, ranges: Sequence[str]
) -> list[Body]:
    """The policies that one namespace has. ranges: of the site's own network."""

    def policy(name: str, **content: Any) -> Body:
        types = [kind for kind in ("Ingress", "Egress") if kind.lower() in content] or ["Ingress", "Egress"]
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": each.name, "labels": place.labels()},
            "spec": {"podSelector": {}, "policyTypes": types, **content},
        }

    within: list[Body] = [{"podSelector": {}}]
    found = [
        policy(DENY),
        policy(WITHIN, ingress=[{"from": within}], egress=[{"to": within}]),
        policy(DNS_OUT, egress=[{"to": _name_servers(place.cloud), "ports": _ports(53, protocols=("UDP", "TCP"))}]),
        policy(API_SERVER, egress=[{"to": blocks(ranges), "ports": _ports(*_API_SERVER_PORTS)}]),
        policy(
            STORES,
            egress=[{"to": blocks(ranges), "ports": _ports(*(spec.data_ports or DATA_PORTS[place.cloud]))}],
        ),
    ]
    if each.ingress_from:
        found.append(policy(FROM, ingress=[{"from": [_namespaces(each.ingress_from)]}]))
    # The other half of what the others allow: both ends have to.
    reachable = sorted(other.name for other in everybody if each.name in other.ingress_from)
    if reachable:
        found.append(policy(INTO, egress=[{"to": [_namespaces(reachable)]}]))
    if IDENTITY[place.cloud]:
        rules = [{"to": blocks([cidr]), "ports": _ports(port)} for cidr, port in IDENTITY[place.cloud]]
        found.append(policy(IDENTITIES, egress=rules))
    if each.internet:
        outside = {"ipBlock": {"cidr": "0.0.0.0/0", "except": _INTERNET_EXCEPT}}
        found.append(policy(INTERNET, egress=[{"to": [outside], "ports": _ports(443)}]))
    return found


def _name_servers(cloud: str) -> list[Body]:
    pods = {"key": "k8s-app", "operator": "In", "values": ["kube-dns", "node-local-dns", "coredns"]}
    return [{**_namespaces(["kube-system"]), "podSelector": {"matchExpressions": [pods]}}, *blocks(DNS[cloud])]


def _namespaces(names: Sequence[str]) -> Body:
    label = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(names)}
    return {"namespaceSelector": {"matchExpressions": [label]}}


def _ports(*numbers: int, protocols: Sequence[str] = ("TCP",)) -> list[Body]:
    return [{"port": number, "protocol": protocol} for number in numbers for protocol in protocols]
