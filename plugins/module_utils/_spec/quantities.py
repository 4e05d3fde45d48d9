# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes' quantities: 250m, 2, 1.5, 512Mi, 1G (API reference, resource.Quantity)."""

from __future__ import annotations

import re
from decimal import Decimal

_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_FORM = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d+)|([A-Za-z]{0,2}))")


def quantity(text: str) -> Decimal | None:
    """The number that is meant, or None when it is no quantity."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    if exponent:
        return Decimal(number + exponent)
    if suffix in _BINARY:
        return Decimal(number) * 2 ** _BINARY[suffix]
    return Decimal(number).scaleb(_SUFFIXES[suffix]) if suffix in _SUFFIXES else None
