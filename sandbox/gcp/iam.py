"""IAM: service accounts, their keys and policies, predefined roles."""

from __future__ import annotations

import base64
import re
from typing import Any

from . import policies
from .calls import Call, handles
from .errors import GoogleError, invalid
from .fields import apply_mask
from .listing import page
from .state import PROJECT, hex_id, zulu

_ACCOUNT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_DOMAIN = f"@{PROJECT}.iam.gserviceaccount.com"
_CHANGEABLE = frozenset({"displayName", "description"})


def _number() -> str:
    return "1" + str(int(hex_id(20), 16)).zfill(25)[-20:]


def _etag(account: dict[str, Any], count: int) -> str:
    return base64.b64encode(f"{account['uniqueId'][-6:]}{count:02d}".encode()).decode()


def new_account(mail: str, **fields: str) -> dict[str, Any]:
    """A service account as the API prints it."""
    number = _number()
    account: dict[str, Any] = {
        "name": f"projects/{PROJECT}/serviceAccounts/{mail}",
        "projectId": PROJECT,
        "uniqueId": number,
        "email": mail,
        **fields,
        "oauth2ClientId": number,
    }
    account["etag"] = _etag(account, 1)
    return account


def _find(call: Call) -> dict[str, Any]:
    """The account named by e-mail or unique id; 404 otherwise."""
    key = call.name.partition("/serviceAccounts/")[2].partition("/")[0]
    for account in call.state.service_accounts.values():
        if key in (account["email"], account["uniqueId"]):
            return account
    raise GoogleError(404, f"Unknown service account: {key}", reason="notFound")


@handles("iam.projects.serviceAccounts.create")
def create(call: Call) -> dict[str, Any]:
    """Create an account."""
    account_id = call.body.get("accountId", "")
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise invalid(
            'The account ID "' + account_id + '" does not have a length between 6 and 30, or contains characters other '
            "than lower case letters, digits and dashes.",
            field="account_id",
        )
    mail = account_id + _DOMAIN
    if mail in call.state.service_accounts:
        detail = {"@type": "type.googleapis.com/google.rpc.ResourceInfo", "resourceName": _path(mail)}
        raise GoogleError(
            409, f"Service account {account_id} already exists within project projects/{PROJECT}.", details=[detail]
        )
    given = call.body.get("serviceAccount", {})
    fields = {name: given[name] for name in ("displayName", "description") if given.get(name)}
    call.state.service_accounts[mail] = new_account(mail, **fields)
    return call.state.service_accounts[mail]


def _path(mail: str) -> str:
    return f"projects/{PROJECT}/serviceAccounts/{mail}"


@handles("iam.projects.serviceAccounts.get")
def get(call: Call) -> dict[str, Any]:
    """One account."""
    return _find(call)


@handles("iam.projects.serviceAccounts.list")
def listing(call: Call) -> dict[str, Any]:
    """All accounts."""
    items = [call.state.service_accounts[mail] for mail in sorted(call.state.service_accounts)]
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=20)
    answer: dict[str, Any] = {"accounts": found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


def _changed(account: dict[str, Any]) -> dict[str, Any]:
    count = int(base64.b64decode(account["etag"])[-2:]) % 99 + 1
    account["etag"] = _etag(account, count)
    return account


@handles("iam.projects.serviceAccounts.patch")
def patch(call: Call) -> dict[str, Any]:
    """Change what ``updateMask`` names; a stale etag is 409."""
    account = _find(call)
    change = call.body.get("serviceAccount", {})
    _check_etag(account, change)
    apply_mask(account, change, call.body.get("updateMask", ""), _CHANGEABLE)
    return _changed(account)


@handles("iam.projects.serviceAccounts.update")
def update(call: Call) -> dict[str, Any]:
    """Change display name and description."""
    account = _find(call)
    _check_etag(account, call.body)
    for name in _CHANGEABLE & set(call.body):
        account[name] = call.body[name]
    return _changed(account)


def _check_etag(account: dict[str, Any], change: dict[str, Any]) -> None:
    if change.get("etag") and change["etag"] != account["etag"]:
        raise GoogleError(409, "There were concurrent changes to this service account.", status="ABORTED")


@handles("iam.projects.serviceAccounts.delete")
def delete(call: Call) -> dict[str, Any]:
    """Delete an account with its keys and its policy."""
    account = _find(call)
    mail = account["email"]
    del call.state.service_accounts[mail]
    policies.forget(call.state, mail, account["uniqueId"])
    call.state.account_keys.pop(mail, None)
    call.state.policies.pop(_path(mail), None)
    return {}


@handles("iam.projects.serviceAccounts.enable", "iam.projects.serviceAccounts.disable")
def switch(call: Call) -> dict[str, Any]:
    """Enable or disable an account."""
    account = _find(call)
    if call.method.id.endswith("disable"):
        account["disabled"] = True
    else:
        account.pop("disabled", None)
    return {}


@handles("iam.projects.serviceAccounts.getIamPolicy")
def get_policy(call: Call) -> dict[str, Any]:
    """Who may use the account."""
    return policies.shown(policies.get(call.state, _path(_find(call)["email"])))


@handles("iam.projects.serviceAccounts.setIamPolicy")
def set_policy(call: Call) -> dict[str, Any]:
    """Replace who may use the account."""
    return policies.put(call, _path(_find(call)["email"]), call.body.get("policy", {}))


@handles("iam.projects.serviceAccounts.testIamPermissions")
def test_permissions(call: Call) -> dict[str, Any]:
    """The caller may do everything with an account that exists."""
    _find(call)
    return policies.test(call)


@handles("iam.projects.serviceAccounts.keys.list")
def list_keys(call: Call) -> dict[str, Any]:
    """Keys of an account; Google manages the first one."""
    account = _find(call)
    keys = call.state.account_keys.setdefault(account["email"], [_key(call, account, "SYSTEM_MANAGED")])
    wanted = call.query.get("keyTypes")
    return {"keys": [key for key in keys if not wanted or key["keyType"] in wanted]}


def _key(call: Call, account: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "name": f"{account['name']}/keys/{hex_id(40)}",
        "validAfterTime": zulu(call.state.wall(), 0),
        "validBeforeTime": "9999-12-31T23:59:59Z",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": kind,
    }


@handles("iam.roles.get", "iam.projects.roles.get")
def get_role(call: Call) -> dict[str, Any]:
    """A predefined role; the sandbox does not know what it permits."""
    name = call.path["name"]
    if not name.startswith("roles/"):
        raise GoogleError(404, f"The role named {name} was not found.")
    return {"name": name, "title": name.rpartition("/")[2], "stage": "GA", "etag": "AA=="}
