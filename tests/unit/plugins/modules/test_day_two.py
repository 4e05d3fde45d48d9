"""Backups and restores over the fake cloud, whose servers have rows and logins that a backup keeps."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import params

SITE = {**{name: params()[name] for name in ("cloud", "region", "platform", "account")}, "site": "aws-dev"}
NETWORK = params()["network"]


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def world(fake_cloud: Path, fake: Any) -> Iterator[Path]:
    """The site's state file. Nothing kills afterwards."""
    yield fake_cloud / "aws-dev.json"
    fake.World.hook = staticmethod(lambda moment: None)


@pytest.fixture
def act(collection: str, world: Path) -> Any:
    """One call of a module, without a process that ends."""

    def run(module: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
        name = "_day_two" if module in ("backup", "backup_info", "restore") else "_module"
        owner = importlib.import_module(f"{collection}.module_utils.{name}")
        spec = owner.arguments(module)
        given = {**{key: option.get("default") for key, option in spec.items()}, **SITE, **arguments}
        outcome = owner.carry_out(module, given, check=check, missing_library=lambda library, reason: library)
        return {**outcome.result, "failed": outcome.failed, "warnings": outcome.warnings}

    return run


def die(now: bool) -> None:
    if now:
        raise Killed


def database(*servers: dict[str, Any]) -> dict[str, Any]:
    return {"servers": list(servers or ({"name": "main"},))}


def load(world: Path) -> dict[str, Any]:
    return dict(json.loads(world.read_text()))


def servers(world: Path) -> dict[str, dict[str, Any]]:
    """The servers by what they are called."""
    found = [thing for key, thing in load(world).items() if key.startswith("fake.server/")]
    assert len({thing["logical"] for thing in found}) == len(found)
    return {thing["logical"]: thing for thing in found}


def write(world: Path, server: str, *rows: str) -> None:
    state = load(world)
    for thing in state.values():
        if thing.get("logical") == server:
            thing["data"] = list(rows)
    world.write_text(json.dumps(state))


def secrets(world: Path) -> dict[str, Any]:
    return {key.partition("/")[2]: thing for key, thing in load(world).items() if key.startswith("fake.secret/")}


def prepared(act: Any, world: Path, environment: str = "dev") -> None:
    """A server with a backup of two rows, and a third row since."""
    made = act("site", network=NETWORK, database=database(), environment=environment)
    assert not made["failed"], made["msg"]
    write(world, "main", "one", "two")
    assert not act("backup", label="before", database=database(), environment=environment)["failed"]
    write(world, "main", "one", "two", "three")


def bring_back(act: Any, **more: Any) -> dict[str, Any]:
    request = {"server": "main", "as": "main-restored", "label": "before", **more}
    return dict(act("restore", **{"network": NETWORK, "database": database(), **request}))


def stands(world: Path) -> None:
    """The promoted server has the backup's rows and takes the password that the store holds; the former one is kept."""
    found = servers(world)
    assert set(found) == {"main", "main-before-main-restored"}
    assert found["main"]["data"] == ["one", "two"]
    assert found["main-before-main-restored"]["data"] == ["one", "two", "three"]
    assert set(secrets(world)) == {"main-admin"}
    values = secrets(world)["main-admin"]["values"]
    assert set(values) == {"current"}
    assert json.loads(values["current"])["password"] == found["main"]["logins"]["admin"]


def test_a_backup_is_made_once_per_label(act: Any, world: Path) -> None:
    act("site", network=NETWORK, database=database())
    predicted = act("backup", check=True, label="one", database=database())
    assert predicted["changed"]
    first = act("backup", label="one", database=database())
    assert [item["action"] for item in first["resources"]] == ["create"]
    assert first["outputs"]["label"] == "one"
    write(world, "main", "later")
    again = act("backup", label="one", database=database())
    assert not again["changed"]
    assert [thing["data"] for key, thing in load(world).items() if key.startswith("fake.backup/")] == [[]]
    assert act("backup", label="two", database=database())["changed"]


@pytest.mark.parametrize("label", ["", "Big", "a--b", "-a", "a-", "a_b", "1a", "a" * 41])
def test_a_label_is_legal_on_every_cloud(act: Any, world: Path, label: str) -> None:
    refused = act("backup", label=label, database=database())
    assert refused["failed"]
    assert f"label: {label!r} must be 1 to 40" in refused["msg"]


def test_freshness_is_told_and_does_not_fail(act: Any, world: Path) -> None:
    prepared(act, world)
    cache = {"instances": [{"name": "sessions"}]}
    fresh = act("backup_info", database=database(), cache=cache, rpo_minutes=60)
    assert not fresh["failed"]
    assert fresh["within_rpo"] is True
    assert {item["name"]: item["within_rpo"] for item in fresh["stores"]} == {"main": True, "sessions": None}
    assert [each["label"] for each in fresh["stores"][0]["backups"]] == ["before"]
    wanted = database({"name": "main"}, {"name": "never-made"}, {"name": "gone", "state": "absent"})
    late = act("backup_info", database=wanted, rpo_minutes=60)
    assert not late["failed"]
    assert late["within_rpo"] is False
    assert {item["name"]: item["within_rpo"] for item in late["stores"]} == {
        "main": True,
        "never-made": False,
        "gone": None,
    }
    assert act("backup_info", database=database())["within_rpo"] is None
    assert act("backup_info", database=database(), rpo_minutes=0)["failed"]


def test_age_counts_from_the_newest_backup(act: Any, world: Path) -> None:
    prepared(act, world)
    state = {key: thing for key, thing in load(world).items() if not key.startswith("fake.server/")}
    for thing in state.values():
        if "taken" in thing:
            thing["taken"] -= 7200
    world.write_text(json.dumps(state))
    look = act("backup_info", database=database(), rpo_minutes=100)
    assert look["within_rpo"] is False
    assert 7200 <= look["stores"][0]["age_seconds"] < 7300
    assert not look["stores"][0]["exists"]
    assert act("backup_info", database=database(), rpo_minutes=130)["within_rpo"] is True


def test_a_restored_server_stands_beside_the_original(act: Any, world: Path) -> None:
    prepared(act, world)
    predicted = bring_back(lambda module, **more: act(module, check=True, **more))
    assert predicted["changed"]
    assert set(servers(world)) == {"main"}
    assert predicted["verified"] is False
    done = bring_back(act)
    assert not done["failed"], done["msg"]
    assert {item["name"]: item["action"] for item in predicted["resources"]} == {
        item["name"]: item["action"] for item in done["resources"]
    }
    assert servers(world)["main-restored"]["data"] == ["one", "two"]
    assert servers(world)["main"]["data"] == ["one", "two", "three"]
    assert done["verified"]
    assert done["verification"] == "main-restored answers as version 16.4 with 1 databases."
    assert done["restore_seconds"] is not None
    assert done["data_age_seconds"] is not None
    assert done["restored_to"]
    assert (done["promoted"], done["former"]) == (False, None)
    again = bring_back(act)
    assert not again["changed"]
    assert again["verified"]
    assert again["restored_to"] == done["restored_to"]


def test_a_restored_server_has_a_password_of_its_own(act: Any, world: Path) -> None:
    prepared(act, world)
    bring_back(act)
    passwords = {name: thing["logins"]["admin"] for name, thing in servers(world).items()}
    assert len(set(passwords.values())) == 2
    for name, password in passwords.items():
        assert password in secrets(world)[f"{name}-admin"]["values"]["current"]
        assert password not in json.dumps(bring_back(act))


def test_a_restored_server_is_promoted_by_name(act: Any, world: Path) -> None:
    prepared(act, world)
    done = bring_back(act, promote=True)
    assert not done["failed"], done["msg"]
    assert (done["promoted"], done["former"], done["verified"]) == (True, "main-before-main-restored", True)
    stands(world)
    again = bring_back(act, promote=True)
    assert not again["failed"], again["msg"]
    assert not again["changed"]
    assert (again["promoted"], again["former"], again["verified"]) == (True, "main-before-main-restored", True)
    assert again["restored_to"] == done["restored_to"]
    removed = act("database", network=NETWORK, database=database({"name": done["former"], "state": "absent"}))
    assert not removed["failed"], removed["msg"]
    assert set(servers(world)) == {"main"}
    assert not act("site", network=NETWORK, database=database())["changed"]


def test_after_the_original_is_gone(act: Any, world: Path) -> None:
    prepared(act, world)
    act("database", network=NETWORK, database=database({"name": "main", "state": "absent"}))
    assert not servers(world)
    done = bring_back(act, promote=True)
    assert not done["failed"], done["msg"]
    assert done["former"] is None
    assert {name: thing["data"] for name, thing in servers(world).items()} == {"main": ["one", "two"]}
    assert not act("site", network=NETWORK, database=database())["changed"]


def test_another_restore_under_the_same_name_is_not_taken_for_the_first(act: Any, world: Path) -> None:
    prepared(act, world)
    assert not bring_back(act)["failed"]
    act("backup", label="later", database=database())
    refused = bring_back(act, label="later")
    assert refused["failed"]
    assert servers(world)["main-restored"]["data"] == ["one", "two"]
    assert not bring_back(act, promote=True)["failed"]
    taken = bring_back(act, label="later", promote=True)
    assert "main would be kept as main-before-main-restored, but a server of that name exists" in taken["msg"]
    assert set(servers(world)) == {"main", "main-before-main-restored"}
    second = bring_back(act, label="later", promote=True, **{"as": "main-second"})
    assert not second["failed"], second["msg"]
    assert servers(world)["main"]["data"] == ["one", "two", "three"]
    assert servers(world)["main-before-main-second"]["data"] == ["one", "two"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_restore_that_is_killed_anywhere_is_finished_by_the_same_call(
    act: Any, world: Path, fake: Any, moment: str
) -> None:
    prepared(act, world)
    start, steps = world.read_text(), 0
    while True:
        world.write_text(start)
        left = iter([*[False] * steps, True])
        fake.World.hook = staticmethod(lambda now, left=left: die(now == moment and next(left, False)))
        try:
            finished = bring_back(act, promote=True)
        except Killed:
            finished = None
        fake.World.hook = staticmethod(lambda now: None)
        if finished:
            break
        steps += 1
        resumed = bring_back(act, promote=True)
        assert not resumed["failed"], resumed["msg"]
        assert resumed["promoted"]
        assert resumed["verified"]
        stands(world)
        assert not bring_back(act, promote=True)["changed"]
    assert steps >= 10  # secret, server, password (3), two names, password again (3), secret gone
    stands(world)


def test_what_cannot_be_reached_is_not_promoted_unless_allowed(
    act: Any, world: Path, monkeypatch: pytest.MonkeyPatch, collection: str
) -> None:
    monkeypatch.setattr(importlib.import_module(f"{collection}.module_utils._restore"), "REACH_SECONDS", 0.1)
    monkeypatch.setenv("FAKE_UNREACHABLE", "1")
    prepared(act, world)
    left = bring_back(act)
    assert not left["failed"]
    assert left["verified"] is False
    assert "no route to host" in left["verification"]
    refused = bring_back(act, promote=True)
    assert refused["failed"]
    assert "main-restored was restored but not promoted" in refused["msg"]
    assert "no route to host" in refused["msg"]
    assert set(servers(world)) == {"main", "main-restored"}
    allowed = bring_back(act, promote=True, allow_unverified=True)
    assert not allowed["failed"], allowed["msg"]
    assert (allowed["promoted"], allowed["verified"]) == (True, False)
    stands(world)


def test_what_stops_it_on_its_way_stands_beside_what_was_done(
    act: Any, world: Path, monkeypatch: pytest.MonkeyPatch, collection: str
) -> None:
    monkeypatch.setattr(importlib.import_module(f"{collection}.module_utils._restore"), "REACH_SECONDS", 0.1)
    monkeypatch.setenv("FAKE_UNREACHABLE", "1")
    prepared(act, world)
    stopped = bring_back(act, promote=True)
    assert stopped["failed"]
    assert stopped["changed"]
    assert "main-restored" in json.dumps(stopped["resources"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"server": "other"}, "there is no 'other' in database.servers"),
        ({"as": "main"}, "A restore never overwrites"),
        ({"as": "Main"}, "'Main' must be 1 to 30 lower-case letters"),
        ({"label": "nonsense"}, "main has no backup 'nonsense' that is ready. There are before."),
        ({"label": None, "time": "yesterday"}, "'yesterday' is not a moment with a time zone"),
        ({"label": None, "time": "2020-01-01T00:00:00Z"}, "is not within what can be restored of main"),
        ({"label": "before", "time": "2020-01-01T00:00:00Z"}, "give label or time, not both"),
    ],
)
def test_what_speaks_against_a_restore_is_told_before_anything_is_touched(
    act: Any, world: Path, more: dict[str, Any], words: str
) -> None:
    prepared(act, world)
    before = world.read_text()
    refused = bring_back(act, **more)
    assert refused["failed"]
    assert words in refused["msg"]
    assert world.read_text() == before


