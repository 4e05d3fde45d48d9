"""What a cluster specification becomes on AWS, and what EKS cannot do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from module_utils._aws.addons import same_configuration
from module_utils._aws.eks import Cluster, _configurations, _logging, _values, settled
from module_utils._aws.eks_versions import minor_name, skew_problem
from module_utils._aws.nodegroups import NodeGroup, _config_changes, ami_type, is_arm, root_device
from module_utils._aws.offers import quota_of
from module_utils._aws.policies import (
    cluster_autoscaler,
    load_balancer_controller,
    same_policy,
    trust_pods,
)
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import plan
from module_utils._engine.resource import Observed
from module_utils._spec.cluster import AwsPool, NodePool

from tests.unit.plugins.module_utils._aws.kit import absent, cluster, present

ACCESS = {"access": [{"principal": "arn:aws:iam::1:role/a"}, {"principal": "arn:aws:iam::1:role/a"}]}


def of(built: Any, kind: str, name: str = "") -> Any:
    (found,) = [item for item in built.resources if item.kind == kind and name in item.name and item.present]
    return found


def test_the_default_cluster() -> None:
    built = cluster()
    assert present(built, "aws.eks.nodegroup") == ["general"]
    assert present(built, "aws.eks.addon") == [
        "vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "aws-ebs-csi-driver",
    ]  # fmt: skip
    assert len(present(built, "aws.eks.pod_identity_association")) == 4
    assert present(built, "aws.iam.oidc_provider") == ["ml-aws-dev-oidc"]
    body = of(built, "aws.eks.cluster").desired()
    assert body["endpointPrivateAccess"] is True
    assert body["authenticationMode"] == "API"
    assert body["bootstrapClusterCreatorAdminPermissions"] is True
    assert body["encryptionKey"] == ""
    assert body["serviceIpv4Cidr"] == "10.2.0.0/20"


def test_nodes_wait_for_what_they_need_and_the_rest_waits_for_nodes() -> None:
    built = cluster()
    group = of(built, "aws.eks.nodegroup")
    kinds = {(need.kind, need.name) for need in group.needs}
    assert {("aws.eks.addon", name) for name in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")} <= kinds
    assert ("aws.ec2.route_table", "ml-aws-dev-private-1") in kinds
    assert group in of(built, "aws.eks.addon", "coredns").needs
    assert of(built, "aws.eks.cluster") in of(built, "aws.eks.addon", "vpc-cni").needs


def test_without_workload_identity_the_nodes_role_does_it_all() -> None:
    built = cluster(workload_identity=False)
    assert present(built, "aws.eks.pod_identity_association") == []
    assert absent(built, "aws.iam.oidc_provider") == ["ml-aws-dev-oidc"]
    assert "eks-pod-identity-agent" in absent(built, "aws.eks.addon")
    policies = of(built, "aws.iam.role", "nodes").policies
    assert any("CNI" in policy for policy in policies)
    assert any("EBSCSI" in policy for policy in policies)
    with_identity = of(cluster(), "aws.iam.role", "nodes").policies
    assert not any("CNI" in policy or "EBSCSI" in policy for policy in with_identity)
    assert of(built, "aws.ec2.launch_template").hop_limit == 2
    assert of(cluster(), "aws.ec2.launch_template").hop_limit == 1


def test_a_private_endpoint_is_reached_from_the_allowed_ranges() -> None:
    built = cluster(endpoint="private", allowed_cidrs=["10.200.0.0/16"])
    group = of(built, "aws.ec2.security_group", "endpoint")
    assert group.rules == ["ingress tcp 443 10.200.0.0/16"]
    body = of(built, "aws.eks.cluster").desired()
    assert body["endpointPublicAccess"] is False
    assert body["publicAccessCidrs"] is None
    assert absent(cluster(), "aws.ec2.security_group") == ["ml-aws-dev-endpoint"]


def test_network_policy_is_the_network_addons() -> None:
    for wanted in (True, False):
        addon = of(cluster(network_policy=wanted), "aws.eks.addon", "vpc-cni")
        assert json.loads(addon.configuration) == {"enableNetworkPolicy": str(wanted).lower()}
    written = {"addons": [{"name": "vpc-cni", "configuration": "env:\n  WARM_IP_TARGET: '2'\n"}]}
    mixed = json.loads(of(cluster(aws=written), "aws.eks.addon", "vpc-cni").configuration)
    assert mixed == {"enableNetworkPolicy": "true", "env": {"WARM_IP_TARGET": "2"}}


def test_configurations_are_equal_by_what_they_say() -> None:
    assert same_configuration('{"a": {"b": 1}}', "a:\n  b: 1\n")
    assert not same_configuration('{"a": 1}', None)
    assert same_configuration("{}", None)


@pytest.mark.parametrize(
    ("machine", "arm"),
    [("m7g.large", True), ("c6gn.xlarge", True), ("t4g.small", True), ("a1.large", True), ("g5g.xlarge", True),
     ("g4dn.xlarge", False), ("g6.xlarge", False), ("m6i.large", False), ("t3.medium", False), ("p4d.24xlarge", False)],
)  # fmt: skip
def test_processors_by_name(machine: str, arm: bool) -> None:
    assert is_arm(machine) is arm


@pytest.mark.parametrize(
    ("pool", "image", "device"),
    [
        (NodePool("a", machine_types=("m6i.large",)), "AL2023_x86_64_STANDARD", "/dev/xvda"),
        (NodePool("a", machine_types=("m7g.large",)), "AL2023_ARM_64_STANDARD", "/dev/xvda"),
        (NodePool("a", machine_types=("g4dn.xlarge",), gpu=True), "AL2023_x86_64_NVIDIA", "/dev/xvda"),
        (NodePool("a", machine_types=("g5g.xlarge",), gpu=True), "AL2023_ARM_64_NVIDIA", "/dev/xvda"),
        (NodePool("a", aws=AwsPool(ami_type="BOTTLEROCKET_x86_64")), "BOTTLEROCKET_x86_64", "/dev/xvdb"),
        (NodePool("a", aws=AwsPool(ami_type="WINDOWS_CORE_2022_x86_64")), "WINDOWS_CORE_2022_x86_64", "/dev/sda1"),
    ],
)
def test_images_and_disks(pool: NodePool, image: str, device: str) -> None:
    assert ami_type(pool) == image
    assert root_device(image) == device


@pytest.mark.parametrize(
    ("machine", "spot", "quota"),
    [
        ("t3.medium", True, "L-34B43A08"),
        ("m6i.large", False, "L-1216C47A"),
        ("im4gn.large", False, "L-1216C47A"),
        ("g4dn.xlarge", False, "L-DB2E81BA"),
        ("g4dn.xlarge", True, "L-3819A6DF"),
        ("p5.48xlarge", False, "L-417A185B"),
        ("inf2.xlarge", False, "L-1945791B"),
        ("trn1.2xlarge", False, "L-2C3B7624"),
        ("dl1.24xlarge", False, "L-6E869C2A"),
        ("x2idn.16xlarge", False, "L-7295265B"),
    ],
)
def test_quotas_by_family(machine: str, spot: bool, quota: str) -> None:
    found = quota_of(machine, spot)
    assert found is not None
    assert found[0] == quota


@pytest.mark.parametrize(
    ("have", "want", "pool", "reachable"),
    [
        ("1.32", "1.33", "1.32", ""),
        ("1.32", "1.35", "1.32", ""),
        ("1.31", "1.35", None, "1.34"),
        ("1.33", "1.35", "1.31", "1.34"),
        ("1.34", "1.35", "1.34", ""),
    ],
)
def test_how_far_a_version_may_go(have: str, want: str, pool: str | None, reachable: str) -> None:
    problem = skew_problem(have, want, pool)
    assert (f"'{reachable}'" in problem) if reachable else problem == ""
    assert minor_name("1.34", 1) == "1.35"


OBSERVED: dict[str, Any] = {
    "version": "1.33",
    "roleArn": "r",
    "resourcesVpcConfig": {
        "subnetIds": ["b", "a"],
        "securityGroupIds": [],
        "endpointPublicAccess": True,
        "endpointPrivateAccess": True,
        "publicAccessCidrs": ["198.51.100.0/24"],
    },
    "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.2.0.0/20"},
    "logging": {
        "clusterLogging": [
            {"types": ["audit"], "enabled": True},
            {"types": ["api", "scheduler"], "enabled": False},
        ]
    },
    "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
    "deletionProtection": False,
    "tags": {"a": "b"},
}
WANTED: dict[str, Any] = {
    "version": None,
    "roleArn": "r",
    "subnetIds": ["a", "b"],
    "securityGroupIds": [],
    "endpointPublicAccess": True,
    "endpointPrivateAccess": True,
    "publicAccessCidrs": ["198.51.100.0/24"],
    "serviceIpv4Cidr": "10.2.0.0/20",
    "logTypes": ["audit"],
    "encryptionKey": "",
    "authenticationMode": "API",
    "bootstrapClusterCreatorAdminPermissions": True,
    "supportType": None,
    "deletionProtection": False,
    "tags": {"a": "b"},
}


def test_what_eks_answers_is_no_drift() -> None:
    """A config map that is honoured beside the API is left so; order of subnets and disabled log types mean nothing."""
    assert not plan(WANTED, _values(OBSERVED), Cluster.fields)
    assert set(WANTED) == {*_values(OBSERVED), "bootstrapClusterCreatorAdminPermissions"}


def test_one_configuration_an_update() -> None:
    wanted = {**WANTED, "logTypes": ["api"], "publicAccessCidrs": ["10.0.0.0/8"], "deletionProtection": True}
    change = plan(wanted, _values(OBSERVED), Cluster.fields)
    observed = Observed(_values(OBSERVED))
    bodies = [body for paths, body in _configurations(observed, wanted) if change.touches(*paths)]
    assert bodies == [
        {"logging": {"clusterLogging": [{"types": ["api"], "enabled": True}, {"types": ["audit"], "enabled": False}]}},
        {
            "resourcesVpcConfig": {
                "endpointPublicAccess": True,
                "endpointPrivateAccess": True,
                "publicAccessCidrs": ["10.0.0.0/8"],
            }
        },
        {"deletionProtection": True},
    ]
    assert _logging([]) == {"clusterLogging": []}


def test_subnets_stay_while_the_network_has_them() -> None:
    assert settled(["a", "b"], ["a", "b", "c"], least=2) == ["a", "b"]
    assert settled(["a", "x"], ["a", "b"], least=2) == ["a", "b"]
    assert settled([], ["a"]) == ["a"]


def test_counts_are_the_autoscalers_within_the_limits() -> None:
    have = {
        "scalingConfig": {"minSize": 1, "maxSize": 5, "desiredSize": 4},
        "labels": {},
        "taints": [],
        "updateConfig": {},
    }

    def sizes(low: int, high: int) -> dict[str, int]:
        wanted = {"scalingConfig": {"minSize": low, "maxSize": high}}
        body = _config_changes(have, wanted, plan(wanted, have, NodeGroup.fields))
        return dict(body["scalingConfig"])

    assert sizes(2, 9)["desiredSize"] == 4
    assert sizes(6, 9)["desiredSize"] == 6
    assert sizes(1, 3)["desiredSize"] == 3


def test_taints_and_labels_change_by_difference() -> None:
    old = {"key": "old", "effect": "NO_SCHEDULE"}
    have = {"scalingConfig": {}, "labels": {"a": "1", "theirs": "x"}, "taints": [old], "updateConfig": {}}
    new = {"key": "new", "value": "v", "effect": "NO_EXECUTE"}
    wanted = {"labels": {"a": "2"}, "taints": [new]}
    body = _config_changes(have, wanted, plan(wanted, have, NodeGroup.fields))
    assert body["labels"] == {"addOrUpdateLabels": {"a": "2"}}
    assert body["taints"] == {"addOrUpdateTaints": [new], "removeTaints": [old]}


def test_policies_are_equal_by_what_they_mean() -> None:
    one = {"Statement": [{"Action": ["s3:*"], "Principal": {"Service": "x"}, "Condition": {"Bool": {"a": True}}}]}
    other = {"Statement": {"Principal": {"Service": ["x"]}, "Action": "s3:*", "Condition": {"Bool": {"a": "true"}}}}
    assert same_policy(one, json.dumps(other))
    assert not same_policy(one, {"Statement": []})
    assert not same_policy(one, None)


def test_policies_of_the_controllers_fit_and_are_bound() -> None:
    for document in (load_balancer_controller("aws-cn"), cluster_autoscaler("ml")):
        assert len(json.dumps(document, separators=(",", ":"))) < 10240  # what IAM takes as inline policies of a role
    assert "arn:aws-cn:elasticloadbalancing" in json.dumps(load_balancer_controller("aws-cn"))
    resize = cluster_autoscaler("ml")["Statement"][1]
    assert resize["Condition"] == {"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/ml": "owned"}}
    who = trust_pods("arn:c", "kube-system", "sa")["Statement"][0]
    assert who["Condition"]["ArnEquals"] == {"aws:RequestTag/eks-cluster-arn": "arn:c"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "1.34.8"}, "Write version: '1.34'"),
        ({"upgrade_channel": "rapid"}, "upgrade_channel: none"),
        ({"maintenance_window": {"start_time": "02:00"}}, "Leave it out on AWS"),
        ({"encryption_key": "x", "secrets_encryption": True}, "not an ARN"),
        ({"encryption_key": "arn:aws:kms:x"}, "secrets_encryption: true"),
        ({"access": [{"principal": "a@b"}]}, "not the ARN"),
        (ACCESS, "named twice"),
        ({"log_retention_days": 2}, "Write 3"),
        ({"workload_identity": False, "aws": {"cluster_autoscaler": True}}, "workload_identity: true"),
        ({"aws": {"addons": [{"name": "x", "state": "absent", "version": "v1"}]}}, "no effect with state: absent"),
        ({"aws": {"addons": [{"name": "eks-pod-identity-agent", "state": "absent"}]}}, "Leave it in"),
        ({"aws": {"addons": [{"name": "vpc-cni", "state": "absent"}]}}, "Leave it in"),
        ({"aws": {"addons": [{"name": "x"}, {"name": "x"}]}}, "named twice"),
        ({"aws": {"role_arn": "x"}}, "not an ARN"),
        ({"node_pools": [{"name": "a", "max_surge": 1}]}, "max_surge: 0"),
        ({"node_pools": [{"name": "a", "max_unavailable": 0}]}, "1 or more"),
        ({"node_pools": [{"name": "a", "gpu": True, "gpu_count": 2}]}, "machine_types"),
        ({"node_pools": [{"name": "a", "aws": {"ami_type": "CUSTOM"}}]}, "Name another type"),
        ({"node_pools": [{"name": "a", "zones": ["us-east-1a"]}]}, "not a zone of eu-central-1"),
        ({"node_pools": [{"name": "a", "machine_types": ["m6i.large", "m7g.large"]}]}, "cannot share a pool"),
    ],
)
def test_refusals_say_what_to_write(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        cluster(**options)


def test_no_surge_is_an_update_strategy() -> None:
    group = of(cluster(node_pools=[{"name": "a", "max_surge": 0, "max_unavailable": 2}]), "aws.eks.nodegroup")
    assert group.desired()["updateConfig"] == {"maxUnavailable": 2, "updateStrategy": "MINIMAL"}
    assert of(cluster(), "aws.eks.nodegroup").desired()["updateConfig"] is None


def test_fixed_pools_have_one_size() -> None:
    pool = {"name": "a", "autoscaling": False, "node_count": 4}
    sizes = of(cluster(node_pools=[pool]), "aws.eks.nodegroup").desired()["scalingConfig"]
    assert sizes == {"minSize": 4, "maxSize": 4, "desiredSize": 4}
