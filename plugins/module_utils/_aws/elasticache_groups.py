# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cache needs in ElastiCache besides itself: a subnet group, and a parameter group of its version's family."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource
from .._engine.tags import tag_changes
from .base import AwsResource, Item, Shared, as_list
from .bulk import TAGS
from .client import Session
from .elasticache_lists import default_version, family, listed, nodes_of, observed_tags

DEFAULT_ENGINE = "valkey"
# ElastiCache's own value, where the group does not set one.
_DEFAULTS = {"maxmemory-policy": "volatile-lru"}


class Release:
    """Which engine and version a cache shall have. What the specification leaves open stays as it is, or is
    ElastiCache's default at creation."""

    def __init__(self, session: Session, group_id: str, engine: str | None, version: str | None) -> None:
        self.session, self.group_id = session, group_id
        self.asked_engine, self.asked_version = engine, version
        self._family = ""

    def current(self) -> tuple[str, str] | None:
        """Engine and version of the cache that exists."""
        group = listed(self.session, "groups").get(self.group_id)
        node = next(iter(nodes_of(self.session, group)), None) if group else None
        return (node["Engine"], node["EngineVersion"]) if node else None

    def engine(self) -> str:
        current = self.current()
        return self.asked_engine or (current[0] if current else DEFAULT_ENGINE)

    @property
    def settled(self) -> bool:
        """Whether the family is known without asking."""
        return bool(self._family)

    def family(self) -> str:
        """The family of its parameter group; the same throughout a run, whatever becomes of the cache."""
        if not self._family:
            engine, current = self.engine(), self.current()
            kept = current[1] if current and current[0] == engine else None
            version = self.asked_version or kept or default_version(self.session, engine)
            self._family = family(engine, version)
        return self._family


def _parameter_group_name(group_id: str, family_name: str) -> str:
    return f"{group_id}-{family_name.replace('.', '-')}"


class _ElastiCacheObject(AwsResource):
    """What both groups have in common: tags by ARN."""

    sort = ""

    def lists(self) -> Sequence[Hashable]:
        return (("elasticache", self.sort), TAGS)

    def retag(self, observed: Observed, desired: dict[str, Any], change: Plan) -> None:
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values["tags"] or {})
            arn = observed.outputs["arn"]
            self.session.call("elasticache", "add_tags_to_resource", ResourceName=arn, Tags=as_list(tags))


