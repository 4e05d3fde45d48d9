"""Where a rollout stands, and what it could return to."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._kubernetes.rollouts import BECAUSE, HEALTHY, LEFT, Rollout, returning

_REVISION = "deployment.kubernetes.io/revision"


def deployment(number: int, *, ready: int = 1, gave_up: bool = False, **annotations: str) -> dict[str, Any]:
    status: dict[str, Any] = {"observedGeneration": 3, "replicas": 1, "updatedReplicas": 1, "availableReplicas": ready}
    if gave_up:
        status["conditions"] = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    notes = {_REVISION: str(number), **annotations}
    meta = {"name": "api", "namespace": "ml-serving", "uid": "d", "generation": 3, "annotations": notes}
    return {"metadata": meta, "spec": {"replicas": 1, "template": template(f"api:{number}")}, "status": status}


def template(image: str) -> dict[str, Any]:
    sources = [{"configMapRef": {"name": f"env-{image}"}}]
    volumes = [{"name": "v", "configMap": {"name": f"files-{image}"}}, {"name": "w", "emptyDir": {}}]
    return {
        "metadata": {"labels": {"a": "b", "pod-template-hash": "x"}, "creationTimestamp": None},
        "spec": {"containers": [{"name": "c", "image": image, "envFrom": sources}], "volumes": volumes},
    }


def replica_set(number: int, *, healthy: bool = False, available: int = 0, owner: str = "d") -> dict[str, Any]:
    notes = {_REVISION: str(number), **({HEALTHY: "true"} if healthy else {})}
    meta = {
        "name": f"api-{number}",
        "namespace": "ml-serving",
        "annotations": notes,
        "ownerReferences": [{"uid": owner}],
    }
    status = {"availableReplicas": available, "readyReplicas": available}
    return {"metadata": meta, "spec": {"template": template(f"api:{number}")}, "status": status}


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([replica_set(1, healthy=True), replica_set(2, healthy=True), replica_set(3)], "api-2"),
        ([replica_set(1, healthy=True), replica_set(2, available=1), replica_set(3)], "api-1"),  # 2 never was
        ([replica_set(1, available=2), replica_set(2, available=1), replica_set(3)], "api-1"),
        ([replica_set(1), replica_set(3)], None),
        ([replica_set(3)], None),
        ([replica_set(1, healthy=True), replica_set(3, healthy=True)], None),  # the version is not to blame
        ([replica_set(1, healthy=True, owner="another"), replica_set(3)], None),
    ],
)
def test_the_last_healthy_version_is_the_one_to_return_to(sets: list[dict[str, Any]], expected: str | None) -> None:
    found = Rollout.of(deployment(3, gave_up=True), sets).last_healthy
    assert (found["metadata"]["name"] if found else None) == expected


def test_a_version_is_marked_once_and_only_when_it_is_healthy() -> None:
    fresh, known = replica_set(3, available=1), replica_set(3, available=1, healthy=True)
    mark = Rollout.of(deployment(3), [fresh]).unmarked
    assert mark is not None
    assert mark["metadata"] == {"name": "api-3", "namespace": "ml-serving", "annotations": {HEALTHY: "true"}}
    assert Rollout.of(deployment(3), [known]).unmarked is None
    assert Rollout.of(deployment(3, ready=0), [fresh]).unmarked is None


def test_kubernetes_verdict_counts_for_what_it_has_seen() -> None:
    body = deployment(3, ready=0, gave_up=True)
    assert Rollout.of(body, []).gave_up
    body["metadata"]["generation"] = 4  # changed since
    assert not Rollout.of(body, []).gave_up
    assert not Rollout.of(body, []).healthy


def test_returning_takes_the_template_and_remembers_what_it_left() -> None:
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api"},
        "spec": {"replicas": 1, "template": template("api:3")},
    }
    back = returning(manifest, replica_set(2), "x" * 900)
    assert back["spec"]["template"]["spec"]["containers"][0]["image"] == "api:2"
    assert back["spec"]["template"]["metadata"] == {"labels": {"a": "b"}}
    assert back["metadata"]["annotations"][LEFT] == "api:3"
    assert len(back["metadata"]["annotations"][BECAUSE]) == 500
    assert manifest["metadata"] == {"name": "api"}
    live = Rollout.of({**deployment(2), "metadata": {**deployment(2)["metadata"], **back["metadata"]}}, [])
    assert live.rolled_back_before(manifest) == "x" * 500
    assert live.rolled_back_before({**manifest, "spec": {"template": template("api:4")}}) == ""


def test_what_former_versions_refer_to_and_what_runs() -> None:
    found = Rollout.of(deployment(3), [replica_set(2, available=2), replica_set(3, available=1)])
    assert found.config_maps == {"env-api:2", "env-api:3", "files-api:2", "files-api:3"}
    assert found.running == {"api:2": 2, "api:3": 1}
