"""Bucket policies: what they allow, and which ones S3 refuses."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from ..errors import AwsError


def _get_permission(bucket: Any, action: str, resource: str) -> Any:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    document = json.loads(bucket.policy)
    unconditional = [item for item in _listed(document["Statement"]) if not item.get("Condition")]
    if not unconditional:
        return PermissionResult.NEUTRAL
    return IAMPolicy(json.dumps({**document, "Statement": unconditional})).is_action_permitted(action, resource)


def _takes_logs(target_bucket: Any, target_prefix: str | None) -> bool:
    """Whether the policy lets S3 deliver access logs; moto stumbles over statements for everybody (`"*"`)."""
    wanted = {f"arn:aws:s3:::{target_bucket.name}/{target_prefix or ''}*", f"arn:aws:s3:::{target_bucket.name}/*"}
    for statement in _listed(json.loads(target_bucket.policy)["Statement"]) if target_bucket.policy else ():
        principal = statement.get("Principal")
        services = _listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        if (
            statement["Effect"] == "Allow"
            and "logging.s3.amazonaws.com" in services
            and "s3:PutObject" in _listed(statement.get("Action", []))
            and wanted & set(_listed(statement.get("Resource", [])))
        ):
            return True
    return False


def install() -> None:
    """Moto ignores conditions, so that "deny unless TLS" would deny everything: statements with one are left out.

    The emulator's endpoint stands for an HTTPS endpoint.
    """
    FakeBucket.get_permission = _get_permission  # type: ignore[method-assign,assignment]
    FakeBucket._log_permissions_enabled_policy = staticmethod(_takes_logs)  # type: ignore[method-assign]


def check(bucket: str, text: str, blocks_public: bool) -> None:
    """Raise what PutBucketPolicy answers to a policy that S3 does not take."""
    try:
        document = json.loads(text)
        statements = _listed(document["Statement"])
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed("Policies must be valid JSON and the first byte must be '{'") from error
    for statement in statements:
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise _malformed(f"Invalid effect: {statement.get('Effect')}")
        if not (statement.get("Principal") or statement.get("NotPrincipal")):
            raise _malformed("Missing required field Principal")
        if not (statement.get("Action") or statement.get("NotAction")):
            raise _malformed("Missing required field Action")
        for resource in _listed(statement.get("Resource") or statement.get("NotResource") or []):
            name = resource.split(":::", 1)[-1].split("/", 1)[0]
            if not resource.startswith("arn:aws:s3:::") or name != bucket:
                raise _malformed("Policy has invalid resource")
    if blocks_public and any(_is_public(statement) for statement in statements):
        raise AwsError(
            "AccessDenied",
            "User is not authorized to perform: s3:PutBucketPolicy because public policies are blocked by the "
            "BlockPublicPolicy block public access setting.",
            403,
        )


def _is_public(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    everybody = principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS", [])))
    return statement["Effect"] == "Allow" and everybody and not statement.get("Condition")


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message, 400)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
