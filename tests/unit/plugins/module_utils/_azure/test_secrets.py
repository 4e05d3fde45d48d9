"""The secret store on Azure: what is kept where, and what a vault says. No I/O."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
from module_utils._azure import client as clients
from module_utils._azure import vault_names
from module_utils._azure.client import Answer
from module_utils._azure.driver import AzureDriver
from module_utils._azure.errors import from_response
from module_utils._azure.secrets import KeyVault
from module_utils._engine.clock import SystemClock
from module_utils._engine.credential import Kept
from module_utils._engine.errors import AuthError, Busy, CloudError, Conflict, NotFound, SpecError
from module_utils._engine.plan import Action, Change, Plan
from module_utils._engine.resource import NotYetKnown, Observed
from module_utils._spec.secret_store import AzureSecretStore, Secret, SecretStore
from module_utils._spec.site import Site

SITE = Site("azure", "westeurope", "ml-platform", "00000000-0000-0000-0000-00000000bbbb")
PROD = dataclasses.replace(SITE, environment="prod")
OFFICER_ONLY = AuthError("Caller is not authorized.", code="ForbiddenByRbac", status=403)


class Vault:
    """A vault's data plane in memory, and the session that reaches it."""

    def __init__(self) -> None:
        self.site, self.client, self.key, self.path, self.name = SITE, self, "vault", "/vaults/v", "v"
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.deleted: set[str] = set()
        self.refusal: CloudError | None = None
        self._kept: dict[str, Any] = {}

    def known(self, name: str) -> str:
        return "https://v.vault.azure.net/"

    def once(self, key: str, ask: Any) -> Any:
        if key not in self._kept:
            self._kept[key] = ask()
        return self._kept[key]

    def drop(self, key: str) -> None:
        self._kept.pop(key, None)

    def vault(self, method: str, url: str, body: Any = None) -> Answer:
        if self.refusal is not None:
            raise self.refusal
        assert url.startswith("https://v.vault.azure.net/")
        collection, *names = url.partition("?")[0].removeprefix("https://v.vault.azure.net/").split("/")
        if not names:
            return Answer(200, {"value": [self._shown(name, False) for name in self.versions]})
        name = names[0]
        if collection == "deletedsecrets":
            self.deleted.discard(name)
            return Answer(200, {})
        if method == "PUT":
            if name in self.deleted:
                raise Conflict("deleted", code="ObjectIsDeletedButRecoverable", status=409)
            self.versions.setdefault(name, []).append(dict(body))
        elif name not in self.versions:
            raise NotFound("no such secret", code="SecretNotFound", status=404)
        elif method == "PATCH":
            newest = self.versions[name][-1]
            newest.update(body, attributes={**newest["attributes"], **body.get("attributes", {})})
        elif method == "DELETE":
            self.deleted.add(name)
            del self.versions[name]
            return Answer(200, {})
        return Answer(200, self._shown(name, True))

    def _shown(self, name: str, whole: bool) -> dict[str, Any]:
        newest = self.versions[name][-1]
        version = f"/{len(self.versions[name])}" if whole else ""
        told = {**newest, "id": f"https://v.vault.azure.net/secrets/{name}{version}"}
        if not whole:
            told.pop("value")
        return told


@pytest.fixture
def cloud() -> Vault:
    return Vault()


@pytest.fixture
def secrets(cloud: Vault) -> KeyVault:
    return KeyVault(cloud, cloud, opens=True)  # type: ignore[arg-type]


def read_by_clients(cloud: Vault, name: str) -> str | None:
    """What a client gets that asks for a secret without a version."""
    newest = cloud.versions[name][-1]
    return str(newest["value"]) if newest["attributes"]["enabled"] else None


def test_a_pending_value_is_never_what_clients_read(cloud: Vault, secrets: KeyVault) -> None:
    assert secrets.make("login") is True
    assert (secrets.kept("login"), secrets.current("login"), read_by_clients(cloud, "login")) == (
        Kept.NOTHING,
        None,
        None,
    )
    for value, before in (("one", None), ("two", "one")):
        secrets.put_pending("login", value)
        assert (secrets.kept("login"), secrets.pending("login")) == (Kept.PENDING, value)
        assert (secrets.current("login"), read_by_clients(cloud, "login")) == (before, before)
        secrets.promote("login")
        assert (secrets.kept("login"), secrets.pending("login")) == (Kept.CURRENT, None)
        assert read_by_clients(cloud, "login") == value
    written = len(cloud.versions["login"])
    secrets.promote("login")
    assert len(cloud.versions["login"]) == written
    assert cloud.versions["login"][-1]["tags"] == SITE.all_tags


