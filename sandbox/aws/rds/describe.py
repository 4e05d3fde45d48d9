"""Descriptions of instances and snapshots as the API answers them."""

from __future__ import annotations

import hashlib
from datetime import datetime

from ..query import tag_list
from .state import Document, Instance, Snapshot
from .store import Store

# Route 53 zone of RDS's endpoints by region.
_ZONES = {
    "eu-central-1": "Z1RLNUO7B9Q6NB",
    "eu-west-1": "Z29XKXDKYMONMX",
    "us-east-1": "Z2R2ITUGPM61AM",
    "us-west-2": "Z1PVIF0B656C1W",
}


def describe_instance(store: Store, instance: Instance) -> Document:
    """An instance as DescribeDBInstances shows it."""
    document = dict(instance.document)
    status = instance.life.status
    shown: Document = {
        **document,
        "DBInstanceStatus": status,
        "DbInstancePort": 0,
        "DBSecurityGroups": [],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": group, "Status": "active"} for group in instance.security_groups],
        "DBParameterGroups": [
            {
                "DBParameterGroupName": instance.parameter_group.name,
                "ParameterApplyStatus": "applying" if instance.group_ends_at is not None else instance.group_status,
            }
        ],
        "DBSubnetGroup": {
            key: value
            for key, value in instance.subnet_group.describe().items()
            if key not in ("DBSubnetGroupArn", "SupportedNetworkTypes")
        },
        "PendingModifiedValues": instance.pending_values(),
        "ReadReplicaDBInstanceIdentifiers": [replica.seen_from(instance.region) for replica in instance.replicas],
        "DomainMemberships": [],
        "AssociatedRoles": [],
        "ActivityStreamStatus": "stopped",
        "CustomerOwnedIpEnabled": False,
        "BackupTarget": "region",
        "TagList": tag_list(instance.tags),
    }
    if instance.created:
        shown["Endpoint"] = endpoint(instance)
    if instance.document["MonitoringInterval"]:
        group = f"log-group:RDSOSMetrics:log-stream:{document['DbiResourceId']}"
        account = store.world.account
        shown["EnhancedMonitoringResourceArn"] = f"arn:aws:logs:{instance.region}:{account}:{group}"
    if instance.source is not None:
        shown["ReadReplicaSourceDBInstanceIdentifier"] = instance.source.seen_from(instance.region)
        shown["StatusInfos"] = [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]
    if instance.secret is not None:
        shown["MasterUserSecret"] = {
            "SecretArn": instance.secret.arn,
            "SecretStatus": instance.secret.status,
            "KmsKeyId": instance.secret.key,
        }
    restorable = store.latest_restorable(instance)
    if restorable is not None:
        shown["LatestRestorableTime"] = restorable
    return {key: value for key, value in shown.items() if value is not None}


def endpoint(instance: Instance) -> Document:
    """Where the instance is reached: its real server, else a name as RDS gives it, which nothing answers at."""
    if instance.address is not None:
        host, port = instance.address.host, instance.address.port
    else:
        account = hashlib.sha256(instance.region.encode()).hexdigest()[:12]
        host, port = f"{instance.name}.c{account[:11]}.{instance.region}.rds.amazonaws.com", instance.port
    zone = _ZONES.get(instance.region, _ZONES["eu-central-1"])
    return {"Address": host, "Port": port, "HostedZoneId": zone}


def describe_snapshot(store: Store, snapshot: Snapshot) -> Document:
    """A snapshot as DescribeDBSnapshots shows it."""
    shown = {**snapshot.document, "Status": snapshot.life.status, "TagList": tag_list(snapshot.tags)}
    if snapshot.life.status == "creating" and snapshot.life.phases:
        phase = snapshot.life.phases[0]
        whole = store.context.profile.seconds(phase.duration)
        left = (phase.ends_at or 0.0) - store.context.clock.now()
        shown["PercentProgress"] = max(0, min(99, int(100 * (1 - left / whole)))) if whole else 0
    return {key: value for key, value in shown.items() if value is not None}


def filtered(found: list[Document], filters: list[Document] | None, keys: dict[str, str]) -> list[Document]:
    """Entries that pass the filters of a request; ``keys`` says which field a filter looks at."""
    for item in filters or ():
        field = keys.get(item["Name"])
        if field is not None:
            wanted = {str(value).lower() for value in item["Values"]}
            found = [entry for entry in found if str(entry.get(field, "")).lower() in wanted]
    return found


def at_second(moment: datetime) -> datetime:
    """Times that RDS tells to the second."""
    return moment.replace(microsecond=0)
