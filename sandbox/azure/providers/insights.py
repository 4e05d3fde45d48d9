"""Microsoft.Insights: diagnostic settings of any resource. Everything is synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import armid, schema
from ..call import Call, Reply
from ..errors import BARE, ArmError
from ..kind import Kind
from ..models import MODELS
from ..store import Document, Record

if TYPE_CHECKING:
    from ..emulator import AzureEmulator

VERSIONS = ("2017-05-01-preview", "2021-05-01-preview")
SETTINGS = "Microsoft.Insights/diagnosticSettings"
_TARGETS = ("storageAccountId", "serviceBusRuleId", "workspaceId", "eventHubAuthorizationRuleId", "eventHubName")
_NO_RETENTION = {"enabled": False, "days": 0}
_AKS_LOGS = {
    *("kube-apiserver", "kube-audit", "kube-audit-admin", "kube-controller-manager", "kube-scheduler"),
    *("cluster-autoscaler", "cloud-controller-manager", "guard", "csi-azuredisk-controller"),
    *(
        "csi-azurefile-controller",
        "csi-snapshot-controller",
        "fleet-member-agent",
        "fleet-member-net-controller-manager",
    ),
    "fleet-mcs-controller-manager",
}
_LOGS: dict[str, set[str]] = {
    "microsoft.containerservice/managedclusters": _AKS_LOGS,
    "microsoft.network/virtualnetworks": {"VMProtectionAlerts"},
    "microsoft.network/networksecuritygroups": {"NetworkSecurityGroupEvent", "NetworkSecurityGroupRuleCounter"},
    "microsoft.storage/storageaccounts": set(),
    "microsoft.storage/storageaccounts/blobservices": {"StorageRead", "StorageWrite", "StorageDelete"},
    "microsoft.keyvault/vaults": {"AuditEvent", "AzurePolicyEvaluationDetails"},
}


class DiagnosticSettings(Kind):
    """Diagnostic settings. The answers write ids in small letters, and errors without ``error`` around them."""

    type = SETTINGS
    versions = VERSIONS
    tracked = False
    extension = True
    ignored = ("location", "kind", "tags", "identity")
    has_state = False

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        return self.error(400, "BadRequest", f"The request body is invalid at '{mismatch.path}' ({mismatch.problem}).")

    def error(self, status: int, code: str, message: str) -> ArmError:
        return ArmError(status, code, message, style=BARE)

    def put(self, call: Call) -> Reply:
        self._require_scope(call)
        body = self.read_body(call, MODELS[self.type][0])
        previous = self.store.get(call.target.path)
        return self._write(call, self.build(call, body, previous), previous)

    def build(self, call: Call, body: Document, previous: Record | None) -> Document:
        sent = body.get("properties") or {}
        kind = armid.type_of(call.target.scope)
        if not any(sent.get(target) for target in _TARGETS):
            message = "Diagnostic setting needs at least one data sink (workspace, storage account or event hub)."
            raise self.error(400, "BadRequest", message)
        # A storage account that is still being made was accepted in recorded traffic; a missing one is not.
        for target in ("storageAccountId", "workspaceId"):
            if sent.get(target) and self.store.get(sent[target]) is None:
                raise self.error(400, "ResourceNotFound", f"Resource '{sent[target]}' was not found.")
        known = _LOGS.get(kind)
        logs = []
        for log in sent.get("logs") or []:
            category = log.get("category")
            if category and known is not None and category not in known:
                message = f"Category '{category}' is not supported."
                raise self.error(400, "BadRequest", message)
            logs.append(_category(log))
        metrics = [_metric(metric) for metric in sent.get("metrics") or []]
        properties: Document = {target: sent.get(target) for target in _TARGETS}
        properties["metrics"] = metrics
        properties["logs"] = logs
        properties["logAnalyticsDestinationType"] = sent.get("logAnalyticsDestinationType")
        return {"properties": properties}

    def _require_scope(self, call: Call) -> Record:
        self.emulator.require_group(call.target)
        scope = call.target.scope
        found = self.store.get(scope)
        if found is None and scope.lower().endswith("/blobservices/default"):
            found = self.store.get(scope.rpartition("/blobServices/")[0] or scope)
        if found is None:
            message = f"The resource '{scope}' doesn't exist."
            raise self.error(404, "ResourceNotFound", message)
        return found

    def written(self, call: Call, record: Record, status: int) -> Reply:
        shown = self.render(record, call.version)
        shown["location"] = None
        return call.reply(200, shown)

    def missing(self, call: Call) -> ArmError:
        return self.error(404, "ResourceNotFound", f"The diagnostic setting '{call.target.name}' doesn't exist.")

    def delete(self, call: Call) -> Reply:
        record = self.store.get(call.target.path)
        if record is None:
            self.emulator.require_group(call.target)
            return call.reply(204, None)
        return self.start_delete(call, record)

    def render(self, record: Record, version: str) -> Document:
        scope, _, name = record.id.rpartition("/providers/")
        holder = self.store.get(scope)
        properties = dict(record.properties)
        if not properties["metrics"]:
            properties["metrics"] = [
                {"category": "AllMetrics", "enabled": False, "retentionPolicy": dict(_NO_RETENTION)}
            ]
        return {
            "id": f"{scope.lower()}/providers/microsoft.insights/diagnosticSettings/{name.rpartition('/')[2]}",
            "type": self.type,
            "name": record.name,
            "location": holder.location if holder is not None else None,
            "kind": None,
            "tags": None,
            "properties": properties,
            "identity": None,
        }


def _category(entry: Document) -> Document:
    return {
        "category": entry.get("category"),
        "categoryGroup": entry.get("categoryGroup"),
        "enabled": bool(entry.get("enabled")),
        "retentionPolicy": entry.get("retentionPolicy") or dict(_NO_RETENTION),
    }


def _metric(entry: Document) -> Document:
    return {key: value for key, value in _category(entry).items() if key != "categoryGroup"}


def install(emulator: AzureEmulator) -> None:
    """Add the types of this module."""
    emulator.add(DiagnosticSettings(emulator))
