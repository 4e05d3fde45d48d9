# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before anything is made: providers, quotas, machine types, versions and names. Asks only for what the plan adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from .._engine.errors import InvalidRequest, NotFound
from .._engine.plan import Action
from .._engine.survey import Planned
from . import database_offers, machines, releases, vault_names
from .arm import ArmResource, at
from .kinds_cluster import AgentPool, Cluster
from .kinds_common import Vault
from .kinds_network import NatGateway, PublicAddress, SecurityGroup, VirtualNetwork
from .kinds_registry import ContainerRegistry, taken
from .kinds_storage import StorageAccount
from .offers import unoffered
from .registration import KIND as PROVIDERS
from .registration import Registration, provider_path
from .session import Session

# Kinds that Microsoft.Network counts, and the name of the count.
_COUNTED: dict[type[ArmResource], str] = {
    VirtualNetwork: "VirtualNetworks",
    SecurityGroup: "NetworkSecurityGroups",
    NatGateway: "NatGateways",
    PublicAddress: "PublicIPAddresses",
}


def preflight(session: Session, planned: Sequence[Planned]) -> list[str]:
    """Every shortfall as a sentence."""
    added = [item for item in planned if item.action in (Action.CREATE, Action.REPLACE)]
    changed = [item for item in planned if item.action is Action.UPDATE]
    resources = [item.resource for item in added if isinstance(item.resource, ArmResource)]
    problems = _providers(session, resources, planned)
    if problems:
        return problems  # what is not registered cannot be asked either
    problems += unoffered(session, resources)
    problems += _network_quotas(session, resources)
    problems += _clusters(session, sum(isinstance(item, Cluster) for item in resources))
    problems += _storage(session, [item for item in resources if isinstance(item, StorageAccount)])
    problems += database_offers.shortfalls(session, [*added, *changed])
    problems += vault_names.taken(session, [item for item in resources if isinstance(item, Vault)])
    problems += taken(session, [item for item in resources if isinstance(item, ContainerRegistry)])
    grown = [item for item in changed if isinstance(item.resource, AgentPool)]
    problems += machines.shortfalls(session, [item for item in added if isinstance(item.resource, AgentPool)], grown)
    problems += _versions(session, [*added, *changed])
    return problems


def ask(session: Session, key: str, call: Callable[[], Any]) -> Any:
    """One question, retried, once per run."""
    return session.once(key, lambda: session.patient(call))


def _providers(session: Session, resources: list[ArmResource], planned: Sequence[Planned]) -> list[str]:
    if any(isinstance(item.resource, Registration) for item in planned):
        return []
    needed = {item.type.split("/", maxsplit=1)[0] for item in resources}
    needed |= {"Microsoft.Compute"} if any(isinstance(item, AgentPool) for item in resources) else set()
    missing = []
    for namespace in sorted(needed - {"Microsoft.Resources", "Microsoft.Authorization"}):
        path = provider_path(session, namespace)
        found = ask(session, path, lambda path=path: session.client.get(path, PROVIDERS))  # type: ignore[misc]
        if str(found.get("registrationState")) not in ("Registered", "Registering"):
            missing.append(namespace)
    if not missing:
        return []
    return [
        f"The subscription {session.site.account} is not registered with {', '.join(missing)}. "
        "Set enable_services: true, or register it yourself."
    ]


def _network_quotas(session: Session, resources: list[ArmResource]) -> list[str]:
    need: Counter[str] = Counter(
        name for item in resources for kind, name in _COUNTED.items() if isinstance(item, kind)
    )
    if not need:
        return []
    if need["PublicIPAddresses"]:
        need["StandardSkuPublicIpAddresses"] = need["PublicIPAddresses"]
    region = session.site.region
    path = f"{session.subscription}/providers/Microsoft.Network/locations/{region}/usages"
    usages = ask(session, path, lambda: session.client.pages(path, "Microsoft.Network/locations/usages"))
    return _short(usages, need, "Microsoft.Network", region)


def _clusters(session: Session, count: int) -> list[str]:
    """Clusters are counted per region. Where the service does not tell the count, its own refusal has to do."""
    if not count:
        return []
    region, kind = session.site.region, "Microsoft.ContainerService/locations/usages"
    path = f"{session.subscription}/providers/Microsoft.ContainerService/locations/{region}/usages"
    try:
        usages = ask(session, path, lambda: session.client.pages(path, kind))
    except (InvalidRequest, NotFound):
        return []
    return _short(usages, Counter({"ManagedClusters": count}), "Microsoft.ContainerService", region)


def _short(usages: list[dict[str, Any]], need: Counter[str], provider: str, region: str) -> list[str]:
    by_name = {str(at(usage, "name.value")).lower(): usage for usage in usages}
    problems = []
    for name, count in sorted(need.items()):
        usage = by_name.get(name.lower())
        if usage is None:
            continue
        used, limit = float(usage.get("currentValue") or 0), float(usage.get("limit") or 0)
        if used + count > limit:
            problems.append(
                f"Quota {at(usage, 'name.localizedValue') or name} of {provider} in {region}: {count} needed, "
                f"{limit - used:.0f} left of {limit:.0f}. Ask Azure for more, or use another region."
            )
    return problems


def _storage(session: Session, accounts: list[StorageAccount]) -> list[str]:
    if not accounts:
        return []
    problems = []
    region = session.site.region
    path = f"{session.subscription}/providers/Microsoft.Storage/locations/{region}/usages"
    usages = ask(session, path, lambda: session.client.pages(path, "Microsoft.Storage/locations/usages"))
    problems += _short(usages, Counter({"StorageAccounts": len(accounts)}), "Microsoft.Storage", region)
    check = f"{session.subscription}/providers/Microsoft.Storage/checkNameAvailability"
    for account in accounts:
        body = {"name": account.name, "type": "Microsoft.Storage/storageAccounts"}
        answer = ask(
            session,
            f"{check}/{account.name}",
            lambda body=body: session.client.send("POST", check, "Microsoft.Storage", body).body,  # type: ignore[misc]
        )
        if answer and answer.get("nameAvailable") is False:
            problems.append(
                f"{account.kind} {account.name}: the name cannot be used ({answer.get('message')}) Storage accounts "
                "share one name space with the whole world: choose another label in azure.storage_account."
            )
    return problems


def _versions(session: Session, planned: Sequence[Planned]) -> list[str]:
    wanted = {
        str(at(item.resource.desired(), "properties.kubernetesVersion"))
        for item in planned
        if isinstance(item.resource, Cluster) and any(c.under("properties") for c in item.plan.changes)
    } - {"None", ""}
    if not wanted:
        return []
    region = session.site.region
    path = f"{session.subscription}/providers/Microsoft.ContainerService/locations/{region}/kubernetesVersions"
    found = ask(session, path, lambda: session.client.get(path, "Microsoft.ContainerService/locations"))
    offered: list[str] = []
    for item in (found or {}).get("values") or []:
        offered += [str(item.get("version")), *(item.get("patchVersions") or {})]
    return [
        f"cluster.version: Kubernetes {version} is not offered by AKS in {region}. "
        f"It offers {', '.join(sorted((v for v in offered if v.count('.') == 1), key=releases.minor))}."
        for version in sorted(wanted)
        if version not in offered
    ]
