"""Limits of the account, enforced where AWS enforces them."""

from __future__ import annotations

from ..errors import AwsError
from ..hooks import Hooks
from ..wire import Call
from ..world import World


class Limits:
    """Checks against the quotas of the sandbox."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are limited."""
        hooks.before("ec2.CreateVpc", self._vpcs)
        hooks.before("ec2.AllocateAddress", self._addresses)
        hooks.before("ec2.CreateInternetGateway", self._internet_gateways)

    def reset(self) -> None:
        """Nothing is kept."""

    def _refuse(self, quota: str, used: int, code: str, message: str) -> None:
        if used >= self._world.context.quotas.get(quota):
            raise AwsError(code, message, 400)

    def _vpcs(self, call: Call) -> None:
        used = len(self._world.ec2(call.region).vpcs)
        self._refuse("vpc/L-F678F1CE", used, "VpcLimitExceeded", "The maximum number of VPCs has been reached.")

    def _addresses(self, call: Call) -> None:
        used = len(self._world.ec2(call.region).addresses)
        message = "The maximum number of addresses has been reached."
        self._refuse("ec2/L-0263D0A3", used, "AddressLimitExceeded", message)

    def _internet_gateways(self, call: Call) -> None:
        used = len(self._world.ec2(call.region).internet_gateways)
        message = "The maximum number of internet gateways has been reached."
        self._refuse("vpc/L-A4707A72", used, "InternetGatewayLimitExceeded", message)
