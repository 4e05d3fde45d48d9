"""What every cluster has from the start: roles, priorities, the Service of the API server itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .identity import AUTHENTICATED, MASTERS, UNAUTHENTICATED

if TYPE_CHECKING:
    from .cluster import Cluster

_RBAC = "rbac.authorization.k8s.io/v1"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
# What `view`, `edit` and `admin` mean: API group to resources.
_VIEWED: dict[str, list[str]] = {
    "": [
        "bindings",
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "namespaces",
        "namespaces/status",
        "persistentvolumeclaims",
        "persistentvolumeclaims/status",
        "pods",
        "pods/log",
        "pods/status",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "replicationcontrollers/status",
        "resourcequotas",
        "resourcequotas/status",
        "serviceaccounts",
        "services",
        "services/status",
    ],
    "apps": [
        "controllerrevisions",
        *(
            f"{name}{sub}"
            for name in ("daemonsets", "deployments", "replicasets", "statefulsets")
            for sub in ("", "/scale", "/status")
        ),
    ],
    "autoscaling": ["horizontalpodautoscalers", "horizontalpodautoscalers/status"],
    "batch": ["cronjobs", "cronjobs/status", "jobs", "jobs/status"],
    "discovery.k8s.io": ["endpointslices"],
    "networking.k8s.io": ["ingresses", "ingresses/status", "networkpolicies"],
    "policy": ["poddisruptionbudgets", "poddisruptionbudgets/status"],
}
_EDITED: dict[str, list[str]] = {
    "": [
        "configmaps",
        "endpoints",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/eviction",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "secrets",
        "serviceaccounts",
        "services",
    ],
    "apps": [
        *("daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale"),
        *("statefulsets", "statefulsets/scale"),
    ],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}
_ADMINISTERED = {"rbac.authorization.k8s.io": ["rolebindings", "roles"]}
_DISCOVERY = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
]
_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]


def bootstrap(cluster: Cluster) -> None:
    """Put it all there."""
    _roles(cluster)
    for name, value, text in (
        ("system-cluster-critical", 2000000000, "Used for system critical pods that must run in the cluster."),
        ("system-node-critical", 2000001000, "Used for system critical pods that must not be moved from their node."),
    ):
        cluster.put("scheduling.k8s.io/v1", "PriorityClass", name, value=value, description=text)
    labels = {"component": "apiserver", "provider": "kubernetes"}
    spec = {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]}
    cluster.put("v1", "Service", "kubernetes", "default", metadata={"labels": labels}, spec=spec)


def _roles(cluster: Cluster) -> None:
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    _role(cluster, "cluster-admin", everything, [("Group", MASTERS)])
    _role(cluster, "system:discovery", [_paths(_DISCOVERY)], [("Group", AUTHENTICATED)])
    public = [("Group", AUTHENTICATED), ("Group", UNAUTHENTICATED)]
    _role(cluster, "system:public-info-viewer", [_paths(_PUBLIC)], public)
    reviews = [
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            "verbs": ["create"],
        },
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ]
    _role(cluster, "system:basic-user", reviews, [("Group", AUTHENTICATED)])
    own_rules = user_rules()
    for name, into in (("view", "edit"), ("edit", "admin"), ("admin", "")):
        rules = own_rules[name]
        labels = {f"{_AGGREGATE}{name}": "true"}
        _role(cluster, f"system:aggregate-to-{name}", rules, [], labels)
        own = {f"{_AGGREGATE}{into}": "true"} if into else {}
        selector = {"clusterRoleSelectors": [{"matchLabels": labels}]}
        cluster.put(
            _RBAC, "ClusterRole", name, metadata={"labels": {**_LABELS, **own}}, aggregationRule=selector, rules=[]
        )


def user_rules() -> dict[str, list[dict[str, Any]]]:
    """What ``view`` allows, what ``edit`` adds to that, and what ``admin`` adds to both."""
    view = [_rule(group, names, _READ) for group, names in _VIEWED.items()]
    edit = [_rule(group, names, _WRITE) for group, names in _EDITED.items()]
    edit += [_rule("", ["secrets"], _READ), _rule("", ["serviceaccounts"], ["impersonate"])]
    edit += [_rule("", ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], ["get", *_WRITE])]
    edit += [_rule("", ["serviceaccounts/token"], ["create"]), _rule("", ["pods/eviction"], ["create"])]
    admin = [_rule(group, names, [*_READ, *_WRITE]) for group, names in _ADMINISTERED.items()]
    admin += [_rule("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"])]
    return {"view": view, "edit": edit, "admin": admin}


def _role(
    cluster: Cluster,
    name: str,
    rules: list[dict[str, Any]],
    subjects: list[tuple[str, str]],
    labels: dict[str, str] | None = None,
) -> None:
    meta = {"labels": {**_LABELS, **(labels or {})}}
    cluster.put(_RBAC, "ClusterRole", name, metadata=meta, rules=rules)
    if subjects:
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        found = [{"apiGroup": role["apiGroup"], "kind": kind, "name": who} for kind, who in subjects]
        cluster.put(_RBAC, "ClusterRoleBinding", name, metadata=meta, roleRef=role, subjects=found)


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _paths(paths: list[str]) -> dict[str, Any]:
    return {"nonResourceURLs": paths, "verbs": ["get"]}
