"""Whom a workload's managed identity trusts on Azure, and where it has which role. No I/O."""

from __future__ import annotations

from typing import Any

from module_utils._azure.driver import AzureDriver
from module_utils._azure.kinds_access import ROLES
from module_utils._engine.clock import SystemClock
from module_utils._module import CAPABILITIES
from module_utils._spec.arguments import build
from module_utils._spec.site import Site

SITE = Site("azure", "westeurope", "ml", "00000000-0000-0000-0000-00000000bbbb")
PARTS: dict[str, Any] = {
    "network": {"addresses": {"azure-dev": "1"}},
    "cluster": {"allowed_cidrs": ["203.0.113.0/24"]},
    "secret_store": {"secrets": [{"name": "api-key"}]},
    "cache": {"instances": [{"name": "main"}]},
    "object_store": {"buckets": [{"name": "models"}, {"name": "logs"}]},
}


def resources(**workload: Any) -> dict[str, Any]:
    given = {**PARTS, "workload_identity": {"workloads": [{"name": "serving", **workload}]}}
    specs: dict[str, Any] = {name: build(CAPABILITIES[name], part).resolve(SITE) for name, part in given.items()}
    driver = AzureDriver(SITE, SystemClock())
    built = {"network": driver.network(specs["network"]), "secret_store": driver.secret_store(specs["secret_store"])}
    built["cluster"] = driver.cluster(specs["cluster"], specs["network"], built["network"])
    built["cache"] = driver.cache(specs["cache"], specs["network"], built["network"], built["secret_store"])
    built["object_store"] = driver.object_store(specs["object_store"])
    built["cluster"].exports["cluster"].outputs = {"id": "x", "oidc_issuer": "https://issuer.example/"}
    return {each.key: each for each in driver.workload_identity(specs["workload_identity"], specs, built).resources}


def test_it_trusts_one_service_account_of_one_cluster() -> None:
    found = resources(secrets=["api-key"], service_account="web")
    credential = found["azure.identity.federated_credential/ml-azure-dev-workload-serving/kubernetes"]
    assert credential.desired() == {
        "properties": {
            "issuer": "https://issuer.example/",
            "subject": "system:serviceaccount:ml-serving:web",
            "audiences": ["api://AzureADTokenExchange"],
        }
    }


def test_it_has_its_roles_where_it_needs_them_and_loses_all_others() -> None:
    buckets = [{"name": "models"}, {"name": "logs", "access": "write"}]
    found = resources(buckets=buckets, secrets=["cache/main"]).values()
    grants = [each for each in found if each.kind == "azure.authorization.role_assignment"]
    held = {each.name: (each.role, each.scope_id().partition("/providers/")[2]) for each in grants if each.present}
    assert {name.partition("/")[2]: role for name, (role, _scope) in held.items()} == {
        "bucket/models/storage-blob-data-reader": ROLES["storage-blob-data-reader"],
        "bucket/logs/storage-blob-data-contributor": ROLES["storage-blob-data-contributor"],
        "secret/cache/main": ROLES["key-vault-secrets-user"],
    }
    scopes = [scope for _role, scope in held.values()]
    assert scopes[0].endswith("/blobServices/default/containers/models")
    assert scopes[-1].startswith("Microsoft.KeyVault/vaults/")
    assert scopes[-1].endswith("/secrets/cache--main")
    assert sorted(each.name for each in grants if not each.present) == [
        "serving/bucket/logs/storage-blob-data-reader",
        "serving/bucket/models/storage-blob-data-contributor",
        "serving/secret/api-key",
    ]
    assert not any(each.present for each in resources(state="absent").values())
