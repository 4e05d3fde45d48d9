"""Databases on Google Cloud with real rows: backups that outlive them, and restores."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from module_utils._backup import Stores, back_up, look
from module_utils._engine.errors import SpecError
from module_utils._module import CAPABILITIES
from module_utils._restore import Request, Restored, restore
from module_utils._run import Wanted
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

from sandbox.engines import missing
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.google_rows import NETWORK, PROJECT, Killed, insert, killed_after, rows, specs
from tests.integration.google_stores import BASE, Google, acts, done, run

pytestmark = pytest.mark.skipif(bool(missing("postgres")), reason="PostgreSQL is not installed")


@pytest.fixture
def cloud() -> str:
    return "gcp"


@pytest.fixture
def google(sandbox: Sandbox) -> Google:
    return Google(sandbox)


def stores(site: dict[str, Any]) -> Stores:
    return Stores(build(Site, site), database=build(CAPABILITIES["database"], specs()["database"]))


def wanted(site: dict[str, Any]) -> Wanted:
    return Wanted(build(Site, site), **{name: build(CAPABILITIES[name], part) for name, part in specs().items()})


def bring_back(site: dict[str, Any], **request: Any) -> Restored:
    restored = restore(wanted(site), Request("main", **request), sites.options())
    assert not restored.report.failed, restored.report.summary()
    return restored


@pytest.fixture
def filled(site: dict[str, Any], google: Google) -> dict[str, Any]:
    """A site with a database of 1000 rows, as the options of the site."""
    done(run(site, specs()))
    insert(google, 1000)
    return site


def test_a_destroyed_database_comes_back_with_its_rows(filled: dict[str, Any], google: Google) -> None:
    report = back_up(stores(filled), "before", sites.options())
    assert sorted(acts(report)) == [
        f"gcp.sql.backup {BASE}-main-before",
        f"gcp.sql.backup_retention {BASE}-main",
    ]
    assert report.outputs["database"]["main"].startswith(f"{PROJECT}/backups/")
    again = back_up(stores(filled), "before", sites.options())
    assert acts(again) == {}
    insert(google, 5)  # after the backup
    gone = done(run(filled, specs(), state="absent", find_orphans=True))
    assert gone.orphans == []
    assert report.outputs["database"]["main"] in {each["id"] for each in gone.kept or ()}

    findings = look(stores(filled), 60, retry_timeout=10)
    told = findings.stores[0]
    assert (told["exists"], findings.within_rpo) == (False, True)
    assert [each["label"] for each in told["backups"] if each["kind"] == "manual"] == ["before"]

    done(run(filled, {"network": NETWORK}))
    restored = bring_back(filled, as_="back", label="before", promote=True)
    assert restored.verified
    assert restored.promoted
    assert restored.former is None
    assert restored.restore_seconds is not None
    assert restored.restored_to is not None
    assert restored.data_age_seconds is not None
    assert rows(google) == 1000
    assert acts(done(run(filled, specs()))) == {}
    assert not bring_back(filled, as_="back", label="before", promote=True).report.changed


def test_any_moment_can_be_restored_beside_the_original(filled: dict[str, Any], google: Google) -> None:
    time.sleep(1.1)
    moment = datetime.now(UTC)
    time.sleep(1.1)
    insert(google, 500)
    restored = bring_back(filled, as_="then", time=moment.isoformat())
    assert restored.verified
    assert (rows(google, f"{BASE}-then-app", "app", "then"), rows(google)) == (1000, 1500)
    with pytest.raises(SpecError, match="is not within what can be restored"):
        bring_back(filled, as_="long-ago", time="2020-01-01T00:00:00Z")

    latest = bring_back(filled, as_="now", promote=True)
    assert latest.former == "main-before-now"
    assert rows(google) == 1500
    left = done(run(filled, specs(), find_orphans=True))
    assert acts(left) == {}
    held = {each["name"] for each in left.orphans or () if each["kind"] == "gcp.sql.instance"}
    assert len(held) == 2, "the former server, and the one that was restored for inspection"
    insert(google, 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_restore_killed_along_the_way_is_finished_by_the_same_call(
    filled: dict[str, Any], sandbox: Sandbox, google: Google
) -> None:
    """From a backup, and as a clone: made once, with the rows, under the name, and every password agrees."""
    back_up(stores(filled), "before", sites.options())
    killed = 0
    for count in range(1, 60, 4):
        request = {"as_": f"again{count}", "label": "before" if count % 8 == 1 else None, "promote": True}
        try:
            with killed_after(sandbox, count):
                report = bring_back(filled, **request).report
        except (Killed, AssertionError):
            killed += 1
        else:
            assert not report.failed
            break
        assert bring_back(filled, **request).promoted, count
        assert rows(google) == 1000, count
        assert acts(done(run(filled, specs()))) == {}, count
    assert killed > 3
