"""AWS's words in the one tree of errors."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ParamValidationError
from module_utils._aws.errors import raise_unsuccessful, translate
from module_utils._engine import errors

EKS_BUSY = "Cannot update because cluster ml currently has an update in progress"
NO_ROLE = "Role with arn: arn:aws:iam::1:role/x, could not be assumed because it does not exist"


def refusal(code: str, message: str = "words", status: int = 400, **headers: str) -> ClientError:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "Operation")


@pytest.mark.parametrize(
    ("code", "message", "status", "kind"),
    [
        ("RequestLimitExceeded", "", 503, errors.Throttled),
        ("ThrottlingException", "Rate exceeded", 400, errors.Throttled),
        ("SlowDown", "", 503, errors.Throttled),
        ("InternalError", "", 500, errors.Unavailable),
        ("InvalidDBInstanceState", "Database instance is not in available state.", 400, errors.Busy),
        ("InvalidDBInstanceState", "DB Instance is not a read replica.", 400, errors.InvalidRequest),
        ("InvalidDBParameterGroupState", "One or more database instances are still members", 400, errors.Conflict),
        ("ResourceExistsException", "because the secret a already exists.", 400, errors.Conflict),
        ("DBInstanceNotFound", "", 404, errors.NotFound),
        ("ServiceUnavailable", "", 503, errors.Unavailable),
        ("UnauthorizedOperation", "", 403, errors.AuthError),
        ("ExpiredTokenException", "", 403, errors.AuthError),
        ("AccessDenied", "", 403, errors.AuthError),
        ("InvalidVpcID.NotFound", "", 400, errors.NotFound),
        ("NoSuchEntity", "", 404, errors.NotFound),
        ("NoSuchBucketPolicy", "", 404, errors.NotFound),
        ("ServerSideEncryptionConfigurationNotFoundError", "", 404, errors.NotFound),
        ("InvalidLaunchTemplateName.NotFoundException", "", 400, errors.NotFound),
        ("ResourceNotFoundException", "No cluster found for name: x.", 404, errors.NotFound),
        ("DependencyViolation", "", 400, errors.Conflict),
        ("EntityAlreadyExists", "", 409, errors.Conflict),
        ("InvalidSubnet.Conflict", "", 400, errors.Conflict),
        ("InvalidGroup.Duplicate", "", 400, errors.Conflict),
        ("BucketNotEmpty", "", 409, errors.Conflict),
        ("ResourceInUseException", "Cluster already exists with name: x", 409, errors.Conflict),
        ("ResourceInUseException", "Cluster has nodegroups attached", 409, errors.Conflict),
        ("ResourceInUseException", EKS_BUSY, 409, errors.Busy),
        ("InvalidRequestException", "Nodegroup is not in an ACTIVE state", 400, errors.Busy),
        ("IncorrectState", "", 400, errors.Busy),
        ("OperationAborted", "", 409, errors.Busy),
        ("ConcurrentModification", "", 409, errors.Busy),
        ("InvalidParameterException", NO_ROLE, 400, errors.NotYetConsistent),
        ("InvalidParameter", "Unable to assume given IAM role", 400, errors.NotYetConsistent),
        ("InvalidTargetBucketForLogging", "", 400, errors.NotYetConsistent),
        ("InvalidParameterException", "unsupported Kubernetes version 1.2", 400, errors.InvalidRequest),
        ("VpcLimitExceeded", "", 400, errors.QuotaExceeded),
        ("ResourceLimitExceededException", "", 400, errors.QuotaExceeded),
        ("AddressLimitExceeded", "", 400, errors.QuotaExceeded),
        ("UnsupportedOperation", "", 400, errors.Unsupported),
        ("InvalidParameterValue", "", 400, errors.InvalidRequest),
        ("SomethingNew", "", 409, errors.Conflict),
        ("SomethingNew", "", 404, errors.NotFound),
    ],
)
def test_refusals(code: str, message: str, status: int, kind: type[errors.CloudError]) -> None:
    found = translate(refusal(code, message, status), "ec2", "operation")
    assert type(found) is kind
    assert found.code == code
    assert found.status == status


def test_message_names_call_and_words() -> None:
    found = translate(refusal("VpcLimitExceeded", "The maximum number of VPCs has been reached."), "ec2", "create_vpc")
    assert str(found) == "The maximum number of VPCs has been reached. (ec2 create_vpc) [VpcLimitExceeded]"


def test_retry_after_is_honoured() -> None:
    assert translate(refusal("SlowDown", status=503, **{"retry-after": "7"}), "s3", "x").retry_after == 7.0
    assert translate(refusal("SlowDown", status=503, **{"retry-after": "Fri, 1 Jan"}), "s3", "x").retry_after == 0.0


def test_a_lost_connection_may_have_been_carried_out() -> None:
    found = translate(EndpointConnectionError(endpoint_url="https://x"), "ec2", "create_vpc")
    assert isinstance(found, errors.Unavailable)
    assert found.ambiguous


def test_credentials_and_parameters() -> None:
    assert isinstance(translate(NoCredentialsError(), "sts", "x"), errors.AuthError)
    assert isinstance(translate(ParamValidationError(report="no"), "ec2", "x"), errors.InvalidRequest)


def test_a_defect_stays_a_defect() -> None:
    with pytest.raises(KeyError):
        translate(KeyError("x"), "ec2", "x")


def test_refusals_in_a_successful_answer() -> None:
    raise_unsuccessful({"Unsuccessful": []}, "ec2 create_flow_logs")
    answer = {"Unsuccessful": [{"Error": {"Code": "Client.InvalidParameter", "Message": "Unable to assume role"}}]}
    with pytest.raises(errors.NotYetConsistent, match="Unable to assume role"):
        raise_unsuccessful(answer, "ec2 create_flow_logs")
