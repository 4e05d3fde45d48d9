"""Signed addresses, against Microsoft's own library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs

import pytest
from azure.storage.blob import generate_container_sas
from module_utils._azure import sas

KEY = base64.b64encode(b"not a key of anybody").decode()
UNTIL = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize("moment", [UNTIL, UNTIL.astimezone(timezone(timedelta(hours=2)))], ids=["utc", "elsewhere"])
def test_a_container_is_opened_as_microsofts_library_does(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    theirs = generate_container_sas(
        "images", "kept", account_key=KEY, permission="racwdl", expiry=UNTIL, protocol="https"
    )
    # The library signs with its own version, which is part of what is signed.
    monkeypatch.setattr(sas, "_VERSION", parse_qs(theirs)["sv"][0])

    ours = sas.container_query("images", "kept", KEY, "racwdl", moment)

    assert parse_qs(ours) == parse_qs(theirs)
