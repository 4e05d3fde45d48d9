# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM policy documents: who may assume a role, and what it may do. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

VERSION = "2012-10-17"
Document = dict[str, Any]


def document(*statements: Mapping[str, Any]) -> Document:
    return {"Version": VERSION, "Statement": [dict(statement) for statement in statements]}


def allow(
    actions: Sequence[str], resources: str | Sequence[str] = "*", condition: Mapping[str, Any] | None = None
) -> Document:
    """One Allow statement."""
    statement: Document = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": resources if isinstance(resources, str) else list(resources),
    }
    return {**statement, "Condition": dict(condition)} if condition else statement


def trust(
    service: str, actions: Sequence[str] = ("sts:AssumeRole",), condition: Mapping[str, Any] | None = None
) -> Document:
    """A trust policy for one AWS service."""
    statement: Document = {"Effect": "Allow", "Principal": {"Service": service}, "Action": list(actions)}
    return document({**statement, "Condition": dict(condition)} if condition else statement)


def trust_pods(cluster_arn: str, namespace: str, service_account: str) -> Document:
    """For one service account of one cluster, by the session tags that EKS Pod Identity sets (Amazon EKS user guide,
    "IAM role with trust policy required by EKS Pod Identity")."""
    return trust(
        "pods.eks.amazonaws.com",
        ("sts:AssumeRole", "sts:TagSession"),
        {
            "StringEquals": {
                "aws:RequestTag/kubernetes-namespace": namespace,
                "aws:RequestTag/kubernetes-service-account": service_account,
            },
            "ArnEquals": {"aws:RequestTag/eks-cluster-arn": cluster_arn},
        },
    )


def flow_logs_delivery(group_arn: str) -> Document:
    """Write to one log group (Amazon VPC user guide, "IAM role for publishing flow logs to CloudWatch Logs")."""
    return document(
        allow(("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"), [group_arn, f"{group_arn}:*"]),
        allow(("logs:DescribeLogGroups",)),
    )


def cluster_autoscaler(cluster: str) -> Document:
    """Look at everything, resize only the groups of this cluster (Cluster Autoscaler documentation, AWS provider)."""
    owned = {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}}
    return document(
        allow(
            (
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DescribeTags",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
                "eks:DescribeNodegroup",
            )
        ),
        allow(("autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"), condition=owned),
    )


_CLUSTER_TAG = "elbv2.k8s.aws/cluster"


def load_balancer_controller(partition: str) -> Document:
    """What the AWS Load Balancer Controller calls: it changes only what carries its own cluster tag."""
    elb = f"arn:{partition}:elasticloadbalancing:*:*"
    balancers = [f"{elb}:loadbalancer/net/*/*", f"{elb}:loadbalancer/app/*/*"]
    listeners = [f"{elb}:{kind}/{sort}/*/*/*" for kind in ("listener", "listener-rule") for sort in ("net", "app")]
    groups = f"{elb}:targetgroup/*/*"
    security_groups = f"arn:{partition}:ec2:*:*:security-group/*"
    tagged = {"Null": {f"aws:ResourceTag/{_CLUSTER_TAG}": "false"}}
    tagging = {"Null": {f"aws:RequestTag/{_CLUSTER_TAG}": "false"}}
    retagging = {"Null": {f"aws:RequestTag/{_CLUSTER_TAG}": "true", f"aws:ResourceTag/{_CLUSTER_TAG}": "false"}}
    return document(
        allow(
            ("iam:CreateServiceLinkedRole",),
            condition={"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
        ),
        allow(_LOOKS),
        allow(_ATTACHED_SERVICES),
        allow(("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", "ec2:CreateSecurityGroup")),
        allow(
            ("ec2:CreateTags",),
            security_groups,
            {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}, **tagging},
        ),
        allow(("ec2:CreateTags", "ec2:DeleteTags"), security_groups, retagging),
        allow(("ec2:DeleteSecurityGroup",), condition=tagged),
        allow(("elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"), condition=tagging),
        allow(_elb("CreateListener", "DeleteListener", "CreateRule", "DeleteRule")),
        allow(_elb("AddTags", "RemoveTags"), [groups, *balancers], retagging),
        allow(_elb("AddTags", "RemoveTags"), listeners),
        allow(_elb(*_BALANCER_CHANGES), condition=tagged),
        allow(
            _elb("AddTags"),
            [groups, *balancers],
            {
                "StringEquals": {"elasticloadbalancing:CreateAction": ["CreateTargetGroup", "CreateLoadBalancer"]},
                **tagging,
            },
        ),
        allow(_elb("RegisterTargets", "DeregisterTargets"), groups),
        allow(
            _elb("SetWebAcl", "ModifyListener", "AddListenerCertificates", "RemoveListenerCertificates", "ModifyRule",
                 "SetRulePriorities")
        ),
    )  # fmt: skip


def _elb(*actions: str) -> list[str]:
    return [f"elasticloadbalancing:{action}" for action in actions]


_LOOKS = [
    *(
        f"ec2:Describe{what}"
        for what in (
            "AccountAttributes", "Addresses", "AvailabilityZones", "CoipPools", "Instances", "InternetGateways",
            "IpamPools", "NetworkInterfaces", "RouteTables", "SecurityGroups", "Subnets", "Tags",
            "VpcPeeringConnections", "Vpcs",
        )
    ),
    "ec2:GetCoipPoolUsage",
    "ec2:GetSecurityGroupsForVpc",
    *(
        f"elasticloadbalancing:Describe{what}"
        for what in (
            "CapacityReservation", "ListenerAttributes", "ListenerCertificates", "Listeners",
            "LoadBalancerAttributes", "LoadBalancers", "Rules", "SSLPolicies", "Tags", "TargetGroupAttributes",
            "TargetGroups", "TargetHealth", "TrustStores",
        )
    ),
]  # fmt: skip
_ATTACHED_SERVICES = [
    "acm:DescribeCertificate", "acm:ListCertificates", "cognito-idp:DescribeUserPoolClient",
    "iam:GetServerCertificate", "iam:ListServerCertificates", "shield:CreateProtection", "shield:DeleteProtection",
    "shield:DescribeProtection", "shield:GetSubscriptionState", "waf-regional:AssociateWebACL",
    "waf-regional:DisassociateWebACL", "waf-regional:GetWebACL", "waf-regional:GetWebACLForResource",
    "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL", "wafv2:GetWebACL", "wafv2:GetWebACLForResource",
]  # fmt: skip
_BALANCER_CHANGES = (
    "DeleteLoadBalancer", "DeleteTargetGroup", "ModifyCapacityReservation", "ModifyIpPools",
    "ModifyListenerAttributes", "ModifyLoadBalancerAttributes", "ModifyTargetGroup", "ModifyTargetGroupAttributes",
    "SetIpAddressType", "SetSecurityGroups", "SetSubnets",
)  # fmt: skip


def same_policy(want: Any, have: Any) -> bool:
    """Whether two documents mean the same: IAM and S3 write single values as lists and lists in any order."""
    return _canonical(_parsed(want)) == _canonical(_parsed(have))


def _parsed(policy: Any) -> Any:
    return json.loads(policy) if isinstance(policy, str) and policy.lstrip().startswith("{") else policy


def _canonical(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _canonical(item, key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_canonical(item) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if len(items) != 1 else items[0]
    if isinstance(value, bool):
        return str(value).lower()  # condition values are strings
    return value
