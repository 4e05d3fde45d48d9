"""Who a cluster's workloads are in each cloud: planned, made, narrowed, and gone with the site."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.errors import SpecError
from module_utils._module import wanted as of_module
from module_utils._run import execute

from sandbox.core.connection import AZURE_SUBSCRIPTION, GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.integration import sites

INFERENCE = {
    "name": "ml-inference",
    "namespace": "ml-serving",
    "buckets": [{"name": "models"}, {"name": "logs", "access": "write"}],
    "secrets": ["api-key"],
}
NARROWED = {**INFERENCE, "buckets": [{"name": "models", "access": "write"}], "secrets": ["other"]}
PARTS: dict[str, Any] = {
    "network": {"addresses": sites.SLOTS},
    "cluster": {"allowed_cidrs": ["203.0.113.0/24"], "node_pools": [{"name": "general", "min_size": 1, "max_size": 2}]},
    "secret_store": {"secrets": [{"name": "api-key"}, {"name": "other"}]},
    "object_store": {"buckets": [{"name": "models"}, {"name": "logs"}]},
}


def acts(report: Any) -> dict[str, str]:
    assert not report.failed, report.summary()
    changed = [entry for entry in report.entries if entry.action.value != "none"]
    return {f"{entry.kind}/{entry.name}": str(entry.action) for entry in changed}


def run(site: dict[str, Any], *workloads: dict[str, Any], only: tuple[str, ...] | None = None, **options: Any) -> Any:
    """As the module `site` does it."""
    params = {
        **site,
        **PARTS,
        "enable_services": site["cloud"] == "gcp",
        "workload_identity": {"workloads": list(workloads)},
        "only": only,
    }
    return execute(of_module("site", params), sites.options(**options))


@pytest.mark.parametrize("cloud", sites.CLOUDS)
def test_a_workload_may_use_what_it_names_and_nothing_else(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    planned = acts(run(site, INFERENCE, check=True))
    first = run(site, INFERENCE)
    assert acts(first) == planned
    assert GRANTS[cloud](sandbox, first) == {"models": "read", "logs": "write", "api-key": "read"}
    told = first.outputs["workload_identity"]["workloads"]["ml-inference"]
    assert (told["namespace"], told["service_account"]) == ("ml-serving", "ml-inference")

    before = len(sandbox.journal(cloud))
    again = run(site, INFERENCE)
    assert acts(again) == {}
    assert [entry for entry in sandbox.journal(cloud)[before:] if entry["write"]] == []

    # Alone: what it refers to is looked at, and neither changed nor reported.
    alone = run(site, NARROWED, only=("workload_identity",), check=True)
    assert {name.partition("/")[0] for name in acts(alone)} <= KINDS[cloud]
    done = run(site, NARROWED, only=("workload_identity",))
    assert acts(done) == acts(alone) != {}
    assert set(done.outputs) == {"network", "workload_identity", "resolved"}
    assert GRANTS[cloud](sandbox, done) == {"models": "write", "other": "read"}

    gone = run(site, {**NARROWED, "state": "absent"})
    assert gone.outputs["workload_identity"] == {"workloads": {}}
    assert GRANTS[cloud](sandbox, done) == {}
    assert {name.partition("/")[0] for name in acts(gone)} <= KINDS[cloud]

    acts(run(site, INFERENCE))
    acts(run(site, INFERENCE, state="absent"))
    left = run(site, INFERENCE, state="absent", find_orphans=True)
    assert acts(left) == {}
    assert left.orphans == []


KINDS = {
    "aws": {"aws.iam.role", "aws.eks.pod_identity_association"},
    "gcp": {"gcp.storage.iam_member", "gcp.secretmanager.iam_member"},
    "azure": {
        "azure.identity.user_assigned",
        "azure.identity.federated_credential",
        "azure.authorization.role_assignment",
    },
}


def _aws(sandbox: Sandbox, report: Any) -> dict[str, str]:
    """What the role's policy allows, once the association names that role."""
    import boto3

    variables = sandbox.environment()
    session = boto3.session.Session(
        variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], region_name=sites.REGIONS["aws"]
    )
    iam: Any = session.client("iam", endpoint_url=sandbox.url("aws"))
    eks: Any = session.client("eks", endpoint_url=sandbox.url("aws"))
    cluster = eks.list_clusters()["clusters"][0]
    listed = eks.list_pod_identity_associations(clusterName=cluster, namespace="ml-serving")["associations"]
    if not listed:
        return {}
    one = {"clusterName": cluster, "associationId": listed[0]["associationId"]}
    found = eks.describe_pod_identity_association(**one)["association"]
    identity = report.outputs["workload_identity"]["workloads"]["ml-inference"]["identity"]
    assert (found["serviceAccount"], found["roleArn"]) == ("ml-inference", identity)
    role = identity.rpartition("/")[2]
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert sorted(trust["Action"]) == ["sts:AssumeRole", "sts:TagSession"]
    document = iam.get_role_policy(RoleName=role, PolicyName="platform")["PolicyDocument"]
    grants: dict[str, str] = {}
    for statement in document["Statement"]:
        assert "*" not in statement["Resource"]
        for arn in statement["Resource"]:
            for name in ("models", "logs", "api-key", "other"):
                if f"-{name}-" in arn or f"/{name}-" in arn:
                    writes = "s3:PutObject" in statement["Action"] or grants.get(name) == "write"
                    grants[name] = "write" if writes else "read"
    return grants


