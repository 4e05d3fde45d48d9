"""Memorystore for Valkey by Google's own client; with real keys where Redis or Valkey is installed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import memorystore_v1
from google.cloud.memorystore_v1.services.memorystore.transports import MemorystoreRestTransport
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.engines import engine_available
from tests.sandbox.gcp_managed import NETWORK, Longrunning, key
from tests.sandbox.gcp_support import HOME, PARENT, PROJECT, REGION, Project

CACHE = f"{PARENT}/instances/cache"
POLICY = f"{PARENT}/serviceConnectionPolicies/cache"
ENDPOINTS = [{"connections": [{"pscAutoConnection": {"network": NETWORK, "projectId": PROJECT}}]}]
real = pytest.mark.skipif(not engine_available("redis"), reason="neither Redis nor Valkey is installed")


class Valkey(Longrunning):
    """Memorystore for Valkey over REST."""

    def __init__(self, project: Project) -> None:
        super().__init__(project, "memorystore")
        self.connectivity = Longrunning(project, "networkconnectivity")

    def allow(self) -> None:
        """A network, and the policy that lets Memorystore into it."""
        self.project.network()
        body = {
            "network": NETWORK,
            "serviceClass": "gcp-memorystore",
            "pscConfig": {"subnetworks": [f"{HOME}/regions/{REGION}/subnetworks/net-nodes"]},
        }
        path = f"{PARENT}/serviceConnectionPolicies"
        self.connectivity.well(self.connectivity.call("POST", path, body, serviceConnectionPolicyId="cache"))

    def create(self, name: str = "cache", **fields: Any) -> dict[str, Any]:
        """An instance that is active."""
        body = {"shardCount": 1, "endpoints": ENDPOINTS, **fields}
        self.well(self.call("POST", f"{PARENT}/instances", body, instanceId=name))
        return self.get(name)

    def get(self, name: str = "cache") -> dict[str, Any]:
        """The instance as it is now."""
        return self.call("GET", f"{PARENT}/instances/{name}")

    def patch(self, mask: str, **fields: Any) -> dict[str, Any]:
        """Change the instance."""
        self.well(self.call("PATCH", CACHE, fields, updateMask=mask))
        return self.get()

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """Status and message of a request that fails."""
        status, answer = self.project.call(method, self.api, f"v1/{path}", body, **query)
        return status, answer["error"]["message"]

    def connection(self, name: str = "cache", **credentials: Any) -> Any:
        """A connection to the address that the API prints."""
        import redis

        found = self.get(name)
        item = found["endpoints"][0]["connections"][0]["pscAutoConnection"]
        secure = found["transitEncryptionMode"] == "SERVER_AUTHENTICATION"
        ca = str(self.project.sandbox.ca_bundle) if secure else None
        return redis.Redis(item["ipAddress"], item["port"], ssl=secure, ssl_ca_certs=ca, **credentials)


@pytest.fixture
def valkey(gcp: Project) -> Valkey:
    """A project with a network that Memorystore may connect to."""
    found = Valkey(gcp)
    found.allow()
    return found


@pytest.fixture
def client(valkey: Valkey) -> memorystore_v1.MemorystoreClient:
    """Google's own client, over REST."""
    host = valkey.project.endpoints["memorystore"].rstrip("/").removeprefix("http://")
    transport = MemorystoreRestTransport(host=host, url_scheme="http", credentials=valkey.project.credentials)
    return memorystore_v1.MemorystoreClient(transport=transport)


def test_google_s_client_goes_through_a_life(client: memorystore_v1.MemorystoreClient) -> None:
    connection = memorystore_v1.PscAutoConnection(network=NETWORK, project_id=PROJECT)
    endpoint = memorystore_v1.Instance.InstanceEndpoint(
        connections=[memorystore_v1.Instance.ConnectionDetail(psc_auto_connection=connection)]
    )
    wanted = memorystore_v1.Instance(
        shard_count=3,
        replica_count=1,
        node_type=memorystore_v1.Instance.NodeType.STANDARD_SMALL,
        endpoints=[endpoint],
        engine_configs={"maxmemory-policy": "allkeys-lru"},
        labels={"site": "gcp"},
    )
    made = client.create_instance(parent=PARENT, instance=wanted, instance_id="cache").result(timeout=60)
    assert made.state == memorystore_v1.Instance.State.ACTIVE
    assert (made.engine_version, made.node_config.size_gb) == ("VALKEY_8_0", 6.5)
    assert made.mode == memorystore_v1.Instance.Mode.CLUSTER
    connections = made.endpoints[0].connections
    assert [item.psc_auto_connection.port for item in connections] == [6379, 0]
    change = memorystore_v1.Instance(name=made.name, replica_count=2)
    changed = client.update_instance(instance=change, update_mask=FieldMask(paths=["replica_count"])).result(timeout=60)
    assert (changed.replica_count, changed.shard_count) == (2, 3)
    backed_up = client.backup_instance({"name": made.name, "backup_id": "first"}).result(timeout=60)
    backup = client.get_backup(name=f"{backed_up.backup_collection}/backups/first")
    assert backup.state == memorystore_v1.Backup.State.ACTIVE
    assert [item.name for item in client.list_instances(parent=PARENT)] == [made.name]
    client.delete_instance(name=made.name).result(timeout=60)
    with pytest.raises(exceptions.NotFound):
        client.get_instance(name=made.name)
    collections = list(client.list_backup_collections(parent=PARENT))
    assert [item.total_backup_count for item in collections] == [1]


