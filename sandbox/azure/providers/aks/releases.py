"""Kubernetes versions that the emulated regions offer."""

from __future__ import annotations

from typing import Any

from .base import refuse

# minor -> patches, newest first
RELEASES: dict[str, tuple[str, ...]] = {
    "1.35": ("1.35.1", "1.35.0"),
    "1.34": ("1.34.3", "1.34.2", "1.34.1"),
    "1.33": ("1.33.7", "1.33.6", "1.33.5"),
    "1.32": ("1.32.11", "1.32.10", "1.32.9"),
    "1.31": ("1.31.13", "1.31.12"),
}
DEFAULT = "1.34"
LONG_TERM_ONLY = {"1.31"}
_NODE_IMAGE = {"Ubuntu": "AKSUbuntu-2204gen2containerd-202610.15.0", "AzureLinux": "AKSAzureLinux-V3gen2-202610.15.0"}


def minor(version: str) -> str:
    """``1.34`` of ``1.34.1``."""
    return ".".join(version.split(".")[:2])


def number(version: str) -> tuple[int, ...]:
    """A version as numbers, to compare with."""
    return tuple(int(part) for part in version.split("."))


def resolve(version: str, cluster: str) -> tuple[str, str]:
    """What is echoed and what runs, for a version as it was asked for; empty asks for the default."""
    asked = version or DEFAULT
    known = RELEASES.get(minor(asked), ())
    if asked in RELEASES:
        return asked, known[0]
    if asked in known:
        return asked, asked
    message = (
        f"Managed cluster {cluster} is on version {asked}, which is not supported in this region. Please use [az aks "
        "get-versions] command to get the supported version list in this region. For more information, please check "
        "https://aka.ms/supported-version-list"
    )
    raise refuse(400, "K8sVersionNotSupported", message)


def check_upgrade(current: str, wanted: str) -> None:
    """ArmError for a downgrade and for a step of more than one minor version."""
    old, new = number(current), number(wanted)
    if new < old:
        message = f"Downgrading Kubernetes version from {current} to {wanted} is not allowed."
        raise refuse(400, "OperationNotAllowed", message)
    if new[1] - old[1] > 1:
        available = ", ".join(upgrades(current))
        message = (
            f"Upgrading Kubernetes version {current} to {wanted} is not allowed. Available upgrades: [{available}]. "
            "Please see https://aka.ms/aks-supported-k8s-ver for version details."
        )
        raise refuse(400, "OperationNotAllowed", message)


def upgrades(current: str) -> list[str]:
    """Versions that a cluster may be upgraded to."""
    now = number(current)
    found = [
        patch
        for patches in RELEASES.values()
        for patch in patches
        if number(patch) > now and number(patch)[1] - now[1] <= 1
    ]
    return sorted(found, key=number)


def node_image(os_sku: str) -> str:
    """The node image of the day."""
    return _NODE_IMAGE.get(os_sku, _NODE_IMAGE["Ubuntu"])


def listing() -> dict[str, Any]:
    """The answer of ``locations/<region>/kubernetesVersions``."""
    values = []
    for release, patches in RELEASES.items():
        plans = ["KubernetesOfficial", "AKSLongTermSupport"]
        if release in LONG_TERM_ONLY:
            plans = ["AKSLongTermSupport"]
        entry: dict[str, Any] = {
            "version": release,
            "capabilities": {"supportPlan": plans},
            "patchVersions": {patch: {"upgrades": upgrades(patch)} for patch in reversed(patches)},
        }
        if release == DEFAULT:
            entry["isDefault"] = True
        values.append(entry)
    return {"values": values}
