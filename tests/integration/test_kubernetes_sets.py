"""Sets of objects in a cluster: applied, left alone, repaired, pruned, removed, and refused in time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import Action
from module_utils._engine.report import Report
from module_utils._engine.settings import Settings
from module_utils._engine.tags import Owner
from module_utils._kubernetes.objects import Ref
from module_utils._kubernetes.sets import SetOptions, converge_set

from tests.integration.clusters import World, world, writes

_COUNT = itertools.count()
_OWNER = Owner("ml-platform", "dev", "aws-dev")
_CONFIG = "v1", "ConfigMap"


@pytest.fixture(scope="module")
def cluster() -> Iterator[World]:
    """One server for all."""
    with world() as made:
        yield made


@pytest.fixture(autouse=True)
def _healthy(cluster: World) -> Iterator[None]:
    yield
    cluster.faults.clear()


class Sets:
    """One set, in a namespace of its own."""

    def __init__(self, cluster: World) -> None:
        self.cluster = cluster
        self.name = f"set-{next(_COUNT)}"
        self.space = f"space-{self.name}"
        self.client = cluster.client()

    def run(self, *objects: dict[str, Any], **changes: Any) -> Report:
        """Converge; a client of its own each time, as every call of the module has."""
        named = {key: changes.pop(key) for key in tuple(changes) if key in SetOptions.__dataclass_fields__}
        options = SetOptions(**{"name": self.name, "namespace": self.space, **named})
        settings = Settings(**{"owner": _OWNER, "wait_timeout": 10.0, "retry_timeout": 5.0, **changes})
        return converge_set(self.cluster.client(), settings, objects, options)

    def namespace(self) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.space}}

    def config(self, name: str, **data: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}

    def patch(self, name: str, body: dict[str, Any], manager: str = "ops") -> None:
        """What somebody else does to a ConfigMap."""
        path = f"/api/v1/namespaces/{self.space}/configmaps/{name}"
        query = {"fieldManager": manager}
        self.client.raw("PATCH", path, query=query, body=body, content_type="application/merge-patch+json")

    def names(self, version: str = "v1", kind: str = "ConfigMap") -> list[str]:
        found = (each["metadata"]["name"] for each in self.client.list(version, kind, self.space))
        return sorted(name for name in found if name != "kube-root-ca.crt")

    def live(self, name: str, version: str = "v1", kind: str = "ConfigMap") -> dict[str, Any]:
        return self.client.get(Ref(version, kind, name, self.space))


@pytest.fixture
def sets(cluster: World) -> Sets:
    return Sets(cluster)


def _actions(report: Report) -> dict[str, Action]:
    assert report.failed == [], report.summary()
    return {entry.name.rpartition("/")[2]: entry.action for entry in report.entries if entry.action is not Action.NONE}


def _changes(report: Report) -> dict[str, tuple[Any, Any]]:
    return {
        change.path: (change.shown_before, change.shown_after) for entry in report.entries for change in entry.changes
    }


def _order(seen: Sequence[dict[str, Any]]) -> list[str]:
    return [operation.removeprefix("kubernetes.") for operation in writes(list(seen))]


def test_a_set_is_made_and_then_left_alone(cluster: World, sets: Sets) -> None:
    """In order; the second run asks little and writes nothing."""
    objects = [sets.config("one", a="1"), sets.config("two", a="2"), sets.namespace()]
    with cluster.watched() as seen:
        report = sets.run(*objects)
    assert _actions(report) == dict.fromkeys([f"applyset-{sets.name}", sets.space, "one", "two"], Action.CREATE)
    assert _order(seen)[:2] == ["patch.configmaps", "patch.namespaces"], "the set's record comes first"
    assert len(_order(seen)) == 4
    with cluster.watched() as seen:
        report = sets.run(*objects)
    assert not report.changed
    assert writes(seen) == []
    told = [each["operation"].removeprefix("kubernetes.") for each in seen]
    assert sorted(told) == ["get", "get", "get.configmaps", "list.configmaps", "list.namespaces"], told
    labels = sets.live("one")["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "multicloud.platform"
    assert labels["multicloud.platform/set"] == sets.name


def test_check_mode_tells_the_same_and_writes_nothing(cluster: World, sets: Sets) -> None:
    """Also where the namespace is yet to be made."""
    objects = [sets.namespace(), sets.config("one", a="1")]
    with cluster.watched() as seen:
        planned = sets.run(*objects, check=True)
    assert writes(seen) == []
    done = sets.run(*objects)
    assert _actions(planned) == _actions(done)
    assert [entry.changes for entry in planned.entries] == [entry.changes for entry in done.entries]


def test_what_others_changed_is_told_with_their_name(sets: Sets) -> None:
    """And taken back only by force. What they added stays and is no drift."""
    objects = [sets.namespace(), sets.config("one", a="1")]
    sets.run(*objects)
    sets.patch("one", {"data": {"a": "2", "theirs": "x"}})
    with pytest.raises(SpecError) as told:
        sets.run(*objects)
    assert "ops manages data.a" in str(told.value)
    report = sets.run(*objects, force_conflicts=True)
    assert _changes(report) == {"data.a": ("2", "1")}
    assert sets.live("one")["data"] == {"a": "1", "theirs": "x"}
    assert not sets.run(*objects).changed


def test_a_field_that_the_set_drops_is_removed(sets: Sets) -> None:
    """Because it was ours."""
    sets.run(sets.namespace(), sets.config("one", a="1", b="2"))
    sets.patch("one", {"data": {"theirs": "x"}})
    report = sets.run(sets.namespace(), sets.config("one", a="1"))
    assert _changes(report) == {"data.b": ("2", None)}
    assert sets.live("one")["data"] == {"a": "1", "theirs": "x"}


def test_only_what_the_set_dropped_is_pruned(sets: Sets) -> None:
    """Also of kinds that it holds nothing of any more; what others made stays."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "old"}, "stringData": {"k": "a-long-secret"}}
    sets.run(sets.namespace(), sets.config("one", a="1"), sets.config("two", a="1"), secret)
    sets.client.apply({**sets.config("foreign"), "metadata": {"name": "foreign", "namespace": sets.space}})
    kept = sets.run(sets.namespace(), sets.config("one", a="1"), prune=False)
    assert not kept.changed
    report = sets.run(sets.namespace(), sets.config("one", a="1"))
    assert _actions(report) == {"two": Action.DELETE, "old": Action.DELETE}
    assert sets.names() == ["foreign", "one"]
    assert sets.names(kind="Secret") == []
    assert not sets.run(sets.namespace(), sets.config("one", a="1")).changed


