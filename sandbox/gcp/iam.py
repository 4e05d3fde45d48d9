"""IAM: service accounts, their keys and policies, predefined roles."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from . import policies
from .calls import Call, handles
from .errors import GoogleError, invalid, precondition
from .fields import apply_mask
from .listing import page
from .state import PROJECT, State, hex_id, zulu

_ACCOUNT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_DOMAIN = f"@{PROJECT}.iam.gserviceaccount.com"
_MOST_KEYS = 10
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
    keys = _keys(call, _find(call))
    wanted = call.query.get("keyTypes")
    return {"keys": [_shown_key(key) for key in keys if not wanted or key["keyType"] in wanted]}


@handles("iam.projects.serviceAccounts.keys.create")
def create_key(call: Call) -> dict[str, Any]:
    """A key of one's own; the answer alone holds its private half, as the JSON file that Google's libraries read."""
    account = _find(call)
    keys = _keys(call, account)
    if sum(key["keyType"] == "USER_MANAGED" for key in keys) >= _MOST_KEYS:
        raise precondition("Precondition check failed.")
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = _key(call, account, "USER_MANAGED")
    key["#public"] = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    keys.append(key)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": key["name"].rpartition("/")[2],
        "private_key": pem.decode(),
        "client_email": account["email"],
        "client_id": account["uniqueId"],
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": f"{call.context.url}/token",
        "universe_domain": "googleapis.com",
    }
    data = base64.b64encode(json.dumps(file, indent=2).encode()).decode()
    return {**_shown_key(key), "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE", "privateKeyData": data}


@handles("iam.projects.serviceAccounts.keys.get")
def get_key(call: Call) -> dict[str, Any]:
    """One key, without its private half."""
    return _shown_key(_find_key(call)[1])


@handles("iam.projects.serviceAccounts.keys.delete")
def delete_key(call: Call) -> dict[str, Any]:
    """Delete a key; no new token is issued for it."""
    keys, key = _find_key(call)
    if key["keyType"] != "USER_MANAGED":
        raise precondition("System-managed keys cannot be deleted.")
    keys.remove(key)
    return {}


def public_keys(state: State, mail: str) -> list[bytes]:
    """The keys (PEM) that an account's signatures are checked with."""
    if state.service_accounts.get(mail, {}).get("disabled"):
        return []
    return [key["#public"] for key in state.account_keys.get(mail, []) if "#public" in key]


def _keys(call: Call, account: dict[str, Any]) -> list[dict[str, Any]]:
    return call.state.account_keys.setdefault(account["email"], [_key(call, account, "SYSTEM_MANAGED")])


def _find_key(call: Call) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    keys = _keys(call, _find(call))
    wanted = call.name.rpartition("/")[2]
    for key in keys:
        if key["name"].rpartition("/")[2] == wanted:
            return keys, key
    raise GoogleError(404, f"Service account key {wanted} does not exist.", reason="notFound")


def _shown_key(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if not name.startswith("#")}


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
