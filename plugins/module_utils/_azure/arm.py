# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One generic ARM resource: every kind is a declaration over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.plan import Plan
from .._engine.resource import DONE, Observed, Operation, Progress, Recovery, Resource, Status
from .bodies import changeable, created, merged, writable
from .fields import ArmFields
from .operations import FAILED, SETTLED, look, started, word
from .session import Session

Body = Callable[[], dict[str, Any]]


class ArmResource(Resource):
    """One object of Azure Resource Manager, told by its path and its body.

    type: "Microsoft.Network/virtualNetworks". tracked: has location and tags, and so an owner of its own.
    place: its location; "" for the site's region.
    patches: PATCH changes single members, so updates use it; otherwise PUT replaces the whole, and what is observed
    goes under what is desired. tag_patch: a change of tags alone needs no PUT. whole: the desired body is all there is
    to the object, so nothing observed is sent back. read_only: members of observed bodies that must not be sent back.
    conditional: a PUT is based on the observed etag, so that it can never undo what somebody else changed in between.
    permanent: exists as long as its parent does, and only goes with it. inner: is deleted with its parent, so that it
    needs a deletion of its own only while the parent stays.
    exposes: outputs by their dotted path in the observed body.
    """

    type: ClassVar[str]
    fields: ClassVar[ArmFields]
    tracked: ClassVar[bool] = True
    place: ClassVar[str] = ""
    patches: ClassVar[bool] = False
    tag_patch: ClassVar[bool] = False
    conditional: ClassVar[bool] = False
    read_only: ClassVar[frozenset[str]] = frozenset()
    whole: ClassVar[bool] = False
    permanent: ClassVar[bool] = False
    inner: ClassVar[bool] = False
    exposes: ClassVar[Mapping[str, str]] = {}
    _gone = False

    def __init__(
        self,
        session: Session,
        name: str,
        path: str,
        body: Body,
        *,
        needs: Sequence[Resource] = (),
        parent: Resource | None = None,
        lock: str | None = None,
        present: bool = True,
        managed: bool = True,
    ) -> None:
        needed = [parent, *needs] if parent is not None and parent not in needs else list(needs)
        super().__init__(name, needed, lock=lock, present=present, managed=managed)
        self.session = session
        self.client = session.client
        self.path = path
        self.parent = parent
        self.raw: dict[str, Any] | None = None  # what the last read showed
        self._body = body
        self.guard: Any = None  # a lock on its parent, which has to be lifted to delete it
        self._direct = False  # after a change only the object's own GET tells the truth, not a list made before
        session.expect(path)

    # -- what is wanted --------------------------------------------------------------------------------------------

    def predicted(self) -> dict[str, Any]:
        return {"id": self.path}

    def desired(self) -> dict[str, Any]:
        body = self._body()
        if not self.tracked:
            return body
        site = self.session.site
        tags = {**site.all_tags, **(body.pop("tags", None) or {})}
        return {"location": self.place or site.region, "tags": tags, **body}

    @classmethod
    def comparable(cls, body: dict[str, Any]) -> dict[str, Any]:
        """A body of this kind without what is not the specification's once the object exists."""
        return body

    # -- what there is ---------------------------------------------------------------------------------------------

    def read(self) -> Observed | None:
        if self._gone or (self.parent is not None and not self.parent.outputs):
            return None  # what lies in an object that does not exist does not exist
        raw = self.fetch()
        self.raw = raw
        return None if raw is None else self.observe(raw)

    def fetch(self) -> dict[str, Any] | None:
        """The object as the service shows it, or None."""
        if not self._direct and isinstance(self.parent, ArmResource) and self.parent.raw is not None:
            shown = self.within(self.parent.raw)
            if shown is not None:
                return shown or None
        return self.session.read(self.path, self.type, direct=self._direct)

    def within(self, parent: dict[str, Any]) -> dict[str, Any] | None:
        """The object as its parent shows it, {} if the parent shows that there is none, None if it does not tell."""
        return None

    def observe(self, raw: dict[str, Any]) -> Observed:
        state = word(raw).lower()
        status = Status.READY
        if state in FAILED:
            status = Status.FAILED
        elif state == "deleting":
            status = Status.DELETING
        elif state not in SETTLED:
            status = Status.PENDING
        return Observed(
            values={name: value for name, value in raw.items() if name not in ("id", "name", "type", "systemData")},
            outputs=self.expose(raw),
            status=status,
            reason=self.reason(raw) if status is Status.FAILED else word(raw),
            tags=(raw.get("tags") or {}) if self.tracked else None,
            recovery=Recovery.UPDATE,
            raw=raw,
        )

    def expose(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        found = {"id": raw.get("id") or self.path}
        for name, path in self.exposes.items():
            value = at(raw, path)
            if value is not None:
                found[name] = value
        return found

    def reason(self, raw: Mapping[str, Any]) -> str:
        """Why the object is in a failed state, as far as it tells."""
        told = at(raw, "properties.status.provisioningError.message") or at(raw, "properties.provisioningError.message")
        return str(told or f"its provisioningState is {word(raw)}.")

    # -- changes ---------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        self._gone = False  # it may have gone with its parent, which is made again
        return self.write("PUT", created(desired, self.fields))

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raw = observed.raw
        only_tags = bool(change.changes) and all(item.top == "tags" for item in change.changes)
        if only_tags and self.tag_patch:
            # PATCH replaces the tags as a whole: keys that are not ours stay.
            return self.write("PATCH", {"tags": {**(raw.get("tags") or {}), **desired["tags"]}})
        if self.patches and observed.status is Status.FAILED:
            # Only what makes an object can bring back one that was never finished.
            kept = {"tags": {**(raw.get("tags") or {}), **desired["tags"]}} if "tags" in desired else {}
            return self.create({**desired, **kept})
        if self.patches:
            return self.write("PATCH", self._patch(raw, desired, change))
        if self.whole:
            return self.create(desired)
        body = merged(desired, writable(raw, self.read_only), self.fields)
        return self.write("PUT", body, str(raw.get("etag") or "") if self.conditional else "")

    def _patch(self, raw: dict[str, Any], desired: dict[str, Any], change: Plan) -> dict[str, Any]:
        """The changed top-level members without what can never change; a repair sends everything that can."""
        names = {item.top for item in change.changes if item.top in desired} or set(desired)
        body = changeable({name: value for name, value in desired.items() if name in names}, self.fields)
        if "tags" in body:
            body["tags"] = {**(raw.get("tags") or {}), **body["tags"]}
        return body

    def write(self, method: str, body: Any, etag: str = "") -> Operation:
        return started(self.client.send(method, self.path, self.type, body, etag), self.client)

    def delete(self, observed: Observed) -> Operation:
        # An object that the specification wants is deleted only when all of its site is, its parent with it.
        if self.permanent or (self.inner and self.present):
            self._gone = True
            return DONE
        try:
            with self.guard.lifted() if self.guard is not None else nullcontext():
                answer = self.client.send("DELETE", self.path, self.type)
        except NotFound:
            return DONE
        return started(answer, self.client, deleting=True)

    def poll(self, operation: Operation) -> Progress:
        return look(self.client, operation.handle) if operation.handle else super().poll(operation)

    def forget(self) -> None:
        self._direct = True


def at(body: Any, path: str) -> Any:
    """A member by its dotted path; a number is a position in a list. None where there is none."""
    for part in path.split("."):
        if isinstance(body, list):
            body = body[int(part)] if part.isdigit() and int(part) < len(body) else None
        elif isinstance(body, Mapping):
            body = body.get(part)
        else:
            return None
    return body
