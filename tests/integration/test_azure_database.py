"""PostgreSQL and secrets on Azure: from nothing to nothing, drift repaired, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
from module_utils._engine.errors import SpecError
from module_utils._engine.report import Report
from module_utils._run import execute

from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.azure_databases import MAIN, run, vault, without_users
from tests.integration.azure_stores import BASE, acts, fields, seen, writes
from tests.sandbox.azure_support import Subscription


@pytest.fixture
def cloud() -> str:
    return "azure"


@pytest.fixture
def site(sandbox: Sandbox) -> dict[str, Any]:
    return {**sites.site("azure", sandbox), "enable_services": True}


@pytest.fixture
def azure(sandbox: Sandbox) -> Subscription:
    return Subscription(sandbox)


@pytest.fixture
def postgres(azure: Subscription) -> Any:
    return azure.client(PostgreSQLManagementClient, api_version="2025-08-01")


def test_from_nothing_to_nothing(site: dict[str, Any], sandbox: Sandbox, azure: Subscription, postgres: Any) -> None:
    server = without_users(
        {**MAIN, "log_exports": True, "parameters": {"max_connections": "200"}, "replicas": [{"name": "main-ro"}]}
    )
    secrets = ({"name": "signing-key"}, {"name": "given", "generate": False})
    planned = run(site, server, secrets=secrets, check=True)
    done = run(site, server, secrets=secrets)
    assert acts(done) == acts(planned)
    made = postgres.servers.get(BASE, done.outputs["database"]["servers"]["main"]["id"].rpartition("/")[2])
    assert (made.network.public_network_access, made.state) == ("Disabled", "Ready")
    assert postgres.configurations.get(BASE, made.name, "max_connections").value == "200"
    assert postgres.configurations.get(BASE, made.name, "max_connections").is_config_pending_restart is False
    mark = seen(sandbox)
    again = run(site, server, secrets=secrets, find_orphans=True)
    assert acts(again) == {}
    assert again.orphans == []
    assert writes(sandbox, mark) == []
    gone = run(site, server, secrets=secrets, state="absent", find_orphans=True)
    assert set(acts(gone).values()) == {"delete"}
    assert gone.orphans == []
    note = next(entry.note for entry in gone.entries if entry.kind == "azure.postgresql.server")
    assert "restore.server: main brings it back" in note
    assert [item.name for item in azure.resources.resource_groups.list()] == ["NetworkWatcherRG"]
    assert list(azure.vaults.vaults.list_deleted()) == []


def test_drift_is_repaired_and_only_that(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription, postgres: Any
) -> None:
    server = without_users({**MAIN, "parameters": {"work_mem": "8192"}})
    report = run(site, server, secrets=({"name": "signing-key"},))
    name = report.outputs["database"]["servers"]["main"]["id"].rpartition("/")[2]
    body = {"properties": {"backup": {"backupRetentionDays": 20}}, "tags": {"team": "ml"}}
    body["tags"] |= postgres.servers.get(BASE, name).tags
    postgres.servers.begin_update(BASE, name, body).result()
    postgres.configurations.begin_put(BASE, name, "work_mem", {"properties": {"value": "4096"}}).result()
    postgres.servers.begin_stop(BASE, name).result()
    secrets = vault(azure)
    secrets.update_secret_properties("signing-key", tags={"team": "ml"})
    expected = {
        "azure.postgresql.server main": "update",
        "azure.postgresql.parameters main/configurations": "update",
        "azure.keyvault.secret signing-key": "update",
    }
    planned = acts(run(site, server, secrets=({"name": "signing-key"},), check=True))
    assert {key: action for key, action in planned.items() if "postgresql.user" not in key} == expected
    repaired = run(site, server, secrets=({"name": "signing-key"},))
    assert {"power", "properties.backup.backupRetentionDays", "values.work_mem"} <= fields(repaired)
    assert acts(run(site, server, secrets=({"name": "signing-key"},))) == {}
    found = postgres.servers.get(BASE, name)
    assert (found.state, found.backup.backup_retention_days, found.tags["team"]) == ("Ready", 7, "ml")
    assert secrets.get_secret("signing-key").properties.tags["team"] == "ml"


def test_what_has_grown_by_itself_is_no_drift(site: dict[str, Any], postgres: Any) -> None:
    server = {**MAIN, "users": []}
    report = run(site, server)
    name = report.outputs["database"]["servers"]["main"]["id"].rpartition("/")[2]
    postgres.servers.begin_update(BASE, name, {"properties": {"storage": {"storageSizeGB": 512}}}).result()
    assert acts(run(site, server)) == {}
    with pytest.raises(SpecError, match="can only grow"):
        run(site, {**server, "storage_autogrow": False})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"storage_gb": 100}, "no disk of 100 GiB"),
        ({"azure": {"sku": "Standard_B2s"}, "high_availability": True}, "Burstable"),
        ({"azure": {"sku": "Standard_D3ds_v9"}}, "not offered in westeurope"),
        ({"version": "11"}, "version 11 is not offered"),
        ({"backup_retention_days": 3}, "7 to 35"),
        ({"backup_window": "03:00"}, "backup_window"),
        ({"point_in_time_recovery": False}, "point_in_time_recovery"),
        ({"max_storage_gb": 512}, "max_storage_gb"),
        ({"parameters": {"require_secure_transport": "off"}}, "TLS"),
        ({"restore": {"server": "nobody"}}, "no server 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    site: dict[str, Any], sandbox: Sandbox, change: dict[str, Any], words: str
) -> None:
    mark = seen(sandbox)
    with pytest.raises(SpecError, match=words):
        run(site, {**MAIN, **change})
    assert [name for name in writes(sandbox, mark) if "register" not in name] == []


def test_a_protected_server_is_not_destroyed(site: dict[str, Any], sandbox: Sandbox) -> None:
    server = {**MAIN, "users": [], "deletion_protection": True}
    run(site, server)
    mark = seen(sandbox)
    with pytest.raises(SpecError, match="deletion_protection: false"):
        run(site, server, state="absent")
    assert writes(sandbox, mark) == []
    assert acts(run(site, {**server, "deletion_protection": False})) == {
        "azure.authorization.lock main/deletion-protection": "delete"
    }


def test_a_replica_becomes_a_server_of_its_own_when_it_is_not_behind(
    site: dict[str, Any], postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = {**MAIN, "users": [], "replicas": [{"name": "main-ro"}]}
    report = run(site, server)
    name = report.outputs["database"]["servers"]["main"]["replicas"]["main-ro"]["id"].rpartition("/")[2]
    assert postgres.servers.get(BASE, name).replication_role == "AsyncReplica"
    wanted = {**server, "replicas": [{"name": "main-ro", "promote": True}]}
    with monkeypatch.context() as patched:
        patched.setattr("module_utils._azure.database_backups.lag", lambda session, replica: 31.0)
        with pytest.raises(SpecError, match="31 s behind"):
            run(site, wanted)
    assert acts(run(site, wanted)) == {"azure.postgresql.replica main-ro": "update"}
    assert postgres.servers.get(BASE, name).replication_role == "Primary"
    assert acts(run(site, wanted)) == {}
    with pytest.raises(SpecError, match="it was promoted"):
        run(site, server)


def test_a_deleted_vault_of_ours_comes_back_with_what_it_held(site: dict[str, Any], azure: Subscription) -> None:
    store = {"network": sites.STORES["network"], "secret_store": {"secrets": [{"name": "signing-key"}]}}
    store["secret_store"]["azure"] = {"purge_protection": True}

    def go(**options: Any) -> Report:
        report = execute(sites.wanted(site, store), sites.options(find_orphans=True, **options))
        assert not report.failed, report.summary()
        return report

    go()
    before = vault(azure).get_secret("signing-key").value
    gone = go(state="absent")
    assert gone.orphans == []
    assert [entry["kind"] for entry in gone.kept or ()] == ["Microsoft.KeyVault/deletedVaults"]
    go()
    assert vault(azure).get_secret("signing-key").value == before
    (deleted,) = list(go(state="absent").kept or ())
    other = {**site, "tags": {}, "platform": "ml-platform", "environment": "staging", "site": "azure-dev"}
    with pytest.raises(SpecError, match="a deleted vault keeps the name"):
        execute(sites.wanted(other, store), sites.options())
    assert deleted["name"] in [item.name for item in azure.vaults.vaults.list_deleted()]


def test_the_right_to_the_vault_is_waited_for_also_by_the_next_run(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    store = {"secret_store": {"secrets": [{"name": "signing-key"}]}}
    wanted = sites.wanted(site, store)
    sandbox.set_profile("realistic", scale=100.0, cloud="azure")
    said: list[str] = []
    report = execute(wanted, sites.options(), notify=lambda event: said.append(event.message))
    assert not report.failed, report.summary()
    assert "the vault does not heed the role assignment yet" in said
    value = vault(azure).get_secret("signing-key").value
    (grant,) = [item for item in azure.roles.role_assignments.list_for_subscription() if "/vaults/" in item.scope]
    azure.roles.role_assignments.delete_by_id(grant.id)
    azure.roles.role_assignments.create_by_id(
        grant.id,
        {"properties": {"roleDefinitionId": grant.role_definition_id, "principalId": grant.principal_id}},
    )
    again = execute(wanted, sites.options())  # what is in the vault cannot be seen at first
    assert not again.failed, again.summary()
    assert vault(azure).get_secret("signing-key").value == value
    assert acts(execute(wanted, sites.options())) == {}


def test_a_replica_stands_in_another_region_and_goes_with_its_network(
    site: dict[str, Any], azure: Subscription, postgres: Any
) -> None:
    far = {"name": "far", "region": "northeurope"}
    server = {**MAIN, "users": [], "replicas": [far]}
    report = run(site, server)
    name = report.outputs["database"]["servers"]["main"]["replicas"]["far"]["id"].rpartition("/")[2]
    assert postgres.servers.get(BASE, name).location == "North Europe"
    peerings = azure.network.virtual_network_peerings.list(BASE, f"{BASE}-northeurope-vnet")
    assert [item.properties.peering_state for item in peerings] == ["Connected"]
    assert acts(run(site, server)) == {}
    gone = {**server, "replicas": [{**far, "state": "absent"}]}
    assert set(acts(run(site, gone)).values()) == {"delete"}
    assert [item.name for item in azure.network.virtual_networks.list(BASE)] == [f"{BASE}-vnet"]
    assert acts(run(site, gone)) == {}


def test_a_replica_grows_before_its_primary(site: dict[str, Any], sandbox: Sandbox, postgres: Any) -> None:
    server = {**MAIN, "users": [], "replicas": [{"name": "main-ro"}]}
    run(site, server)
    mark = len(sandbox.journal("azure"))
    grown = {**server, "size": "medium", "storage_gb": 256}
    planned = run(site, grown, check=True)
    assert acts(run(site, grown)) == acts(planned)
    patched = [
        entry["path"].rpartition("/")[2]
        for entry in sandbox.journal("azure")[mark:]
        if entry["method"] == "PATCH" and "/flexibleServers/" in entry["path"]
    ]
    assert ["-ro-" in name for name in patched][:4] == [True, False, True, False]
    assert acts(run(site, grown)) == {}
    found = [(item.sku.name, item.storage.storage_size_gb) for item in postgres.servers.list_by_resource_group(BASE)]
    assert found == [("Standard_D4ds_v5", 256)] * 2
