# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud SQL as a whole: calls and operations, the instances of a site, and under which name people know them.

An instance cannot be renamed, and its name cannot be used again for a week after its deletion. So names carry a suffix,
and which server an instance is stands in its labels.
"""

from __future__ import annotations

from typing import Any

from .._engine.errors import AuthError
from .._engine.resource import Resource
from .._spec.database import Restore
from .._spec.names import digest, of
from . import errors
from .client import Cloud
from .rest import RestResource

SERVER = "database-server"  # the label with the server's name in the specification
# The label with the instance's own name. A clone carries its source's labels until they are changed: by this one it
# tells that they are not yet its own.
NAMED = "database-instance"
RESTORED = "database-restored-as"  # the label with the name that a restored server had at first
INSTANCES = "sqladmin/instances"
_LABEL = 63
_MOST_NAME = 98  # characters of project and name (Cloud SQL documentation, instance settings)
_SUFFIX, _MOST_NAMES = 6, 20


class SqlResource(RestResource):
    """What all kinds of this API share: its operations."""

    service = "sqladmin"

    def operation_path(self, answer: dict[str, Any]) -> str:
        return f"projects/{self.project}/operations/{answer['name']}"


def instances(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Every instance of the site by its own name; one list for all. A service that is off holds none."""

    def load() -> dict[str, dict[str, Any]]:
        owner = cloud.site.owner
        words = {"platform": owner.platform, "site": owner.site}
        query = {"filter": " ".join(f"settings.userLabels.{key}:{value}" for key, value in words.items())}
        try:
            found = list(cloud.pages("sqladmin", f"projects/{cloud.project}/instances", "items", query))
        except AuthError as error:
            if error.code == errors.SERVICE_DISABLED:
                return {}
            raise
        return {each["name"]: each for each in found if owner.owns(labels(each))}

    return cloud.shared.get(INSTANCES, load)


def labels(raw: dict[str, Any]) -> dict[str, str]:
    return dict((raw.get("settings") or {}).get("userLabels") or {})


def is_settled(raw: dict[str, Any]) -> bool:
    """Whether the labels are the instance's own."""
    return labels(raw).get(NAMED) == raw["name"]


def holder(cloud: Cloud, server: str) -> dict[str, Any] | None:
    """The instance that is this server."""
    found = (each for each in instances(cloud).values() if is_settled(each) and labels(each).get(SERVER) == server)
    return next(found, None)


def own_names(cloud: Cloud, server: str, restore: Restore | None) -> list[str]:
    """The names that an instance made for this purpose may have; one after the other, for when some are still taken by
    instances that were deleted. The same purpose has the same names: what an earlier run made is found again, and what
    a restore made can be told for good."""
    origin = "" if restore is None else f"{restore.server}/{restore.label or ''}/{restore.time or ''}"
    limit = min(_LABEL, _MOST_NAME - 1 - len(cloud.project)) - _SUFFIX - 1
    marks = (digest(f"{cloud.site.base}/{server}/{origin}/{number}", _SUFFIX) for number in range(_MOST_NAMES))
    return [f"{of(cloud.site, server, limit=limit)}-{mark}" for mark in marks]


def instance_path(cloud: Cloud, name: str) -> str:
    return f"projects/{cloud.project}/instances/{name}"


def known_path(server: Resource) -> str:
    """Path of a server's instance. Raises NotYetKnown while there is none."""
    return str(server.known("id"))
