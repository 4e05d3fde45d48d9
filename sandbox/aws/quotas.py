"""Service Quotas: limits by service and quota code, as the services of the emulator enforce them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import AwsError
from .hooks import Hooks
from .wire import Call
from .world import World


@dataclass(frozen=True)
class Quota:
    """One quota with the limit of a fresh account; ``key`` is its name in the sandbox's control route."""

    service: str
    code: str
    name: str
    default: float

    @property
    def key(self) -> str:
        """``service/code``."""
        return f"{self.service}/{self.code}"


# Names, codes and defaults: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
# vCPU limits are those of an account in use; brand-new accounts get less.
QUOTAS = (
    Quota("vpc", "L-F678F1CE", "VPCs per Region", 5),
    Quota("vpc", "L-A4707A72", "Internet gateways per Region", 5),
    Quota("vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5),
    Quota("vpc", "L-407747CB", "Subnets per VPC", 200),
    Quota("vpc", "L-E79EC296", "VPC security groups per Region", 2500),
    Quota("vpc", "L-0EA8095F", "Inbound or outbound rules per security group", 60),
    Quota("vpc", "L-589F43AA", "Route tables per VPC", 200),
    Quota("vpc", "L-1B52E74A", "Gateway VPC endpoints per Region", 20),
    Quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5),
    Quota("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 256),
    Quota("ec2", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 256),
    Quota("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 64),
    Quota("ec2", "L-3819A6DF", "All G and VT Spot Instance Requests", 64),
    Quota("eks", "L-1194D53C", "Clusters", 100),
    Quota("eks", "L-6D54EA21", "Managed node groups per cluster", 30),
    Quota("rds", "L-7B6409FD", "DB instances", 40),
    Quota("rds", "L-272F1212", "Manual DB instance snapshots", 100),
    Quota("ecr", "L-CFEB8E8D", "Registered repositories", 100000),
    Quota("elasticache", "L-DFE45DF3", "Nodes per Region", 300),
    Quota("s3", "L-DC2B2D3D", "General purpose buckets", 10000),
    Quota("iam", "L-FE177D64", "Roles per account", 1000),
)
_SERVICE_NAMES = {
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "eks": "Amazon Elastic Kubernetes Service (Amazon EKS)",
    "ecr": "Amazon Elastic Container Registry (Amazon ECR)",
    "elasticache": "Amazon ElastiCache",
    "rds": "Amazon Relational Database Service (Amazon RDS)",
    "s3": "Amazon Simple Storage Service (Amazon S3)",
    "iam": "AWS Identity and Access Management (IAM)",
}


class ServiceQuotas:
    """Handlers of the service-quotas API."""

    def __init__(self, world: World) -> None:
        self._quotas = world.context.quotas
        self._account = world.account
        self._quotas.declare({quota.key: quota.default for quota in QUOTAS})

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("service-quotas.ListServices", self.services)
        hooks.replace("service-quotas.ListServiceQuotas", lambda call: self._list(call, applied=True))
        hooks.replace("service-quotas.ListAWSDefaultServiceQuotas", lambda call: self._list(call, applied=False))
        hooks.replace("service-quotas.GetServiceQuota", lambda call: self._get(call, applied=True))
        hooks.replace("service-quotas.GetAWSDefaultServiceQuota", lambda call: self._get(call, applied=False))

    def reset(self) -> None:
        """Limits belong to the context."""

    @staticmethod
    def services(_: Call) -> dict[str, Any]:
        """ListServices."""
        return {"Services": [{"ServiceCode": code, "ServiceName": name} for code, name in _SERVICE_NAMES.items()]}

    def _list(self, call: Call, applied: bool) -> dict[str, Any]:
        service = call.params["ServiceCode"]
        if service not in _SERVICE_NAMES:
            raise AwsError(
                "NoSuchResourceException", f"The request failed because the specified service does not exist: {service}"
            )
        wanted = call.params.get("QuotaCode")
        found = [quota for quota in QUOTAS if quota.service == service and wanted in (None, quota.code)]
        return {"Quotas": [self._describe(call, quota, applied) for quota in found]}

    def _get(self, call: Call, applied: bool) -> dict[str, Any]:
        key = f"{call.params['ServiceCode']}/{call.params['QuotaCode']}"
        for quota in QUOTAS:
            if quota.key == key:
                return {"Quota": self._describe(call, quota, applied)}
        raise AwsError("NoSuchResourceException", "The request failed because the specified quota does not exist.")

    def _describe(self, call: Call, quota: Quota, applied: bool) -> dict[str, Any]:
        return {
            "ServiceCode": quota.service,
            "ServiceName": _SERVICE_NAMES[quota.service],
            "QuotaArn": f"arn:aws:servicequotas:{call.region}:{self._account}:{quota.service}/{quota.code}",
            "QuotaCode": quota.code,
            "QuotaName": quota.name,
            "Value": self._quotas.get(quota.key) if applied else quota.default,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": quota.service in ("iam", "s3"),
            "QuotaAppliedAtLevel": "ACCOUNT",
        }
