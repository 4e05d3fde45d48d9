# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ownership: which objects are ours, told by tags that every object carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MANAGED_BY = "multicloud-platform"


@dataclass(frozen=True)
class Owner:
    """Who owns an object: one platform's site."""

    platform: str
    environment: str
    site: str

    def tags(self) -> dict[str, str]:
        """The four ownership tags. Keys and values are legal on AWS, as GCP labels and as Azure tags."""
        return {
            "managed-by": MANAGED_BY,
            "platform": self.platform,
            "environment": self.environment,
            "site": self.site,
        }

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether an object with these tags is this site's."""
        return all(tags.get(key) == value for key, value in self.tags().items())

    def claim(self, tags: Mapping[str, str]) -> str:
        """What the tags say of an object that is not ours, for messages."""
        if tags.get("managed-by") != MANAGED_BY:
            return f"it carries no ownership tags (managed-by={MANAGED_BY})"
        whose = "/".join(tags.get(key, "?") for key in ("platform", "environment", "site"))
        return f"it belongs to {whose}, not to {self.platform}/{self.environment}/{self.site}"


def tag_changes(desired: Mapping[str, str], observed: Mapping[str, str]) -> dict[str, str]:
    """The tags to set. Keys that the specification does not name are nobody's business here: they stay."""
    return {key: value for key, value in desired.items() if observed.get(key) != value}


def as_description(tags: Mapping[str, str]) -> str:
    """Ownership for kinds without labels, carried in their description: `k=v; k=v`."""
    return "; ".join(f"{key}={value}" for key, value in tags.items())


def from_description(description: str | None) -> dict[str, str]:
    """The tags that `as_description` wrote; other text yields nothing."""
    pairs = (part.partition("=") for part in (description or "").split(";"))
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}
