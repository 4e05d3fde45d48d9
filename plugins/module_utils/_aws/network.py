# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portable network is on AWS: a VPC, three tiers of subnets, ways out, and who may reach the data tier."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec import names
from .._spec.network import Network
from .._spec.site import check
from .client import Session
from .existing import ExistingSubnet, ExistingVpc
from .flow_logs import FlowLog
from .gateways import ElasticIp, InternetGateway, NatGateway
from .iam import Role
from .logs import LogGroup, retention_problem
from .peering import VpcPeering
from .policies import flow_logs_delivery, trust
from .routes import ANYWHERE, GatewayEndpoint, RouteTable
from .rules import rule
from .security_groups import SecurityGroup
from .subnets import TIERS, Subnet
from .vpc import Vpc

MOST_ZONES = 3  # as many positions as an address block has room for


def cluster_name(session: Session) -> str:
    """The EKS cluster's name; subnets carry it in a tag, so the network knows it too."""
    return names.of(session.site, limit=100)


def build(session: Session, spec: Network, *, managed: bool) -> Built:
    """The network's resources. managed=False: it is only looked at."""
    check(_problems(spec, session))
    if spec.aws.existing_vpc_id:
        return _existing(session, spec)
    work = _Builder(session, spec, managed)
    return work.referred() if not managed else work.everything()


def _problems(spec: Network, session: Session) -> list[str]:
    problems = []
    explicit = spec.aws.zones
    if explicit is not None:
        if not 1 <= len(explicit) <= MOST_ZONES or len(set(explicit)) != len(explicit):
            problems.append(f"network.aws.zones: name 1 to {MOST_ZONES} different zones.")
        problems += [
            f"network.aws.zones: {zone} is not a zone of {session.region}."
            for zone in explicit
            if not zone.startswith(session.region)
        ]
    if spec.flow_logs and not spec.existing:
        problems.append(retention_problem("network.flow_logs_retention_days", spec.flow_logs_retention_days or 0))
    if bool(spec.aws.existing_private_subnet_ids) != bool(spec.aws.existing_vpc_id):
        problems.append("network.aws: existing_vpc_id and existing_private_subnet_ids belong together. Name both.")
    for peering in spec.peerings or ():
        if not peering.network.startswith("vpc-"):
            problems.append(f"network.peerings.{peering.name}.network: {peering.network!r} is not a VPC id (vpc-...).")
    return [problem for problem in problems if problem]


def _existing(session: Session, spec: Network) -> Built:
    vpc = ExistingVpc(session, str(spec.aws.existing_vpc_id))
    subnets = [ExistingSubnet(session, subnet, vpc) for subnet in spec.aws.existing_private_subnet_ids or ()]
    return Built(
        [vpc, *subnets],
        {"vpc": vpc, "private_subnets": subnets, "egress": [], "addresses": None},
        lambda: {"vpc_id": vpc.out("id"), "private_subnet_ids": [subnet.out("id") for subnet in subnets]},
    )