def test_no_endpoint_without_a_policy(gcp: Project) -> None:
    bare = Valkey(gcp)
    bare.project.network()
    body = {"shardCount": 1, "endpoints": ENDPOINTS}
    status, message = bare.refused("POST", f"{PARENT}/instances", body, instanceId="cache")
    assert status == 400
    assert "service connection policy" in message


def test_policy_stays_while_it_is_used(valkey: Valkey) -> None:
    valkey.create()
    status, answer = valkey.project.call("DELETE", "networkconnectivity", f"v1/{POLICY}")
    assert (status, answer["error"]["status"]) == (400, "FAILED_PRECONDITION")
    valkey.well(valkey.call("DELETE", CACHE))
    valkey.connectivity.well(valkey.connectivity.call("DELETE", POLICY))
    assert valkey.connectivity.call("GET", f"{PARENT}/serviceConnectionPolicies") == {}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shardCount": 0}, "shard_count"),
        ({"shardCount": 2, "mode": "CLUSTER_DISABLED"}, "shard_count"),
        ({"replicaCount": 6}, "replica_count"),
        ({"engineVersion": "VALKEY_1_0"}, "engine version"),
        ({"engineConfigs": {"save": "1"}}, "not supported"),
        ({"endpoints": []}, "PSC auto connection"),
        ({"zoneDistributionConfig": {"mode": "SINGLE_ZONE"}}, "Zone"),
        ({"automatedBackupConfig": {"automatedBackupMode": "ENABLED"}}, "start time"),
        ({"kmsKey": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}, "must be in"),
        ({"nodeType": "HUGE"}, "Invalid value"),
        ({"colour": "red"}, "Unknown name"),
    ],
)
def test_bad_instances_are_refused(valkey: Valkey, fields: dict[str, Any], words: str) -> None:
    body = {"shardCount": 1, "endpoints": ENDPOINTS, **fields}
    status, message = valkey.refused("POST", f"{PARENT}/instances", body, instanceId="cache")
    assert status == 400
    assert words in message
    assert valkey.call("GET", f"{PARENT}/instances") == {}


def test_states_protection_and_failures(valkey: Valkey) -> None:
    valkey.project.sandbox.set_profile("realistic", scale=1)
    body = {"shardCount": 1, "endpoints": ENDPOINTS, "deletionProtectionEnabled": True}
    begun = valkey.call("POST", f"{PARENT}/instances", body, instanceId="cache")
    assert (valkey.get()["state"], "endpoints" in valkey.get()) == ("CREATING", False)
    assert valkey.refused("PATCH", CACHE, {"shardCount": 2}, updateMask="shardCount")[0] == 409
    valkey.project.sandbox.advance("gcp", 481)
    valkey.well(begun)
    begun = valkey.call("PATCH", CACHE, {"shardCount": 2}, updateMask="shardCount")
    assert (valkey.get()["state"], valkey.get()["shardCount"]) == ("UPDATING", 1)
    valkey.project.sandbox.advance("gcp", 301)
    valkey.well(begun)
    valkey.project.sandbox.set_profile("instant")
    assert "deletion protection" in valkey.refused("DELETE", CACHE)[1]
    valkey.project.sandbox.fault("gcp", operation="memorystore.*patch$", kind="fail_operation", message="No.")
    failed = valkey.done(valkey.call("PATCH", CACHE, {"shardCount": 5}, updateMask="shardCount"))
    assert failed["error"] == {"code": 13, "message": "No."}
    assert (valkey.get()["state"], valkey.get()["shardCount"]) == ("ACTIVE", 2)
    valkey.patch("deletionProtectionEnabled", deletionProtectionEnabled=False)
    valkey.well(valkey.call("DELETE", CACHE))


def test_persistence_of_another_kind_replaces_the_first(valkey: Valkey) -> None:
    made = valkey.create(persistenceConfig={"mode": "AOF"})
    assert made["persistenceConfig"] == {"mode": "AOF", "aofConfig": {"appendFsync": "EVERY_SEC"}}
    after = valkey.patch(
        "persistenceConfig", persistenceConfig={"mode": "RDB", "rdbConfig": {"rdbSnapshotPeriod": "ONE_HOUR"}}
    )
    assert set(after["persistenceConfig"]) == {"mode", "rdbConfig"}


def test_another_node_type_comes_alone(valkey: Valkey) -> None:
    valkey.create(nodeType="SHARED_CORE_NANO")
    change = {"nodeType": "STANDARD_SMALL", "replicaCount": 1}
    refused = valkey.refused("PATCH", CACHE, change, updateMask="nodeType,replicaCount")
    assert refused == (400, "only engine_configs supported along with node_type update")
    assert valkey.patch("nodeType", nodeType="STANDARD_SMALL")["nodeConfig"] == {"sizeGb": 6.5}


