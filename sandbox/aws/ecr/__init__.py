"""What moto's ECR lacks: keys, digests, tags that move, scans on push, policies that take effect, pages."""

from __future__ import annotations

from collections.abc import Iterator

from ..hooks import Hooks, Service
from ..iam_principals import Principals
from ..world import World
from .images import Images
from .lifecycle import LifecyclePolicies
from .repositories import Repositories


class Ecr:
    """All additions to moto's ECR."""

    def __init__(self, world: World, principals: Principals) -> None:
        self._world = world
        self._parts: tuple[Service, ...] = (
            LifecyclePolicies(world),
            Repositories(world, principals),
            Images(world),
        )

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        for part in self._parts:
            part.register(hooks)

    def tagged(self, region: str) -> Iterator[tuple[str, dict[str, str]]]:
        """ARN and tags of every repository."""
        backend = self._world.backend("ecr", region)
        for repository in backend.repositories.values():
            yield repository.arn, backend.tagger.get_tag_dict_for_resource(repository.arn)

    def reset(self) -> None:
        """Forget everything."""
        for part in self._parts:
            part.reset()
