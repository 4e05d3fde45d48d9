# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of a server: the group that holds them, and whether the instances run with them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import DONE, WATCH, NotYetKnown, Observed, Operation, Resource, Status
from .base import AwsResource, Item, as_list
from .bulk import TAGS
from .client import Session
from .rds import Instance
from .rds_lists import INSTANCES, PARAMETER_GROUPS, group_name, parameter_groups
from .rds_network import RdsResource
from .rds_versions import ServerVersion

T = TypeVar("T")
_MOST_AT_ONCE = 20  # parameters in one call (API reference, ModifyDBParameterGroup)


def known_parameters(session: Session, family: str) -> dict[str, Item]:
    """Every parameter of a family: its type, its range, and whether a change of it waits for a restart."""

    def load() -> dict[str, Item]:
        found: dict[str, Item] = {}
        more: dict[str, str] = {}
        while True:  # botocore's paginator does not reach into the structure that this operation answers
            answer = session.call("rds", "describe_engine_default_parameters", DBParameterGroupFamily=family, **more)[
                "EngineDefaults"
            ]
            found |= {item["ParameterName"]: item for item in answer.get("Parameters") or ()}
            if not answer.get("Marker"):
                return found
            more = {"Marker": answer["Marker"]}

    return session.remember(("rds", "family", family), load)


def set_values(session: Session, group: str) -> dict[str, str]:
    """The parameters of a group that somebody has set."""

    def load() -> dict[str, str]:
        listed = session.pages("rds", "describe_db_parameters", "Parameters", DBParameterGroupName=group, Source="user")
        return {item["ParameterName"]: str(item["ParameterValue"]) for item in listed if "ParameterValue" in item}

    return session.remember(("rds", "parameters", group), load)


def set_parameters(session: Session, family: str, group: str, want: Mapping[str, str]) -> bool:
    """Give a group exactly these values. Returns whether one of those that changed waits for a restart."""
    known = session.steady(lambda: known_parameters(session, family))
    session.forget(("rds", "parameters", group))
    have = session.steady(lambda: set_values(session, group))
    changed = {name: value for name, value in want.items() if have.get(name) != value}
    over = sorted(set(have) - set(want))
    try:
        for part in _batches(list(changed.items())):
            session.call(
                "rds",
                "modify_db_parameter_group",
                DBParameterGroupName=group,
                Parameters=[_entry(known, name, ParameterValue=value) for name, value in part],
            )
        for some in _batches(over):
            session.call(
                "rds",
                "reset_db_parameter_group",
                DBParameterGroupName=group,
                Parameters=[_entry(known, name) for name in some],
            )
    finally:
        session.forget(("rds", "parameters", group))
    return any(_static(known, name) for name in (*changed, *over))


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _MOST_AT_ONCE] for start in range(0, len(items), _MOST_AT_ONCE))


def _static(known: Mapping[str, Item], name: str) -> bool:
    return bool(known.get(name, {}).get("ApplyType") == "static")


def _entry(known: Mapping[str, Item], name: str, **value: str) -> dict[str, str]:
    method = "pending-reboot" if _static(known, name) else "immediate"
    return {"ParameterName": name, "ApplyMethod": method, **value}


