# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API version of every Azure type that is used: pinned, in one table."""

from __future__ import annotations

_NETWORK = "2025-03-01"
_PRIVATE_DNS = "2020-06-01"
_AKS = "2025-08-01"
_STORAGE = "2025-06-01"
_VAULT = "2023-07-01"
_COMPUTE = "2024-11-01"

# By type, in lower case. The longest type that a path begins with decides.
VERSIONS: dict[str, str] = {
    "microsoft.resources/subscriptions": "2022-12-01",
    "microsoft.resources/resourcegroups": "2025-04-01",
    "microsoft.resources/resources": "2025-04-01",
    "microsoft.resources/providers": "2025-04-01",
    "microsoft.authorization/locks": "2020-05-01",
    "microsoft.authorization/roleassignments": "2022-04-01",
    "microsoft.network": _NETWORK,
    "microsoft.network/privatednszones": _PRIVATE_DNS,
    "microsoft.managedidentity": "2024-11-30",
    "microsoft.containerservice": _AKS,
    "microsoft.storage": _STORAGE,
    "microsoft.keyvault": _VAULT,
    "microsoft.dbforpostgresql": "2025-08-01",
    "microsoft.sql": "2023-08-01",
    "microsoft.cache": "2025-07-01",
    "microsoft.containerregistry": "2025-11-01",
    "microsoft.operationalinsights": "2025-07-01",
    "microsoft.insights/diagnosticsettings": "2021-05-01-preview",
    "microsoft.insights/eventtypes": "2015-04-01",
    "microsoft.insights/metrics": "2023-10-01",
    "microsoft.compute": _COMPUTE,
    "microsoft.compute/skus": "2021-07-01",
}


def version_of(kind: str) -> str:
    """The pinned version of a type such as "Microsoft.Network/virtualNetworks/subnets". Raises: KeyError."""
    parts = kind.lower().split("/")
    for length in range(len(parts), 0, -1):
        found = VERSIONS.get("/".join(parts[:length]))
        if found is not None:
            return found
    raise KeyError(kind)
