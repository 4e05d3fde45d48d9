# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed addresses of blob containers, for services that write there without an identity of their own.

The form is that of a service SAS of version 2022-11-02 (Azure Storage, "Create a service SAS").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlencode

_VERSION = "2022-11-02"


def container_query(account: str, container: str, key: str, permissions: str, expires: datetime) -> str:
    """The query that opens a container until `expires`. key: one of the account's, in base64. Never to be shown."""
    until = expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = [permissions, "", until, f"/blob/{account}/{container}", "", "", "https", _VERSION, "c", *[""] * 7]
    signature = hmac.new(base64.b64decode(key), "\n".join(signed).encode(), hashlib.sha256).digest()
    parts = {"sp": permissions, "se": until, "spr": "https", "sv": _VERSION, "sr": "c"}
    return urlencode({**parts, "sig": base64.b64encode(signature).decode()})
