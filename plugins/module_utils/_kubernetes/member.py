# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object of a set, as the engine sees it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from .._engine.errors import CloudError, Conflict, NotFound, QuotaExceeded, SpecError, Unsupported
from .._engine.fields import Field, Fields, Mode
from .._engine.plan import Action, Change, Plan, plan
from .._engine.resource import DONE, Observed, Operation, Resource, Status
from .changes import bare_body, differences, our_entry, owned_paths, unchanged, value_at
from .client import MANAGER, Propagation
from .errors import Invalid
from .health import Health, health
from .labels import MEMBER, SET_NAME, ownership, set_id
from .objects import Body, Ref, ref_of
from .order import group_kind
from .session import Session

# Kinds that hold nothing which is lost when they are deleted and made again.
_REPLACEABLE = frozenset(
    {
        "ConfigMap",
        "DaemonSet.apps",
        "Deployment.apps",
        "CronJob.batch",
        "Job.batch",
        "Pod",
        "Secret",
        "Service",
        "ClusterRoleBinding.rbac.authorization.k8s.io",
        "RoleBinding.rbac.authorization.k8s.io",
        "IngressClass.networking.k8s.io",
        "PriorityClass.scheduling.k8s.io",
        "RuntimeClass.node.k8s.io",
        "StorageClass.storage.k8s.io",
    }
)
# Deleted from the leaves on, so that they are gone with all their pods.
_WITH_DEPENDANTS = frozenset(
    {"CronJob.batch", "DaemonSet.apps", "Deployment.apps", "Job.batch", "ReplicaSet.apps", "StatefulSet.apps"}
)
# Others wait for these, whether or not anybody waits for the rest.
_ALWAYS_AWAITED = frozenset({"Namespace", "CustomResourceDefinition.apiextensions.k8s.io"})
_CRD = "CustomResourceDefinition.apiextensions.k8s.io"
_SECRET = Fields({"data": Field(secret=True), "stringData": Field(secret=True)})
_ANY = Fields({"*": Field()})
# What a namespace may hold of others that must not go with it unnoticed.
_HELD = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
)


