"""What is special about a kind: defaults, rules, and what follows from its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..catalogue import Resource
from ..decoding import Decoder, Mismatch, mismatch_error, strict_error
from ..errors import IMMUTABLE, Cause, bad_value, required
from ..options import WriteOptions
from ..schemas import Schema
from ..store import Key, Stored

if TYPE_CHECKING:
    from ..registry import Registry

Body = dict[str, Any]


class Kind:
    """A built-in kind without rules of its own. Bodies are the caller's to change; stored ones are not."""

    immutable: tuple[str, ...] = ()  # dotted paths that an update may not change
    born_with_status = False  # whether a create may carry a status
    returns_deleted = False  # whether a delete answers with the object, not with a Status

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    # --- from a request to an object ------------------------------------------------------------------------------

    def decode(self, body: Body, options: WriteOptions, repeated: list[str]) -> Body:
        """Check types, drop what is not known: with a warning or an error, as the request wants it."""
        decoder = Decoder()
        resource = self.resource
        try:
            decoded: Body = decoder.decode(resource.schema, body)
        except Mismatch as error:
            raise mismatch_error(resource.kind, resource.version, error) from None
        self.report([f'unknown field "{path}"' for path in decoder.unknown], options, repeated)
        return decoded

    def report(self, problems: list[str], options: WriteOptions, repeated: list[str]) -> None:
        """Refuse, warn about or ignore unknown and repeated fields."""
        problems = problems + [f'duplicate field "{path}"' for path in repeated]
        if not problems or options.validation == "Ignore":
            return
        if options.validation == "Strict":
            raise strict_error(self.resource.kind, self.resource.version, problems)
        options.warnings += problems

    def default(self, body: Body) -> None:
        """Fill in what the API defaults."""

    def prepare_create(self, body: Body, registry: Registry) -> None:
        """What the server sets in a new object."""

    def prepare_update(self, new: Body, old: Body, registry: Registry) -> None:
        """What the server keeps or sets in a changed object."""

    def from_storage(self, body: Body) -> Body:
        """A stored object in this version. Takes nothing away that ``to_storage`` could not give back."""
        return {**body, "apiVersion": self.resource.api_version}

    def to_storage(self, body: Body) -> Body:
        """An object of this version as it is kept."""
        kept = self.resource.stored_as or f"{self.resource.group}/{self.resource.storage_version}"
        return {**body, "apiVersion": kept}

    # --- rules ----------------------------------------------------------------------------------------------------

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        """What is wrong with an object, besides its metadata."""
        return missing(self.resource.schema, body)

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        """What may not change."""
        return unchanged(new, old, self.immutable)

    # --- what follows ---------------------------------------------------------------------------------------------

    def created(self, stored: Stored, key: Key, registry: Registry) -> None:
        """After an object was stored for the first time."""

    def updated(self, stored: Stored, old: Stored, key: Key, registry: Registry) -> None:
        """After an object was changed."""

    def removed(self, last: Stored, key: Key, registry: Registry) -> None:
        """After an object went away."""


def missing(schema: Schema, value: Any, path: str = "") -> list[Cause]:
    """Required fields that are not there; the status is the server's own affair."""
    causes: list[Cause] = []
    if isinstance(value, dict) and schema.is_object:
        for name in schema.required:
            if value.get(name) in (None, "", {}):
                if value.get(name) == {} and schema.properties[name].is_object:
                    continue
                causes.append(required(f"{path}.{name}" if path else name))
        for name, child in value.items():
            below = schema.field(name)
            if below is not None and (path or name not in ("status", "metadata")):
                causes += missing(below, child, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and schema.kind == "array":
        for index, item in enumerate(value):
            causes += missing(schema.items, item, f"{path}[{index}]")
    return causes


def at(body: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for part in path.split("."):
        body = body.get(part) if isinstance(body, dict) else None
        if body is None:
            return None
    return body


def unchanged(new: Body, old: Body, paths: tuple[str, ...]) -> list[Cause]:
    """A cause per path whose value differs."""
    return [bad_value(path, at(new, path), IMMUTABLE) for path in paths if at(new, path) != at(old, path)]
