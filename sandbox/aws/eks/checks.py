"""What EKS checks in the other services before it accepts a request."""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from ..iam_principals import Principals
from ..world import World
from .errors import invalid

_SERVICE_RANGES = tuple(ipaddress.ip_network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


class Checks:
    """Looks at moto's EC2, IAM and KMS."""

    def __init__(self, world: World, principals: Principals) -> None:
        self._world = world
        self.principals = principals

    def role(self, arn: str, service: str, **names: Any) -> None:
        """Refuse a role that ``service`` cannot assume, also because it is too new."""
        if not self.principals.assumable_by(arn, service):
            raise invalid(
                f"Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is "
                "not correct",
                **names,
            )

    def principal(self, arn: str, **names: Any) -> None:
        """Refuse an ARN that is neither a role nor a user of the account."""
        if self.principals.role(arn) is None and not self.principals.user_exists(arn):
            raise invalid("The specified principalArn is invalid: invalid principal.", **names)

    def subnets(self, region: str, ids: list[str], **names: Any) -> list[Any]:
        """Moto's subnets of these ids, all of one VPC."""
        known = {subnet.id: subnet for zone in self._world.ec2(region).subnets.values() for subnet in zone.values()}
        for subnet_id in ids:
            if subnet_id not in known:
                raise invalid(
                    f"The subnet ID '{subnet_id}' does not exist (Service: Ec2, Status Code: 400, "
                    "Error Code: InvalidSubnetID.NotFound)",
                    **names,
                )
        found = [known[subnet_id] for subnet_id in ids]
        if len({subnet.vpc_id for subnet in found}) > 1:
            raise invalid("Subnets specified must belong to the same VPC", **names)
        return found

    def security_groups(self, region: str, ids: list[str], vpc_id: str, **names: Any) -> None:
        """Refuse security groups that do not exist in the VPC."""
        for group_id in ids:
            group = self._world.ec2(region).get_security_group_from_id(group_id)
            if group is None:
                raise invalid(f"The security group '{group_id}' does not exist", **names)
            if group.vpc_id != vpc_id:
                raise invalid(f"Security group '{group_id}' is not in VPC '{vpc_id}'", **names)

    def encryption_key(self, region: str, arn: str, **names: Any) -> None:
        """Refuse a KMS key that does not exist or that is on its way out."""
        key = next((key for key in self._world.kms(region).keys.values() if key.arn == arn), None)
        if key is None:
            raise invalid(f"The KeyArn in encryptionConfig provider {arn} is not found.", **names)
        if key.key_state != "Enabled":
            raise invalid(f"The KeyArn in encryptionConfig provider {arn} is not enabled.", **names)

    def service_range(self, region: str, cidr: str | None, vpc_id: str, **names: Any) -> str:
        """The range for service addresses: the wanted one if it is allowed, else the one that does not overlap."""
        vpc = self._world.ec2(region).vpcs[vpc_id]
        taken = [ipaddress.ip_network(item["cidr_block"]) for item in vpc.cidr_block_association_set]
        if cidr is None:
            default = ipaddress.ip_network("10.100.0.0/16")
            ten = ipaddress.ip_network("10.0.0.0/8")
            return "172.20.0.0/16" if any(block.overlaps(ten) for block in taken) else str(default)
        try:
            wanted = ipaddress.ip_network(cidr)
        except ValueError as error:
            raise invalid(f"The service CIDR {cidr} is not valid.", **names) from error
        private = any(wanted.subnet_of(block) for block in _SERVICE_RANGES)  # type: ignore[arg-type]
        if not private or not 12 <= wanted.prefixlen <= 24:
            raise invalid(
                f"The service CIDR {cidr} must be within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 "
                "and between /12 and /24",
                **names,
            )
        if any(wanted.overlaps(block) for block in taken):
            raise invalid(f"The service CIDR {cidr} overlaps with the CIDR of VPC {vpc_id}", **names)
        return str(wanted)

    @staticmethod
    def instance_types(types: list[str], ami_type: str, **names: Any) -> None:
        """Refuse types that do not exist or whose processor does not fit the image."""
        architecture = "arm64" if "ARM" in ami_type else "x86_64"
        for name in types:
            facts = INSTANCE_TYPES.get(name)
            if facts is None:
                raise invalid(f"The following supplied instance types do not exist: [{name}]", **names)
            if ami_type != "CUSTOM" and architecture not in facts["ProcessorInfo"]["SupportedArchitectures"]:
                raise invalid(f"[{name}] is not a valid instance type for requested amiType {ami_type}", **names)
