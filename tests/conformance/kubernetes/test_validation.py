"""Objects that are refused: which field, for which reason, in the words that people search for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kubernetes_support import Running, deployment

_MERGE = "application/merge-patch+json"
_APPS, _BATCH = "/apis/apps/v1/namespaces/{}/", "/apis/batch/v1/namespaces/{}/"
_CORE, _NETWORK = "/api/v1/namespaces/{}/", "/apis/networking.k8s.io/v1/namespaces/{}/"
_JOB_POD = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "example.org/c:1"}]}}
_CONTAINER = "spec.template.spec.containers[0]"


def _container(**fields: Any) -> dict[str, Any]:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0] |= fields
    return body


def _pod(**fields: Any) -> dict[str, Any]:
    body = deployment()
    body["spec"]["template"]["spec"] |= fields
    return body


def _probe(**fields: Any) -> dict[str, Any]:
    return _container(livenessProbe=fields)


# Where, what, which field, for which reason, and what is said.
_REFUSED: dict[str, tuple[str, dict[str, Any], str, str, str]] = {
    "same name twice": (
        _APPS + "deployments",
        _pod(containers=[{"name": "a", "image": "x"}, {"name": "a", "image": "x"}]),
        "spec.template.spec.containers[1].name",
        "FieldValueDuplicate",
        'Duplicate value: "a"',
    ),
    "no containers": (
        _APPS + "deployments",
        _pod(containers=[]),
        "spec.template.spec.containers",
        "FieldValueRequired",
        "Required value",
    ),
    "port": (
        _APPS + "deployments",
        _container(ports=[{"containerPort": 70000}]),
        f"{_CONTAINER}.ports[0].containerPort",
        "FieldValueInvalid",
        "Invalid value: 70000: must be between 1 and 65535, inclusive",
    ),
    "more requested than allowed": (
        _APPS + "deployments",
        _container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        f"{_CONTAINER}.resources.requests",
        "FieldValueInvalid",
        'Invalid value: "2": must be less than or equal to cpu limit of 1',
    ),
    "name of a variable": (
        _APPS + "deployments",
        _container(env=[{"name": "a=b", "value": "x"}]),
        f"{_CONTAINER}.env[0].name",
        "FieldValueInvalid",
        'Invalid value: "a=b": a valid environment variable name must consist',
    ),
    "two values of a variable": (
        _APPS + "deployments",
        _container(
            env=[{"name": "a", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        ),
        f"{_CONTAINER}.env[0].valueFrom",
        "FieldValueInvalid",
        "may not be specified when `value` is not empty",
    ),
    "unknown volume": (
        _APPS + "deployments",
        _container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
        f"{_CONTAINER}.volumeMounts[0].name",
        "FieldValueNotFound",
        'Not found: "v"',
    ),
    "pull policy": (
        _APPS + "deployments",
        _container(imagePullPolicy="Sometimes"),
        f"{_CONTAINER}.imagePullPolicy",
        "FieldValueNotSupported",
        'Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    ),
    "pods of a Deployment go on": (
        _APPS + "deployments",
        _pod(restartPolicy="Never"),
        "spec.template.spec.restartPolicy",
        "FieldValueNotSupported",
        'Unsupported value: "Never": supported values: "Always"',
    ),
    "negative replicas": (
        _APPS + "deployments",
        deployment(replicas=-1),
        "spec.replicas",
        "FieldValueInvalid",
        "Invalid value: -1: must be greater than or equal to 0",
    ),
    "probe with two handlers": (
        _APPS + "deployments",
        _probe(httpGet={"path": "/", "port": 80}, tcpSocket={"port": 80}),
        f"{_CONTAINER}.livenessProbe.tcpSocket",
        "FieldValueForbidden",
        "may not specify more than 1 handler type",
    ),
    "probe without": (
        _APPS + "deployments",
        _probe(),
        f"{_CONTAINER}.livenessProbe",
        "FieldValueRequired",
        "must specify a handler type",
    ),
    "a rollout that cannot move": (
        _APPS + "deployments",
        deployment(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
        "spec.strategy.rollingUpdate.maxUnavailable",
        "FieldValueInvalid",
        "may not be 0 when `maxSurge` is 0",
    ),
    "a selector that selects others": (
        _APPS + "deployments",
        deployment(selector={"matchLabels": {"app": "other"}}),
        "spec.template.metadata.labels",
        "FieldValueInvalid",
        "`selector` does not match template `labels`",
    ),
    "service without ports": (
        _CORE + "services",
        {"metadata": {"name": "s"}, "spec": {}},
        "spec.ports",
        "FieldValueRequired",
        "Required value",
    ),
    "nameless ports": (
        _CORE + "services",
        {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}, {"port": 81}]}},
        "spec.ports[0].name",
        "FieldValueRequired",
        "Required value",
    ),
    "type of a service": (
        _CORE + "services",
        {"metadata": {"name": "s"}, "spec": {"type": "Magic", "ports": [{"port": 80}]}},
        "spec.type",
        "FieldValueNotSupported",
        'Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ),
    "node port": (
        _CORE + "services",
        {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}},
        "spec.ports[0].nodePort",
        "FieldValueInvalid",
        "The range of valid ports is 30000-32767",
    ),
    "name of a service": (
        _CORE + "services",
        {"metadata": {"name": "1s"}, "spec": {"ports": [{"port": 80}]}},
        "metadata.name",
        "FieldValueInvalid",
        'Invalid value: "1s": a DNS-1035 label must consist of lower case alphanumeric characters',
    ),
    "key of a ConfigMap": (
        _CORE + "configmaps",
        {"metadata": {"name": "m"}, "data": {"a b": "x"}},
        "data[a b]",
        "FieldValueInvalid",
        "a valid config key must consist of alphanumeric characters",
    ),
    "label": (
        _CORE + "configmaps",
        {"metadata": {"name": "m", "labels": {"a": "x y"}}},
        "metadata.labels",
        "FieldValueInvalid",
        'Invalid value: "x y": a valid label must be an empty string or consist of alphanumeric characters',
    ),
    "nameless": (
        _CORE + "configmaps",
        {"metadata": {}},
        "metadata.name",
        "FieldValueRequired",
        "name or generateName is required",
    ),
    "TLS without a key": (
        _CORE + "secrets",
        {"metadata": {"name": "t"}, "type": "kubernetes.io/tls", "data": {"tls.crt": ""}},
        "data[tls.key]",
        "FieldValueRequired",
        "Required value",
    ),
    "negative quota": (
        _CORE + "resourcequotas",
        {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "-1"}}},
        "spec.hard[pods]",
        "FieldValueInvalid",
        'Invalid value: "-1": must be greater than or equal to 0',
    ),
    "pods of a Job end": (
        _BATCH + "jobs",
        {"metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "x"}]}}}},
        "spec.template.spec.restartPolicy",
        "FieldValueNotSupported",
        'supported values: "Never", "OnFailure"',
    ),
    "schedule": (
        _BATCH + "cronjobs",
        {"metadata": {"name": "c"}, "spec": {"schedule": "often", "jobTemplate": {"spec": {"template": _JOB_POD}}}},
        "spec.schedule",
        "FieldValueInvalid",
        'Invalid value: "often"',
    ),
    "fewer at most than at least": (
        "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
        {
            "metadata": {"name": "h"},
            "spec": {"minReplicas": 5, "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "w"}},
        },
        "spec.maxReplicas",
        "FieldValueInvalid",
        "must be greater than or equal to `minReplicas`",
    ),
    "a budget of two minds": (
        "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
        {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "maxUnavailable": 2}},
        "spec",
        "FieldValueInvalid",
        "minAvailable and maxUnavailable cannot be both set",
    ),
    "network": (
        _NETWORK + "networkpolicies",
        {
            "metadata": {"name": "n"},
            "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "300.0.0.0/8"}}]}]},
        },
        "spec.ingress[0].from[0].ipBlock.cidr",
        "FieldValueInvalid",
        'Invalid value: "300.0.0.0/8"',
    ),
}
# Where, what is made, how it is changed, which field, what is said.
_FIXED: dict[str, tuple[str, dict[str, Any], dict[str, Any], str, str]] = {
    "selector": (
        _APPS + "deployments",
        deployment(),
        {"spec": {"selector": {"matchLabels": {"tier": "x"}}, "template": {"metadata": {"labels": {"tier": "x"}}}}},
        "spec.selector",
        "field is immutable",
    ),
    "template of a Job": (
        _BATCH + "jobs",
        {"metadata": {"name": "web"}, "spec": {"template": _JOB_POD}},
        {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "example.org/c:2"}]}}}},
        "spec.template",
        "field is immutable",
    ),
    "name of a StatefulSet's service": (
        _APPS + "statefulsets",
        {**deployment(serviceName="a"), "kind": "StatefulSet"},
        {"spec": {"serviceName": "b"}},
        "spec",
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy'",
    ),
    "claim": (
        _CORE + "persistentvolumeclaims",
        {
            "metadata": {"name": "web"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        },
        {"spec": {"accessModes": ["ReadWriteMany"]}},
        "spec",
        "spec is immutable after creation except resources.requests",
    ),
    "type of a Secret": (
        _CORE + "secrets",
        {"metadata": {"name": "web"}},
        {"type": "example.org/x"},
        "type",
        "field is immutable",
    ),
    "address of a Service": (
        _CORE + "services",
        {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}},
        {"spec": {"clusterIP": "10.96.7.7"}},
        "spec.clusterIPs[0]",
        "may not change once set",
    ),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_what_is_refused(cluster: Running, namespace: str, name: str) -> None:
    """422 Invalid with a cause per field, which the message repeats."""
    path, body, field, reason, words = _REFUSED[name]
    refused = cluster.request("POST", path.format(namespace), body)
    assert (refused.code, refused.body.get("reason")) == (422, "Invalid"), refused.body
    causes = {one["field"]: one for one in refused.body["details"]["causes"]}
    assert causes[field]["reason"] == reason
    assert words in causes[field]["message"]
    assert f"{field}: " in refused.body["message"]


@pytest.mark.parametrize("name", _FIXED)
def test_what_does_not_change(cluster: Running, namespace: str, name: str) -> None:
    """422 for an update of what is fixed for good."""
    path, body, change, field, words = _FIXED[name]
    made = cluster.post(path.format(namespace), body)
    refused = cluster.request("PATCH", f"{path.format(namespace)}/{made['metadata']['name']}", change, media=_MERGE)
    assert (refused.code, refused.body.get("reason")) == (422, "Invalid"), refused.body
    causes = {one["field"]: one["message"] for one in refused.body["details"]["causes"]}
    assert words in causes[field]


def test_what_cannot_be_read(cluster: Running, namespace: str) -> None:
    """400 for a value of another type, before any rule."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    amount = cluster.request("POST", path, _container(resources={"requests": {"cpu": "lots"}}))
    assert (amount.code, amount.body["reason"]) == (400, "BadRequest")
    assert "quantities must match the regular expression" in amount.body["message"]
    text = cluster.request("POST", path, _container(args="--flag"))
    assert (text.code, "cannot unmarshal string into Go struct field" in text.body["message"]) == (400, True)
