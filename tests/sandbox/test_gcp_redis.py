"""Memorystore for Redis by Google's own client; with real keys where Redis is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from sandbox.engines import engine_available
from tests.sandbox.gcp_managed import NETWORK, Longrunning, key, peered_network
from tests.sandbox.gcp_replay import load, shape
from tests.sandbox.gcp_support import HOME, PARENT, REGION, Project

CACHE = f"{PARENT}/instances/cache"
RECORDINGS = Path(os.environ.get("RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings")
real = pytest.mark.skipif(not engine_available("redis"), reason="no Redis is installed")


class Cache(Longrunning):
    """Memorystore by Google's client."""

    def __init__(self, project: Project) -> None:
        super().__init__(project, "redis")
        self.instances = project.client("redis").projects().locations().instances()

    def create(self, name: str = "cache", **fields: Any) -> dict[str, Any]:
        """An instance that is ready."""
        body = {"tier": "BASIC", "memorySizeGb": 1, **fields}
        self.well(self.instances.create(parent=PARENT, instanceId=name, body=body).execute())
        return self.get(name)

    def get(self, name: str = "cache") -> dict[str, Any]:
        """The instance as it is now."""
        found: dict[str, Any] = self.instances.get(name=f"{PARENT}/instances/{name}").execute()
        return found

    def patch(self, mask: str, **fields: Any) -> dict[str, Any]:
        """Change the instance."""
        self.well(self.instances.patch(name=CACHE, updateMask=mask, body=fields).execute())
        return self.get()

    def connection(self, name: str = "cache", password: str | None = None) -> Any:
        """A connection to the address that the API prints."""
        import redis

        found = self.get(name)
        secure = found["transitEncryptionMode"] == "SERVER_AUTHENTICATION"
        ca = str(self.project.sandbox.ca_bundle) if secure else None
        return redis.Redis(found["host"], found["port"], password=password, ssl=secure, ssl_ca_certs=ca)

    def auth(self, name: str = "cache") -> str:
        """The password."""
        found = self.instances.getAuthString(name=f"{PARENT}/instances/{name}").execute()
        return str(found.get("authString", ""))


@pytest.fixture
def cache(gcp: Project) -> Cache:
    """A project with Memorystore switched on."""
    return Cache(gcp)


def test_a_highly_available_private_instance(cache: Cache) -> None:
    peered_network(cache.project)
    made = cache.create(
        tier="STANDARD_HA",
        memorySizeGb=5,
        connectMode="PRIVATE_SERVICE_ACCESS",
        authorizedNetwork=NETWORK,
        reservedIpRange="services",
        transitEncryptionMode="SERVER_AUTHENTICATION",
        authEnabled=True,
        persistenceConfig={"persistenceMode": "RDB", "rdbSnapshotPeriod": "TWELVE_HOURS"},
        redisConfigs={"maxmemory-policy": "allkeys-lru"},
        maintenancePolicy={"weeklyMaintenanceWindow": [{"day": "SUNDAY", "startTime": {"hours": 2}}]},
        labels={"site": "gcp"},
    )
    assert (made["state"], made["redisVersion"], made["port"]) == ("READY", "REDIS_7_0", 6378)
    # The name of the range comes back as what was taken of it.
    assert made["reservedIpRange"].endswith("/29")
    assert made["currentLocationId"] == made["locationId"] != made["alternativeLocationId"]
    assert [item["id"] for item in made["nodes"]] == ["node-0", "node-1"]
    assert made["persistenceConfig"]["rdbNextSnapshotTime"] > made["createTime"]
    window = made["maintenancePolicy"]["weeklyMaintenanceWindow"][0]
    assert (window["day"], window["duration"]) == ("SUNDAY", "3600s")
    assert "BEGIN CERTIFICATE" in made["serverCaCerts"][0]["cert"]
    assert len(cache.auth()) == 36
    assert cache.auth() not in str(made)
    assert cache.instances.list(parent=f"{HOME}/locations/-").execute()["instances"] == [made]


