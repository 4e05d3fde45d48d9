"""Cloud SQL without a cloud: names and labels, what servers begin with, what a change means."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import SpecError
from module_utils._engine.plan import Plan, plan
from module_utils._gcp import cloudsql_facts as facts
from module_utils._gcp.client import Cloud
from module_utils._gcp.cloudsql import INSTANCES, NAMED, RESTORED, SERVER, holder, own_names
from module_utils._gcp.cloudsql_backups import histories, kept
from module_utils._gcp.cloudsql_fields import FIELDS, at_least
from module_utils._gcp.cloudsql_origins import BACKUPS, Origin, find_origin
from module_utils._gcp.cloudsql_promotion import ServerName
from module_utils._gcp.cloudsql_server import Server
from module_utils._spec.database import Database, DatabaseServer, Restore
from module_utils._spec.site import Site

SITE = Site("gcp", "europe-west1", "ml", "project-1")


def instance(name: str, server: str, **settings: Any) -> dict[str, Any]:
    labels = {**SITE.owner.tags(), SERVER: server, NAMED: name, **settings.pop("labels", {})}
    return {
        "name": name,
        "state": "RUNNABLE",
        "region": "europe-west1",
        "databaseVersion": "POSTGRES_17",
        "settings": {"userLabels": labels, "settingsVersion": "3", "dataDiskSizeGb": "128", **settings},
        "ipAddresses": [{"type": "PRIVATE", "ipAddress": "10.1.2.3"}],
    }


def backup(name: str, of: dict[str, Any], moment: str, **members: Any) -> dict[str, Any]:
    return {
        "name": f"projects/project-1/backups/{name}",
        "instance": of["name"],
        "instanceSettings": of,
        "databaseVersion": of["databaseVersion"],
        "state": "SUCCESSFUL",
        "type": "ON_DEMAND",
        "backupInterval": {"startTime": moment, "endTime": moment},
        **members,
    }


def cloud(instances: list[dict[str, Any]], backups: list[dict[str, Any]] | None = None) -> Cloud:
    """A session whose lists are known already."""
    made = Cloud(SITE, SystemClock())
    made.shared.get(INSTANCES, lambda: {each["name"]: each for each in instances})
    made.shared.get(BACKUPS, lambda: list(backups or ()))
    return made


MAIN = instance("ml-gcp-dev-main-1", "main")


def server(known: Cloud, name: str = "main", **options: Any) -> Server:
    return Server(known, f"ml-gcp-dev-{name}", lambda: {"settings": {"tier": "t"}}, server=name, **options)


# -- names -------------------------------------------------------------------------------------------------------------


def test_names_say_what_an_instance_was_made_for() -> None:
    known = cloud([])
    plain = own_names(known, "main", None)
    assert len(set(plain)) == len(plain)
    assert all(name.startswith("ml-gcp-dev-main-") for name in plain)
    assert own_names(known, "main", None) == plain
    restores = [Restore("old"), Restore("old", label="a"), Restore("old", label="b"), Restore("other")]
    found = [frozenset(own_names(known, "main", restore)) for restore in restores]
    assert len({frozenset(plain), *found}) == 5


def test_long_names_fit_the_service() -> None:
    site = Site("gcp", "europe-west1", "p" * 30, "project-" + "x" * 22, site="s" * 30)
    names = own_names(Cloud(site, SystemClock()), "n" * 30, None)
    assert all(len(name) <= 63 and len(f"{site.account}:{name}") <= 98 for name in names)
    assert len(set(names)) == len(names)


def test_a_clone_is_not_its_source_although_it_carries_its_labels() -> None:
    clone = {**MAIN, "name": own_names(cloud([]), "copy", Restore("main"))[0]}
    known = cloud([clone, MAIN])
    assert holder(known, "main") is MAIN
    made = server(known, "copy", restore=Restore("main"))
    found = made.read()
    assert found is not None
    assert found.outputs["name"] == clone["name"]
    made.outputs = found.outputs
    assert made.desired()["settings"]["userLabels"][NAMED] == clone["name"]
    assert server(known, "copy").read() is None, "without the restore it is nobody's"


def test_a_name_in_use_is_passed_over() -> None:
    first, second = own_names(cloud([]), "main", None)[:2]
    known = cloud([instance(first, "main-before-back")])
    assert server(known).desired()["settings"]["userLabels"][NAMED] == second


def test_words_of_the_service_that_nobody_knows_mean_in_progress() -> None:
    states = {
        "RUNNABLE": "ready",
        "PENDING_CREATE": "pending",
        "MAINTENANCE": "pending",
        "SOMETHING_NEW": "pending",
        "PENDING_DELETE": "deleting",
        "SUSPENDED": "failed",
    }
    for state, status in states.items():
        observed = server(cloud([{**MAIN, "state": state}])).read()
        assert observed is not None
        assert observed.status.value == status, state
    failed = server(cloud([{**MAIN, "state": "FAILED", "ipAddresses": []}])).read()
    assert failed is not None
    assert failed.recovery.value == "recreate"


# -- origins -----------------------------------------------------------------------------------------------------------

GONE = instance("ml-gcp-dev-main-0", "main", dataDiskSizeGb="256")
OLD = backup("old", GONE, "2026-01-01T00:00:00Z", description="before")
NEW = backup("new", GONE, "2026-01-02T00:00:00Z", type="FINAL", expiryTime="2027-01-02T00:00:00Z")
BROKEN = backup("broken", GONE, "2026-01-03T00:00:00Z", state="FAILED", description="broken")


def test_a_server_that_is_gone_is_made_of_its_backups() -> None:
    known = cloud([], [BROKEN, NEW, OLD])
    assert find_origin(known, Restore("main")) == Origin(backup=NEW["name"], disk_gb=256, version="POSTGRES_17")
    assert find_origin(known, Restore("main", label="before")).backup == OLD["name"]
    with pytest.raises(SpecError, match=r"no backup is called 'broken'. There are before;"):
        find_origin(known, Restore("main", label="broken"))
    with pytest.raises(SpecError, match="only backups can be restored"):
        find_origin(known, Restore("main", time="2026-01-01T00:00:00Z"))
    with pytest.raises(SpecError, match="neither such a server nor any backup"):
        find_origin(known, Restore("other"))


def test_the_newest_state_of_a_living_server_is_the_server_itself() -> None:
    assert find_origin(cloud([MAIN], [OLD]), Restore("main")).source == MAIN["name"]
    stopped = {**MAIN, "state": "SUSPENDED"}
    assert find_origin(cloud([stopped], [OLD]), Restore("main")).backup == OLD["name"]
    with pytest.raises(SpecError, match="point-in-time recovery is off"):
        find_origin(cloud([MAIN]), Restore("main", time="2026-01-01T00:00:00Z"))


def test_histories_tell_of_servers_that_are_gone() -> None:
    known = cloud([], [BROKEN, NEW, OLD])
    history = histories(known, Database((DatabaseServer("main"), DatabaseServer("other"))))
    assert [(each.name, each.exists, len(each.backups)) for each in history] == [
        ("main", False, 3),
        ("other", False, 0),
    ]
    assert [(each.kind, each.label, each.status) for each in history[0].backups] == [
        ("manual", "broken", "failed"),
        ("final", "", "ready"),
        ("manual", "before", "ready"),
    ]
    newest = history[0].newest()
    assert newest is not None
    assert newest.isoformat() == "2026-01-02T00:00:00+00:00"


def test_backups_of_servers_that_are_gone_are_named() -> None:
    living = backup("living", MAIN, "2026-01-01T00:00:00Z")
    told = kept(cloud([MAIN], [NEW, OLD, living]))
    assert [each["id"] for each in told] == [NEW["name"], OLD["name"]]
    assert "the final backup of a deleted server, until 2027-01-02" in told[0]["kept"]


# -- promotion ---------------------------------------------------------------------------------------------------------


def test_a_name_moves_in_two_steps_and_is_done_for_good() -> None:
    restore = Restore("main", label="before")
    made = instance(own_names(cloud([]), "back", restore)[0], "back", labels={RESTORED: "back"})

    def look(*there: dict[str, Any]) -> Any:
        return ServerName(cloud(list(there)), "main", "back", restore).read()

    before = look(MAIN, made)
    assert before.values == {"restored": False}
    assert look(instance(MAIN["name"], "main-before-back"), made) is None, "in between nobody has the name"
    after = look(instance(MAIN["name"], "main-before-back"), instance(made["name"], "main"))
    assert after.values == {"restored": True}
    other = Restore("main", label="another")
    assert ServerName(cloud([instance(made["name"], "main")]), "main", "back", other).read().values == {  # type: ignore[union-attr]
        "restored": False
    }
    with pytest.raises(SpecError, match=r"'back' does not exist.*Restore it first"):
        ServerName(cloud([MAIN]), "main", "back", restore).create({})


# -- what a change means -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("have", "want", "words"),
    [
        ("POSTGRES_15", "POSTGRES_17", ""),
        ("POSTGRES_9_6", "POSTGRES_15", ""),
        ("POSTGRES_17", "POSTGRES_15", "cannot go back"),
        ("POSTGRES_17", "SQLSERVER_2022_STANDARD", "the engine cannot be changed"),
        ("POSTGRES_15", "POSTGRES_99", "cannot be upgraded to POSTGRES_99, only to POSTGRES_17"),
    ],
)
def test_versions(have: str, want: str, words: str) -> None:
    offered = [{"name": name} for name in ("POSTGRES_15", "POSTGRES_17") if name != have]
    problem = facts.version_problem(have, want, {"upgradableDatabaseVersions": offered})
    assert (words in problem) if words else problem == ""


@pytest.mark.parametrize(
    ("tier", "possible"),
    [
        ("db-custom-2-8192", True),
        ("db-custom-1-3840", True),
        ("db-custom-3-8192", False),
        ("db-custom-2-8200", False),
        ("db-custom-2-16384", False),
        ("db-custom-1-3072", False),
        ("db-f1-micro", True),
        ("db-nonsense", False),
    ],
)
def test_tiers(tier: str, possible: bool) -> None:
    known = cloud([])
    known.shared.get("sqladmin/tiers", lambda: {"db-f1-micro": ["europe-west1"]})
    assert (facts.tier_problem(known, tier, "europe-west1") == "") is possible
    assert "is not offered in mars" in facts.tier_problem(known, tier, "mars")


def test_flags_are_checked_by_their_kind() -> None:
    known = cloud([])
    offered: dict[str, dict[str, Any]] = {
        "autovacuum": {"type": "BOOLEAN"},
        "work_mem": {"type": "INTEGER", "minValue": "64", "maxValue": "1000"},
        "log_statement": {"type": "STRING", "allowedStringValues": ["none", "all"]},
        "max_connections": {"type": "INTEGER", "minValue": "14", "requiresRestart": True},
    }
    known.shared.get("sqladmin/flags/POSTGRES_17", lambda: offered)
    good = {"autovacuum": "on", "work_mem": "64", "log_statement": "all", "max_connections": "200"}
    bad = {"autovacuum": "true", "work_mem": "63", "log_statement": "some", "max_connections": "many", "nothing": "1"}
    assert {name for name, value in good.items() if facts.flag_problem(known, "POSTGRES_17", name, value)} == set()
    assert {name for name, value in bad.items() if facts.flag_problem(known, "POSTGRES_17", name, value)} == set(bad)
    assert [name for name in offered if facts.needs_restart(known, "POSTGRES_17", name)] == ["max_connections"]


def difference(have: dict[str, Any], want: dict[str, Any]) -> Plan:
    return plan({"settings": want}, {"settings": have}, FIELDS)


def test_which_flags_a_change_touches() -> None:
    def flags(**values: str) -> dict[str, Any]:
        return {"databaseFlags": [{"name": name, "value": value} for name, value in values.items()]}

    assert facts.changed_flags(difference({}, flags(a="1", b="2"))) == {"a", "b"}
    assert facts.changed_flags(difference(flags(a="1", b="2", c="3"), flags(a="1", b="5", d="4"))) == {"b", "c", "d"}


def test_numbers_are_words_and_disks_grow_by_themselves() -> None:
    assert not difference({"dataDiskSizeGb": "128", "storageAutoResizeLimit": "0"}, {"dataDiskSizeGb": "128"})
    assert difference({"dataDiskSizeGb": "256"}, {"dataDiskSizeGb": "128"})
    assert at_least("128", "256")
    assert not at_least("256", "128")


def test_a_change_of_a_replica_to_another_primary_is_refused() -> None:
    replica = {**instance("ml-gcp-dev-copy-1", "copy"), "masterInstanceName": "project-1:ml-gcp-dev-main-1"}
    made = server(cloud([MAIN, replica]), "copy")
    observed = made.read()
    assert observed is not None
    moved = plan({"masterInstanceName": "ml-gcp-dev-main-2"}, observed.values, FIELDS)
    assert "cannot be given another primary" in made.check_update(observed, moved)
    assert not plan({"masterInstanceName": "ml-gcp-dev-main-1"}, observed.values, FIELDS)
