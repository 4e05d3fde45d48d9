"""Google's errors, most of them as recorded, in the engine's tree."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError, TransportError
from module_utils._engine import errors as tree
from module_utils._gcp import errors


def answer(code: int, message: str, reason: str = "", status: str = "", info: str = "") -> str:
    error: dict[str, Any] = {"code": code, "message": message}
    if reason:
        error["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    if status:
        error["status"] = status
    if info:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": info}]
    return json.dumps({"error": error})


KMS = "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized."


STALE = "Labels fingerprint either invalid or resource labels have changed"
LATE = "Service account a@p.iam.gserviceaccount.com does not exist."
IN_USE = "The network resource 'n' is already being used by 'f'"
SHORT = 'Insufficient regional quota to satisfy request: resource "CPUS"'
RATE = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'"
OFF = "Kubernetes Engine API has not been used"
PRECONDITION = ("failedPrecondition", "FAILED_PRECONDITION")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, answer(404, "The resource 'projects/p/global/networks/n' was not found", "notFound"), tree.NotFound),
        (404, answer(404, "Unknown service account", "notFound", "NOT_FOUND"), tree.NotFound),
        (409, answer(409, "The resource already exists", "alreadyExists"), tree.Conflict),
        (409, answer(409, "There were concurrent policy changes. Please retry.", "aborted", "ABORTED"), tree.Busy),
        (412, answer(412, STALE, "conditionNotMet"), tree.Busy),
        (400, answer(400, "The resource 'x' is not ready", "resourceNotReady"), tree.Busy),
        (400, answer(400, "Cluster is running incompatible operation operation-1.", *PRECONDITION), tree.Busy),
        (400, answer(400, "The label fingerprint is stale.", *PRECONDITION), tree.Busy),
        (400, answer(400, "This kind cannot be resized.", "", "FAILED_PRECONDITION"), tree.InvalidRequest),
        (400, answer(400, IN_USE, "resourceInUse"), tree.Conflict),
        (400, answer(400, LATE, "", "INVALID_ARGUMENT"), tree.NotYetConsistent),
        (403, answer(403, KMS, "forbidden"), tree.NotYetConsistent),
        (400, answer(400, "Invalid value for field 'resource.name'", "invalid"), tree.InvalidRequest),
        (403, answer(403, "Quota 'NETWORKS' exceeded.  Limit: 5.0 globally.", "quotaExceeded"), tree.QuotaExceeded),
        (403, answer(403, SHORT, "forbidden"), tree.QuotaExceeded),
        (403, answer(403, RATE, "rateLimitExceeded"), tree.Throttled),
        (429, answer(429, RATE, "", "RESOURCE_EXHAUSTED"), tree.Throttled),
        (403, answer(403, OFF, "", "PERMISSION_DENIED", "SERVICE_DISABLED"), tree.AuthError),
        (403, answer(403, "The caller does not have permission", "", "PERMISSION_DENIED"), tree.AuthError),
        (401, answer(401, "Request had invalid authentication credentials.", "", "UNAUTHENTICATED"), tree.AuthError),
        (503, answer(503, "The service is currently unavailable.", "backendError"), tree.Unavailable),
        (502, "<!DOCTYPE html><html><title>Error 502</title></html>", tree.Unavailable),
    ],
)  # fmt: skip
def test_answers(status: int, body: str, kind: type[tree.CloudError]) -> None:
    error = errors.from_response(status, body, {"Retry-After": "7"}, "it")
    assert type(error) is kind
    assert error.status == status
    assert error.what == "it"
    assert error.retry_after == 7
    assert "html" not in str(error).lower()


def test_a_disabled_service_is_told_apart_and_says_what_to_do() -> None:
    body = answer(403, "Cloud KMS API has not been used", "", "PERMISSION_DENIED", "SERVICE_DISABLED")
    error = errors.from_response(403, body, {})
    assert error.code == errors.SERVICE_DISABLED
    assert "enable_services: true" in str(error)


def test_an_operation_that_is_done_may_have_failed() -> None:
    operation = {
        "status": "DONE",
        "httpErrorStatusCode": 400,
        "error": {"errors": [{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": "in use by 'f'"}]},
    }
    error = errors.from_operation(operation)
    assert isinstance(error, tree.Conflict)
    assert "in use by 'f'" in str(error)
    assert errors.from_operation({"status": "DONE"}) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 8, "message": "Insufficient quota to satisfy the request."}, tree.QuotaExceeded),
        ({"code": 13, "message": "Internal error."}, tree.OperationFailed),
        ({"code": 9, "message": "There is no capacity left in this zone."}, tree.OperationFailed),
        ({"code": 5, "message": "Not found: x."}, tree.NotFound),
        ({"code": 10, "message": "Operation was aborted."}, tree.Conflict),
    ],
)
def test_failed_operations_of_containers_and_services(error: dict[str, Any], kind: type[tree.CloudError]) -> None:
    found = errors.from_operation({"status": "DONE", "error": error})
    assert type(found) is kind
    assert error["message"] in str(found)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (requests.ConnectionError("refused"), tree.Unavailable),
        (requests.Timeout("slow"), tree.Unavailable),
        (TransportError("no route"), tree.Unavailable),
        (RefreshError("invalid_grant: Invalid JWT Signature."), tree.AuthError),
        (RefreshError("try again", retryable=True), tree.Unavailable),
    ],
)
def test_what_the_transport_raises(raised: Exception, kind: type[tree.CloudError]) -> None:
    assert type(errors.from_exception(raised)) is kind


def test_a_connection_that_a_deleted_server_still_holds_is_in_use() -> None:
    message = "Failed to delete connection; Producer services (e.g. CloudSQL) are still using this connection."
    found = errors.from_operation({"done": True, "error": {"code": 9, "message": message}})
    assert isinstance(found, tree.Conflict)
    assert "run again" in str(found)


def test_a_dropped_answer_is_ambiguous() -> None:
    error = errors.from_exception(requests.ConnectionError("reset"))
    assert isinstance(error, tree.Retryable)
    assert error.ambiguous


def test_what_an_operation_found_in_its_place_is_known_by_its_code() -> None:
    error = errors.from_operation({"done": True, "error": {"code": 6, "message": "the repository already exists"}})
    assert isinstance(error, tree.Conflict)
    assert error.code in errors.EXISTS
