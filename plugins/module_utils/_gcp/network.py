# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's network on Google Cloud: custom VPC, one regional subnetwork, NAT, firewall, private services access."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .._engine.resource import Resource
from .._spec import names
from .._spec.addresses import Addresses
from .._spec.network import Network as Spec
from .._spec.network import Peering
from .._spec.site import check
from .client import Cloud
from .compute import Address, Firewall, GlobalAddress, Network, Router, Subnetwork
from .peering import NetworkPeering, ServiceConnection
from .references import last

PODS, SERVICES = "pods", "services"  # names of the secondary ranges
MOST_NAT_ADDRESSES = 4
# Where Google's health checks come from (Cloud Load Balancing documentation, firewall rules).
HEALTH_CHECKS = ["35.191.0.0/16", "130.211.0.0/22"]
IAP = ["35.235.240.0/20"]  # Identity-Aware Proxy, TCP forwarding
DEFAULT_SAMPLING = 0.5


def build(spec: Spec, cloud: Cloud, *, managed: bool) -> Built:
    """The network's resources. managed=False: refer to the network that the specification names."""
    check(_problems(spec, cloud))
    if spec.gcp.existing_network:
        return _existing(spec, cloud)
    builder = Builder(spec, cloud, managed)
    return builder.built()


def _problems(spec: Spec, cloud: Cloud) -> list[str]:
    problems = []
    if spec.gcp.existing_network and not spec.gcp.existing_subnetwork:
        problems.append("network.gcp.existing_subnetwork: name the subnetwork of network.gcp.existing_network.")
    if spec.gcp.existing_subnetwork and not spec.gcp.existing_network:
        problems.append("network.gcp.existing_network: name the network of network.gcp.existing_subnetwork.")
    if not 0 <= spec.gcp.nat_addresses <= MOST_NAT_ADDRESSES:
        problems.append(f"network.gcp.nat_addresses: {spec.gcp.nat_addresses} is not 0 to {MOST_NAT_ADDRESSES}.")
    if spec.gcp.nat_addresses and not spec.nat:
        problems.append("network.gcp.nat_addresses has no effect with nat: false. Remove one of them.")
    sampling = spec.gcp.flow_logs_sampling
    if sampling is not None and not 0 < sampling <= 1:
        problems.append(f"network.gcp.flow_logs_sampling: {sampling} is not above 0 and at most 1.")
    if sampling is not None and not spec.flow_logs:
        problems.append("network.gcp.flow_logs_sampling has no effect with flow_logs: false. Remove one of them.")
    if spec.flow_logs_retention_days is not None:
        problems.append(
            "network.flow_logs_retention_days: on Google Cloud flow logs live as long as the project's log bucket "
            "says (30 days in _Default). Set the retention of that bucket and leave this option out for this site."
        )
    for peering in spec.peerings or ():
        if peering.region:
            problems.append(
                f"network.peerings.{peering.name}.region: networks are global on Google Cloud. Leave it out."
            )
    return problems


def _existing(spec: Spec, cloud: Cloud) -> Built:
    network_name, subnetwork_name = spec.gcp.existing_network or "", spec.gcp.existing_subnetwork or ""
    network = Network(cloud, last(network_name), managed=False, project=_project(network_name))
    subnetwork = Subnetwork(
        cloud, last(subnetwork_name), managed=False, project=_project(subnetwork_name) or network.project
    )
    return Built(
        [network, subnetwork],
        {
            "network": network,
            "subnetwork": subnetwork,
            "pods_range": spec.gcp.existing_pods_range,
            "services_range": spec.gcp.existing_services_range,
        },
        lambda: {"network": network.outputs.get("id"), "subnetwork": subnetwork.outputs.get("id")},
    )


def _project(reference: str) -> str:
    """The project in "projects/p/…", or nothing."""
    found = reference.partition("projects/")[2]
    return found.partition("/")[0] if "/" in found else ""


