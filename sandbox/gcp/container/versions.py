"""Kubernetes versions that GKE offers, by release channel."""

from __future__ import annotations

import re
from typing import Any

from ..errors import GoogleError, invalid

# Newest first; typical of late 2026, several of them from recorded traffic.
VERSIONS = [
    "1.36.0-gke.3302004",
    "1.35.6-gke.1127000",
    "1.35.5-gke.1241004",
    "1.35.1-gke.1396002",
    "1.34.8-gke.1278000",
    "1.34.5-gke.1153000",
    "1.33.9-gke.1197000",
    "1.33.2-gke.1240000",
    "1.32.12-gke.1065000",
    "1.32.4-gke.1415000",
]
CHANNELS: dict[str, tuple[str, list[str]]] = {
    "RAPID": ("1.36.0-gke.3302004", VERSIONS[:5]),
    "REGULAR": ("1.35.6-gke.1127000", VERSIONS[1:8]),
    "STABLE": ("1.34.8-gke.1278000", VERSIONS[3:9]),
    "EXTENDED": ("1.35.6-gke.1127000", VERSIONS[1:]),
}
IMAGE_TYPES = ["COS_CONTAINERD", "UBUNTU_CONTAINERD", "WINDOWS_LTSC_CONTAINERD"]
_FULL = re.compile(r"\d+\.\d+\.\d+-gke\.\d+")


def order(version: str) -> tuple[int, ...]:
    """Numbers to compare versions by."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def minor(version: str) -> tuple[int, ...]:
    """``(1, 34)`` of ``1.34.8-gke.1278000``."""
    return order(version)[:2]


def valid(channel: str | None) -> list[str]:
    """Versions that a cluster in this channel (None or UNSPECIFIED: any) may have."""
    return CHANNELS[channel][1] if channel in CHANNELS else VERSIONS


def default(channel: str | None) -> str:
    """The version of a cluster that asks for none."""
    return CHANNELS[channel if channel in CHANNELS else "REGULAR"][0]


def channel_of(version: str) -> str:
    """The most stable channel that offers a version: where a cluster goes that asks for a version alone."""
    return next((name for name in ("STABLE", "REGULAR", "RAPID") if version in CHANNELS[name][1]), "EXTENDED")


def resolve(wanted: str | None, channel: str | None, what: str = "Master") -> str:
    """A full version for ``""``, ``-``, ``latest``, ``1.34``, ``1.34.8`` or a full version; 400 for any other."""
    if not wanted or wanted == "-":
        return default(channel)
    offered = valid(channel)
    if wanted == "latest":
        return offered[0]
    if _FULL.fullmatch(wanted):
        if wanted in offered or (what == "Node" and wanted in VERSIONS):
            return wanted
        raise invalid(f'{what} version "{wanted}" is unsupported.')
    for version in offered:
        if re.split(r"[-.]", version)[: wanted.count(".") + 1] == wanted.split("."):
            return version
    raise invalid(f'No valid versions with the prefix "{wanted}" found.')


def check_upgrade(old: str, new: str) -> None:
    """A control plane goes forward, one minor version at a time."""
    if minor(new) < minor(old):
        raise invalid(f'Master cannot be downgraded from "{old}" to "{new}".')
    if minor(new)[1] > minor(old)[1] + 1:
        raise invalid(
            f'Master cannot be upgraded to "{new}": cannot upgrade more than one minor version at a time from "{old}".'
        )


def check_nodes(version: str, master: str) -> None:
    """Nodes are not newer than the control plane and at most two minor versions older."""
    if order(version) > order(master):
        raise invalid(f'Node version "{version}" must not be greater than the master version "{master}".')
    if minor(version)[1] < minor(master)[1] - 2:
        raise GoogleError(400, f'Node version "{version}" is too old for master version "{master}".')


def server_config() -> dict[str, Any]:
    """What ``getServerConfig`` answers, in every location."""
    return {
        "defaultClusterVersion": default(None),
        "validNodeVersions": VERSIONS,
        "defaultImageType": IMAGE_TYPES[0],
        "validImageTypes": IMAGE_TYPES,
        "validMasterVersions": VERSIONS,
        "channels": [
            {"channel": name, "defaultVersion": first, "validVersions": offered, "upgradeTargetVersion": first}
            for name, (first, offered) in CHANNELS.items()
        ],
    }
