"""An emulator of Amazon EKS: routes and validation by botocore's description, roles and networks by moto."""

from __future__ import annotations

from ..errors import AwsError
from ..hooks import Hooks
from ..iam_principals import Principals
from ..wire import Call
from ..world import World
from .access import Access
from .addons import Addons
from .balancers import Followers
from .checks import Checks
from .clusters import Clusters
from .footprint import Footprint
from .nodegroups import Nodegroups
from .pod_identity import PodIdentities
from .state import Document
from .store import Store
from .tags import Tags
from .updates import Updates

# Kinds of objects that this emulator cannot make: there are none.
_EMPTY_LISTS = {
    "ListFargateProfiles": "fargateProfileNames",
    "ListIdentityProviderConfigs": "identityProviderConfigs",
    "ListInsights": "insights",
    "ListCapabilities": "capabilities",
}


class Eks:
    """All of EKS. Before every request, time is let pass in the region; also before EC2's, which sees the traces."""

    def __init__(self, world: World, principals: Principals) -> None:
        self.store = Store(world, Footprint(world))
        checks = Checks(world, principals)
        identities = PodIdentities(self.store, checks)
        self._parts = (
            Clusters(self.store, checks),
            Updates(self.store, checks),
            Nodegroups(self.store, checks),
            Addons(self.store, checks, identities),
            Access(self.store, checks),
            identities,
            Tags(self.store),
            Followers(world),
        )

    def register(self, hooks: Hooks) -> None:
        """Answer every operation of EKS."""
        for service in ("eks", "ec2"):
            hooks.before(f"{service}.*", lambda call: self.store.settle(call.region))
        for part in self._parts:
            part.register(hooks)
        for action in _EMPTY_LISTS:
            hooks.replace(f"eks.{action}", self._empty)
        hooks.replace("eks.*", _not_emulated)

    def _empty(self, call: Call) -> Document:
        self.store.cluster(call)
        return {_EMPTY_LISTS[call.action]: []}

    def reset(self) -> None:
        """Forget every cluster."""
        self.store.reset()


def _not_emulated(call: Call) -> Document:
    raise AwsError("NotImplemented", f"{call.name} is not emulated", 501)