def test_nothing_is_pruned_while_the_rest_fails(cluster: World, sets: Sets) -> None:
    """What shall go may be what still works."""
    from sandbox.core.faults import FaultRule

    sets.run(sets.namespace(), sets.config("old", a="1"))
    rule = FaultRule(path="configmaps/new", method="PATCH", kind="error", status=422, code="Invalid", times=1, skip=1)
    cluster.faults.add(rule)
    report = sets.run(sets.namespace(), sets.config("new", a="1"))
    assert [entry.name for entry in report.failed] == [f"{sets.space}/new"]
    assert sets.names() == ["old"]
    assert _actions(sets.run(sets.namespace(), sets.config("new", a="1"))) == {
        "new": Action.CREATE,
        "old": Action.DELETE,
    }


def test_a_definition_and_its_objects_come_in_one_set(sets: Sets) -> None:
    """The kind is waited for until it is served."""
    group = f"{sets.name}.example.org"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    report = sets.run(widget, definition, sets.namespace())
    assert _actions(report)["w"] is Action.CREATE
    assert not sets.run(widget, definition, sets.namespace()).changed
    assert _actions(sets.run(definition, sets.namespace())) == {"w": Action.DELETE}
    sets.run(widget, definition, sets.namespace())
    gone = sets.run(state="absent")
    assert {"w", f"widgets.{group}", sets.space, f"applyset-{sets.name}"} == _actions(gone).keys()
    assert not sets.run(state="absent").changed


