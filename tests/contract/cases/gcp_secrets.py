"""Secret Manager's kinds: the place of a value, and the value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.secret_store import Secret, SecretStore

from sandbox.core.connection import GCP_PROJECT
from tests.contract.cases.gcp import BASE, ask
from tests.contract.harness import Case, Environment, Variant, pick

NAME = f"{BASE}-signing"
DELETED = "soft-deleted"


def store(environment: Environment, generate: bool = True, **options: Any) -> Any:
    spec = SecretStore(secrets=(Secret("signing", generate=generate),), **{"soft_delete_days": 7, **options})
    return environment.driver.secret_store(spec.resolve(environment.site))


def secret(environment: Environment, **options: Any) -> Sequence[Resource]:
    return [pick(store(environment, generate=False, **options), "gcp.secretmanager.secret", NAME)]


def value(environment: Environment) -> Sequence[Resource]:
    return [pick(store(environment), "secret.value", NAME)]


def secrets(environment: Environment) -> list[dict[str, Any]]:
    """Those in use; a deleted one is kept for a while."""
    found = ask(environment, "secretmanager").projects().secrets().list(parent=f"projects/{GCP_PROJECT}").execute()
    return [each for each in found.get("secrets", []) if DELETED not in each["labels"]]


def count_values(environment: Environment) -> int:
    """Values that can be read: none on its way, and no older one beside the one in use."""
    versions = ask(environment, "secretmanager").projects().secrets().versions()
    names = [each["name"] for each in secrets(environment)]
    assert not any(name.endswith("_pending") for name in names), names
    found = [version for name in names for version in versions.list(parent=name).execute().get("versions", [])]
    return sum(version["state"] == "ENABLED" for version in found)


_BACK = "a secret that is made again comes back with its value; kills while one is renewed are in test_gcp_rotation.py"

CASES = [
    Case(
        "secret",
        secret,
        updates=[
            Variant({"soft_delete_days": 14}, ("versionDestroyTtl",)),
            Variant(
                {"encryption": "customer"},
                ("replication.userManaged.replicas",),
                also=("gcp.kms.key", "gcp.kms.iam_member"),
            ),
        ],
        count=lambda environment: len(secrets(environment)),
    ),
    Case(
        "secret-value",
        value,
        no_updates="a value is only renewed, which is asked for anew in every run",
        count=count_values,
        named=False,
        skip={"missing": _BACK, "killed": _BACK},
    ),
]