def test_a_promotion_that_was_killed_is_finished(cloud: Vault, secrets: KeyVault) -> None:
    secrets.put_pending("login", "one")
    cloud.versions["login"] = [{**cloud.versions["login--pending"][-1]}]  # it died before it disabled the second
    secrets.promote("login")
    assert len(cloud.versions["login"]) == 1
    assert secrets.kept("login") is Kept.CURRENT


def test_what_was_deleted_comes_back(cloud: Vault, secrets: KeyVault) -> None:
    secrets.make("login")
    secrets.put_pending("login", "one")
    secrets.remove("login")
    assert cloud.deleted == {"login", "login--pending"}
    assert secrets.make("login") is False
    with pytest.raises(Busy, match="being recovered"):
        secrets.put_pending("login", "two")
    assert cloud.deleted == set()


def test_a_right_that_is_not_in_force_yet_is_waited_for_only_where_it_is_our_own(cloud: Vault) -> None:
    cloud.refusal = OFFICER_ONLY
    ours = KeyVault(cloud, cloud, opens=True)  # type: ignore[arg-type]
    assert ours.is_open() is False
    with pytest.raises(NotYetKnown):
        ours.kept("login")
    theirs = KeyVault(cloud, cloud, opens=False)  # type: ignore[arg-type]
    with pytest.raises(AuthError, match="Key Vault Secrets Officer"):
        theirs.kept("login")
    cloud.refusal = AuthError("no network", code="ForbiddenByConnection", status=403)
    with pytest.raises(AuthError, match="no network"):
        ours.kept("login")


def test_errors_of_a_vault_are_told_by_their_inner_code() -> None:
    def error(status: int, code: str, inner: str) -> CloudError:
        return from_response(status, {"error": {"code": code, "message": "m", "innererror": {"code": inner}}})

    assert error(403, "Forbidden", "ForbiddenByRbac").code == "ForbiddenByRbac"
    assert isinstance(error(409, "Conflict", "ObjectIsBeingDeleted"), Busy)
    assert isinstance(error(409, "Conflict", "ObjectIsDeletedButRecoverable"), Conflict)
    assert error(400, "BadParameter", "Other").code == "BadParameter"


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        ("https://v.vault.azure.net/secrets", "https://vault.azure.net/.default"),
        ("https://v.vault.azure.cn/secrets", "https://vault.azure.cn/.default"),
        ("https://127.0.0.1:4568/vault/v/secrets", "https://vault.azure.net/.default"),
    ],
)
def test_a_vaults_audience(url: str, scope: str) -> None:
    assert clients._vault_scope(url) == scope


def test_a_token_tells_who_it_is_of() -> None:
    part = base64.urlsafe_b64encode(json.dumps({"oid": "me"}).encode()).decode().rstrip("=")
    assert clients._claims(f"head.{part}.signature") == {"oid": "me"}
    assert clients._claims("opaque") == {}


# -- the builder -------------------------------------------------------------------------------------------------------


def store(site: Site = SITE, **options: Any) -> Any:
    return AzureDriver(site, SystemClock()).secret_store(SecretStore(**options).resolve(site))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encryption": "customer"}, "takes none of yours"),
        ({"secrets": (Secret("database--main"),)}, "used by the store itself"),
        ({"secrets": (Secret("token--pending"),)}, "used by the store itself"),
    ],
)
def test_what_a_vault_cannot_do_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        store(**options)


def test_places_of_two_servers_are_never_one() -> None:
    secrets = store().exports["secrets"]
    assert secrets.place("database", "a", "b") is secrets.place("database", "a", "b")
    taken = {secrets.place(*parts).name for parts in (("database", "a-b", "c"), ("database", "a", "b_c"))}
    assert len(taken) == 2


def test_purge_protection_is_for_production_and_for_ever() -> None:
    def protected(built: Any) -> Any:
        vault = built.exports["vault"]
        vault.session.once("subscription", lambda: {"tenantId": "t"})
        return vault.desired()["properties"]["enablePurgeProtection"]

    assert protected(store()) is None
    assert protected(store(PROD)) is True
    off = store(azure=AzureSecretStore(purge_protection=False))
    assert protected(off) is False
    plan = Plan(Action.UPDATE, (Change("properties.enablePurgeProtection", True, False),))
    assert "never be switched off" in off.exports["vault"].check_update(Observed({}), plan)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"tags": {}}, "carries no ownership tags"),
        ({"location": "northeurope"}, "deleted in northeurope"),
        ({"vaultId": "/subscriptions/x/resourceGroups/other/v"}, "resourceGroups/other"),
    ],
)
def test_a_deleted_vault_that_keeps_the_name(changed: dict[str, Any], words: str) -> None:
    vault = store().exports["vault"]
    told = {"location": "westeurope", "vaultId": vault.path, "tags": SITE.all_tags, "scheduledPurgeDate": "soon"}
    reason = vault_names._deleted(vault.session, vault, {**told, **changed})
    assert words in reason if words else reason == ""
