"""Secrets, their versions, and the labels that say which version is which."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import AwsError
from ..query import refusal

Document = dict[str, Any]
CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"


def refuse(code: str, message: str) -> AwsError:
    """An error of Secrets Manager."""
    return refusal("secretsmanager", code, message)


def not_found(message: str = "Secrets Manager can't find the specified secret.") -> AwsError:
    """ResourceNotFoundException."""
    return refuse("ResourceNotFoundException", message)


def invalid_request(message: str) -> AwsError:
    """InvalidRequestException."""
    return refuse("InvalidRequestException", message)


def invalid_parameter(message: str) -> AwsError:
    """InvalidParameterException."""
    return refuse("InvalidParameterException", message)


@dataclass
class Version:
    """One value; ``stages`` empty = deprecated."""

    id: str
    created: datetime
    value: Document = field(repr=False)
    stages: list[str] = field(default_factory=list)
    accessed: datetime | None = None


@dataclass
class Secret:
    """A secret. ``deleted`` is when it will be, or was, gone for good; ``gone`` hides it while its name is not free."""

    name: str
    arn: str
    created: datetime
    changed: datetime
    description: str | None = None
    kms_key: str | None = None
    owner: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    policy: str | None = None
    deleted: datetime | None = None
    gone_until: float | None = None
    rotated: datetime | None = None
    rotation_days: int | None = None

    def labelled(self, stage: str) -> Version | None:
        """The version that carries a label."""
        return next((version for version in self.versions.values() if stage in version.stages), None)

    def add_version(self, version: Version, stages: list[str], now: datetime) -> None:
        """Put a value in and move labels to it."""
        self.versions[version.id] = version
        for stage in stages:
            self.move(stage, version)
        self.changed = now

    def move(self, stage: str, target: Version | None) -> None:
        """Move a label. Whenever AWSCURRENT moves, AWSPREVIOUS goes to the version it was on."""
        source = self.labelled(stage)
        if source is target:
            return
        if source is not None:
            source.stages.remove(stage)
        if target is not None:
            target.stages.append(stage)
        if stage == CURRENT and source is not None:
            self.move(PREVIOUS, source)
            if target is not None and PREVIOUS in target.stages:
                target.stages.remove(PREVIOUS)

    def describe(self) -> Document:
        """The secret as DescribeSecret shows it."""
        stages = {version.id: list(version.stages) for version in self.versions.values() if version.stages}
        accessed = [version.accessed for version in self.versions.values() if version.accessed]
        shown: Document = {
            "ARN": self.arn,
            "Name": self.name,
            "CreatedDate": self.created,
            "LastChangedDate": self.changed,
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
        }
        optional: Document = {
            "Description": self.description,
            "KmsKeyId": self.kms_key,
            "OwningService": self.owner,
            "DeletedDate": self.deleted,
            "LastRotatedDate": self.rotated,
            "VersionIdsToStages": stages,
            "LastAccessedDate": _day(max(accessed)) if accessed else None,
        }
        if self.rotation_days is not None:
            optional["RotationEnabled"] = True
            optional["RotationRules"] = {"AutomaticallyAfterDays": self.rotation_days}
        return {**shown, **{key: value for key, value in optional.items() if value}}

    def short(self, version: str | None = None) -> Document:
        """ARN and name, as writes answer."""
        return {"ARN": self.arn, "Name": self.name, **({"VersionId": version} if version else {})}


def _day(moment: datetime) -> datetime:
    """Accesses are told to the day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def suffix() -> str:
    """The six characters that end a secret's ARN."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(letters) for _ in range(6))