def test_keys_of_ones_own(valkey: Valkey) -> None:
    name = key(valkey.project, agent="gcp-sa-memorystore")
    info = valkey.create(kmsKey=name)["encryptionInfo"]
    assert (info["encryptionType"], info["kmsKeyPrimaryState"]) == ("CUSTOMER_MANAGED_ENCRYPTION", "ENABLED")
    assert info["kmsKeyVersions"] == [f"{name}/cryptoKeyVersions/1"]
    valkey.well(valkey.call("POST", f"{CACHE}:backup", {"backupId": "first"}))
    [group] = valkey.call("GET", f"{PARENT}/backupCollections")["backupCollections"]
    assert group["kmsKey"] == name
    [backup] = valkey.call("GET", f"{group['name']}/backups")["backups"]
    assert backup["encryptionInfo"]["kmsKeyVersions"] == info["kmsKeyVersions"]


def test_automated_backups_come_daily_and_expire(valkey: Valkey) -> None:
    config = {
        "automatedBackupMode": "ENABLED",
        "fixedFrequencySchedule": {"startTime": {"hours": 4}},
        "retention": "172800s",
    }
    assert valkey.create(automatedBackupConfig=config)["automatedBackupConfig"] == config
    valkey.project.sandbox.advance("gcp", 5 * 86400)
    collection = valkey.call("GET", f"{PARENT}/backupCollections")["backupCollections"][0]
    found = valkey.call("GET", f"{collection['name']}/backups")["backups"]
    assert [item["backupType"] for item in found] == ["AUTOMATED", "AUTOMATED"]
    assert valkey.get()["backupCollection"] == collection["name"]
    valkey.well(valkey.call("DELETE", found[0]["name"]))
    assert len(valkey.call("GET", f"{collection['name']}/backups")["backups"]) == 1


@real
def test_a_backup_brings_keys_back_in_a_new_instance(valkey: Valkey) -> None:
    valkey.create(mode="CLUSTER_DISABLED")
    valkey.connection().set("k", "1")
    backed_up = valkey.well(valkey.call("POST", f"{CACHE}:backup", {"backupId": "one"}))
    backup = f"{backed_up['backupCollection']}/backups/one"
    valkey.connection().set("k", "2")
    valkey.well(valkey.call("DELETE", CACHE))
    valkey.create("again", mode="CLUSTER_DISABLED", managedBackupSource={"backup": backup})
    assert valkey.connection("again").get("k") == b"1"


@real
def test_tokens_open_and_can_be_replaced_without_a_gap(valkey: Valkey) -> None:
    import redis

    valkey.create(
        mode="CLUSTER_DISABLED", authorizationMode="TOKEN_AUTH", transitEncryptionMode="SERVER_AUTHENTICATION"
    )
    with pytest.raises(redis.AuthenticationError):
        valkey.connection().ping()
    user = f"{CACHE}/tokenAuthUsers/app"
    valkey.well(valkey.call("POST", f"{CACHE}:addTokenAuthUser", {"tokenAuthUser": "app"}))

    for _ in range(2):
        assert "token" not in str(valkey.well(valkey.call("POST", f"{user}:addAuthToken", {})).keys())
    first, second = valkey.call("GET", f"{user}/authTokens")["authTokens"]
    assert valkey.call("GET", first["name"]) == first
    for item in (first, second):
        assert valkey.connection(username="app", password=item["token"]).ping() is True
    assert valkey.refused("POST", f"{user}:addAuthToken", {})[0] == 400
    valkey.well(valkey.call("DELETE", first["name"]))
    assert valkey.connection(username="app", password=second["token"]).ping() is True
    with pytest.raises(redis.AuthenticationError):
        valkey.connection(username="app", password=first["token"]).ping()
    assert valkey.refused("DELETE", user)[0] == 400
    valkey.well(valkey.call("DELETE", user, force=True))
    ca = valkey.call("GET", f"{CACHE}/certificateAuthority")["managedServerCa"]["caCerts"][0]["certificates"][0]
    assert ca.startswith("-----BEGIN CERTIFICATE")


@real
def test_iam_opens_with_an_access_token(valkey: Valkey) -> None:
    import redis
    from google.auth.transport.requests import Request

    valkey.create(mode="CLUSTER_DISABLED", authorizationMode="IAM_AUTH")
    assert valkey.connection(password=valkey.project.credentials.token).ping() is True
    with pytest.raises(redis.AuthenticationError):
        valkey.connection(password="ya29.someone-else").ping()
    valkey.project.credentials.refresh(Request())
    for _ in range(100):
        try:
            assert valkey.connection(password=valkey.project.credentials.token).ping() is True
            break
        except redis.AuthenticationError:
            time.sleep(0.05)
    else:
        raise AssertionError("the new token does not open")
