"""PostgreSQL flexible servers: states, children, restore, replicas, refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient

from sandbox.engines import engine_available
from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, code_of

PASSWORD = "Sandbox-pass-1"
API = "2025-08-01"
needs_engine = pytest.mark.skipif(not engine_available("postgres"), reason="no PostgreSQL on this machine")
Make = Callable[..., Any]


@pytest.fixture
def client(azure: Subscription) -> PostgreSQLManagementClient:
    azure.make_group()
    azure.resources.providers.register("Microsoft.DBforPostgreSQL")
    found: PostgreSQLManagementClient = azure.client(PostgreSQLManagementClient, api_version=API)
    return found


@pytest.fixture
def make(client: PostgreSQLManagementClient) -> Make:
    def create(name: str = "state", sku: str = "Standard_D2ds_v5", **properties: Any) -> Any:
        return client.servers.begin_create_or_update(GROUP, name, body(sku, **properties)).result()

    return create


def body(sku: str = "Standard_D2ds_v5", tier: str = "GeneralPurpose", **properties: Any) -> dict[str, Any]:
    tier = "Burstable" if "_B" in sku else tier
    base = {
        "version": "16",
        "administratorLogin": "dbadmin",
        "administratorLoginPassword": PASSWORD,
        "storage": {"storageSizeGB": 128, "autoGrow": "Enabled"},
    }
    return {"location": LOCATION, "sku": {"name": sku, "tier": tier}, "properties": {**base, **properties}}


def path(name: str = "state") -> str:
    return f"/providers/Microsoft.DBforPostgreSQL/flexibleServers/{name}"


def restore(source: Any, **properties: Any) -> dict[str, Any]:
    named = {"sourceServerResourceId": source.id, **properties}
    return {"location": LOCATION, "properties": named}


def test_a_server_as_it_is_made_and_shown(azure: Subscription, client: Any) -> None:
    answer = azure.send("PUT", azure.group_id + path(), body(), version=API)

    assert answer.status_code == 202
    assert set(answer.json()) == {"operation", "startTime"}
    assert answer.json()["operation"] == "UpsertServerManagementOperationV2"
    assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= set(answer.headers)
    assert poll(azure, answer)["status"] == "Succeeded"
    shown = azure.send("GET", azure.group_id + path(), version=API).json()
    assert shown["location"] == "West Europe"
    properties = shown["properties"]
    assert (properties["state"], properties["replicationRole"]) == ("Ready", "Primary")
    assert properties["highAvailability"] == {"mode": "Disabled", "state": "NotEnabled"}
    assert properties["storage"]["tier"] == "P10"
    assert not {"administratorLoginPassword", "createMode"} & set(properties)
    assert PASSWORD not in str(shown)


def test_states_take_their_time(azure: Subscription, client: Any) -> None:
    azure.sandbox.set_profile("realistic", 1.0)
    made = azure.send("PUT", azure.group_id + path(), body(), version=API)

    assert client.servers.get(GROUP, "state").state == "Provisioning"
    azure.sandbox.advance("azure", 400)
    assert poll(azure, made)["status"] == "Succeeded"
    assert client.servers.get(GROUP, "state").state == "Ready"
    change = {"properties": {"highAvailability": {"mode": "ZoneRedundant"}}}
    azure.send("PATCH", azure.group_id + path(), change, version=API)
    running = client.servers.get(GROUP, "state")
    assert (running.state, running.high_availability.mode, running.high_availability.state) == (
        "Updating",
        "Disabled",
        "",
    )
    azure.sandbox.advance("azure", 100)
    done = client.servers.get(GROUP, "state").high_availability
    assert (done.mode, done.state, done.standby_availability_zone) == ("ZoneRedundant", "Healthy", "2")
    assert azure.send("DELETE", azure.group_id + path(), version=API).status_code == 202
    assert client.servers.get(GROUP, "state").state == "Dropping"
    azure.sandbox.advance("azure", 100)
    assert azure.send("GET", azure.group_id + path(), version=API).status_code == 404
    assert azure.send("DELETE", azure.group_id + path(), version=API).status_code == 204


def test_children_of_one_server_are_written_one_by_one(azure: Subscription, make: Make) -> None:
    make()
    azure.sandbox.set_profile("realistic", 1.0)
    server = azure.group_id + path()

    first = azure.send("PUT", f"{server}/configurations/log_statement", {"properties": {"value": "ddl"}}, version=API)
    rule = {"properties": {"startIpAddress": "1.2.3.4", "endIpAddress": "1.2.3.4"}}
    second = azure.send("PUT", f"{server}/firewallRules/office", rule, version=API)
    database = azure.send("PUT", f"{server}/databases/app", {"properties": {"charset": "utf8"}}, version=API)

    assert (first.status_code, second.status_code, database.status_code) == (202, 202, 202)
    assert azure.send("GET", f"{server}", version=API).json()["properties"]["state"] == "Updating"
    azure.sandbox.advance("azure", 60)
    polled = [poll(azure, answer) for answer in (first, second, database)]
    assert [item["status"] for item in polled] == ["Succeeded", "Failed", "Succeeded"]
    assert polled[1]["error"]["code"] == "ServerIsBusy"
    assert azure.send("GET", f"{server}/firewallRules/office", version=API).status_code == 404
    shown = azure.send("GET", f"{server}/databases/app", version=API).json()
    assert shown["properties"] == {"charset": "UTF8", "collation": "en_US.utf8"}


def poll(azure: Subscription, answer: Any) -> Any:
    """The end of an operation; a local server, where there is one, has done its work by then."""
    for _ in range(200):
        found = azure.send("GET", answer.headers["Azure-AsyncOperation"].removeprefix(azure.url), version=None)
        assert found.status_code == 200
        if found.json()["status"] != "InProgress":
            break
        time.sleep(0.05)
    return found.json()


def test_parameters_that_need_a_restart(client: Any, make: Make) -> None:
    make()

    assert client.configurations.get(GROUP, "state", "max_connections").source == "system-default"
    change = {"properties": {"value": "200", "source": "user-override"}}
    client.configurations.begin_put(GROUP, "state", "max_connections", change).result()
    assert client.configurations.get(GROUP, "state", "max_connections").is_config_pending_restart is True
    client.servers.begin_restart(GROUP, "state").result()
    after = client.configurations.get(GROUP, "state", "max_connections")
    assert (after.value, after.source, after.is_config_pending_restart) == ("200", "user-override", False)
    assert "work_mem" in [item.name for item in client.configurations.list_by_server(GROUP, "state")]
    with pytest.raises(HttpResponseError) as caught:
        client.configurations.begin_put(GROUP, "state", "log_statement", {"properties": {"value": "often"}})
    assert code_of(caught) == (400, "InvalidParameterValue")


def test_private_access_by_delegated_subnet_and_zone(azure: Subscription, make: Make) -> None:
    subnet = azure.make_vnet("net", "10.1.0.0/16", db="10.1.1.0/24").subnets[0].id
    zone = azure.dns.private_zones.begin_create_or_update(
        GROUP, "platform.postgres.database.azure.com", {"location": "global"}
    ).result()
    network = {"delegatedSubnetResourceId": subnet, "privateDnsZoneArmResourceId": zone.id}
    with pytest.raises(HttpResponseError) as caught:
        make(network=network)
    assert code_of(caught) == (400, "SubnetNotDelegated")

    delegation = [{"name": "pg", "properties": {"serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}}]
    parameters = {"properties": {"addressPrefix": "10.1.1.0/24", "delegations": delegation}}
    azure.network.subnets.begin_create_or_update(GROUP, "net", "db", parameters).result()
    found = make(network=network).network
    assert (found.public_network_access, found.delegated_subnet_resource_id) == ("Disabled", subnet)
    with pytest.raises(HttpResponseError) as caught:
        azure.network.subnets.begin_delete(GROUP, "net", "db").result()
    assert code_of(caught)[1] == "InUseSubnetCannotBeDeleted"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"storage": {"storageSizeGB": 64}}, "InvalidParameterValue"),
        ({"storage": {"storageSizeGB": 300}}, "InvalidParameterValue"),
        ({"version": "15"}, "InvalidParameterValue"),
        ({"backup": {"backupRetentionDays": 40}}, "InvalidParameterValue"),
        ({"administratorLoginPassword": "simple"}, "PasswordNotComplex"),
    ],
)
def test_changes_that_are_refused_at_once(client: Any, make: Make, change: dict[str, Any], code: str) -> None:
    make()

    with pytest.raises(HttpResponseError) as caught:
        client.servers.begin_update(GROUP, "state", {"properties": change})

    assert code_of(caught) == (400, code)


def test_what_fails_after_it_was_accepted_changes_nothing(client: Any, make: Make) -> None:
    make("small", sku="Standard_B1ms")

    with pytest.raises(HttpResponseError) as caught:
        client.servers.begin_update(GROUP, "small", {"properties": {"highAvailability": {"mode": "SameZone"}}}).result()
    assert "not supported for burstable server [small]" in str(caught.value)
    with pytest.raises(HttpResponseError) as caught:
        client.servers.begin_update(
            GROUP, "small", {"sku": {"name": "Standard_B1ms", "tier": "GeneralPurpose"}}
        ).result()
    assert "ServerEditionIncompatibleWithSkuSize" in str(caught.value)
    found = client.servers.get(GROUP, "small")
    assert (found.state, found.sku.tier, found.high_availability.mode) == ("Ready", "Burstable", "Disabled")


def test_names_are_global(client: Any, make: Make) -> None:
    make()

    answer = client.name_availability.check_globally(
        {"name": "state", "type": "Microsoft.DBforPostgreSQL/flexibleServers"}
    )
    assert (answer.name_available, answer.reason) == (False, "AlreadyExists")
    assert client.name_availability.check_globally({"name": "other"}).name_available is True


def test_capabilities(client: Any) -> None:
    found = next(iter(client.capabilities_by_location.list(LOCATION)))

    editions = {edition.name: edition for edition in found.supported_server_editions}
    assert set(editions) == {"Burstable", "GeneralPurpose", "MemoryOptimized"}
    assert "Standard_D2ds_v5" in [sku.name for sku in editions["GeneralPurpose"].supported_server_skus]
    assert [version.name for version in found.supported_server_versions][-1] == "18"
    poor = next(iter(client.capabilities_by_location.list("westus")))
    assert poor.supported_server_editions[0].supported_server_skus[0].supported_ha_mode == ["SameZone"]


def test_backups_and_what_a_restore_keeps(client: Any, make: Make) -> None:
    source = make()
    client.backups_automatic_and_on_demand.begin_create(GROUP, "state", "before-upgrade").result()

    backups = list(client.backups_automatic_and_on_demand.list_by_server(GROUP, "state"))
    assert [backup.source for backup in backups] == ["Automatic", "Customer Initiated"]
    made = client.servers.begin_create_or_update(
        GROUP, "copy", restore(source, createMode="PointInTimeRestore")
    ).result()
    assert made.source_server_resource_id is None
    assert (made.sku.name, made.version, made.administrator_login) == ("Standard_D2ds_v5", "16", "dbadmin")
    wrong = restore(source, createMode="PointInTimeRestore", pointInTimeUTC="2001-01-01T00:00:00Z")
    with pytest.raises(HttpResponseError) as caught:
        client.servers.begin_create_or_update(GROUP, "early", wrong).result()
    assert "InvalidPointInTime" in str(caught.value)
    assert [server.name for server in client.servers.list_by_resource_group(GROUP)] == ["state", "copy"]


def test_replicas_stand_in_the_way_of_deletion_until_promoted(client: Any, make: Make) -> None:
    source = make()
    replica = client.servers.begin_create_or_update(GROUP, "reader", restore(source, createMode="Replica")).result()

    assert (replica.replication_role, replica.replica.capacity) == ("AsyncReplica", 0)
    assert replica.source_server_resource_id == source.id
    assert [item.name for item in client.replicas.list_by_server(GROUP, "state")] == ["reader"]
    with pytest.raises(HttpResponseError) as caught:
        client.servers.begin_delete(GROUP, "state")
    assert code_of(caught) == (400, "ReadReplicaServersExistForSourceServer")

    promotion = {
        "properties": {"replica": {"role": "Primary", "promoteMode": "Standalone", "promoteOption": "Planned"}}
    }
    client.servers.begin_update(GROUP, "reader", promotion).result()
    alone = client.servers.get(GROUP, "reader")
    assert (alone.replication_role, alone.source_server_resource_id) == ("Primary", None)
    client.servers.begin_delete(GROUP, "state").result()


def test_a_stopped_server_starts_again(client: Any, make: Make) -> None:
    make()

    client.servers.begin_stop(GROUP, "state").result()
    assert client.servers.get(GROUP, "state").state == "Stopped"
    client.servers.begin_start(GROUP, "state").result()
    assert client.servers.get(GROUP, "state").state == "Ready"


def test_an_injected_failure_leaves_no_server(azure: Subscription, client: Any, make: Make) -> None:
    azure.sandbox.fault("azure", operation="PUT Microsoft.DBforPostgreSQL/flexibleServers", kind="fail_operation")

    with pytest.raises(HttpResponseError):
        make()

    assert list(client.servers.list_by_resource_group(GROUP)) == []
    assert make().state == "Ready"


def connect(server: Any, password: str = PASSWORD, database: str = "postgres") -> Any:
    return psycopg.connect(
        host=server.fully_qualified_domain_name,
        port=5432,
        user="dbadmin",
        password=password,
        dbname=database,
        sslmode="require",
        autocommit=True,
    )


@needs_engine
def test_rows_come_back_with_a_restore(client: Any, make: Make) -> None:
    source = make()
    client.databases.begin_create(GROUP, "state", "app", {"properties": {}}).result()
    with connect(source, database="app") as session:
        session.execute("CREATE TABLE kept (id int)")
        session.execute("INSERT INTO kept VALUES (7)")

    made = client.servers.begin_create_or_update(
        GROUP, "copy", restore(source, createMode="PointInTimeRestore")
    ).result()
    client.servers.begin_delete(GROUP, "state").result()

    with connect(made, database="app") as session:
        assert session.execute("SELECT id FROM kept").fetchall() == [(7,)]


@needs_engine
def test_a_new_password_takes_the_place_of_the_old(client: Any, make: Make) -> None:
    source = make()
    replica = client.servers.begin_create_or_update(GROUP, "reader", restore(source, createMode="Replica")).result()

    change = {"properties": {"administratorLoginPassword": "Another-pass-2"}}
    client.servers.begin_update(GROUP, "state", change).result()

    client.servers.get(GROUP, "state")
    with connect(source, "Another-pass-2") as session:
        session.execute("CREATE TABLE t (id int)")
    with pytest.raises(psycopg.OperationalError):
        connect(source)
    promotion = {"properties": {"replica": {"role": "Primary", "promoteMode": "Standalone"}}}
    client.servers.begin_update(GROUP, "reader", promotion).result()
    assert client.servers.get(GROUP, "reader").replication_role == "Primary"
    with connect(replica, "Another-pass-2") as session:
        session.execute("INSERT INTO t VALUES (1)")
