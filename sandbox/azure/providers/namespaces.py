"""Resource providers and whether the subscription is registered to use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.connection import AZURE_SUBSCRIPTION
from ..call import Call, Reply
from ..errors import ArmError
from ..regions import REGIONS

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

# Providers that a subscription in use has registered, and some that it has not.
_FRESH = {
    "Microsoft.Authorization": "Registered",
    "Microsoft.Cache": "NotRegistered",
    "Microsoft.Cdn": "NotRegistered",
    "Microsoft.Compute": "Registered",
    "Microsoft.ContainerRegistry": "NotRegistered",
    "Microsoft.ContainerService": "Registered",
    "Microsoft.DBforPostgreSQL": "NotRegistered",
    "Microsoft.Insights": "Registered",
    "Microsoft.KeyVault": "Registered",
    "Microsoft.ManagedIdentity": "Registered",
    "Microsoft.Monitor": "NotRegistered",
    "Microsoft.Network": "Registered",
    "Microsoft.OperationalInsights": "Registered",
    "Microsoft.OperationsManagement": "NotRegistered",
    "Microsoft.PolicyInsights": "NotRegistered",
    "Microsoft.Resources": "Registered",
    "Microsoft.Sql": "NotRegistered",
    "Microsoft.Storage": "Registered",
}
_ALWAYS = {"microsoft.resources", "microsoft.authorization"}  # registrationPolicy RegistrationFree


class Namespaces:
    """Registration state by namespace; registering takes a while."""

    def __init__(self, emulator: AzureEmulator) -> None:
        self._emulator = emulator
        self._names = {name.lower(): name for name in _FRESH}
        self._states = {name.lower(): state for name, state in _FRESH.items()}
        self._until: dict[str, float] = {}

    def known(self, namespace: str) -> bool:
        """Whether there is such a provider."""
        return namespace.lower() in self._names

    def registered(self, namespace: str) -> bool:
        """Whether the subscription may use it; a provider that is registering may not be used yet."""
        return not self.known(namespace) or self.state(namespace) == "Registered"

    def state(self, namespace: str) -> str:
        """NotRegistered, Registering, Registered or Unregistering."""
        key = namespace.lower()
        if key in self._until and self._until[key] <= self._emulator.context.clock.now():
            del self._until[key]
            self._states[key] = "Registered" if self._states[key] == "Registering" else "NotRegistered"
        return self._states[key]

    def versions(self, namespace: str) -> list[str]:
        """Every api-version that one of the namespace's types has."""
        return sorted({version for _, versions in self._types(namespace) for version in versions}, reverse=True)

    def handle(self, call: Call) -> Reply:
        """``/subscriptions/<id>/providers[/<namespace>[/register|unregister]]``."""
        namespace, types = call.target.namespace, call.target.types
        if not namespace:
            return call.reply(200, {"value": [self.describe(name) for name in self._names]})
        if not self.known(namespace):
            message = f"The resource namespace '{namespace}' is invalid."
            raise ArmError(404, "InvalidResourceNamespace", message)
        if types:
            self._change(namespace, types[0].lower())
        return call.reply(200, self.describe(namespace))

    def describe(self, namespace: str) -> dict[str, Any]:
        """A provider as ``GET /subscriptions/<id>/providers/<namespace>`` shows it."""
        name = self._names[namespace.lower()]
        displays = [region.display for region in REGIONS.values()]
        free = name.lower() in _ALWAYS
        return {
            "id": f"/subscriptions/{AZURE_SUBSCRIPTION}/providers/{name}",
            "namespace": name,
            "resourceTypes": [
                {
                    "resourceType": kind.partition("/")[2],
                    "locations": displays,
                    "apiVersions": sorted(versions, reverse=True),
                    "defaultApiVersion": max(versions),
                    "capabilities": "SupportsTags, SupportsLocation",
                }
                for kind, versions in self._types(name)
            ],
            "registrationState": self.state(name),
            "registrationPolicy": "RegistrationFree" if free else "RegistrationRequired",
        }

    def _change(self, namespace: str, action: str) -> None:
        key = namespace.lower()
        if key in _ALWAYS or action not in ("register", "unregister"):
            return
        wanted = "Registered" if action == "register" else "NotRegistered"
        if self.state(namespace) != wanted:
            self._states[key] = "Registering" if action == "register" else "Unregistering"
            self._until[key] = self._emulator.context.ends_at("azure.provider.register")

    def _types(self, namespace: str) -> list[tuple[str, tuple[str, ...]]]:
        prefix = namespace.lower() + "/"
        found = [(kind.type, kind.versions) for kind in self._emulator.kinds.values()]
        found += [(function.kind, function.versions) for function in self._emulator.functions()]
        return [(kind, versions) for kind, versions in found if kind.lower().startswith(prefix)]
