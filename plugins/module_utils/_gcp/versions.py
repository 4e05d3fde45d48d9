# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes versions as GKE writes them."""

from __future__ import annotations

import re
from typing import Any

from .references import same_version


def parts(version: str) -> tuple[int, ...]:
    """(1, 34, 8, 1278000) of "1.34.8-gke.1278000"."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def at_least(want: Any, have: Any) -> bool:
    """Whether a version will do where a release channel upgrades by itself: the one asked for, or a newer one."""
    if same_version(want, have):
        return True
    wanted, found = str(want or ""), str(have or "")
    return bool(found) and wanted[:1].isdigit() and parts(found)[: len(parts(wanted))] > parts(wanted)
