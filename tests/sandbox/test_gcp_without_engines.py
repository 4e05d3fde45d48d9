"""Databases and caches where neither PostgreSQL nor Redis is installed: the control plane alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pytest

from sandbox.fixture import Sandbox
from tests.sandbox.gcp_managed import NETWORK, Longrunning, Sql, peered_network
from tests.sandbox.gcp_support import PARENT, PROJECT, Project


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose emulator uses nothing that is installed."""
    monkeypatch.setenv("SANDBOX_ENGINES", "none")
    with Sandbox(clouds=("gcp",)) as running:
        yield Project(running)


def test_addresses_are_those_of_the_network(bare: Project) -> None:
    assert "switched off" in bare.sandbox.control("gcp", "GET", "health")["engines"]["postgres"]
    sql, redis = Sql(bare), Longrunning(bare, "redis")
    peered_network(bare)
    found = next(item for item in bare.compute("GET", "global/addresses")["items"] if item["name"] == "services")
    block = ipaddress.IPv4Network(f"{found['address']}/{found['prefixLength']}")
    private = {"ipv4Enabled": False, "privateNetwork": NETWORK}
    backups = {"enabled": True, "pointInTimeRecoveryEnabled": True}
    made = sql.create(ipConfiguration=private, backupConfiguration=backups)
    assert ipaddress.IPv4Address(made["ipAddresses"][0]["ipAddress"]) in block
    body = {"tier": "BASIC", "memorySizeGb": 1, "connectMode": "PRIVATE_SERVICE_ACCESS", "authorizedNetwork": NETWORK}
    redis.well(redis.call("POST", f"{PARENT}/instances", body, instanceId="cache"))
    cache = redis.call("GET", f"{PARENT}/instances/cache")
    assert ipaddress.IPv4Address(cache["host"]) in ipaddress.IPv4Network(cache["reservedIpRange"])
    assert ipaddress.IPv4Network(cache["reservedIpRange"]).subnet_of(block)
    assert bare.sandbox.control("gcp", "GET", "servers") == []
    replica = {**sql.body("reader", ipConfiguration=private), "masterInstanceName": "db"}
    assert sql.create(body=replica)["state"] == "RUNNABLE"
    sql.well(sql.client.backupRuns().insert(project=PROJECT, instance="db", body={}))
    assert len(sql.client.backupRuns().list(project=PROJECT, instance="db").execute()["items"]) == 2
