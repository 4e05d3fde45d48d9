"""Request bodies checked against Microsoft's own SDK models.

Two generations of models are read: TypeSpec models (``rest_field`` with ``visibility``) and msrest models
(``_attribute_map``, ``_validation``). Read-only properties are dropped, as the services ignore them on write.
"""

from __future__ import annotations

import enum
import functools
import importlib
import inspect
import re
import typing
from typing import Any

_ALWAYS_ALLOWED = ("id", "name", "type", "etag", "systemData")


class Mismatch(Exception):
    """A body that does not fit the model. ``problem`` is unknown, type, enum or required."""

    def __init__(self, problem: str, path: str, model: str, value: Any = None, expected: str = "") -> None:
        super().__init__(f"{problem}: {path}")
        self.problem = problem
        self.path = path
        self.model = model
        self.value = value
        self.expected = expected

    @property
    def member(self) -> str:
        """The last name on the path."""
        return re.sub(r"\[\d+\]$", "", self.path).rpartition(".")[2]


class Node:
    """Any value."""

    def read(self, value: Any, path: str, model: str) -> Any:
        """The value as the service understands it; Mismatch when it does not."""
        return value


class Scalar(Node):
    """A string, number or boolean."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, value: Any, path: str, model: str) -> Any:
        ok = {
            "bool": lambda: isinstance(value, bool),
            "int": lambda: isinstance(value, int) and not isinstance(value, bool),
            "float": lambda: isinstance(value, (int, float)) and not isinstance(value, bool),
            "str": lambda: isinstance(value, str),
        }[self.name]()
        if not ok:
            raise Mismatch("type", path, model, value, self.name)
        return float(value) if self.name == "float" else value


class Enumeration(Node):
    """A word out of a list, compared without case and returned in the service's own."""

    def __init__(self, name: str, words: list[str]) -> None:
        self.name = name
        self.words = {word.lower(): word for word in words}

    def read(self, value: Any, path: str, model: str) -> Any:
        if not isinstance(value, str):
            raise Mismatch("type", path, model, value, self.name)
        if value.lower() not in self.words:
            raise Mismatch("enum", path, model, value, ", ".join(self.words.values()))
        return self.words[value.lower()]


class Array(Node):
    """A list."""

    def __init__(self, item: Node) -> None:
        self.item = item

    def read(self, value: Any, path: str, model: str) -> Any:
        if not isinstance(value, list):
            raise Mismatch("type", path, model, value, "array")
        return [self.item.read(item, f"{path}[{index}]", model) for index, item in enumerate(value) if item is not None]


class Dictionary(Node):
    """A map with free keys."""

    def __init__(self, item: Node) -> None:
        self.item = item

    def read(self, value: Any, path: str, model: str) -> Any:
        if not isinstance(value, dict):
            raise Mismatch("type", path, model, value, "object")
        # A null value is kept: it has a meaning of its own (userAssignedIdentities, removal in a PATCH).
        return {
            key: None if item is None else self.item.read(item, f"{path}.{key}", model) for key, item in value.items()
        }


class Field(typing.NamedTuple):
    """A property of a model, by its name on the wire."""

    name: str
    node: Node
    readonly: bool
    required: bool