class CacheSubnetGroup(Shared, _ElastiCacheObject):
    """The subnets that caches stand in."""

    stays: ClassVar[str] = "stays: other caches stand in it"
    kind: ClassVar[str] = "aws.elasticache.subnet_group"
    fields: ClassVar[Fields] = Fields({"SubnetIds": Field(unordered=True), "tags": MUTABLE})
    sort = "subnet_groups"

    def __init__(self, session: Session, name: str, subnets: Sequence[Resource], **kwargs: Any) -> None:
        super().__init__(session, name, subnets, **kwargs)
        self.subnets = list(subnets)

    def predicted(self) -> dict[str, Any]:
        return {"id": self.session.arn("elasticache", f"subnetgroup:{self.name}"), "name": self.name}

    def desired(self) -> dict[str, Any]:
        return {"SubnetIds": [subnet.out("id") for subnet in self.subnets], "tags": self.tags}

    def read(self) -> Observed | None:
        found = listed(self.session, self.sort).get(self.name)
        if found is None:
            return None
        arn = found.get("ARN") or self.predicted()["id"]
        tags = observed_tags(self.session, arn, self.tags)
        values = {"SubnetIds": [item["SubnetIdentifier"] for item in found.get("Subnets") or ()], "tags": tags}
        return Observed(values, {"id": arn, "arn": arn, "name": self.name}, tags=tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "elasticache",
            "create_cache_subnet_group",
            CacheSubnetGroupName=self.name,
            CacheSubnetGroupDescription=f"Caches of {self.session.site.base}",
            SubnetIds=desired["SubnetIds"],
            Tags=as_list(desired["tags"]),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("SubnetIds"):
            self.session.call(
                "elasticache",
                "modify_cache_subnet_group",
                CacheSubnetGroupName=self.name,
                SubnetIds=desired["SubnetIds"],
            )
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("elasticache", "delete_cache_subnet_group", CacheSubnetGroupName=self.name)
        return WATCH


class CacheParameterGroup(_ElastiCacheObject):
    """The parameters of one cache. A group belongs to one family, so an upgrade to another gets another group.

    parameters: those that are set here; others are left alone.
    """

    kind: ClassVar[str] = "aws.elasticache.parameter_group"
    fields: ClassVar[Fields] = Fields({"CacheParameterGroupFamily": IMMUTABLE, "Parameters": MUTABLE, "tags": MUTABLE})
    sort = "parameter_groups"

    def __init__(
        self, session: Session, release: Release, parameters: dict[str, str], needs: Sequence[Resource], **kwargs: Any
    ) -> None:
        super().__init__(session, release.group_id, needs, **kwargs)
        self.release, self.parameters = release, parameters

    def _physical(self) -> str:
        return _parameter_group_name(self.release.group_id, self.release.family())

    def predicted(self) -> dict[str, Any]:
        """Its name, once it is known what family it is of: from the first look on."""
        return {"name": self._physical()} if self.release.settled else {}

    def desired(self) -> dict[str, Any]:
        return {
            "CacheParameterGroupFamily": self.release.family(),
            "Parameters": self.parameters or None,
            "tags": self.tags,
        }

    def read(self) -> Observed | None:
        name = self._physical()
        found = listed(self.session, self.sort).get(name)
        if found is None:
            return None
        arn = found.get("ARN") or self.session.arn("elasticache", f"parametergroup:{name}")
        tags = observed_tags(self.session, arn, self.tags)
        values = {
            "CacheParameterGroupFamily": found["CacheParameterGroupFamily"],
            "Parameters": self._set(name) if self.parameters and self.present else None,
            "tags": tags,
        }
        return Observed(values, {"id": arn, "arn": arn, "name": name}, tags=tags)

    def _set(self, name: str) -> dict[str, str]:
        """The parameters that somebody has set, over the defaults."""
        found = self.session.pages(
            "elasticache", "describe_cache_parameters", "Parameters", CacheParameterGroupName=name, Source="user"
        )
        return _DEFAULTS | {item["ParameterName"]: item.get("ParameterValue", "") for item in found}

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "elasticache",
            "create_cache_parameter_group",
            CacheParameterGroupName=self._physical(),
            CacheParameterGroupFamily=desired["CacheParameterGroupFamily"],
            Description=f"Parameters of {self.name}",
            Tags=as_list(desired["tags"]),
        )
        # The parameters are the update that follows.
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("Parameters"):
            self.session.call(
                "elasticache",
                "modify_cache_parameter_group",
                CacheParameterGroupName=observed.outputs["name"],
                ParameterNameValues=[
                    {"ParameterName": name, "ParameterValue": value} for name, value in desired["Parameters"].items()
                ],
            )
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        name = observed.outputs["name"]
        self.session.call("elasticache", "delete_cache_parameter_group", CacheParameterGroupName=name)
        return WATCH


class FormerParameterGroups(_ElastiCacheObject):
    """Groups of the families that a cache had before an upgrade, or all of a cache that is gone: never wanted."""

    kind: ClassVar[str] = CacheParameterGroup.kind
    fields: ClassVar[Fields] = Fields({})
    sort = "parameter_groups"

    def __init__(self, session: Session, cache: str, release: Release) -> None:
        super().__init__(session, f"former groups of {cache}", present=False)
        self.release = release

    def desired(self) -> dict[str, Any]:
        return {}

    def _left(self) -> list[Item]:
        group_id, kept = self.release.group_id, self.release.family()
        return [
            item
            for name, item in listed(self.session, self.sort).items()
            if item["CacheParameterGroupFamily"] != kept
            and name == _parameter_group_name(group_id, item["CacheParameterGroupFamily"])
        ]

    def read(self) -> Observed | None:
        left = self._left()
        if not left:
            return None
        arns = [item.get("ARN") or "" for item in left]
        tags = [observed_tags(self.session, arn, self.tags) or {} for arn in arns]
        strange = next((each for each in tags if not self.session.site.owner.owns(each)), tags[0])
        return Observed({}, {"id": arns[0], "names": [item["CacheParameterGroupName"] for item in left]}, tags=strange)

    def create(self, desired: dict[str, Any]) -> Operation:
        raise NotImplementedError("never wanted")

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raise NotImplementedError("never wanted")

    def delete(self, observed: Observed) -> Operation:
        for name in observed.outputs["names"]:
            try:
                self.session.call("elasticache", "delete_cache_parameter_group", CacheParameterGroupName=name)
            except NotFound:
                continue
        return WATCH
