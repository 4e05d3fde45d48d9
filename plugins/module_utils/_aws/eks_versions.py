# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes versions as EKS counts them, and the add-on versions that fit them."""

from __future__ import annotations

from typing import Any

from .._engine.errors import InvalidRequest, NotFound
from .client import Session

# How many minors a kubelet may be behind its API server (Kubernetes version skew policy, since 1.28).
_SKEW = 3


def minor(version: str) -> int:
    """34 for "1.34"."""
    return int(version.split(".")[1])


def minor_name(version: str, steps: int) -> str:
    """ "1.35" for ("1.34", 1)."""
    return f"1.{minor(version) + steps}"


def skew_problem(have: str, want: str, oldest_pool: str | None) -> str:
    """Why the control plane cannot go from `have` to `want` in one run, or an empty string.

    It goes up one minor at a time, and only then the add-ons and node groups follow: the oldest node group must still
    be near enough to the last step.
    """
    behind = minor(want) - minor(oldest_pool or have)
    if behind <= _SKEW:
        return ""
    reachable = minor_name(oldest_pool or have, _SKEW)
    return (
        f"version {want} is {behind} minors above its oldest nodes ({oldest_pool or have}), and nodes may be at most "
        f"{_SKEW} behind. Write version: '{reachable}' first, apply it, and then go on."
    )


def offered_versions(session: Session) -> dict[str, dict[str, Any]]:
    """The Kubernetes versions that EKS offers, as DescribeClusterVersions tells them."""

    def load() -> dict[str, dict[str, Any]]:
        listed = session.pages("eks", "describe_cluster_versions", "clusterVersions")
        return {item["clusterVersion"]: item for item in listed}

    return session.remember(("eks", "versions"), lambda: session.steady(load))


def addon_default(session: Session, addon: str, cluster_minor: str) -> str:
    """The default version of an add-on for a Kubernetes version; "" when there is none, which preflight tells."""

    def load() -> str:
        try:
            listed = session.pages(
                "eks", "describe_addon_versions", "addons", addonName=addon, kubernetesVersion=cluster_minor
            )
        except (NotFound, InvalidRequest):
            return ""
        versions: list[dict[str, Any]] = [item for found in listed for item in found.get("addonVersions") or ()]
        for version in versions:
            if any(
                fit.get("defaultVersion") and fit.get("clusterVersion") == cluster_minor
                for fit in version.get("compatibilities") or ()
            ):
                return str(version["addonVersion"])
        return str(versions[0]["addonVersion"]) if versions else ""

    return session.remember(("eks", "addon_default", addon, cluster_minor), lambda: session.steady(load))
