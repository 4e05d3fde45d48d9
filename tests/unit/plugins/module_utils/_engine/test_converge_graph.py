"""Many objects: order, replacement, locks, failures beside what goes on, plan = apply."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from module_utils._engine.errors import InvalidRequest, SpecError, Throttled
from module_utils._engine.graph import Graph, Outcome, run
from module_utils._engine.plan import Action
from module_utils._engine.resource import Recovery, Status

from tests.unit.plugins.module_utils._engine.kit import Fake, FakeCloud, actions, entry


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


def site(cloud: FakeCloud, **zone: Any) -> dict[str, Fake]:
    """net <- subnet <- cluster <- pool; bucket stands alone."""
    net = Fake(cloud, "net", body={"zone": "a", **zone})
    subnet = Fake(cloud, "subnet", [net], body={"need": lambda: net.out("id")})
    cluster = Fake(cloud, "cluster", [subnet], body={"need": lambda: subnet.out("id"), "size": 1})
    pool = Fake(cloud, "pool", [cluster], body={"size": 1})
    return {each.name: each for each in (net, subnet, cluster, pool, Fake(cloud, "bucket"))}


def test_needs_are_made_first_and_deleted_last(cloud: FakeCloud) -> None:
    made = site(cloud)
    cloud.run(*reversed(made.values()))
    chain = ["net", "subnet", "cluster", "pool"]
    assert cloud.verbs(*chain) == [f"create {name}" for name in chain]
    assert cloud.things["subnet"].body["need"] == "id-net"
    cloud.calls.clear()
    cloud.run(*site(cloud).values(), state="absent")
    assert cloud.verbs(*chain) == [f"delete {name}" for name in reversed(chain)]
    assert cloud.things == {}


def test_what_is_needed_belongs_to_the_graph(cloud: FakeCloud) -> None:
    cloud.run(site(cloud)["pool"])
    assert set(cloud.things) == {"net", "subnet", "cluster", "pool"}


def test_two_objects_of_one_name_are_refused(cloud: FakeCloud) -> None:
    with pytest.raises(SpecError, match="Two objects of the specification are named 'a'"):
        Graph([Fake(cloud, "a"), Fake(cloud, "a")])
    with pytest.raises(SpecError, match="Two objects of the specification are named 'a'"):
        Graph([Fake(cloud, "b", [Fake(cloud, "a")]), Fake(cloud, "a")])


def test_circles_are_refused(cloud: FakeCloud) -> None:
    one = Fake(cloud, "one")
    two = Fake(cloud, "two", [one])
    one.needs = (two,)
    with pytest.raises(SpecError, match="need each other in a circle"):
        Graph([one, two])


# -- failures ----------------------------------------------------------------------------------------------------------


def test_dependants_of_a_failure_are_skipped_and_the_rest_finishes(cloud: FakeCloud) -> None:
    made = site(cloud)
    made["subnet"].script["create"] = [InvalidRequest("no room")]
    report = cloud.run(*made.values())
    assert {each.name: each.status for each in report.entries} == {
        "net": "ok",
        "subnet": "failed",
        "cluster": "skipped",
        "pool": "skipped",
        "bucket": "ok",
    }
    assert entry(report, "cluster").note == "not attempted, because of fake subnet"
    assert entry(report, "pool").note == "not attempted, because of fake cluster"
    assert "fake subnet: create: no room" in report.summary()
    assert "Not attempted because of that: fake cluster, fake pool." in report.summary()
    again = cloud.run(*site(cloud).values())
    assert actions(again) == {"subnet": "create", "cluster": "create", "pool": "create"}
    assert not again.failed


def test_a_failed_deletion_keeps_what_it_stands_on(cloud: FakeCloud) -> None:
    made = site(cloud)
    cloud.run(*made.values())
    made = site(cloud)
    made["cluster"].script["delete"] = [InvalidRequest("protected")]
    report = cloud.run(*made.values(), state="absent")
    assert set(cloud.things) == {"net", "subnet", "cluster"}
    assert entry(report, "net").status == "skipped"
    assert entry(report, "bucket").status == "ok"


def test_a_skipped_object_does_not_count_as_changed(cloud: FakeCloud) -> None:
    first = Fake(cloud, "a", script={"create": [InvalidRequest("no")]})
    report = cloud.run(first, Fake(cloud, "b", [first]))
    assert report.changed  # the failed one may have been carried out in part
    assert [each["after_header"] for each in report.as_dict()["diff"]] == ["fake a (create)"]


# -- replacement -------------------------------------------------------------------------------------------------------


def test_an_immutable_change_is_refused_before_anything(cloud: FakeCloud) -> None:
    cloud.run(*site(cloud).values())
    cloud.calls.clear()
    made = site(cloud, zone="b")
    made["bucket"].body["size"] = 2
    with pytest.raises(SpecError) as refused:
        cloud.run(*made.values())
    text = str(refused.value)
    assert "Nothing was changed." in text
    assert "fake net: this cannot be changed after creation: zone is 'a', asked for 'b'." in text
    assert "allow_replace: true would delete and make again fake net and all that needs it: " in text
    assert "fake cluster, fake pool, fake subnet" in text
    assert cloud.calls == []


def test_a_replacement_takes_its_dependants_along(cloud: FakeCloud) -> None:
    cloud.run(*site(cloud).values())
    cloud.calls.clear()
    planned = cloud.run(*site(cloud, zone="b").values(), allow_replace=True, check=True)
    report = cloud.run(*site(cloud, zone="b").values(), allow_replace=True)
    chain = ["net", "subnet", "cluster", "pool"]
    assert cloud.verbs() == [f"delete {name}" for name in reversed(chain)] + [f"create {name}" for name in chain]
    assert actions(report) == actions(planned) == dict.fromkeys(chain, "replace")
    assert actions(cloud.run(*site(cloud, zone="b").values())) == {}


def test_what_must_not_be_lost_is_never_dragged_into_a_replacement(cloud: FakeCloud) -> None:
    class Precious(Fake):
        kind = "precious"
        replaceable = False

    net = Fake(cloud, "net", body={"zone": "b"})
    store = Precious(cloud, "store", [net])
    cloud.put(net, zone="a")
    cloud.put(store)
    with pytest.raises(SpecError, match=r"precious store would have to be deleted .* with fake net.* never replaced"):
        cloud.run(net, store, allow_replace=True)
    alone = Precious(cloud, "store", body={"zone": "b"})
    cloud.put(alone, zone="a")
    with pytest.raises(SpecError, match="It is never replaced automatically"):
        cloud.run(alone, allow_replace=True)
    assert cloud.calls == []


def test_a_failed_object_that_is_made_again_does_not_drag_live_ones_along(cloud: FakeCloud) -> None:
    net = Fake(cloud, "net")
    subnet = Fake(cloud, "subnet", [net])
    cloud.put(net, Status.FAILED, reason="half made", recovery=Recovery.RECREATE)
    cloud.put(subnet)
    with pytest.raises(SpecError, match="fake subnet would have to be deleted and made again with fake net"):
        cloud.run(net, subnet)
    assert cloud.calls == []


def test_what_is_unwanted_goes_before_what_it_stands_on_is_replaced(cloud: FakeCloud) -> None:
    cluster = Fake(cloud, "cluster", body={"zone": "b"})
    pool = Fake(cloud, "pool", [cluster], present=False)
    cloud.put(cluster, zone="a")
    cloud.put(pool)
    assert not cloud.run(cluster, pool, allow_replace=True).failed
    assert cloud.verbs() == ["delete pool", "delete cluster", "create cluster"]


def test_a_replacement_whose_deletion_fails_makes_nothing(cloud: FakeCloud) -> None:
    net = Fake(cloud, "net", body={"zone": "b"}, script={"delete": [InvalidRequest("in use")]})
    subnet = Fake(cloud, "subnet", [net])
    cloud.put(net, zone="a")
    report = cloud.run(net, subnet, allow_replace=True)
    assert cloud.verbs() == ["delete net"]
    assert (entry(report, "net").status, entry(report, "subnet").status) == ("failed", "skipped")
    assert "in use" in entry(report, "net").error


def test_a_new_object_has_its_new_id(cloud: FakeCloud) -> None:
    net = Fake(cloud, "net", body={"zone": "b"})
    cloud.put(net, zone="a")
    read, ids = net.read, {"a": "old", "b": "new"}

    def numbered() -> Any:
        observed = read()
        if observed is not None:
            observed.outputs["id"] = ids[observed.values["zone"]]
        return observed

    net.read = numbered  # type: ignore[method-assign]
    assert entry(cloud.run(net, allow_replace=True), "net").id == "new"


# -- objects that are not wanted, and those that are not ours ----------------------------------------------------------


def test_unwanted_objects_go_last(cloud: FakeCloud) -> None:
    """What replaces them is there before they are gone."""
    old = Fake(cloud, "old", present=False)
    cloud.put(old)
    report = cloud.run(old, Fake(cloud, "new"))
    assert cloud.verbs() == ["create new", "delete old"]
    assert actions(report) == {"old": "delete", "new": "create"}


def test_an_object_that_is_only_referred_to(cloud: FakeCloud) -> None:
    net = Fake(cloud, "net", managed=False, body={"size": 99})
    cluster = Fake(cloud, "cluster", [net])
    with pytest.raises(SpecError, match="fake net: the specification refers to it, but it is not in this account"):
        cloud.run(cluster)
    cloud.put(net, size=1)
    report = cloud.run(cluster)
    assert [each.name for each in report.entries] == ["cluster"]
    cloud.run(cluster, state="absent")
    assert cloud.verbs() == ["create cluster", "delete cluster"]


STRANGERS = {
    "nobody's": ({}, "it carries no ownership tags"),
    "a sibling's": (
        {"managed-by": "multicloud-platform", "platform": "ml", "environment": "dev", "site": "aws-2"},
        "it belongs to ml/dev/aws-2, not to ml/dev/aws-dev",
    ),
}


@pytest.mark.parametrize("whose", STRANGERS)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_strangers_object_is_left_alone(cloud: FakeCloud, whose: str, state: str) -> None:
    tags, words = STRANGERS[whose]
    resource = Fake(cloud, "a", body={"size": 2})
    cloud.put(resource, tags=tags)
    with pytest.raises(SpecError, match=words):
        cloud.run(resource, state=state)
    assert cloud.calls == []
    assert not cloud.run(resource, state=state, adopt=True).failed
    assert len(cloud.calls) == 1


def test_kinds_without_tags_follow_their_parent(cloud: FakeCloud) -> None:
    resource = Fake(cloud, "a", body={"size": 2}, tagged=False)
    cloud.put(resource, size=1)
    assert actions(cloud.run(resource)) == {"a": "update"}


@pytest.mark.parametrize(("verb", "state"), [("delete", "absent"), ("update", "present")])
def test_a_kind_may_refuse(cloud: FakeCloud, verb: str, state: str) -> None:
    resource = Fake(cloud, "a", body={"size": 2})
    resource.guards[verb] = "deletion protection is on: switch it off first."
    cloud.put(resource, size=1)
    with pytest.raises(SpecError, match="fake a: deletion protection is on: switch it off first"):
        cloud.run(resource, Fake(cloud, "b"), state=state)
    assert cloud.calls == []


def test_every_problem_is_told_at_once(cloud: FakeCloud) -> None:
    fixed, theirs = Fake(cloud, "fixed", body={"zone": "b"}), Fake(cloud, "theirs", body={"size": 2})
    cloud.put(fixed, zone="a")
    cloud.put(theirs, tags={})
    with pytest.raises(SpecError) as refused:
        cloud.run(fixed, theirs, Fake(cloud, "new"), preflight=lambda planned: ["vCPUs: have 8, need 20."])
    for words in ("fake fixed", "fake theirs", "have 8, need 20"):
        assert words in str(refused.value)
    assert cloud.calls == []


def test_preflight_sees_the_plan(cloud: FakeCloud) -> None:
    seen: dict[str, Action] = {}
    cloud.put(Fake(cloud, "old"))

    def look(planned: Any) -> list[str]:
        seen.update({each.resource.name: each.action for each in planned})
        return []

    cloud.run(Fake(cloud, "old"), Fake(cloud, "new"), preflight=look, check=True)
    assert seen == {"old": Action.NONE, "new": Action.CREATE}
    seen.clear()
    cloud.run(Fake(cloud, "old"), preflight=look, state="absent")
    assert seen == {}


def test_an_object_that_cannot_be_read_stops_the_run(cloud: FakeCloud) -> None:
    unreadable = Fake(cloud, "a", script={"read": [InvalidRequest("access denied")]})
    with pytest.raises(InvalidRequest, match="fake a: access denied"):
        cloud.run(unreadable, Fake(cloud, "b"))
    assert cloud.calls == []


# -- side by side ------------------------------------------------------------------------------------------------------


def test_objects_of_one_lock_take_turns(cloud: FakeCloud) -> None:
    cluster = Fake(cloud, "cluster")
    pools = [Fake(cloud, f"pool-{n}", [cluster], lock="cluster", takes=100) for n in range(5)]
    for pool in pools:
        pool.on_call = lambda verb: threading.Event().wait(0.002)
    cloud.run(*pools)
    cloud.run(*pools, state="absent")
    assert cloud.overlaps == []
    assert len(cloud.calls) == 12


def test_independent_objects_do_not_wait_for_one_another(cloud: FakeCloud) -> None:
    barrier = threading.Barrier(4, timeout=10)
    resources = [Fake(cloud, f"bucket-{n}") for n in range(4)]
    for resource in resources:
        resource.on_call = lambda verb: barrier.wait()
    assert not cloud.run(*resources).failed


def test_no_more_than_the_workers_at_a_time(cloud: FakeCloud) -> None:
    active, most, guard = [0], [0], threading.Lock()

    def work(key: str) -> Outcome:
        with guard:
            active[0] += 1
            most[0] = max(most[0], active[0])
        threading.Event().wait(0.002)
        with guard:
            active[0] -= 1
        return Outcome.OK

    run({str(n): set() for n in range(12)}, work, lambda key, bad: None, locks={}, workers=3)
    assert most[0] == 3


def test_a_killed_worker_ends_the_run(cloud: FakeCloud) -> None:
    class Killed(BaseException):
        pass

    def die(verb: str) -> None:
        raise Killed

    resources = [Fake(cloud, f"a-{n}") for n in range(20)]
    resources[0].on_call = die
    with pytest.raises(Killed):
        cloud.run(*resources, workers=1)
    assert len(cloud.calls) == 1


# -- any graph ---------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Names and what they need: later ones need earlier ones."""
    names = [f"r{n}" for n in range(draw(st.integers(1, 9)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:n]), unique=True, max_size=3)) if n else []
        for n, name in enumerate(names)
    }


