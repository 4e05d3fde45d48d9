# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container registry is: repositories of images, scanned, immutable, pulled by the site's cluster."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Literal

from .arguments import NOT_SECRET
from .site import Site, check


@dataclass(frozen=True)
class AwsRegistry:
    """ECR only."""

    encryption_key_arn: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class GcpRegistry:
    """Artifact Registry only."""

    kms_key: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class AzureRegistry:
    """Azure Container Registry only. sku: its tier; without it the cheapest that can do what is asked."""

    sku: Literal["Basic", "Standard", "Premium"] | None = None
    key_vault_key_id: str | None = None


@dataclass(frozen=True)
class Repository:
    """One repository of images. force: delete it with the images it holds."""

    name: str
    state: Literal["present", "absent"] = "present"
    force: bool = False


@dataclass(frozen=True)
class Registry:
    """The site's registry. untagged_expire_days: how long images without a tag stay; 0 keeps them.

    immutable_tags and scan_on_push: on without them, except on Azure, whose registry has neither setting.
    pull: the site's cluster may pull. Without it: when the cluster is part of the same call.
    """

    repositories: tuple[Repository, ...] = ()
    immutable_tags: bool | None = None
    scan_on_push: bool | None = None
    untagged_expire_days: int = 14
    encryption: Literal["provider", "customer"] = "provider"
    pull: bool | None = None
    aws: AwsRegistry = field(default_factory=AwsRegistry)
    gcp: GcpRegistry = field(default_factory=GcpRegistry)
    azure: AzureRegistry = field(default_factory=AzureRegistry)

    def resolve(self, site: Site) -> Registry:
        """Every None that the cloud decides, decided. Raises SpecError."""
        names = [repository.name for repository in self.repositories]
        problems = [
            f"registry.repositories: two repositories are named {name!r}."
            for name in sorted({name for name in names if names.count(name) > 1})
        ]
        problems += [
            f"registry.repositories: {name!r} is not a legal name (up to 60 lower-case letters, digits and hyphens)."
            for name in names
            if not re.fullmatch(r"[a-z]([a-z0-9-]{0,58}[a-z0-9])?", name)
        ]
        if not 0 <= self.untagged_expire_days <= 3650:
            problems.append(f"registry.untagged_expire_days: {self.untagged_expire_days} is out of range (0 to 3650).")
        if (self.aws.encryption_key_arn or self.gcp.kms_key or self.azure.key_vault_key_id) and (
            self.encryption == "provider"
        ):
            problems.append("registry: a key of your own needs encryption: customer.")
        check(problems)
        offered = site.cloud != "azure"
        return dataclasses.replace(
            self,
            immutable_tags=offered if self.immutable_tags is None else self.immutable_tags,
            scan_on_push=offered if self.scan_on_push is None else self.scan_on_push,
        )
