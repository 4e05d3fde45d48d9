"""Workloads of a cluster as managed identities: whom they trust, and the one secret that they may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from module_utils._engine.capability import Built
from module_utils._engine.fields import Fields
from module_utils._engine.plan import Plan
from module_utils._engine.resource import Observed, Operation, Resource
from module_utils._spec.secret_store import Secret, SecretStore
from module_utils._spec.workload_identity import Workload, WorkloadIdentity

from tests.contract.cases.azure import GROUP, counted, network
from tests.contract.harness import Case, Environment, Variant, pick

READER = "4633458b-17de-408a-b874-0445c86b69e6"
IDENTITY = f"{GROUP}-workload-serving"


class Issuer(Resource):
    """In place of a cluster: all that a credential needs of it."""

    kind = "test.issuer"
    fields = Fields({})

    def __init__(self, url: str) -> None:
        super().__init__("issuer", managed=False)
        self.url = url

    def desired(self) -> dict[str, Any]:
        return {}

    def read(self) -> Observed | None:
        return Observed({}, {"id": self.url, "oidc_issuer": self.url})

    def create(self, desired: dict[str, Any]) -> Operation:
        raise NotImplementedError

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        raise NotImplementedError

    def delete(self, observed: Observed) -> Operation:
        raise NotImplementedError


def of_workload(
    environment: Environment, kind: str, name: str, issuer: str = "https://one.example/", **options: Any
) -> Sequence[Resource]:
    site, driver = environment.site, environment.driver
    store = SecretStore((Secret("signing", generate=False),), soft_delete_days=7).resolve(site)
    built = {
        "network": network(environment),
        "cluster": Built(exports={"cluster": Issuer(issuer)}),
        "secret_store": driver.secret_store(store),
    }
    spec = WorkloadIdentity((Workload("serving", secrets=("signing",), **options),)).resolve(site)
    return [pick(driver.workload_identity(spec, {"secret_store": store}, built), kind, name)]


CASES = [
    Case(
        "workload-credential",
        lambda environment, **options: of_workload(environment, "azure.identity.federated_credential", "", **options),
        updates=[
            Variant({"issuer": "https://two.example/"}, ("properties.issuer",)),
            Variant({"service_account": "another"}, ("properties.subject",)),
        ],
        count=counted(lambda c: c.identities.federated_identity_credentials.list(GROUP, IDENTITY)),
    ),
    Case(
        "workload-secret",
        lambda environment: of_workload(environment, "azure.authorization.role_assignment", "/secret/"),
        no_updates="a grant is another grant when anything changes",
        count=counted(
            lambda c: [
                item
                for item in c.roles.role_assignments.list_for_subscription()
                if item.scope.lower().endswith("/secrets/signing") and item.role_definition_id.endswith(READER)
            ]
        ),
    ),
]
