"""What portable databases become on Azure, and what is refused. No I/O."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from module_utils._azure import database_backups, kinds_postgresql, postgresql_words
from module_utils._azure.driver import AzureDriver
from module_utils._azure.kinds_postgresql import FlexibleServer
from module_utils._azure.kinds_postgresql_parts import moment
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import SpecError
from module_utils._engine.graph import Graph
from module_utils._engine.plan import Action, Change, Plan
from module_utils._engine.resource import Observed, Status
from module_utils._spec.cluster import MaintenanceWindow
from module_utils._spec.database import AzureDatabase, Database, DatabaseServer, Replica, Restore
from module_utils._spec.network import AzureNetwork, Network
from module_utils._spec.secret_store import Secret, SecretStore
from module_utils._spec.site import Site

SITE = Site("azure", "westeurope", "ml-platform", "00000000-0000-0000-0000-00000000bbbb")
PROD = dataclasses.replace(SITE, environment="prod")
NETWORK = Network(addresses={"azure-dev": "1", "azure-prod": "2"})
SQL: dict[str, Any] = {"engine": "sqlserver", "final_snapshot": False, "log_exports": False}


def databases(*servers: DatabaseServer, site: Site = SITE, network: Network = NETWORK) -> Any:
    made = AzureDriver(site, SystemClock())
    net = network.resolve(site)
    built = made.network(net, managed=not net.existing)
    secrets = made.secret_store(SecretStore().resolve(site))
    return made.database(Database(servers).resolve(site), net, built, secrets)


def one(built: Any, kind: str, name: str = "") -> Any:
    (found,) = {item.key: item for item in built.resources if item.kind == kind and name in item.name}.values()
    return found


def body(**options: Any) -> dict[str, Any]:
    found: dict[str, Any] = one(databases(DatabaseServer("main", **options)), "azure.postgresql.server").desired()
    return found


@pytest.mark.parametrize("site", [SITE, PROD], ids=["dev", "prod"])
def test_everything_is_one_graph_and_every_field_is_classed(site: Site) -> None:
    made = AzureDriver(site, SystemClock())
    net = NETWORK.resolve(site)
    network = made.network(net)
    secrets = made.secret_store(SecretStore((Secret("signing"),)).resolve(site))
    server = DatabaseServer("main", encryption="customer", databases=("app",), replicas=(Replica("copy"),))
    sql = DatabaseServer("erp", databases=("sales",), backup_retention_days=7, performance_insights=False, **SQL)
    built = made.database(Database((server, sql)).resolve(site), net, network, secrets)
    graph = Graph([*network.resources, *secrets.resources, *built.resources])
    for resource in graph.resources.values():
        if resource.kind not in ("azure.keyvault.vault", "azure.postgresql.server"):  # these ask the cloud
            assert resource.fields.unclassified(resource.desired()) == [], resource.key


def test_a_server_is_private_encrypted_and_told_by_its_tag() -> None:
    found = body(storage_gb=256, maintenance_window=MaintenanceWindow("03:30", ("monday", "friday")))
    properties = found["properties"]
    assert found["sku"] == {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"}
    assert found["tags"]["database-server"] == "main"
    assert properties["network"]["delegatedSubnetResourceId"].endswith("/subnets/data")
    assert properties["network"]["privateDnsZoneArmResourceId"].endswith(".private.postgres.database.azure.com")
    assert properties["storage"] == {"storageSizeGB": 256, "autoGrow": "Enabled"}
    window = {"customWindow": "Enabled", "dayOfWeek": 1, "startHour": 3, "startMinute": 30}
    assert properties["maintenanceWindow"] == window
    assert "administratorLoginPassword" not in str(found)


def test_an_existing_network_gets_a_subnet_and_a_zone_for_databases() -> None:
    subnet = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes"
    existing = Network(addresses={"azure-dev": "1"}, azure=AzureNetwork(existing_subnet_id=subnet))
    built = databases(DatabaseServer("main"), network=existing)
    made = one(built, "azure.network.subnet", "data")
    assert made.desired()["properties"]["delegations"][0]["properties"]["serviceName"] == FlexibleServer.type
    assert one(built, "azure.network.private_dns_link").desired()["properties"]["virtualNetwork"]["id"].endswith("/v")
    bare = Network(azure=AzureNetwork(existing_subnet_id=subnet))
    with pytest.raises(SpecError, match=r"network\.addresses"):
        databases(DatabaseServer("main"), network=bare)


def test_a_network_that_is_closed_to_databases_is_refused() -> None:
    with pytest.raises(SpecError, match="5432"):
        databases(DatabaseServer("main"), network=dataclasses.replace(NETWORK, data_ports=(6379,)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"storage_gb": 100}, "128 is the next"),
        ({"storage_gb": 40000}, "32767 is the most"),
        ({"max_storage_gb": 512}, "max_storage_gb"),
        ({"high_availability": True, "azure": AzureDatabase(sku="Standard_B2s")}, "Burstable tier"),
        ({"azure": AzureDatabase(high_availability_mode="SameZone")}, "needs high_availability"),
        ({"backup_retention_days": 0, "point_in_time_recovery": False}, "7 to 35"),
        ({"backup_window": "01:00"}, "backup_window"),
        ({"point_in_time_recovery": False}, "cannot be switched off"),
        ({"azure": AzureDatabase(geo_redundant_backup=True), "encryption": "customer"}, "second key"),
        ({"parameters": {"require_secure_transport": "off"}}, "TLS is required"),
        ({"azure": AzureDatabase(sku="D4s")}, "no size of a flexible server"),
        ({"replicas": (Replica("copy"),), "azure": AzureDatabase(sku="Standard_B2s")}, "no read replicas"),
    ],
)
def test_what_a_flexible_server_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        databases(DatabaseServer("main", **options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"edition": "web"}, "does not exist on Azure SQL"),
        ({"azure": AzureDatabase(sku="S3")}, "GP_Gen5_4"),
        ({"parameters": {"a": "b"}}, "no server parameters"),
        ({"final_snapshot": True}, "nothing is kept"),
        ({"restore": Restore("other")}, "only inside their own server"),
        ({"replicas": (Replica("copy"),)}, "replicas"),
        ({"version": "2022"}, "one version"),
        ({"storage_gb": 5000}, "4096 GiB at most"),
    ],
)
def test_what_azure_sql_cannot_honour_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        databases(DatabaseServer("erp", databases=("sales",), **{**SQL, **options}))


def test_an_azure_sql_database_carries_size_availability_and_storage() -> None:
    spec = DatabaseServer(
        "erp", databases=("sales",), edition="enterprise", size="large", high_availability=True, **SQL
    )
    found = one(databases(spec), "azure.sql.database").desired()
    assert found["sku"] == {"name": "BC_Gen5", "tier": "BusinessCritical", "family": "Gen5", "capacity": 8}
    wanted = {"maxSizeBytes": 128 * 1024**3, "zoneRedundant": True, "requestedBackupStorageRedundancy": "Zone"}
    assert found["properties"] == wanted


def test_parameters_hold_tls_and_insights_and_peoples_own() -> None:
    spec = DatabaseServer("main", performance_insights=True, parameters={"work_mem": "8192"})
    found = postgresql_words.parameters(spec)
    assert found["require_secure_transport"] == "on"
    assert (found["pg_qs.query_capture_mode"], found["work_mem"]) == ("top", "8192")


# -- changes -----------------------------------------------------------------------------------------------------------


def change(path: str, before: Any, after: Any) -> Plan:
    return Plan(Action.UPDATE, (Change(path, before, after, FlexibleServer.fields.at(path)),))


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (change("properties.version", "17", "16"), "never goes back"),
        (change("properties.storage.storageSizeGB", 256, 128), "can only grow"),
        (change("tags.restored-from", None, "main@newest"), "not made by a restore"),
        (change("properties.version", "16", "17"), ""),
        (change("properties.storage.storageSizeGB", 128, 256), ""),
    ],
)
def test_what_a_server_cannot_become_is_told_before_anything_is_touched(plan: Plan, words: str) -> None:
    server = one(databases(DatabaseServer("main")), "azure.postgresql.server")
    told = server.check_update(Observed({}, tags={}), plan)
    assert words in told if words else told == ""


@pytest.mark.parametrize(
    ("plan", "interrupts"),
    [
        (change("sku.name", "a", "b"), True),
        (change("properties.version", "16", "17"), True),
        (change("properties.storage.storageSizeGB", 2048, 8192), True),
        (change("properties.storage.storageSizeGB", 128, 256), False),
        (change("properties.backup.backupRetentionDays", 7, 14), False),
    ],
)
def test_what_interrupts_a_server(plan: Plan, interrupts: bool) -> None:
    server = one(databases(DatabaseServer("main")), "azure.postgresql.server")
    assert bool(server.disruption(Observed({}), plan)) is interrupts


@pytest.mark.parametrize(
    ("state", "status", "power"),
    [
        ("Ready", Status.READY, "on"),
        ("Stopped", Status.READY, "off"),
        ("Updating", Status.PENDING, "on"),
        ("SomethingNew", Status.PENDING, "on"),
        ("Dropping", Status.DELETING, "on"),
        ("Inaccessible", Status.FAILED, "on"),
    ],
)
def test_states_of_a_server(state: str, status: Status, power: str) -> None:
    server = one(databases(DatabaseServer("main")), "azure.postgresql.server")
    observed = server.observe({"id": "/x", "name": "x", "properties": {"state": state}})
    assert (observed.status, observed.values["power"]) == (status, power)


def test_an_autogrown_disk_stays_as_it_is() -> None:
    server = one(databases(DatabaseServer("main")), "azure.postgresql.server")
    server.raw = {"properties": {"storage": {"storageSizeGB": 512}, "state": "Ready"}}
    assert server.desired()["properties"]["storage"]["storageSizeGB"] == 512
    fixed = one(databases(DatabaseServer("main", storage_autogrow=False)), "azure.postgresql.server")
    fixed.raw = server.raw
    assert fixed.desired()["properties"]["storage"]["storageSizeGB"] == 128


# -- times -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-03-18T01:49:43.3333641+00:00", datetime(2026, 3, 18, 1, 49, 43, 333364, UTC)),
        ("2024-11-15T07:35:25.783Z", datetime(2024, 11, 15, 7, 35, 25, 783000, UTC)),
        ("2024-11-15T07:35:25Z", datetime(2024, 11, 15, 7, 35, 25, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_as_the_service_writes_them(text: str | None, wanted: datetime | None) -> None:
    assert moment(text) == wanted


class Log:
    """A session whose activity log and servers are given."""

    def __init__(self, events: list[tuple[str, str, str]], servers: list[dict[str, Any]]) -> None:
        self.site, self.subscription, self.client = SITE, "/subscriptions/s", self
        self._servers = servers
        self._events = [
            {
                "resourceId": f"/g/flexibleServers/{name}",
                "operationName": {"value": f"Microsoft.DBforPostgreSQL/flexibleServers/{verb}"},
                "status": {"value": "Succeeded"},
                "eventTimestamp": at,
            }
            for name, verb, at in events
        ]

    def once(self, key: str, ask: Any) -> Any:
        return self._servers

    def patient(self, ask: Any) -> Any:
        return ask()

    def pages(self, path: str, kind: str, query: Any = None) -> list[dict[str, Any]]:
        return self._events if "eventtypes" in path else []


NOW = datetime.now(UTC).isoformat()
GONE = "ml-platform-azure-dev-main-2a0501"


def test_a_dropped_server_is_found_in_the_activity_log_with_its_labels() -> None:
    events = [(GONE, "delete", NOW), (f"{GONE}/backups/nightly", "backups/write", NOW), ("other", "delete", NOW)]
    found = database_backups.source(Log(events, []), "main")  # type: ignore[arg-type]
    assert found is not None
    assert found.id.endswith(f"/{GONE}")
    assert list(found.backups) == ["nightly"]
    origin = database_backups.origin(Log(events, []), Restore("main", label="nightly"), "here")  # type: ignore[arg-type]
    assert origin["createMode"] == "ReviveDropped"
    old = [(GONE, "delete", "2020-01-01T00:00:00Z")]
    assert database_backups.source(Log(old, []), "main") is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("restore", "words"),
    [
        (Restore("main", label="weekly"), "no backup 'weekly'"),
        (Restore("main", time="2020-01-01T00:00:00Z"), "outside of what can be restored"),
        (Restore("main", time="2099-01-01T00:00:00Z"), "outside of what can be restored"),
        (Restore("nobody"), "no server 'nobody'"),
    ],
)
def test_what_cannot_be_restored(restore: Restore, words: str) -> None:
    living = {
        "id": "/x",
        "name": "x",
        "tags": {**SITE.all_tags, "database-server": "main"},
        "properties": {"backup": {"earliestRestoreDate": "2026-01-01T00:00:00Z"}},
    }
    with pytest.raises(SpecError, match=words):
        database_backups.origin(Log([], [living]), restore, "here")  # type: ignore[arg-type]


def test_a_server_without_a_first_backup_cannot_be_restored_yet() -> None:
    living = {"id": "/x", "name": "x", "tags": {**SITE.all_tags, "database-server": "main"}, "properties": {}}
    with pytest.raises(SpecError, match="first backup"):
        database_backups.origin(Log([], [living]), Restore("main"), "here")  # type: ignore[arg-type]


# -- replicas ----------------------------------------------------------------------------------------------------------


def sized(name: str, size: str, disk: int) -> dict[str, Any]:
    return {"id": name, "sku": {"name": size}, "properties": {"storage": {"storageSizeGB": disk}}}


@pytest.mark.parametrize(
    ("replica", "body", "first"),
    [
        (("Standard_D2ds_v5", 128), {"sku": {"name": "Standard_D4ds_v5"}}, True),
        (("Standard_D4ds_v5", 128), {"sku": {"name": "Standard_D4ds_v5"}}, False),
        (("Standard_D2ds_v5", 128), {"sku": {"name": "Standard_D2ds_v5"}}, False),
        (("Standard_D2ds_v5", 128), {"properties": {"storage": {"storageSizeGB": 256}}}, True),
        (("Standard_D2ds_v5", 256), {"properties": {"storage": {"storageSizeGB": 256}}}, False),
        (("Standard_D2ds_v5", 128), {"properties": {"storage": {"autoGrow": "Disabled"}}}, False),
    ],
)
def test_which_replicas_grow_before_their_primary(replica: tuple[str, int], body: dict[str, Any], first: bool) -> None:
    primary = sized("/p", "Standard_D2ds_v5", 128)
    assert kinds_postgresql._smaller(sized("/r", *replica), primary, body) is first


def test_a_replica_abroad_stands_in_a_peered_network_of_its_own() -> None:
    far, farther = Replica("far", region="North Europe"), Replica("farther", region="uksouth", state="absent")
    built = databases(DatabaseServer("main", replicas=(far, farther)))
    vnet = one(built, "azure.network.vnet", "northeurope")
    assert vnet.desired()["location"] == "northeurope"
    assert {peering.name for peering in built.resources if peering.kind == "azure.network.peering"} >= {
        f"{vnet.name}/home",
        "ml-platform-azure-dev-vnet/northeurope",
    }
    replica = next(item for item in built.resources if item.name == "far")
    assert replica.desired()["location"] == "northeurope"
    assert replica.desired()["properties"]["network"]["delegatedSubnetResourceId"].startswith(vnet.path)
    assert one(built, "azure.network.vnet", "uksouth").present is False
    alone = databases(DatabaseServer("main", replicas=(farther,)))
    same = one(alone, "azure.network.vnet", "uksouth").desired()["properties"]
    assert one(built, "azure.network.vnet", "uksouth").desired()["properties"] == same
    subnet = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes"
    existing = Network(addresses={"azure-dev": "1"}, azure=AzureNetwork(existing_subnet_id=subnet))
    with pytest.raises(SpecError, match="existing network is not changed"):
        databases(DatabaseServer("main", replicas=(far,)), network=existing)
