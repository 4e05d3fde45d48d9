"""Manifests, their order, when objects are ready, labels: the parts of a set that ask nobody."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._engine.errors import SpecError
from module_utils._engine.resource import Status
from module_utils._engine.tags import Owner
from module_utils._kubernetes.documents import parse, read
from module_utils._kubernetes.errors import UnknownKind
from module_utils._kubernetes.health import WaitCondition, health
from module_utils._kubernetes.labels import MEMBER, label, ownership, set_id
from module_utils._kubernetes.manifests import flatten, prepare
from module_utils._kubernetes.objects import ref_of
from module_utils._kubernetes.order import needs, ordered
from module_utils._kubernetes.session import secret_values
from module_utils._kubernetes.stuck import selector_text


def _body(kind: str, name: str = "x", version: str = "v1", space: str = "", **more: Any) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": space} if space else {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **more}


def _served(version: str, kind: str) -> bool:
    if kind == "Nothing":
        raise UnknownKind("the cluster serves no kind 'Nothing'.")
    return kind not in ("Namespace", "ClusterRole", "CustomResourceDefinition")


def _crd(kind: str = "Widget", scope: str = "Namespaced") -> dict[str, Any]:
    spec = {"group": "example.org", "scope": scope, "names": {"kind": kind, "plural": f"{kind.lower()}s"}}
    return _body("CustomResourceDefinition", f"{kind.lower()}s.example.org", "apiextensions.k8s.io/v1", spec=spec)


# -- manifests ---------------------------------------------------------------------------------------------------------


def test_lists_are_taken_apart() -> None:
    """Also lists of one kind, whose items need not say it again."""
    listed = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"metadata": {"name": "b"}}]}
    found = list(flatten([_body("Pod"), None, {}, {"kind": "List", "items": [listed, _body("Secret")]}]))
    assert [each["kind"] for each in found] == ["Pod", "ConfigMap", "Secret"]
    assert found[1] == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}


def test_objects_get_their_namespace_and_lose_what_only_servers_write() -> None:
    """Scope comes from the set's own definitions too."""
    exported = _body("ConfigMap", data={"a": "1"}, status={"x": 1})
    exported["metadata"] |= {"uid": "1", "resourceVersion": "2", "managedFields": []}
    widget = _body("Widget", version="example.org/v1")
    bodies, problems = prepare(
        [exported, widget, _crd(), _crd("Planet", "Cluster"), _body("Planet", version="example.org/v1")], "ml", _served
    )
    assert problems == []
    assert bodies[0] == {**_body("ConfigMap", space="ml"), "data": {"a": "1"}}
    assert bodies[1]["metadata"]["namespace"] == "ml"
    assert "namespace" not in bodies[4]["metadata"]
    assert exported["metadata"]["uid"] == "1", "what was given is not touched"


def test_secrets_are_coded_as_the_server_does() -> None:
    """And all forms of their values are known, so that none is shown."""
    secret = _body("Secret", data={"a": "QUFBQUFB"}, stringData={"b": "two lines\nof secrets", "c": "x"})
    (body,), _ = prepare([secret], "ml", _served)
    assert body["data"] == {"a": "QUFBQUFB", "b": "dHdvIGxpbmVzCm9mIHNlY3JldHM=", "c": "eA=="}
    assert "stringData" not in body
    assert {"AAAAAA", "two lines", "of secrets", "two lines\nof secrets"} <= secret_values(body)
    assert "x" not in secret_values(body)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("text", "a mapping is expected"),
        ({"kind": "Pod"}, "apiVersion is missing"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "x-"}}, "metadata.name is missing"),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": {"on": True}}},
            "metadata.labels[on]: True must be a string",
        ),
        (_body("Nothing"), "serves no kind 'Nothing'"),
        (_body("Namespace", space="ml"), "live in no namespace"),
    ],
)
def test_what_is_wrong_is_told(document: Any, words: str) -> None:
    """By position where there is no name yet."""
    _bodies, problems = prepare([_body("ConfigMap"), document], "ml", _served)
    assert len(problems) == 1
    assert words in problems[0]


def test_objects_that_stand_twice_are_told() -> None:
    """Also in another version of the same kind, and with the namespace left out."""
    first = _body("Deployment", version="apps/v1", space="ml")
    _bodies, problems = prepare([first, _body("Deployment", version="apps/v1beta1")], "ml", _served)
    assert problems == ["Deployment ml/x (apps/v1beta1) is in the set twice."]


