"""What ARM answers differently from how it was asked is no difference; what people write is."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._azure.fields import ArmFields
from module_utils._azure.kinds_access import RoleAssignment
from module_utils._azure.kinds_cluster import AgentPool, Cluster
from module_utils._azure.kinds_common import DiagnosticSetting, Workspace
from module_utils._azure.kinds_network import PublicAddress, SecurityGroup, Subnet, VirtualNetwork
from module_utils._azure.kinds_storage import StorageAccount
from module_utils._engine.plan import plan

P = "properties"
ALIKE: list[tuple[str, ArmFields, dict[str, Any], dict[str, Any]]] = [
    ("display name", StorageAccount.fields, {"location": "westeurope"}, {"location": "West Europe"}),
    ("enum", Cluster.fields, {P: {"networkProfile": {"x": "standard"}}}, {P: {"networkProfile": {"x": "Standard"}}}),
    (
        "id",
        Subnet.fields,
        {P: {"networkSecurityGroup": {"id": "/subscriptions/a/resourceGroups/B/x"}}},
        {P: {"networkSecurityGroup": {"id": "/subscriptions/a/resourcegroups/b/x/"}}},
    ),
    ("order", PublicAddress.fields, {"zones": ["1", "2"]}, {"zones": ["2", "1"]}),
    ("dropped empties", AgentPool.fields, {P: {"nodeTaints": [], "nodeLabels": {}}}, {P: {}}),
    ("dropped default", AgentPool.fields, {P: {"scaleSetPriority": "Regular", "spotMaxPrice": -1.0}}, {P: {}}),
    ("filled in", AgentPool.fields, {P: {"osDiskSizeGB": 0}}, {P: {"osDiskSizeGB": 128}}),
    ("filled version", Cluster.fields, {P: {"kubernetesVersion": ""}}, {P: {"kubernetesVersion": "1.34.2"}}),
    ("minor version", Cluster.fields, {P: {"kubernetesVersion": "1.34"}}, {P: {"kubernetesVersion": "1.34.2"}}),
    (
        "spot taint",
        AgentPool.fields,
        {P: {"nodeTaints": ["a=b:NoSchedule"]}},
        {P: {"nodeTaints": ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule", "a=b:NoSchedule"]}},
    ),
    (
        "one address",
        Cluster.fields,
        {P: {"apiServerAccessProfile": {"authorizedIPRanges": ["198.51.100.7", "203.0.113.0/24"]}}},
        {P: {"apiServerAccessProfile": {"authorizedIPRanges": ["203.0.113.0/24", "198.51.100.7/32"]}}},
    ),
    ("another word", Workspace.fields, {P: {"sku": {"name": "Standalone"}}}, {P: {"sku": {"name": "PerGB2018"}}}),
    (
        "role",
        RoleAssignment.fields,
        {P: {"roleDefinitionId": "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/ABC"}},
        {P: {"roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/abc"}},
    ),
    (
        "categories that are off",
        DiagnosticSetting.fields,
        {P: {"logs": [{"category": "kube-audit", "enabled": True}]}},
        {P: {"logs": [{"category": "guard", "enabled": False}, {"category": "kube-audit", "enabled": True}]}},
    ),
    ("foreign tags", VirtualNetwork.fields, {"tags": {"a": "1"}}, {"tags": {"a": "1", "b": "2"}}),
    ("foreign subnets", VirtualNetwork.fields, {P: {"subnets": []}}, {P: {"subnets": [{"name": "x"}]}}),
]


@pytest.mark.parametrize(("fields", "want", "have"), [case[1:] for case in ALIKE], ids=[case[0] for case in ALIKE])
def test_no_difference(fields: ArmFields, want: dict[str, Any], have: dict[str, Any]) -> None:
    assert plan(want, have, fields).changes == ()


DIFFERENT: list[tuple[str, ArmFields, dict[str, Any], dict[str, Any], str]] = [
    ("tag in another case", VirtualNetwork.fields, {"tags": {"a": "X"}}, {"tags": {"a": "x"}}, "tags.a"),
    (
        "label in another case",
        AgentPool.fields,
        {P: {"nodeLabels": {"team": "ML"}}},
        {P: {"nodeLabels": {"team": "ml"}}},
        "properties.nodeLabels.team",
    ),
    (
        "a reference to be taken away",
        Subnet.fields,
        {P: {"natGateway": {}}},
        {P: {"natGateway": {"id": "/nat"}}},
        "properties.natGateway.id",
    ),
    (
        "a closed rule that was opened",
        SecurityGroup.fields,
        {P: {"securityRules": [{"name": "r", P: {"access": "Deny"}}]}},
        {P: {"securityRules": [{"name": "R", P: {"access": "Allow"}}, {"name": "theirs"}]}},
        "properties.securityRules[r].properties.access",
    ),
    (
        "a spot pool that shall be regular",
        AgentPool.fields,
        {P: {"scaleSetPriority": "Regular"}},
        {P: {"scaleSetPriority": "Spot"}},
        "properties.scaleSetPriority",
    ),
    (
        "another patch",
        Cluster.fields,
        {P: {"kubernetesVersion": "1.34.3"}},
        {P: {"kubernetesVersion": "1.34.2"}},
        "properties.kubernetesVersion",
    ),
    (
        "a category too many",
        DiagnosticSetting.fields,
        {P: {"logs": [{"category": "kube-audit", "enabled": True}]}},
        {P: {"logs": [{"category": "guard", "enabled": True}, {"category": "kube-audit", "enabled": True}]}},
        "properties.logs",
    ),
]


@pytest.mark.parametrize(
    ("fields", "want", "have", "path"), [case[1:] for case in DIFFERENT], ids=[case[0] for case in DIFFERENT]
)
def test_a_difference(fields: ArmFields, want: dict[str, Any], have: dict[str, Any], path: str) -> None:
    assert [change.path for change in plan(want, have, fields).changes] == [path]


def test_the_count_is_the_autoscalers() -> None:
    body = {P: {"enableAutoScaling": True, "count": 3, "minCount": 1}}
    assert AgentPool.comparable(body) == {P: {"enableAutoScaling": True, "minCount": 1}}
    fixed = {P: {"enableAutoScaling": False, "count": 3}}
    assert AgentPool.comparable(fixed) == fixed
