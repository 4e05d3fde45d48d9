"""Cloud SQL by Google's own client: instances, their settings, states and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.sandbox.gcp_managed import NETWORK, Sql, enable, key, peered_network
from tests.sandbox.gcp_support import HOME, NUMBER, PROJECT, REGION, Project, refusal

BACKUPS = {"enabled": True, "pointInTimeRecoveryEnabled": True}


@pytest.fixture
def sql(gcp: Project) -> Sql:
    """A project with Cloud SQL switched on."""
    return Sql(gcp)


def refused(sql: Sql, body: dict[str, Any]) -> tuple[int, str, str]:
    """Status, reason and message of a creation that is refused."""
    with pytest.raises(HttpError) as caught:
        sql.client.instances().insert(project=PROJECT, body=body).execute()
    return *refusal(caught), str(caught.value.reason)


def test_service_must_be_on(gcp: Project) -> None:
    status, answer = gcp.call("GET", "sqladmin", f"v1/projects/{PROJECT}/instances")
    assert (status, answer["error"]["errors"][0]["reason"]) == (403, "accessNotConfigured")
    enable(gcp, "sqladmin")
    assert gcp.call("GET", "sqladmin", f"v1/projects/{PROJECT}/instances") == (200, {})


def test_a_private_regional_instance_reads_as_on_the_real_cloud(sql: Sql) -> None:
    peered_network(sql.project)
    body = sql.body(
        availabilityType="REGIONAL",
        backupConfiguration={**BACKUPS, "transactionLogRetentionDays": 3, "startTime": "03:00"},
        dataDiskSizeGb=100,
        databaseFlags=[{"name": "max_connections", "value": "200"}],
        insightsConfig={"queryInsightsEnabled": True},
        ipConfiguration={"ipv4Enabled": False, "privateNetwork": NETWORK, "sslMode": "ENCRYPTED_ONLY"},
        maintenanceWindow={"day": 7, "hour": 2, "updateTrack": "stable"},
        userLabels={"site": "gcp"},
    )
    made = sql.create(body=body)
    settings = made["settings"]
    assert (made["state"], made["backendType"], made["instanceType"]) == (
        "RUNNABLE",
        "SECOND_GEN",
        "CLOUD_SQL_INSTANCE",
    )
    assert made["connectionName"] == f"{PROJECT}:{REGION}:db"
    assert {made["gceZone"], made["secondaryGceZone"]} <= {f"{REGION}-{zone}" for zone in "bcd"}
    assert made["gceZone"] != made["secondaryGceZone"]
    assert [item["type"] for item in made["ipAddresses"]] == ["PRIVATE"]
    assert (settings["dataDiskSizeGb"], settings["settingsVersion"]) == ("100", "1")
    assert (settings["storageAutoResize"], settings["storageAutoResizeLimit"]) == (True, "0")
    backups = settings["backupConfiguration"]
    assert (backups["transactionalLogStorageState"], backups["replicationLogArchivingEnabled"]) == (
        "CLOUD_STORAGE",
        True,
    )
    assert backups["backupRetentionSettings"] == {"retainedBackups": 7, "retentionUnit": "COUNT"}
    assert settings["ipConfiguration"]["requireSsl"] is False
    assert settings["locationPreference"]["zone"] == made["gceZone"]
    assert made["failoverReplica"] == {"available": True}
    assert "BEGIN CERTIFICATE" in made["serverCaCert"]["cert"]
    assert made["upgradableDatabaseVersions"][0]["name"] == "POSTGRES_17"
    listed = sql.client.instances().list(project=PROJECT, filter="settings.userLabels.site:gcp").execute()
    assert [item["name"] for item in listed["items"]] == ["db"]
    assert sql.client.instances().list(project=PROJECT, filter="state:FAILED").execute() == {}


def test_private_address_needs_a_connection_with_room(sql: Sql) -> None:
    sql.project.network()
    body = sql.body(ipConfiguration={"ipv4Enabled": False, "privateNetwork": NETWORK})
    status, reason, message = refused(sql, body)
    assert (status, reason) == (400, "invalid")
    assert message.endswith(f"{PROJECT}:db:NETWORK_NOT_PEERED.")
    sql.project.sandbox.reset("gcp")
    again = Sql(sql.project)
    peered_network(sql.project, prefix=24)
    again.create(body=body)
    elsewhere = {**again.body("other", ipConfiguration=body["settings"]["ipConfiguration"]), "region": "europe-west4"}
    assert "Couldn't find free blocks" in refused(again, elsewhere)[2]


def test_connection_stays_while_instances_use_it(sql: Sql) -> None:
    peered_network(sql.project)
    sql.create(ipConfiguration={"ipv4Enabled": False, "privateNetwork": NETWORK})
    path = "v1/services/servicenetworking.googleapis.com/connections/servicenetworking-googleapis-com"
    cut = {"consumerNetwork": f"projects/{NUMBER}/global/networks/net"}

    def attempt() -> dict[str, Any]:
        begun = sql.project.call("POST", "servicenetworking", path, cut)[1]
        return sql.project.call("GET", "servicenetworking", f"v1/{begun['name']}")[1]

    failed = attempt()
    assert failed["error"]["code"] == 9
    assert "still using this connection" in failed["error"]["message"]
    sql.well(sql.client.instances().delete(project=PROJECT, instance="db"))
    assert "error" not in attempt()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tier": "db-n1-standard-1"}, "Only custom or shared-core"),
        ({"tier": "db-custom-3-3840"}, "even number"),
        ({"tier": "db-custom-2-3000"}, "multiple of 256"),
        ({"tier": "db-none"}, "Invalid Tier (db-none) for (POSTGRES_16)"),
        ({"edition": "ENTERPRISE_PLUS"}, "Use a predefined Tier like db-perf-optimized-N-*"),
        ({"edition": None}, "for (ENTERPRISE_PLUS) Edition"),
        ({"dataDiskSizeGb": "5"}, "disk size"),
        ({"databaseFlags": [{"name": "no_such_flag", "value": "on"}]}, "no_such_flag"),
        ({"databaseFlags": [{"name": "max_connections", "value": "many"}]}, "Invalid value (many)"),
        ({"backupConfiguration": {"pointInTimeRecoveryEnabled": True}}, "backup is disabled"),
        ({"backupConfiguration": {"enabled": True, "transactionLogRetentionDays": 8}}, "between 1 and 7"),
        ({"backupConfiguration": {"backupRetentionSettings": {"retainedBackups": 400}}}, "between 1 and 365"),
        ({"availabilityType": "REGIONAL"}, "point in time recovery"),
        ({"ipConfiguration": {"ipv4Enabled": False}}, "At least one of Public IP or Private IP"),
        ({"locationPreference": {"zone": "us-central1-a"}}, "not in region"),
        ({"insightsConfig": {"queryStringLength": 10}}, "between 256 and 4500"),
        ({"maintenanceWindow": {"day": 8}}, "maintenance window"),
        ({"userLabels": {"Big": "x"}}, "label"),
    ],
)
def test_bad_settings_are_refused(sql: Sql, change: dict[str, Any], words: str) -> None:
    status, _, message = refused(sql, sql.body(**change))
    assert status == 400
    assert words in message
    assert sql.client.instances().list(project=PROJECT).execute() == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Upper"}, "Invalid instance name"),
        ({"region": "mars-1"}, "Invalid region"),
        ({"databaseVersion": "POSTGRES_3"}, "Invalid value at 'database_version'"),
        ({"settings": {"tier": "db-custom-1-3840", "colour": "red"}}, 'Unknown name "colour"'),
        ({"databaseVersion": "SQLSERVER_2022_STANDARD"}, "root password"),
        ({"masterInstanceName": "nobody"}, "does not exist"),
    ],
)
def test_bad_instances_are_refused(sql: Sql, change: dict[str, Any], words: str) -> None:
    assert words in refused(sql, {**sql.body(), **change})[2]


def test_states_and_one_operation_at_a_time(sql: Sql) -> None:
    sql.project.sandbox.set_profile("realistic", scale=1)
    begun = sql.client.instances().insert(project=PROJECT, body=sql.body(tier="db-f1-micro")).execute()
    assert (begun["status"], begun["operationType"], "startTime" in begun) == ("PENDING", "CREATE", False)
    assert sql.get()["state"] == "PENDING_CREATE"
    assert "ipAddresses" not in sql.get()
    with pytest.raises(HttpError) as caught:
        sql.client.instances().patch(
            project=PROJECT, instance="db", body={"settings": {"tier": "db-g1-small"}}
        ).execute()
    assert refusal(caught) == (409, "operationInProgress")
    sql.project.sandbox.advance("gcp", 240)
    half = sql.client.operations().get(project=PROJECT, operation=begun["name"]).execute()
    assert (half["status"], "startTime" in half) == ("RUNNING", True)
    sql.project.sandbox.advance("gcp", 241)
    assert sql.done(begun)["endTime"]
    assert sql.get()["state"] == "RUNNABLE"
    restart = sql.client.instances().patch(project=PROJECT, instance="db", body={"settings": {"tier": "db-g1-small"}})
    begun = restart.execute()
    assert sql.get()["state"] == "MAINTENANCE"
    assert sql.get()["settings"]["tier"] == "db-f1-micro"
    sql.project.sandbox.advance("gcp", 61)
    sql.done(begun)
    assert (sql.get()["state"], sql.get()["settings"]["tier"]) == ("RUNNABLE", "db-g1-small")
    listed = sql.client.operations().list(project=PROJECT, instance="db").execute()["items"]
    assert [item["operationType"] for item in listed] == ["UPDATE", "CREATE"]


def test_failed_creation_leaves_an_instance_to_delete(sql: Sql) -> None:
    sql.project.sandbox.fault("gcp", operation="^sql.instances.insert$", kind="fail_operation", message="No capacity.")
    operation = sql.done(sql.client.instances().insert(project=PROJECT, body=sql.body()).execute())
    assert operation["error"]["errors"][0]["message"] == "No capacity."
    assert sql.get()["state"] == "FAILED"
    with pytest.raises(HttpError) as caught:
        sql.client.instances().restart(project=PROJECT, instance="db").execute()
    assert refusal(caught) == (409, "invalidState")
    sql.well(sql.client.instances().delete(project=PROJECT, instance="db"))
    assert sql.create()["state"] == "RUNNABLE"


def test_failed_change_leaves_the_instance_as_it_was(sql: Sql) -> None:
    sql.create()
    sql.project.sandbox.fault("gcp", operation="^sql.instances.patch$", kind="fail_operation")
    body = {"settings": {"tier": "db-custom-2-7680"}}
    assert "error" in sql.done(sql.client.instances().patch(project=PROJECT, instance="db", body=body).execute())
    found = sql.get()
    assert (found["state"], found["settings"]["tier"], found["settings"]["settingsVersion"]) == (
        "RUNNABLE",
        "db-custom-1-3840",
        "1",
    )


def test_patch_merges_and_put_replaces(sql: Sql) -> None:
    sql.create(userLabels={"a": "1", "b": "2"}, databaseFlags=[{"name": "log_statement", "value": "ddl"}])
    found = sql.patch(userLabels={"b": None, "c": "3"}, dataDiskSizeGb="20")
    assert found["settings"]["userLabels"] == {"a": "1", "c": "3"}
    assert found["settings"]["databaseFlags"] == [{"name": "log_statement", "value": "ddl"}]
    assert (found["settings"]["dataDiskSizeGb"], found["settings"]["settingsVersion"]) == ("20", "2")
    assert found["settings"]["backupConfiguration"]["replicationLogArchivingEnabled"] is False
    body = {**sql.body(dataDiskSizeGb="20"), "settings": {**sql.body()["settings"], "dataDiskSizeGb": "20"}}
    sql.well(sql.client.instances().update(project=PROJECT, instance="db", body=body))
    assert not {"userLabels", "databaseFlags"} & set(sql.get()["settings"])


def test_settings_version_guards_changes(sql: Sql) -> None:
    sql.create()
    sql.patch(settingsVersion="1", activationPolicy="ALWAYS")
    with pytest.raises(HttpError) as caught:
        sql.patch(settingsVersion="1", activationPolicy="NEVER")
    assert refusal(caught) == (412, "staleData")
    sql.patch(settingsVersion="2", deletionProtectionEnabled=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": {"dataDiskSizeGb": "10"}}, "cannot be decreased"),
        ({"settings": {"dataDiskType": "PD_HDD"}}, "disk type"),
        ({"region": "europe-west4"}, "region"),
        ({"databaseVersion": "POSTGRES_15"}, "Cannot change the database version"),
        ({"databaseVersion": "MYSQL_8_0"}, "Cannot change the database version"),
        ({"diskEncryptionConfiguration": {"kmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}}, "key"),
    ],
)
def test_changes_that_cannot_be(sql: Sql, change: dict[str, Any], words: str) -> None:
    sql.create(dataDiskSizeGb="20")
    with pytest.raises(HttpError) as caught:
        sql.client.instances().patch(project=PROJECT, instance="db", body=change).execute()
    assert caught.value.resp.status == 400
    assert words in caught.value.reason
    assert sql.get()["state"] == "RUNNABLE"


def test_major_upgrade(sql: Sql) -> None:
    sql.create()
    body = {"databaseVersion": "POSTGRES_17"}
    sql.well(sql.client.instances().patch(project=PROJECT, instance="db", body=body))
    found = sql.get()
    assert found["databaseInstalledVersion"].startswith("POSTGRES_17_")
    assert found["maintenanceVersion"].startswith(found["databaseInstalledVersion"])


def test_ssl_modes(sql: Sql) -> None:
    assert sql.create()["settings"]["ipConfiguration"]["sslMode"] == "ALLOW_UNENCRYPTED_AND_ENCRYPTED"
    config = sql.patch(ipConfiguration={"requireSsl": True})["settings"]["ipConfiguration"]
    assert (config["sslMode"], config["requireSsl"]) == ("TRUSTED_CLIENT_CERTIFICATE_REQUIRED", True)
    config = sql.patch(ipConfiguration={"sslMode": "ENCRYPTED_ONLY"})["settings"]["ipConfiguration"]
    assert (config["sslMode"], config["requireSsl"]) == ("ENCRYPTED_ONLY", False)


def test_failover_swaps_zones(sql: Sql) -> None:
    before = sql.create(availabilityType="REGIONAL", backupConfiguration=BACKUPS)
    failover = sql.client.instances().failover
    with pytest.raises(HttpError) as caught:
        failover(project=PROJECT, instance="db", body={"failoverContext": {"settingsVersion": "9"}}).execute()
    assert refusal(caught) == (412, "staleData")
    sql.well(failover(project=PROJECT, instance="db", body={"failoverContext": {"settingsVersion": "1"}}))
    after = sql.get()
    assert (after["gceZone"], after["secondaryGceZone"]) == (before["secondaryGceZone"], before["gceZone"])
    sql.create("single")
    with pytest.raises(HttpError) as caught:
        failover(project=PROJECT, instance="single", body={}).execute()
    assert caught.value.resp.status == 400


def test_deletion_protection_and_names(sql: Sql) -> None:
    sql.create(deletionProtectionEnabled=True)
    with pytest.raises(HttpError) as caught:
        sql.client.instances().delete(project=PROJECT, instance="db").execute()
    assert caught.value.resp.status == 400
    assert refused(sql, sql.body())[:2] == (409, "instanceAlreadyExists")
    sql.patch(deletionProtectionEnabled=False)
    sql.project.sandbox.set_quotas("gcp", {"SQL_DELETED_NAME_DAYS": 7})
    sql.well(sql.client.instances().delete(project=PROJECT, instance="db"))
    with pytest.raises(HttpError) as caught:
        sql.get()
    assert refusal(caught) == (404, "instanceDoesNotExist")
    assert refused(sql, sql.body())[:2] == (409, "instanceAlreadyExists")
    sql.project.sandbox.advance("gcp", 7 * 86400 + 1)
    assert sql.create()["state"] == "RUNNABLE"
    sql.project.sandbox.set_quotas("gcp", {"SQL_DELETED_NAME_DAYS": 0})
    sql.well(sql.client.instances().delete(project=PROJECT, instance="db"))
    assert sql.create()["state"] == "RUNNABLE"


def test_keys_need_a_grant_and_suspend_when_they_go(sql: Sql) -> None:
    name = key(sql.project)
    body = {**sql.body(), "diskEncryptionConfiguration": {"kmsKeyName": name}}
    assert "useToEncrypt" in refused(sql, body)[2]
    sql.project.sandbox.reset("gcp")
    again = Sql(sql.project)
    key(sql.project, agent="gcp-sa-cloud-sql")
    assert again.create(body=body)["diskEncryptionStatus"]["kmsKeyVersionName"] == f"{name}/cryptoKeyVersions/1"
    path = f"v1/{name}/cryptoKeyVersions/1"
    sql.project.call("PATCH", "cloudkms", path, {"state": "DISABLED"}, updateMask="state")
    found = again.get()
    assert (found["state"], found["suspensionReason"]) == ("SUSPENDED", ["KMS_KEY_ISSUE"])
    sql.project.call("PATCH", "cloudkms", path, {"state": "ENABLED"}, updateMask="state")
    assert again.get()["state"] == "RUNNABLE"


def test_sql_server(sql: Sql) -> None:
    body = {
        **sql.body(tier="db-custom-2-7680"),
        "databaseVersion": "SQLSERVER_2022_STANDARD",
        "rootPassword": "Secret-1",
    }
    made = sql.create(body=body)
    assert "rootPassword" not in made
    users = sql.client.users().list(project=PROJECT, instance="db").execute()["items"]
    assert [item["name"] for item in users] == ["sqlserver"]
    assert users[0]["sqlserverUserDetails"]["serverRoles"]
    sql.well(sql.client.databases().insert(project=PROJECT, instance="db", body={"name": "app"}))
    found = sql.client.databases().get(project=PROJECT, instance="db", database="app").execute()
    assert found["sqlserverDatabaseDetails"]["recoveryModel"] == "FULL"
    assert "not supported for SQLSERVER_2022_STANDARD" in refused(sql, {**sql.body("r"), "masterInstanceName": "db"})[2]


def test_tiers_and_flags(sql: Sql) -> None:
    tiers = sql.client.tiers().list(project=PROJECT).execute()["items"]
    assert {"db-f1-micro", "db-perf-optimized-N-2"} <= {item["tier"] for item in tiers}
    flags = sql.client.flags().list(databaseVersion="POSTGRES_16").execute()["items"]
    found = next(item for item in flags if item["name"] == "max_connections")
    assert (found["type"], found["requiresRestart"]) == ("INTEGER", True)
    assert not any(item["name"] == "remote access" for item in flags)


def test_quota_of_instances(sql: Sql) -> None:
    sql.project.sandbox.set_quotas("gcp", {"SQL_INSTANCES_PER_PROJECT": 1})
    sql.create()
    assert refused(sql, sql.body("two"))[:2] == (403, "quotaExceeded")


def test_identity_of_a_service(gcp: Project) -> None:
    path = f"v1beta1/{HOME}/services/sqladmin.googleapis.com:generateServiceIdentity"
    status, answer = gcp.call("POST", "serviceusage", path, {})
    assert status == 200
    assert answer["response"]["email"] == f"service-{NUMBER}@gcp-sa-cloud-sql.iam.gserviceaccount.com"