class ParameterGroup(RdsResource):
    """The parameter group of one server: one for each major version, the name says of which. values: what it is made
    with; later changes are the business of `Parameters`."""

    kind: ClassVar[str] = "aws.rds.parameter_group"
    fields: ClassVar[Fields] = Fields({"Family": IMMUTABLE, "Description": IMMUTABLE, "tags": MUTABLE})

    def __init__(
        self, session: Session, server: str, version: ServerVersion, values: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(session, server, **kwargs)
        self.version, self.values = version, dict(values)
        self._predicted: dict[str, Any] = {}

    def group_of(self, family: str) -> str:
        """Its name, as RDS knows it."""
        return group_name(self.name, family)

    def existing(self) -> list[str]:
        """The groups that there are of this server, the right one first."""
        pattern = re.compile(re.escape(self.name) + r"-(postgres\d+|sqlserver-[a-z]+-[\d-]+)")
        family = self.version.known_family()
        right = self.group_of(family) if family else ""
        found = [name for name in parameter_groups(self.session) if pattern.fullmatch(name)]
        return sorted(found, key=lambda name: (name != right, name))

    def lists(self) -> Sequence[Hashable]:
        return (PARAMETER_GROUPS, TAGS)

    def desired(self) -> dict[str, Any]:
        family = self.version.family()
        group = self.group_of(family)
        self._predicted = {"name": group, "id": self.session.arn("rds", f"pg:{group}")}
        return {"Family": family, "Description": f"Parameters of {self.name}", "tags": self.tags}

    def predicted(self) -> dict[str, Any]:
        return self._predicted

    def read(self) -> Observed | None:
        there, family = self.existing(), self.version.known_family()
        name = self.group_of(family) if family else next(iter(there), "")
        if name not in there:
            return None
        found: Item = parameter_groups(self.session)[name]
        arn = self.session.arn("rds", f"pg:{name}")
        tags = self.rds_tags(arn)
        if tags is None:
            return None
        values = {"Family": found["DBParameterGroupFamily"], "Description": found["Description"], "tags": tags}
        return Observed(values, {"id": arn, "name": name}, tags=tags)

    def create(self, desired: dict[str, Any]) -> Operation:
        group = self.group_of(desired["Family"])
        self.session.create(
            "rds",
            "create_db_parameter_group",
            DBParameterGroupName=group,
            DBParameterGroupFamily=desired["Family"],
            Description=desired["Description"],
            Tags=as_list(desired["tags"]),
        )
        # Instances that are made with them need no restart for them.
        set_parameters(self.session, desired["Family"], group, self.values)
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self.rds_retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.call("rds", "delete_db_parameter_group", DBParameterGroupName=observed.outputs["name"])
        return WATCH


class Parameters(AwsResource):
    """The values in a server's group, and that its instances run with them: those that wait for a restart get it."""

    kind: ClassVar[str] = "aws.rds.parameters"
    fields: ClassVar[Fields] = Fields({"Parameters": Field(exact=True), "Applied": Field(disruptive=True)})
    inside: ClassVar[bool] = True

    def __init__(
        self, session: Session, group: ParameterGroup, instances: Sequence[Instance], needs: Sequence[Resource] = ()
    ) -> None:
        super().__init__(session, group.name, [group, *instances, *needs], lock=group.name)
        self.group, self.instances = group, list(instances)
        self.goes_with = group
        self._waiting = False  # static values were changed by this run: the instances say so only after a while

    def lists(self) -> Sequence[Hashable]:
        return (INSTANCES, ("rds", "parameters"))

    def desired(self) -> dict[str, Any]:
        return {"Parameters": self.group.values, "Applied": "in-sync"}

    def read(self) -> Observed | None:
        if "id" not in self.group.outputs:  # its id is certain before it exists
            raise NotYetKnown(self.group.key)
        identity, group = self.group.outputs["id"], self.group.outputs["name"]
        states = set()
        for instance in self.instances:
            instance.known("id")
            found = instance.item()
            groups = found.get("DBParameterGroups") or () if found else ()
            states |= {g["ParameterApplyStatus"] for g in groups if g["DBParameterGroupName"] == group}
        waiting = self._waiting or "pending-reboot" in states
        busy = any(
            str((instance.item() or {}).get("DBInstanceStatus")) in ("rebooting", "modifying")
            for instance in self.instances
        )
        values = {
            "Parameters": set_values(self.session, group),
            "Applied": "pending-reboot" if waiting else "in-sync",
        }
        status = Status.PENDING if busy or "applying" in states else Status.READY
        return Observed(values, {"id": f"{identity}#values"}, status, "applying" if states else "")

    def create(self, desired: dict[str, Any]) -> Operation:
        return self._set()

    def _set(self) -> Operation:
        family = self.group.version.family()
        group = self.group.known("name")
        self._waiting = set_parameters(self.session, family, group, self.group.values) or self._waiting
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("Parameters"):
            return self._set()
        for instance in self.instances:
            instance.call("reboot_db_instance", DBInstanceIdentifier=instance.name)
        self._waiting = False
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        return DONE  # they go with their group

    def disruption(self, observed: Observed, change: Plan) -> str:
        known = known_parameters(self.session, self.group.version.family())
        names = sorted({_name(each.path) for each in change.changes if each.top == "Parameters"})
        static = [name for name in names if _static(known, name)]
        if static:
            return f"a change of {', '.join(static)} restarts the server"
        return "parameters that wait for a restart are put into force" if change.touches("Applied") else ""

    def problems(self, change: Plan) -> list[str]:
        """What speaks against the values, before anything is touched."""
        known = known_parameters(self.session, self.group.version.family())
        return [
            problem
            for name, value in self.group.values.items()
            if change.touches("Parameters")
            for problem in [parameter_problem(known.get(name), name, value)]
            if problem
        ]


def _name(path: str) -> str:
    """Of the parameter in a path; names hold dots themselves ("Parameters.rds.force_ssl")."""
    return path.partition(".")[2]


def parameter_problem(parameter: Item | None, name: str, value: str) -> str:
    """Why a parameter cannot have a value, or an empty string."""
    if parameter is None:
        return f"parameter {name}: the engine has none of this name."
    if not parameter.get("IsModifiable"):
        return f"parameter {name} cannot be changed on RDS."
    allowed = str(parameter.get("AllowedValues") or "")
    if not allowed or "{" in value or _allows(allowed, value, str(parameter.get("DataType"))):
        return ""
    return f"parameter {name}: {value!r} is not possible. Allowed: {allowed}."


def _allows(allowed: str, value: str, sort: str) -> bool:
    """allowed: "1-65535", "0,1", "on,off", and lists of these."""
    options = allowed.split(",")
    if sort in ("integer", "float"):
        try:
            number = float(value)
        except ValueError:
            return False
        spans = [re.fullmatch(r"(-?[\d.e+]+)(?:-(-?[\d.e+]+))?", option.strip()) for option in options]
        return any(span and float(span[1]) <= number <= float(span[2] or span[1]) for span in spans)
    return sort == "list" or value in options


class OutdatedParameterGroups(AwsResource):
    """Groups of other major versions of the same server: an upgrade leaves them behind."""

    kind: ClassVar[str] = "aws.rds.outdated_parameter_groups"
    fields: ClassVar[Fields] = Fields({"Names": Field(unordered=True)})

    def __init__(self, session: Session, group: ParameterGroup, instance: Instance) -> None:
        super().__init__(session, group.name, [instance], present=False)
        self.group = group

    def lists(self) -> Sequence[Hashable]:
        return (PARAMETER_GROUPS,)

    def desired(self) -> dict[str, Any]:
        return {"Names": []}

    def read(self) -> Observed | None:
        there, family = self.group.existing(), self.group.version.known_family()
        right = self.group.group_of(family) if family else next(iter(there), "")
        names = [name for name in there if name != right]
        return Observed({"Names": names}) if names else None

    def create(self, desired: dict[str, Any]) -> Operation:
        return DONE

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        return DONE

    def delete(self, observed: Observed) -> Operation:
        for name in observed.values["Names"]:
            self.session.call("rds", "delete_db_parameter_group", DBParameterGroupName=name)
        return WATCH
