# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of objects in one cluster: applied in order, waited for, pruned, removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from .._engine.apply import converge
from .._engine.clock import Clock, SystemClock
from .._engine.errors import NotFound, SpecError
from .._engine.graph import Graph
from .._engine.plan import Action
from .._engine.report import Entry, Report
from .._engine.resource import Resource
from .._engine.retry import retry_call
from .._engine.settings import Notify, Settings
from .changes import our_entry
from .client import Client
from .errors import UnknownKind
from .health import WaitCondition
from .labels import KINDS, NAMESPACES, label, listed, parent, parent_name
from .manifests import is_crd, prepare
from .member import Member, member
from .objects import Body, Ref, ref_of
from .order import group_kind, needs, ordered
from .session import Session

T = TypeVar("T")
_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$")


@dataclass(frozen=True)
class SetOptions:
    """How a set is treated. name: of the set, unique in the cluster; a legal name of an object, at most 50 characters.

    namespace: for objects that live in one and name none. prune: remove what this set applied before and does not
    hold any more. wait: until every object is ready (False: applied is enough; removal is always waited for).
    force_conflicts: take fields over that other field managers hold.
    """

    name: str
    namespace: str = "default"
    prune: bool = True
    wait: bool = True
    force_conflicts: bool = False
    wait_conditions: tuple[WaitCondition, ...] = ()


def converge_set(
    client: Client,
    settings: Settings,
    objects: Sequence[Mapping[str, Any]],
    options: SetOptions,
    *,
    clock: Clock | None = None,
    notify: Notify | None = None,
) -> Report:
    """Bring a set of objects to what the manifests say, or (settings.state: absent) remove all that carries its label.

    objects: manifests as plain data; they are not changed. settings: `owner`, `check`, `adopt`, `allow_replace`,
    `wait_timeout` (per object) and the rest as everywhere; with allow_replace only kinds that hold no data are made
    again. Report: one entry per object (kind "kubernetes.apps/v1.Deployment", name "namespace/name", id: its UID), in
    order of their making, and the set's own record. A failed entry's error quotes why the object did not become ready.

    Raises SpecError with everything that speaks against the set before anything is touched, and CloudError where
    reading fails. Safe to be killed at any moment and run again.
    """
    clock = clock or SystemClock()
    begun = clock.now()
    work = _Set(client, settings, options, clock)
    bodies = work.prepare(objects)
    graph = Graph(work.resources(bodies))
    prepared = clock.now() - begun
    report = converge(graph, settings, clock, notify=notify or (lambda event: None))
    for entry in report.entries:
        entry.started += prepared
    report.outputs = {"set": options.name, "addresses": _addresses(graph)}
    report.warnings += client.take_warnings()
    report.seconds = clock.now() - begun
    return report


