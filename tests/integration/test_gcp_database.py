"""Databases on Google Cloud: made, unchanged, drifted, repaired, destroyed, refused; seen by Google's own clients."""

from __future__ import annotations

import base64
import copy
import json
import time
from typing import Any

import pytest
from module_utils._engine.errors import SpecError
from module_utils._engine.report import Report

from sandbox.core.connection import GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.google_stores import BASE, Google, acts, asked, changed, done, run, seen

NETWORK: dict[str, Any] = {"addresses": sites.SLOTS}
MAIN: dict[str, Any] = {"name": "main", "databases": ["app", "audit"], "users": [{"name": "app"}]}
PROJECT = f"projects/{GCP_PROJECT}"


@pytest.fixture
def cloud() -> str:
    return "gcp"


@pytest.fixture
def google(sandbox: Sandbox) -> Google:
    return Google(sandbox)


def specs(server: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {"network": NETWORK, "database": {"servers": [{**copy.deepcopy(server or MAIN), **changes}]}}


def made(site: dict[str, Any], wanted: dict[str, Any], **options: Any) -> Report:
    return done(run(site, wanted, **options))


def servers(google: Google) -> dict[str, dict[str, Any]]:
    """By the name that people know."""
    found = google("sqladmin").instances().list(project=GCP_PROJECT).execute().get("items", [])
    return {each["settings"]["userLabels"]["database-server"]: each for each in found}


def secrets(google: Google) -> list[str]:
    """Ids of those in use."""
    found = google("secretmanager").projects().secrets().list(parent=PROJECT).execute().get("secrets", [])
    return sorted(each["name"].rpartition("/")[2] for each in found if "soft-deleted" not in each["labels"])


def change(google: Google, name: str, settings: dict[str, Any]) -> None:
    finish(
        google, google("sqladmin").instances().patch(project=GCP_PROJECT, instance=name, body={"settings": settings})
    )


def finish(google: Google, request: Any) -> None:
    """Send it, and wait for its operation."""
    operation = request.execute()
    while operation["status"] != "DONE":
        time.sleep(0.05)
        operation = google("sqladmin").operations().get(project=GCP_PROJECT, operation=operation["name"]).execute()


def test_a_whole_life(site: dict[str, Any], sandbox: Sandbox, google: Google) -> None:
    wanted = specs(replicas=[{"name": "copy"}, {"name": "far", "region": "europe-west3"}])
    predicted = acts(run(site, wanted, check=True))
    report = made(site, wanted)
    assert acts(report) == predicted
    found = servers(google)
    assert sorted(found) == ["copy", "far", "main"]
    assert found["far"]["region"] == "europe-west3"
    assert found["main"]["settings"]["ipConfiguration"]["ipv4Enabled"] is False
    shown = report.outputs["database"]["servers"]["main"]
    assert shown["id"] == f"{PROJECT}/instances/{found['main']['name']}"
    assert shown["users"]["app"]["secret"] == f"{PROJECT}/secrets/{BASE}-main-app"
    assert shown["replicas"]["far"]["id"].endswith(found["far"]["name"])
    assert secrets(google) == [f"{BASE}-main-app", f"{BASE}-main-postgres"]

    since = seen(sandbox)
    assert acts(made(site, wanted)) == {}
    assert asked(sandbox, since, writes=True) == []
    stores = [each for each in asked(sandbox, since) if each.startswith(("sql", "secretmanager"))]
    # One list of each kind; no value is fetched.
    assert sorted(stores) == [
        "secretmanager.projects.secrets.list",
        "sql.databases.list",
        "sql.instances.list",
        "sql.users.list",
    ]

    name = found["main"]["name"]
    change(google, name, {"tier": "db-custom-4-16384", "userLabels": {"team": "theirs"}})
    finish(google, google("sqladmin").databases().delete(project=GCP_PROJECT, instance=name, database="audit"))
    finish(google, google("sqladmin").users().delete(project=GCP_PROJECT, instance=name, name="app"))
    repaired = made(site, wanted)
    assert acts(repaired) == {
        f"gcp.sql.instance {BASE}-main": "update",
        f"gcp.sql.database {BASE}-main-audit": "create",
        f"gcp.sql.user {BASE}-main-app": "update",
    }
    assert servers(google)["main"]["settings"]["userLabels"]["team"] == "theirs"
    assert acts(made(site, wanted)) == {}

    gone = made(site, wanted, state="absent", find_orphans=True)
    assert gone.orphans == []
    assert servers(google) == {}
    assert secrets(google) == []
    assert {each["kind"] for each in gone.kept or ()} == {"gcp.secretmanager.secret"}


def test_settings_follow_the_specification(site: dict[str, Any], google: Google) -> None:
    made(site, specs())
    steps: list[tuple[dict[str, Any], list[str]]] = [
        ({"storage_gb": 256}, ["settings.dataDiskSizeGb"]),
        ({"size": "large"}, ["settings.tier"]),
        ({"high_availability": True}, ["settings.availabilityType"]),
        ({"backup_retention_days": 3}, [
            "settings.backupConfiguration.backupRetentionSettings.retainedBackups",
            "settings.backupConfiguration.transactionLogRetentionDays",
        ]),
        ({"parameters": {"max_connections": "300"}}, ["settings.databaseFlags"]),
        ({"parameters": {"max_connections": "400"}}, ["settings.databaseFlags[max_connections].value"]),
        ({"parameters": {}}, ["settings.databaseFlags[max_connections]"]),
        ({"maintenance_window": {"start_time": "04:00", "days": ["sunday"]}}, ["settings.maintenanceWindow"]),
        ({"version": "18"}, ["databaseVersion"]),
        ({"users": [{"name": "app", "state": "absent"}]}, []),
    ]  # fmt: skip
    options: dict[str, Any] = {}
    for option, paths in steps:
        options |= option
        report = made(site, specs(**options))
        assert [path for path in changed(report) if "." in path or path == "databaseVersion"] == paths, option
        assert acts(made(site, specs(**options))) == {}, option
    main = servers(google)["main"]
    assert main["settings"]["availabilityType"] == "REGIONAL"
    assert main["databaseVersion"] == "POSTGRES_18"
    assert secrets(google) == [f"{BASE}-main-postgres"]
    # A disk that grew by itself is no drift.
    change(google, main["name"], {"dataDiskSizeGb": "300"})
    assert acts(made(site, specs(**options))) == {}


def test_what_interrupts_is_said_and_refused_in_prod(site: dict[str, Any]) -> None:
    prod = {**site, "environment": "prod", "site": "gcp-dev"}
    quiet: dict[str, Any] = {"deletion_protection": False, "final_snapshot": False}
    made(prod, specs(**quiet))
    with pytest.raises(SpecError, match=r"settings.tier, the flag max_connections restarts the server.*allow_disrupt"):
        run(prod, specs(**quiet, size="large", parameters={"max_connections": "300"}))
    assert changed(made(prod, specs(**quiet, parameters={"work_mem": "8192", **_logged()}))) != []
    report = made(prod, specs(**quiet, size="large"), allow_disruption=True)
    assert [entry.disruptive for entry in report.entries if entry.kind == "gcp.sql.instance"] == [True]


def _logged() -> dict[str, str]:
    return dict.fromkeys(("log_checkpoints", "log_connections", "log_disconnections", "log_lock_waits"), "on")


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("shrunk", {"storage_gb": 64, "storage_autogrow": False}, "storage cannot shrink: it is 128 GB, asked for 64"),
    ("downgraded", {"version": "15"}, "the version cannot go back: it is POSTGRES_17, asked for POSTGRES_15"),
    ("no such flag", {"parameters": {"max_conections": "5"}}, "max_conections is not a flag of POSTGRES_17"),
    ("flag out of range", {"parameters": {"max_connections": "1"}}, r"max_connections: 1 is out of range \(14 to"),
    ("no such tier", {"gcp": {"tier": "db-custom-3-8192"}}, "db-custom-3-8192 is not possible: 1 vCPU, or an even"),
    ("encrypted later", {"encryption": "customer"}, "cannot be changed after creation: diskEncryptionConfiguration"),
]


