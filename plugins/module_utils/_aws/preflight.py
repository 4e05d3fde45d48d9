# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence

from .._engine.survey import Planned
from .client import Session


def problems(session: Session, planned: Sequence[Planned]) -> list[str]:
    return []