def in_no_cluster(name: str, bodies: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """What a set would make in a cluster that is yet to be made: its record, and every object."""
    refs = [Ref("v1", "ConfigMap", parent_name(name), "default"), *(ref_of(body) for body in bodies)]
    return [Entry(f"kubernetes.{ref.api_version}.{ref.kind}", ref.path, action=Action.CREATE) for ref in refs]


class _Set:
    """From manifests to the engine's resources."""

    def __init__(self, client: Client, settings: Settings, options: SetOptions, clock: Clock) -> None:
        self.client = client
        self.settings = settings
        self.options = options
        self.clock = clock
        self.session = Session(
            client,
            settings,
            clock,
            options.name,
            wait=options.wait,
            force=options.force_conflicts,
            conditions=options.wait_conditions,
        )

    def prepare(self, objects: Sequence[Mapping[str, Any]]) -> list[Body]:
        """The objects, complete and labelled. Raises SpecError for all that is wrong with them."""
        problems = []
        if not _NAME.match(self.options.name):
            problems.append(
                f"name: {self.options.name!r} must be 1 to 50 lower-case letters, digits and hyphens, and begin and "
                "end with a letter or digit."
            )
        bodies: list[Body] = []
        if self.settings.state == "present":
            bodies, wrong = prepare(objects, self.options.namespace, self._namespaced)
            problems += wrong
        if problems:
            raise SpecError("Nothing was changed. " + " ".join(dict.fromkeys(problems)))
        for body in bodies:
            label(body, self.options.name, self.settings.owner)
        self.session.expect(bodies)
        return ordered(bodies)

    def resources(self, bodies: Sequence[Body]) -> list[Resource]:
        """The parent first; then the members, each with what it needs; what shall go is needed by all of them, so that
        it only goes when all of them are well."""
        record = self._read_parent()
        gone = self._leftovers(bodies, record) if self.options.prune or self.settings.state == "absent" else []
        head = member(self.session, self._parent(bodies, gone, record), first=lambda: record)
        unwanted = self._members(gone, [head], present=False)
        wanted = self._members(bodies, [head, *unwanted])
        return [head, *wanted, *unwanted]

    def _namespaced(self, api_version: str, kind: str) -> bool:
        found = self._retried(lambda: self.client.kind(api_version, kind))
        if "patch" not in found.verbs:
            raise UnknownKind(f"objects of kind {kind} cannot be applied.")
        return bool(found.namespaced)

    def _retried(self, function: Callable[[], T]) -> T:
        return retry_call(function, self.clock, timeout=self.settings.retry_timeout)

    def _read_parent(self) -> Body | None:
        ref = Ref("v1", "ConfigMap", parent_name(self.options.name), "default")
        return self._retried(lambda: self.session.live(ref))

    def _parent(self, bodies: Sequence[Body], gone: Sequence[Body], record: Body | None) -> Body:
        """It names at least every kind that the set has objects of, from before the first of them is made. More do no
        harm (they are looked for in vain), so it is not changed only to name fewer."""
        every = [*bodies, *gone]
        kinds = {group_kind(body["apiVersion"], body["kind"]) for body in every}
        spaces = {body["metadata"].get("namespace", "") for body in every} - {"", "default"}
        known, known_spaces = listed(record, KINDS), listed(record, NAMESPACES)
        if kinds <= known or not self.options.prune:
            kinds |= known
        if spaces <= known_spaces or not self.options.prune:
            spaces |= known_spaces
        return parent(self.options.name, self.settings.owner, kinds, spaces)

    def _leftovers(self, bodies: Sequence[Body], record: Body | None) -> list[Body]:
        """What carries the set's label and was applied by us, and is not among its objects."""
        keep = {_identity(body) for body in bodies}
        versions = {group_kind(body["apiVersion"], body["kind"]): body["apiVersion"] for body in bodies}
        for resource in self._retried(self.client.discovery.all):
            # Of each kind the preferred version comes first.
            versions.setdefault(group_kind(resource.group_version, resource.kind), resource.group_version)
        names = listed(record, KINDS) | {group_kind(body["apiVersion"], body["kind"]) for body in bodies}
        # A kind that nobody serves any more is in no list of versions: there is nothing of it.
        kinds = [(versions[name], name.partition(".")[0]) for name in sorted(names) if name in versions]
        with ThreadPoolExecutor(max(1, min(len(kinds), self.settings.workers))) as pool:
            lists = list(pool.map(self._there, kinds))
        found = [body for there in lists for body in there]
        found = [body for body in found if _identity(body) not in keep and our_entry(body) is not None]
        return ordered(found)

    def _there(self, kind: tuple[str, str]) -> list[Body]:
        """The members of one kind that there are."""
        try:
            return self._retried(lambda: self.session.members.all(*kind))
        except NotFound:
            return []  # its definition is in the set and yet to be made

    def _members(self, bodies: Sequence[Body], first: Sequence[Resource], *, present: bool = True) -> list[Member]:
        """In an order in which whoever is needed is made before."""
        before = needs(bodies, wait=self.options.wait and present)
        by_ref = {ref_of(body): body for body in bodies}
        definitions = {
            (body["spec"]["group"], body["spec"]["names"]["kind"]): ref_of(body) for body in bodies if is_crd(body)
        }
        made: dict[Ref, Member] = {}

        def make(ref: Ref) -> Member:
            if ref not in made:
                body = by_ref[ref]
                place = next((make(each) for each in before[ref] if _is_place(each, ref)), None)
                crd = definitions.get((ref.group, ref.kind))
                others = [make(each) for each in before[ref]]
                made[ref] = member(
                    self.session,
                    body,
                    [*first, *others],
                    place=place if present else None,
                    definition=make(crd) if crd is not None and present else None,
                    present=present,
                    first=None if present else (lambda: body),
                )
            return made[ref]

        return [make(ref) for ref in by_ref]


def _is_place(other: Ref, ref: Ref) -> bool:
    return other.kind == "Namespace" and not other.group and other.name == ref.namespace


def _identity(body: Body) -> tuple[str, str, str]:
    ref = ref_of(body)
    return group_kind(ref.api_version, ref.kind), ref.namespace, ref.name


def _addresses(graph: Graph) -> dict[str, list[str]]:
    """Of load balancers, by "namespace/name" of their Services."""
    return {each.name: each.outputs["addresses"] for each in graph.resources.values() if each.outputs.get("addresses")}
