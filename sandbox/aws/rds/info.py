"""What RDS tells about itself: versions, classes, events, tags; and kinds of objects that there are none of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ..hooks import Hooks
from ..query import page, tag_list, tags_of
from ..wire import Call
from .catalog import CERTIFICATES, DEFAULT_MAJOR, VERSIONS, describe_version, find_version, orderable
from .errors import invalid_value, refuse
from .state import Document
from .store import Store

_EMPTY_LISTS = {
    "DescribeDBClusters": "DBClusters",
    "DescribeDBClusterSnapshots": "DBClusterSnapshots",
    "DescribeDBProxies": "DBProxies",
    "DescribeEventSubscriptions": "EventSubscriptionsList",
    "DescribeGlobalClusters": "GlobalClusters",
    "DescribeOptionGroups": "OptionGroupsList",
    "DescribePendingMaintenanceActions": "PendingMaintenanceActions",
    "DescribeReservedDBInstances": "ReservedDBInstances",
}
_CERTIFICATE_END = datetime(2061, 5, 25, 22, 34, 57, tzinfo=UTC)


class Info:
    """Handlers of the operations that only tell, and of tags."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("rds.DescribeDBEngineVersions", self.versions)
        hooks.replace("rds.DescribeOrderableDBInstanceOptions", self.orderable)
        hooks.replace("rds.DescribeEvents", self.events)
        hooks.replace("rds.DescribeCertificates", self.certificates)
        hooks.replace("rds.ListTagsForResource", lambda call: {"TagList": tag_list(self._tags(call))})
        hooks.replace("rds.AddTagsToResource", self.tag)
        hooks.replace("rds.RemoveTagsFromResource", self.untag)
        for action in _EMPTY_LISTS:
            hooks.replace(f"rds.{action}", lambda call: {_EMPTY_LISTS[call.action]: []})

    @staticmethod
    def versions(call: Call) -> Document:
        """DescribeDBEngineVersions."""
        wanted = call.params
        engine, number = wanted.get("Engine"), wanted.get("EngineVersion")
        found = [
            version
            for name, versions in VERSIONS.items()
            if engine in (None, name)
            for version in versions
            if number in (None, version.number, version.major)
            and wanted.get("DBParameterGroupFamily") in (None, version.family)
        ]
        if wanted.get("DefaultOnly"):
            found = [item for item in found if item == find_version(item.engine, DEFAULT_MAJOR[item.engine])]
        return page(call, [describe_version(version) for version in found], "DBEngineVersions")

    @staticmethod
    def orderable(call: Call) -> Document:
        """DescribeOrderableDBInstanceOptions."""
        wanted = call.params
        engine, number, name = wanted["Engine"], wanted.get("EngineVersion"), wanted.get("DBInstanceClass")
        if engine not in VERSIONS:
            raise invalid_value(f"Invalid DB engine: {engine}")
        found = [
            entry
            for version in VERSIONS[engine]
            if number in (None, version.number)
            for entry in orderable(engine, version.number, call.region)
            if name in (None, entry["DBInstanceClass"]) and wanted.get("LicenseModel") in (None, entry["LicenseModel"])
        ]
        return page(call, found, "OrderableDBInstanceOptions")

    def events(self, call: Call) -> Document:
        """DescribeEvents: of the last hour unless asked for more, up to two weeks."""
        wanted, now = call.params, self._store.world.clock.wall()
        since = now - timedelta(minutes=wanted.get("Duration") or 60)
        if wanted.get("StartTime"):
            since = wanted["StartTime"]
            since = since if since.tzinfo else since.replace(tzinfo=UTC)
        found = [
            event
            for event in self._store.region(call.region).events
            if event["Date"] >= since
            and wanted.get("SourceIdentifier") in (None, event["SourceIdentifier"])
            and wanted.get("SourceType") in (None, event["SourceType"])
        ]
        return page(call, found, "Events")

    def certificates(self, call: Call) -> Document:
        """DescribeCertificates."""
        found = [
            {
                "CertificateIdentifier": name,
                "CertificateType": "CA",
                "ValidTill": _CERTIFICATE_END,
                "CertificateArn": f"arn:aws:rds:{call.region}::cert:{name}",
                "CustomerOverride": False,
            }
            for name in CERTIFICATES
            if call.params.get("CertificateIdentifier") in (None, name)
        ]
        return page(call, found, "Certificates")

    def tagged(self, region: str) -> Iterator[tuple[str, dict[str, str]]]:
        """ARN and tags of everything in a region."""
        found = self._store.region(region)
        for instance in found.instances.values():
            yield instance.arn, instance.tags
        for snapshot in found.snapshots.values():
            yield snapshot.document["DBSnapshotArn"], snapshot.tags
        yield from ((group.arn, group.tags) for group in found.subnet_groups.values())
        yield from ((group.arn, group.tags) for group in found.parameter_groups.values())

    def _tags(self, call: Call) -> dict[str, str]:
        wanted = call.params["ResourceName"]
        for arn, tags in self.tagged(call.region):
            if arn == wanted:
                return tags
        codes = {
            "db": ("DBInstanceNotFound", "DBInstance {} not found."),
            "snapshot": ("DBSnapshotNotFound", "DBSnapshot {} not found."),
        }
        parts = wanted.split(":", 6)
        if len(parts) < 7:
            raise invalid_value(f"Invalid resource name: {wanted}")
        code, words = codes.get(
            parts[5],
            ("InvalidParameterValue", "The specified resource name does not match an RDS resource in this region."),
        )
        raise refuse(code, words.format(parts[6]))

    def tag(self, call: Call) -> Document:
        """AddTagsToResource."""
        tags = self._tags(call)
        added = tags_of(call.params["Tags"])
        if any(key.lower().startswith("aws:") for key in added):
            raise invalid_value("Tag keys must not start with aws:.")
        tags.update(added)
        return {}

    def untag(self, call: Call) -> Document:
        """RemoveTagsFromResource."""
        tags = self._tags(call)
        for key in call.params["TagKeys"]:
            tags.pop(key, None)
        return {}
