"""Microsoft.OperationalInsights: workspaces."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import TYPE_CHECKING

from .. import schema
from ..call import Call, Reply
from ..documents import merged
from ..errors import ArmError
from ..flows import WORKSPACE, stamp
from ..kind import Kind
from ..operations import Operation
from ..store import Document, Record

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = ("2020-08-01", "2020-10-01", "2021-06-01", "2022-10-01", "2023-09-01", "2025-02-01", "2025-07-01")
WORKSPACES = "Microsoft.OperationalInsights/workspaces"
_RETIRED = {"standalone", "pernode", "premium", "standard", "free"}  # answered with the price plan of today


class Workspaces(Kind):
    """Log Analytics workspaces."""

    type = WORKSPACES
    versions = VERSIONS
    flow = WORKSPACE
    duration = "azure.workspace"
    ignored = ("properties.features.legacy", "properties.features.searchVersion")
    retry_after = 20

    def __init__(self, emulator: AzureEmulator) -> None:
        super().__init__(emulator)
        self.actions = {"sharedkeys": self._keys}

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        message = f"The request body is invalid at '{mismatch.path}' ({mismatch.problem})."
        return ArmError(400, "InvalidRequestContent", message)

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = dict(body.get("properties") or {})
        before = previous.properties if previous is not None else {}
        moment = stamp(self.emulator.context.clock.wall())
        name = (sent.pop("sku", None) or before.get("sku") or {}).get("name", "PerGB2018")
        sku = {"name": "PerGB2018" if name.lower() in _RETIRED else name}
        sku["lastSkuUpdate"] = (before.get("sku") or {}).get("lastSkuUpdate", moment)
        days = int(sent.get("retentionInDays") or before.get("retentionInDays") or 30)
        if days != -1 and not 4 <= days <= 730:
            message = f"'RetentionInDays' property doesn't match the SKU limits: {days} is not between 4 and 730."
            raise ArmError(400, "InvalidParameter", message)
        fresh: Document = {
            "customerId": str(uuid.uuid4()),
            "sku": sku,
            "retentionInDays": days,
            "features": {"legacy": 0, "searchVersion": 1, "enableLogAccessUsingOnlyResourcePermissions": True},
            "workspaceCapping": {
                "dailyQuotaGb": -1.0,
                "quotaNextResetTime": moment,
                "dataIngestionStatus": "RespectQuota",
            },
            "publicNetworkAccessForIngestion": "Enabled",
            "publicNetworkAccessForQuery": "Enabled",
            "createdDate": moment,
        }
        properties = merged(before or fresh, {**sent, "sku": sku})
        properties["modifiedDate"] = moment
        document: Document = {"properties": properties, "location": body["location"]}
        if body.get("tags"):
            document["tags"] = body["tags"]
        return document

    def merge(self, call: Call, body: Document, previous: Record) -> Document:
        whole = {"location": previous.location, "tags": previous.document.get("tags") or {}, **body}
        return self.build(call, whole, previous)

    def check_busy(self, call: Call, record: Record) -> None:
        if record.busy:
            message = "The operation cannot be performed now: another operation on the workspace is in progress."
            raise ArmError(409, "Conflict", message)

    def start_delete(self, call: Call, record: Record) -> Reply:
        failure = self.emulator.context.take_operation_failure(call.operation)
        if failure is not None:
            raise self.emulator.failed(failure)
        self.drop(record)
        return call.reply(200, None)

    def settled(self, record: Record, operation: Operation) -> None:
        record.changed = self.emulator.context.clock.wall()

    def show(self, record: Record, document: Document, version: str) -> None:
        document["etag"] = f'"{record.etag}"'

    def _keys(self, call: Call, record: Record) -> Reply:
        keys = {
            f"{name}SharedKey": base64.b64encode(hashlib.sha512(f"{record.key}{name}".encode()).digest()).decode()
            for name in ("primary", "secondary")
        }
        return call.reply(200, keys)


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(Workspaces(emulator))
