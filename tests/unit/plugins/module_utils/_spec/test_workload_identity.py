"""What workloads name, against what the site has."""

from __future__ import annotations

from typing import Any

from module_utils._module import CAPABILITIES, wanted
from module_utils._run import _resolved
from module_utils._spec.arguments import build
from module_utils._spec.site import Site
from module_utils._spec.workload_identity import WorkloadIdentity

SITE = Site("aws", "eu-central-1", "ml", "123456789012", site="aws-dev")
PARTS: dict[str, Any] = {
    "cluster": {"allowed_cidrs": ["198.51.100.0/24"]},
    "secret_store": {"secrets": [{"name": "api-key"}, {"name": "old", "state": "absent"}]},
    "object_store": {"buckets": [{"name": "models"}, {"name": "former", "state": "absent"}]},
    "database": {
        "servers": [
            {"name": "main", "databases": ["app"], "users": [{"name": "app"}, {"name": "gone", "state": "absent"}]},
            {"name": "former", "state": "absent", "users": [{"name": "app"}]},
        ]
    },
    "cache": {"instances": [{"name": "main"}]},
}


def problems(workload: dict[str, Any], **parts: Any) -> list[str]:
    specs: dict[str, Any] = {
        name: build(CAPABILITIES[name], part).resolve(SITE)
        for name, part in {**PARTS, **parts}.items()
        if part is not None
    }
    found = build(WorkloadIdentity, {"workloads": [{"name": "a", **workload}]}).resolve(SITE).problems(specs)
    return [problem.removeprefix("workload_identity.workloads") for problem in found]


def test_what_is_there_can_be_named() -> None:
    secrets = ["api-key", "database/main/app", "cache/main"]
    assert problems({"buckets": [{"name": "models"}], "secrets": secrets}) == []


def test_what_is_not_there_is_told_with_what_is() -> None:
    there = "There are api-key, cache/main, database/main/app."
    for name in ("old", "main", "database/main", "database/main/admin", "database/main/gone", "database/former/app"):
        assert problems({"secrets": [name]}) == [f".a.secrets: there is no secret {name!r}. {there}"]
    assert problems({"buckets": [{"name": "former"}]}) == [".a.buckets: there is no bucket 'former'. There are models."]
    assert problems({"buckets": [{"name": "models"}]}, object_store=None) == [
        ".a.buckets: there is no bucket 'models'. The site has none."
    ]


def test_one_that_goes_may_name_what_has_gone() -> None:
    assert problems({"state": "absent", "buckets": [{"name": "former"}], "secrets": ["old"]}) == []


def test_pods_need_identities_of_their_own() -> None:
    cluster = {"allowed_cidrs": ["198.51.100.0/24"], "workload_identity": False}
    (problem,) = problems({"secrets": ["api-key"]}, cluster=cluster)
    assert problem.endswith("Write cluster.workload_identity: true.")
    (problem,) = problems({"secrets": ["api-key"]}, cluster=None)
    assert "service accounts of a cluster, and the site has none" in problem


def test_a_site_without_workloads_needs_nothing_for_them() -> None:
    params = {"cloud": "aws", "region": "eu-central-1", "platform": "ml", "account": "123456789012"}
    asked = wanted("site", {**params, "workload_identity": {"workloads": []}})
    assert list(_resolved(asked)) == ["workload_identity"]