def test_all_problems_are_told_before_anything_is_touched(cluster: World, sets: Sets) -> None:
    """First those that no object has to be looked at for, then those that the server tells."""
    pod = {"apiVersion": "v1", "kind": "Pood", "metadata": {"name": "p"}}
    with cluster.watched() as seen, pytest.raises(SpecError) as told:
        sets.run(pod, sets.config("one"), sets.config("one"), {"kind": "ConfigMap"})
    for words in ("Nearest: Pod (v1)", "ConfigMap space-set", "is in the set twice", "Manifest 4: apiVersion"):
        assert words in str(told.value)
    assert writes(seen) == []
    bad = {**sets.config("bad"), "dta": {"a": "1"}}
    homeless = {**sets.config("homeless"), "metadata": {"name": "homeless", "namespace": "nowhere"}}
    with cluster.watched() as seen, pytest.raises(SpecError) as told:
        sets.run(sets.namespace(), bad, homeless)
    assert "bad: dta: unknown field" in str(told.value)
    assert "Add the namespace nowhere to the set" in str(told.value)
    assert writes(seen) == []


def test_what_cannot_be_changed_is_made_again_only_where_that_is_allowed(sets: Sets) -> None:
    """And only kinds that hold no data."""
    sets.run(sets.namespace(), {**sets.config("fixed", a="1"), "immutable": True})
    changed = {**sets.config("fixed", a="2"), "immutable": True}
    with pytest.raises(SpecError) as told:
        sets.run(sets.namespace(), changed)
    assert "cannot be changed after creation: data.a is '1', asked for '2'" in str(told.value)
    assert "allow_replace: true would delete and make again" in str(told.value)
    report = sets.run(sets.namespace(), changed, allow_replace=True)
    assert _actions(report) == {"fixed": Action.REPLACE}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}
    sets.run(sets.namespace(), changed, claim, wait=False)
    moved = {**claim, "spec": {**spec, "accessModes": ["ReadWriteMany"]}}
    with pytest.raises(SpecError, match="never replaced automatically"):
        sets.run(sets.namespace(), changed, moved, allow_replace=True, wait=False)


def test_objects_of_others_are_left_alone_or_adopted(sets: Sets) -> None:
    """Whether nobody says whose they are, or another set does."""
    sets.run(sets.namespace())
    foreign = sets.config("theirs", a="1")
    path = f"/api/v1/namespaces/{sets.space}/configmaps"
    sets.client.raw("POST", path, body=foreign)
    with pytest.raises(SpecError, match=r"theirs exists, but it carries no ownership tags.* adopt: true"):
        sets.run(sets.namespace(), foreign)
    report = sets.run(sets.namespace(), foreign, adopt=True)
    assert _actions(report) == {"theirs": Action.UPDATE, f"applyset-{sets.name}": Action.UPDATE}
    other = SetOptions(name=f"{sets.name}-other", namespace=sets.space)
    with pytest.raises(SpecError, match=f"belongs to the set '{sets.name}'"):
        converge_set(sets.client, Settings(owner=_OWNER), [foreign], other)


def test_removal_waits_for_finalizers_and_names_them(sets: Sets) -> None:
    """Which goes on where it stopped."""
    held = sets.config("held", a="1")
    held["metadata"]["finalizers"] = ["example.org/cleanup"]
    sets.run(sets.namespace(), held, sets.config("free"))
    report = sets.run(state="absent", wait_timeout=0.5)
    assert "held by the finalizer example.org/cleanup" in report.summary()
    assert sets.names() == ["held"]
    assert sets.client.get(Ref("v1", "Namespace", sets.space))["status"]["phase"] == "Active", "it comes last"
    sets.patch("held", {"metadata": {"finalizers": None}})
    assert _actions(sets.run(state="absent")).keys() == {sets.space, f"applyset-{sets.name}"}


