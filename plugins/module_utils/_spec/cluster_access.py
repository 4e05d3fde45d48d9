# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people reach a site's cluster: the kubeconfig that gets a context for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class ClusterAccess:
    """context: its name, the site's by default. path: the file, by default where kubectl looks. current: also what
    kubectl uses by default. adopt: take over a context of that name that somebody else made.

    cluster_name: another cluster than the platform's own, as the cloud writes it (GKE: location/name, AKS: resource
    group/name)."""

    state: Literal["present", "absent"] = "present"
    path: str | None = field(default=None, metadata={"type": "path"})
    context: str | None = None
    current: bool = False
    adopt: bool = False
    cluster_name: str | None = None

    def problems(self) -> list[str]:
        """What is wrong with it, as sentences."""
        found = []
        for name in ("context", "cluster_name"):
            value = getattr(self, name)
            if value is not None and (not value.strip() or value != value.strip()):
                found.append(f"{name}: {value!r} is not a name.")
        if self.current and self.state == "absent":
            found.append("current has no effect with state: absent. Remove it.")
        return found
