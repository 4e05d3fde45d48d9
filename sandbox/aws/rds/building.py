"""Making instances: from nothing, from a snapshot, from a moment in time, as a replica."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from ...engines import Address
from ..phases import Life, Phase
from ..wire import Call
from .catalog import CERTIFICATES, Version, certificate
from .checks import Checks
from .errors import invalid_combination, refuse
from .parameter_values import server_settings
from .state import Document, Instance, ManagedSecret, ParameterGroup, Server, SubnetGroup
from .store import Store

INSTANCES_QUOTA = "rds/L-7B6409FD"
_PASSWORD_LETTERS = string.ascii_letters + string.digits + "!#$%&()*+,-.:;<=>?[]^_{|}~"
# A real server is asked to make itself; what comes back is where it listens.
Maker = Callable[[], Address]


class Builder:
    """What all ways of making an instance have in common."""

    def __init__(self, store: Store, checks: Checks) -> None:
        self.store = store
        self.checks = checks

    # --- parts of a description ---

    def document(self, call: Call, name: str, version: Version, values: Document) -> Document:
        """A complete description; ``values`` are what the request or the source say, the rest is RDS's default."""
        region = call.region
        engine = version.engine
        option_group = f"default:{engine}-{version.major.replace('.', '-')}"
        document: Document = {
            "DBInstanceIdentifier": name,
            "DBInstanceArn": self.store.arn(region, "db", name),
            "DbiResourceId": self.store.new_resource_id(),
            "Engine": engine,
            "EngineVersion": version.number,
            "LicenseModel": "postgresql-license" if engine == "postgres" else "license-included",
            "StorageType": "gp2",
            "StorageEncrypted": False,
            "MultiAZ": False,
            "BackupRetentionPeriod": 1,
            "PreferredBackupWindow": "03:07-03:37",
            "PreferredMaintenanceWindow": "sun:05:12-sun:05:42",
            "AutoMinorVersionUpgrade": True,
            "CopyTagsToSnapshot": False,
            "DeletionProtection": False,
            "PubliclyAccessible": False,
            "IAMDatabaseAuthenticationEnabled": False,
            "PerformanceInsightsEnabled": False,
            "DatabaseInsightsMode": "standard",
            "MonitoringInterval": 0,
            "OptionGroupMemberships": [{"OptionGroupName": option_group, "Status": "in-sync"}],
            "NetworkType": "IPV4",
            "DedicatedLogVolume": False,
            **certificate(CERTIFICATES[0]),
            "EngineLifecycleSupport": "open-source-rds-extended-support",
            "IsStorageConfigUpgradeAvailable": False,
            "StorageThroughput": 0,
            **{key: value for key, value in values.items() if value is not None},
        }
        if document["StorageType"] == "gp3":
            large = document["AllocatedStorage"] >= 400 and engine == "postgres"
            document["Iops"] = document.get("Iops") or (12000 if large else 3000)
            document["StorageThroughput"] = document.get("StorageThroughput") or (500 if large else 125)
        return document

    def common(self, call: Call) -> Document:
        """What every way of making an instance takes from its request."""
        wanted = call.params
        region = call.region
        values: Document = {
            key: wanted.get(key)
            for key in (
                "MultiAZ",
                "StorageType",
                "Iops",
                "StorageThroughput",
                "MaxAllocatedStorage",
                "AutoMinorVersionUpgrade",
                "CopyTagsToSnapshot",
                "DeletionProtection",
                "PubliclyAccessible",
                "DBName",
                "DatabaseInsightsMode",
                "DedicatedLogVolume",
                "EngineLifecycleSupport",
                "NetworkType",
                "PreferredBackupWindow",
                "PreferredMaintenanceWindow",
                "PromotionTier",
            )
        }
        values["IAMDatabaseAuthenticationEnabled"] = wanted.get("EnableIAMDatabaseAuthentication")
        interval, role = wanted.get("MonitoringInterval") or 0, wanted.get("MonitoringRoleArn")
        self.checks.monitoring(interval, role)
        values.update(MonitoringInterval=interval, MonitoringRoleArn=role if interval else None)
        if wanted.get("EnablePerformanceInsights"):
            self.checks.insights_retention(wanted.get("PerformanceInsightsRetentionPeriod"))
            values["PerformanceInsightsEnabled"] = True
            values["PerformanceInsightsKMSKeyId"] = self.checks.key(region, wanted.get("PerformanceInsightsKMSKeyId"))
            values["PerformanceInsightsRetentionPeriod"] = wanted.get("PerformanceInsightsRetentionPeriod") or 7
        if wanted.get("CACertificateIdentifier"):
            name = wanted["CACertificateIdentifier"]
            if name not in CERTIFICATES:
                raise refuse("CertificateNotFound", f"CA Certificate {name} not found.")
            values.update(certificate(name))
        return values

    def check_quota(self, region: str) -> None:
        """The number of instances that the account may have."""
        if len(self.store.region(region).instances) >= self.store.context.quotas.get(INSTANCES_QUOTA):
            raise refuse("InstanceQuotaExceeded", "Instance quota exceeded")

    def parameter_group(self, call: Call, version: Version) -> ParameterGroup:
        """The parameter group that the request names, else the default of the engine's family."""
        name = call.params.get("DBParameterGroupName")
        if not name or name == f"default.{version.family}":
            return self.store.default_parameter_group(call.region, version.family)
        group = self.store.region(call.region).parameter_groups.get(name.lower())
        if group is None:
            raise refuse("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
        if group.family != version.family:
            raise invalid_combination(
                f"The Parameter Group {name} with DBParameterGroupFamily {group.family} can't be used for this "
                f"instance. Please use a Parameter Group with DBParameterGroupFamily {version.family}"
            )
        return group

    def place(self, document: Document, group: SubnetGroup, zone: str | None) -> None:
        """Zones of the instance and of its standby."""
        zones = sorted({place for _, place in group.subnets})
        if zone and document["MultiAZ"]:
            raise invalid_combination("Requesting a specific availability zone is not valid for Multi-AZ instances.")
        if zone and zone not in zones:
            raise refuse(
                "InvalidVPCNetworkStateFault",
                f"The DB instance and EC2 security group are in different VPCs. {zone} is not in the DB subnet group.",
            )
        current = document.get("AvailabilityZone")
        document["AvailabilityZone"] = zone or (current if current in zones else zones[0])
        document.pop("SecondaryAvailabilityZone", None)
        if document["MultiAZ"]:
            others = [place for place in zones if place != document["AvailabilityZone"]]
            if not others:
                raise refuse(
                    "DBSubnetGroupDoesNotCoverEnoughAZs",
                    "DB Subnet Group doesn't meet availability zone coverage requirement. Please add subnets to cover "
                    f"at least 2 availability zones. Current coverage: {len(zones)}",
                )
            document["SecondaryAvailabilityZone"] = others[0]

    # --- passwords ---

    def managed_secret(self, call: Call, document: Document) -> tuple[ManagedSecret, str]:
        """A new password in Secrets Manager, and the password for the server alone."""
        password = new_password()
        alias = "alias/aws/secretsmanager"
        key = self.checks.key(call.region, call.params.get("MasterUserSecretKmsKeyId"), alias)
        text = json.dumps({"username": document["MasterUsername"], "password": password})
        secret = self.store.passwords.make_managed(
            call.region,
            "rds",
            f"rds!db-{self.store.world.new_uuid()}",
            text,
            description=f"The secret associated with the primary RDS DB instance: {document['DBInstanceArn']}",
            kms_key=key,
            tags={"aws:secretsmanager:owningService": "rds", "aws:rds:primaryDBInstanceArn": document["DBInstanceArn"]},
            rotation_days=7,
        )
        return ManagedSecret(secret.arn, key), password

    # --- bringing it up ---

    def launch(
        self,
        call: Call,
        instance: Instance,
        duration: str,
        make: Maker | None,
        failed_status: str = "failed",
    ) -> None:
        """Put the instance into its region and begin its creation, its first backup after it."""
        store = self.store
        store.region(call.region).instances[instance.name] = instance
        ec2 = store.world.ec2(call.region)
        subnets = [ec2.get_subnet(subnet_id) for subnet_id, _ in instance.subnet_group.subnets[:1]]
        instance.interfaces = store.footprint.attach(
            call.region, subnets, instance.security_groups, "RDSNetworkInterface", 1
        )
        phase = store.phase(call, "creating", duration, failed_status=failed_status)
        phase.finish = lambda: self._created(instance)
        if make is not None and instance.server is not None and phase.failure is None:
            phase.begin = partial(_start_server, instance, instance.server, make)
        phase.on_failure = lambda reason: store.record(instance, f"DB instance creation failed. {reason}", "failure")
        phases = [phase]
        if instance.document["BackupRetentionPeriod"]:
            backing_up = Phase("backing-up", "rds.instance.first_backup", failed_status="available")
            backing_up.begin = lambda: self._first_backup(instance)
            phases.append(backing_up)
        instance.life.enter(store.context, *phases)

    def _created(self, instance: Instance) -> None:
        document = instance.document
        document["InstanceCreateTime"] = self.store.world.clock.wall()
        instance.created = True
        if instance.secret is not None:
            instance.secret.status = "active"
        self.store.record(instance, "DB instance created", "creation")
        make_log_groups(self.store, instance)

    def _first_backup(self, instance: Instance) -> Future[Any] | None:
        snapshot = self.store.automated_backup(instance)
        return snapshot.life.work() if snapshot is not None else None

    def new_instance(
        self,
        call: Call,
        document: Document,
        group: ParameterGroup,
        subnets: SubnetGroup,
        port: int,
    ) -> Instance:
        """An instance that is not yet in its region; it has a real server where there can be one."""
        groups = self.checks.security_groups(call.region, call.params.get("VpcSecurityGroupIds"), subnets.vpc_id)
        instance = Instance(document, call.region, Life("available"), group, subnets, groups, port)
        engine = self.store.engine if document["Engine"] == "postgres" else None
        if engine is not None:
            instance.server = Server(engine, document["DbiResourceId"].lower())
        return instance

    def server_options(self, instance: Instance) -> dict[str, Any]:
        """How the real server of an instance is to listen."""
        _, force_tls = server_settings(instance.parameter_group)
        return {"tls": force_tls, "port": instance.port}


def _start_server(instance: Instance, server: Server, make: Maker) -> Future[Any]:
    def start() -> None:
        instance.address = make()

    return server.run(start)


def new_password() -> str:
    """What RDS would make: 28 characters that every client takes."""
    return "".join(secrets.choice(_PASSWORD_LETTERS) for _ in range(28))


def make_log_groups(store: Store, instance: Instance) -> None:
    """The CloudWatch log groups that exports write to; they stay when the instance goes, as on AWS."""
    logs = store.world.backend("logs", instance.region)
    for kind in instance.document.get("EnabledCloudwatchLogsExports") or ():
        name = f"/aws/rds/instance/{instance.name}/{kind}"
        if name not in logs.groups:
            logs.create_log_group(name, {})