def _gcp(sandbox: Sandbox, report: Any) -> dict[str, str]:
    """What policies of buckets and secrets say of the one principal."""
    from tests.integration.google_stores import Google

    api = Google(sandbox)
    identity = report.outputs["workload_identity"]["workloads"]["ml-inference"]["identity"]
    pool = f"locations/global/workloadIdentityPools/{GCP_PROJECT}.svc.id.goog"
    assert identity.endswith(f"/{pool}/subject/ns/ml-serving/sa/ml-inference")
    grants = {}
    storage, secrets = api("storage"), api("secretmanager").projects().secrets()
    for bucket in storage.buckets().list(project=GCP_PROJECT).execute()["items"]:
        for binding in storage.buckets().getIamPolicy(bucket=bucket["name"]).execute().get("bindings", []):
            if identity in binding["members"]:
                grants[_last(bucket["name"])] = {"objectViewer": "read", "objectUser": "write"}[
                    binding["role"].rpartition(".")[2]
                ]
    for secret in secrets.list(parent=f"projects/{GCP_PROJECT}").execute()["secrets"]:
        for binding in secrets.getIamPolicy(resource=secret["name"]).execute().get("bindings", []):
            assert binding == {"role": "roles/secretmanager.secretAccessor", "members": [identity]}
            grants[_last(secret["name"])] = "read"
    return grants


def _last(name: str) -> str:
    return next(each for each in ("models", "logs", "api-key", "other") if f"-{each}" in name)


def _azure(sandbox: Sandbox, report: Any) -> dict[str, str]:
    """Roles of the identity that trusts the service account."""
    from tests.sandbox.azure_support import Subscription

    client = Subscription(sandbox)
    found = [item for item in client.identities.user_assigned_identities.list_by_subscription() if "workl" in item.name]
    if not found:
        return {}
    identity, group = found[0], found[0].id.split("/")[4]
    told = report.outputs["workload_identity"]["workloads"]["ml-inference"]["identity"]
    assert told == identity.client_id
    (credential,) = client.identities.federated_identity_credentials.list(group, identity.name)
    assert credential.subject == "system:serviceaccount:ml-serving:ml-inference"
    assert credential.audiences == ["api://AzureADTokenExchange"]
    assert credential.issuer.startswith("https://")
    roles = {
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "read",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "write",
        "4633458b-17de-408a-b874-0445c86b69e6": "read",
    }
    query = f"principalId eq '{identity.principal_id}'"
    assignments = client.roles.role_assignments.list_for_subscription(filter=query)
    return {
        item.scope.rpartition("/")[2]: roles[item.role_definition_id.rpartition("/")[2]]
        for item in assignments
        if item.scope.lower().startswith(f"/subscriptions/{AZURE_SUBSCRIPTION}/")
    }


GRANTS = {"aws": _aws, "gcp": _gcp, "azure": _azure}


@pytest.mark.parametrize("cloud", ["aws"])
def test_what_the_site_does_not_have_cannot_be_named(cloud: str, sandbox: Sandbox, site: dict[str, Any]) -> None:
    before = len(sandbox.journal(cloud))
    wrong = {**INFERENCE, "buckets": [{"name": "model"}], "secrets": ["database/main/app"]}
    with pytest.raises(SpecError) as caught:
        run(site, wrong)
    assert "there is no bucket 'model'. There are logs, models." in str(caught.value)
    assert "there is no secret 'database/main/app'. There are api-key, other." in str(caught.value)
    assert len(sandbox.journal(cloud)) == before
