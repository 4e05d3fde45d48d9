"""ElastiCache through unmodified boto3 and redis-py: states that end, tokens, users, and real keys that survive."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from sandbox.engines import describe, engine_available
from tests.sandbox.aws_support import REGION, Account, refused
from tests.sandbox.test_aws_recordings import FOLDER, paths, recorded_paths

needs_redis = pytest.mark.skipif(not engine_available("redis"), reason=describe()["redis"])
TOKEN = "first-token-of-the-cache"
OTHER = "second-token-of-the-cache"


class Cache:
    """An ElastiCache client with a network to put groups into."""

    def __init__(self, aws: Account) -> None:
        self.aws = aws
        self.client = aws.client("elasticache")
        self.vpc, self.subnets = aws.network()
        self.client.create_cache_subnet_group(
            CacheSubnetGroupName="private", CacheSubnetGroupDescription="private", SubnetIds=self.subnets
        )

    def options(self, name: str = "cache", **changes: Any) -> dict[str, Any]:
        wanted = {
            "ReplicationGroupId": name,
            "ReplicationGroupDescription": "a cache",
            "Engine": "valkey",
            "CacheNodeType": "cache.t4g.micro",
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": True,
            "MultiAZEnabled": True,
            "TransitEncryptionEnabled": True,
            "AuthToken": TOKEN,
            "CacheSubnetGroupName": "private",
            **changes,
        }
        return {key: value for key, value in wanted.items() if value is not None}

    def create(self, name: str = "cache", **changes: Any) -> dict[str, Any]:
        self.client.create_replication_group(**self.options(name, **changes))
        return self.settled(name)

    def get(self, name: str = "cache") -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_replication_groups(ReplicationGroupId=name)
        return dict(found["ReplicationGroups"][0])

    def settled(self, name: str = "cache") -> dict[str, Any]:
        self.aws.wait(lambda: self.get(name)["Status"] == "available", seconds=60)
        return self.get(name)

    def modify(self, name: str = "cache", **changes: Any) -> dict[str, Any]:
        self.client.modify_replication_group(ReplicationGroupId=name, ApplyImmediately=True, **changes)
        return self.settled(name)

    def gone(self, name: str = "cache", **options: Any) -> None:
        answer = self.client.delete_replication_group(ReplicationGroupId=name, **options)["ReplicationGroup"]
        assert answer["Status"] == "deleting"
        assert "NodeGroups" not in answer or answer["NodeGroups"]
        self.aws.wait(lambda: self.client.describe_replication_groups()["ReplicationGroups"] == [], seconds=60)

    def snapshot(self, name: str) -> dict[str, Any]:
        find = self.client.describe_snapshots
        self.aws.wait(lambda: find(SnapshotName=name)["Snapshots"][0]["SnapshotStatus"] == "available", seconds=60)
        return dict(find(SnapshotName=name)["Snapshots"][0])

    def connect(self, name: str = "cache", password: str | None = TOKEN, **options: Any) -> Any:
        """redis-py as a client of the group would use it."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        group = self.get(name)
        endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
        tls = {"ssl": True, "ssl_ca_certs": str(self.aws.sandbox.ca_bundle)}
        options = {"retry": Retry(NoBackoff(), 0), **(tls if group["TransitEncryptionEnabled"] else {}), **options}
        return redis.Redis(host=endpoint["Address"], port=endpoint["Port"], password=password, **options)


@pytest.fixture
def cache(aws: Account) -> Cache:
    return Cache(aws)


