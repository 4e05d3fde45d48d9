"""Answers of an API server as errors of the engine's tree."""

from __future__ import annotations

import json
from typing import Any

import pytest
from module_utils._engine.errors import (
    AuthError,
    Busy,
    CloudError,
    Conflict,
    InvalidRequest,
    NotFound,
    NotYetConsistent,
    QuotaExceeded,
    Throttled,
    Unavailable,
    Unsupported,
)
from module_utils._kubernetes.errors import FieldConflict, Invalid, NamespaceTerminating, map_answer


def _status(code: int, reason: str, message: str, **details: Any) -> str:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return json.dumps({**body, **({"reason": reason} if reason else {}), "details": details})


_AZURE = (
    'nodes is forbidden: User "3b2f" cannot list resource "nodes" in API group "" at the cluster scope: '
    "User does not have access to the resource in Azure. Update role assignment to allow access."
)
_QUOTA = (
    'pods "web" is forbidden: exceeded quota: compute, requested: requests.cpu=2, used: requests.cpu=7, '
    "limited: requests.cpu=8"
)
_RIGHT = (
    'deployments.apps is forbidden: User "dev" cannot create resource "deployments" in API group "apps" in the '
    'namespace "ml"'
)
_GOING = 'configmaps "a" is forbidden: unable to create new content in namespace ml because it is being terminated'
_STALE = 'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply'
_POD_SECURITY = 'pods "web" is forbidden: violates PodSecurity "restricted:latest": privileged'


@pytest.mark.parametrize(
    ("code", "reason", "message", "error"),
    [
        (401, "Unauthorized", "Unauthorized", AuthError),
        (403, "Forbidden", _RIGHT, AuthError),
        (403, "Forbidden", _AZURE, NotYetConsistent),
        (403, "Forbidden", _QUOTA, QuotaExceeded),
        (403, "Forbidden", _GOING, NamespaceTerminating),
        (403, "Forbidden", _POD_SECURITY, InvalidRequest),
        (404, "NotFound", 'namespaces "ml" not found', NotFound),
        (405, "MethodNotAllowed", "the server does not allow this method", Unsupported),
        (409, "AlreadyExists", 'configmaps "a" already exists', Conflict),
        (409, "Conflict", _STALE, Busy),
        (410, "Expired", "The provided continue parameter is too old", NotYetConsistent),
        (429, "TooManyRequests", "too many requests", Throttled),
        (500, "InternalError", "Internal error occurred: failed calling webhook", Unavailable),
        (503, "ServiceUnavailable", "the server is currently unable to handle the request", Unavailable),
        (504, "Timeout", "request did not complete within the requested timeout", Unavailable),
    ],
)
def test_each_answer_has_its_class(code: int, reason: str, message: str, error: type[CloudError]) -> None:
    """And keeps the server's words."""
    mapped = map_answer(code, _status(code, reason, message))
    assert type(mapped) is error
    assert message in str(mapped)
    assert mapped.status == code


def test_conflicts_of_managers_name_them_and_their_fields() -> None:
    """Whoever reads it knows whom to ask, and what to write."""
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "hpa" using v2', "field": ".spec.replicas"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "ops"', "field": ".spec.paused"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "ops"', "field": ".metadata.labels.a"},
    ]
    mapped = map_answer(409, _status(409, "Conflict", "Apply failed with 3 conflicts", causes=causes))
    assert isinstance(mapped, FieldConflict)
    assert mapped.others == {"hpa": ("spec.replicas",), "ops": ("spec.paused", "metadata.labels.a")}
    assert "hpa manages spec.replicas; ops manages spec.paused, metadata.labels.a" in str(mapped)
    assert "force_conflicts" in str(mapped)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, 'strict decoding error: unknown field "spec.template.spec.contaners"'),
        (
            500,
            "failed to create typed patch object (ml/web; apps/v1, Kind=Deployment): "
            ".spec.template.spec.contaners: field not declared in schema",
        ),
    ],
)
def test_unknown_fields_are_named(code: int, message: str) -> None:
    """Also where the server answers 500 for them, as it does to an apply: trying again would not help."""
    mapped = map_answer(code, _status(code, "BadRequest" if code == 400 else "", message))
    assert isinstance(mapped, Invalid)
    assert [each.field for each in mapped.fields] == ["spec.template.spec.contaners"]
    assert str(mapped).startswith("spec.template.spec.contaners: unknown field")


def test_immutable_fields_are_told_apart() -> None:
    """What can only be changed by making the object again."""
    causes = [
        {
            "reason": "FieldValueInvalid",
            "message": 'Invalid value: {"app":"b"}: field is immutable',
            "field": "spec.selector",
        },
        {"reason": "FieldValueInvalid", "message": "Invalid value: -1: must be positive", "field": "spec.replicas"},
    ]
    mapped = map_answer(422, _status(422, "Invalid", "is invalid", causes=causes))
    assert isinstance(mapped, Invalid)
    assert [each.field for each in mapped.immutable] == ["spec.selector"]
    assert "spec.replicas: Invalid value: -1: must be positive" in mapped.message


def test_patience_comes_from_the_server() -> None:
    """From the header, or from the Status."""
    assert map_answer(429, _status(429, "TooManyRequests", "x"), {"retry-after": "3"}).retry_after == 3
    assert map_answer(503, _status(503, "Timeout", "x", retryAfterSeconds=2)).retry_after == 2


def test_answers_of_proxies_in_between_are_understood() -> None:
    """No Status object, but HTML."""
    mapped = map_answer(502, "<html>Bad Gateway</html>")
    assert isinstance(mapped, Unavailable)
    assert "Bad Gateway" in str(mapped)
