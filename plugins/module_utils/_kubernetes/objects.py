# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What identifies an object of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Ref:
    """One object. namespace: empty for kinds that live in none. api_version: as in manifests, "apps/v1" or "v1"."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    @property
    def group(self) -> str:
        """ "apps"; empty for the core group."""
        return group_of(self.api_version)

    @property
    def path(self) -> str:
        """ "namespace/name", or the name alone."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"


def group_of(api_version: str) -> str:
    """ "apps" of "apps/v1"; empty for "v1"."""
    return api_version.rpartition("/")[0]


def ref_of(body: Mapping[str, Any]) -> Ref:
    """Of a whole object. KeyError when it does not say what it is."""
    meta = body["metadata"]
    return Ref(body["apiVersion"], body["kind"], meta["name"], meta.get("namespace") or "")