def test_yaml_is_read_as_kubernetes_reads_it(tmp_path: Any) -> None:
    """Dates stay text, keys must not stand twice, directories are read by name."""
    assert parse("a: 2025-01-01\n---\n---\nb: {<<: {c: 1}, d: 2}", "x") == [
        {"a": "2025-01-01"},
        {"b": {"c": 1, "d": 2}},
    ]
    with pytest.raises(SpecError, match="x line 3: 'a' stands here twice"):
        parse("b: 1\na: 1\na: 2", "x")
    with pytest.raises(SpecError, match="x line 2: "):
        parse("a: 1\n\t- b", "x")
    (tmp_path / "b.yml").write_text("b: 1")
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "c.txt").write_text("c: 1")
    assert read([str(tmp_path)]) == [{"a": 1}, {"b": 1}]
    (tmp_path / "none").mkdir()
    with pytest.raises(SpecError, match="holds no manifests"):
        read([str(tmp_path / "none")])


# -- order -------------------------------------------------------------------------------------------------------------


def test_what_is_made_first_and_what_waits_for_what() -> None:
    """Namespaces and definitions before all; workloads after what is near them; not after a load balancer."""
    balancer = _body("Service", "front", space="ml", spec={"type": "LoadBalancer"})
    bodies = [
        _body("Deployment", "web", "apps/v1", "ml"),
        balancer,
        _body("Service", "back", space="ml"),
        _body("ConfigMap", "near", space="ml"),
        _body("ConfigMap", "far", space="other"),
        _body("ResourceQuota", "quota", space="ml"),
        _body("Widget", "w", "example.org/v1", "ml"),
        _crd(),
        _body("RoleBinding", "b", "rbac.authorization.k8s.io/v1", "ml"),
        _body("Role", "r", "rbac.authorization.k8s.io/v1", "ml"),
        _body("HorizontalPodAutoscaler", "web", "autoscaling/v2", "ml"),
        _body("Namespace", "ml"),
    ]
    kinds = [each["kind"] for each in ordered(bodies)]
    assert kinds[:4] == ["Namespace", "CustomResourceDefinition", "ResourceQuota", "Role"]
    assert kinds[-3:] == ["Deployment", "Widget", "HorizontalPodAutoscaler"]
    found = {ref.kind + " " + ref.name: {str(each) for each in before} for ref, before in needs(bodies).items()}
    assert found["Deployment web"] == {
        "Namespace ml",
        "Service ml/back",
        "ConfigMap ml/near",
        "ResourceQuota ml/quota",
        "RoleBinding ml/b",
        "Role ml/r",
    }
    assert found["Widget w"] >= {"Namespace ml", "CustomResourceDefinition widgets.example.org", "Deployment ml/web"}
    assert found["RoleBinding b"] == {"Namespace ml", "Role ml/r", "ResourceQuota ml/quota"}
    assert found["HorizontalPodAutoscaler web"] == {"Namespace ml", "ResourceQuota ml/quota"}
    assert found["ConfigMap far"] == set()
    assert ref_of(balancer) in needs(bodies, wait=False)[ref_of(bodies[0])]


# -- readiness ---------------------------------------------------------------------------------------------------------


def _rolled(**status: Any) -> dict[str, Any]:
    whole = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, **status}
    body = _body("Deployment", version="apps/v1", spec={"replicas": 2}, status=whole)
    body["metadata"]["generation"] = 2
    return body


