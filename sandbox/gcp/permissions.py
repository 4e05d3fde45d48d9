"""What accounts other than the sandbox's own may do with the project's APIs, by the project's IAM policy.

The sandbox's own account may do everything, as an owner. For all others the roles that the project's policy grants are
looked at: basic roles as they are; of an API's own roles (``roles/<api>.…``) those that end in Admin or Editor allow
everything, all others reading. Policies of single resources and bindings with a condition grant nothing here.
"""

from __future__ import annotations

from . import resourcemanager
from .auth import ACCOUNT
from .calls import Call
from .errors import GoogleError, permission_denied
from .state import State

_EVERYONE = ("allUsers", "allAuthenticatedUsers")
_READING = frozenset({"getIamPolicy", "testIamPermissions", "queryTestablePermissions", "queryGrantableRoles", "wait"})


def roles_of(state: State, mail: str) -> frozenset[str]:
    """The roles that an account has in the project. May be asked in any thread."""
    members = {f"serviceAccount:{mail}", *_EVERYONE}
    bindings = state.policies.get(resourcemanager.KEY, {}).get("bindings", [])
    return frozenset(
        item["role"] for item in bindings if not item.get("condition") and members & set(item.get("members", []))
    )


def check(call: Call, mail: str) -> None:
    """403 unless the account may do what it asks for."""
    if mail == ACCOUNT:
        return
    api, verb = call.document.api, call.method.id.rpartition(".")[2]
    reading = call.method.http_method == "GET" or verb in _READING
    for role in roles_of(call.state, mail):
        if role in ("roles/owner", "roles/editor") or (reading and role == "roles/viewer"):
            return
        if role.startswith(f"roles/{api}.") and (reading or role.lower().endswith(("admin", "editor"))):
            return
    raise _denied(call, api, verb)


def _denied(call: Call, api: str, verb: str) -> GoogleError:
    if api == "compute":
        action = call.method.id.replace("compute.", "", 1)
        return permission_denied(f"Required 'compute.{action}' permission for 'projects/{call.project}'")
    if api == "container":
        where = call.path.get("name") or call.path.get("parent") or f"projects/{call.project}"
        return permission_denied(f'Required "container.clusters.{verb}" permission(s) for "{where}".')
    return permission_denied()
