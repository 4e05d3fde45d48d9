"""Key Vault's kinds: the vault of the secret store, the right to use it, the place of a value, and the value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.keyvault.secrets import SecretClient
from module_utils._engine.resource import Resource
from module_utils._spec.secret_store import AzureSecretStore, Secret, SecretStore

from tests.contract.cases.azure import GROUP, counted, in_group, sdk
from tests.contract.harness import Case, Environment, Variant, pick

SECRETS = f"{GROUP}-secrets"


def _store(environment: Environment, generate: bool = True, **options: Any) -> Any:
    azure = AzureSecretStore(purge_protection=options.pop("purge_protection", None))
    days = options.pop("soft_delete_days", 7)
    spec = SecretStore(secrets=(Secret("signing", generate=generate),), azure=azure, soft_delete_days=days, **options)
    return environment.driver.secret_store(spec.resolve(environment.site))


def _of(kind: str, name: str = "", **fixed: Any) -> Any:
    def build(environment: Environment, **options: Any) -> Sequence[Resource]:
        return [pick(_store(environment, **{**fixed, **options}), kind, name)]

    return build


def _client(environment: Environment) -> SecretClient | None:
    azure = sdk(environment)
    try:
        vaults = list(azure.vaults.vaults.list_by_resource_group(SECRETS))
    except ResourceNotFoundError:
        return None
    if not vaults:
        return None
    return SecretClient(
        vaults[0].properties.vault_uri,
        azure.credential,
        verify_challenge_resource=False,
        connection_verify=azure.ca,
        retry_total=0,
    )


def _secrets(environment: Environment) -> int:
    client = _client(environment)
    listed = client.list_properties_of_secrets() if client else ()
    return sum(item.name == "signing" for item in listed)


def _values(environment: Environment) -> int:
    """Values in use: one that can be read, and none that waits beside it."""
    client = _client(environment)
    if client is None:
        return 0
    enabled = {item.name for item in client.list_properties_of_secrets() if item.enabled}
    assert "signing--pending" not in enabled
    return sum(name == "signing" for name in enabled)


_BACK = "a deleted secret that is made again comes back with its value; kills are in test_azure_database_rows.py"
CASES = [
    Case(
        "secret-vault",
        _of("azure.keyvault.vault"),
        updates=[Variant({"purge_protection": True}, ("properties.enablePurgeProtection",))],
        immutable=[Variant({"soft_delete_days": 20}, ("properties.softDeleteRetentionInDays",))],
        count=in_group("Microsoft.KeyVault/vaults", SECRETS),
    ),
    Case(
        "secret-access",
        _of("azure.authorization.role_assignment"),
        no_updates="a grant is there or not",
        count=counted(
            lambda client: [
                item
                for item in client.roles.role_assignments.list_for_subscription()
                if item.scope and "/vaults/" in item.scope
            ]
        ),
        named=False,
    ),
    Case(
        "secret",
        _of("azure.keyvault.secret", generate=False),
        no_updates="tags follow the site",
        count=_secrets,
        named=False,
    ),
    Case(
        "secret-value",
        _of("secret.value"),
        no_updates="a value is only renewed, which is asked for anew in every run",
        count=_values,
        named=False,
        skip={"missing": _BACK, "killed": _BACK},
    ),
]
