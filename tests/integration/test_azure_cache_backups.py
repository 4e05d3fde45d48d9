"""Backups of caches on Azure: exports that hold the data, made once, found again, and kept when the site goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from azure.mgmt.redisenterprise import RedisEnterpriseManagementClient
from azure.storage.blob import generate_container_sas
from module_utils._azure.cache_backups import CacheBackup
from module_utils._backup import Findings, Stores, back_up, look
from module_utils._engine.report import Report
from module_utils._spec.arguments import build
from module_utils._spec.cache import Cache
from module_utils._spec.site import Site

from sandbox.engines import engine_available
from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.azure_stores import BASE, acts, carry_out, run, seen, writes
from tests.sandbox.azure_support import Subscription

BACKUPS = f"{BASE}-backups"
KEPT: dict[str, Any] = {
    "instances": [{"name": "sessions", "persistence": "append_only"}, {"name": "scratch", "persistence": "none"}]
}
WHOLE: dict[str, Any] = {"network": {"addresses": sites.SLOTS}, "secret_store": {}, "cache": KEPT}


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def cloud() -> str:
    return "azure"


@pytest.fixture
def azure(sandbox: Sandbox) -> Subscription:
    return Subscription(sandbox)


def stores(site: dict[str, Any], cache: dict[str, Any] = KEPT) -> Stores:
    return Stores(build(Site, {"enable_services": True, **site}), cache=build(Cache, cache))


def save(site: dict[str, Any], label: str, **options: Any) -> Report:
    report = back_up(stores(site), label, sites.options(**options))
    assert not report.failed, report.summary()
    return report


def found(site: dict[str, Any], rpo: int | None = None) -> Findings:
    return look(stores(site), rpo, retry_timeout=60)


def backups(findings: Findings, name: str = "sessions") -> list[tuple[str, str]]:
    (told,) = [each for each in findings.stores if each["name"] == name]
    return [(each["label"], each["status"]) for each in told["backups"]]


def client(azure: Subscription) -> Any:
    return azure.client(RedisEnterpriseManagementClient, api_version="2025-07-01")


def connect(azure: Subscription, report: Report, name: str = "sessions") -> redis.Redis:
    host = report.outputs["cache"]["instances"][name]["host"]
    path = report.outputs["cache"]["instances"][name]["id"]
    key = client(azure).databases.list_keys(BASE, path.rpartition("/")[2], "default").primary_key
    return redis.Redis(host=host, port=10000, password=key, ssl=True, ssl_ca_certs=azure.ca)


def blobs(azure: Subscription, label: str) -> list[str]:
    (account,) = azure.storage.storage_accounts.list_by_resource_group(BACKUPS)
    names = [item.name for item in azure.storage.blob_containers.list(BACKUPS, account.name)]
    (container,) = [name for name in names if label in name]
    path = f"/blob/{account.name}/{container}"
    listing = azure.send("GET", f"{path}?comp=list", version=None, **{"x-ms-version": "2023-11-03"}).text
    return [f"{path}/{part.partition('</Name>')[0]}" for part in listing.split("<Name>")[1:]]


def test_a_backup_is_made_once_and_can_be_brought_back(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    made = run(site, WHOLE)
    real = engine_available("redis")
    if real:
        connect(azure, made).set("kept", "7")
    planned = save(site, "before-change", check=True)
    report = save(site, "before-change")
    assert acts(report) == acts(planned)
    assert report.outputs["cache"].keys() == {"sessions"}
    assert report.warnings == ["cache.instances.scratch: with persistence: none it may lose what it holds, always."]
    (blob,) = blobs(azure, "before-change")
    mark = seen(sandbox)
    assert acts(save(site, "before-change")) == {}
    assert writes(sandbox, mark) == []
    assert blobs(azure, "before-change") == [blob]

    findings = found(site, rpo=60)
    assert backups(findings) == [("before-change", "ready")]
    assert findings.within_rpo is True
    save(site, "second")
    assert sorted(backups(found(site))) == [("before-change", "ready"), ("second", "ready")]
    if real:
        scratch = made.outputs["cache"]["instances"]["scratch"]["id"].rpartition("/")[2]
        account, container = blob.split("/")[2:4]
        key = azure.storage.storage_accounts.list_keys(BACKUPS, account).keys_property[0].value
        until = datetime.now(UTC) + timedelta(hours=2)
        signed = generate_container_sas(account, container, key, permission="r", expiry=until)
        source = {"sasUris": [f"{azure.url}{blob}?{signed}"]}
        client(azure).databases.begin_import_method(BASE, scratch, "default", source).result()
        assert connect(azure, made, "scratch").get("kept") == b"7"


def test_backups_outlive_the_site_and_are_named(site: dict[str, Any], azure: Subscription) -> None:
    run(site, WHOLE)
    save(site, "last")
    assert run(site, WHOLE, find_orphans=True).orphans == []
    gone = run(site, WHOLE, state="absent", find_orphans=True)
    assert gone.orphans == []
    assert {each["kept"] for each in gone.kept or []} == {"it holds backups of caches"}
    assert [each.name for each in azure.resources.resource_groups.list() if each.name.startswith(BASE)] == [BACKUPS]
    findings = found(site)
    (told,) = [each for each in findings.stores if each["name"] == "sessions"]
    assert (told["exists"], told["backups"][0]["label"]) == (False, "last")


def test_a_backup_that_dies_half_way_is_no_backup_until_it_is_made_again(
    site: dict[str, Any], azure: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(site, WHOLE)

    def die(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(CacheBackup, "_export", die)
        with pytest.raises(Killed):
            back_up(stores(site), "night", sites.options())
    assert backups(found(site)) == [("night", "pending")]
    assert found(site, rpo=60).within_rpo is False
    save(site, "night")
    assert backups(found(site)) == [("night", "ready")]
    assert len(blobs(azure, "night")) == 1


def test_an_export_that_fails_is_told_and_made_again(site: dict[str, Any], sandbox: Sandbox) -> None:
    run(site, WHOLE)
    sandbox.fault(
        "azure",
        operation="POST Microsoft.Cache/redisEnterprise/databases/export",
        kind="fail_operation",
        code="ExportFailed",
        message="The container cannot be written.",
    )
    report = back_up(stores(site), "night", sites.options())
    assert report.failed
    assert "The container cannot be written" in report.summary()
    save(site, "night")
    assert backups(found(site)) == [("night", "ready")]


def test_no_signature_is_shown(site: dict[str, Any], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    run(site, WHOLE)
    sandbox.fault(
        "azure",
        operation="POST Microsoft.Cache/redisEnterprise/databases/export",
        kind="error",
        status=400,
        code="BadRequest",
        message="'https://x.blob.core.windows.net/y?sp=racwdl&sig=abc%2Bdef%3D' cannot be used.",
    )
    report = back_up(stores(site), "night", sites.options())
    assert report.failed
    assert "cannot be used" in report.summary()
    assert "abc%2B" not in str(report.as_dict()) + report.summary()


def test_a_cache_that_is_not_there_is_not_backed_up(site: dict[str, Any], azure: Subscription) -> None:
    run(site, {**WHOLE, "cache": {"instances": [{"name": "other"}]}})
    report = carry_out(site, {"network": WHOLE["network"]})
    assert not report.failed
    with pytest.raises(Exception, match="sessions"):
        back_up(stores(site), "night", sites.options())
    assert [each.name for each in azure.resources.resource_groups.list() if each.name == BACKUPS] == []
