# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of objects in a site's cluster, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Condition:
    """What makes objects of a kind ready: their condition `type` is `status`. kind: "Certificate", or with its group
    "Certificate.cert-manager.io"."""

    kind: str
    type: str
    status: Literal["True", "False", "Unknown"] = "True"


@dataclass(frozen=True)
class Manifests:
    """name: of the set. namespace: for objects that name none. definitions, src, templates: where the objects come
    from; templates are rendered before the module runs.

    cluster_name: another cluster than the platform's own, as the cloud writes it (GKE: location/name, AKS: resource
    group/name)."""

    name: str
    namespace: str = "default"
    definitions: tuple[dict[str, Any], ...] = ()
    src: tuple[str, ...] = field(default=(), metadata={"elements": "path"})
    templates: tuple[str, ...] = ()
    state: Literal["present", "absent"] = "present"
    prune: bool = True
    wait: bool = True
    wait_conditions: tuple[Condition, ...] = ()
    adopt: bool = False
    allow_replace: bool = False
    force_conflicts: bool = False
    cluster_name: str | None = None

    def problems(self) -> list[str]:
        """What is wrong with it, as sentences."""
        if self.templates:
            return [
                "templates: they are rendered where Ansible itself runs, so the task must be called by the full name "
                "multicloud.platform.manifests."
            ]
        if self.state == "present" and not self.definitions and not self.src:
            return ["There are no manifests: give definitions, src or templates, or remove the set with state: absent."]
        return []
