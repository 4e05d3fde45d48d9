# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bulk looks that are cheap and may be a little old: believed only when they say that nothing has to change.

Both services answer for many objects at once, but from an index that follows changes after a moment. What they show
as in sync was in sync; everything else is looked at directly.
"""

from __future__ import annotations

from collections.abc import Mapping

from .._engine.errors import AuthError
from .base import Item, as_dict
from .client import Session

TAGS = ("bulk", "tags")
ROLES = ("bulk", "roles")
# Below this many roles single calls are cheaper than listing all of the account's.
_ENOUGH_ROLES = 3


def tags_in_sync(session: Session, arn: str, wanted: Mapping[str, str]) -> dict[str, str] | None:
    """An object's tags by the tagging API, if it carries all that are wanted; None when it has to be asked itself."""

    def load() -> dict[str, dict[str, str]]:
        owner = [{"Key": key, "Values": [value]} for key, value in session.site.owner.tags().items()]
        try:
            listed = session.pages(
                "resourcegroupstaggingapi",
                "get_resources",
                "ResourceTagMappingList",
                TagFilters=owner,
                ResourceTypeFilters=["s3", "logs:log-group", "ecr:repository", "elasticache", "rds:pg", "rds:subgrp"],
            )
        except AuthError:  # a permission that only saves calls
            return {}
        return {item["ResourceARN"].removesuffix(":*"): as_dict(item.get("Tags")) for item in listed}

    found = session.remember(TAGS, load).get(arn)
    return found if found is not None and all(found.get(key) == value for key, value in wanted.items()) else None


def role_details(session: Session, name: str) -> tuple[bool, Item | None]:
    """Whether the account's roles were listed, and this one with its policies as IAM listed it."""
    if session.roles_wanted < _ENOUGH_ROLES:
        return False, None

    def load() -> dict[str, Item] | None:
        try:
            listed = session.pages(
                "iam",
                "get_account_authorization_details",
                "RoleDetailList",
                Filter=["Role"],
                PaginationConfig={"PageSize": 1000},
            )
        except AuthError:  # a permission that only saves calls
            return None
        return {item["RoleName"]: item for item in listed}

    found = session.remember(ROLES, load)
    return (False, None) if found is None else (True, found.get(name))
