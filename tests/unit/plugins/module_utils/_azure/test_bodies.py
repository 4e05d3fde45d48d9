"""Bodies of writes: what is there goes under what is wanted."""

from __future__ import annotations

from typing import Any

from module_utils._azure.bodies import changeable, created, merged, writable
from module_utils._azure.fields import ArmFields
from module_utils._azure.kinds_cluster import Cluster
from module_utils._azure.kinds_network import Subnet, VirtualNetwork
from module_utils._azure.kinds_storage import StorageAccount
from module_utils._engine.fields import IMMUTABLE, MUTABLE


def test_a_vnet_keeps_the_subnets_that_nobody_names() -> None:
    have = {
        "location": "westus2",
        "tags": {"theirs": "1"},
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": "guests", "properties": {"addressPrefix": "10.0.9.0/24"}}],
            "enableDdosProtection": True,
        },
    }
    want = {"tags": {"ours": "2"}, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    body = merged(want, have, VirtualNetwork.fields)
    assert body["properties"]["subnets"] == have["properties"]["subnets"]  # type: ignore[index]
    assert body["properties"]["enableDdosProtection"] is True
    assert body["tags"] == {"theirs": "1", "ours": "2"}


def test_an_empty_reference_is_taken_away_and_an_omitted_one_stays() -> None:
    have = {"properties": {"natGateway": {"id": "/nat"}, "routeTable": {"id": "/routes"}}}
    body = merged({"properties": {"natGateway": {}, "routeTable": None}}, have, Subnet.fields)
    assert body["properties"] == {"natGateway": None, "routeTable": {"id": "/routes"}}
    assert created({"properties": {"natGateway": {}, "addressPrefix": "10.0.0.0/24"}}, Subnet.fields) == {
        "properties": {"addressPrefix": "10.0.0.0/24"}
    }


def test_named_elements_are_merged_one_by_one() -> None:
    fields = Cluster.fields
    have = {"properties": {"agentPoolProfiles": [{"name": "a", "count": 7, "maxPods": 110}, {"name": "b", "count": 2}]}}
    want = {"properties": {"agentPoolProfiles": [{"name": "a", "maxCount": 9}]}}
    pools = merged(want, have, fields)["properties"]["agentPoolProfiles"]
    assert pools == [{"name": "a", "count": 7, "maxPods": 110, "maxCount": 9}, {"name": "b", "count": 2}]


def test_secrets_are_not_sent_again() -> None:
    have: dict[str, Any] = {"properties": {"servicePrincipalProfile": {"clientId": "x"}}}
    want = {"properties": {"servicePrincipalProfile": {"clientId": "x", "secret": "s"}}}
    assert merged(want, have, Cluster.fields) == have


def test_what_only_the_service_writes_is_not_sent_back() -> None:
    raw = {
        "id": "/x",
        "name": "x",
        "type": "t",
        "etag": "e",
        "systemData": {},
        "tags": {"etag": "a tag", "name": "another"},
        "identity": {"type": "UserAssigned", "principalId": "p", "userAssignedIdentities": {"/i": {"clientId": "c"}}},
        "properties": {
            "provisioningState": "Succeeded",
            "fqdn": "f",
            "parts": [{"id": "/p", "name": "p", "etag": "e"}],
        },
    }
    assert writable(raw, frozenset({"fqdn"})) == {
        "tags": {"etag": "a tag", "name": "another"},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/i": {}}},
        "properties": {"parts": [{"id": "/p", "name": "p"}]},
    }


def test_a_patch_carries_nothing_that_can_never_change() -> None:
    want = {
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS"},
        "properties": {"encryption": {"requireInfrastructureEncryption": True, "keySource": "Microsoft.Storage"}},
    }
    assert changeable(want, StorageAccount.fields) == {
        "sku": {"name": "Standard_ZRS"},
        "properties": {"encryption": {"keySource": "Microsoft.Storage"}},
    }


def test_a_patch_leaves_out_objects_of_which_nothing_can_change() -> None:
    fields = ArmFields({"properties": MUTABLE, "properties.encryption.status": IMMUTABLE})
    body = {"properties": {"encryption": {"status": "disabled"}, "policies": {"days": 7}, "rules": []}}
    assert changeable(body, fields) == {"properties": {"policies": {"days": 7}, "rules": []}}
