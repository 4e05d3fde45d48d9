"""Secrets in memory: names, etags, and what time does to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..calls import Call
from ..errors import GoogleError, precondition
from ..state import NUMBER, PROJECT, zulu

Data = dict[str, Any]
_NAME = re.compile(r"projects/[^/]+/secrets/([^/]+)(?:/versions/([^/]+))?")


@dataclass
class Version:
    """One version: its metadata, and its bytes until it is destroyed."""

    data: Data
    payload: bytes | None = field(repr=False, default=None)

    @property
    def number(self) -> int:
        """1, 2, ..."""
        return int(self.data["name"].rpartition("/")[2])


@dataclass
class Secret:
    """A secret, its versions by number, and when it goes away by itself."""

    data: Data
    versions: dict[int, Version] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The last part of its name."""
        return str(self.data["name"]).rpartition("/")[2]


def name_of(secret_id: str) -> str:
    """Names are printed under the project's number, whatever was sent."""
    return f"projects/{NUMBER}/secrets/{secret_id}"


def policy_key(secret_id: str) -> str:
    """Where the policy of a secret is kept."""
    return f"projects/{PROJECT}/secrets/{secret_id}"


def etag(call: Call) -> str:
    """A quoted hex number that grows: ``"15c77bb9373513"``."""
    micros = int(call.state.wall().timestamp() * 1_000_000)
    call.state.secret_etag = max(micros, call.state.secret_etag + 1)
    return f'"{call.state.secret_etag:x}"'


def check_etag(given: str | None, present: str) -> None:
    """400 when the object has changed since the etag was read."""
    if given and given.strip('"') != present.strip('"'):
        raise precondition("The etag provided in the request does not match the resource's current etag.")


def parse(text: str) -> datetime:
    """An RFC 3339 time of a request; ValueError for anything else."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def let_expire(call: Call) -> None:
    """Secrets and versions whose time is over."""
    now = call.state.wall()
    for key, secret in list(call.state.secrets.items()):
        end = secret.data.get("expireTime")
        if end and parse(end) <= now:
            del call.state.secrets[key]
            call.state.policies.pop(policy_key(key), None)
            continue
        for version in secret.versions.values():
            due = version.data.get("scheduledDestroyTime")
            if due and parse(due) <= now:
                destroy(version, due)


def destroy(version: Version, moment: str) -> None:
    """Forget the bytes."""
    version.payload = None
    version.data.pop("scheduledDestroyTime", None)
    version.data.update(state="DESTROYED", destroyTime=moment)


def find(call: Call) -> Secret:
    """The secret that a request names; 404 when there is none."""
    let_expire(call)
    found = _NAME.fullmatch(call.name)
    secret: Secret | None = call.state.secrets.get(found[1]) if found else None
    if secret is None:
        raise GoogleError(404, f"Secret [{name_of(found[1] if found else '')}] not found.")
    return secret


def find_version(call: Call) -> tuple[Secret, Version]:
    """The secret and the version: by number, by alias, or ``latest``."""
    let_expire(call)
    found = _NAME.fullmatch(call.name)
    secret_id, word = (found[1], found[2] or "") if found else ("", "")
    secret: Secret | None = call.state.secrets.get(secret_id)
    if secret is None:
        raise GoogleError(404, f"Secret [{name_of(secret_id)}] not found or has no versions.")
    if word == "latest":
        if not secret.versions:
            raise GoogleError(404, f"Secret [{name_of(secret_id)}] not found or has no versions.")
        return secret, secret.versions[max(secret.versions)]
    word = secret.data.get("versionAliases", {}).get(word, word)
    version = secret.versions.get(int(word)) if word.isdigit() else None
    if version is None:
        raise GoogleError(404, f"Secret Version [{name_of(secret_id)}/versions/{word}] not found.")
    return secret, version


def after(call: Call, seconds: float) -> str:
    """The time so many seconds from now."""
    return zulu(call.state.wall() + timedelta(seconds=seconds))
