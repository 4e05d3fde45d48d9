# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `network` block: options of the modules site, site_info, network and cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  network:
    description: The site's network. V({}) takes every default.
    type: dict
    suboptions:
      platform_cidr:
        description: The range that the blocks of all the platform's sites come from.
        type: str
        default: 10.0.0.0/8
      site_prefix:
        description: Size of one site's block, between the size of O(network.platform_cidr) and 18.
        type: int
        default: 13
      addresses:
        description:
          - Every site of the platform with its slot number in O(network.platform_cidr), or with a CIDR of its own.
          - A slot never moves, so sites that come and go move nobody else. Blocks that overlap stop the call.
          - Needed unless an existing network is referred to.
        type: dict
      zones:
        description: Number of availability zones, 1 to 3.
        type: int
        default: 3
      high_availability:
        description:
          - A NAT gateway in every zone instead of one. The default is V(true) in prod.
          - Cloud NAT on GCP survives the loss of a zone by itself.
          - On Azure one zone-redundant gateway (StandardV2) instead of one that stands in a single zone, because all
            nodes share one subnet. Switching changes the outgoing address.
        type: bool
      nat:
        description: Give private nodes a way out to the internet.
        type: bool
        default: true
      flow_logs:
        description: Log the network's connections. The default is V(false) in dev.
        type: bool
      flow_logs_retention_days:
        description:
          - How long connection logs are kept. The default is 7 in dev, 30 in staging and 90 in prod.
          - Not on GCP, where the project's log buckets decide.
        type: int
      data_ports:
        description: TCP ports on which data stores are reachable, from private subnets only.
        type: list
        elements: int
        default: [5432, 6379]
      peerings:
        description: Networks to peer with.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the peering.
            type: str
            required: true
          network:
            description: VPC id, self link of the network, or VNet id.
            type: str
            required: true
          cidrs:
            description: Ranges that lie there. They must not overlap this site's block.
            type: list
            elements: str
            required: true
          account:
            description: The AWS account that the other network is in, if not this one.
            type: str
          region:
            description: The region that the other network is in, if not this one.
            type: str
      aws:
        description: What is not portable, read for sites on AWS only.
        type: dict
        suboptions:
          existing_vpc_id:
            description: A VPC that exists already. It is referred to and never changed.
            type: str
          existing_private_subnet_ids:
            description: Private subnets of O(network.aws.existing_vpc_id) for cluster nodes.
            type: list
            elements: str
          zones:
            description: Names of the availability zones, instead of the first O(network.zones) of the region.
            type: list
            elements: str
          flow_logs_traffic:
            description: The traffic that is logged.
            type: str
            choices: [ALL, ACCEPT, REJECT]
            default: ALL
      gcp:
        description: What is not portable, read for sites on GCP only.
        type: dict
        suboptions:
          existing_network:
            description: Name or self link of a VPC network that exists already. It is referred to and never changed.
            type: str
          existing_subnetwork:
            description: The subnetwork of O(network.gcp.existing_network) for cluster nodes.
            type: str
          existing_pods_range:
            description: Name of that subnetwork's secondary range for pods.
            type: str
          existing_services_range:
            description: Name of that subnetwork's secondary range for services.
            type: str
          routing_mode:
            description: Whether routers announce the subnets of their own region only or of all regions.
            type: str
            choices: [REGIONAL, GLOBAL]
            default: REGIONAL
          mtu:
            description: Largest packet in bytes.
            type: int
          flow_logs_sampling:
            description: Share of the packets that is logged, 0 to 1.
            type: float
          nat_addresses:
            description:
              - How many external addresses to reserve for the NAT, 0 to 4, for allow lists elsewhere.
              - With 0 Google assigns them. Cloud NAT is regional and survives the loss of a zone either way.
            type: int
            default: 0
          iap_ssh:
            description: Let SSH in from Identity-Aware Proxy.
            type: bool
            default: false
          private_services_access:
            description: Reserve a range for Google's managed services (Cloud SQL, Memorystore) and connect them.
            type: bool
            default: true
      azure:
        description: What is not portable, read for sites on Azure only.
        type: dict
        suboptions:
          resource_group:
            description:
              - A resource group that exists, used instead of one that the site makes for itself.
              - It is neither changed nor deleted.
            type: str
          existing_subnet_id:
            description: A subnet that exists already, for cluster nodes. It is referred to and never changed.
            type: str
          nat_sku:
            description:
              - V(Standard) gateways stand in one zone, V(StandardV2) gateways in all zones of the region.
              - Without it V(StandardV2) with O(network.high_availability), else V(Standard).
            type: str
            choices: [Standard, StandardV2]
          nat_idle_timeout_minutes:
            description: How long the NAT gateway keeps idle connections.
            type: int
            default: 10
          private_dns_zones:
            description: Private DNS zones to link with the network, instead of those of PostgreSQL, Redis and Blob.
            type: list
            elements: str
"""
