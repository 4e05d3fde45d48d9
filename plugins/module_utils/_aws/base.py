# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all of AWS's resource classes share: tags, and objects found by name in a list."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from .._engine.errors import Conflict
from .._engine.plan import Plan
from .._engine.resource import Observed, Resource
from .._engine.tags import tag_changes
from .client import Session

Item = dict[str, Any]


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": str(value)} for key, value in tags.items()]


def as_dict(tags: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Tags as most services return them (`Key`/`Value`, also `TagKey`/`TagValue` of KMS)."""
    return {
        str(tag.get("Key", tag.get("TagKey"))): str(tag.get("Value", tag.get("TagValue", ""))) for tag in tags or ()
    }


class AwsResource(Resource):
    """One AWS object of the session's account and region.

    lists: keys of remembered lists that the object stands in; dropped whenever the object changes.
    """

    def __init__(self, session: Session, name: str, needs: Sequence[Resource] = (), **kwargs: Any) -> None:
        super().__init__(name, needs, **kwargs)
        self.session = session

    @property
    def tags(self) -> dict[str, str]:
        """The site's tags and ownership, and the name as the console shows it."""
        return {**self.session.site.all_tags, "Name": self.name}

    def lists(self) -> Sequence[Hashable]:
        return ()

    def forget(self) -> None:
        self.session.forget(*self.lists())


class Shared(AwsResource):
    """What stores of several calls may stand in. needed: whether there are others in it than those of one call."""

    needed: Callable[[], bool] = staticmethod(lambda: False)

    def lasts(self) -> bool:
        return self.needed()


class Ec2Resource(AwsResource):
    """One EC2 object: tagged in the call that makes it, retagged by id."""

    tag_type = ""  # EC2's ResourceType in tag specifications

    def tag_specifications(self) -> list[dict[str, Any]]:
        return [{"ResourceType": self.tag_type, "Tags": as_list(self.tags)}]

    def retag(self, observed: Observed, desired: Mapping[str, Any], change: Plan) -> bool:
        """Set the tags that differ. Returns whether there were any."""
        if not change.touches("tags"):
            return False
        tags = tag_changes(desired["tags"], observed.values.get("tags") or {})
        self.session.call("ec2", "create_tags", Resources=[observed.outputs["id"]], Tags=as_list(tags))
        return True

    def mine(self, items: Iterable[Item]) -> Item | None:
        """The item that carries this name. A stranger's is returned when there is none of ours: the engine refuses it.

        Raises: Conflict when two of ours carry the name, because then neither can be told to be the right one.
        """
        named = [item for item in items if as_dict(item.get("Tags")).get("Name") == self.name]
        ours = [item for item in named if self.session.site.owner.owns(as_dict(item.get("Tags")))]
        if len(ours) > 1:
            raise Conflict(
                f"{len(ours)} objects of this site are named {self.name!r}.",
                what=f"{self.kind} {self.name}",
                hint="Delete the one that is not in use, or change its Name tag.",
            )
        return next(iter(ours or named), None)


def filters(**values: Any) -> list[dict[str, Any]]:
    """EC2 filters; underscores in names stand for hyphens, `tag_Name` for the tag."""
    return [
        {
            "Name": "tag:Name" if name == "tag_Name" else name.replace("_", "-"),
            "Values": list(value) if isinstance(value, (list, tuple)) else [value],
        }
        for name, value in values.items()
    ]