def test_an_entry_of_the_specification_is_never_restored_over(act: Any, world: Path) -> None:
    prepared(act, world)
    spec = database({"name": "main", "replicas": [{"name": "main-read"}]}, {"name": "second"})
    for name in ("second", "main-read"):
        refused = bring_back(act, database=spec, **{"as": name})
        assert f"'{name}' is a server of the specification" in refused["msg"]


def test_without_any_backup_there_is_nothing_to_restore(act: Any, world: Path) -> None:
    act("site", network=NETWORK, database=database({"name": "other"}))
    refused = bring_back(act, label=None)
    assert "there is no backup of main that could be restored" in refused["msg"]


def test_the_newest_state_is_dated_by_the_call_that_made_it(act: Any, world: Path) -> None:
    prepared(act, world)
    first = bring_back(act, label=None)
    assert not first["failed"], first["msg"]
    assert servers(world)["main-restored"]["data"] == ["one", "two", "three"]
    assert first["restored_to"]
    again = bring_back(act, label=None)
    assert again["restored_to"] is None
    assert again["data_age_seconds"] is None


def test_promotion_in_prod_needs_no_other_word(act: Any, world: Path) -> None:
    prepared(act, world, environment="prod")
    done = bring_back(act, promote=True, environment="prod")
    assert not done["failed"], done["msg"]
    assert done["promoted"]
