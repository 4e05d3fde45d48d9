"""Token authentication: users of an instance and their tokens."""

from __future__ import annotations

import re
import secrets
from typing import Any

from .. import managed_lro
from ..calls import Call, handles
from ..errors import GoogleError, invalid, precondition
from ..listing import page
from ..managed_lro import EMPTY, check_idle
from ..state import Record, hex_id, zulu
from .instances import refresh_users
from .model import INSTANCES, TYPE, Data, find, find_active, shown

_USERS = f"{INSTANCES}.tokenAuthUsers"
_TOKENS = f"{_USERS}.authTokens"
_PATH = re.compile(r"(projects/[^/]+/locations/[^/]+/instances/[^/]+)/tokenAuthUsers/([^/]+)(?:/authTokens/([^/]+))?")
_USER = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_MAX_TOKENS = 2


def _parts(name: str) -> tuple[str, str, str]:
    found = _PATH.fullmatch(name)
    if found is None:
        raise GoogleError(404, f"Resource '{name}' was not found")
    return found[1], found[2], found[3] or ""


def _user(call: Call, name: str) -> tuple[Record, Data]:
    instance, user, _ = _parts(name)
    record = find(call, instance)
    found = record.data["#users"].get(user)
    if found is None:
        raise GoogleError(404, f"Resource '{instance}/tokenAuthUsers/{user}' was not found")
    return record, found


def _path(call: Call, parameter: str) -> str:
    """These methods name their path parameter after the resource."""
    name: str = call.path[parameter]
    return Call(call.state, call.method, {"name": name}, {}, {}).name


def _run(call: Call, record: Record, verb: str, response: Any, failed: Any = None) -> Data:
    work = refresh_users(call.state, record.data)
    return managed_lro.start(call, record, verb, "memorystore.user.write", response, failed, work)


@handles(f"{INSTANCES}.addTokenAuthUser")
def add_user(call: Call) -> Data:
    """Add a user; it may log in once it has a token."""
    record = find_active(call, _path(call, "instance"))
    name = call.body.get("tokenAuthUser", "")
    if record.data["authorizationMode"] != "TOKEN_AUTH":
        raise precondition("Token auth users are for instances with authorization mode TOKEN_AUTH.")
    if not _USER.fullmatch(name):
        raise invalid(f"Invalid token auth user: {name}.", field="token_auth_user")
    if name in record.data["#users"]:
        raise GoogleError(409, f"Resource '{record.data['name']}/tokenAuthUsers/{name}' already exists")
    user: Data = {"name": f"{record.data['name']}/tokenAuthUsers/{name}", "state": "ACTIVE", "tokens": {}}
    record.data["#users"][name] = user
    return _run(
        call,
        record,
        "update",
        lambda: {"@type": f"{TYPE}Instance", **shown(call, record.data)},
        lambda _: record.data["#users"].pop(name, None),
    )


def _shown_user(user: Data) -> Data:
    return {"name": user["name"], "state": user["state"]}


@handles(f"{_USERS}.addAuthToken")
def add_token(call: Call) -> Data:
    """Give a user another token; at most two, so that one can be replaced without a gap."""
    record, user = _user(call, _path(call, "tokenAuthUser"))
    check_idle(record)
    if len(user["tokens"]) >= _MAX_TOKENS:
        raise precondition(f"User {user['name']} has {_MAX_TOKENS} tokens already.")
    name = hex_id(16)
    token: Data = {
        "name": f"{user['name']}/authTokens/{name}",
        "token": secrets.token_urlsafe(32),
        "createTime": zulu(call.state.wall(), 9),
        "state": "ACTIVE",
    }
    user["tokens"][name] = token
    return _run(
        call,
        record,
        "update",
        # The operation answers with the user; the token is found in the list. Source: Google's client library.
        lambda: {"@type": f"{TYPE}TokenAuthUser", **_shown_user(user)},
        lambda _: user["tokens"].pop(name, None),
    )


@handles(f"{_USERS}.get")
def get_user(call: Call) -> Data:
    """One user."""
    return _shown_user(_user(call, call.name)[1])


@handles(f"{_USERS}.list")
def list_users(call: Call) -> Data:
    """The users of an instance."""
    items = [_shown_user(user) for user in find(call).data["#users"].values()]
    return _paged(call, "tokenAuthUsers", items)


def _paged(call: Call, key: str, items: list[Data]) -> Data:
    found, token = page(items, call.query.get("pageSize"), call.query.get("pageToken"), default=1000)
    answer: Data = {key: found} if found else {}
    if token:
        answer["nextPageToken"] = token
    return answer


def _token(call: Call) -> tuple[Record, Data, Data]:
    record, user = _user(call, call.name)
    token = user["tokens"].get(_parts(call.name)[2])
    if token is None:
        raise GoogleError(404, f"Resource '{call.name}' was not found")
    return record, user, token


@handles(f"{_TOKENS}.get")
def get_token(call: Call) -> Data:
    """One token, with its value."""
    return _token(call)[2]


@handles(f"{_TOKENS}.list")
def list_tokens(call: Call) -> Data:
    """The tokens of a user, with their values."""
    return _paged(call, "authTokens", list(_user(call, call.name)[1]["tokens"].values()))


@handles(f"{_TOKENS}.delete")
def delete_token(call: Call) -> Data:
    """Take a token away."""
    record, user, token = _token(call)
    check_idle(record)
    name = token["name"].rpartition("/")[2]
    del user["tokens"][name]
    return _run(call, record, "update", lambda: EMPTY, lambda _: user["tokens"].__setitem__(name, token))


@handles(f"{_USERS}.delete")
def delete_user(call: Call) -> Data:
    """Take a user away; one with tokens only with ``force``."""
    record, user = _user(call, call.name)
    check_idle(record)
    if user["tokens"] and not call.query.get("force"):
        raise precondition(f"User {user['name']} has tokens: delete them first, or use force.")
    name = user["name"].rpartition("/")[2]
    del record.data["#users"][name]
    return _run(call, record, "update", lambda: EMPTY, lambda _: record.data["#users"].__setitem__(name, user))
