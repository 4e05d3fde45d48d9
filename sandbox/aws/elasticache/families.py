"""Cache subnet groups and cache parameter groups."""

from __future__ import annotations

import re
from functools import partial

from ..hooks import Hooks
from ..query import page, tags_of
from ..wire import Call
from .catalog import FAMILIES, parameters
from .errors import invalid_combination, invalid_value, refuse
from .state import Document, ParameterGroup, SubnetGroup
from .store import Store


class SubnetGroups:
    """Handlers of the operations on cache subnet groups."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("elasticache.CreateCacheSubnetGroup", self.create)
        hooks.replace("elasticache.DescribeCacheSubnetGroups", self.describe)
        hooks.replace("elasticache.ModifyCacheSubnetGroup", self.modify)
        hooks.replace("elasticache.DeleteCacheSubnetGroup", self.delete)

    def _group(self, call: Call) -> SubnetGroup:
        name = call.params["CacheSubnetGroupName"]
        found = self._store.region(call.region).subnet_groups.get(name.lower())
        if found is None:
            raise refuse("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")
        return found

    def _places(self, call: Call) -> tuple[str, list[tuple[str, str]]]:
        ec2, wanted = self._store.world.ec2(call.region), call.params["SubnetIds"]
        found = [subnet for zone in ec2.subnets.values() for subnet in zone.values() if subnet.id in wanted]
        missing = set(wanted) - {subnet.id for subnet in found}
        if missing or not found:
            raise refuse("InvalidSubnet", f"Some input subnets in :{sorted(missing)} are invalid.")
        if len({subnet.vpc_id for subnet in found}) > 1:
            raise refuse("InvalidSubnet", "The subnets are not all in the same VPC.")
        return str(found[0].vpc_id), sorted((subnet.id, subnet.availability_zone) for subnet in found)

    def create(self, call: Call) -> Document:
        """CreateCacheSubnetGroup."""
        wanted, groups = call.params, self._store.region(call.region).subnet_groups
        name = wanted["CacheSubnetGroupName"].lower()
        if not re.fullmatch(r"[a-z0-9-]{1,255}", name) or name == "default":
            raise invalid_value(f"The parameter CacheSubnetGroupName is not valid: {name}")
        if name in groups:
            raise refuse("CacheSubnetGroupAlreadyExists", f"Cache subnet group {name} already exists.")
        vpc_id, places = self._places(call)
        arn = self._store.arn(call.region, "subnetgroup", name)
        description = wanted["CacheSubnetGroupDescription"]
        groups[name] = SubnetGroup(name, arn, description, vpc_id, places, tags_of(wanted.get("Tags")))
        return {"CacheSubnetGroup": groups[name].describe()}

    def describe(self, call: Call) -> Document:
        """DescribeCacheSubnetGroups."""
        groups = self._store.region(call.region).subnet_groups
        found = [self._group(call)] if call.params.get("CacheSubnetGroupName") else list(groups.values())
        return page(call, [group.describe() for group in found], "CacheSubnetGroups")

    def modify(self, call: Call) -> Document:
        """ModifyCacheSubnetGroup: zones in use must stay in."""
        group, wanted = self._group(call), call.params
        if wanted.get("SubnetIds"):
            vpc_id, places = self._places(call)
            zones = {zone for _, zone in places}
            groups = self._store.region(call.region).groups.values()
            used = {node.zone for item in groups if item.subnet_group is group for node in item.nodes}
            if used - zones or (used and vpc_id != group.vpc_id):
                raise refuse("SubnetInUse", "A subnet that is to be removed is used by a cache cluster.")
            group.vpc_id, group.subnets = vpc_id, places
        if wanted.get("CacheSubnetGroupDescription"):
            group.description = wanted["CacheSubnetGroupDescription"]
        return {"CacheSubnetGroup": group.describe()}

    def delete(self, call: Call) -> Document:
        """DeleteCacheSubnetGroup."""
        group = self._group(call)
        if any(item.subnet_group is group for item in self._store.region(call.region).groups.values()):
            raise refuse(
                "CacheSubnetGroupInUse", f"Cache subnet group {group.name} is currently in use by a cache cluster."
            )
        del self._store.region(call.region).subnet_groups[group.name]
        return {}


class ParameterGroups:
    """Handlers of the operations on cache parameter groups."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("elasticache.CreateCacheParameterGroup", self.create)
        hooks.replace("elasticache.DescribeCacheParameterGroups", self.describe)
        hooks.replace("elasticache.DescribeCacheParameters", self.parameters)
        hooks.replace("elasticache.DescribeEngineDefaultParameters", self.defaults)
        hooks.replace("elasticache.ModifyCacheParameterGroup", self.modify)
        hooks.replace("elasticache.ResetCacheParameterGroup", self.reset_values)
        hooks.replace("elasticache.DeleteCacheParameterGroup", self.delete)

    def _group(self, call: Call) -> ParameterGroup:
        name = call.params["CacheParameterGroupName"]
        for family in FAMILIES:
            for clustered in (False, True):
                if name == f"default.{family}{'.cluster.on' if clustered else ''}":
                    return self._store.default_parameter_group(call.region, family, clustered)
        found = self._store.region(call.region).parameter_groups.get(name.lower())
        if found is None:
            raise refuse("CacheParameterGroupNotFound", f"CacheParameterGroup not found: {name}")
        return found

    def create(self, call: Call) -> Document:
        """CreateCacheParameterGroup."""
        wanted, groups = call.params, self._store.region(call.region).parameter_groups
        name, family = wanted["CacheParameterGroupName"].lower(), wanted["CacheParameterGroupFamily"]
        if not re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{0,254}(?<!-)", name):
            raise invalid_value(f"The parameter CacheParameterGroupName is not valid: {name}")
        if family not in FAMILIES:
            raise invalid_value(f"CacheParameterGroupFamily {family} is not a valid parameter group family")
        if name in groups:
            raise refuse("CacheParameterGroupAlreadyExists", f"Parameter group {name} already exists")
        arn = self._store.arn(call.region, "parametergroup", name)
        groups[name] = ParameterGroup(name, arn, family, wanted["Description"], tags_of(wanted.get("Tags")))
        return {"CacheParameterGroup": groups[name].describe()}

    def describe(self, call: Call) -> Document:
        """DescribeCacheParameterGroups."""
        if call.params.get("CacheParameterGroupName"):
            found = [self._group(call)]
        else:
            found = list(self._store.region(call.region).parameter_groups.values())
        return page(call, [group.describe() for group in found], "CacheParameterGroups")

    def parameters(self, call: Call) -> Document:
        """DescribeCacheParameters, of one source or of all."""
        group, source = self._group(call), call.params.get("Source")
        clustered = group.clustered
        found = [item.describe(group.values.get(name), clustered) for name, item in parameters().items()]
        answer = page(call, [entry for entry in found if source in (None, entry["Source"])], "Parameters")
        return {**answer, "CacheNodeTypeSpecificParameters": []}

    @staticmethod
    def defaults(call: Call) -> Document:
        """DescribeEngineDefaultParameters."""
        family = call.params["CacheParameterGroupFamily"]
        if family not in FAMILIES:
            raise invalid_value(f"CacheParameterGroupFamily {family} is not a valid parameter group family")
        answer = page(call, [item.describe(None) for item in parameters().values()], "Parameters")
        return {"EngineDefaults": {"CacheParameterGroupFamily": family, **answer}}

    def _changeable(self, call: Call) -> ParameterGroup:
        group = self._group(call)
        if group.is_default:
            raise refuse(
                "InvalidCacheParameterGroupState", f"The default parameter group {group.name} is not modifiable."
            )
        return group

    def modify(self, call: Call) -> Document:
        """ModifyCacheParameterGroup."""
        group, changed = self._changeable(call), {}
        for item in call.params["ParameterNameValues"]:
            name, value = item.get("ParameterName"), item.get("ParameterValue")
            parameter = parameters().get(name or "")
            if parameter is None:
                raise invalid_value(f"The parameter {name} does not exist.")
            if not parameter.modifiable:
                raise invalid_combination(f"The parameter {name} cannot be modified.")
            if value is None or not parameter.accepts(value):
                raise invalid_value(
                    f"The parameter {name} has the invalid value {value}. Allowed values: {parameter.allowed}"
                )
            if name == "cluster-enabled" and self._users(call, group):
                raise refuse("InvalidCacheParameterGroupState", "cluster-enabled cannot be changed while it is in use.")
            changed[parameter.name] = value
        group.values.update(changed)
        self._reach(call, group, changed)
        return {"CacheParameterGroupName": group.name}

    def _reach(self, call: Call, group: ParameterGroup, changed: dict[str, str]) -> None:
        for item in self._store.region(call.region).groups.values():
            server = item.server
            if item.parameter_group is group and server is not None and item.created:
                server.run(partial(server.engine.set_parameters, server.id, dict(changed)))

    def reset_values(self, call: Call) -> Document:
        """ResetCacheParameterGroup: some parameters, or all of them, back to their defaults."""
        group = self._changeable(call)
        if call.params.get("ResetAllParameters"):
            names = list(group.values)
        else:
            names = [item["ParameterName"] for item in call.params.get("ParameterNameValues") or ()]
        for name in names:
            if name not in parameters():
                raise invalid_value(f"The parameter {name} does not exist.")
            group.values.pop(name, None)
        self._reach(call, group, {name: parameters()[name].default for name in names})
        return {"CacheParameterGroupName": group.name}

    def _users(self, call: Call, group: ParameterGroup) -> list[str]:
        groups = self._store.region(call.region).groups.values()
        return [item.name for item in groups if item.parameter_group is group]

    def delete(self, call: Call) -> Document:
        """DeleteCacheParameterGroup."""
        group = self._changeable(call)
        if self._users(call, group):
            raise refuse(
                "InvalidCacheParameterGroupState",
                "One or more cache clusters are still members of this parameter group, so the group cannot be deleted.",
            )
        del self._store.region(call.region).parameter_groups[group.name]
        return {}
