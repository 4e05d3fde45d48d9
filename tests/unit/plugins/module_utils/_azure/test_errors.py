"""Azure's refusals in the one tree of errors."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError
from module_utils._azure.errors import from_exception, from_operation, from_response
from module_utils._engine import errors


def body(code: str, message: str = "No.", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (404, body("ResourceNotFound"), errors.NotFound),
        (401, body("InvalidAuthenticationToken"), errors.AuthError),
        (403, body("AuthorizationFailed"), errors.AuthError),
        (409, body("AnotherOperationInProgress"), errors.Busy),
        (429, body("AnotherOperationInProgress"), errors.Busy),
        (429, body("TooManyRequests"), errors.Throttled),
        (409, body("OperationNotAllowed", "Another operation (Updating) is in progress."), errors.Busy),
        (409, body("OperationNotAllowed", "Exceeding approved Total Regional Cores quota."), errors.QuotaExceeded),
        (400, body("ErrCode_InsufficientVCPUQuota"), errors.QuotaExceeded),
        (400, body("PublicIPCountLimitReached"), errors.QuotaExceeded),
        (400, body("PrincipalNotFound"), errors.NotYetConsistent),
        (400, body("InUseSubnetCannotBeDeleted"), errors.Conflict),
        (400, body("CannotDeleteNatGatewayAssociatedToSubnet"), errors.Conflict),
        (409, body("ScopeLocked"), errors.Conflict),
        (412, body("PreconditionFailed"), errors.Busy),
        (400, body("InvalidParameter"), errors.InvalidRequest),
        (409, body("SkuNotAvailable"), errors.Unsupported),
        (500, body("InternalServerError"), errors.Unavailable),
        (503, "<html>busy</html>", errors.Unavailable),
        (404, {"code": "ResourceNotFound", "message": "The diagnostic setting doesn't exist."}, errors.NotFound),
        (409, body("Conflict", '{"error":{"code":"ServerIsBusy","message":"later"}}'), errors.Busy),
        (
            400,
            body("DeploymentFailed", "See details.", details=[{"code": "SkuNotAvailable", "message": "Not here."}]),
            errors.Unsupported,
        ),
    ],
)
def test_kinds(status: int, answer: Any, expected: type[errors.CloudError]) -> None:
    assert type(from_response(status, answer)) is expected


def test_the_clouds_own_words_stay() -> None:
    error = from_response(409, body("MissingSubscriptionRegistration", "Not registered."), retry_after=7)
    assert "Not registered. [MissingSubscriptionRegistration]" in str(error)
    assert "enable_services" in str(error)
    assert error.retry_after == 7
    assert "Not here." in str(from_response(400, body("X", "See.", details=[{"code": "Y", "message": "Not here."}])))


def test_failed_operations() -> None:
    failed = from_operation({"status": "Failed", "error": {"code": "ProvisioningFailed", "message": "No capacity."}})
    assert type(failed) is errors.OperationFailed
    assert "No capacity." in str(failed)
    busy = from_operation({"status": "Failed", "error": {"code": "ServerIsBusy", "message": "Later."}})
    assert type(busy) is errors.Busy
    own = from_operation({"status": "Failed", "error": {"code": "InternalServerError", "message": "Sorry."}})
    assert type(own) is errors.OperationFailed
    assert "no reason" in str(from_operation({"status": "Canceled"}))


def test_exceptions_of_the_libraries() -> None:
    assert type(from_exception(ServiceRequestError("Connection refused"))) is errors.Unavailable
    untrusted = from_exception(ServiceRequestError("SSLError: CERTIFICATE_VERIFY_FAILED"))
    assert type(untrusted) is errors.AuthError
    assert "ca_bundle" in str(untrusted)
    wrong = from_exception(ClientAuthenticationError("Authentication failed: AADSTS7000215: Invalid client secret."))
    assert type(wrong) is errors.AuthError
    assert wrong.code == "AADSTS7000215"
    assert (
        type(from_exception(ClientAuthenticationError("Authentication failed: HTTP Error: 503"))) is errors.Unavailable
    )
    assert type(from_exception(CredentialUnavailableError("No variables."))) is errors.AuthError