@pytest.mark.skipif(not (RECORDINGS / "gcp").exists(), reason="no recorded traffic here: set RECORDINGS")
@pytest.mark.parametrize(
    ("file", "fields"),
    [
        ("redis_instance__c7n_redis_instance_labels", {"labels": {"env": "x", "goog-terraform-provisioned": "true"}}),
        (
            "redis_instance__c7n_test_redis_instance_list_query",
            {"displayName": "test", "authEnabled": True, "transitEncryptionMode": "SERVER_AUTHENTICATION"},
        ),
    ],
)
def test_answers_have_the_recorded_shape(cache: Cache, file: str, fields: dict[str, Any]) -> None:
    recorded = load(RECORDINGS / "gcp" / f"{file}.jsonl")[0].answer["instances"][0]
    mine = dict(shape(cache.create(**fields)))
    assert not [place for place, kind in shape(recorded) if mine.get(place) != kind]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tier": None}, "tier"),
        ({"memorySizeGb": 0}, "memory_size_gb"),
        ({"redisVersion": "REDIS_99"}, "Redis version"),
        ({"readReplicasMode": "READ_REPLICAS_ENABLED", "memorySizeGb": 5}, "tier BASIC"),
        ({"tier": "STANDARD_HA", "readReplicasMode": "READ_REPLICAS_ENABLED"}, "at least 5 GB"),
        ({"replicaCount": 2}, "replica_count"),
        ({"alternativeLocationId": f"{REGION}-c"}, "STANDARD_HA"),
        ({"locationId": "us-central1-a"}, "not in region"),
        ({"redisConfigs": {"save": "1"}}, "not supported"),
        ({"redisConfigs": {"maxmemory-policy": "forget"}}, "maxmemory-policy"),
        ({"authorizedNetwork": f"{HOME}/global/networks/none"}, "not found"),
        ({"connectMode": "PRIVATE_SERVICE_ACCESS"}, "Google private service access is not enabled"),
        ({"reservedIpRange": "10.1.0.0/24"}, "/29"),
        ({"persistenceConfig": {"rdbSnapshotPeriod": "ONE_HOUR"}}, "persistence_mode"),
        ({"maintenancePolicy": {"weeklyMaintenanceWindow": [{"startTime": {"hours": 2}}]}}, "day"),
        ({"customerManagedKey": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}, "must be in"),
        ({"colour": "red"}, "Unknown name"),
    ],
)
def test_bad_instances_are_refused(cache: Cache, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(HttpError) as caught:
        cache.create(**fields)
    assert caught.value.resp.status == 400
    assert words in caught.value.reason
    assert cache.instances.list(parent=PARENT).execute() == {}


def test_states_and_one_operation_at_a_time(cache: Cache) -> None:
    cache.project.sandbox.set_profile("realistic", scale=1)
    begun = cache.instances.create(
        parent=PARENT, instanceId="cache", body={"tier": "BASIC", "memorySizeGb": 1}
    ).execute()
    assert (begun["done"], begun["metadata"]["verb"], begun["metadata"]["target"]) == (False, "create", CACHE)
    assert (cache.get()["state"], "host" in cache.get()) == ("CREATING", False)
    with pytest.raises(HttpError) as caught:
        cache.instances.delete(name=CACHE).execute()
    assert (caught.value.resp.status, caught.value.reason) == (409, "unable to queue the operation")
    cache.project.sandbox.advance("gcp", 301)
    cache.well(begun)
    assert cache.done(begun)["metadata"]["endTime"]
    begun = cache.instances.patch(
        name=CACHE, updateMask="memorySizeGb,labels", body={"memorySizeGb": 2, "labels": {"a": "b"}}
    )
    begun = begun.execute()
    found = cache.get()
    assert (found["state"], found["memorySizeGb"], found["labels"]) == ("UPDATING", 1, {"a": "b"})
    cache.project.sandbox.advance("gcp", 181)
    cache.well(begun)
    assert (cache.get()["state"], cache.get()["memorySizeGb"]) == ("READY", 2)


def test_failed_operations(cache: Cache) -> None:
    cache.project.sandbox.fault(
        "gcp", operation="redis.*create$", kind="fail_operation", code="UNAVAILABLE", message="Out."
    )
    body = {"tier": "BASIC", "memorySizeGb": 1}
    done = cache.done(cache.instances.create(parent=PARENT, instanceId="cache", body=body).execute())
    assert done["error"] == {"code": 14, "message": "Out."}
    assert cache.instances.list(parent=PARENT).execute() == {}
    cache.create()
    cache.project.sandbox.fault("gcp", operation="redis.*patch$", kind="fail_operation")
    assert "error" in cache.done(
        cache.instances.patch(name=CACHE, updateMask="memorySizeGb", body={"memorySizeGb": 9}).execute()
    )
    assert (cache.get()["state"], cache.get()["memorySizeGb"]) == ("READY", 1)


def test_read_replicas_take_a_second_range(cache: Cache) -> None:
    cache.create(tier="STANDARD_HA", memorySizeGb=5)
    with pytest.raises(HttpError) as caught:
        cache.patch("readReplicasMode", readReplicasMode="READ_REPLICAS_ENABLED")
    assert "secondary_ip_range" in caught.value.reason
    fields = {"readReplicasMode": "READ_REPLICAS_ENABLED", "replicaCount": 3, "secondaryIpRange": "auto"}
    found = cache.patch("readReplicasMode,replicaCount,secondaryIpRange", **fields)
    assert found["secondaryIpRange"].endswith("/28")
    assert (len(found["nodes"]), found["readEndpointPort"]) == (4, 6379)
    again = cache.patch("secondaryIpRange,replicaCount", secondaryIpRange="auto", replicaCount=2)
    assert again["secondaryIpRange"] == found["secondaryIpRange"]
    with pytest.raises(HttpError) as caught:
        cache.patch("readReplicasMode", readReplicasMode="READ_REPLICAS_DISABLED")
    assert caught.value.resp.status == 400


def test_failover_and_upgrade(cache: Cache) -> None:
    before = cache.create(tier="STANDARD_HA", redisVersion="REDIS_6_X")
    cache.well(cache.instances.failover(name=CACHE, body={"dataProtectionMode": "LIMITED_DATA_LOSS"}).execute())
    assert cache.get()["currentLocationId"] == before["alternativeLocationId"]
    cache.well(cache.instances.upgrade(name=CACHE, body={"redisVersion": "REDIS_7_2"}).execute())
    assert cache.get()["redisVersion"] == "REDIS_7_2"
    with pytest.raises(HttpError) as caught:
        cache.instances.upgrade(name=CACHE, body={"redisVersion": "REDIS_7_0"}).execute()
    assert caught.value.resp.status == 400
    cache.create("basic")
    with pytest.raises(HttpError) as caught:
        cache.instances.failover(name=f"{PARENT}/instances/basic", body={}).execute()
    assert "STANDARD_HA" in caught.value.reason


@pytest.mark.parametrize("field", ["tier", "transitEncryptionMode", "authorizedNetwork", "locationId"])
def test_what_stays_as_it_is(cache: Cache, field: str) -> None:
    cache.create()
    with pytest.raises(HttpError) as caught:
        cache.patch(field, **{field: "STANDARD_HA" if field == "tier" else "DISABLED"})
    assert caught.value.resp.status == 400


def test_keys_of_ones_own(cache: Cache) -> None:
    name = key(cache.project, agent="cloud-redis")
    assert cache.create(customerManagedKey=name)["customerManagedKey"] == name
    path = f"v1/{name}/cryptoKeyVersions/1"
    cache.project.call("PATCH", "cloudkms", path, {"state": "DISABLED"}, updateMask="state")
    assert cache.get()["suspensionReasons"] == ["CUSTOMER_MANAGED_KEY_ISSUE"]


@real
def test_a_real_server_answers_with_the_password_only(cache: Cache) -> None:
    import redis

    cache.create(authEnabled=True, transitEncryptionMode="SERVER_AUTHENTICATION")
    password = cache.auth()
    assert cache.connection(password=password).set("k", "v") is True
    with pytest.raises(redis.AuthenticationError):
        cache.connection().get("k")
    cache.patch("authEnabled", authEnabled=False)
    assert cache.auth() == ""
    assert cache.connection().get("k") == b"v"
    cache.patch("redisConfigs", redisConfigs={"maxmemory-policy": "volatile-ttl"})
    assert cache.connection().config_get("maxmemory-policy")["maxmemory-policy"] == "volatile-ttl"
    cache.well(cache.instances.delete(name=CACHE).execute())
    assert cache.project.sandbox.control("gcp", "GET", "servers") == []


@real
def test_export_and_import_carry_keys(cache: Cache) -> None:
    cache.project.call(
        "POST", "storage", "storage/v1/b", {"name": "dumps", "location": REGION}, project="sandbox-project"
    )
    cache.create()
    cache.connection().set("k", "1")
    uri = "gs://dumps/cache.rdb"
    cache.well(cache.instances.export(name=CACHE, body={"outputConfig": {"gcsDestination": {"uri": uri}}}).execute())
    status, item = cache.project.call("GET", "storage", "storage/v1/b/dumps/o/cache.rdb")
    assert (status, int(item["size"]) > 50) == (200, True)
    cache.connection().set("k", "2")
    body = {"inputConfig": {"gcsSource": {"uri": uri}}}
    before = cache.get()["host"]
    cache.well(cache.instances.import_(name=CACHE, body=body).execute())
    assert cache.get()["host"] == before
    assert cache.connection().get("k") == b"1"
    cache.create("other")
    cache.well(cache.instances.import_(name=f"{PARENT}/instances/other", body=body).execute())
    assert cache.connection("other").get("k") == b"1"
    for wrong in ("gs://none/x", "nonsense"):
        with pytest.raises(HttpError) as caught:
            cache.instances.export(name=CACHE, body={"outputConfig": {"gcsDestination": {"uri": wrong}}}).execute()
        assert caught.value.resp.status in (400, 404)
