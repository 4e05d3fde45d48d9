"""Request bodies against the schemas of the discovery documents, refused as Google's JSON front end refuses them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from .discovery import Document, Method
from .errors import GoogleError, invalid

# Accepted by the real service, not in the document. Source: recorded traffic.
_UNDOCUMENTED_ENUMS = {"nat_ip_allocate_option": ("USE_SHARED_RANGES",)}
_UNDOCUMENTED_QUERY = ("returnPartialSuccess",)
_CAMEL = re.compile(r"(?<!^)(?=[A-Z])")
_INT_RANGE = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}


def snake(name: str) -> str:
    """``nodeConfig`` -> ``node_config``: how error messages spell field names."""
    return _CAMEL.sub("_", name).lower()


class Checker:
    """Checks one request body; collects every violation, as the front end reports them all at once."""

    def __init__(self, document: Document) -> None:
        self._schemas = document.schemas
        self._package = document.package
        self.violations: list[tuple[str, str]] = []

    def check(self, schema: dict[str, Any], value: Any, path: str) -> Any:
        """The value with JSON's freedoms removed (nulls dropped, numbers as their type); collects violations."""
        if "$ref" in schema:
            return self._message(schema["$ref"], value, path)
        kind = schema.get("type", "any")
        if kind == "any":
            return value
        if kind == "array":
            return self._array(schema, value, path)
        if kind == "object":
            return self._object(schema, value, path)
        if isinstance(value, list):
            return self._not_repeating(path)
        return self._scalar(schema, kind, value, path)

    def _message(self, name: str, value: Any, path: str) -> Any:
        schema = self._schemas[name]
        if not isinstance(value, dict):
            if isinstance(value, list):
                return self._not_repeating(path)
            return self._bad(path, f"type.googleapis.com/{self._package}.{name}", value)
        return self._object(schema, value, path)

    def _object(self, schema: dict[str, Any], value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._bad(path, "Map", value)
        properties: dict[str, Any] = schema.get("properties", {})
        extra = schema.get("additionalProperties")
        result: dict[str, Any] = {}
        for key, item in value.items():
            if item is None:
                # null is "not set"; PATCH handlers look at the raw body for it.
                if key not in properties and extra is None:
                    self._unknown(key, path)
                continue
            if key in properties:
                result[key] = self.check(properties[key], item, _join(path, snake(key)))
            elif extra is not None:
                result[key] = self.check(extra, item, f"{path}[{key}]" if path else key)
            elif not properties and extra is None and schema.get("type") == "object" and schema.get("id") is None:
                result[key] = item
            else:
                self._unknown(key, path)
        return result

    def _array(self, schema: dict[str, Any], value: Any, path: str) -> Any:
        if not isinstance(value, list):
            return self._bad(path, schema["items"].get("$ref") or _type_name(schema["items"]), value)
        return [self.check(schema["items"], item, f"{path}[{index}]") for index, item in enumerate(value)]

    def _scalar(self, schema: dict[str, Any], kind: str, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            self.violations.append(
                (path, f"Invalid value at '{path}' ({_type_name(schema)}), Cannot start an object on scalar field.")
            )
            return None
        if kind == "boolean":
            return value if isinstance(value, bool) else self._bad(path, "TYPE_BOOL", value)
        if "enum" in schema:
            return self._enum(schema["enum"], value, path)
        form = schema.get("format", "")
        if form in _INT_RANGE:
            return self._integer(schema, kind, form, value, path)
        if kind in ("number", "integer"):
            return self._number(schema, value, path)
        if not isinstance(value, str):
            return self._bad(path, _type_name(schema), value)
        if form == "byte" and not _is_base64(value):
            return self._bad(path, "TYPE_BYTES", value, f"Base64 decoding failed for {_shown(value)}")
        return value

    def _integer(self, schema: dict[str, Any], kind: str, form: str, value: Any, path: str) -> Any:
        low, high = _INT_RANGE[form]
        try:
            if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
                raise ValueError
            number = int(value)
        except (ValueError, TypeError):
            return self._bad(path, _type_name(schema), value)
        if not low <= number <= high:
            return self._bad(path, _type_name(schema), value)
        # 64-bit integers travel as strings in JSON.
        return str(number) if kind == "string" else number

    def _number(self, schema: dict[str, Any], value: Any, path: str) -> Any:
        if isinstance(value, bool):
            return self._bad(path, _type_name(schema), value)
        try:
            return float(value) if isinstance(value, str) else value
        except ValueError:
            return self._bad(path, _type_name(schema), value)

    def _enum(self, names: list[str], value: Any, path: str) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
            # protobuf clients send numbers; the document lists the names in the order of definition.
            return names[value]
        field = path.rpartition(".")[2].partition("[")[0]
        if value in names or value in _UNDOCUMENTED_ENUMS.get(field, ()):
            return value
        name = "".join(part.title() for part in field.split("_"))
        return self._bad(path, f"type.googleapis.com/{self._package}.{name}", value)

    def _bad(self, path: str, kind: str, value: Any, why: str = "") -> None:
        text = f"Invalid value at '{path}' ({kind}), {why or _shown(value)}"
        self.violations.append((path, text))

    def _unknown(self, key: str, path: str) -> None:
        at = f" at '{path}'" if path else ""
        self.violations.append((path, f'Invalid JSON payload received. Unknown name "{key}"{at}: Cannot find field.'))

    def _not_repeating(self, path: str) -> None:
        parent, _, name = path.rpartition(".")
        at = f" at '{parent}'" if parent else ""
        why = "Proto field is not repeating, cannot start list."
        text = f'Invalid JSON payload received. Unknown name "{name}"{at}: {why}'
        self.violations.append((path, text))

    def error(self) -> GoogleError | None:
        """One 400 that names every violation, None when there is none."""
        if not self.violations:
            return None
        fields = [
            {"field": path, "description": text} if path else {"description": text} for path, text in self.violations
        ]
        details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}]
        return GoogleError(400, "\n".join(text for _, text in self.violations), details=details, reason="invalid")