class Object(Node):
    """A model. Fields are filled in after construction, since models refer to each other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fields: dict[str, Field] = {}

    def add(self, field: Field) -> None:
        """Declare a property."""
        self.fields[field.name.lower()] = field

    def read(self, value: Any, path: str, model: str) -> Any:
        if not isinstance(value, dict):
            raise Mismatch("type", path, model, value, self.name)
        result: dict[str, Any] = {}
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            field = self.fields.get(key.lower())
            if field is None:
                if not path and key in _ALWAYS_ALLOWED:
                    continue
                raise Mismatch("unknown", where, self.name)
            if not field.readonly and item is not None:
                result[field.name] = field.node.read(item, where, self.name)
        for field in self.fields.values():
            if field.required and field.name not in result:
                raise Mismatch("required", f"{path}.{field.name}" if path else field.name, self.name)
        return result


@functools.cache
def load(reference: str) -> Object:
    """The schema of ``package:Model``; imports the SDK package on first use."""
    package, _, name = reference.partition(":")
    module = importlib.import_module(package)
    return _model(getattr(module, name), module)


def _model(model: type, module: Any) -> Object:
    return _msrest(model, module) if hasattr(model, "_attribute_map") else _typespec(model, module)


_CACHE: dict[type, Object] = {}


def _typespec(model: type, module: Any) -> Object:
    if model in _CACHE:
        return _CACHE[model]
    result = _CACHE[model] = Object(model.__name__)
    for cls in reversed(model.__mro__):
        annotations = inspect.get_annotations(cls)
        for attribute, rest in cls.__dict__.items():
            if type(rest).__name__ != "_RestField" or attribute not in annotations:
                continue
            node, optional = _annotation(annotations[attribute], module)
            readonly = rest._visibility == ["read"]
            required = not (optional or readonly or rest._is_discriminator)
            result.add(Field(rest._rest_name_input or attribute, node, readonly, required))
    return result


def _annotation(annotation: Any, module: Any) -> tuple[Node, bool]:
    """The node of a type annotation, and whether it may be left out."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        resolved = getattr(module, annotation.rpartition(".")[2], None)
        return (_class(resolved, module) if resolved is not None else Node()), False
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union:
        optional = type(None) in arguments
        nodes = [_annotation(argument, module)[0] for argument in arguments if argument is not type(None)]
        words = [node for node in nodes if isinstance(node, Enumeration)]
        return (words or nodes)[0], optional
    if origin in (list, typing.List):  # noqa: UP006 - older generators
        return Array(_annotation(arguments[0], module)[0]), False
    if origin in (dict, typing.Dict):  # noqa: UP006
        return Dictionary(_annotation(arguments[1], module)[0]), False
    if origin is typing.Literal:
        return Scalar("str"), False
    return _class(annotation, module), False


def _class(cls: Any, module: Any) -> Node:
    if isinstance(cls, type):
        if issubclass(cls, enum.Enum):
            return Enumeration(cls.__name__, [str(member.value) for member in cls])
        if hasattr(cls, "_attribute_map") or any(
            base.__module__.endswith("._utils.model_base") for base in cls.__mro__
        ):
            return _model(cls, module)
        for python, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str")):
            if cls is python:
                return Scalar(name)
        if cls.__module__ in ("datetime", "decimal") or cls is bytes:
            return Scalar("float") if cls.__name__ == "Decimal" else Scalar("str")
    return Node()


def _msrest(model: type, module: Any) -> Object:
    if model in _CACHE:
        return _CACHE[model]
    result = _CACHE[model] = Object(model.__name__)
    validation: dict[str, Any] = getattr(model, "_validation", {})
    for attribute, entry in model._attribute_map.items():  # type: ignore[attr-defined]
        rules = validation.get(attribute, {})
        names = [part.replace("\\.", ".") for part in re.split(r"(?<!\\)\.", entry["key"])]
        owner = result
        for name in names[:-1]:
            field = owner.fields.get(name.lower())
            if field is None or not isinstance(field.node, Object):
                field = Field(name, Object(f"{model.__name__}.{name}"), False, False)
                owner.add(field)
            owner = typing.cast(Object, field.node)
        node = _msrest_type(entry["type"], module)
        owner.add(Field(names[-1], node, bool(rules.get("readonly")), bool(rules.get("required"))))
    return result


def _msrest_type(name: str, module: Any) -> Node:
    if name.startswith("["):
        return Array(_msrest_type(name[1:-1], module))
    if name.startswith("{"):
        return Dictionary(_msrest_type(name[1:-1], module))
    if name in ("bool", "int", "float", "str"):
        return Scalar(name)
    if name == "long":
        return Scalar("int")
    resolved = getattr(module, name, None)
    if isinstance(resolved, type):
        return _class(resolved, module)
    return Scalar("str") if name in ("iso-8601", "rfc-1123", "duration", "date", "time", "bytearray") else Node()
