# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site says of itself inside its cluster: labels, environment variables, and how values become legal labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .._spec.names import digest
from .._spec.site import Site
from .client import MANAGER

PREFIX = "multicloud.platform"
SERVICE_LABEL = f"{PREFIX}/service"  # on every object of a service, ConfigMaps of former versions included


@dataclass(frozen=True)
class Place:
    """Where objects are rendered for."""

    platform: str
    environment: str
    cloud: str
    region: str
    site: str

    @classmethod
    def of(cls, site: Site) -> Place:
        return cls(site.platform, site.environment, site.cloud, site.region, site.name)

    def labels(self) -> dict[str, str]:
        """What every object carries."""
        return {
            "app.kubernetes.io/managed-by": MANAGER,
            "app.kubernetes.io/part-of": label(self.platform),
            f"{PREFIX}/environment": label(self.environment),
            f"{PREFIX}/cloud": label(self.cloud),
            f"{PREFIX}/region": label(self.region),
            f"{PREFIX}/site": label(self.site),
        }

    def facts(self) -> dict[str, str]:
        """As environment variables."""
        return {
            "PLATFORM": self.platform,
            "ENVIRONMENT": self.environment,
            "CLOUD": self.cloud,
            "REGION": self.region,
            "SITE": self.site,
        }


def label(text: str) -> str:
    """The text as a legal value of a label: up to 63 letters, digits, '-', '_' and '.'."""
    legal = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-_.")
    if len(legal) <= 63:
        return legal
    return legal[:56].rstrip("-_.") + "-" + digest(text)


def text_of(value: Any) -> str:
    """A value as an environment variable has it; YAML's true and false in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