class Builder:
    """Makes the resources of one managed network."""

    def __init__(self, spec: Spec, cloud: Cloud, managed: bool) -> None:
        self.spec = spec
        self.cloud = cloud
        self.site = cloud.site
        self.ranges: Addresses = spec.allocate(cloud.site)
        self.managed = managed
        self.network = Network(cloud, names.of(self.site), self._network, managed=managed)
        self.subnetwork = Subnetwork(cloud, self.named("nodes"), self._subnetwork, (self.network,), managed=managed)
        self.addresses: list[Address] = []
        self.router: Router | None = None
        self.peerings: list[NetworkPeering] = []
        self.connection: ServiceConnection | None = None

    def named(self, *parts: str) -> str:
        return names.of(self.site, *parts)

    def built(self) -> Built:
        resources: list[Resource] = [self.network, self.subnetwork]
        if self.managed:
            resources += [*self._nat(), *self._firewall(), *self._services(), *self._peerings()]
        exports = {
            "network": self.network,
            "subnetwork": self.subnetwork,
            "pods_range": PODS,
            "services_range": SERVICES,
            "router": self.router,
            "connection": self.connection,
        }
        return Built(resources, exports, self._outputs)

    def _network(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "autoCreateSubnetworks": False,
            "routingConfig": {"routingMode": self.spec.gcp.routing_mode},
        }
        return body | ({"mtu": self.spec.gcp.mtu} if self.spec.gcp.mtu else {})

    def _subnetwork(self) -> dict[str, Any]:
        logs: dict[str, Any] = {"enable": bool(self.spec.flow_logs)}
        if self.spec.flow_logs:
            logs |= {
                "aggregationInterval": "INTERVAL_5_MIN",
                "flowSampling": self.spec.gcp.flow_logs_sampling or DEFAULT_SAMPLING,
                "metadata": "INCLUDE_ALL_METADATA",
            }
        return {
            "network": self.network.out("id"),
            "ipCidrRange": str(self.ranges.nodes),
            "privateIpGoogleAccess": True,
            "secondaryIpRanges": [
                {"rangeName": PODS, "ipCidrRange": str(self.ranges.pods)},
                {"rangeName": SERVICES, "ipCidrRange": str(self.ranges.services)},
            ],
            "logConfig": logs,
        }

    # -- the way out -----------------------------------------------------------------------------------------------

    def _nat(self) -> list[Resource]:
        """One Cloud NAT: it is regional and survives the loss of a zone by itself, so high_availability needs no more.
        Addresses of one's own (for allow lists elsewhere) are reserved on request; those no longer wanted go."""
        count = self.spec.gcp.nat_addresses if self.spec.nat else 0
        reserved = [
            Address(
                self.cloud,
                self.named("nat", str(number)),
                {"addressType": "EXTERNAL", "networkTier": "PREMIUM"},
                present=number <= count,
            )
            for number in range(1, MOST_NAT_ADDRESSES + 1)
        ]
        self.addresses = reserved[:count]
        self.router = Router(
            self.cloud,
            self.named("router"),
            self._router,
            (self.network, *self.addresses),
            present=self.spec.nat,
        )
        return [*reserved, self.router]

    def _router(self) -> dict[str, Any]:
        nat: dict[str, Any] = {
            "name": self.named("nat"),
            "natIpAllocateOption": "MANUAL_ONLY" if self.addresses else "AUTO_ONLY",
            "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
            "logConfig": {"enable": True, "filter": "ERRORS_ONLY"},
        }
        if self.addresses:
            nat["natIps"] = [address.out("id") for address in self.addresses]
        return {"network": self.network.out("id"), "nats": [nat]}

    # -- the firewall ----------------------------------------------------------------------------------------------

    def _firewall(self) -> list[Resource]:
        everything = [{"IPProtocol": "all"}]
        inside = [str(self.ranges.nodes), str(self.ranges.pods)]
        managed = [str(self.ranges.managed_services)]
        ports = [str(port) for port in self.spec.data_ports]
        rules: dict[str, dict[str, Any]] = {
            "deny-ingress": {"priority": 65000, "denied": everything, "sourceRanges": ["0.0.0.0/0"]},
            "allow-internal": {"priority": 1000, "allowed": everything, "sourceRanges": inside},
            "allow-health": {"priority": 1000, "allowed": [{"IPProtocol": "tcp"}], "sourceRanges": HEALTH_CHECKS},
            # Data stores live in the range of the managed services and answer on their own ports only.
            "deny-managed": {
                "priority": 1100,
                "direction": "EGRESS",
                "denied": everything,
                "destinationRanges": managed,
            },
        }
        if ports:
            rules["allow-data"] = {
                "priority": 1000,
                "direction": "EGRESS",
                "allowed": [{"IPProtocol": "tcp", "ports": ports}],
                "destinationRanges": managed,
            }
        if self.spec.gcp.iap_ssh:
            ssh = [{"IPProtocol": "tcp", "ports": ["22"]}]
            rules["allow-iap"] = {"priority": 1000, "allowed": ssh, "sourceRanges": IAP}
        for peering in self.spec.peerings or ():
            rules[f"allow-peer-{peering.name}"] = {
                "priority": 1000,
                "allowed": everything,
                "sourceRanges": list(peering.cidrs),
            }
        gone = [name for name in ("allow-data", "allow-iap") if name not in rules]
        return [
            *(self._rule(name, rule) for name, rule in rules.items()),
            *(self._rule(name, {}, present=False) for name in gone),
        ]

    def _rule(self, name: str, rule: dict[str, Any], *, present: bool = True) -> Firewall:
        body = {
            "network": self.network.out("id"),
            "direction": "INGRESS",
            "disabled": False,
            "logConfig": {"enable": False},
            **rule,
        }
        return Firewall(self.cloud, self.named(name), body, (self.network,), present=present)

    # -- neighbours ------------------------------------------------------------------------------------------------

    def _services(self) -> list[Resource]:
        wanted = self.spec.gcp.private_services_access
        block = self.ranges.managed_services
        address = GlobalAddress(
            self.cloud,
            self.named("managed-services"),
            lambda: {
                "addressType": "INTERNAL",
                "purpose": "VPC_PEERING",
                "address": str(block.network_address),
                "prefixLength": block.prefixlen,
                "network": self.network.out("id"),
            },
            (self.network,),
            present=wanted,
        )
        self.connection = ServiceConnection(
            self.cloud, self.named("managed-services"), self.network, (address,), present=wanted
        )
        return [address, self.connection]

    def _peerings(self) -> list[Resource]:
        self.peerings = [self._peering(each) for each in self.spec.peerings or ()]
        return list(self.peerings)

    def _peering(self, peering: Peering) -> NetworkPeering:
        other = peering.network
        if "/" not in other:
            other = f"projects/{peering.account or self.cloud.project}/global/networks/{other}"
        elif peering.account and _project(other) not in ("", peering.account):
            raise SpecError(
                f"network.peerings.{peering.name}: account {peering.account!r} is not the project in {other!r}."
            )
        body = {
            "network": other,
            "exchangeSubnetRoutes": True,
            "exportCustomRoutes": False,
            "importCustomRoutes": False,
        }
        return NetworkPeering(self.cloud, self.named(peering.name), self.network, body)

    def _outputs(self) -> dict[str, Any]:
        return {
            "network": self.network.outputs.get("id"),
            "subnetwork": self.subnetwork.outputs.get("id"),
            "ranges": self.ranges.as_dict(),
            "nat": {
                "router": self.router.outputs.get("id") if self.router and self.spec.nat else None,
                "addresses": [address.outputs.get("address") for address in self.addresses],
                "redundancy": "regional",
            },
            "peerings": {each.name: each.outputs.get("state") for each in self.peerings},
        }
