"""Rules that all types of Microsoft.ContainerService share."""

from __future__ import annotations

from typing import Any, ClassVar

from ... import schema
from ...call import Call, Reply
from ...errors import FLAT, ArmError
from ...flows import AKS, Flow
from ...kind import Kind
from ...store import Record

VERSIONS = (
    *("2022-04-01", "2022-09-01", "2023-01-01", "2023-04-01", "2023-06-01", "2023-08-01", "2023-10-01", "2023-11-01"),
    *("2024-01-01", "2024-02-01", "2024-05-01", "2024-07-01", "2024-08-01", "2024-09-01", "2024-10-01", "2025-01-01"),
    *("2025-02-01", "2025-03-01", "2025-04-01", "2025-05-01", "2025-07-01", "2025-08-01", "2025-10-01", "2026-01-01"),
    *("2026-02-01", "2026-03-01", "2026-05-01", "2026-08-01"),
)
CLUSTERS = "Microsoft.ContainerService/managedClusters"
POOLS = CLUSTERS + "/agentPools"


def refuse(status: int, code: str, message: str, target: str | None = None) -> ArmError:
    """An error in the provider's form, which has no ``error`` around it."""
    return ArmError(status, code, message, target=target, style=FLAT)


def invalid(parameter: str, why: str) -> ArmError:
    """A value that the provider does not accept."""
    message = (
        f"The value of parameter {parameter} is invalid. Error details: {why}. Please see "
        "https://aka.ms/aks-naming-rules for more details."
    )
    return refuse(400, "InvalidParameter", message, parameter)


def unchangeable(path: str) -> ArmError:
    """A change of what is fixed at creation."""
    return refuse(400, "PropertyChangeNotAllowed", f"Changing property '{path}' is not allowed.", path)


def pruned(value: Any) -> Any:
    """Without empty lists, empty maps and nulls, which the provider drops."""
    if isinstance(value, dict):
        kept = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, [], {})}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value


class AksKind(Kind):
    """A type of Microsoft.ContainerService."""

    versions = VERSIONS
    flow: ClassVar[Flow | None] = AKS

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        if mismatch.problem == "unknown":
            return refuse(
                400,
                "UnmarshalError",
                f'UnmarshalEntity encountered error: json: unknown field "{mismatch.member}" Check that the field is '
                "in the right location, is spelled correctly, and is supported in the API version. Visit "
                "aka.ms/aks/apiversions for more API version information..",
            )
        if mismatch.problem == "type":
            sent = {dict: "object", list: "array", bool: "bool", str: "string"}.get(type(mismatch.value), "number")
            return refuse(
                400,
                "UnmarshalError",
                f"UnmarshalEntity encountered error: json: cannot unmarshal {sent} into Go struct field "
                f"{mismatch.model}.{mismatch.path} of type {mismatch.expected}.",
            )
        if mismatch.problem == "required":
            message = f"Required parameter {mismatch.path} is missing (null)."
            return refuse(400, "InvalidParameter", message, mismatch.path)
        return invalid(mismatch.path, f"'{mismatch.value}' is not one of {mismatch.expected}")

    def collection(self, call: Call) -> Reply:
        # The service names a next page whenever there is something on this one; the next page is empty (recorded).
        scope = self.collection_scope(call)
        if "skiptoken" in call.query or "$skiptoken" in call.query:
            return call.reply(200, {"value": []})
        values = [self.render(record, call.version) for record in self.store.of_kind(self.type, scope)]
        answer: dict[str, Any] = {"value": values}
        if values:
            token = f"%24skipToken={len(values)}&api-version={call.version}&skipToken={len(values)}"
            answer["nextLink"] = f"{call.base}{call.target.path}?{token}"
        return call.reply(200, answer)

    def error(self, status: int, code: str, message: str) -> ArmError:
        return refuse(status, code, message)

    def check_cluster_free(self, cluster: Record) -> None:
        """409 while an operation runs on the cluster or on one of its pools."""
        running = [cluster, *self.store.of_kind(POOLS, cluster.id)]
        for record in running:
            if not record.busy:
                continue
            what = "operation" if record is cluster else "agentpool operation"
            state = record.state if record is cluster else f"{record.name} - {record.state}"
            message = (
                f"Operation is not allowed: Another {what} ({state}) is in progress, please wait "
                "for it to finish before "
                "starting a new operation. See https://aka.ms/aks-pending-operation for more details"
            )
            raise refuse(409, "OperationNotAllowed", message)


def require_cluster(kind: Kind, call: Call) -> Record:
    """The cluster above a nested resource (its presence was checked)."""
    cluster = kind.store.get(call.target.parent)
    assert cluster is not None  # noqa: S101
    return cluster
