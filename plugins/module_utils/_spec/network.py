# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network is: one address block, zones, a way out, closed by default."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from .addresses import Addresses, allocate, parse
from .site import Site, check
from .sizes import environment_default


@dataclass(frozen=True)
class Peering:
    """A network to peer with. `network`: VPC id, network self link or VNet id. `cidrs`: what lies there."""

    name: str
    network: str
    cidrs: tuple[str, ...]
    account: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class AwsNetwork:
    """AWS only. existing_vpc_id and existing_private_subnet_ids refer to a network that is not managed here."""

    existing_vpc_id: str | None = None
    existing_private_subnet_ids: tuple[str, ...] | None = None
    zones: tuple[str, ...] | None = None
    flow_logs_traffic: Literal["ALL", "ACCEPT", "REJECT"] = "ALL"


@dataclass(frozen=True)
class GcpNetwork:
    """GCP only. The existing_* options refer to a network that is not managed here. nat_addresses: how many external
    addresses to reserve for the NAT, for allow lists elsewhere; 0 leaves them to Google. iap_ssh: SSH through
    Identity-Aware Proxy. private_services_access: a range and a connection for Cloud SQL and Memorystore."""

    existing_network: str | None = None
    existing_subnetwork: str | None = None
    existing_pods_range: str | None = None
    existing_services_range: str | None = None
    routing_mode: Literal["REGIONAL", "GLOBAL"] = "REGIONAL"
    mtu: int | None = None
    flow_logs_sampling: float | None = None
    nat_addresses: int = 0
    iap_ssh: bool = False
    private_services_access: bool = True


@dataclass(frozen=True)
class AzureNetwork:
    """Azure only. resource_group: a group that exists and is used instead of one of the site's own; it is neither
    changed nor deleted. existing_subnet_id refers to a subnet not managed here. nat_sku: Standard stands in one zone,
    StandardV2 in all; without it StandardV2 with high_availability, else Standard."""

    resource_group: str | None = None
    existing_subnet_id: str | None = None
    nat_sku: Literal["Standard", "StandardV2"] | None = None
    nat_idle_timeout_minutes: int = 10
    private_dns_zones: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Network:
    """The portable network. `addresses` maps every site of the platform to a slot number or a CIDR of its own."""

    platform_cidr: str = "10.0.0.0/8"
    site_prefix: int = 13
    addresses: dict[str, str] | None = None
    zones: int = 3
    high_availability: bool | None = None
    nat: bool = True
    flow_logs: bool | None = None
    flow_logs_retention_days: int | None = None
    data_ports: tuple[int, ...] = field(default=(5432, 6379))
    peerings: tuple[Peering, ...] | None = None
    aws: AwsNetwork = field(default_factory=AwsNetwork)
    gcp: GcpNetwork = field(default_factory=GcpNetwork)
    azure: AzureNetwork = field(default_factory=AzureNetwork)

    @property
    def existing(self) -> bool:
        """Whether the network is only referred to."""
        return bool(self.aws.existing_vpc_id or self.gcp.existing_network or self.azure.existing_subnet_id)

    def allocate(self, site: Site) -> Addresses:
        """The site's address block. Raises SpecError for overlaps and unknown slots."""
        return allocate(site.name, self.platform_cidr, self.site_prefix, self.addresses or {})

    def resolve(self, site: Site) -> Network:
        """Every None that the environment decides, decided. Raises SpecError."""
        problems = []
        if not 1 <= self.zones <= 3:
            problems.append(f"network.zones: {self.zones} is not possible: 1 to 3.")
        for peering in self.peerings or ():
            for cidr in peering.cidrs:
                theirs = parse(cidr, f"network.peerings.{peering.name}.cidrs")
                if not self.existing and theirs.overlaps(self.allocate(site).block):
                    problems.append(f"network.peerings.{peering.name}: {cidr} overlaps this site's own block.")
        for port in self.data_ports:
            if not 1 <= port <= 65535:
                problems.append(f"network.data_ports: {port} is not a port (1 to 65535).")
        check(problems)
        if not self.existing:
            self.allocate(site)

        def default(value: Any, name: str) -> Any:
            return environment_default(site.environment, name) if value is None else value

        return dataclasses.replace(
            self,
            high_availability=default(self.high_availability, "high_availability"),
            flow_logs=default(self.flow_logs, "flow_logs"),
            # On GCP the project's log buckets decide.
            flow_logs_retention_days=self.flow_logs_retention_days
            if site.cloud == "gcp"
            else default(self.flow_logs_retention_days, "log_retention_days"),
        )
