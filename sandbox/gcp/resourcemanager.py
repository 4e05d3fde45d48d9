"""Cloud Resource Manager: the project and its IAM policy, in v1 and v3."""

from __future__ import annotations

from typing import Any

from . import policies
from .calls import Call, handles
from .state import NUMBER, PROJECT

KEY = f"projects/{PROJECT}"
_BORN = "2024-01-01T08:00:00.000Z"
_LABELS = {"purpose": "sandbox"}


@handles("cloudresourcemanager.projects.get")
def get(call: Call) -> dict[str, Any]:
    """The project."""
    if call.document.version == "v1":
        return {
            "projectNumber": NUMBER,
            "projectId": PROJECT,
            "lifecycleState": "ACTIVE",
            "name": "Sandbox",
            "labels": _LABELS,
            "createTime": _BORN,
        }
    return {
        "name": f"projects/{NUMBER}",
        "projectId": PROJECT,
        "state": "ACTIVE",
        "displayName": "Sandbox",
        "createTime": _BORN,
        "updateTime": _BORN,
        "etag": 'W/"5d1a6ba6f7c3a0c1"',
        "labels": _LABELS,
    }


@handles("cloudresourcemanager.projects.list", "cloudresourcemanager.projects.search")
def listing(call: Call) -> dict[str, Any]:
    """The one project that the account can see."""
    return {"projects": [get(call)]}


@handles("cloudresourcemanager.projects.getIamPolicy")
def get_policy(call: Call) -> dict[str, Any]:
    """The project's policy."""
    return policies.shown(policies.get(call.state, KEY))


@handles("cloudresourcemanager.projects.setIamPolicy")
def set_policy(call: Call) -> dict[str, Any]:
    """Replace the project's policy; ``updateMask`` keeps what it does not name."""
    policy = call.body.get("policy", {})
    mask = call.body.get("updateMask")
    if mask and "auditConfigs" not in mask:
        policy["auditConfigs"] = policies.get(call.state, KEY).get("auditConfigs", [])
    return policies.put(call, KEY, policy)


@handles("cloudresourcemanager.projects.testIamPermissions")
def test_permissions(call: Call) -> dict[str, Any]:
    """The account may do everything."""
    return policies.test(call)
