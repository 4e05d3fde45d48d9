"""Requests that a service refuses before it looks at any object."""

from __future__ import annotations

from .errors import AwsError
from .validate import problems
from .wire import Call


def refuse_what_the_service_does_not_know(call: Call) -> None:
    """Raise the service's own error for malformed requests and for parameters that it does not have."""
    if not call.action:
        raise _unknown_operation(call)
    if call.malformed:
        raise _malformed(call)
    if call.unknown:
        raise _unknown_parameter(call)
    if call.service == "s3":
        _refuse_wrong_xml(call)
    elif call.operation is not None and call.operation.input_shape is not None:
        found = list(problems(call.params, call.operation.input_shape))
        missing = [words for kind, words in found if kind == "missing"]
        if missing:
            raise _missing(call, missing)
        if call.service == "eks" and found:
            raise AwsError("InvalidParameterException", found[0][1], 400)


def _refuse_wrong_xml(call: Call) -> None:
    """S3 says the same about every value that its schema does not have."""
    shape = call.operation.input_shape if call.operation is not None else None
    payload = shape.serialization.get("payload") if shape is not None else None
    if shape is None or payload not in call.params or call.action == "CreateBucket":
        return
    found = problems(call.params[payload], shape.members[payload])
    if any(kind in ("enum", "missing") for kind, _ in found):
        raise _malformed_xml()


def _unknown_operation(call: Call) -> AwsError:
    if call.protocol in ("ec2", "query"):
        return AwsError("InvalidAction", "The action is not valid for this web service.", 400)
    if call.protocol == "rest-xml":
        return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    return AwsError("UnknownOperationException", "", 404)


def _malformed(call: Call) -> AwsError:
    if call.protocol == "rest-xml":
        return _malformed_xml()
    if call.protocol in ("ec2", "query"):
        return AwsError("MalformedQueryString", f"The query string is malformed ({call.malformed})", 400)
    return AwsError("SerializationException", f"The request could not be read ({call.malformed})", 400)


def _unknown_parameter(call: Call) -> AwsError:
    names = ", ".join(call.unknown)
    if call.protocol == "ec2":
        return AwsError("UnknownParameter", f"The parameter {names} is not recognized", 400)
    if call.protocol == "query":
        return AwsError("ValidationError", f"Unknown parameter: {names}", 400)
    if call.protocol == "rest-xml":
        return _malformed_xml()
    code = "InvalidParameterException" if call.service == "eks" else "ValidationException"
    return AwsError(code, f"Unknown parameter: {names}", 400)


def _missing(call: Call, names: list[str]) -> AwsError:
    if call.protocol == "ec2":
        return AwsError("MissingParameter", f"The request must contain the parameter {names[0]}", 400)
    words = "; ".join(f"Value null at '{name}' failed to satisfy constraint: Member must not be null" for name in names)
    if call.protocol == "query":
        return AwsError("ValidationError", f"{len(names)} validation error detected: {words}", 400)
    code = "InvalidParameterException" if call.service == "eks" else "ValidationException"
    return AwsError(code, words, 400)


def _malformed_xml() -> AwsError:
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError("MalformedXML", message, 400)
