# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where every generated credential lives."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Literal

from .arguments import NOT_SECRET
from .site import Site, check
from .sizes import environment_default


@dataclass(frozen=True)
class Secret:
    """A secret of the platform. generate: a value is made once, written, and never returned; without it the secret is
    a place that people or programs fill. length: characters. rotate: make a new value."""

    name: str
    state: Literal["present", "absent"] = "present"
    generate: bool = True
    length: int = 32
    rotate: bool = False


@dataclass(frozen=True)
class AwsSecretStore:
    """Secrets Manager only."""

    encryption_key_arn: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class GcpSecretStore:
    """Secret Manager only."""

    kms_key: str | None = field(default=None, metadata=NOT_SECRET)


@dataclass(frozen=True)
class AzureSecretStore:
    """Key Vault only. purge_protection cannot be switched off again: until soft_delete_days are over nobody can use the
    vault's name for another vault."""

    purge_protection: bool | None = None
    resource_group: str | None = None


@dataclass(frozen=True)
class SecretStore:
    """The site's secret store, and secrets of your own in it. The credentials of databases and caches are kept there
    without being named here. soft_delete_days: how long deleted secrets can be brought back, 7 to 30."""

    secrets: tuple[Secret, ...] = field(default=(), metadata=NOT_SECRET)  # names and rules, no values
    soft_delete_days: int | None = None
    encryption: Literal["provider", "customer"] = "provider"
    aws: AwsSecretStore = field(default_factory=AwsSecretStore)
    gcp: GcpSecretStore = field(default_factory=GcpSecretStore)
    azure: AzureSecretStore = field(default_factory=AzureSecretStore)

    def resolve(self, site: Site) -> SecretStore:
        """Every None that the environment decides, decided. Raises SpecError."""
        names = [secret.name for secret in self.secrets]
        problems = [
            f"secret_store.secrets: two secrets are named {name!r}."
            for name in sorted({name for name in names if names.count(name) > 1})
        ]
        for secret in self.secrets:
            where = f"secret_store.secrets.{secret.name}"
            if not re.fullmatch(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?", secret.name):
                problems.append(f"{where}: the name must be 1 to 50 lower-case letters, digits and hyphens.")
            if secret.generate and not 16 <= secret.length <= 128:
                problems.append(f"{where}.length: {secret.length} is out of range (16 to 128).")
            if secret.rotate and not secret.generate:
                problems.append(f"{where}.rotate needs generate: true; a value of your own is changed by its owner.")
        days = self.soft_delete_days
        days = environment_default(site.environment, "soft_delete_days") if days is None else days
        if not 7 <= days <= 30:
            problems.append(f"secret_store.soft_delete_days: {days} is out of range (7 to 30).")
        if (self.aws.encryption_key_arn or self.gcp.kms_key) and self.encryption == "provider":
            problems.append("secret_store: a key of your own needs encryption: customer.")
        check(problems)
        return dataclasses.replace(self, soft_delete_days=days)
