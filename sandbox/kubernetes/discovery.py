"""What is served: group by group, and all at once (aggregated discovery)."""

from __future__ import annotations

from typing import Any

from .catalogue import Catalogue, Resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
_WRITABLE = ("get", "patch", "update")
# Subresources: kind ("" = the resource's own), its group and version, verbs.
_SUBRESOURCES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "status": ("", "", "", _WRITABLE),
    "scale": ("Scale", "autoscaling", "v1", _WRITABLE),
    "finalize": ("", "", "", ("update",)),
    "binding": ("Binding", "", "v1", ("create",)),
    "eviction": ("Eviction", "policy", "v1", ("create",)),
    "exec": ("{}ExecOptions", "", "v1", ("create", "get")),
    "log": ("", "", "", ("get",)),
    "portforward": ("{}PortForwardOptions", "", "v1", ("create", "get")),
    "proxy": ("{}ProxyOptions", "", "v1", ("create", "delete", "get", "patch", "update")),
    "token": ("TokenRequest", "authentication.k8s.io", "v1", ("create",)),
    "approval": ("", "", "", _WRITABLE),
}


def version(git_version: str) -> dict[str, str]:
    """``/version`` of Kubernetes ``1.34.2``."""
    major, minor = git_version.split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{git_version}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def subresource_verbs(name: str) -> tuple[str, ...]:
    """What can be done with a subresource."""
    return _SUBRESOURCES[name][3]


def core_versions(address: str) -> dict[str, Any]:
    """``/api``."""
    servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}


def groups(catalogue: Catalogue) -> dict[str, Any]:
    """``/apis``."""
    listed = [group(name, versions) for name, versions in catalogue.group_versions().items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group(name: str, versions: list[str]) -> dict[str, Any]:
    """``/apis/<group>``, without kind and apiVersion."""
    shown = [{"groupVersion": f"{name}/{one}", "version": one} for one in versions]
    return {"name": name, "versions": shown, "preferredVersion": shown[0]}


def resources(catalogue: Catalogue, name: str, in_version: str) -> dict[str, Any]:
    """``/api/v1`` or ``/apis/<group>/<version>``."""
    found = catalogue.in_version(name, in_version)
    listed = []
    for one in sorted(found, key=lambda resource: resource.plural):
        entry: dict[str, Any] = {
            "name": one.plural,
            "singularName": one.singular,
            "namespaced": one.namespaced,
            "kind": one.kind,
            "verbs": list(one.verbs),
        }
        if one.short_names:
            entry["shortNames"] = list(one.short_names)
        if one.categories:
            entry["categories"] = list(one.categories)
        listed.append(entry)
        listed += [_subresource(one, name) for name in sorted(one.subresources)]
    group_version = f"{name}/{in_version}" if name else in_version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _subresource(resource: Resource, name: str) -> dict[str, Any]:
    kind, group_name, group_version, verbs = _SUBRESOURCES[name]
    entry: dict[str, Any] = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": kind.format(resource.kind) or resource.kind,
        "verbs": list(verbs),
    }
    if group_name:
        entry["group"] = group_name
    if group_version and not kind.endswith("Options"):
        entry["version"] = group_version
    return entry


def aggregated(catalogue: Catalogue, core: bool, shape: str) -> dict[str, Any]:
    """``/api`` or ``/apis`` as APIGroupDiscoveryList of version ``shape`` (v2, v2beta1)."""
    items = []
    for name, versions in catalogue.group_versions().items():
        if bool(name) == core:
            continue
        shown = [
            {"version": one, "resources": _aggregated(catalogue, name, one), "freshness": "Current"} for one in versions
        ]
        items.append({"metadata": {"name": name} if name else {}, "versions": shown})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{shape}",
        "metadata": {},
        "items": items,
    }


def _aggregated(catalogue: Catalogue, name: str, in_version: str) -> list[dict[str, Any]]:
    listed = []
    for one in sorted(catalogue.in_version(name, in_version), key=lambda resource: resource.plural):
        entry: dict[str, Any] = {
            "resource": one.plural,
            "responseKind": {"group": one.group, "version": one.version, "kind": one.kind},
            "scope": "Namespaced" if one.namespaced else "Cluster",
            "singularResource": one.singular,
            "verbs": list(one.verbs),
        }
        if one.short_names:
            entry["shortNames"] = list(one.short_names)
        if one.categories:
            entry["categories"] = list(one.categories)
        if one.subresources:
            entry["subresources"] = [_aggregated_subresource(one, sub) for sub in sorted(one.subresources)]
        listed.append(entry)
    return listed


def _aggregated_subresource(resource: Resource, name: str) -> dict[str, Any]:
    kind, group_name, group_version, verbs = _SUBRESOURCES[name]
    shown = {"group": group_name, "version": group_version, "kind": kind.format(resource.kind)}
    if not kind:
        shown = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return {"subresource": name, "responseKind": shown, "verbs": list(verbs)}
