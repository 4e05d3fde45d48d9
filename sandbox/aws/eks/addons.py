"""Add-ons: what there is, and what is installed."""

from __future__ import annotations

import json
from typing import Any

from ..hooks import Hooks
from ..wire import Call
from .catalog import ADDONS, VERSIONS
from .catalog import Addon as Offer
from .checks import Checks
from .errors import in_use, invalid, not_found
from .paging import page
from .pod_identity import PodIdentities
from .state import Addon, Cluster, Document
from .store import Store, has_nodes
from .updates import refuse_unless_active

_UNHEALTHY = "The add-on is unhealthy because it doesn't have the desired number of replicas."


class Addons:
    """Handlers of the operations on add-ons."""

    def __init__(self, store: Store, checks: Checks, identities: PodIdentities) -> None:
        self._store = store
        self._checks = checks
        self._identities = identities
        self._world = store.world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("eks.CreateAddon", self.create)
        hooks.replace("eks.DescribeAddon", self.describe)
        hooks.replace("eks.UpdateAddon", self.update)
        hooks.replace("eks.DeleteAddon", self.delete)
        hooks.replace("eks.ListAddons", self.list_all)
        hooks.replace("eks.DescribeAddonVersions", self.versions)
        hooks.replace("eks.DescribeAddonConfiguration", self.configuration)

    def _find(self, call: Call) -> tuple[Cluster, Addon]:
        cluster, name = self._store.cluster(call), call.params["addonName"]
        found = cluster.addons.get(name)
        if found is None:
            names = {"clusterName": cluster.name, "addonName": name}
            raise not_found(f"No addon: {name} found in cluster: {cluster.name}", **names)
        return cluster, found

    @staticmethod
    def _answer(cluster: Cluster, addon: Addon) -> Document:
        """The add-on as it is now: one that needs nodes is degraded while there are none."""
        status, issues = addon.life.status, [addon.life.issue] if addon.life.issue else []
        if status == "ACTIVE" and ADDONS[addon.name].needs_nodes and not has_nodes(cluster):
            status = "DEGRADED"
            issues = [{"code": "InsufficientNumberOfReplicas", "message": _UNHEALTHY, "resourceIds": []}]
        return {"addon": addon.describe(status, issues)}

    def create(self, call: Call) -> Document:
        """CreateAddon."""
        cluster, wanted = self._store.active_cluster(call), call.params
        name = wanted["addonName"]
        names = {"clusterName": cluster.name, "addonName": name}
        offer = _offer(name, names)
        if name in cluster.addons:
            raise in_use("Addon already exists.", **names)
        version = wanted.get("addonVersion") or offer.versions[cluster.version][0]
        self._check(cluster, offer, version, wanted, names)
        now = self._world.clock.wall()
        document: Document = {
            "addonName": name,
            "clusterName": cluster.name,
            "addonVersion": version,
            "addonArn": self._store.arn(call, "addon", cluster.name, name, self._world.new_uuid()),
            "createdAt": now,
            "modifiedAt": now,
            "tags": dict(wanted.get("tags", {})),
            "namespaceConfig": wanted.get("namespaceConfig") or {"namespace": offer.namespace},
        }
        for key in ("serviceAccountRoleArn", "configurationValues"):
            if wanted.get(key):
                document[key] = wanted[key]
        document["podIdentityAssociations"] = []
        addon = Addon(document, self._store.lifecycle(call, "CREATING", "eks.addon.create", "ConfigurationConflict"))
        cluster.addons[name] = addon
        if wanted.get("podIdentityAssociations"):
            self._identities.replace_owned(call, cluster, addon, offer.namespace, wanted["podIdentityAssociations"])
        return self._answer(cluster, addon)

    def _check(self, cluster: Cluster, offer: Offer, version: str, wanted: Document, names: dict[str, Any]) -> None:
        if version not in offer.versions[cluster.version]:
            raise invalid(
                f"Addon version specified is not supported. Supported versions for {offer.name} on Kubernetes "
                f"{cluster.version}: {', '.join(offer.versions[cluster.version])}",
                **names,
            )
        if (
            wanted.get("serviceAccountRoleArn")
            and self._checks.principals.role(wanted["serviceAccountRoleArn"]) is None
        ):
            raise invalid(f"Role {wanted['serviceAccountRoleArn']} does not exist", **names)
        for item in wanted.get("podIdentityAssociations") or ():
            self._checks.role(item["roleArn"], "pods.eks.amazonaws.com", **names)
        _check_configuration(offer, wanted.get("configurationValues"), names)

    def describe(self, call: Call) -> Document:
        """DescribeAddon."""
        return self._answer(*self._find(call))

    def update(self, call: Call) -> Document:
        """UpdateAddon: what is left out stays."""
        cluster, addon = self._find(call)
        wanted, names = call.params, {"clusterName": cluster.name, "addonName": addon.name}
        offer = ADDONS[addon.name]
        refuse_unless_active(addon.life, "Addon", **names)
        self._check(cluster, offer, wanted.get("addonVersion") or _current(addon, cluster, offer), wanted, names)
        keys = ("addonVersion", "serviceAccountRoleArn", "configurationValues")
        changed = {key: wanted[key] for key in keys if wanted.get(key) is not None}
        params = {key[0].upper() + key[1:]: value for key, value in changed.items()}
        identities = wanted.get("podIdentityAssociations")
        if identities is not None:
            params["PodIdentityAssociations"] = json.dumps(identities, separators=(",", ":"))

        def apply() -> None:
            addon.document.update(changed, modifiedAt=self._world.clock.wall())
            if identities is not None:
                self._identities.replace_owned(call, cluster, addon, offer.namespace, identities)

        update = self._store.start_update(
            call, addon.life, kind="AddonUpdate", params=params, duration="eks.addon.update", apply=apply
        )
        return {"update": update}

    def delete(self, call: Call) -> Document:
        """DeleteAddon."""
        cluster, addon = self._find(call)
        if addon.life.status in ("CREATING", "UPDATING"):
            raise in_use(
                f"Addon cannot be deleted as it is currently in {addon.life.status} state",
                clusterName=cluster.name,
                addonName=addon.name,
            )
        if addon.life.status != "DELETING":
            addon.life = self._store.lifecycle(call, "DELETING", "eks.addon.delete", "AccessDenied")
            self._identities.replace_owned(call, cluster, addon, "", [])
        return self._answer(cluster, addon)

    def list_all(self, call: Call) -> Document:
        """ListAddons."""
        return page(call, sorted(self._store.cluster(call).addons), "addons")

    @staticmethod
    def versions(call: Call) -> Document:
        """DescribeAddonVersions: what each add-on offers for each cluster version."""
        wanted = call.params
        chosen = [name for name in ADDONS if wanted.get("addonName") in (None, name)]
        if not chosen:
            raise not_found(f"Addon {wanted['addonName']} specified is not supported", addonName=wanted["addonName"])
        found = []
        for offer in (ADDONS[name] for name in chosen):
            if not all(
                getattr(offer, field) in wanted[key]
                for key, field in (("types", "kind"), ("publishers", "publisher"), ("owners", "owner"))
                if wanted.get(key)
            ):
                continue
            versions = _offered(offer, wanted.get("kubernetesVersion"))
            if versions:
                found.append(
                    {
                        "addonName": offer.name,
                        "type": offer.kind,
                        "addonVersions": versions,
                        "publisher": offer.publisher,
                        "owner": offer.owner,
                        "defaultNamespace": offer.namespace,
                    }
                )
        return page(call, found, "addons")

    @staticmethod
    def configuration(call: Call) -> Document:
        """DescribeAddonConfiguration."""
        name, version = call.params["addonName"], call.params["addonVersion"]
        offer = _offer(name, {"addonName": name})
        if not any(version in versions for versions in offer.versions.values()):
            raise not_found(f"Addon version {version} of {name} is not supported", addonName=name)
        identities = [
            {"serviceAccount": account, "recommendedManagedPolicies": list(offer.policies)}
            for account in offer.service_accounts
        ]
        return {
            "addonName": name,
            "addonVersion": version,
            "configurationSchema": offer.schema,
            "podIdentityConfiguration": identities,
        }


