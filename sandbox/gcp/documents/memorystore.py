"""Writes ``memorystore.v1.json`` from Google's own client library, which knows every message and every route.

Needs ``google-cloud-memorystore``: ``python -m sandbox.gcp.documents.memorystore``
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_OUT = Path(__file__).with_suffix(".v1.json")
_VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]*))?\}")
_SCALARS: dict[str, dict[str, str]] = {
    "TYPE_BOOL": {"type": "boolean"},
    "TYPE_BYTES": {"type": "string", "format": "byte"},
    "TYPE_DOUBLE": {"type": "number", "format": "double"},
    "TYPE_FLOAT": {"type": "number", "format": "float"},
    "TYPE_INT32": {"type": "integer", "format": "int32"},
    "TYPE_INT64": {"type": "string", "format": "int64"},
    "TYPE_STRING": {"type": "string"},
    "TYPE_UINT32": {"type": "integer", "format": "uint32"},
    "TYPE_UINT64": {"type": "string", "format": "uint64"},
}
_WELL_KNOWN: dict[str, dict[str, str]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "google-datetime"},
    "google.protobuf.Duration": {"type": "string", "format": "google-duration"},
}
_LIST = {"filter": "string", "pageSize": "integer", "pageToken": "string", "orderBy": "string"}
# Message of the request -> where its fields travel: in the body, or in the query (name in the query -> type).
_QUERY: dict[str, dict[str, str]] = {
    "CreateInstance": {"instanceId": "string", "requestId": "string"},
    "UpdateInstance": {"updateMask": "string", "requestId": "string"},
    "DeleteInstance": {"requestId": "string"},
    "DeleteBackup": {"requestId": "string"},
    "DeleteTokenAuthUser": {"requestId": "string", "force": "boolean"},
    "ListOperations": {"filter": "string", "pageSize": "integer", "pageToken": "string"},
    "ListLocations": {"filter": "string", "pageSize": "integer", "pageToken": "string"},
}


def _name(descriptor: Any) -> str:
    return str(descriptor.name)


class _Messages:
    """Collects the schemas of messages and of what they refer to."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self.schemas: dict[str, Any] = {}

    def add(self, descriptor: Any, owner: Any) -> None:
        """``owner`` is the Python class that documents the message's fields."""
        if _name(descriptor) in self.schemas:
            return
        schema: dict[str, Any] = {"id": _name(descriptor), "type": "object"}
        self.schemas[_name(descriptor)] = schema
        output_only = set(_output_only(owner))
        properties = {}
        for field in descriptor.fields:
            prop = self._field(field)
            if field.name in output_only:
                prop["readOnly"] = True
            properties[field.json_name] = prop
        if properties:
            schema["properties"] = properties
        for nested in descriptor.nested_types:
            if not nested.GetOptions().map_entry:
                self.add(nested, getattr(owner, nested.name, None))

    def _field(self, field: Any) -> dict[str, Any]:
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._single(message.fields_by_name["value"])}
        single = self._single(field)
        return {"type": "array", "items": single} if field.is_repeated else single

    def _single(self, field: Any) -> dict[str, Any]:
        if field.message_type is not None:
            if field.message_type.full_name in _WELL_KNOWN:
                return dict(_WELL_KNOWN[field.message_type.full_name])
            self.add(field.message_type, getattr(self._module, field.message_type.name, None))
            return {"$ref": _name(field.message_type)}
        if field.enum_type is not None:
            return {"type": "string", "enum": [item.name for item in field.enum_type.values]}
        kind = {value: key for key, value in vars(type(field)).items() if key.startswith("TYPE_")}[field.type]
        return dict(_SCALARS[kind])


def _output_only(owner: Any) -> Iterator[str]:
    text = inspect.getdoc(owner) or ""
    for found in re.finditer(r"^ {4}(\w+) \([^\n]*(?:\n {8}[^\n]*?)*?\):\n +([^\n]*)", text, re.MULTILINE):
        if found[2].startswith("Output only"):
            yield found[1]


def _methods() -> Iterator[tuple[str, dict[str, str]]]:
    """Every call of the service and its HTTP route."""
    from google.cloud.memorystore_v1.services.memorystore.transports import rest_base

    base = rest_base._BaseMemorystoreRestTransport
    for name, value in vars(base).items():
        if name.startswith("_Base"):
            yield name.removeprefix("_Base"), value._get_http_options()[0]


def _plain(path: str) -> str:
    """``v1/{+name}``: how a discovery document writes ``/v1/{name=projects/*}``."""
    return _VARIABLE.sub(lambda found: "{+" + _camel(found[1].rpartition(".")[2]) + "}", path.lstrip("/"))


