"""A server of the specification in RDS's words: settings, refusals, versions, states, modifications. No I/O."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._aws import rds_lists
from module_utils._aws.database_settings import engine_of, parameters_of, problems_of, settings_of, version_of
from module_utils._aws.rds import Instance
from module_utils._aws.rds_parameters import parameter_problem
from module_utils._aws.rds_replicas import ReadReplica
from module_utils._aws.rds_states import status_of
from module_utils._engine.plan import plan
from module_utils._engine.resource import Observed, Recovery, Status
from module_utils._spec.arguments import build
from module_utils._spec.database import Database, DatabaseServer
from module_utils._spec.secret_store import SecretStore
from module_utils._spec.site import Site, SpecError

from tests.unit.plugins.module_utils._aws.kit import SITE, absent, driver, network, present


def server(**options: Any) -> DatabaseServer:
    spec = build(Database, {"servers": [{"name": "main", "storage_gb": 100, **options}]}).resolve(SITE)
    return spec.servers[0]


def built(*servers: dict[str, Any], site: Site = SITE, **net: Any) -> Any:
    one = driver(site)
    made = network(site, **net)
    spec = build(Database, {"servers": list(servers)}).resolve(site)
    secrets = one.secret_store(build(SecretStore, {}).resolve(site), managed=False)
    from module_utils._spec.network import Network

    return one.database(spec, build(Network, {"addresses": {site.name: "0"}, **net}).resolve(site), made, secrets)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"MaxAllocatedStorage": 65536, "StorageType": "gp3", "AutoMinorVersionUpgrade": True, "MultiAZ": False}),
        ({"storage_autogrow": False}, {"MaxAllocatedStorage": 0}),
        ({"max_storage_gb": 300}, {"MaxAllocatedStorage": 300}),
        ({"version": "16"}, {"AutoMinorVersionUpgrade": True}),
        ({"version": "16.4"}, {"AutoMinorVersionUpgrade": False}),
        ({"size": "large"}, {"DBInstanceClass": "db.m6g.2xlarge"}),
        ({"aws": {"instance_class": "db.r8g.large"}}, {"DBInstanceClass": "db.r8g.large"}),
        ({"log_exports": True}, {"EnabledCloudwatchLogsExports": ["postgresql", "upgrade"]}),
        ({"backup_window": "23:30"}, {"PreferredBackupWindow": "23:30-00:30"}),
        ({"engine": "sqlserver"}, {"Engine": "sqlserver-se", "DBInstanceClass": "db.m6i.large"}),
        ({"engine": "sqlserver", "edition": "express"}, {"Engine": "sqlserver-ex", "DBInstanceClass": "db.t3.large"}),
    ],
)
def test_settings(options: dict[str, Any], expected: dict[str, Any]) -> None:
    made = settings_of(server(**options))
    assert {name: made[name] for name in expected} == expected
    assert made["StorageEncrypted"] is True


def test_versions_count_as_rds_counts() -> None:
    assert version_of(server(engine="sqlserver", version="2022")) == "16.00"
    assert version_of(server(version="16")) == "16"
    assert engine_of(server(engine="sqlserver", edition="enterprise")) == "sqlserver-ee"
    assert rds_lists.within("16", "16.10")
    assert not rds_lists.within("16.1", "16.10")
    assert rds_lists.within("16.00", "16.00.4165.4.v1")
    assert rds_lists.family("postgres", "17.6") == "postgres17"
    assert rds_lists.family("sqlserver-se", "16.00.4165.4.v1") == "sqlserver-se-16.0"
    assert rds_lists.group_name("a-main", "sqlserver-se-16.0") == "a-main-sqlserver-se-16-0"
    assert rds_lists.numbers("16.00.4165.4.v1") == (16, 0, 4165, 4, 1)


def test_parameters_are_words_and_tls_is_required() -> None:
    made = parameters_of(server(parameters={"work_mem": 8192, "log_connections": True}))
    assert made == {"work_mem": "8192", "log_connections": "1", "rds.force_ssl": "1"}


@pytest.mark.parametrize(
    ("options", "zones", "words"),
    [
        ({"storage_gb": 70000}, 3, "at most 65536 GiB"),
        ({"max_storage_gb": 105}, 3, "Write 110 or more"),
        ({"aws": {"storage_type": "io2"}}, 3, "io2 needs"),
        ({"aws": {"iops": 4000}}, 3, "gp3 below 400"),
        ({"high_availability": True}, 1, "a second zone"),
        ({"point_in_time_recovery": False}, 3, "point_in_time_recovery"),
        ({"parameters": {"rds.force_ssl": "0"}}, 3, "TLS is required"),
        ({"encryption": "customer", "aws": {"encryption_key_arn": "alias/x"}}, 3, "not the ARN"),
        ({"replicas": [{"name": "far", "region": "us-east-1"}]}, 3, "aws.subnet_group"),
        ({"replicas": [{"name": "near", "aws": {"subnet_group": "x"}}]}, 3, "beside its source"),
        ({"engine": "sqlserver", "users": [{"name": "app"}]}, 3, "its own tools"),
        ({"engine": "sqlserver", "edition": "express", "high_availability": True}, 3, "express edition has none"),
        ({"engine": "sqlserver", "replicas": [{"name": "r"}]}, 3, "enterprise edition"),
        (
            {"backup_window": "03:00", "maintenance_window": {"start_time": "03:30", "days": ["sunday"]}},
            3,
            "must not overlap",
        ),
    ],
)
def test_what_rds_cannot_do_is_said(options: dict[str, Any], zones: int, words: str) -> None:
    problems = problems_of(server(**options), SITE, zones)
    assert [words in problem for problem in problems] == [True], problems


def test_nothing_speaks_against_the_default_or_what_shall_go() -> None:
    assert problems_of(server(), SITE, 2) == []
    assert problems_of(server(state="absent", storage_gb=70000), SITE, 0) == []


@pytest.mark.parametrize(
    ("word", "created", "expected"),
    [
        ("available", True, (Status.READY, Recovery.REPORT)),
        ("backing-up", True, (Status.READY, Recovery.REPORT)),
        ("modifying", True, (Status.PENDING, Recovery.REPORT)),
        ("a-word-of-next-year", True, (Status.PENDING, Recovery.REPORT)),
        ("deleting", True, (Status.DELETING, Recovery.REPORT)),
        ("failed", True, (Status.FAILED, Recovery.REPORT)),
        ("failed", False, (Status.FAILED, Recovery.RECREATE)),
        ("incompatible-restore", False, (Status.FAILED, Recovery.RECREATE)),
        ("storage-full", True, (Status.FAILED, Recovery.UPDATE)),
    ],
)
def test_states(word: str, created: bool, expected: tuple[Status, Recovery]) -> None:
    found = {"DBInstanceStatus": word, **({"InstanceCreateTime": "then"} if created else {})}
    status, reason, recovery = status_of(found)
    assert (status, recovery) == expected
    assert bool(reason) == (status is not Status.READY)


def test_where_a_server_stands_and_what_it_is_made_with() -> None:
    made = built({"name": "main", "databases": ["app"]})
    assert present(made, "aws.rds.instance") == ["ml-aws-dev-main"]
    assert present(made, "aws.rds.master_password") == ["ml-aws-dev-main"]
    assert absent(made, "aws.secretsmanager.secret") == ["ml-aws-dev/database/main/admin"]
    assert present(made, "postgresql.database") == []  # the first is made with the instance: nobody has to log in
    several = built({"name": "main", "databases": ["app", "other"], "users": [{"name": "web"}]})
    assert present(several, "postgresql.database") == ["ml-aws-dev-main/app", "ml-aws-dev-main/other"]
    assert present(several, "postgresql.user") == ["ml-aws-dev-main/web"]
    assert set(several.exports["reach"]) == {"main"}


def test_with_replicas_the_password_is_ours() -> None:
    made = built({"name": "main", "replicas": [{"name": "copy"}]})
    assert present(made, "aws.rds.password") == ["ml-aws-dev/database/main/admin"]
    assert present(made, "aws.rds.master_password") == []
    (instance,) = [item for item in made.resources if type(item) is Instance]
    assert instance.settings["ManageMasterUserPassword"] is None
    (replica,) = [item for item in made.resources if isinstance(item, ReadReplica)]
    assert replica.source is instance


def test_logs_of_replicas_have_a_place_too_where_the_site_is() -> None:
    far = {"subnet_group": "far", "security_group_ids": ["sg-1"]}
    replicas = [{"name": "near"}, {"name": "far", "region": "us-east-1", "aws": far}]
    made = built({"name": "main", "log_exports": True, "replicas": replicas})
    assert present(made, "aws.logs.log_group") == [
        f"/aws/rds/instance/ml-aws-dev-{name}/{sort}" for name in ("main", "near") for sort in ("postgresql", "upgrade")
    ]
    exported = {
        item.name: item.settings["EnabledCloudwatchLogsExports"]
        for item in made.resources
        if isinstance(item, ReadReplica)
    }
    assert exported == {"ml-aws-dev-near": ["postgresql", "upgrade"], "ml-aws-dev-far": []}


def test_a_port_that_nobody_can_reach_is_refused() -> None:
    with pytest.raises(SpecError, match="1433"):
        built({"name": "main", "engine": "sqlserver"})


def change(before: dict[str, Any], after: dict[str, Any]) -> tuple[Instance, Observed, Any]:
    (instance,) = [item for item in built({"name": "main"}).resources if type(item) is Instance]
    observed = Observed(before, {"id": "arn"}, raw={})
    return instance, observed, plan(after, before, instance.fields)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"MultiAZ": False}, {"MultiAZ": True}, {"MultiAZ": True}),
        (
            {"AllocatedStorage": 100, "StorageType": "gp3"},
            {"AllocatedStorage": 200, "StorageType": "gp3"},
            {"AllocatedStorage": 200, "StorageType": "gp3"},
        ),
        (
            {"MaxAllocatedStorage": 500, "AllocatedStorage": 120},
            {"MaxAllocatedStorage": 0, "AllocatedStorage": None},
            {"MaxAllocatedStorage": 120},
        ),
        (
            {"EnabledCloudwatchLogsExports": ["upgrade"]},
            {"EnabledCloudwatchLogsExports": ["postgresql"]},
            {"CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["postgresql"], "DisableLogTypes": ["upgrade"]}},
        ),
        (
            {"Engine": "postgres", "EngineVersion": "16.4", "DBParameterGroupName": "a-postgres16"},
            {"EngineVersion": "17", "DBParameterGroupName": "a-postgres17"},
            {"EngineVersion": "17", "AllowMajorVersionUpgrade": True, "DBParameterGroupName": "a-postgres17"},
        ),
        ({"ManageMasterUserPassword": False}, {"ManageMasterUserPassword": True}, {"ManageMasterUserPassword": True}),
    ],
)
def test_modifications(before: dict[str, Any], after: dict[str, Any], expected: dict[str, Any]) -> None:
    instance, observed, planned = change(before, after)
    assert instance.modification(observed, after, planned) == expected


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"AllocatedStorage": 200}, {"AllocatedStorage": 100}, "cannot shrink"),
        ({"AllocatedStorage": 200}, {"AllocatedStorage": 210}, "Write storage_gb: 220 or more"),
        ({"AllocatedStorage": 200}, {"AllocatedStorage": 220}, ""),
        ({"EngineVersion": "17.2"}, {"EngineVersion": "16"}, "no way back to 16"),
        ({"EngineVersion": "16.10"}, {"EngineVersion": "16.9"}, "no way back to 16.9"),
        ({"EngineVersion": "16.9"}, {"EngineVersion": "16.10"}, ""),
        ({"Origin": None}, {"Origin": "main/latest"}, "never overwrites"),
    ],
)
def test_objections(before: dict[str, Any], after: dict[str, Any], words: str) -> None:
    instance, observed, planned = change(before, after)
    reason = instance.check_update(observed, planned)
    assert bool(reason) == bool(words)
    assert words in reason


@pytest.mark.parametrize(
    ("before", "after", "interrupts"),
    [
        ({"BackupRetentionPeriod": 7}, {"BackupRetentionPeriod": 14}, False),
        ({"BackupRetentionPeriod": 0}, {"BackupRetentionPeriod": 7}, True),
        ({"DBInstanceClass": "db.m6g.large"}, {"DBInstanceClass": "db.m6g.xlarge"}, True),
        ({"MultiAZ": False}, {"MultiAZ": True}, False),
        ({"AllocatedStorage": 100}, {"AllocatedStorage": 200}, False),
    ],
)
def test_disruption(before: dict[str, Any], after: dict[str, Any], interrupts: bool) -> None:
    instance, observed, planned = change(before, after)
    assert bool(instance.disruption(observed, planned)) is interrupts


@pytest.mark.parametrize(
    ("value", "parameter", "words"),
    [
        ("1", None, "none of this name"),
        ("1", {"IsModifiable": False}, "cannot be changed"),
        ("5", {"IsModifiable": True, "DataType": "integer", "AllowedValues": "1-10"}, ""),
        ("11", {"IsModifiable": True, "DataType": "integer", "AllowedValues": "1-10"}, "Allowed: 1-10"),
        ("-1", {"IsModifiable": True, "DataType": "integer", "AllowedValues": "-1-10"}, ""),
        ("many", {"IsModifiable": True, "DataType": "integer", "AllowedValues": "1-10"}, "Allowed"),
        ("2", {"IsModifiable": True, "DataType": "boolean", "AllowedValues": "0,1"}, "Allowed"),
        ("{DBInstanceClassMemory/4}", {"IsModifiable": True, "DataType": "integer", "AllowedValues": "1-10"}, ""),
        ("a,b", {"IsModifiable": True, "DataType": "list", "AllowedValues": "a,b,c"}, ""),
    ],
)
def test_parameters_are_checked(value: str, parameter: dict[str, Any] | None, words: str) -> None:
    problem = parameter_problem(parameter, "name", value)
    assert bool(problem) == bool(words)
    assert words in problem


def test_how_far_a_replica_may_be_behind() -> None:
    (replica,) = [
        item
        for item in built({"name": "main", "replicas": [{"name": "copy", "promote": True}]}).resources
        if isinstance(item, ReadReplica)
    ]
    assert replica._too_far(30) == ""
    assert "31 s behind" in replica._too_far(31)
    assert "broken" in replica._too_far(-1)
