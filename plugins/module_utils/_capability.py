# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver serves a cloud. Literal imports inside the function: bundled with every module, loaded only if used."""

from __future__ import annotations

from ._engine.capability import Driver
from ._engine.clock import Clock
from ._spec.site import Site


def driver(site: Site, clock: Clock) -> Driver:
    """The driver for a site's cloud."""
    if site.cloud == "aws":
        from ._aws.driver import AwsDriver

        return AwsDriver(site, clock)
    if site.cloud == "gcp":
        from ._gcp.driver import GcpDriver

        return GcpDriver(site, clock)
    from ._azure.driver import AzureDriver

    return AzureDriver(site, clock)
