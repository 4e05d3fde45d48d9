# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Legal, deterministic names within each cloud's limits."""

from __future__ import annotations

import hashlib
import re

from .site import Site


def digest(text: str, length: int = 6) -> str:
    """A short stable hash in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def fit(name: str, limit: int, *, separator: str = "-") -> str:
    """The name in lower-case letters, digits and `separator` ("" drops hyphens), at most `limit` long.

    A name that has to be cut ends in a hash of the whole, so that two long names never become one.
    """
    legal = re.sub(r"[^a-z0-9]+", separator, name.lower()).strip(separator or None)
    if len(legal) <= limit:
        return legal
    mark = digest(name)
    return legal[: limit - len(mark) - len(separator)].rstrip(separator or None) + separator + mark


def of(site: Site, *parts: str, limit: int = 63, separator: str = "-") -> str:
    """The name of one of the site's objects: platform, site, then what it is."""
    return fit("-".join((site.base, *parts)), limit, separator=separator)


def globally_unique(site: Site, *parts: str, limit: int = 63, separator: str = "-") -> str:
    """A name for what shares one name space with the whole world (buckets, storage accounts): ends in a hash of the
    account, so that nobody else's platform of the same name is in the way."""
    mark = digest(f"{site.cloud}/{site.account}/{site.base}")
    return of(site, *parts, limit=limit - len(mark) - len(separator), separator=separator) + separator + mark
