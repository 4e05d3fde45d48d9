"""What a network specification becomes on AWS."""

from __future__ import annotations

import re
from typing import Any

import pytest
from module_utils._aws.rules import rule, rules_of, to_permissions
from module_utils._aws.subnets import choose_zone
from module_utils._engine.errors import SpecError

from tests.unit.plugins.module_utils._aws.kit import absent, network, present

ZONES = ["r-a", "r-b", "r-c"]


@pytest.mark.parametrize(
    ("index", "available", "taken", "count", "zone"),
    [
        (0, ZONES, {}, 3, "r-a"),
        (2, ZONES, {}, 3, "r-c"),
        (1, ZONES, {1: "r-x"}, 3, "r-x"),  # a position keeps its zone, even one that is offered no more
        (1, ["r-0", *ZONES], {0: "r-a", 2: "r-c"}, 3, "r-0"),  # a zone that AWS adds moves nobody
        (2, ZONES, {0: "r-b"}, 3, "r-c"),
        (2, ["r-a", "r-b"], {}, 3, None),
    ],
)
def test_zones(index: int, available: list[str], taken: dict[int, str], count: int, zone: str | None) -> None:
    assert choose_zone(index, available, taken, count) == zone


def test_rules_go_both_ways() -> None:
    words = [
        rule("ingress", "tcp", "5432", "10.0.0.0/18"),
        rule("ingress", "tcp", "8000-8100", "2001:db8::/32"),
        rule("ingress", "udp", "53", "pl-1"),
        rule("ingress", "-1", "all", "123456789012/sg-1"),
    ]
    assert rules_of({"IpPermissions": to_permissions(words), "IpPermissionsEgress": []}) == sorted(words)


def test_a_permission_with_many_peers_is_many_rules() -> None:
    permission = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "a"}, {"CidrIp": "b"}]}
    assert rules_of({"IpPermissionsEgress": [permission]}) == ["egress tcp 1 a", "egress tcp 1 b"]


@pytest.mark.parametrize(
    ("options", "nats", "tables"),
    [
        ({}, ["ml-aws-dev-nat-1"], 3),
        ({"high_availability": True}, [f"ml-aws-dev-nat-{n}" for n in (1, 2, 3)], 5),
        ({"high_availability": True, "zones": 2}, [f"ml-aws-dev-nat-{n}" for n in (1, 2)], 4),
        ({"nat": False}, [], 3),
    ],
)
def test_ways_out(options: dict[str, Any], nats: list[str], tables: int) -> None:
    built = network(**options)
    assert present(built, "aws.ec2.nat_gateway") == present(built, "aws.ec2.elastic_ip") == nats
    assert len(present(built, "aws.ec2.route_table")) == tables
    # What a wider specification had is wanted gone.
    assert len(absent(built, "aws.ec2.nat_gateway")) == 3 - len(nats)
    assert len(absent(built, "aws.ec2.route_table")) == 5 - tables


def test_each_private_subnet_uses_its_own_zones_gateway() -> None:
    built = network(high_availability=True)
    tables = {item.name: item for item in built.resources if item.kind == "aws.ec2.route_table"}
    for number in (1, 2, 3):
        table = tables[f"ml-aws-dev-private-{number}"]
        assert [subnet.name for subnet in table.subnets] == [f"ml-aws-dev-private-{number}"]
        assert [target.name for target in table.routes.values()] == [f"ml-aws-dev-nat-{number}"]
    assert tables["ml-aws-dev-data"].routes == {}
    assert [target.kind for target in tables["ml-aws-dev-public"].routes.values()] == ["aws.ec2.internet_gateway"]


def test_subnets_carry_the_tags_that_kubernetes_looks_for() -> None:
    subnets = {item.name: item for item in network().resources if item.kind == "aws.ec2.subnet"}
    shared = {"kubernetes.io/cluster/ml-aws-dev": "shared"}
    assert {"kubernetes.io/role/elb": "1", **shared}.items() <= subnets["ml-aws-dev-public-1"].tags.items()
    assert {"kubernetes.io/role/internal-elb": "1", **shared}.items() <= subnets["ml-aws-dev-private-1"].tags.items()
    assert not any(key.startswith("kubernetes.io") for key in subnets["ml-aws-dev-data-1"].tags)


def test_data_stores_are_reachable_from_the_private_subnets_only() -> None:
    built = network(zones=2, data_ports=[5432])
    (group,) = [item for item in built.resources if item.kind == "aws.ec2.security_group"]
    private = [
        item.cidr
        for item in built.resources
        if "private" in item.name and item.kind == "aws.ec2.subnet" and item.present
    ]
    assert group.desired()["Rules"] == sorted(f"ingress tcp 5432 {cidr}" for cidr in private)
    assert len(private) == 2


def test_flow_logs_come_and_go_together() -> None:
    for wanted in (True, False):
        built = network(flow_logs=wanted)
        listed = (
            present(built, "aws.ec2.flow_log") + present(built, "aws.logs.log_group") + present(built, "aws.iam.role")
        )
        assert len(listed) == (3 if wanted else 0)


def test_what_is_only_referred_to_is_not_managed() -> None:
    built = network(managed=False)
    assert {item.kind for item in built.resources} == {"aws.ec2.vpc", "aws.ec2.subnet"}
    assert not any(item.managed for item in built.resources)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"flow_logs": True, "flow_logs_retention_days": 8}, "Write 14"),
        ({"aws": {"zones": ["eu-west-1a"]}}, "not a zone of eu-central-1"),
        ({"aws": {"zones": ["eu-central-1a", "eu-central-1a"]}}, "different zones"),
        ({"aws": {"existing_vpc_id": "vpc-1"}}, "belong together"),
        ({"peerings": [{"name": "p", "network": "x", "cidrs": ["172.16.0.0/16"]}]}, "not a VPC id"),
    ],
)
def test_refusals(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        network(**options)
