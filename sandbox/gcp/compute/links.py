"""Compute's references: full URLs outside, ``projects/…`` paths inside."""

from __future__ import annotations

import re

from ..calls import own_project
from ..errors import invalid_field
from ..state import PROJECT

PREFIX = "https://www.googleapis.com/compute/v1/"
_ANY_URL = re.compile(r"^https?://[^?#]*?/compute/(?:v1|beta|alpha)/(projects/.+)$")


def link(path: str) -> str:
    """The URL that compute prints for ``projects/p/global/networks/n``."""
    return PREFIX + path


def relative(reference: str, field: str, collection: str) -> str:
    """The path behind a reference in any of the forms that compute takes; 400 naming ``field`` for another form."""
    found = _ANY_URL.match(reference)
    path = found[1] if found else reference
    if path.startswith(("global/", "regions/", "zones/")):
        path = f"projects/{PROJECT}/{path}"
    parts = path.split("/")
    if len(parts) not in (4, 5, 6) or parts[0] != "projects" or parts[-2] != collection:
        raise invalid_field(field, reference, "The URL is malformed.")
    return own_project(path)


def scope_path(path: str) -> str:
    """``projects/p/regions/r`` of any path in region r; ``projects/p/global`` for a global one."""
    parts = path.split("/")
    return "/".join(parts[:3]) if parts[2] == "global" else "/".join(parts[:4])


def scope_name(path: str) -> str:
    """``global``, ``regions/r`` or ``zones/z``: the key in aggregated lists."""
    return scope_path(path).split("/", 2)[2]
