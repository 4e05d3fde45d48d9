"""Storage, identities, roles, vaults, logs through the unmodified clients."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.core.connection import AZURE_SUBSCRIPTION, AZURE_TENANT
from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, code_of

ACCOUNT = {"location": LOCATION, "kind": "StorageV2", "sku": {"name": "Standard_ZRS"}}
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


@pytest.fixture(autouse=True)
def group(azure: Subscription) -> None:
    azure.make_group()


def account(azure: Subscription, name: str = "dataaccount", group: str = GROUP, **more: Any) -> Any:
    return azure.storage.storage_accounts.begin_create(group, name, {**ACCOUNT, **more}).result()


def identity(azure: Subscription, name: str = "me") -> Any:
    return azure.identities.user_assigned_identities.create_or_update(GROUP, name, {"location": LOCATION})


def vault(azure: Subscription, name: str = "keys-of-ours", **properties: Any) -> Any:
    body = {
        "location": LOCATION,
        "properties": {"tenantId": AZURE_TENANT, "sku": {"family": "A", "name": "standard"}, **properties},
    }
    return azure.vaults.vaults.begin_create_or_update(GROUP, name, body).result()


def test_accounts_are_born_closed(azure: Subscription) -> None:
    properties = account(azure).properties

    assert properties.allow_blob_public_access is False
    assert properties.minimum_tls_version == "TLS1_2"
    assert properties.enable_https_traffic_only is True
    assert properties.primary_endpoints.blob == f"{azure.url}/blob/dataaccount/"


def test_account_names_are_global(azure: Subscription) -> None:
    azure.make_group("other")
    account(azure)
    for group, name, expected in (
        ("other", "dataaccount", (409, "StorageAccountInAnotherResourceGroup")),
        (GROUP, "mystorageaccount", (409, "StorageAccountAlreadyTaken")),
        (GROUP, "Not_Legal", (400, "AccountNameInvalid")),
    ):
        with pytest.raises(HttpResponseError) as caught:
            account(azure, name, group)
        assert code_of(caught) == expected
    taken = azure.storage.storage_accounts.check_name_availability({"name": "dataaccount"})
    assert (taken.name_available, taken.reason) == (False, "AlreadyExists")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"properties": {"nonsense": 1}}, (400, "InvalidRequestPropertyName")),
        ({"sku": {"name": "Standard_None"}}, (400, "InvalidValuesForRequestParameters")),
        ({"properties": {"isHnsEnabled": "yes"}}, (400, "InvalidRequestPropertyValue")),
        ({"kind": None}, (400, "AccountPropertyIsRequired")),
    ],
)
def test_account_bodies_are_checked(azure: Subscription, body: dict[str, Any], expected: tuple[int, str]) -> None:
    path = f"{azure.group_id}/providers/Microsoft.Storage/storageAccounts/dataaccount"

    answer = azure.send("PUT", path, {**ACCOUNT, **body}, version="2025-06-01")

    assert (answer.status_code, answer.json()["error"]["code"]) == expected


def test_what_cannot_change_on_an_account(azure: Subscription) -> None:
    account(azure)
    with pytest.raises(HttpResponseError) as caught:
        account(azure, properties={"isHnsEnabled": True})
    assert code_of(caught) == (409, "StorageAccountPropertyCannotBeUpdated")


def test_blob_settings_and_lifecycle(azure: Subscription) -> None:
    account(azure)
    services, policies = azure.storage.blob_services, azure.storage.management_policies
    settings = {
        "isVersioningEnabled": True,
        "deleteRetentionPolicy": {"enabled": True, "days": 7},
        "containerDeleteRetentionPolicy": {"enabled": True, "days": 7},
        "changeFeed": {"enabled": True},
    }
    services.set_service_properties(GROUP, "dataaccount", {"properties": settings})
    found = services.get_service_properties(GROUP, "dataaccount").as_dict()["properties"]
    assert (found["isVersioningEnabled"], found["deleteRetentionPolicy"]["days"]) == (True, 7)

    rule = {
        "name": "age",
        "type": "Lifecycle",
        "definition": {
            "filters": {"blobTypes": ["blockBlob"]},
            "actions": {"baseBlob": {"tierToCool": {"daysAfterModificationGreaterThan": 30}}},
        },
    }
    with pytest.raises(HttpResponseError) as caught:
        policies.get(GROUP, "dataaccount", "default")
    assert code_of(caught) == (404, "ManagementPolicyNotFound")
    made = policies.create_or_update(GROUP, "dataaccount", "default", {"properties": {"policy": {"rules": [rule]}}})
    assert made.name == "DefaultManagementPolicy"
    assert made.properties.policy.rules[0].definition.actions.base_blob.tier_to_cool


def test_containers_and_their_blobs(azure: Subscription) -> None:
    account(azure)
    containers = azure.storage.blob_containers
    containers.create(GROUP, "dataaccount", "models", {"properties": {"metadata": {"a": "b"}}})
    found = containers.get(GROUP, "dataaccount", "models")
    assert found.metadata == {"a": "b"}
    assert found.has_immutability_policy is False
    with pytest.raises(HttpResponseError) as caught:
        containers.create(GROUP, "dataaccount", "open", {"properties": {"publicAccess": "Blob"}})
    assert code_of(caught) == (409, "PublicAccessNotPermitted")

    blob = {"x-ms-version": "2024-11-04", "x-ms-blob-type": "BlockBlob"}
    put = azure.send("PUT", "/blob/dataaccount/models/a/b.bin", {"x": 1}, version=None, **blob)
    assert put.status_code == 201
    listing = "/blob/dataaccount/models?restype=container&comp=list"
    listed = azure.send("GET", listing, version=None, **blob)
    assert "<Name>a/b.bin</Name>" in listed.text
    assert azure.send("GET", listing, version=None, Authorization="Bearer no", **blob).status_code == 401

    containers.delete(GROUP, "dataaccount", "models")
    assert not list(containers.list(GROUP, "dataaccount"))


def test_an_immutable_container_with_blobs_stays(azure: Subscription) -> None:
    account(azure)
    containers = azure.storage.blob_containers
    containers.create(GROUP, "dataaccount", "ledger", {})
    period = {"properties": {"immutabilityPeriodSinceCreationInDays": 7}}
    policy = containers.create_or_update_immutability_policy(GROUP, "dataaccount", "ledger", period)
    blob = {"x-ms-version": "2024-11-04", "x-ms-blob-type": "BlockBlob"}
    azure.send("PUT", "/blob/dataaccount/ledger/entry", {}, version=None, **blob)

    assert policy.state == "Unlocked"
    assert containers.get(GROUP, "dataaccount", "ledger").has_immutability_policy is True
    with pytest.raises(HttpResponseError) as caught:
        containers.delete(GROUP, "dataaccount", "ledger")
    assert code_of(caught) == (409, "ContainerImmutabilityPolicyFailure")


def test_customer_keys_need_a_protected_vault_and_a_role(azure: Subscription) -> None:
    me = identity(azure)
    vault(azure, enableRbacAuthorization=True)
    key = azure.vaults.keys.create_if_not_exist(GROUP, "keys-of-ours", "storage", {"properties": {"kty": "RSA"}})
    body: dict[str, Any] = {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {me.id: {}}},
        "properties": {
            "encryption": {
                "keySource": "Microsoft.Keyvault",
                "identity": {"userAssignedIdentity": me.id},
                "keyvaultproperties": {"keyvaulturi": "https://keys-of-ours.vault.azure.net", "keyname": "storage"},
            }
        },
    }
    with pytest.raises(HttpResponseError) as caught:
        account(azure, **body)
    assert code_of(caught) == (400, "KeyVaultPolicyError")
    vault(azure, enableRbacAuthorization=True, enablePurgeProtection=True)
    with pytest.raises(HttpResponseError) as caught:
        account(azure, **body)
    assert code_of(caught) == (400, "KeyVaultAuthenticationFailure")

    role = next(
        iter(
            azure.roles.role_definitions.list(azure.id, filter="roleName eq 'Key Vault Crypto Service Encryption User'")
        )
    )
    azure.roles.role_assignments.create(
        key.id, str(uuid.uuid4()), {"properties": {"roleDefinitionId": role.id, "principalId": me.principal_id}}
    )
    made = account(azure, **body)
    assert made.properties.encryption.key_source == "Microsoft.Keyvault"


def test_deleted_vaults_have_to_be_purged(azure: Subscription) -> None:
    vault(azure)
    azure.vaults.vaults.delete(GROUP, "keys-of-ours")

    with pytest.raises(HttpResponseError) as caught:
        vault(azure)
    assert code_of(caught) == (409, "ConflictError")
    assert azure.vaults.vaults.get_deleted("keys-of-ours", LOCATION).properties.vault_id
    azure.vaults.vaults.begin_purge_deleted("keys-of-ours", LOCATION).result()
    assert not list(azure.vaults.vaults.list_deleted())
    vault(azure)


def test_purge_protection_is_for_ever(azure: Subscription) -> None:
    vault(azure, enablePurgeProtection=True)
    with pytest.raises(HttpResponseError):
        vault(azure, enablePurgeProtection=False)
    azure.resources.resource_groups.begin_delete(GROUP).result()

    with pytest.raises(HttpResponseError, match="purge protection"):
        azure.vaults.vaults.begin_purge_deleted("keys-of-ours", LOCATION).result()


def assign(azure: Subscription, principal: str, name: str = "", scope: str = "", **more: Any) -> Any:
    role = f"{azure.id}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    body = {"properties": {"roleDefinitionId": role, "principalId": principal, **more}}
    return azure.roles.role_assignments.create(scope or azure.group_id, name or str(uuid.uuid4()), body)


def test_a_new_principal_has_to_replicate(azure: Subscription) -> None:
    azure.sandbox.set_profile("realistic", 1.0)
    me = identity(azure)

    with pytest.raises(HttpResponseError) as caught:
        assign(azure, me.principal_id)
    assert code_of(caught) == (400, "PrincipalNotFound")
    azure.sandbox.advance("azure", 60)
    made = assign(azure, me.principal_id)

    other = identity(azure, "other")
    assert assign(azure, other.principal_id, principalType="ServicePrincipal").principal_id == other.principal_id
    assert made.scope == azure.group_id


def test_role_assignments_exist_once(azure: Subscription) -> None:
    me = identity(azure)
    made = assign(azure, me.principal_id)

    with pytest.raises(HttpResponseError) as caught:
        assign(azure, me.principal_id)
    assert code_of(caught) == (409, "RoleAssignmentExists")
    listed = azure.roles.role_assignments.list_for_scope(azure.group_id, filter=f"principalId eq '{me.principal_id}'")
    assert [item.name for item in listed] == [made.name]
    gone = azure.roles.role_assignments.delete_by_id(made.id)
    assert gone.name == made.name, "the answer of a deletion has a body"
    with pytest.raises(HttpResponseError) as caught:
        assign(azure, str(uuid.uuid4()), principalType="ServicePrincipal")
    assert code_of(caught) == (400, "PrincipalNotFound")


def test_roles_can_be_held_at_one_secret_of_a_vault(azure: Subscription) -> None:
    me = identity(azure)
    store = vault(azure, "scoped-vault", enableRbacAuthorization=True)
    definition = f"/subscriptions/{AZURE_SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{SECRETS_USER}"
    who = {"principalId": me.principal_id, "principalType": "ServicePrincipal"}
    wanted = {"properties": {**who, "roleDefinitionId": definition}}
    name = str(uuid.uuid4())

    scope = f"{store.id}/secrets/api-key"
    made = azure.roles.role_assignments.create(scope, name, wanted)
    assert made.scope == scope
    assert azure.roles.role_assignments.get(scope, name).id == made.id
    listed = azure.roles.role_assignments.list_for_subscription(filter=f"principalId eq '{me.principal_id}'")
    assert [item.scope for item in listed] == [scope]
    with pytest.raises(HttpResponseError) as caught:
        azure.roles.role_assignments.create(f"{store.id}s/secrets/api-key", str(uuid.uuid4()), wanted)
    assert code_of(caught) == (404, "ResourceNotFound")


def test_federated_credentials_are_written_one_at_a_time(azure: Subscription) -> None:
    identity(azure)
    azure.sandbox.set_profile("realistic", 1.0)
    body = {
        "issuer": "https://issuer/",
        "subject": "system:serviceaccount:a:b",
        "audiences": ["api://AzureADTokenExchange"],
    }
    credentials = azure.identities.federated_identity_credentials
    credentials.create_or_update(GROUP, "me", "one", {"properties": body})

    with pytest.raises(HttpResponseError) as caught:
        credentials.create_or_update(GROUP, "me", "two", {"properties": {**body, "subject": "x"}})
    assert code_of(caught) == (409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity")
    azure.sandbox.advance("azure", 5)
    credentials.create_or_update(GROUP, "me", "two", {"properties": {**body, "subject": "x"}})
    assert {item.name for item in credentials.list(GROUP, "me")} == {"one", "two"}


def test_workspaces_and_diagnostic_settings(azure: Subscription) -> None:
    made = azure.logs.workspaces.begin_create_or_update(
        GROUP, "logs", {"location": LOCATION, "properties": {"retentionInDays": 60}}
    ).result()
    assert made.properties.sku.name == "PerGB2018"
    azure.make_cluster()
    path = f"{azure.group_id}/providers/Microsoft.ContainerService/managedClusters/k8s"
    path += "/providers/Microsoft.Insights/diagnosticSettings/audit"
    log = {"category": "kube-audit-admin", "enabled": True}
    body = {"properties": {"workspaceId": made.id, "logs": [log]}}

    answer = azure.send("PUT", path, body, version="2021-05-01-preview")
    assert answer.status_code == 200
    found = azure.send("GET", path, version="2021-05-01-preview").json()
    assert found["id"] == found["id"].replace("managedClusters", "managedclusters")
    assert found["properties"]["metrics"][0]["enabled"] is False
    wrong = {"properties": {"workspaceId": made.id, "logs": [{"category": "nonsense", "enabled": True}]}}
    assert azure.send("PUT", path, wrong, version="2021-05-01-preview").json()["code"] == "BadRequest"
    assert azure.send("DELETE", path, version="2021-05-01-preview").status_code == 200
