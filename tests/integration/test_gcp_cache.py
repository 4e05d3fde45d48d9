"""Caches on Google Cloud: made, unchanged, drifted, repaired, resized, destroyed; seen by Google's own clients."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import memorystore_v1
from google.cloud.memorystore_v1.services.memorystore.transports import MemorystoreRestTransport
from google.protobuf.field_mask_pb2 import FieldMask
from module_utils._backup import Stores, back_up, look
from module_utils._engine.errors import SpecError
from module_utils._gcp.client import Cloud
from module_utils._spec.arguments import build
from module_utils._spec.cache import Cache
from module_utils._spec.site import Site

from sandbox.core.connection import GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.google_stores import BASE, PARENT, REGION, Google, acts, asked, changed, done, run, seen

NAME = f"{PARENT}/instances/{BASE}-main"
NETWORK = {"addresses": sites.SLOTS}
VALKEY = {"name": "main", "persistence": "snapshots", "eviction_policy": "allkeys-lru"}


@pytest.fixture
def cloud() -> str:
    return "gcp"


@pytest.fixture
def google(sandbox: Sandbox) -> Google:
    return Google(sandbox)


@pytest.fixture
def valkey(google: Google) -> memorystore_v1.MemorystoreClient:
    host = f"{google.url.removeprefix('http://')}/memorystore"
    transport = MemorystoreRestTransport(credentials=google.credentials, host=host, url_scheme="http")
    return memorystore_v1.MemorystoreClient(transport=transport)


def cache(*instances: dict[str, Any], **network: Any) -> dict[str, Any]:
    return {"network": {**NETWORK, **network}, "cache": {"instances": list(instances)}}


def test_valkey_lives(site: dict[str, Any], sandbox: Sandbox, valkey: memorystore_v1.MemorystoreClient) -> None:
    spec = cache({**VALKEY, "snapshot_retention_days": 3, "snapshot_window": "01:00"})
    done(run(site, spec))
    made = valkey.get_instance(name=NAME)
    assert (made.node_type.name, made.replica_count, made.mode.name) == ("SHARED_CORE_NANO", 0, "CLUSTER_DISABLED")
    assert made.authorization_mode.name == "IAM_AUTH"
    assert made.transit_encryption_mode.name == "SERVER_AUTHENTICATION"
    assert made.persistence_config.mode.name == "RDB"
    assert made.automated_backup_config.retention.days == 3
    assert dict(made.engine_configs) == {"maxmemory-policy": "allkeys-lru"}

    since = seen(sandbox)
    again = done(run(site, spec, refers=("network",)))
    assert acts(again) == {}
    assert asked(sandbox, since, writes=True) == []
    stores = [operation for operation in asked(sandbox, since) if not operation.startswith(("compute.", "service"))]
    assert sorted(stores) == [
        "memorystore.projects.locations.instances.getCertificateAuthority",
        "memorystore.projects.locations.instances.list",
        "networkconnectivity.projects.locations.serviceConnectionPolicies.list",
    ]
    found = again.outputs["cache"]["instances"]["main"]
    assert found["host"]
    assert {key: found[key] for key in ("id", "tls", "authentication", "secret", "reader_host")} == {
        "id": NAME,
        "tls": True,
        "authentication": "iam",
        "secret": None,
        "reader_host": None,
    }

    drifted = memorystore_v1.Instance(name=NAME, engine_configs={"maxmemory-policy": "noeviction", "maxclients": "99"})
    valkey.update_instance(instance=drifted, update_mask=FieldMask(paths=["engine_configs"])).result(timeout=30)
    assert changed(done(run(site, spec))) == ["engineConfigs.maxmemory-policy"]
    after = valkey.get_instance(name=NAME)
    assert dict(after.engine_configs) == {"maxmemory-policy": "allkeys-lru", "maxclients": "99"}, "what is theirs stays"

    larger = {**VALKEY, "size": "medium", "high_availability": True, "persistence": "append_only", "version": "9.0"}
    report = done(run(site, cache({**larger, "maintenance_window": {"start_time": "02:30", "days": ["sunday"]}})))
    assert {entry.note for entry in report.entries if entry.disruptive} == {
        "a change of nodeType, engineVersion interrupts the service"
    }
    after = valkey.get_instance(name=NAME)
    assert (after.node_type.name, after.replica_count, after.engine_version) == ("STANDARD_SMALL", 1, "VALKEY_9_0")
    assert after.persistence_config.mode.name == "AOF"
    assert after.automated_backup_config.automated_backup_mode.name == "DISABLED"
    window = after.maintenance_policy.weekly_maintenance_window[0]
    assert (window.day, window.start_time.hours) == (7, 3)
    assert report.outputs["cache"]["instances"]["main"]["reader_host"]

    with pytest.raises(SpecError, match="cannot go back from VALKEY_9_0 to VALKEY_8_0"):
        run(site, cache({**larger, "version": "8.0"}))
    done(run(site, cache({**larger, "state": "absent"})))
    assert not list(valkey.list_instances(parent=PARENT))
    gone = done(run(site, spec, state="absent", find_orphans=True))
    assert gone.orphans == []


REDIS = {"name": "main", "engine": "redis", "size": "medium"}
OPEN = {"data_ports": [5432, 6378, 6379]}


@pytest.fixture
def redis(google: Google) -> Any:
    return google("redis").projects().locations().instances()


@pytest.fixture
def stored(google: Google) -> Callable[[], str]:
    """The password in the secret store."""

    def read() -> str:
        name = f"projects/{GCP_PROJECT}/secrets/{BASE}-cache-main/versions/latest"
        answer = google("secretmanager").projects().secrets().versions().access(name=name).execute()
        return base64.b64decode(answer["payload"]["data"]).decode()

    return read


def password(redis: Any) -> str:
    return str(redis.getAuthString(name=NAME).execute()["authString"])


def test_redis_lives(site: dict[str, Any], sandbox: Sandbox, redis: Any, stored: Callable[[], str]) -> None:
    with pytest.raises(SpecError, match=r"port 6378 is closed .* Set network.data_ports: \[5432, 6379, 6378\]"):
        run(site, cache(REDIS))
    spec = cache(REDIS, **OPEN)
    report = done(run(site, spec))
    made = redis.get(name=NAME).execute()
    assert (made["tier"], made["memorySizeGb"]) == ("BASIC", 6)
    assert made["connectMode"] == "PRIVATE_SERVICE_ACCESS"
    assert made["transitEncryptionMode"] == "SERVER_AUTHENTICATION"
    secret = f"projects/{GCP_PROJECT}/secrets/{BASE}-cache-main"
    found = report.outputs["cache"]["instances"]["main"]
    assert (found["id"], found["secret"], found["authentication"]) == (NAME, secret, "password")
    assert stored() == password(redis)
    assert stored() not in repr(report)

    since = seen(sandbox)
    assert acts(done(run(site, spec, refers=("network",)))) == {}
    assert asked(sandbox, since, writes=True) == []
    assert [operation for operation in asked(sandbox, since) if "ccess" in operation or "uthString" in operation] == []

    first = stored()
    rotated = done(run(site, cache({**REDIS, "rotate": True}, **OPEN)))
    assert acts(rotated) == {f"gcp.redis.auth_string {BASE}-main": "update"}
    assert [entry.disruptive for entry in rotated.entries if entry.name == f"{BASE}-main" and entry.changes] == [True]
    assert first != stored() == password(redis)
    assert acts(done(run(site, spec))) == {}

    redis.patch(name=NAME, updateMask="authEnabled", body={"authEnabled": False}).execute()
    assert changed(done(run(site, spec))) == ["authEnabled", "use"]
    assert stored() == password(redis)

    more = {**REDIS, "size": "large", "version": "7.2", "persistence": "snapshots", "eviction_policy": "volatile-ttl"}
    done(run(site, cache(more, **OPEN)))
    after = redis.get(name=NAME).execute()
    assert (after["memorySizeGb"], after["redisVersion"]) == (25, "REDIS_7_2")
    assert after["persistenceConfig"]["persistenceMode"] == "RDB"
    assert after["redisConfigs"] == {"maxmemory-policy": "volatile-ttl"}
    with pytest.raises(SpecError, match="tier is 'BASIC', asked for 'STANDARD_HA'"):
        run(site, cache({**more, "high_availability": True}, **OPEN))
    with pytest.raises(SpecError, match="cannot go back from REDIS_7_2 to REDIS_7_0"):
        run(site, cache({**more, "version": "7.0"}, **OPEN))

    gone = done(run(site, spec, state="absent", find_orphans=True))
    assert gone.orphans == []
    assert [each["name"] for each in gone.kept or []] == [f"{BASE}-cache-main"]
    assert redis.list(parent=PARENT).execute() == {}
    done(run(site, spec))
    assert stored() == password(redis), "a secret that comes back holds what is in force"


BOTH = (
    {"name": "main", "persistence": "snapshots"},
    {"name": "sessions", "engine": "redis", "persistence": "snapshots"},
)


class Killed(BaseException):
    """The process dies here. Not an Exception: nothing on the way may catch it."""


def test_a_renewal_killed_after_any_step_is_finished_by_the_next_run(
    site: dict[str, Any], redis: Any, stored: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, renewal = cache(REDIS, **OPEN), cache({**REDIS, "rotate": True}, **OPEN)
    done(run(site, spec))
    call, first, writes = Cloud.call, stored(), 0
    for fatal in range(1, 20):
        left = [fatal]

        def dying(cloud: Cloud, service: str, method: str, *rest: Any, left: list[int] = left, **options: Any) -> Any:
            answer = call(cloud, service, method, *rest, **options)
            left[0] -= method != "GET" and service in ("redis", "secretmanager")
            if left[0] <= 0:
                raise Killed
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(Cloud, "call", dying)
            try:
                done(run(site, renewal, refers=("network",)))
            except Killed:
                writes = fatal
            else:
                break
        done(run(site, spec, refers=("network",)))
        assert stored() == password(redis), f"killed after write {fatal}"
    assert acts(done(run(site, spec))) == {}
    assert writes > 6, "it was to be killed after each of its writes"
    assert first != stored() == password(redis)


def stores(site: dict[str, Any], *caches: dict[str, Any]) -> Stores:
    return Stores(build(Site, {**site, "enable_services": True}), cache=build(Cache, {"instances": list(caches)}))


def test_backups_outlive_their_caches(site: dict[str, Any], google: Google) -> None:
    done(run(site, cache(*BOTH, **OPEN)))
    made = done(back_up(stores(site, *BOTH), "before-release", sites.options()))
    objects = google("storage").objects()
    bucket = made.outputs["cache"]["sessions"].removeprefix("gs://").partition("/")[0]
    names = [each["name"] for each in objects.list(bucket=bucket).execute()["items"]]
    assert names == [f"{BASE}-sessions/before-release.rdb"]
    again = done(back_up(stores(site, *BOTH), "before-release", sites.options()))
    assert (acts(again), again.outputs) == ({}, made.outputs)

    found = {each["name"]: each for each in look(stores(site, *BOTH), 60, retry_timeout=30).stores}
    for name in ("main", "sessions"):
        [backup] = found[name]["backups"]
        assert (backup["id"], backup["label"], backup["kind"], backup["status"]) == (
            made.outputs["cache"][name],
            "before-release",
            "manual",
            "ready",
        )
        assert found[name]["exists"] is True
        assert found[name]["within_rpo"] is True

    last = {**BOTH[0], "final_snapshot": True}
    plan = run(site, cache(last, BOTH[1], **OPEN), state="absent", check=True)
    notes = [entry.note for entry in plan.entries if entry.kind == "gcp.memorystore.instance"]
    assert "a final backup stays: projects/" in notes[0]
    gone = done(run(site, cache(last, BOTH[1], **OPEN), state="absent", find_orphans=True))
    assert gone.orphans == []
    kept = sorted(each["kept"] for each in gone.kept or [] if each["kind"] != "gcp.secretmanager.secret")
    assert kept == [
        "a backup that was asked for of a deleted cache, until it is deleted",
        "exports of caches that were asked for, until they are deleted",
        "the final backup of a deleted cache, until it is deleted",
    ]
    found = {each["name"]: each for each in look(stores(site, *BOTH), None, retry_timeout=30).stores}
    assert sorted(each["kind"] for each in found["main"]["backups"]) == ["final", "manual"]
    assert [each["label"] for each in found["sessions"]["backups"]] == ["before-release"]
    assert found["main"]["exists"] is found["sessions"]["exists"] is False


def test_a_cache_that_is_not_there_cannot_be_backed_up(site: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"gcp.memorystore.instance .*-main: .* is not in this account"):
        back_up(stores(site, BOTH[0]), "before-release", sites.options())


def test_in_a_network_of_somebody_else_s(site: dict[str, Any], google: Google) -> None:
    other = {**site, "site": "elsewhere"}
    given = {"gcp": {"existing_network": BASE, "existing_subnetwork": f"{BASE}-nodes"}}
    spec = {"network": given, "cache": {"instances": [*BOTH]}}
    done(run(site, {"network": NETWORK}))
    with pytest.raises(SpecError, match=r"given_policy gcp-memorystore: the specification refers to it"):
        run(other, spec)
    done(run(site, cache(BOTH[0])))
    report = done(run(other, spec))
    assert {kind.split()[0] for kind in acts(report)} == {
        "gcp.memorystore.instance",
        "gcp.redis.instance",
        "gcp.redis.auth_string",
        "gcp.serviceusage.services",
        "gcp.secretmanager.secret",
    }
    assert acts(done(run(other, spec))) == {}
    assert done(run(other, spec, state="absent", find_orphans=True)).orphans == []
    policies = google("networkconnectivity").projects().locations().serviceConnectionPolicies()
    assert len(policies.list(parent=PARENT).execute()["serviceConnectionPolicies"]) == 1


def test_a_key_of_ones_own(site: dict[str, Any], redis: Any) -> None:
    spec = cache(*({**each, "encryption": "customer"} for each in BOTH), **OPEN)
    done(run(site, spec))
    made = redis.get(name=f"{PARENT}/instances/{BASE}-sessions").execute()
    assert made["customerManagedKey"].endswith(f"/cryptoKeys/{BASE}-cache")
    assert acts(done(run(site, spec))) == {}
    with pytest.raises(SpecError, match=r"customerManagedKey is|kmsKey is"):
        run(site, cache(*BOTH, **OPEN))
    assert done(run(site, spec, state="absent", find_orphans=True)).orphans == []


def test_the_key_of_a_final_backup_stays_with_it(site: dict[str, Any], google: Google) -> None:
    spec = cache({"name": "main", "encryption": "customer", "final_snapshot": True})
    done(run(site, spec))
    gone = done(run(site, spec, state="absent", find_orphans=True))
    assert gone.orphans == []
    assert {each["kind"] for each in gone.kept or []} == {"gcp.memorystore.backup", "gcp.kms.key"}
    keys = google("cloudkms").projects().locations().keyRings().cryptoKeys()
    found = keys.get(name=f"{PARENT}/keyRings/{BASE}/cryptoKeys/{BASE}-cache").execute()
    assert found["primary"]["state"] == "ENABLED"
    assert acts(done(run(site, spec, state="absent"))) == {}


def test_a_key_goes_when_only_redis_was_encrypted_with_it(site: dict[str, Any], google: Google) -> None:
    """Memorystore for Valkey is not even switched on."""
    spec = cache({**BOTH[1], "encryption": "customer"}, **OPEN)
    done(run(site, spec))
    gone = done(run(site, spec, state="absent", find_orphans=True))
    assert (gone.orphans, [each["kind"] for each in gone.kept or []]) == ([], ["gcp.secretmanager.secret"])


def test_disruption_is_guarded_in_prod(site: dict[str, Any]) -> None:
    prod = {**site, "environment": "prod", "site": "gcp-dev"}
    done(run(prod, cache({"name": "main"})))
    with pytest.raises(SpecError, match=r"nodeType interrupts the service. Set allow_disruption: true"):
        run(prod, cache({"name": "main", "size": "medium"}))
    done(run(prod, cache({"name": "main", "size": "medium"}), allow_disruption=True))


def test_what_cannot_be_is_refused_before_anything_is_touched(
    site: dict[str, Any], sandbox: Sandbox, google: Google
) -> None:
    key = f"projects/{GCP_PROJECT}/locations/europe-west3/keyRings/r/cryptoKeys/k"
    with pytest.raises(SpecError, match=r"the key is in europe-west3, and what it shall encrypt is in us-central1"):
        run(site, cache({"name": "main", "encryption": "customer", "gcp": {"kms_key": key}}))
    done(run(site, cache({"name": "main", "engine": "redis"}, **OPEN)))
    with pytest.raises(SpecError, match=r"main is on Memorystore for Redis, and the engine of a cache cannot be"):
        run(site, cache({"name": "main"}, **OPEN))
    done(run(site, cache({"name": "main", "engine": "redis", "state": "absent"}, **OPEN)))
    policies = google("networkconnectivity").projects().locations().serviceConnectionPolicies()
    body = {
        "network": f"projects/{GCP_PROJECT}/global/networks/{BASE}",
        "serviceClass": "gcp-memorystore",
        "pscConfig": {"subnetworks": [f"projects/{GCP_PROJECT}/regions/{REGION}/subnetworks/{BASE}-nodes"]},
    }
    policies.create(parent=PARENT, serviceConnectionPolicyId="theirs", body=body).execute()
    since = seen(sandbox)
    with pytest.raises(SpecError, match=r"serviceConnectionPolicies/theirs for gcp-memorystore already"):
        run(site, cache({"name": "main"}))
    assert asked(sandbox, since, writes=True) == []
