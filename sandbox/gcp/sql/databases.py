"""Databases of an instance."""

from __future__ import annotations

import re

from ..calls import Call, handles
from ..fields import merge_patch
from ..state import PROJECT
from . import operations, servers
from .model import Data, Instance, etag, find, link, sql_error
from .versions import invalid_request

_NAME = re.compile(r"[^\x00/\\]{1,63}")
_SYSTEM = ("postgres", "master", "model", "msdb", "tempdb", "information_schema", "mysql", "performance_schema", "sys")


def _shown(call: Call, instance: Instance, name: str) -> Data:
    data = instance.databases[name]
    answer: Data = {
        "kind": "sql#database",
        "name": name,
        "instance": instance.name,
        "project": PROJECT,
        "selfLink": link(call, f"instances/{instance.name}/databases/{name}"),
        **data,
    }
    if instance.version.engine == "SQLSERVER":
        answer.setdefault("sqlserverDatabaseDetails", {"compatibilityLevel": 160, "recoveryModel": "FULL"})
    return {**answer, "etag": etag([instance.name, name, data])}


def _find(call: Call) -> tuple[Instance, str]:
    instance, name = find(call), call.path["database"]
    if name not in instance.databases:
        raise sql_error(404, "Not Found", "notFound")
    return instance, name


def _begin(call: Call, instance: Instance, name: str, kind: str, **options: object) -> Data:
    target = f"instances/{instance.name}/databases/{name}"
    return operations.start(call, [instance], kind, "sql.database.write", target=target, quick=True, **options)  # type: ignore[arg-type]


@handles("sql.databases.get")
def get(call: Call) -> Data:
    """One database."""
    return _shown(call, *_find(call))


@handles("sql.databases.list")
def listing(call: Call) -> Data:
    """All databases that clients may use."""
    instance = find(call)
    operations.check_running(instance) if not instance.made else None
    return {
        "kind": "sql#databasesList",
        "items": [_shown(call, instance, name) for name in sorted(instance.databases)],
    }


@handles("sql.databases.insert")
def insert(call: Call) -> Data:
    """Create a database."""
    instance, name = find(call), call.body.get("name", "")
    operations.check_running(instance)
    _not_a_replica(instance)
    if not _NAME.fullmatch(name):
        raise invalid_request(f"Invalid database name ({name}).")
    if name in instance.databases:
        raise invalid_request(f'failed to create database {name}. Detail: pq: database "{name}" already exists.')
    data = _described(instance, call.body, {})

    def effect() -> None:
        instance.databases[name] = data

    work = servers.run(call.state, instance, "create_database", name, servers.SUPERUSERS)
    return _begin(call, instance, name, "CREATE_DATABASE", effect=effect, work=work)


def _not_a_replica(instance: Instance) -> None:
    if instance.master and instance.version.engine == "POSTGRES":
        raise invalid_request("Operation is not supported on a read replica.")


def _described(instance: Instance, body: Data, before: Data) -> Data:
    engine = instance.version.engine
    if engine == "POSTGRES":
        charset, collation = body.get("charset") or "UTF8", body.get("collation") or "en_US.UTF8"
        if charset.upper() not in ("UTF8", "UTF-8"):
            raise invalid_request(f"Invalid charset ({charset}): only UTF8 is supported.")
        return {"charset": "UTF8", "collation": collation}
    if engine == "SQLSERVER":
        collation = body.get("collation") or instance.settings.get("collation", "SQL_Latin1_General_CP1_CI_AS")
        details = {"compatibilityLevel": 160, "recoveryModel": "FULL", **body.get("sqlserverDatabaseDetails", {})}
        return {"charset": "", "collation": collation, "sqlserverDatabaseDetails": details}
    charset = body.get("charset") or before.get("charset", "utf8")
    return {"charset": charset, "collation": body.get("collation") or f"{charset}_general_ci"}


@handles("sql.databases.update", "sql.databases.patch")
def update(call: Call) -> Data:
    """Change charset and collation; PostgreSQL cannot."""
    instance, name = _find(call)
    operations.check_running(instance)
    body = call.body
    if call.method.id.endswith("patch"):
        body = merge_patch(instance.databases[name], call.body)
    data = _described(instance, body, instance.databases[name])
    if instance.version.engine == "POSTGRES" and data != instance.databases[name]:
        raise invalid_request("Charset and collation of a PostgreSQL database cannot be changed.")

    def effect() -> None:
        instance.databases[name] = data

    return _begin(call, instance, name, "UPDATE_DATABASE", effect=effect)


@handles("sql.databases.delete")
def delete(call: Call) -> Data:
    """Drop a database."""
    instance, name = _find(call)
    operations.check_running(instance)
    _not_a_replica(instance)
    if name in _SYSTEM:
        raise invalid_request(f"The system database {name} cannot be deleted.")

    def effect() -> None:
        instance.databases.pop(name, None)

    work = servers.run(call.state, instance, "drop_database", name)
    return _begin(call, instance, name, "DELETE_DATABASE", effect=effect, work=work)
