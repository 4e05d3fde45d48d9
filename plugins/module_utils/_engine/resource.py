# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cloud object as the engine sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from .errors import CloudError
from .fields import Fields
from .plan import Plan, Unknown, plan


class Status(Enum):
    """Where an observed object stands. Words a cloud invents are PENDING: unknown means in progress."""

    READY = "ready"
    PENDING = "pending"  # being created or changed, by us or by anybody
    DELETING = "deleting"
    FAILED = "failed"  # its creation or last change failed; `Observed.reason` says why


class Recovery(Enum):
    """How an object found FAILED is brought back."""

    UPDATE = "update"  # sending the desired state again repairs it (Azure Resource Manager)
    RECREATE = "recreate"  # it never came to life, holds nothing, and can only be deleted and made again
    REPORT = "report"  # it may hold something: people must look


@dataclass
class Observed:
    """What the cloud said about one object.

    values: same shape as `desired()`, taken from the answer and never from parameters.
    outputs: ids and addresses that other resources and the report refer to.
    tags: ownership tags or labels; None when the kind carries none and ownership follows its parent.
    reason: the cloud's own words for a status other than READY.
    """

    values: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)
    status: Status = Status.READY
    reason: str = ""
    tags: Mapping[str, str] | None = None
    recovery: Recovery = Recovery.REPORT
    raw: Any = None


class NotYetKnown(Exception):
    """Raised by `Resource.known` while a value does not exist: what needs it cannot exist either."""


@dataclass(frozen=True)
class Operation:
    """A change under way. `handle` is whatever the resource's `poll` needs; None: watch the object itself."""

    handle: Any = None
    done: bool = False


DONE = Operation(done=True)
WATCH = Operation()


class State(Enum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """How far an operation is. `message` is the cloud's state word, or its reason for a failure."""

    state: State
    message: str = ""
    retry_after: float = 0.0
    error: CloudError | None = None  # a failure that is worth another try is given as its Retryable


class Resource(ABC):
    """One cloud object that the engine can read, create, update and delete.

    name: what people call it; with `kind` unique within one graph.
    needs: the objects it refers to; they are made before it and deleted after it.
    lock: resources with the same lock are changed one at a time (node pools of one cluster).
    present: False for an object that the specification wants gone.
    managed: False for an object that is only referred to: it must exist and is never changed.
    goes_with: the object whose deletion takes this one along (a cluster and its node pools). Where both shall go, only
        that one is deleted, and this one is looked for afterwards.
    """

    kind: ClassVar[str]
    fields: ClassVar[Fields]
    # Objects whose removal loses data or takes a platform down are never part of an implicit replacement.
    replaceable: ClassVar[bool] = True
    # What stays when the site goes, and why: a service or provider that is switched on, a key that others need.
    lasting: ClassVar[bool] = False
    stays: ClassVar[str] = "belongs to the account and stays"
    # Refers to its needs by names alone: it is none the worse for it when one of them is made again.
    by_name: ClassVar[bool] = False
    # What lives inside the object that it `goes_with` (a login in a server): not even looked at where that one goes.
    inside: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        needs: Sequence[Resource] = (),
        *,
        lock: str | None = None,
        present: bool = True,
        managed: bool = True,
    ) -> None:
        self.name = name
        self.needs = tuple(needs)
        self.lock = lock
        self.present = present
        self.managed = managed
        self.goes_with: Resource | None = None
        self.outputs: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.name}"

    def __repr__(self) -> str:
        return f"<{self.key}>"

    def out(self, name: str) -> Any:
        """An output, or `Unknown` while it is not known. For use in `desired()`."""
        value = self.outputs.get(name, self.predicted().get(name))
        return Unknown(f"{self.key}.{name}") if value is None else value

    def known(self, name: str) -> Any:
        """An output that must be known, for use in `read()` and in calls.

        Raises: NotYetKnown, which while reading means: this object cannot exist yet.
        """
        value = self.out(name)
        if isinstance(value, Unknown):
            raise NotYetKnown(value.source)
        return value

    def predicted(self) -> dict[str, Any]:
        """Outputs that are certain before the object exists (ids made of names)."""
        return {}

    @abstractmethod
    def desired(self) -> dict[str, Any]:
        """The body the object shall have. A member set to None is left alone."""

    @abstractmethod
    def read(self) -> Observed | None:
        """What the cloud has, or None. Never changes anything."""

    @abstractmethod
    def create(self, desired: dict[str, Any]) -> Operation:
        """Start creation. `desired` holds no Unknown."""

    @abstractmethod
    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        """Start one update step. What one call cannot change is changed by the next call: the engine plans again
        after each step and stops when nothing differs."""

    @abstractmethod
    def delete(self, observed: Observed) -> Operation:
        """Start deletion."""

    def compare(self, desired: Mapping[str, Any] | None, observed: Observed | None) -> Plan:
        """What would change. desired: None for an object that shall go. The default compares by the classes of the
        fields; whoever can have the change tried out (a dry run) asks that instead. Repeatable, changes nothing; raises
        SpecError for what speaks against the object as it is wanted."""
        return plan(desired, observed.values if observed else None, self.fields)

    def poll(self, operation: Operation) -> Progress:
        """Look at an operation. The default is for kinds whose own status tells all: the engine reads the object."""
        return Progress(State.DONE)

    def check_delete(self, observed: Observed) -> str:
        """Why the object must not be deleted now (what to do included), or an empty string."""
        return ""

    def check_update(self, observed: Observed, change: Plan) -> str:
        """Why this change cannot be made (what to write instead included), or an empty string. Before any change."""
        return ""

    def disruption(self, observed: Observed, change: Plan) -> str:
        """Why this change restarts or fails over what is running, or an empty string. The default asks the classes of
        the fields that change."""
        paths = [each.path for each in change.changes if each.field.disruptive]
        return f"a change of {', '.join(paths)} interrupts the service" if paths else ""

    def lasts(self) -> bool:
        """Whether this object stays although it is not wanted; `stays` says why. The default is that of its kind. For
        what others may need it depends on who needs it now, so it is asked while planning."""
        return self.lasting

    def remains(self, observed: Observed) -> str:
        """What people must know of its deletion: what stays on purpose (a final snapshot, by name), what goes that its
        name does not tell. Or an empty string."""
        return ""

    def forget(self) -> None:  # noqa: B027 - most kinds cache nothing
        """Drop whatever is cached about this object: the engine is about to change it or has just changed it."""