def _flat(path: str) -> str:
    """The path with one variable per segment."""
    counter = iter(range(99))
    spelled = _VARIABLE.sub(lambda found: found[2] or "*", path.lstrip("/"))
    return re.sub(r"\*", lambda _: f"{{part{next(counter)}}}", spelled)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _verb(call: str) -> str:
    for word, verb in (("Create", "create"), ("Update", "patch"), ("Delete", "delete"), ("List", "list")):
        if call.startswith(word):
            return verb
    if call == "BackupInstance":
        return "backup"
    if call.startswith("Get"):
        special = {"GetCertificateAuthority", "GetSharedRegionalCertificateAuthority"}
        return call[0].lower() + call[1:] if call in special else "get"
    return {"ExportBackup": "export", "CancelOperation": "cancel"}.get(call, call[0].lower() + call[1:])


def document() -> dict[str, Any]:
    """The document."""
    from google.cloud.memorystore_v1.types import memorystore as types

    messages = _Messages(types)
    root: dict[str, Any] = {}
    for call, route in _methods():
        (http_method, path) = (route["method"].upper(), route["uri"])
        flat = _flat(path)
        # A list, and what is made, belong to the collection that the path ends with.
        chain = [part for part in flat.partition(":")[0].split("/")[1:] if not part.startswith("{")]
        chain = [part for part in chain if not part.endswith("ertificateAuthority")]
        verb = _verb(call)
        if call in ("GetLocation", "ListLocations", "GetSharedRegionalCertificateAuthority"):
            chain = ["projects", "locations"]
        parameters: dict[str, Any] = {
            _camel(found[1].rpartition(".")[2]): {"location": "path", "required": True, "type": "string"}
            for found in _VARIABLE.finditer(path)
        }
        for name, kind in (_QUERY.get(call) or (_LIST if call.startswith("List") else {})).items():
            parameters[name] = {"location": "query", "type": kind}
        method: dict[str, Any] = {
            "id": ".".join(["memorystore", *chain, verb]),
            "httpMethod": http_method,
            "path": _plain(path),
            "flatPath": flat,
            "parameters": parameters,
            "parameterOrder": [name for name, item in parameters.items() if item["location"] == "path"],
            "response": {"$ref": _answer(call)},
        }
        request = getattr(types, f"{call}Request", None)
        if http_method in ("POST", "PATCH"):
            body = {"CreateInstance": "Instance", "UpdateInstance": "Instance"}.get(call, f"{call}Request")
            method["request"] = {"$ref": body}
            if request is None:
                messages.schemas.setdefault(body, {"id": body, "type": "object"})
            else:
                owner = getattr(types, body)
                messages.add(owner.pb(owner()).DESCRIPTOR, owner)
        answer = getattr(types, _answer(call), None)
        if answer is not None:
            messages.add(answer.pb(answer()).DESCRIPTOR, answer)
        node = root
        for part in chain:
            node = node.setdefault("resources", {}).setdefault(part, {})
        node.setdefault("methods", {})[verb] = method
    return {
        "kind": "discovery#restDescription",
        "name": "memorystore",
        "version": "v1",
        "title": "Memorystore API",
        "rootUrl": "https://memorystore.googleapis.com/",
        "servicePath": "",
        "batchPath": "batch",
        "parameters": _common(),
        "schemas": {**_shared(), **messages.schemas},
        "resources": root["resources"],
    }


def _answer(call: str) -> str:
    if call.startswith("List"):
        return f"{call}Response"
    if call.startswith("Get"):
        return call.removeprefix("Get")
    return "Empty" if call in ("CancelOperation", "DeleteOperation") else "Operation"


def _shared() -> dict[str, Any]:
    free = {"type": "object", "additionalProperties": {"type": "any"}}
    operation = {
        "name": {"type": "string"},
        "metadata": free,
        "done": {"type": "boolean"},
        "error": {"$ref": "Status"},
        "response": free,
    }
    status = {
        "code": {"type": "integer", "format": "int32"},
        "message": {"type": "string"},
        "details": {"type": "array", "items": free},
    }
    location = {
        "name": {"type": "string"},
        "locationId": {"type": "string"},
        "displayName": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "metadata": free,
    }
    listed = {"nextPageToken": {"type": "string"}}
    return {
        name: {"id": name, "type": "object", "properties": properties}
        for name, properties in {
            "Empty": {},
            "Location": location,
            "ListLocationsResponse": {"locations": {"type": "array", "items": {"$ref": "Location"}}, **listed},
            "ListOperationsResponse": {"operations": {"type": "array", "items": {"$ref": "Operation"}}, **listed},
            "Operation": operation,
            "Status": status,
        }.items()
    }


def _common() -> dict[str, Any]:
    """Parameters that every Google API takes."""
    texts = ("$.xgafv", "access_token", "alt", "callback", "fields", "key", "oauth_token", "quotaUser", "uploadType")
    return {
        **{name: {"location": "query", "type": "string"} for name in (*texts, "upload_protocol")},
        "prettyPrint": {"location": "query", "type": "boolean"},
    }


if __name__ == "__main__":
    _OUT.write_text(json.dumps(document(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
