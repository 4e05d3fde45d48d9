"""All secrets by region."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..wire import Call
from ..world import World
from .state import CURRENT, Document, Secret, Version, invalid_request, not_found, suffix


class Store:
    """Secrets by region and name, and what other services keep here."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._regions: dict[str, dict[str, Secret]] = {}
        # What a service does when somebody asks to rotate a secret of its own: owner -> function of the ARN.
        self.rotators: dict[str, Callable[[str, str], None]] = {}

    def reset(self) -> None:
        """Forget every secret."""
        self._regions.clear()

    def secrets(self, region: str) -> dict[str, Secret]:
        """Secrets of a region by name, those that are scheduled for deletion included."""
        found = self._regions.setdefault(region, {})
        now, instant = self.world.clock.wall(), self.world.clock.now()
        for secret in list(found.values()):
            over = secret.deleted is not None and secret.gone_until is None and now >= secret.deleted
            if over or (secret.gone_until is not None and instant >= secret.gone_until):
                del found[secret.name]
        return found

    def visible(self, region: str) -> Iterator[Secret]:
        """Secrets that can be seen."""
        return (secret for secret in self.secrets(region).values() if secret.gone_until is None)

    def find(self, region: str, wanted: str) -> Secret | None:
        """A secret by name, ARN, or ARN without its last six characters."""
        for secret in self.visible(region):
            if wanted in (secret.name, secret.arn, secret.arn[:-7]):
                return secret
        return None

    def secret(self, call: Call) -> Secret:
        """The secret that the call names."""
        found = self.find(call.region, call.params["SecretId"])
        if found is None:
            raise not_found()
        return found

    def usable(self, call: Call) -> Secret:
        """The secret that the call names; it must not be scheduled for deletion."""
        found = self.secret(call)
        if found.deleted is not None:
            raise invalid_request("You can't perform this operation on the secret because it was marked for deletion.")
        return found

    def make(self, region: str, name: str, value: Document, **fields: object) -> Secret:
        """A new secret; ``value`` may be empty."""
        now = self.world.clock.wall()
        arn = f"arn:aws:secretsmanager:{region}:{self.world.account}:secret:{name}-{suffix()}"
        secret = Secret(name, arn, now, now, **fields)  # type: ignore[arg-type]
        self.secrets(region)[name] = secret
        return secret

    def make_managed(self, region: str, owner: str, name: str, text: str, **fields: object) -> Secret:
        """A secret that a service of AWS keeps in the account."""
        secret = self.make(region, name, {}, owner=owner, **fields)
        self.set_managed(secret, text)
        return secret

    def set_managed(self, secret: Secret, text: str) -> None:
        """A new current value."""
        now = self.world.clock.wall()
        first = not secret.versions
        secret.add_version(Version(self.world.new_uuid(), now, {"SecretString": text}), [CURRENT], now)
        if not first:
            secret.rotated = now

    def remove(self, region: str, arn: str) -> None:
        """Remove a service's own secret at once."""
        found = self.find(region, arn)
        if found is not None:
            del self.secrets(region)[found.name]