def _offer(name: str, names: dict[str, Any]) -> Offer:
    if name not in ADDONS:
        raise invalid(f"Addon {name} specified is not supported", **names)
    return ADDONS[name]


def _current(addon: Addon, cluster: Cluster, offer: Offer) -> str:
    """The installed version, if it still fits the cluster; one that does not may stay as it is."""
    version = str(addon.document["addonVersion"])
    return version if version in offer.versions[cluster.version] else offer.versions[cluster.version][0]


def _offered(offer: Offer, cluster_version: str | None) -> list[Document]:
    """Add-on versions, newest first, each with the cluster versions that it fits."""
    order: dict[str, list[Document]] = {}
    for version in VERSIONS:
        for addon_version in offer.versions.get(version.name, ()):
            fits = {
                "clusterVersion": version.name,
                "platformVersions": ["*"],
                "defaultVersion": offer.versions[version.name][0] == addon_version,
            }
            if cluster_version in (None, version.name):
                order.setdefault(addon_version, []).append(fits)
    return [
        {
            "addonVersion": addon_version,
            "architecture": ["amd64", "arm64"],
            "computeTypes": ["ec2", "auto", "hybrid"],
            "compatibilities": compatibilities,
            "requiresConfiguration": False,
            "requiresIamPermissions": bool(offer.policies),
        }
        for addon_version, compatibilities in order.items()
    ]


def _check_configuration(offer: Offer, text: str | None, names: dict[str, Any]) -> None:
    """Top-level keys and types against the add-on's own schema, as EKS checks them on arrival."""
    if not text:
        return
    try:
        values = json.loads(text)
    except ValueError as error:
        raise invalid(
            "ConfigurationValue provided in request is not supported: Json could not be parsed", **names
        ) from error
    properties = json.loads(offer.schema)["properties"]
    kinds: dict[str, type | tuple[type, ...]] = {"object": dict, "array": list, "string": str, "integer": int}
    for key, value in values.items():
        if key not in properties:
            raise invalid(
                "ConfigurationValue provided in request is not supported: Json schema validation failed with error: "
                f"[$.{key}: is not defined in the schema and the schema does not allow additional properties]",
                **names,
            )
        if not isinstance(value, kinds[properties[key]["type"]]):
            raise invalid(
                "ConfigurationValue provided in request is not supported: Json schema validation failed with error: "
                f"[$.{key}: {properties[key]['type']} expected]",
                **names,
            )
