"""What the specification of databases and secrets becomes on Google Cloud."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import SpecError
from module_utils._engine.graph import Graph
from module_utils._engine.plan import Unknown, holds_unknown
from module_utils._gcp.driver import GcpDriver
from module_utils._gcp.secrets import Secret, SecretVault, identity
from module_utils._spec.cluster import MaintenanceWindow
from module_utils._spec.database import Database, DatabaseServer, DatabaseUser, GcpDatabase, Replica
from module_utils._spec.network import GcpNetwork, Network
from module_utils._spec.secret_store import Secret as SecretSpec
from module_utils._spec.secret_store import SecretStore
from module_utils._spec.site import Site

BASE = "ml-gcp-dev"


def site(environment: Any = "dev") -> Site:
    return Site("gcp", "europe-west1", "ml", "project-1", site="gcp-dev", environment=environment)


def build(environment: Any = "dev", *, network: dict[str, Any] | None = None, **options: Any) -> Any:
    place = site(environment)
    driver = GcpDriver(place, SystemClock())
    for known in ("sqladmin/instances", "secretmanager/secrets"):
        driver.cloud.shared.get(known, dict)
    net = Network(addresses={"gcp-dev": "1"}, **(network or {})).resolve(place)
    spec = Database((DatabaseServer("main", **options),)).resolve(place)
    secrets = driver.secret_store(SecretStore().resolve(place), managed=False)
    built = driver.database(spec, net, driver.network(net), secrets)
    Graph(built.resources)
    return built


def body(built: Any, name: str = f"{BASE}-main") -> dict[str, Any]:
    found = next(each for each in built.resources if each.kind == "gcp.sql.instance" and each.name == name)
    return dict(found.desired())


def test_environments_decide_what_is_left_open() -> None:
    dev, prod = body(build())["settings"], body(build("prod"))["settings"]
    assert (dev["availabilityType"], prod["availabilityType"]) == ("ZONAL", "REGIONAL")
    assert (dev["deletionProtectionEnabled"], prod["deletionProtectionEnabled"]) == (False, True)
    assert (dev["finalBackupConfig"]["enabled"], prod["finalBackupConfig"]["enabled"]) == (False, True)
    assert "retainBackupsOnDelete" not in dev
    assert prod["retainBackupsOnDelete"] is True
    assert prod["backupConfiguration"]["backupRetentionSettings"]["retainedBackups"] == 14
    assert prod["backupConfiguration"]["transactionLogRetentionDays"] == 7, "ENTERPRISE keeps no more"
    assert "databaseFlags" not in dev
    assert {each["name"] for each in prod["databaseFlags"]} >= {"log_connections", "log_lock_waits"}


def test_servers_are_private_and_speak_tls() -> None:
    config = body(build())["settings"]["ipConfiguration"]
    assert config["ipv4Enabled"] is False
    assert config["sslMode"] == "ENCRYPTED_ONLY"
    assert config["privateNetwork"] == "projects/project-1/global/networks/ml-gcp-dev"


def test_sizes_follow_the_edition() -> None:
    plus = GcpDatabase(edition="ENTERPRISE_PLUS")
    assert body(build(size="medium"))["settings"]["tier"] == "db-custom-4-16384"
    chosen = body(build(size="medium", gcp=plus, backup_retention_days=20))["settings"]
    assert chosen["tier"] == "db-perf-optimized-N-4"
    assert chosen["backupConfiguration"]["transactionLogRetentionDays"] == 20
    assert body(build(gcp=GcpDatabase(tier="db-f1-micro")))["settings"]["tier"] == "db-f1-micro"


def test_versions_of_both_engines() -> None:
    assert body(build())["databaseVersion"] == "POSTGRES_17"
    assert body(build(version="9.6"))["databaseVersion"] == "POSTGRES_9_6"
    sql_server = build(engine="sqlserver", version="2019", edition="web", network={"data_ports": (1433,)})
    assert body(sql_server)["databaseVersion"] == "SQLSERVER_2019_WEB"


def test_replicas_follow_their_primary_until_they_are_promoted() -> None:
    following = body(build(replicas=(Replica("copy", region="us-east1"),)), f"{BASE}-copy")
    assert isinstance(following["masterInstanceName"], Unknown)
    assert following["region"] == "us-east1"
    assert "backupConfiguration" not in following["settings"]
    alone = body(build(replicas=(Replica("copy", promote=True),)), f"{BASE}-copy")
    assert alone["masterInstanceName"] == ""
    assert alone["settings"]["backupConfiguration"]["enabled"] is True


def test_keys_stand_where_their_servers_are() -> None:
    built = build(encryption="customer", replicas=(Replica("copy", region="us-east1"), Replica("near")))
    keys = {each.location: each.name for each in built.resources if each.kind == "gcp.kms.key"}
    assert keys == {
        "projects/project-1/locations/europe-west1": f"{BASE}-database",
        "projects/project-1/locations/us-east1": f"{BASE}-database-us-east1",
    }
    given = build(
        encryption="customer", gcp=GcpDatabase(kms_key="projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k")
    )
    assert body(given)["diskEncryptionConfiguration"]["kmsKeyName"].endswith("/r/cryptoKeys/k")


def test_a_weekly_window() -> None:
    window = MaintenanceWindow("04:00", ("sunday",))
    assert body(build(maintenance_window=window))["settings"]["maintenanceWindow"] == {"day": 7, "hour": 4}


def test_a_body_knows_everything_but_its_primary() -> None:
    assert not holds_unknown(body(build(encryption="customer")))


@pytest.mark.parametrize("managed", [True, False])
def test_one_connection_for_everybody(managed: bool) -> None:
    place = site()
    driver = GcpDriver(place, SystemClock())
    options = {} if managed else {"gcp": GcpNetwork(existing_network="shared", existing_subnetwork="nodes")}
    net = Network(addresses={"gcp-dev": "1"}, **options).resolve(place)  # type: ignore[arg-type]
    built = driver.network(net, managed=managed)
    secrets = driver.secret_store(SecretStore().resolve(place), managed=False)
    spec = Database((DatabaseServer("main"),)).resolve(place)
    connections = [
        next(need for each in driver.database(spec, net, built, secrets).resources for need in each.needs
             if need.kind == "gcp.servicenetworking.connection")
        for _ in range(2)
    ]  # fmt: skip
    assert connections[0] is connections[1]
    assert connections[0].managed is managed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "17.5"}, "takes major versions, such as 17"),
        ({"engine": "sqlserver"}, "port 1433 is closed"),
        ({"high_availability": True, "point_in_time_recovery": False}, "only with backups and point-in-time recovery"),
        ({"gcp": GcpDatabase(tier="db-f1-micro"), "high_availability": True}, "cannot be highly available"),
        ({"gcp": GcpDatabase(tier="db-custom-2-8192", edition="ENTERPRISE_PLUS")}, "does not belong to the edition"),
        ({"databases": ("a", "b"), "users": (DatabaseUser("u", databases=("a",)),)}, "may use every database"),
        ({"maintenance_window": MaintenanceWindow("04:30", ("sunday",))}, "takes whole hours"),
        ({"maintenance_window": MaintenanceWindow("04:00", ("sunday",), 2)}, "duration_hours: Cloud SQL begins"),
    ],
)
def test_what_cloud_sql_cannot_honour(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        build(**options)


# -- secrets -----------------------------------------------------------------------------------------------------------


def store(*, managed: bool = True, **options: Any) -> Any:
    place = site()
    return GcpDriver(place, SystemClock()).secret_store(SecretStore(**options).resolve(place), managed=managed)


def test_secrets_stay_in_the_region() -> None:
    built = store(secrets=(SecretSpec("token"),), soft_delete_days=10)
    secret = next(each for each in built.resources if isinstance(each, Secret))
    assert secret.name == f"{BASE}-token"
    assert secret.desired()["replication"] == {"userManaged": {"replicas": [{"location": "europe-west1"}]}}
    assert secret.desired()["versionDestroyTtl"] == "864000s"


def test_a_store_that_is_referred_to_keeps_its_settings() -> None:
    for managed, mode in ((True, "mutable"), (False, "create-only")):
        vault: SecretVault = store(managed=managed).exports["vault"]
        place = vault.place("main-postgres")
        assert vault.place("main-postgres") is place
        assert place.fields.at("versionDestroyTtl").mode.value == mode
        assert place.fields.at("replication.userManaged.replicas").mode.value == mode


def test_users_may_be_named_as_sql_names_them() -> None:
    vault: SecretVault = store().exports["vault"]
    assert vault.place("main-app_reader").name == identity(vault.cloud, "main-app_reader") == f"{BASE}-main-app_reader"
