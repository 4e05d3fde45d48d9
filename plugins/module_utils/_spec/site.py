# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module needs to know: which site, whose account, how to reach it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from .._engine.errors import SpecError
from .._engine.tags import Owner

_NAME = re.compile(r"^[a-z]([a-z0-9-]*[a-z0-9])?$")


@dataclass(frozen=True)
class Credentials:
    """Where credentials come from. Without a source the SDK's own chain decides.

    aws: environment | profile | default; gcp: service_account_file | default;
    azure: environment | managed_identity | cli | default.
    """

    source: Literal["default", "environment", "profile", "service_account_file", "managed_identity", "cli"] = "default"
    profile: str | None = None
    service_account_file: str | None = field(default=None, metadata={"type": "path"})
    client_id: str | None = None
    tenant_id: str | None = None
    role_arn: str | None = None


@dataclass(frozen=True)
class Site:
    """One cloud, one region, one environment of a platform. `account` is the AWS account id, the GCP project id or
    the Azure subscription id that the credentials must belong to."""

    cloud: Literal["aws", "gcp", "azure"]
    region: str
    platform: str
    account: str
    site: str | None = None
    environment: Literal["dev", "staging", "prod"] = "dev"
    tags: dict[str, str] | None = None
    credentials: Credentials = field(default_factory=Credentials)
    endpoints: dict[str, str] | None = None
    ca_bundle: str | None = field(default=None, metadata={"type": "path"})
    enable_services: bool = False

    @property
    def name(self) -> str:
        return self.site or f"{self.cloud}-{self.environment}"

    @property
    def base(self) -> str:
        """What the names of this site's objects begin with."""
        return f"{self.platform}-{self.name}"

    @property
    def owner(self) -> Owner:
        return Owner(self.platform, self.environment, self.name)

    @property
    def all_tags(self) -> dict[str, str]:
        """The user's tags, and ownership, which always wins."""
        return {**(self.tags or {}), **self.owner.tags()}

    def validate(self) -> list[str]:
        """Problems as sentences, empty when there are none."""
        problems = []
        for label, value in (("platform", self.platform), ("site", self.name)):
            if not _NAME.match(value) or len(value) > 30:
                problems.append(
                    f"{label}: {value!r} is not a legal name. Use 1 to 30 lower-case letters, digits and hyphens, "
                    "beginning with a letter and not ending with a hyphen."
                )
        owned = self.owner.tags().keys() & (self.tags or {}).keys()
        if owned:
            problems.append(f"tags: {', '.join(sorted(owned))} are set by the collection itself. Remove them.")
        if self.cloud == "aws" and not re.fullmatch(r"\d{12}", self.account):
            problems.append(f"account: {self.account!r} is not an AWS account id (12 digits, quoted in YAML).")
        for key, value in (self.tags or {}).items():
            if self.cloud == "gcp" and not (
                re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) and re.fullmatch(r"[a-z0-9_-]{0,63}", str(value))
            ):
                problems.append(f"tags: {key}={value} is not legal as a GCP label (lower case, digits, _ and -).")
        return problems


def check(problems: list[str]) -> None:
    """Raise SpecError naming every problem at once."""
    if problems:
        raise SpecError("The specification cannot be carried out; nothing was touched. " + " ".join(problems))