def _stated(kind: str, version: str, status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return _body(kind, version=version, spec=spec, status=status)


_LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
_REFUSED = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
_FAILED = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}
_GOING = {"deletionTimestamp": "2025-01-01T00:00:00Z", "finalizers": ["a/b"]}


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (_rolled(), Status.READY, ""),
        (_rolled(observedGeneration=1), Status.PENDING, "has not seen the change"),
        (_rolled(updatedReplicas=1), Status.PENDING, "1 of 2 new replicas"),
        (_rolled(replicas=3), Status.PENDING, "1 old replicas have not ended"),
        (_rolled(availableReplicas=0), Status.PENDING, "0 of 2 replicas are available"),
        (_rolled(availableReplicas=0, conditions=[_LATE]), Status.FAILED, "ProgressDeadlineExceeded: timed out"),
        (_rolled(conditions=[_LATE]), Status.READY, ""),
        (_rolled(updatedReplicas=0, conditions=[_REFUSED]), Status.PENDING, "FailedCreate: exceeded quota"),
        (_stated("StatefulSet", "apps/v1", {"readyReplicas": 1}, replicas=2), Status.PENDING, "1 of 2"),
        (
            _stated(
                "StatefulSet", "apps/v1", {"readyReplicas": 2, "updatedReplicas": 1, "updateRevision": "b"}, replicas=2
            ),
            Status.PENDING,
            "1 of 2 replicas are updated",
        ),
        (_stated("StatefulSet", "apps/v1", {"readyReplicas": 2, "updatedReplicas": 2}, replicas=2), Status.READY, ""),
        (
            _stated("DaemonSet", "apps/v1", {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}),
            Status.PENDING,
            "1 of 2 pods are updated",
        ),
        (_stated("DaemonSet", "apps/v1", {"desiredNumberScheduled": 0}), Status.READY, ""),
        (_stated("Job", "batch/v1", {"conditions": [_FAILED]}), Status.FAILED, "BackoffLimitExceeded"),
        (_stated("Job", "batch/v1", {"conditions": [{"type": "Complete", "status": "True"}]}), Status.READY, ""),
        (_stated("Job", "batch/v1", {"active": 1}), Status.PENDING, "0 of 1 pods have succeeded"),
        (_stated("PersistentVolumeClaim", "v1", {"phase": "Lost"}), Status.FAILED, "is gone"),
        (_stated("Pod", "v1", {"phase": "Failed", "reason": "Evicted"}), Status.FAILED, "Evicted"),
        (_stated("Service", "v1", {}, type="LoadBalancer"), Status.PENDING, "no address"),
        (_stated("Service", "v1", {}, type="ClusterIP"), Status.READY, ""),
        (_stated("Namespace", "v1", {"phase": "Terminating"}), Status.DELETING, "is being deleted"),
        (_stated("APIService", "apiregistration.k8s.io/v1", {}), Status.PENDING, "not available"),
        ({**_body("ConfigMap"), "metadata": {"name": "x", **_GOING}}, Status.DELETING, "held by the finalizer a/b"),
        (_body("Anything", version="example.org/v1"), Status.READY, ""),
    ],
)
def test_when_objects_are_ready(body: dict[str, Any], status: Status, reason: str) -> None:
    """By the rules of `kubectl rollout status`."""
    found = health(body)
    assert found.status is status
    assert reason in found.reason


def test_conditions_of_other_kinds() -> None:
    """By kind alone or with its group; what was seen before the last change does not count."""
    ready = {"type": "Ready", "status": "True"}
    body = _stated("Cert", "example.org/v1", {"conditions": [ready], "observedGeneration": 1})
    for kind in ("Cert", "Cert.example.org"):
        assert health(body, [WaitCondition(kind, "Ready")]).status is Status.READY
    body["metadata"]["generation"] = 2
    assert health(body, [WaitCondition("Cert", "Ready")]).status is Status.PENDING
    assert health(body, [WaitCondition("Cert.other.org", "Ready")]).status is Status.READY


def test_selectors_become_queries() -> None:
    """All four operators."""
    expressions = [
        {"key": "a", "operator": "In", "values": ["1", "2"]},
        {"key": "b", "operator": "NotIn", "values": ["3"]},
        {"key": "c", "operator": "Exists"},
        {"key": "d", "operator": "DoesNotExist"},
    ]
    told = selector_text({"matchLabels": {"x": "y"}, "matchExpressions": expressions})
    assert told == "x=y,a in (1,2),b notin (3),c,!d"


def test_labels_tell_whose_it_is() -> None:
    """The engine's words for it come back; a label `part-of` of the manifest stays."""
    owner = Owner("ml", "dev", "aws-dev")
    body = _body("ConfigMap")
    body["metadata"]["labels"] = {"app.kubernetes.io/part-of": "shop", MEMBER: "forged"}
    label(body, "first", owner)
    assert owner.owns(ownership(body))
    assert not Owner("ml", "dev", "gcp-dev").owns(ownership(body))
    assert body["metadata"]["labels"]["app.kubernetes.io/part-of"] == "shop"
    assert body["metadata"]["labels"][MEMBER] == set_id("first") != set_id("second")
    assert ownership({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}) == {"managed-by": "Helm"}
