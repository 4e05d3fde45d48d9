"""Secrets Manager's kinds: the place of a value, and the value."""

from __future__ import annotations

from typing import Any

from module_utils._engine.resource import Resource
from module_utils._spec.secret_store import Secret, SecretStore

from tests.contract.cases.aws import ask
from tests.contract.harness import Case, Environment, Variant, pick

NAME = "contract-aws-test/signing"


def _store(environment: Environment, generate: bool = True, rotate: bool = False, **options: Any) -> Any:
    secrets = (Secret("signing", generate=generate, rotate=rotate),)
    spec = SecretStore(secrets=secrets, soft_delete_days=7, **options)
    return environment.driver.secret_store(spec.resolve(environment.site))


def _secret(environment: Environment, **options: Any) -> list[Resource]:
    built = _store(environment, generate=False, **options)
    return [pick(built, "aws.secretsmanager.secret", NAME)]


def _value(environment: Environment, **options: Any) -> list[Resource]:
    return [pick(_store(environment, **options), "secret.value", NAME)]


def _secrets(environment: Environment) -> int:
    return len(ask(environment, "secretsmanager").list_secrets()["SecretList"])


def _values(environment: Environment) -> int:
    """Values in use: one version that is current, and none on its way."""
    client, count = ask(environment, "secretsmanager"), 0
    for secret in client.list_secrets()["SecretList"]:
        stages = secret.get("SecretVersionsToStages", {})
        assert not any("AWSPENDING" in labels for labels in stages.values()), stages
        count += sum("AWSCURRENT" in labels for labels in stages.values())
    return count


_BACK = "a secret that is made again comes back with its value; kills while one is renewed are in test_rotation.py"
CASES = [
    Case(
        "secret",
        _secret,
        updates=[Variant({"encryption": "customer"}, ("KmsKeyId",), also=("aws.kms.key",))],
        count=_secrets,
    ),
    Case(
        "secret-value",
        _value,
        no_updates="a value is only renewed, which is asked for anew in every run",
        count=_values,
        named=False,
        skip={"missing": _BACK, "killed": _BACK},
    ),
]