@dataclass
class _Builder:
    """Collects the resources in the order in which they refer to each other."""

    session: Session
    spec: Network
    managed: bool
    resources: list[Resource] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base = self.session.site.base
        self.addresses = self.spec.allocate(self.session.site)
        self.count = len(self.spec.aws.zones or ()) or self.spec.zones
        self.vpc = Vpc(self.session, f"{self.base}-vpc", str(self.addresses.network), managed=self.managed)
        self.resources.append(self.vpc)

    def referred(self) -> Built:
        """What a cluster and data stores refer to when the network is somebody else's business."""
        private = self._subnets("private")
        built = self._built(private, egress=[])
        # Not among the resources: only who puts something there needs them to exist.
        kept = len(self.resources)
        built.exports |= {"data_subnets": self._subnets("data"), "data_security_group": self._data_group()}
        del self.resources[kept:]
        return built

    def everything(self) -> Built:
        tiers = {tier: self._subnets(tier) for tier in TIERS}
        kept = {tier: [subnet for subnet in subnets if subnet.present] for tier, subnets in tiers.items()}
        gateway = self._add(InternetGateway(self.session, f"{self.base}-igw", self.vpc))
        nats = self._nats(tiers["public"], gateway)
        peered = self._peerings()
        tables = self._tables(kept, gateway, nats, peered)
        endpoint = self._add(
            GatewayEndpoint(self.session, f"{self.base}-s3", self.vpc, [table for table in tables if table.present])
        )
        data_group = self._add(self._data_group())
        self._flow_logs()
        private = [table for table in tables if table.present and "-private" in table.name]
        built = self._built(kept["private"], egress=[*private, endpoint])
        built.exports |= {"data_subnets": kept["data"], "data_security_group": data_group}
        built.outputs = lambda: self._outputs(kept, nats, data_group)
        return built

    def _built(self, private: list[Subnet], egress: list[Resource]) -> Built:
        exports: dict[str, Any] = {
            "vpc": self.vpc,
            "private_subnets": [subnet for subnet in private if subnet.present],
            "egress": egress,
            "addresses": self.addresses,
        }
        return Built(
            self.resources,
            exports,
            lambda: {
                "vpc_id": self.vpc.out("id"),
                "private_subnet_ids": [subnet.out("id") for subnet in exports["private_subnets"]],
            },
        )

    def _add(self, resource: Any) -> Any:
        self.resources.append(resource)
        return resource

    def _subnets(self, tier: str) -> list[Subnet]:
        """One a zone; positions beyond the wanted zones are wanted gone (`zones` was lowered)."""
        cluster = {f"kubernetes.io/cluster/{cluster_name(self.session)}": "shared"}
        tags = {
            "public": {"kubernetes.io/role/elb": "1", **cluster},
            "private": {"kubernetes.io/role/internal-elb": "1", **cluster},
            "data": {},
        }[tier]
        ranges = {
            "public": self.addresses.public,
            "private": self.addresses.private,
            "data": self.addresses.data,
        }[tier]
        positions = range(MOST_ZONES if self.managed else self.count)
        return [
            self._add(
                Subnet(
                    self.session,
                    tier,
                    index,
                    str(ranges(index)),
                    self.vpc,
                    count=self.count,
                    explicit_zones=self.spec.aws.zones,
                    extra_tags=tags,
                    present=index < self.count,
                    managed=self.managed,
                )
            )
            for index in positions
        ]

    def _nats(self, public: list[Subnet], gateway: Resource) -> list[NatGateway]:
        """None, one, or one a zone."""
        wanted = 0 if not self.spec.nat else self.count if self.spec.high_availability else 1
        nats = []
        for index in range(MOST_ZONES):
            name, present = f"{self.base}-nat-{index + 1}", index < wanted
            address = self._add(ElasticIp(self.session, name, present=present))
            nats.append(
                self._add(NatGateway(self.session, name, self.vpc, public[index], address, gateway, present=present))
            )
        return nats

    def _peerings(self) -> dict[str, Resource]:
        """The destinations that lie behind peerings."""
        behind: dict[str, Resource] = {}
        peers: dict[str, ExistingVpc] = {}
        for peering in self.spec.peerings or ():
            name = names.of(self.session.site, "peering", peering.name, limit=128)
            near = (peering.account or self.session.account, peering.region or self.session.region)
            needs: list[Resource] = []
            if near == (self.session.account, self.session.region):
                if peering.network not in peers:
                    peers[peering.network] = self._add(ExistingVpc(self.session, peering.network))
                needs = [peers[peering.network]]
            connection = self._add(VpcPeering(self.session, name, self.vpc, peering, needs))
            behind |= dict.fromkeys(peering.cidrs, connection)
        return behind

    def _tables(
        self,
        subnets: dict[str, list[Subnet]],
        gateway: Resource,
        nats: list[NatGateway],
        peered: dict[str, Resource],
    ) -> list[RouteTable]:
        """One table for the public subnets, one per NAT gateway for the private ones, one without a way out for the
        data tier. The private tables beyond the wanted NAT gateways are wanted gone."""
        session, vpc = self.session, self.vpc
        tables = [RouteTable(session, f"{self.base}-public", vpc, subnets["public"], {ANYWHERE: gateway, **peered})]
        ways = [nat for nat in nats if nat.present]
        for index in range(MOST_ZONES):
            name, present = f"{self.base}-private-{index + 1}", index < max(1, len(ways))
            mine = [subnet for subnet in subnets["private"] if len(ways) <= 1 or subnet.index == index]
            default: dict[str, Resource] = {ANYWHERE: ways[index]} if index < len(ways) else {}
            routes = {**default, **peered} if present else {}
            tables.append(RouteTable(session, name, vpc, mine if present else [], routes, present=present))
        tables.append(RouteTable(session, f"{self.base}-data", vpc, subnets["data"], peered))
        self.resources += tables
        return tables

    def _data_group(self) -> SecurityGroup:
        """Reachable on the data ports from the private subnets, and from nowhere else."""
        private = [str(self.addresses.private(index)) for index in range(self.count)]
        rules = [rule("ingress", "tcp", str(port), cidr) for port in self.spec.data_ports for cidr in private]
        return SecurityGroup(
            self.session,
            f"{self.base}-data",
            "Data stores: reachable from the private subnets only",
            self.vpc,
            sorted(rules),
            managed=self.managed,
        )

    def _flow_logs(self) -> None:
        """Log group, role and flow log. Switched off again, all three go."""
        session, present = self.session, bool(self.spec.flow_logs)
        days = self.spec.flow_logs_retention_days or 1
        group = LogGroup(session, f"/aws/vpc/{self.base}/flow-logs", days, present=present)
        role = Role(
            session,
            names.of(session.site, "flow-logs", limit=64),
            trust(
                "vpc-flow-logs.amazonaws.com",
                condition={
                    "StringEquals": {"aws:SourceAccount": session.account},
                    "ArnLike": {"aws:SourceArn": session.arn("ec2", "vpc-flow-log/*")},
                },
            ),
            description=f"Delivers the flow logs of {self.base}",
            inline=flow_logs_delivery(group.arn),
            present=present,
        )
        traffic = self.spec.aws.flow_logs_traffic
        log = FlowLog(session, f"{self.base}-flow-logs", self.vpc, group, role, traffic, present=present)
        self.resources += [group, role, log]

    def _outputs(
        self, subnets: dict[str, list[Subnet]], nats: list[NatGateway], data_group: Resource
    ) -> dict[str, Any]:
        return {
            "vpc_id": self.vpc.out("id"),
            "cidr": str(self.addresses.network),
            "zones": [subnet.out("zone") for subnet in subnets["private"]],
            **{f"{tier}_subnet_ids": [subnet.out("id") for subnet in subnets[tier]] for tier in TIERS},
            "nat_addresses": [nat.out("address") for nat in nats if nat.present],
            "data_security_group_id": data_group.out("id"),
        }
