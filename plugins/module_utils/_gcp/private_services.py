# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private services access, as those need it whose servers live on Google's side of it."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.errors import SpecError
from .client import Cloud
from .peering import ServiceConnection


def connection(cloud: Cloud, spec: Any, built: Built, who: str) -> ServiceConnection:
    """The network's connection to Google's managed services: the network's own, or the one that a network that is only
    referred to has. One object for everybody who asks.

    spec: resolved `_spec.network.Network`; built: what it was built to; who: the capability, for messages.
    """
    found: ServiceConnection | None = built.exports.get("connection")
    if found is None:
        found = ServiceConnection(cloud, "managed-services", built.exports["network"], (), managed=False)
        built.exports["connection"] = found
    if not found.present:
        raise SpecError(
            f"{who}: its servers are reached through private services access. Set "
            "network.gcp.private_services_access: true."
        )
    return found


def port_problem(spec: Any, port: int, where: str) -> str:
    """Why the site's own firewall would keep everybody from this port, or an empty string."""
    if spec.existing or port in spec.data_ports:
        return ""
    ports = ", ".join(str(each) for each in (*spec.data_ports, port))
    return f"{where}: port {port} is closed in the site's network. Set network.data_ports: [{ports}]."