def build(cloud: FakeCloud, graph: dict[str, list[str]], sizes: dict[str, int], locks: dict[str, str]) -> list[Fake]:
    made: dict[str, Fake] = {}
    for name, needs in graph.items():
        first = made[needs[0]] if needs else None
        body = {"size": sizes.get(name, 1), "need": (lambda need=first: need.out("id")) if first else None}
        made[name] = Fake(cloud, name, [made[need] for need in needs], body=body, lock=locks.get(name))
    return list(made.values())


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_any_graph(graph: dict[str, list[str]], data: st.DataObject) -> None:
    """Order, locks, skipping, plan = apply, idempotency and deletion, whatever the graph and whatever fails."""
    cloud = FakeCloud()
    names = st.sampled_from(list(graph))
    locks = data.draw(st.dictionaries(names, st.sampled_from(["x", "y"])))
    bad = data.draw(st.sets(names, max_size=2))
    resources = build(cloud, graph, {}, locks)
    for resource in resources:
        resource.script["create"] = [InvalidRequest("no")] if resource.name in bad else [Throttled("wait")]
    report = cloud.run(*resources)
    hit = set(bad)
    for name, needs in graph.items():  # in order: needs come first
        hit |= {name} if hit & set(needs) else set()
    assert {each.name for each in report.entries if each.status == "ok"} == graph.keys() - hit
    assert {each.name for each in report.failed} == {name for name in bad if not hit & set(graph[name])}

    rest = cloud.run(*build(cloud, graph, {}, locks))
    assert actions(rest) == dict.fromkeys(hit, "create")
    assert cloud.things.keys() == graph.keys()
    when = {name: index for index, (verb, name, _) in enumerate(cloud.calls) if verb == "create"}
    assert all(when[need] < when[name] for name, needs in graph.items() for need in needs)
    assert not cloud.run(*build(cloud, graph, {}, locks)).changed

    sizes = data.draw(st.dictionaries(names, st.integers(1, 3)))
    planned = cloud.run(*build(cloud, graph, sizes, locks), check=True)
    applied = cloud.run(*build(cloud, graph, sizes, locks))
    assert planned.as_dict()["diff"] == applied.as_dict()["diff"]
    assert actions(applied) == {name: "update" for name, size in sizes.items() if size != 1}

    cloud.calls.clear()
    assert actions(cloud.run(*build(cloud, graph, sizes, locks), state="absent")) == dict.fromkeys(graph, "delete")
    assert cloud.things == {}
    gone = [name for _, name, _ in cloud.calls]
    assert all(gone.index(name) < gone.index(need) for name, needs in graph.items() for need in needs)
    assert cloud.overlaps == []


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_plans_on_an_empty_account_are_complete(graph: dict[str, list[str]]) -> None:
    cloud = FakeCloud()
    planned = cloud.run(*build(cloud, graph, {}, {}), check=True)
    assert cloud.calls == []
    applied = cloud.run(*build(cloud, graph, {}, {}))
    assert actions(planned) == actions(applied) == dict.fromkeys(graph, "create")
    fields = [[change.path for change in each.changes] for each in planned.entries]
    assert fields == [[change.path for change in each.changes] for each in applied.entries]