def test_life_of_a_group(cache: Cache) -> None:
    made = cache.client.create_replication_group(**cache.options(Tags=[{"Key": "platform", "Value": "p"}]))
    assert made["ReplicationGroup"]["Status"] == "creating"
    group = cache.settled()
    shard = group["NodeGroups"][0]
    assert shard["PrimaryEndpoint"]["Port"] == shard["ReaderEndpoint"]["Port"] == 6379
    assert [item["CurrentRole"] for item in shard["NodeGroupMembers"]] == ["primary", "replica"]
    assert len({item["PreferredAvailabilityZone"] for item in shard["NodeGroupMembers"]}) == 2
    assert group["MemberClusters"] == ["cache-001", "cache-002"]
    assert (group["AutomaticFailover"], group["MultiAZ"], group["ClusterEnabled"]) == ("enabled", "enabled", False)
    assert (group["AtRestEncryptionEnabled"], group["AuthTokenEnabled"]) == (True, True)
    nodes = cache.client.describe_cache_clusters(ShowCacheNodeInfo=True)["CacheClusters"]
    assert [node["CacheClusterId"] for node in nodes] == ["cache-001", "cache-002"]
    assert nodes[0]["EngineVersion"] == "8.1.1"
    assert nodes[0]["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey8"
    tagged = cache.aws.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "platform"}], ResourceTypeFilters=["elasticache:replicationgroup"]
    )
    assert [item["ResourceARN"] for item in tagged["ResourceTagMappingList"]] == [group["ARN"]]
    ec2 = cache.aws.client("ec2")
    assert len(ec2.describe_network_interfaces()["NetworkInterfaces"]) == 2
    with pytest.raises(ClientError, match="currently in use") as error:
        cache.client.delete_cache_subnet_group(CacheSubnetGroupName="private")
    assert refused(error) == ("CacheSubnetGroupInUse", 400)
    cache.gone()
    assert cache.client.describe_cache_clusters()["CacheClusters"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    with pytest.raises(ClientError, match="ReplicationGroup cache not found") as error:
        cache.get()
    assert refused(error) == ("ReplicationGroupNotFoundFault", 404)
    cache.client.delete_cache_subnet_group(CacheSubnetGroupName="private")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"NumCacheClusters": 1}, "InvalidParameterCombination", "at least 2 cache clusters"),
        ({"AutomaticFailoverEnabled": False}, "InvalidParameterCombination", "Must enable automatic failover"),
        ({"TransitEncryptionEnabled": False}, "InvalidParameterCombination", "AuthToken can be specified only"),
        ({"AuthToken": "short"}, "InvalidParameterValue", "Invalid AuthToken"),
        ({"CacheNodeType": "cache.x1.huge"}, "InvalidParameterValue", "Invalid Cache Node type"),
        ({"Engine": "memcached"}, "InvalidParameterValue", "not valid for a replication group"),
        ({"EngineVersion": "4.0"}, "InvalidParameterCombination", "Cannot find version 4.0 for valkey"),
        ({"CacheSubnetGroupName": "none"}, "CacheSubnetGroupNotFoundFault", "does not exist"),
        ({"CacheParameterGroupName": "none"}, "CacheParameterGroupNotFound", "not found: none"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidParameterValue", "not valid"),
        ({"SnapshotRetentionLimit": 36}, "InvalidParameterValue", "between 0 and 35"),
        ({"NumNodeGroups": 2}, "InvalidParameterCombination", "Cannot specify both"),
        ({"UserGroupIds": ["none"], "AuthToken": None}, "UserGroupNotFound", "not found"),
        ({"SnapshotName": "none"}, "SnapshotNotFoundFault", "Snapshot not found"),
        ({"KmsKeyId": "none", "AtRestEncryptionEnabled": True}, "InvalidParameterValue", "does not exist"),
        (
            {"SnapshotWindow": "05:00-06:00", "PreferredMaintenanceWindow": "sun:05:30-sun:06:30"},
            "InvalidParameterCombination",
            "must not overlap",
        ),
    ],
)
def test_refused_creation(cache: Cache, change: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(ClientError, match=words) as error:
        cache.client.create_replication_group(**cache.options(**change))
    status = 404 if "NotFound" in code and "Subnet" not in code else 400
    assert refused(error) == (code, status)
    assert cache.client.describe_replication_groups()["ReplicationGroups"] == []
    assert cache.aws.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def test_what_is_sold_can_be_reserved(cache: Cache) -> None:
    find = cache.client.describe_reserved_cache_nodes_offerings
    offers = find(CacheNodeType="cache.m7g.large")["ReservedCacheNodesOfferings"]
    assert {(offer["CacheNodeType"], offer["ProductDescription"]) for offer in offers} == {
        ("cache.m7g.large", "redis"),
        ("cache.m7g.large", "valkey"),
    }
    assert find(CacheNodeType="cache.x9.huge")["ReservedCacheNodesOfferings"] == []


def test_states_in_real_time(cache: Cache) -> None:
    cache.aws.sandbox.set_profile("realistic", scale=1)
    advance = cache.aws.sandbox.advance
    cache.client.create_replication_group(**cache.options())
    assert cache.get()["Status"] == "creating"
    assert "NodeGroups" not in cache.get()
    with pytest.raises(ClientError, match="must be in available state to modify") as error:
        cache.modify(SnapshotRetentionLimit=3)
    assert refused(error) == ("InvalidReplicationGroupState", 400)
    with pytest.raises(ClientError, match="not valid for deletion"):
        cache.gone()
    advance("aws", 301)
    cache.settled()
    cache.client.create_snapshot(ReplicationGroupId="cache", SnapshotName="s")
    assert cache.get()["Status"] == "snapshotting"
    assert cache.client.describe_snapshots()["Snapshots"][0]["SnapshotStatus"] == "creating"
    advance("aws", 121)
    cache.snapshot("s")
    cache.client.delete_snapshot(SnapshotName="s")
    assert cache.client.describe_snapshots()["Snapshots"][0]["SnapshotStatus"] == "deleting"
    advance("aws", 11)
    assert cache.client.describe_snapshots()["Snapshots"] == []
    cache.client.delete_replication_group(ReplicationGroupId="cache")
    assert cache.get()["Status"] == "deleting"
    advance("aws", 181)
    cache.aws.wait(lambda: cache.client.describe_replication_groups()["ReplicationGroups"] == [])


def test_what_waits_for_the_window(cache: Cache) -> None:
    cache.create(Engine="redis", EngineVersion="7.0")
    cache.client.modify_replication_group(
        ReplicationGroupId="cache", CacheNodeType="cache.m7g.large", SnapshotRetentionLimit=5
    )
    group = cache.settled()
    assert (group["CacheNodeType"], group["SnapshotRetentionLimit"]) == ("cache.t4g.micro", 5)
    node = cache.client.describe_cache_clusters(CacheClusterId="cache-001")["CacheClusters"][0]
    assert node["PendingModifiedValues"] == {"CacheNodeType": "cache.m7g.large"}
    cache.aws.sandbox.advance("aws", 7 * 86400)
    assert cache.settled()["CacheNodeType"] == "cache.m7g.large"
    cache.modify(Engine="valkey", EngineVersion="8.0")
    node = cache.client.describe_cache_clusters(CacheClusterId="cache-001")["CacheClusters"][0]
    assert (node["Engine"], node["EngineVersion"]) == ("valkey", "8.0.1")
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey8"
    with pytest.raises(ClientError, match=r"Cannot downgrade from valkey 8\.0\.1 to valkey 7\.2\.6"):
        cache.modify(EngineVersion="7.2")
    with pytest.raises(ClientError, match="Cannot downgrade"):
        cache.modify(Engine="redis", EngineVersion="7.1")


def test_failover_and_replicas(cache: Cache) -> None:
    cache.create()
    cache.client.test_failover(ReplicationGroupId="cache", NodeGroupId="0001")
    roles = {
        item["CacheClusterId"]: item["CurrentRole"] for item in cache.settled()["NodeGroups"][0]["NodeGroupMembers"]
    }
    assert roles == {"cache-001": "replica", "cache-002": "primary"}
    cache.client.increase_replica_count(ReplicationGroupId="cache", NewReplicaCount=3, ApplyImmediately=True)
    assert len(cache.settled()["MemberClusters"]) == 4
    with pytest.raises(ClientError, match="must be more than the current one"):
        cache.client.increase_replica_count(ReplicationGroupId="cache", NewReplicaCount=2, ApplyImmediately=True)
    cache.client.decrease_replica_count(ReplicationGroupId="cache", NewReplicaCount=1, ApplyImmediately=True)
    assert sorted(cache.settled()["MemberClusters"]) == ["cache-001", "cache-002"]
    with pytest.raises(ClientError, match="at least 2 cache clusters"):
        cache.client.decrease_replica_count(ReplicationGroupId="cache", NewReplicaCount=0, ApplyImmediately=True)
    group = cache.modify(AutomaticFailoverEnabled=False, MultiAZEnabled=False)
    assert (group["AutomaticFailover"], group["MultiAZ"]) == ("disabled", "disabled")
    cache.client.decrease_replica_count(ReplicationGroupId="cache", NewReplicaCount=0, ApplyImmediately=True)
    assert cache.settled()["MemberClusters"] == ["cache-002"]


def test_failed_operations(cache: Cache) -> None:
    fault = cache.aws.sandbox.fault
    fault("aws", operation="CreateReplicationGroup", kind="fail_operation")
    cache.client.create_replication_group(**cache.options())
    cache.aws.wait(lambda: cache.get()["Status"] == "create-failed")
    cache.gone()
    cache.create()
    fault("aws", operation="ModifyReplicationGroup", kind="fail_operation")
    group = cache.modify(SnapshotRetentionLimit=9, AutomaticFailoverEnabled=False, MultiAZEnabled=False)
    assert (group["SnapshotRetentionLimit"], group["AutomaticFailover"], group["MultiAZ"]) == (0, "enabled", "enabled")
    assert group["PendingModifiedValues"] == {}
    fault("aws", operation="DeleteReplicationGroup", kind="fail_operation")
    cache.client.delete_replication_group(ReplicationGroupId="cache")
    cache.settled()


def test_daily_snapshots(cache: Cache) -> None:
    cache.create(SnapshotRetentionLimit=1)
    find = cache.client.describe_snapshots
    for _ in range(3):
        cache.settled()
        cache.aws.sandbox.advance("aws", 86400)
        cache.settled()
        cache.aws.wait(lambda: all(item["SnapshotStatus"] == "available" for item in find()["Snapshots"]), seconds=30)
    found = cache.client.describe_snapshots(SnapshotSource="system")["Snapshots"]
    assert 1 <= len(found) <= 2
    assert found[0]["SnapshotName"].startswith("automatic.cache-002-")
    assert "ReplicationGroupId" not in found[0]
    assert find(CacheClusterId="cache-002")["Snapshots"] == found
    assert find(ReplicationGroupId="cache")["Snapshots"] == found
    assert cache.client.describe_snapshots(SnapshotSource="user")["Snapshots"] == []
    cache.gone(FinalSnapshotIdentifier="last")
    assert [item["SnapshotName"] for item in cache.client.describe_snapshots()["Snapshots"]] == ["last"]


@needs_redis
def test_keys_survive_backup_destroy_restore(cache: Cache) -> None:
    cache.create()
    cache.connect().set("key", "value")
    cache.client.create_snapshot(ReplicationGroupId="cache", SnapshotName="before")
    cache.snapshot("before")
    cache.connect().delete("key")
    cache.settled()
    cache.gone()
    cache.create("again", SnapshotName="before", Engine=None)
    assert cache.connect("again").get("key") == b"value"
    # A group made anew under the old name is empty.
    cache.create("cache")
    assert cache.connect("cache").get("key") is None


@needs_redis
def test_token_rotation_locks_nobody_out(cache: Cache) -> None:
    import redis

    cache.create()
    client = cache.connect()
    client.set("key", "value")
    with pytest.raises(redis.AuthenticationError):
        cache.connect(password=OTHER).ping()
    with pytest.raises(ClientError, match="must be rotated before it is set"):
        cache.modify(AuthToken=OTHER, AuthTokenUpdateStrategy="SET")
    cache.modify(AuthToken=OTHER, AuthTokenUpdateStrategy="ROTATE")
    assert cache.connect(password=TOKEN).ping()
    assert cache.connect(password=OTHER).ping()
    assert client.get("key") == b"value"
    cache.modify(AuthToken=OTHER, AuthTokenUpdateStrategy="SET")
    cache.aws.wait(lambda: not _opens(cache, TOKEN))
    assert cache.connect(password=OTHER).get("key") == b"value"
    written = (cache.aws.sandbox.directory / "aws.journal.jsonl").read_text()
    written += (cache.aws.sandbox.directory / "aws.log").read_text()
    assert TOKEN not in written
    assert OTHER not in written


def _opens(cache: Cache, token: str) -> bool:
    import redis

    try:
        return bool(cache.connect(password=token).ping())
    except redis.AuthenticationError:
        return False


@needs_redis
def test_parameters_reach_the_server(cache: Cache) -> None:
    client = cache.client
    client.create_cache_parameter_group(
        CacheParameterGroupName="own", CacheParameterGroupFamily="valkey8", Description="own"
    )

    def change(name: str, value: str) -> None:
        item = {"ParameterName": name, "ParameterValue": value}
        client.modify_cache_parameter_group(CacheParameterGroupName="own", ParameterNameValues=[item])

    change("maxmemory-policy", "allkeys-lru")
    cache.create(CacheParameterGroupName="own")
    assert cache.connect().config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
    change("maxmemory-policy", "noeviction")
    cache.aws.wait(lambda: cache.connect().config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction")
    user = client.describe_cache_parameters(CacheParameterGroupName="own", Source="user")["Parameters"]
    assert [(item["ParameterName"], item["ParameterValue"]) for item in user] == [("maxmemory-policy", "noeviction")]
    for name, value, words in (
        ("no-such", "1", "does not exist"),
        ("maxmemory-policy", "none", "invalid value none"),
        ("maxclients", "10", "cannot be modified"),
    ):
        with pytest.raises(ClientError, match=words):
            change(name, value)
    with pytest.raises(ClientError, match="still members") as error:
        client.delete_cache_parameter_group(CacheParameterGroupName="own")
    assert refused(error) == ("InvalidCacheParameterGroupState", 400)
    cache.modify(CacheParameterGroupName="default.valkey8")
    client.delete_cache_parameter_group(CacheParameterGroupName="own")


@needs_redis
def test_users_and_user_groups(cache: Cache) -> None:
    import redis

    client = cache.client
    client.create_user(
        UserId="app",
        UserName="app",
        Engine="valkey",
        AccessString="on ~app:* +@all",
        Passwords=["a-password-of-the-app"],
    )
    client.create_user(
        UserId="nobody", UserName="default", Engine="redis", AccessString="off -@all", NoPasswordRequired=True
    )
    with pytest.raises(ClientError, match="must contain a user with the user name default") as error:
        client.create_user_group(UserGroupId="team", Engine="redis", UserIds=["app"])
    assert refused(error) == ("DefaultUserRequired", 400)
    client.create_user_group(UserGroupId="team", Engine="valkey", UserIds=["app", "nobody"])
    with pytest.raises(ClientError, match="cannot be used together"):
        cache.create(UserGroupIds=["team"])
    cache.create(UserGroupIds=["team"], AuthToken=None)
    app = cache.connect(username="app", password="a-password-of-the-app")
    app.set("app:1", "x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        app.get("other")
    with pytest.raises(redis.AuthenticationError):
        cache.connect(password=None).ping()
    client.modify_user(UserId="app", AccessString="on ~* +@read")
    cache.aws.wait(lambda: client.describe_users(UserId="app")["Users"][0]["Status"] == "active")
    cache.aws.wait(lambda: _denied(cache))
    with pytest.raises(ClientError, match="associated with user groups"):
        client.delete_user(UserId="app")
    with pytest.raises(ClientError, match="used by replication groups"):
        client.delete_user_group(UserGroupId="team")
    assert client.describe_user_groups()["UserGroups"][0]["ReplicationGroups"] == ["cache"]
    with pytest.raises(ClientError, match="16-128 characters"):
        client.create_user(UserId="x", UserName="x", Engine="valkey", AccessString="on", Passwords=["short"])
    # From users to a token.
    cache.modify(RemoveUserGroups=True, AuthToken=TOKEN, AuthTokenUpdateStrategy="SET")
    cache.aws.wait(lambda: _opens(cache, TOKEN))
    client.delete_user_group(UserGroupId="team")
    cache.aws.wait(lambda: client.describe_user_groups()["UserGroups"] == [])
    client.delete_user(UserId="app")


def _denied(cache: Cache) -> bool:
    import redis

    try:
        cache.connect(username="app", password="a-password-of-the-app").set("app:2", "x")
    except redis.exceptions.NoPermissionError:
        return True
    return False


@needs_redis
def test_cluster_mode_and_plain_text(cache: Cache) -> None:
    import redis

    group = cache.create(
        NumCacheClusters=None,
        NumNodeGroups=2,
        ReplicasPerNodeGroup=1,
        TransitEncryptionEnabled=False,
        AuthToken=None,
    )
    assert (group["ClusterEnabled"], group["MemberClusters"][-1]) == (True, "cache-0002-002")
    assert [item["Slots"] for item in group["NodeGroups"]] == ["0-8191", "8192-16383"]
    endpoint = group["ConfigurationEndpoint"]
    client = redis.RedisCluster(host=endpoint["Address"], port=endpoint["Port"])
    client.set("k", "v")
    assert client.get("k") == b"v"
    with pytest.raises(ClientError, match="cluster mode enabled is not supported"):
        cache.modify(AutomaticFailoverEnabled=False)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no recorded traffic here")
def test_recorded_fields(cache: Cache) -> None:
    absent = {
        "CacheClusters.ConfigurationEndpoint",  # Memcached
        "CacheClusters.Tags",
        "ReplicationGroups.ConfigurationEndpoint",  # cluster mode
        "ReplicationGroups.NodeGroups.Slots",
        "ReplicationGroups.GlobalReplicationGroupInfo.",
        "Snapshots.AutomaticFailover",  # cluster mode, as the four below
        "Snapshots.NumNodeGroups",
        "Snapshots.ReplicationGroup",
        "Snapshots.NodeSnapshots.CacheClusterId",
        "Snapshots.NodeSnapshots.NodeGroupId",
    }
    cache.create()
    cache.client.create_snapshot(ReplicationGroupId="cache", SnapshotName="s")
    cache.snapshot("s")
    cache.client.create_user(
        UserId="u", UserName="u", Engine="redis", AccessString="on", Passwords=["a-password-of-the-app"]
    )
    for operation, options in (
        ("DescribeReplicationGroups", {}),
        ("DescribeCacheClusters", {"ShowCacheNodeInfo": True}),
        ("DescribeCacheSubnetGroups", {}),
        ("DescribeSnapshots", {}),
        ("DescribeUsers", {}),
    ):
        answer = getattr(cache.client, xform_name(operation))(**options)
        wanted = {
            path
            for path in recorded_paths("elasticache", operation)
            if not any(path.startswith(item) for item in absent)
        }
        assert wanted
        assert wanted - set(paths(answer)) == set(), operation


def test_catalog(cache: Cache) -> None:
    versions = cache.client.describe_cache_engine_versions(Engine="valkey")["CacheEngineVersions"]
    assert [item["EngineVersion"] for item in versions] == ["7.2.6", "8.0.1", "8.1.1"]
    cache.create()
    allowed = cache.client.list_allowed_node_type_modifications(ReplicationGroupId="cache")
    assert "cache.m7g.large" in allowed["ScaleUpModifications"]
    arn = f"arn:aws:elasticache:{REGION}:123456789012:replicationgroup:cache"
    cache.client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert cache.client.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "a", "Value": "b"}]
    cache.client.remove_tags_from_resource(ResourceName=arn, TagKeys=["a"])
    assert cache.client.list_tags_for_resource(ResourceName=arn)["TagList"] == []