class Member(Resource):
    """`manifest`: what it shall be; for one that shall go, what it is. Made by `member`, which knows the kind.

    What would change is asked of the server: a dry run of the apply, compared with the live object. So defaults never
    show as drift, and a field that the set has dropped shows as its removal. Where the live object alone already tells
    that nothing would change (`changes.unchanged`), that call is spared.
    """

    by_name: ClassVar[bool] = True

    def __init__(
        self,
        session: Session,
        manifest: Body,
        needs: Sequence[Resource] = (),
        *,
        place: Resource | None = None,
        definition: Resource | None = None,
        present: bool = True,
        first: Callable[[], Body | None] | None = None,
    ) -> None:
        """place, definition: its namespace and the definition of its kind, where they are in the set. first: where the
        survey finds the object, if not in the run's lists."""
        self.ref: Ref = ref_of(manifest)
        super().__init__(self.ref.path, needs, present=present)
        self.session = session
        self.manifest = manifest
        self.place = place
        self.definition = definition
        self.group_kind = group_kind(self.ref.api_version, self.ref.kind)
        self._first = first or functools.partial(session.listed, self.ref)
        self._surveying = True
        self._answer: Body | None = None  # of the last apply: what the object is now
        self._compared: tuple[Body, Plan] | None = None
        self._tried = False
        self.leaving = False  # it is on its way out, and what is in it goes along

    # -- reading ---------------------------------------------------------------------------------------------------

    def desired(self) -> Body:
        return self.manifest

    def read(self) -> Observed | None:
        for other in (self.place, self.definition):
            if other is not None:
                other.known("id")
        if self._homeless:
            return None
        body = self._look()
        if body is None:
            return None
        state = self._health(body)
        self.leaving = state.status is Status.DELETING
        return Observed(
            values=body,
            outputs={"id": body["metadata"].get("uid", self.name), "addresses": self._addresses(body)},
            status=state.status,
            reason=self.session.mask(state.reason),
            tags=ownership(body),
            recovery=state.recovery,
            raw=body,
        )

    @property
    def _homeless(self) -> bool:
        """Whether its namespace is yet to be made, perhaps anew: then there is nothing that will stay."""
        if self.place is None:
            return False
        return not self.place.outputs.get("id") or bool(getattr(self.place, "leaving", False))

    def _look(self) -> Body | None:
        answer, self._answer = self._answer, None
        if answer is not None:
            return answer
        return self._first() if self._surveying else self.session.live(self.ref)

    def _addresses(self, body: Body) -> list[str]:
        """Of a load balancer."""
        if self.group_kind != "Service":
            return []
        given = ((body.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
        return [str(each.get("ip") or each.get("hostname")) for each in given]

    def forget(self) -> None:
        self._surveying = False

    def _health(self, body: Body) -> Health:
        state = health(body, self.session.conditions)
        if state.status is Status.DELETING:
            return state
        if not self.session.wait and self.group_kind not in _ALWAYS_AWAITED:
            return Health(Status.READY)
        if self.group_kind == _CRD and state.status is Status.READY:
            return self._served(body)
        if state.status is Status.READY or not self.present:
            return state
        if self.group_kind == "PersistentVolumeClaim" and self.session.binds_late(body):
            return Health(Status.READY)
        why = self.session.explain(body, at_once=state.status is Status.FAILED)
        if why and why not in state.reason:
            return Health(state.status, f"{state.reason.rstrip('.')}. {why}" if state.reason else why, state.recovery)
        return state

    def _served(self, body: Body) -> Health:
        """Established is not yet served: discovery follows a little later."""
        spec, discovery = body["spec"], self.session.client.discovery
        versions = [f"{spec['group']}/{each['name']}" for each in spec["versions"] if each.get("served")]
        if all(discovery.find(version, spec["names"]["kind"]) for version in versions):
            return Health(Status.READY)
        discovery.forget()
        if all(discovery.find(version, spec["names"]["kind"]) for version in versions):
            return Health(Status.READY)
        return Health(Status.PENDING, f"the API server does not serve {spec['names']['kind']} yet")

    # -- planning --------------------------------------------------------------------------------------------------

    def compare(self, desired: Mapping[str, Any] | None, observed: Observed | None) -> Plan:
        if desired is None:
            return Plan(Action.NONE if observed is None else Action.DELETE)
        if observed is None:
            self._try_creation()
            return plan(desired, None, self.fields)
        live: Body = observed.raw
        if self._compared is None or self._compared[0] is not live:
            self._compared = (live, self._compare(live))
        return self._compared[1]

    def _compare(self, live: Body) -> Plan:
        adopt = self.session.settings.adopt
        labels = live["metadata"].get("labels") or {}
        if not adopt and not self.session.settings.owner.owns(ownership(live)):
            return Plan(Action.UPDATE)  # which the engine refuses
        if not adopt and MEMBER in labels and labels[MEMBER] != set_id(self.session.name) and self._labelled:
            other = labels.get(SET_NAME, labels[MEMBER])
            raise SpecError(
                f"it belongs to the set {other!r}. Remove it there first, or set adopt: true to move it into this one."
            )
        if unchanged(self.manifest, live):
            return Plan(Action.NONE)
        try:
            with self._objections():
                would_be = self._apply(dry_run=True)
        except Invalid as error:
            return Plan(Action.UPDATE, tuple(self._fixed(error, live)))
        if would_be["metadata"].get("resourceVersion") != live["metadata"].get("resourceVersion"):
            # Somebody wrote in between, and that is none of our changes.
            live = self.session.live(self.ref) or live
        found = [self._change(*each) for each in differences(bare_body(live), bare_body(would_be))]
        if not found:
            found = list(self._ownership_changes(live, would_be))
        return Plan(Action.UPDATE if found else Action.NONE, tuple(found))

    @property
    def _labelled(self) -> bool:
        """Whether it is a member, which the set's parent is not."""
        return MEMBER in (self.manifest["metadata"].get("labels") or {})

    def _change(self, path: str, before: Any, after: Any) -> Change:
        return Change(path, before, after, self.fields.at(path.split("[", maxsplit=1)[0]), self.fields)

    def _fixed(self, error: Invalid, live: Body) -> Iterator[Change]:
        """What cannot be changed in place: of a part that is refused as a whole, the members that differ."""
        field = Field(Mode.IMMUTABLE, secret=self.group_kind == "Secret")
        for problem in error.fields:
            before, after = value_at(live, problem.field), value_at(self.manifest, problem.field)
            below = [each for each in differences(before, after, problem.field) if each[2] is not None]
            for path, old, new in below or [(problem.field, before, after)]:
                yield Change(path, old, new, field, self.fields)

    def _ownership_changes(self, live: Body, would_be: Body) -> Iterator[Change]:
        """All values stay, but whose they are does not: else a field that the set gave up would stay ours."""
        before, after = (owned_paths(our_entry(each)) for each in (live, would_be))
        if before != after:
            path = f"metadata.managedFields[{MANAGER}]"
            yield Change(path, sorted(before - after) or None, sorted(after - before) or None, Field(), self.fields)

    def _try_creation(self) -> None:
        """Have the server say what speaks against the object, once, before anything is made.

        In a namespace that is yet to be made nothing can be tried, so its content is checked in another, under
        another name. Objects of a kind that the set itself brings cannot be tried at all.
        """
        if self._tried:
            return
        self._tried = True
        if self.definition is not None and not self.definition.outputs.get("id"):
            return
        if self._homeless:
            self._try_elsewhere()
            return
        with self._objections():
            self._apply(dry_run=True)

    def _try_elsewhere(self) -> None:
        meta = {name: value for name, value in self.manifest["metadata"].items() if name not in ("name", "namespace")}
        body = {**self.manifest, "metadata": {**meta, "generateName": f"{self.ref.name[:40]}-"}}
        try:
            self.session.client.try_creation(body, "default")
        except Invalid as error:
            raise SpecError(self.session.mask(error.message)) from error
        except CloudError:
            return  # that namespace's own rules, which mean nothing here

    @contextmanager
    def _objections(self) -> Iterator[None]:
        """What the server says against an object becomes what speaks against the set; nothing was changed."""
        try:
            yield
        except Invalid as error:
            if error.fields and error.immutable == error.fields:
                raise
            raise SpecError(self.session.mask(str(error))) from error
        except NotFound as error:
            if self.ref.namespace and "namespaces" in error.message:
                error.hint = f"Add the namespace {self.ref.namespace} to the set, or make it first."
            raise SpecError(self.session.mask(str(error))) from error
        except (Conflict, QuotaExceeded, Unsupported) as error:
            raise SpecError(self.session.mask(str(error))) from error

    # -- changing --------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        self._answer = self._applied()
        return DONE

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        self._answer = self._applied()
        return DONE

    def _applied(self) -> Body:
        try:
            return self._apply(dry_run=False)
        except CloudError as error:
            error.message = self.session.mask(error.message)
            raise

    def _apply(self, *, dry_run: bool) -> Body:
        return self.session.client.apply(self.manifest, dry_run=dry_run, force=self.session.force)

    def delete(self, observed: Observed) -> Operation:
        how: Propagation = "Foreground" if self.group_kind in _WITH_DEPENDANTS else "Background"
        self.session.client.delete(self.ref, propagation=how, uid=observed.outputs["id"])
        return DONE

    def check_delete(self, observed: Observed) -> str:
        if self.session.settings.adopt:
            return ""
        held = self._others_inside(observed.raw)
        if not held:
            return ""
        return f"it holds {held}, which would go with it. Remove that first, or set adopt: true to delete it too."

    def _others_inside(self, live: Body) -> str:
        """What would vanish with a namespace or a definition, although it is no member of this set."""
        kinds: tuple[tuple[str, str], ...]
        if self.group_kind == "Namespace":
            kinds, space = _HELD, self.ref.name
        elif self.group_kind == _CRD:
            spec = live["spec"]
            served = [each["name"] for each in spec["versions"] if each.get("served")]
            kinds, space = tuple((f"{spec['group']}/{each}", spec["names"]["kind"]) for each in served[:1]), ""
        else:
            return ""
        others = [
            str(ref_of(body))
            for version, kind in kinds
            for body in self.session.client.list(version, kind, space or None)
            if (body["metadata"].get("labels") or {}).get(MEMBER) != set_id(self.session.name)
            and not body["metadata"].get("ownerReferences")
        ]
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        return ", ".join(others[:3]) + more


@functools.cache
def _class_of(kind: str, known: str) -> type[Member]:
    members = {
        "kind": kind,
        "fields": _SECRET if known == "Secret" else _ANY,
        "replaceable": known in _REPLACEABLE,
    }
    return type(f"{kind.rpartition('.')[2]}Member", (Member,), members)


def member(session: Session, manifest: Body, needs: Sequence[Resource] = (), **options: Any) -> Member:
    """A `Member` of its own kind: "kubernetes.apps/v1.Deployment"."""
    ref = ref_of(manifest)
    kind = _class_of(f"kubernetes.{ref.api_version}.{ref.kind}", group_kind(ref.api_version, ref.kind))
    return kind(session, manifest, needs, **options)
