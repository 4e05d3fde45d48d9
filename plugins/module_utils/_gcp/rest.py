# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One generic resource for Google's REST APIs. Kinds are declarations on top of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from .._engine.errors import AuthError, CloudError, Conflict, NotFound, NotYetConsistent
from .._engine.fields import Field
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Progress, Recovery, Resource, State, Status
from .._engine.tags import as_description, from_description
from . import errors
from .client import Cloud
from .references import last, merged, tail

Body: TypeAlias = "Mapping[str, Any] | Callable[[], Mapping[str, Any]]"
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Style(Enum):
    """How a service's changes end."""

    AT_ONCE = "the answer is the result"
    COMPUTE = "an operation with its own URL; DONE may carry error.errors[]"
    CONTAINER = "an operation named within the location; DONE may carry error"
    RPC = "google.longrunning.Operation: done, then response or error"


@dataclass(frozen=True)
class Request:
    """One call that changes something. `path` is relative to the service."""

    method: str
    path: str
    body: Any = None
    query: Mapping[str, Any] = dataclass_field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A way to change some members (paths without list keys). `request` gets the resource, what is observed and
    what is desired."""

    members: tuple[str, ...]
    request: Callable[[Any, Observed, dict[str, Any]], Request]


class RestResource(Resource):
    """An object with a collection to POST to, and a URL of its own to GET, PATCH and DELETE.

    A kind declares:

    service, place: the service and its collection, with {project} and {region}.
    style: how its changes end. labels: the member that carries labels. described: ownership stands in the description.
    listed: read it through one list of the collection (see `list_filter`) instead of a GET of its own.
    items: the member of that list's answer that holds the objects.
    set_later: members that creation ignores and a step sets afterwards.
    steps: special ways to change members, tried in order; all other changes of a turn go into one PATCH.
    """

    service: ClassVar[str] = "compute"
    place: ClassVar[str] = ""
    style: ClassVar[Style] = Style.COMPUTE
    labels: ClassVar[str] = ""
    described: ClassVar[bool] = False
    listed: ClassVar[bool] = False
    items: ClassVar[str] = "items"
    set_later: ClassVar[tuple[str, ...]] = ()
    steps: ClassVar[tuple[Step, ...]] = ()

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        body: Body = NOTHING,
        needs: Sequence[Resource] = (),
        *,
        lock: str | None = None,
        present: bool = True,
        managed: bool = True,
        project: str = "",
    ) -> None:
        """project: where it is, when that is not the site's own project (a shared VPC's host)."""
        super().__init__(name, needs, lock=lock, present=present, managed=managed)
        self.cloud = cloud
        self.project = project or cloud.project
        self._body = body

    def classed(self, classes: Mapping[str, Field]) -> None:
        """Class some fields differently for this one object: what the specification leaves open, others decide."""
        self.fields = self.fields.extend(classes)  # type: ignore[misc]  # of this object, not of its kind

    # -- where it is -----------------------------------------------------------------------------------------------

    @property
    def collection(self) -> str:
        return self.place.format(project=self.project, region=self.cloud.region)

    @property
    def path(self) -> str:
        return f"{self.collection}/{self.name}"

    def predicted(self) -> dict[str, Any]:
        return {"id": self.path, "name": self.name}

    # -- what it is ------------------------------------------------------------------------------------------------

    def body(self) -> dict[str, Any]:
        return dict(self._body() if callable(self._body) else self._body)

    def desired(self) -> dict[str, Any]:
        body = self.body()
        if self.labels:
            body[self.labels] = merged(body.get(self.labels), self.cloud.site.all_tags)
        if self.described:
            body["description"] = as_description(self.cloud.site.all_tags)
        return body

    def fetch(self) -> dict[str, Any] | None:
        """Google's representation, or None."""
        try:
            if self.listed:
                return self._list().get(self.name)
            return self.get(self.path)
        except NotFound:
            return None
        except AuthError as error:
            # A service that is off holds nothing; with enable_services it is switched on in this very run.
            if error.code == errors.SERVICE_DISABLED and (self.cloud.site.enable_services or not self.present):
                return None
            raise

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self.cloud.call(self.service, "GET", path, query=dict(query or {}))

    def list_filter(self) -> str:
        """Narrows the list that is read; the same for all objects that shall share one answer."""
        return ""

    def _list_key(self) -> str:
        return f"{self.service}/{self.collection}?{self.list_filter()}"

    def _list(self) -> dict[str, Any]:
        def load() -> dict[str, Any]:
            query = {"filter": self.list_filter()} if self.list_filter() else {}
            found = self.cloud.pages(self.service, self.collection, self.items, query)
            return {last(item["name"]): item for item in found}

        return self.cloud.shared.get(self._list_key(), load)

    def forget(self) -> None:
        if self.listed:
            self.cloud.shared.drop(self._list_key())

    def read(self) -> Observed | None:
        raw = self.fetch()
        if raw is None:
            return None
        status, reason, recovery = self.status(raw)
        return Observed(
            self.values(raw), self.found(raw), status, reason, tags=self.owners(raw), recovery=recovery, raw=raw
        )

    def values(self, raw: dict[str, Any]) -> dict[str, Any]:
        """The answer in the shape of `desired`. Members that were never asked for do no harm: they are not compared."""
        return raw

    def found(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Outputs."""
        return self.predicted()

    def status(self, raw: dict[str, Any]) -> tuple[Status, str, Recovery]:
        return Status.READY, "", Recovery.REPORT

    def owners(self, raw: dict[str, Any]) -> dict[str, str] | None:
        """Ownership. Labels can be lost between creation and setLabels, so a description counts as well."""
        if not self.labels and not self.described:
            return None
        return {**from_description(raw.get("description")), **(raw.get(self.labels) or {} if self.labels else {})}

    # -- changes ---------------------------------------------------------------------------------------------------

    def creation(self, desired: dict[str, Any]) -> Request:
        body = {name: value for name, value in desired.items() if name not in self.set_later}
        return Request("POST", self.collection, {"name": self.name, **body})

    def deletion(self, observed: Observed) -> Request:
        return Request("DELETE", self.path)

    def patch(self, observed: Observed, desired: dict[str, Any], members: set[str]) -> Request:
        """The changed members, whole. For kinds that need a fingerprint or an update mask: override."""
        return Request("PATCH", self.path, {name: desired[name] for name in sorted(members)})

    def create(self, desired: dict[str, Any]) -> Operation:
        try:
            return self.send(self.creation(desired))
        except Conflict as error:
            raise _made_meanwhile(error) from None

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        for step in self.steps:
            if change.touches(*step.members):
                return self.send(step.request(self, observed, desired))
        members = {each.top for each in change.changes if each.top in desired}
        return self.send(self.patch(observed, desired, members))

    def delete(self, observed: Observed) -> Operation:
        return self.send(self.deletion(observed))

    def send(self, request: Request) -> Operation:
        answer = self.cloud.call(
            self.service, request.method, request.path, body=request.body, query=dict(request.query)
        )
        return self.started(answer)

    # -- operations ------------------------------------------------------------------------------------------------

    def started(self, answer: dict[str, Any]) -> Operation:
        """What the answer to a change says of how it goes on. Raises what a change that ended at once failed with."""
        if self.style is Style.AT_ONCE:
            return DONE
        progress = self._progress(answer)
        if progress.error is not None:
            raise progress.error
        return DONE if progress.state is State.DONE else Operation(self.operation_path(answer))

    def operation_path(self, answer: dict[str, Any]) -> str:
        return tail(str(answer["selfLink"])) if self.style is Style.COMPUTE else str(answer["name"])

    def poll(self, operation: Operation) -> Progress:
        if operation.handle is None:
            return Progress(State.DONE)
        try:
            answer = self.cloud.call(self.service, "GET", operation.handle)
        except NotFound:  # it ended so long ago that it is forgotten: the object tells the rest
            return Progress(State.DONE)
        return self._progress(answer)

    def _progress(self, answer: dict[str, Any]) -> Progress:
        done = bool(answer.get("done")) if self.style is Style.RPC else answer.get("status") == "DONE"
        if not done:
            return Progress(
                State.RUNNING, str(answer.get("statusMessage") or answer.get("status") or "running").lower()
            )
        error = errors.from_operation(answer)
        if error is not None:
            return Progress(State.FAILED, error.message, error=_made_meanwhile(error))
        return Progress(State.DONE)


def _made_meanwhile(error: CloudError) -> CloudError:
    """Said of what was not there a moment ago: an earlier call, whose answer was lost, is making it."""
    if isinstance(error, Conflict) and error.code in errors.EXISTS:
        return NotYetConsistent(error.message, code=error.code, status=error.status)
    return error


def set_labels(resource: RestResource, observed: Observed, desired: dict[str, Any]) -> Request:
    """compute's setLabels: replaces all labels, guarded by their fingerprint."""
    labels = merged(observed.values.get("labels"), desired["labels"])
    body = {"labels": labels, "labelFingerprint": observed.values.get("labelFingerprint", "")}
    return Request("POST", f"{resource.path}/setLabels", body)