def test_a_namespace_that_others_use_stays(sets: Sets) -> None:
    """Unless that is wanted."""
    sets.run(sets.namespace())
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    sets.client.raw("POST", f"/api/v1/namespaces/{sets.space}/services", body=service)
    with pytest.raises(SpecError, match=f"holds Service {sets.space}/s, which would go with it"):
        sets.run(state="absent")
    assert _actions(sets.run(state="absent", adopt=True))[sets.space] is Action.DELETE


def test_secrets_are_masked_wherever_they_could_show(sets: Sets) -> None:
    """In changes, and in what the server says."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "first-secret"}}
    first = sets.run(sets.namespace(), secret)
    second = sets.run(sets.namespace(), {**secret, "stringData": {"k": "second-secret"}})
    assert _changes(second) == {"data.k": ("********", "********")}
    shown = str(first.as_dict()) + str(second.as_dict())
    assert "-secret" not in shown
    assert "c2Vjb25kLXNlY3JldA" not in shown
    assert not sets.run(sets.namespace(), {**secret, "stringData": {"k": "second-secret"}}).changed


def test_a_namespace_that_is_going_is_waited_for_or_told(sets: Sets) -> None:
    """Waited for where the set itself makes it anew; otherwise somebody else has to."""
    held = sets.config("held")
    held["metadata"] |= {"finalizers": ["example.org/cleanup"], "namespace": sets.space}
    sets.run(sets.namespace(), sets.config("one", a="1"))
    sets.client.apply(held)
    sets.client.delete(Ref("v1", "Namespace", sets.space))
    with pytest.raises(SpecError, match=r"because it is being terminated.*Wait until it is gone"):
        sets.run({**sets.config("two"), "metadata": {"name": "two", "namespace": sets.space}}, prune=False)
    waiting = sets.run(sets.namespace(), sets.config("one", a="1"), wait_timeout=0.5)
    assert [entry.name for entry in waiting.failed] == [sets.space]
    assert "Some content in the namespace has finalizers remaining" in waiting.summary()
    sets.patch("held", {"metadata": {"finalizers": None}})
    report = sets.run(sets.namespace(), sets.config("one", a="1"))
    assert _actions(report) == {sets.space: Action.CREATE, "one": Action.CREATE}
    assert sets.live("one")["data"] == {"a": "1"}


def test_the_number_of_calls_does_not_grow_with_what_is_unchanged(cluster: World, sets: Sets) -> None:
    """Making costs a dry run and an apply per object; looking costs one list per kind, wherever its objects are."""
    other = {**sets.namespace(), "metadata": {"name": f"{sets.space}-2"}}
    objects = [sets.namespace(), other]
    for number in range(20):
        config, account = sets.config(f"c{number}", a="1"), sets.config(f"a{number}")
        account |= {"kind": "ServiceAccount"}
        del account["data"]
        if number % 2:
            config["metadata"]["namespace"] = account["metadata"]["namespace"] = f"{sets.space}-2"
        objects += [config, account]
    with cluster.watched() as seen:
        sets.run(*objects)
    lists = ["list.configmaps", "list.namespaces", "list.serviceaccounts"]
    every = len(objects) + 1  # and the record of the set
    told = [each["operation"].removeprefix("kubernetes.") for each in seen]
    assert len(_order(seen)) == every
    # Discovery, the record, both namespaces one by one, and as many dry runs as there are applies.
    assert len(told) <= 2 + 1 + len(lists) + 2 + 2 * every, told
    with cluster.watched() as seen:
        assert not sets.run(*objects).changed
    told = [each["operation"].removeprefix("kubernetes.") for each in seen]
    assert sorted(told) == ["get", "get", "get.configmaps", *lists]
    objects[5] = {**objects[5], "metadata": {**objects[5]["metadata"], "annotations": {"a": "b"}}}
    with cluster.watched() as seen:
        sets.run(*objects)
    assert len(seen) == 2 + 1 + len(lists) + 2, "a dry run and an apply"
