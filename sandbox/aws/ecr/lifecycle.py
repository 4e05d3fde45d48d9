"""Lifecycle policies: they expire images."""

from __future__ import annotations

import fnmatch
import json
from datetime import timedelta
from typing import Any

from ..hooks import Hooks
from ..wire import Call
from ..world import World


class LifecyclePolicies:
    """Applies the policies of a region's repositories before anybody looks at their images.

    AWS does it within a day; here it is done as soon as an image is past its time.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        for action in ("ListImages", "DescribeImages", "BatchGetImage", "DeleteRepository"):
            hooks.before(f"ecr.{action}", self._apply)

    def reset(self) -> None:
        """Nothing is kept."""

    def _apply(self, call: Call) -> None:
        repository = self._world.backend("ecr", call.region).repositories.get(call.params.get("repositoryName"))
        if repository is None or not repository.lifecycle_policy:
            return
        rules = sorted(json.loads(repository.lifecycle_policy)["rules"], key=lambda rule: rule["rulePriority"])
        taken: list[Any] = []
        for rule in rules:
            selection = rule["selection"]
            # An image belongs to the first rule that selects it.
            candidates = [image for image in repository.images if _selects(selection, image) and image not in taken]
            taken += candidates
            for image in self._expired(selection, candidates):
                repository.images.remove(image)

    def _expired(self, selection: dict[str, Any], candidates: list[Any]) -> list[Any]:
        newest_first = sorted(candidates, key=lambda image: image.image_pushed_at, reverse=True)
        if selection["countType"] == "imageCountMoreThan":
            return newest_first[selection["countNumber"] :]
        oldest = (self._world.clock.wall() - timedelta(days=selection["countNumber"])).timestamp()
        return [image for image in newest_first if image.image_pushed_at < oldest]


def _selects(selection: dict[str, Any], image: Any) -> bool:
    status, tags = selection["tagStatus"], image.image_tags
    if status == "any":
        return True
    if status == "untagged":
        return not tags
    prefixes, patterns = selection.get("tagPrefixList") or (), selection.get("tagPatternList") or ()
    return bool(tags) and (
        any(tag.startswith(prefix) for tag in tags for prefix in prefixes)
        or any(fnmatch.fnmatchcase(tag, pattern) for tag in tags for pattern in patterns)
    )
