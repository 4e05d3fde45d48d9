"""Users of an instance. Passwords go to the real server, if there is one, and are never kept or printed."""

from __future__ import annotations

from ..calls import Call, handles
from ..errors import GoogleError
from ..state import PROJECT
from . import operations, servers
from .flags import value_of
from .model import Data, Instance, etag, find, sql_error
from .versions import invalid_request

_IAM = ("CLOUD_IAM_USER", "CLOUD_IAM_SERVICE_ACCOUNT", "CLOUD_IAM_GROUP")


def _shown(instance: Instance, key: tuple[str, str]) -> Data:
    name, host = key
    data = instance.users[key]
    answer: Data = {
        "kind": "sql#user",
        "name": name,
        "host": host,
        "instance": instance.name,
        "project": PROJECT,
        "etag": etag([instance.name, name, host, data]),
        "passwordPolicy": {"status": {}},
        **{item: value for item, value in data.items() if not (item == "type" and value == "BUILT_IN")},
    }
    if instance.version.engine == "SQLSERVER":
        answer.setdefault("sqlserverUserDetails", {"serverRoles": ["CustomerDbRootRole"]})
    return answer


def _key(call: Call, instance: Instance, name: str, host: str) -> tuple[str, str]:
    # Hosts are MySQL's; elsewhere they are not looked at.
    key = (name, host if instance.version.engine == "MYSQL" else "")
    if key in instance.users or instance.version.engine != "MYSQL":
        return key
    return next((item for item in instance.users if item[0] == name and host in ("%", "")), key)


def _begin(call: Call, instance: Instance, kind: str, effect: object, work: object) -> Data:
    return operations.start(
        call,
        [instance],
        kind,
        "sql.user.write",
        effect,  # type: ignore[arg-type]
        work=work,  # type: ignore[arg-type]
        quick=True,
    )


@handles("sql.users.list")
def listing(call: Call) -> Data:
    """All users, without what the provider keeps to itself."""
    instance = find(call)
    if not instance.made:
        raise sql_error(400, "Invalid request: Invalid request since instance is not running.", "invalid")
    return {"kind": "sql#usersList", "items": [_shown(instance, key) for key in sorted(instance.users)]}


@handles("sql.users.get")
def get(call: Call) -> Data:
    """One user."""
    instance = find(call)
    key = _key(call, instance, call.path["name"], call.query.get("host", ""))
    if key not in instance.users:
        raise sql_error(404, "The user does not exist.", "userDoesNotExist")
    return _shown(instance, key)


@handles("sql.users.insert")
def insert(call: Call) -> Data:
    """Create a user; one that exists gets the password."""
    instance = find(call)
    operations.check_running(instance)
    _not_a_replica(instance)
    name, kind = call.body.get("name", ""), call.body.get("type", "BUILT_IN")
    password = call.body.get("password")
    if not name:
        raise invalid_request("Missing the name of the user.")
    _check_kind(instance, kind, password)
    key = (name, call.body.get("host", "") if instance.version.engine == "MYSQL" else "")
    known = key in instance.users
    data: Data = {"type": kind}
    if kind in _IAM:
        data["iamEmail"] = name
    roles = call.body.get("databaseRoles")
    if roles:
        data["databaseRoles"] = roles

    def effect() -> None:
        instance.users[key] = {**instance.users.get(key, {}), **data}

    if not known:
        work = servers.add_user(call.state, instance, name, password)
    elif password is not None:
        work = servers.run(call.state, instance, "set_password", name, password)
    else:
        work = None
    return _begin(call, instance, "CREATE_USER", effect, work)


def _not_a_replica(instance: Instance) -> None:
    if instance.master and instance.version.engine == "POSTGRES":
        raise invalid_request("Operation is not supported on a read replica.")


def _check_kind(instance: Instance, kind: str, password: str | None) -> None:
    if kind in _IAM:
        if instance.version.engine != "POSTGRES":
            raise invalid_request(f"Users of type {kind} are for PostgreSQL in the sandbox.")
        if value_of(instance.settings.get("databaseFlags", []), "cloudsql.iam_authentication") != "on":
            raise invalid_request("IAM authentication is not enabled: set the flag cloudsql.iam_authentication.")
        if password is not None:
            raise invalid_request("A user of IAM has no password.")
        return
    if kind != "BUILT_IN":
        raise invalid_request(f"Users of type {kind} are not served by the sandbox.")
    policy = instance.settings.get("passwordValidationPolicy", {})
    if policy.get("enablePasswordPolicy") and len(password or "") < int(policy.get("minLength", 0)):
        raise invalid_request("The password does not meet the password policy of the instance.")


@handles("sql.users.update")
def update(call: Call) -> Data:
    """Give a user a new password."""
    instance = find(call)
    operations.check_running(instance)
    _not_a_replica(instance)
    name = call.query.get("name") or call.body.get("name", "")
    key = _key(call, instance, name, call.query.get("host", ""))
    if key not in instance.users:
        raise GoogleError(404, "The user does not exist.", reason="userDoesNotExist")
    password, work = call.body.get("password"), None
    kind = instance.users[key]["type"]
    _check_kind(instance, kind, password)
    if password is not None:
        work = servers.run(call.state, instance, "set_password", name, password)
    roles = call.query.get("databaseRoles") or call.body.get("databaseRoles")

    def effect() -> None:
        if roles:
            instance.users[key]["databaseRoles"] = roles

    return _begin(call, instance, "UPDATE_USER", effect, work)


@handles("sql.users.delete")
def delete(call: Call) -> Data:
    """Drop a user."""
    instance = find(call)
    operations.check_running(instance)
    _not_a_replica(instance)
    name, host = call.query.get("name", ""), call.query.get("host", "")
    key = _key(call, instance, name, host)
    if instance.version.engine == "MYSQL":
        _check_host(instance, name, host)
    elif key not in instance.users:
        raise sql_error(404, "The user does not exist.", "userDoesNotExist")

    def effect() -> None:
        instance.users.pop(key, None)

    work = servers.run(call.state, instance, "drop_user", name)
    return _begin(call, instance, "DELETE_USER", effect, work)


def _check_host(instance: Instance, name: str, host: str) -> None:
    """MySQL drops users by name and host; an empty host is none. Source: recorded traffic."""
    if not host and name == instance.version.root:
        raise invalid_request(f"Error 1396: Operation DROP USER failed for '{name}'@''.")