def test_what_cannot_be_is_refused_before_anything_is_touched(
    site: dict[str, Any], sandbox: Sandbox, google: Google
) -> None:
    made(site, specs(version="17"))
    since = seen(sandbox)
    for what, options, words in REFUSED:
        with pytest.raises(SpecError, match=words):
            run(site, specs(**{"version": "17", **options}))
        assert asked(sandbox, since, writes=True) == [], what
    new = {"name": "new", "gcp": {"tier": "db-custom-3-8192"}, "parameters": {"nonsense": "1"}}
    with pytest.raises(SpecError, match=r"Database server new: the tier.*nonsense is not a flag"):
        run(site, specs(new))
    with pytest.raises(SpecError, match=r"not made by this restore, and a restore never overwrites"):
        run(site, specs(restore={"server": "other"}))
    with pytest.raises(SpecError, match=r"neither such a server nor any backup"):
        run(site, specs({"name": "new", "restore": {"server": "other"}}))
    change(google, servers(google)["main"]["name"], {"deletionProtectionEnabled": True})
    with pytest.raises(SpecError, match="deletion protection is on"):
        run(site, specs(), state="absent")
    assert [each for each in asked(sandbox, since, writes=True) if each != "sql.instances.patch"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"high_availability": True, "backup_retention_days": 0, "point_in_time_recovery": False}, "second zone only"),
        ({"version": "17.5"}, "takes major versions"),
        ({"engine": "sqlserver"}, r"port 1433 is closed.*data_ports: \[5432, 6379, 1433\]"),
        ({"gcp": {"tier": "db-perf-optimized-N-2"}}, "does not belong to the edition ENTERPRISE"),
        ({"users": [{"name": "app", "databases": ["app"]}]}, "may use every database of their server, audit too"),
        ({"users": [{"name": "postgres"}]}, "this is the administrator"),
        ({"maintenance_window": {"start_time": "04:00"}}, "one day of the week"),
    ],
)
def test_what_cloud_sql_cannot_honour_is_said(site: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        run(site, specs(**options))


def test_private_services_access_is_needed(site: dict[str, Any]) -> None:
    wanted = specs()
    wanted["network"] = {**NETWORK, "gcp": {"private_services_access": False}}
    with pytest.raises(SpecError, match=r"private_services_access: true"):
        run(site, wanted)


def test_the_module_refers_to_the_network(site: dict[str, Any], google: Google) -> None:
    made(site, {"network": NETWORK})
    report = made(site, specs(), refers=("network",))
    assert {name.split()[0] for name in acts(report)} == {
        *("gcp.serviceusage.services", "gcp.secretmanager.secret", "gcp.sql.instance"),
        *("gcp.sql.user", "gcp.sql.database"),
    }
    assert acts(made(site, specs(), refers=("network",))) == {}
    made(site, specs(), refers=("network",), state="absent")
    assert servers(google) == {}


def test_sql_server(site: dict[str, Any], google: Google) -> None:
    network = {**NETWORK, "data_ports": [5432, 6379, 1433]}
    server = {"name": "erp", "engine": "sqlserver", "databases": ["erp"], "users": [{"name": "erp"}]}
    wanted = {"network": network, "database": {"servers": [server]}}
    report = made(site, wanted)
    assert servers(google)["erp"]["databaseVersion"] == "SQLSERVER_2022_STANDARD"
    shown = report.outputs["database"]["servers"]["erp"]
    assert (shown["port"], shown["admin"]["username"]) == (1433, "sqlserver")
    assert acts(made(site, wanted)) == {}
    server["replicas"] = [{"name": "copy"}]
    with pytest.raises(SpecError, match="edition: enterprise only"):
        run(site, wanted)
    del server["replicas"]
    made(site, wanted, state="absent")


def test_keys_of_ones_own(site: dict[str, Any], google: Google) -> None:
    wanted = specs(encryption="customer", replicas=[{"name": "far", "region": "europe-west3"}])
    wanted["secret_store"] = {"encryption": "customer"}
    made(site, wanted)
    found = servers(google)
    for server, region in (("main", sites.REGIONS["gcp"]), ("far", "europe-west3")):
        assert f"/locations/{region}/" in found[server]["diskEncryptionConfiguration"]["kmsKeyName"]
    assert acts(made(site, wanted)) == {}
    assert done(run(site, wanted, state="absent", find_orphans=True)).orphans == []


def test_a_replica_is_promoted_when_it_has_caught_up(site: dict[str, Any], sandbox: Sandbox, google: Google) -> None:
    made(site, specs(replicas=[{"name": "copy"}]))
    promoted = specs(replicas=[{"name": "copy", "promote": True, "max_lag_seconds": 30}])
    sandbox.set_quotas("gcp", {"SQL_REPLICA_LAG_SECONDS": 45})
    since = seen(sandbox)
    with pytest.raises(SpecError, match=r"it is 45.* behind its primary, more than max_lag_seconds \(30\)"):
        run(site, promoted)
    assert asked(sandbox, since, writes=True) == []
    sandbox.set_quotas("gcp", {"SQL_REPLICA_LAG_SECONDS": 0})
    assert acts(made(site, promoted)) == {f"gcp.sql.instance {BASE}-copy": "update"}
    copied = servers(google)["copy"]
    assert copied["instanceType"] == "CLOUD_SQL_INSTANCE"
    assert copied["settings"]["backupConfiguration"]["enabled"] is True
    assert acts(made(site, promoted)) == {}
    with pytest.raises(SpecError, match="cannot become a replica again"):
        run(site, specs(replicas=[{"name": "copy"}]))


def test_a_name_that_is_still_taken_is_passed_over(site: dict[str, Any], sandbox: Sandbox, google: Google) -> None:
    """Cloud SQL gives a name free a week after its instance is deleted."""
    sandbox.set_quotas("gcp", {"SQL_DELETED_NAME_DAYS": 7})
    made(site, specs())
    first = servers(google)["main"]["name"]
    made(site, specs(), state="absent")
    made(site, specs())
    second = servers(google)["main"]["name"]
    assert first != second
    assert second.startswith(f"{BASE}-main-")
    assert acts(made(site, specs())) == {}


@pytest.mark.parametrize("encryption", ["provider", "customer"])
def test_final_backups_are_named(site: dict[str, Any], google: Google, encryption: str) -> None:
    wanted = specs(final_snapshot=True, encryption=encryption)
    made(site, wanted)
    gone = made(site, wanted, state="absent", find_orphans=True)
    notes = [entry.note for entry in gone.entries if entry.kind == "gcp.sql.instance"]
    assert "a final backup for 365 days" in notes[0]
    left = google("sqladmin").Backups().ListBackups(parent=PROJECT).execute()["backups"]
    assert sorted(each["type"] for each in left) == ["AUTOMATED", "FINAL"]
    told = {each["id"]: each["kept"] for each in gone.kept or () if each["kind"] == "gcp.sql.backup"}
    assert set(told) == {each["name"] for each in left}
    assert gone.orphans == []
    keys = [each["name"] for each in gone.kept or () if each["kind"] == "gcp.kms.key"]
    assert keys == ([f"{BASE}-database"] if encryption == "customer" else []), "the key that they are read with"
    assert acts(made(site, wanted, state="absent")) == {}
    back = specs({"name": "back", "encryption": encryption, "restore": {"server": "main"}})
    made(site, back)
    assert sorted(servers(google)) == ["back"]
    assert acts(made(site, back)) == {}


def test_no_password_is_shown(site: dict[str, Any], sandbox: Sandbox, google: Google) -> None:
    report = made(site, specs(rotate=True))
    api = google("secretmanager").projects().secrets().versions()
    payloads = [api.access(name=f"{PROJECT}/secrets/{each}/versions/latest").execute() for each in secrets(google)]
    values = [json.loads(_decoded(each["payload"]["data"]))["password"] for each in payloads]
    assert len(set(values)) == 2
    said = json.dumps([report.as_dict(), report.summary(), sandbox.journal("gcp")], default=str)
    assert not any(value in said for value in values)


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode()
