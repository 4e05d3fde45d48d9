"""Which representation a client wants."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """``shape`` is empty for plain objects, else Table, PartialObjectMetadata(List) or APIGroupDiscoveryList."""

    shape: str = ""
    version: str = ""


_SHAPES = {
    "Table": ("meta.k8s.io", ("v1",)),
    "PartialObjectMetadata": ("meta.k8s.io", ("v1",)),
    "PartialObjectMetadataList": ("meta.k8s.io", ("v1",)),
    "APIGroupDiscoveryList": ("apidiscovery.k8s.io", ("v2", "v2beta1")),
}


YAML = "application/yaml"
SERVED = ("application/json", YAML)
_ANY = ("*/*", "application/*")


def _types(accept: str) -> list[str]:
    return [part.partition(";")[0].strip() for part in accept.split(",")]


def is_served(accept: str) -> bool:
    """Whether something of an Accept header can be had."""
    return not accept or any(one in (*SERVED, *_ANY) for one in _types(accept))


def is_yaml(accept: str) -> bool:
    """Whether YAML is what is wanted most of what can be had."""
    return next((one for one in _types(accept) if one in (*SERVED, *_ANY)), "") == YAML


def wanted(accept: str) -> Wanted:
    """The first representation of an Accept header that is served: JSON, as a shape or plain."""
    for part in accept.split(","):
        media, *parameters = [one.strip() for one in part.split(";")]
        if media not in ("application/json", "*/*", "application/*"):
            continue
        values = dict(one.split("=", 1) for one in parameters if "=" in one)
        if "as" not in values:
            return Wanted()
        group, versions = _SHAPES.get(values["as"], ("", ()))
        if values.get("g") == group and values.get("v") in versions:
            return Wanted(values["as"], values["v"])
    return Wanted()
