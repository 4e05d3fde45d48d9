"""Secrets of key vaults through azure-keyvault-secrets: versions, soft deletion, access models."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

from sandbox.azure.identity import CLIENT_OBJECT
from sandbox.core.connection import AZURE_TENANT
from tests.sandbox.azure_support import GROUP, LOCATION, Subscription

OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
READER = "4633458b-17de-408a-b874-0445c86b69e6"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"


def make_vault(azure: Subscription, name: str = "store", rbac: bool = True, **properties: Any) -> Any:
    azure.make_group()
    base = {"tenantId": AZURE_TENANT, "sku": {"family": "A", "name": "standard"}, "accessPolicies": []}
    body = {"location": LOCATION, "properties": {**base, "enableRbacAuthorization": rbac, **properties}}
    return azure.vaults.vaults.begin_create_or_update(GROUP, name, body).result()


def grant(azure: Subscription, vault: Any, role: str = OFFICER) -> None:
    definition = f"{azure.id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    name = f"11111111-2222-3333-4444-{role[-12:]}"
    azure.roles.role_assignments.create(
        vault.id, name, {"properties": {"roleDefinitionId": definition, "principalId": CLIENT_OBJECT}}
    )


def client(azure: Subscription, vault: Any) -> SecretClient:
    return SecretClient(
        vault.properties.vault_uri,
        azure.credential,
        verify_challenge_resource=False,  # the emulator's host is not vault.azure.net
        connection_verify=azure.ca,
        retry_total=0,
    )


@pytest.fixture
def secrets(azure: Subscription) -> SecretClient:
    vault = make_vault(azure)
    grant(azure, vault)
    return client(azure, vault)


def inner(caught: pytest.ExceptionInfo[HttpResponseError]) -> str:
    assert caught.value.response is not None
    return str((caught.value.response.json()["error"].get("innererror") or {}).get("code"))


def test_versions_of_a_secret(secrets: SecretClient) -> None:
    first = secrets.set_secret("db-password", "one", content_type="text/plain", tags={"a": "b"})
    second = secrets.set_secret("db-password", "two")

    assert secrets.get_secret("db-password").value == "two"
    assert secrets.get_secret("db-password", first.properties.version).value == "one"
    assert first.properties.version != second.properties.version
    assert (first.properties.content_type, first.properties.tags) == ("text/plain", {"a": "b"})
    assert len(list(secrets.list_properties_of_secret_versions("db-password"))) == 2
    assert [item.name for item in secrets.list_properties_of_secrets()] == ["db-password"]
    assert first.properties.recovery_level == "Recoverable+Purgeable"


def test_a_disabled_secret_is_not_read(secrets: SecretClient) -> None:
    secrets.set_secret("one", "1")
    secrets.update_secret_properties("one", enabled=False, tags={"x": "y"})

    with pytest.raises(HttpResponseError) as caught:
        secrets.get_secret("one")
    assert (caught.value.status_code, inner(caught)) == (403, "SecretDisabled")
    assert next(iter(secrets.list_properties_of_secrets())).tags == {"x": "y"}


def test_soft_deletion_recovery_and_purge(azure: Subscription, secrets: SecretClient) -> None:
    secrets.set_secret("one", "1")
    deleted = secrets.begin_delete_secret("one").result()

    assert deleted.scheduled_purge_date is not None
    with pytest.raises(ResourceNotFoundError):
        secrets.get_secret("one")
    with pytest.raises(HttpResponseError) as caught:
        secrets.set_secret("one", "2")
    assert (caught.value.status_code, inner(caught)) == (409, "ObjectIsDeletedButRecoverable")
    assert [item.name for item in secrets.list_deleted_secrets()] == ["one"]

    secrets.begin_recover_deleted_secret("one").wait()
    assert secrets.get_secret("one").value == "1"
    secrets.begin_delete_secret("one").wait()
    secrets.purge_deleted_secret("one")
    assert list(secrets.list_deleted_secrets()) == []
    assert secrets.set_secret("one", "3").value == "3"


def test_deletion_takes_a_while_and_ends_by_itself(azure: Subscription, secrets: SecretClient) -> None:
    secrets.set_secret("one", "1")
    azure.sandbox.set_profile("realistic", 1.0)
    secrets.begin_delete_secret("one")

    with pytest.raises(ResourceNotFoundError):
        secrets.get_deleted_secret("one")
    azure.sandbox.advance("azure", 10)
    assert secrets.get_deleted_secret("one").name == "one"
    azure.sandbox.advance("azure", 91 * 86400)
    assert secrets.set_secret("one", "2").value == "2"


def test_purge_protection(azure: Subscription) -> None:
    vault = make_vault(azure, enablePurgeProtection=True)
    grant(azure, vault)
    secrets = client(azure, vault)
    secrets.set_secret("one", "1")
    deleted = secrets.begin_delete_secret("one").result()

    assert deleted.properties.recovery_level == "Recoverable"
    with pytest.raises(HttpResponseError) as caught:
        secrets.purge_deleted_secret("one")
    assert caught.value.status_code == 403


def test_roles_of_the_management_plane_open_no_secrets(azure: Subscription) -> None:
    vault = make_vault(azure)
    grant(azure, vault, CONTRIBUTOR)

    with pytest.raises(HttpResponseError) as caught:
        client(azure, vault).set_secret("one", "1")
    assert (caught.value.status_code, inner(caught)) == (403, "ForbiddenByRbac")
    grant(azure, vault, READER)
    assert list(client(azure, vault).list_properties_of_secrets()) == []
    with pytest.raises(HttpResponseError):
        client(azure, vault).set_secret("one", "1")


def test_access_policies_where_roles_are_off(azure: Subscription) -> None:
    policy = {"tenantId": AZURE_TENANT, "objectId": CLIENT_OBJECT, "permissions": {"secrets": ["set", "get"]}}
    vault = make_vault(azure, rbac=False, accessPolicies=[policy])
    secrets = client(azure, vault)

    secrets.set_secret("one", "1")
    assert secrets.get_secret("one").value == "1"
    with pytest.raises(HttpResponseError) as caught:
        secrets.begin_delete_secret("one")
    assert (caught.value.status_code, inner(caught)) == (403, "AccessDenied")


def test_a_closed_vault_answers_over_a_private_endpoint_alone(azure: Subscription) -> None:
    vault = make_vault(azure, publicNetworkAccess="Disabled")
    grant(azure, vault)

    with pytest.raises(HttpResponseError) as caught:
        client(azure, vault).get_secret("one")

    assert inner(caught) == "ForbiddenByConnection"


def test_secrets_come_back_with_their_vault_and_go_with_its_purge(azure: Subscription, secrets: SecretClient) -> None:
    secrets.set_secret("one", "1")
    azure.vaults.vaults.delete(GROUP, "store")
    with pytest.raises(ResourceNotFoundError):
        secrets.get_secret("one")

    vault = make_vault(azure, createMode="recover")
    grant(azure, vault)
    assert client(azure, vault).get_secret("one").value == "1"
    azure.vaults.vaults.delete(GROUP, "store")
    azure.vaults.vaults.begin_purge_deleted("store", LOCATION).result()
    vault = make_vault(azure)
    grant(azure, vault)
    assert list(client(azure, vault).list_properties_of_secrets()) == []


def test_without_a_token_the_challenge_names_authority_and_resource(azure: Subscription) -> None:
    vault = make_vault(azure)

    answer = requests.get(f"{vault.properties.vault_uri}secrets", verify=azure.ca, timeout=10)

    assert answer.status_code == 401
    assert f'authorization="{azure.url}/{AZURE_TENANT}"' in answer.headers["WWW-Authenticate"]
    assert 'resource="https://vault.azure.net"' in answer.headers["WWW-Authenticate"]
    bad = SecretClient(
        vault.properties.vault_uri,
        azure.credential_with("wrong"),
        verify_challenge_resource=False,
        connection_verify=azure.ca,
    )
    with pytest.raises(ClientAuthenticationError):
        bad.get_secret("one")


def test_a_new_role_is_heeded_after_a_while(azure: Subscription) -> None:
    vault = make_vault(azure)
    azure.sandbox.set_profile("realistic", 1.0)
    azure.sandbox.advance("azure", 100)
    try:
        grant(azure, vault)
        with pytest.raises(HttpResponseError) as caught:
            list(client(azure, vault).list_properties_of_secrets())
        assert inner(caught) == "ForbiddenByRbac"
        azure.sandbox.advance("azure", 100)
        assert list(client(azure, vault).list_properties_of_secrets()) == []
    finally:
        azure.sandbox.set_profile("instant")