def check_body(method: Method, body: Any) -> dict[str, Any]:
    """The checked body of a request; raises the 400 that Google answers."""
    name = method.request_schema
    if name is None:
        if body:
            raise invalid("Invalid JSON payload received. The request does not take a body.", field="")
        return {}
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.", field="")
    # The request message has a field for each part of the path, which the document leaves out of the body's schema.
    schema = method.document.schemas[name]
    in_path = {key for key in method.path_parameters if key not in schema.get("properties", {})}
    checker = Checker(method.document)
    result = checker.check({"$ref": name}, {key: value for key, value in body.items() if key not in in_path}, "")
    error = checker.error()
    if error is not None:
        raise error
    checked: dict[str, Any] = result
    return checked


def check_query(method: Method, query: list[tuple[str, str]]) -> dict[str, Any]:
    """Typed query parameters (repeated ones as lists); raises the 400 that Google answers."""
    known = {**method.document.parameters, **method.query}
    result: dict[str, Any] = {}
    for name, text in query:
        plain = name[1:] if name == "$alt" else name
        schema = known.get(plain)
        if schema is None and plain in _UNDOCUMENTED_QUERY:
            continue
        if schema is None:
            raise invalid(
                f"Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' "
                "could not be found in request message.",
                field="",
            )
        value = _typed(schema, snake(plain), text, method.document)
        if schema.get("repeated"):
            result.setdefault(plain, []).append(value)
        else:
            result[plain] = value
    for name, schema in method.query.items():
        if schema.get("required") and name not in result:
            raise GoogleError(400, f"Required parameter: {name}", reason="required", location=name)
    return result


def _typed(schema: dict[str, Any], path: str, text: str, document: Document) -> Any:
    if schema["type"] == "boolean":
        if text.lower() in ("true", "1"):
            return True
        if text.lower() in ("false", "0", ""):
            return False
        raise invalid(f"Invalid value at '{path}' (TYPE_BOOL), {_shown(text)}", field=path)
    if "enum" in schema and path == "alt":
        # "$alt=json;enum-encoding=int" is a protobuf client's way to say json.
        return text.partition(";")[0]
    if schema["type"] == "integer" or "enum" in schema or "format" in schema:
        checker = Checker(document)
        value = checker.check({k: v for k, v in schema.items() if k != "repeated"}, text, path)
        error = checker.error()
        if error is not None:
            raise error
        return value
    return text


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _type_name(schema: dict[str, Any]) -> str:
    form = schema.get("format", "")
    if form in _INT_RANGE:
        return f"TYPE_{form.upper()}"
    return {"float": "TYPE_FLOAT", "double": "TYPE_DOUBLE", "byte": "TYPE_BYTES"}.get(
        form,
        {"boolean": "TYPE_BOOL", "integer": "TYPE_INT32", "number": "TYPE_DOUBLE"}.get(
            schema.get("type", ""), "TYPE_STRING"
        ),
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
