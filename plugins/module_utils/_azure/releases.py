# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes versions: AKS takes `1.34` for the newest patch of it, and one minor version per upgrade."""

from __future__ import annotations

from typing import Any

# Nodes may be this many minor versions behind their control plane while an upgrade is under way.
_SKEW = 2


def same(want: Any, have: Any) -> bool:
    """Whether what runs is what was asked for. Nothing asked for is always right; `1.34` is any patch of it."""
    if want in (None, ""):
        return True
    want, have = str(want), str(have or "")
    return want == have or (want.count(".") == 1 and have.startswith(want + "."))


def minor(version: str) -> tuple[int, int]:
    """`1.34.2` -> (1, 34)."""
    first, second = version.split(".")[:2]
    return int(first), int(second)


def next_step(have: str, want: str) -> str:
    """What to upgrade to next: the wanted version, or the newest patch of the next minor one before it."""
    (major, at), (_major, to) = minor(have), minor(want)
    return want if to <= at + 1 else f"{major}.{at + 1}"


def refusal(have: str, want: str) -> str:
    """Why a version cannot be reached from another, or an empty string."""
    at, to = minor(have), minor(want)
    patches = [int(part.split(".")[2]) for part in (have, want) if part.count(".") == 2]
    if to < at or (to == at and len(patches) == 2 and patches[1] < patches[0]):
        return (
            f"the cluster runs Kubernetes {have}, and AKS never goes back to {want}. "
            f"Write version: '{have}', or leave it out."
        )
    if to[1] - at[1] > _SKEW:
        return (
            f"from Kubernetes {have} to {want} the nodes would fall too far behind their control plane. "
            f"Write version: '{at[0]}.{at[1] + _SKEW}' first, run, then go on."
        )
    return ""
