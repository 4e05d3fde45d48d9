"""Shared keys of storage accounts, and the addresses that are signed with them (service SAS, version 2020-12-06 on)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import parse_qsl

from .store import Record

KEYS = ("key1", "key2")
_BEFORE = ("sp", "st", "se")
_AFTER = ("si", "sip", "spr", "sv", "sr", "snapshot", "ses", "rscc", "rscd", "rsce", "rscl", "rsct")


def account_key(account: Record, name: str) -> str:
    """One of the two keys of an account, in base64."""
    return base64.b64encode(hashlib.sha512(f"{account.key}{name}".encode()).digest()).decode()


def opens(query: str, account: Record, container: str, blob: str, needed: str, now: datetime) -> bool:
    """Whether a signed query gives the permissions ``needed`` (letters) on a container, or on one blob of it."""
    given = dict(parse_qsl(query))
    if account.properties.get("allowSharedKeyAccess") is False:
        return False
    resource = {"c": container, "b": f"{container}/{blob}"}.get(given.get("sr", ""))
    if resource is None or not set(needed) <= set(given.get("sp", "")):
        return False
    try:
        until = datetime.fromisoformat(given.get("se", ""))
    except ValueError:
        return False
    if until <= now:
        return False
    place = f"/blob/{account.name}/{resource}"
    parts = [*(given.get(name, "") for name in _BEFORE), place, *(given.get(name, "") for name in _AFTER)]
    for name in KEYS:
        signed = hmac.new(base64.b64decode(account_key(account, name)), "\n".join(parts).encode(), hashlib.sha256)
        if hmac.compare_digest(base64.b64encode(signed.digest()).decode(), given.get("sig", "")):
            return True
    return False
