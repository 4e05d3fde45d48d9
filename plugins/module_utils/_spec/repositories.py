# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where images of the site's own repositories are: known from names alone, so that nobody has to ask a cloud."""

from __future__ import annotations

from . import names
from .site import Site


def repository_url(site: Site, name: str) -> str:
    """Images are `<this>:<tag>`: what the capability `registry` tells of its repositories."""
    if site.cloud == "aws":
        suffix = "amazonaws.com.cn" if site.region.startswith("cn-") else "amazonaws.com"
        return f"{site.account}.dkr.ecr.{site.region}.{suffix}/{names.of(site, limit=180)}/{name}"
    if site.cloud == "gcp":
        return f"{site.region}-docker.pkg.dev/{site.account}/{names.of(site, name)}/{name}"
    return f"{names.globally_unique(site, limit=50, separator='')}.azurecr.io/{name}"
