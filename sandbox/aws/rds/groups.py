"""Subnet groups and parameter groups."""

from __future__ import annotations

from functools import partial

from ..hooks import Hooks
from ..query import page, tags_of
from ..wire import Call
from .checks import identifier
from .errors import invalid_combination, invalid_value, refuse
from .parameter_values import server_settings
from .parameters import FAMILIES, Parameter, parameters_of
from .state import Document, Instance, ParameterGroup, SubnetGroup
from .store import Store

_MOST_PER_REQUEST = 20


class SubnetGroups:
    """Handlers of the operations on DB subnet groups."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("rds.CreateDBSubnetGroup", self.create)
        hooks.replace("rds.DescribeDBSubnetGroups", self.describe)
        hooks.replace("rds.ModifyDBSubnetGroup", self.modify)
        hooks.replace("rds.DeleteDBSubnetGroup", self.delete)

    def _group(self, call: Call) -> SubnetGroup:
        name = call.params["DBSubnetGroupName"]
        group = self._store.region(call.region).subnet_groups.get(name.lower())
        if group is None:
            raise refuse("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
        return group

    def _places(self, call: Call) -> tuple[str, list[tuple[str, str]]]:
        ec2, wanted = self._store.world.ec2(call.region), call.params["SubnetIds"]
        found = [subnet for zone in ec2.subnets.values() for subnet in zone.values() if subnet.id in wanted]
        missing = set(wanted) - {subnet.id for subnet in found}
        if missing or not found:
            raise refuse("InvalidSubnet", f"The requested subnet is invalid: {', '.join(sorted(missing))}.")
        if len({subnet.vpc_id for subnet in found}) > 1:
            raise invalid_value("The specified subnets are not all in the same VPC.")
        if len({subnet.availability_zone for subnet in found}) < 2:
            raise refuse(
                "DBSubnetGroupDoesNotCoverEnoughAZs",
                "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
                f"{found[0].availability_zone}. Add subnets to cover at least 2 AZs.",
            )
        return str(found[0].vpc_id), sorted((subnet.id, subnet.availability_zone) for subnet in found)

    def create(self, call: Call) -> Document:
        """CreateDBSubnetGroup."""
        wanted, groups = call.params, self._store.region(call.region).subnet_groups
        name = wanted["DBSubnetGroupName"].lower()
        if (
            name == "default"
            or len(name) > 255
            or not name.replace("-", "").replace("_", "").replace(".", "").replace(" ", "").isalnum()
        ):
            raise invalid_value(f"The parameter DBSubnetGroupName is not valid: {name}")
        if name in groups:
            raise refuse("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")
        vpc_id, places = self._places(call)
        arn = self._store.arn(call.region, "subgrp", name)
        description = wanted["DBSubnetGroupDescription"]
        groups[name] = SubnetGroup(name, arn, description, vpc_id, places, tags_of(wanted.get("Tags")))
        return {"DBSubnetGroup": groups[name].describe()}

    def describe(self, call: Call) -> Document:
        """DescribeDBSubnetGroups."""
        groups = self._store.region(call.region).subnet_groups
        found = [self._group(call)] if call.params.get("DBSubnetGroupName") else list(groups.values())
        return page(call, [group.describe() for group in found], "DBSubnetGroups")

    def modify(self, call: Call) -> Document:
        """ModifyDBSubnetGroup: subnets in use must stay in."""
        group = self._group(call)
        vpc_id, places = self._places(call)
        if vpc_id != group.vpc_id and self._users(call, group):
            raise invalid_value("The new subnets are not in the same VPC as the existing subnet group.")
        dropped = {subnet_id for subnet_id, _ in group.subnets} - {subnet_id for subnet_id, _ in places}
        zones = {zone for _, zone in places}
        for instance in self._users(call, group):
            used = {instance.document["AvailabilityZone"], instance.document.get("SecondaryAvailabilityZone")}
            if used - zones - {None}:
                raise refuse(
                    "SubnetAlreadyInUse",
                    f"Some of the subnets to be deleted are currently in use: {', '.join(sorted(dropped))}",
                )
        group.vpc_id, group.subnets = vpc_id, places
        if call.params.get("DBSubnetGroupDescription"):
            group.description = call.params["DBSubnetGroupDescription"]
        return {"DBSubnetGroup": group.describe()}

    def delete(self, call: Call) -> Document:
        """DeleteDBSubnetGroup."""
        group = self._group(call)
        users = self._users(call, group)
        if users:
            raise refuse(
                "InvalidDBSubnetGroupStateFault",
                f"Cannot delete the subnet group '{group.name}' because at least one database instance: "
                f"{users[0].name} is still using it.",
            )
        del self._store.region(call.region).subnet_groups[group.name]
        return {}

    def _users(self, call: Call, group: SubnetGroup) -> list[Instance]:
        instances = self._store.region(call.region).instances.values()
        return [instance for instance in instances if instance.subnet_group is group]


class ParameterGroups:
    """Handlers of the operations on DB parameter groups."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("rds.CreateDBParameterGroup", self.create)
        hooks.replace("rds.CopyDBParameterGroup", self.copy)
        hooks.replace("rds.DescribeDBParameterGroups", self.describe)
        hooks.replace("rds.DescribeDBParameters", self.parameters)
        hooks.replace("rds.DescribeEngineDefaultParameters", self.defaults)
        hooks.replace("rds.ModifyDBParameterGroup", self.modify)
        hooks.replace("rds.ResetDBParameterGroup", self.reset_values)
        hooks.replace("rds.DeleteDBParameterGroup", self.delete)

    def _group(self, call: Call, name: str) -> ParameterGroup:
        groups = self._store.region(call.region).parameter_groups
        family = name.removeprefix("default.")
        if name.startswith("default.") and family in FAMILIES:
            return self._store.default_parameter_group(call.region, family)
        group = groups.get(name.lower())
        if group is None:
            raise refuse("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
        return group

    def _new(self, call: Call, name: str, family: str, description: str) -> ParameterGroup:
        groups = self._store.region(call.region).parameter_groups
        identifier(name.replace(".", "-"), "DBParameterGroupName", 255)
        if name.lower() in groups:
            raise refuse("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")
        if family not in FAMILIES:
            raise invalid_value(f"ParameterGroupFamily {family} is not a valid parameter group family")
        name = name.lower()
        arn = self._store.arn(call.region, "pg", name)
        groups[name] = ParameterGroup(name, arn, family, description, tags_of(call.params.get("Tags")))
        return groups[name]

    def create(self, call: Call) -> Document:
        """CreateDBParameterGroup."""
        wanted = call.params
        group = self._new(call, wanted["DBParameterGroupName"], wanted["DBParameterGroupFamily"], wanted["Description"])
        return {"DBParameterGroup": group.describe()}

    def copy(self, call: Call) -> Document:
        """CopyDBParameterGroup."""
        wanted = call.params
        source = self._group(call, wanted["SourceDBParameterGroupIdentifier"].rsplit(":", 1)[-1])
        name, description = wanted["TargetDBParameterGroupIdentifier"], wanted["TargetDBParameterGroupDescription"]
        group = self._new(call, name, source.family, description)
        group.values = dict(source.values)
        return {"DBParameterGroup": group.describe()}

    def describe(self, call: Call) -> Document:
        """DescribeDBParameterGroups."""
        if call.params.get("DBParameterGroupName"):
            found = [self._group(call, call.params["DBParameterGroupName"])]
        else:
            found = list(self._store.region(call.region).parameter_groups.values())
        return page(call, [group.describe() for group in found], "DBParameterGroups")

    def parameters(self, call: Call) -> Document:
        """DescribeDBParameters, of one source or of all."""
        group = self._group(call, call.params["DBParameterGroupName"])
        source = call.params.get("Source")
        found = []
        for name, parameter in parameters_of(group.family).items():
            value, method = group.values.get(name, (None, "pending-reboot" if parameter.static else "immediate"))
            found.append(parameter.describe(value, method))
        return page(call, [entry for entry in found if source in (None, entry["Source"])], "Parameters")

    @staticmethod
    def defaults(call: Call) -> Document:
        """DescribeEngineDefaultParameters."""
        family = call.params["DBParameterGroupFamily"]
        if family not in FAMILIES:
            raise invalid_value(f"ParameterGroupFamily {family} is not a valid parameter group family")
        entries = [parameter.describe(None, "pending-reboot") for parameter in parameters_of(family).values()]
        answer = page(call, entries, "Parameters")
        return {"EngineDefaults": {"DBParameterGroupFamily": family, **answer}}

    def modify(self, call: Call) -> Document:
        """ModifyDBParameterGroup: dynamic parameters reach the instances soon, static ones with their next reboot."""
        wanted = call.params
        group = self._changeable(call)
        items = wanted["Parameters"]
        if len(items) > _MOST_PER_REQUEST:
            raise invalid_value(f"Cannot modify more than {_MOST_PER_REQUEST} parameters at a time")
        known, changed = parameters_of(group.family), {}
        for item in items:
            parameter = self._checked(known, item)
            changed[parameter.name] = (item["ParameterValue"], item["ApplyMethod"])
        group.values.update(changed)
        waits = any(method == "pending-reboot" for _, method in changed.values())
        self._reach_instances(call, group, waits)
        return {"DBParameterGroupName": group.name}

    def _changeable(self, call: Call) -> ParameterGroup:
        group = self._group(call, call.params["DBParameterGroupName"])
        if group.is_default:
            raise refuse(
                "InvalidDBParameterGroupState",
                f"The parameter group {group.name} is a default group and cannot be modified.",
            )
        return group

    @staticmethod
    def _checked(known: dict[str, Parameter], item: Document) -> Parameter:
        name, value, method = item.get("ParameterName"), item.get("ParameterValue"), item.get("ApplyMethod")
        parameter = known.get(name or "")
        if parameter is None:
            raise invalid_value(f"Could not find parameter with name: {name}")
        if value is None or method is None:
            raise invalid_value("The parameters ParameterName, ParameterValue and ApplyMethod must be provided.")
        if not parameter.modifiable:
            raise invalid_value(f"The parameter {name} cannot be modified.")
        if parameter.static and method == "immediate":
            raise invalid_combination("cannot use immediate apply method for static parameter")
        if not parameter.accepts(value):
            raise invalid_value(f"Invalid parameter value: {value} for: {name} allowed values are: {parameter.allowed}")
        return parameter

    def _reach_instances(self, call: Call, group: ParameterGroup, waits: bool) -> None:
        for instance in self._store.region(call.region).instances.values():
            if instance.parameter_group is not group:
                continue
            if waits:
                instance.group_status = "pending-reboot"
            if instance.group_status == "in-sync" or waits:
                instance.group_ends_at = self._store.context.ends_at("rds.parameters.apply")
            running = instance.created and instance.life.status not in ("stopped", "stopping", "deleting")
            server = instance.server
            if server is not None and running:
                settings, force_tls = server_settings(group)
                server.run(partial(server.engine.set_parameters, server.id, settings))
                server.run(partial(server.engine.require_tls, server.id, force_tls))

    def reset_values(self, call: Call) -> Document:
        """ResetDBParameterGroup: some parameters, or all of them, back to their defaults."""
        group = self._changeable(call)
        if call.params.get("ResetAllParameters"):
            names = list(group.values)
        else:
            names = [item["ParameterName"] for item in call.params.get("Parameters") or ()]
        known = parameters_of(group.family)
        for name in names:
            if name not in known:
                raise invalid_value(f"Could not find parameter with name: {name}")
            group.values.pop(name, None)
        self._reach_instances(call, group, any(known[name].static for name in names))
        return {"DBParameterGroupName": group.name}

    def delete(self, call: Call) -> Document:
        """DeleteDBParameterGroup."""
        group = self._changeable(call)
        for instance in self._store.region(call.region).instances.values():
            if instance.parameter_group is group:
                raise refuse(
                    "InvalidDBParameterGroupState",
                    f"One or more database instances are still members of this parameter group {group.name}, so the "
                    "group cannot be deleted",
                )
        del self._store.region(call.region).parameter_groups[group.name]
        return {}
