"""Objects of custom resources: pruned, defaulted and checked by the schema of their definition."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import jsonschema

from ..decoding import Decoder, Mismatch, mismatch_error
from ..errors import Cause
from ..options import WriteOptions
from ..schemas import Schema
from .base import Body, Kind, at
from .rules import broken_rules, has_rules
from .structural import causes_of, fill_defaults, validator

if TYPE_CHECKING:
    from ..registry import Registry


class CustomKind(Kind):
    """One version of a custom resource."""

    @cached_property
    def _schema(self) -> Body:
        found: Body = at(self.resource.custom, "schema.openAPIV3Schema") or {"type": "object"}
        return found

    @cached_property
    def _rules(self) -> bool:
        return has_rules(self._schema)

    @cached_property
    def _validator(self) -> jsonschema.Draft4Validator:
        return validator(self._schema)

    def decode(self, body: Body, options: WriteOptions, repeated: list[str]) -> Body:
        decoder = Decoder()
        meta = self.resource.schema.properties["metadata"]
        try:
            metadata = decoder.decode(meta, body.get("metadata") or {}, "metadata", "ObjectMeta")
        except Mismatch as error:
            raise mismatch_error(self.resource.kind, self.resource.version, error) from None
        unknown = decoder.unknown
        pruned = prune(self.resource.schema, {**body, "metadata": metadata}, "", unknown)
        self.report([f'unknown field "{path}"' for path in unknown], options, repeated)
        decoded: Body = pruned
        return decoded

    def default(self, body: Body) -> None:
        plain = {name: value for name, value in body.items() if name not in ("apiVersion", "kind", "metadata")}
        fill_defaults(self._schema, plain)
        for name in list(body):
            if name not in ("apiVersion", "kind", "metadata") and name not in plain:
                del body[name]
        body.update(plain)

    def validate(self, body: Body, registry: Registry) -> list[Cause]:
        causes = causes_of(self._validator, body)
        if causes or not self._rules:
            return causes
        # Rules are only asked about values that fit the schema. An update is asked about again, with what was.
        return broken_rules(self._schema, body, None)

    def validate_update(self, new: Body, old: Body, registry: Registry) -> list[Cause]:
        if not self._rules or causes_of(self._validator, new):
            return []
        known = set(broken_rules(self._schema, new, None))
        return [cause for cause in broken_rules(self._schema, new, old) if cause not in known]


def prune(schema: Schema, value: Any, path: str, unknown: list[str]) -> Any:
    """The value without fields that the schema does not name; their paths go to ``unknown``."""
    if isinstance(value, dict) and schema.kind == "object":
        kept = {}
        for name, child in value.items():
            below = f"{path}.{name}" if path else name
            field = schema.field(name)
            if field is None:
                unknown.append(below)
            elif below == "metadata":
                kept[name] = child
            else:
                kept[name] = prune(field, child, below, unknown)
        return kept
    if isinstance(value, list) and schema.kind == "array":
        return [prune(schema.items, item, f"{path}[{index}]", unknown) for index, item in enumerate(value)]
    return value
