"""The sample application in a cluster, as plain manifests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from module_utils._engine.access import Endpoint, Token

NAMESPACE = "ml-serving"
LABELS = {"app": "ml-inference"}
IRIS = [5.1, 3.5, 1.4, 0.2]


@dataclass(frozen=True)
class Reached:
    """The way to an embedded server, with a token that does not end."""

    server: str
    ca: str
    bearer: str

    def endpoint(self) -> Endpoint:
        return Endpoint("test", self.server, self.ca)

    def token(self) -> Token:
        return Token(self.bearer)

    def exec_plugin(self) -> dict[str, Any]:
        return {}


def manifests(cloud: str, region: str, *, image: str = "registry.example/ml-inference:1.0.0") -> list[dict[str, Any]]:
    """Namespace, policy, Deployment, Service, HPA and PDB of the application, two pods of it."""
    value_of = {"fieldRef": {"fieldPath": "metadata.name"}}
    container = {
        "name": "main",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [
            {"name": "CLOUD", "value": cloud},
            {"name": "REGION", "value": region},
            {"name": "DRAIN_SECONDS", "value": "0"},
            {"name": "POD_NAME", "valueFrom": value_of},
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1},
    }
    return [
        _object("v1", "Namespace", NAMESPACE, namespace=None),
        _object("networking.k8s.io/v1", "NetworkPolicy", "default-deny", {"podSelector": {}, "policyTypes": BOTH}),
        _object(
            "apps/v1",
            "Deployment",
            "ml-inference",
            {
                "replicas": 2,
                "selector": {"matchLabels": LABELS},
                "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
            },
        ),
        _object(
            "v1",
            "Service",
            "ml-inference",
            {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        ),
        _object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "ml-inference",
            {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "ml-inference"},
                "minReplicas": 2,
                "maxReplicas": 3,
            },
        ),
        _object(
            "policy/v1", "PodDisruptionBudget", "ml-inference", {"selector": {"matchLabels": LABELS}, "minAvailable": 1}
        ),
    ]


BOTH = ["Ingress", "Egress"]


def application(cloud: str, region: str, **changes: Any) -> dict[str, Any]:
    """What is to be true of it: an entry of `verify_applications`. changes: of the request for a prediction."""
    return {
        "name": "ml-inference",
        "namespace": NAMESPACE,
        "requests": [
            {"name": "health", "path": "/health", "expect": {"status": "ok"}},
            {
                "name": "predict",
                "path": "/predict",
                "method": "POST",
                "body": {"instances": [IRIS]},
                "expect": {"predictions.0.class": "setosa", "cloud": cloud, "region": region},
                "samples": 5,
                **changes,
            },
        ],
    }


def _object(
    api_version: str, kind: str, name: str, spec: dict[str, Any] | None = None, namespace: str | None = NAMESPACE
) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, **place},
        **({"spec": spec} if spec is not None else {}),
    }
