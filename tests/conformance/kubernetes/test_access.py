"""Who may do what (RBAC, tokens, reviews), and how much (quotas, limit ranges)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from sandbox.kubernetes import UserInfo
from tests.sandbox.kubernetes_support import Running, deployment, eventually

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_MERGE = "application/merge-patch+json"
_POD = {"containers": [{"name": "c", "image": "example.org/c:1"}]}


def _token(cluster: Running, namespace: str, name: str = "default") -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    made = cluster.post(path, {"spec": {"expirationSeconds": 600}})
    assert made["status"]["expirationTimestamp"]
    return str(made["status"]["token"])


def _allow(cluster: Running, namespace: str, account: str, *verbs: str, resources: tuple[str, ...]) -> None:
    base = f"{_RBAC}/namespaces/{namespace}"
    rule = {"apiGroups": ["", "apps"], "resources": list(resources), "verbs": list(verbs)}
    cluster.post(f"{base}/roles", {"metadata": {"name": "some"}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    role = {"kind": "Role", "name": "some", "apiGroup": "rbac.authorization.k8s.io"}
    cluster.post(f"{base}/rolebindings", {"metadata": {"name": "some"}, "roleRef": role, "subjects": [subject]})


def test_an_account_may_only_what_it_was_given(cluster: Running, namespace: str) -> None:
    """403 says who, what and where."""
    token = _token(cluster, namespace)
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    refused = cluster.request("GET", path, token=token)
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["message"] == (
        f'configmaps is forbidden: User "system:serviceaccount:{namespace}:default" cannot list resource "configmaps" '
        f'in API group "" in the namespace "{namespace}"'
    )
    _allow(cluster, namespace, "default", "get", "list", resources=("configmaps",))
    eventually(lambda: cluster.request("GET", path, token=token).code == 200)
    assert cluster.request("POST", path, {"metadata": {"name": "x"}}, token=token).code == 403
    assert cluster.request("GET", "/api/v1/configmaps", token=token).code == 403
    assert cluster.request("GET", "/api/v1/namespaces/default/configmaps", token=token).code == 403
    assert cluster.request("GET", "/apis", token=token).code == 200


def test_an_apply_that_creates_needs_create(cluster: Running, namespace: str) -> None:
    """patch alone changes what is there."""
    token = _token(cluster, namespace)
    _allow(cluster, namespace, "default", "patch", resources=("deployments",))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web?fieldManager=m"
    media = "application/apply-patch+yaml"

    def refused() -> bool:
        answer = cluster.request("PATCH", path, deployment(), media=media, token=token)
        assert answer.code == 403
        return "cannot create resource" in answer.body["message"]

    eventually(refused)
    cluster.apply(path.partition("?")[0], deployment(), manager="m")
    assert cluster.request("PATCH", path, deployment(replicas=2), media=media, token=token).code == 200


def test_nobody_hands_out_more_than_they_have(cluster: Running, namespace: str) -> None:
    """Roles and bindings are checked against the rights of who writes them."""
    token = _token(cluster, namespace)
    rule = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create"]}
    base = f"{_RBAC}/namespaces/{namespace}"
    own = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    cluster.post(f"{base}/roles", {"metadata": {"name": "roles"}, "rules": [rule, own]})
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    cluster.post(
        f"{base}/rolebindings",
        {"metadata": {"name": "roles"}, "roleRef": {"kind": "Role", "name": "roles"}, "subjects": [subject]},
    )
    role = {"metadata": {"name": "a"}, "rules": [own]}
    eventually(lambda: cluster.request("POST", f"{base}/roles", role, token=token).code == 201)
    more = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    refused = cluster.request("POST", f"{base}/roles", {"metadata": {"name": "b"}, "rules": [more]}, token=token)
    assert refused.code == 403
    assert "attempting to grant RBAC permissions not currently held" in refused.body["message"]
    binding = {
        "metadata": {"name": "c"},
        "roleRef": {"kind": "ClusterRole", "name": "admin"},
        "subjects": [subject],
    }
    assert cluster.request("POST", f"{base}/rolebindings", binding, token=token).code == 403


@pytest.mark.manager
def test_cluster_roles_aggregate(cluster: Running, namespace: str) -> None:
    """`view` contains what is labelled for it; users come from the token check of the cluster."""
    binding = {
        "metadata": {"name": f"view-{namespace}"},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "developers"}],
    }
    assert cluster.request("GET", "/api/v1/pods", token="alice-token").code == 403
    cluster.post(f"{_RBAC}/clusterrolebindings", binding)
    eventually(lambda: cluster.request("GET", "/api/v1/pods", token="alice-token").code == 200)
    assert cluster.request("GET", "/api/v1/secrets", token="alice-token").code == 403
    extra = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    meta = {"name": f"more-{namespace}", "labels": labels}
    cluster.post(f"{_RBAC}/clusterroles", {"metadata": meta, "rules": [extra]})
    eventually(lambda: cluster.request("GET", "/api/v1/secrets", token="alice-token").code == 200)
    moved = {"roleRef": {"kind": "ClusterRole", "name": "edit"}}
    fixed = cluster.request("PATCH", f"{_RBAC}/clusterrolebindings/view-{namespace}", moved, media=_MERGE)
    assert (fixed.code, "cannot change roleRef" in fixed.body["message"]) == (422, True)


def test_without_a_token(cluster: Running) -> None:
    """Anonymous sees health and version alone."""
    assert cluster.request("GET", "/readyz", token=None).code == 200
    assert cluster.request("GET", "/version", token=None).code == 200
    refused = cluster.request("GET", "/apis", token=None)
    assert (refused.code, refused.body["message"]) == (
        403,
        'forbidden: User "system:anonymous" cannot get path "/apis"',
    )


def test_tokens_end(cluster: Running, namespace: str) -> None:
    """With their account; a signature that does not fit is none."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    cluster.post(path, {"metadata": {"name": "robot"}})
    token = _token(cluster, namespace, "robot")
    assert cluster.request("GET", "/api", token=token).code == 200
    assert cluster.request("GET", "/api", token=token[:-4] + "AAAA").code == 401
    cluster.request("DELETE", f"{path}/robot")
    eventually(lambda: cluster.request("GET", "/api", token=token).code == 401)


def _reviewed(cluster: Running, review: dict[str, Any], allowed: bool) -> bool:
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return cluster.post(path, review)["status"]["allowed"] is allowed


def test_reviews(cluster: Running, namespace: str) -> None:
    """Access, rules, identity, tokens."""
    _allow(cluster, namespace, "default", "get", resources=("pods",))
    token = _token(cluster, namespace)
    name = f"system:serviceaccount:{namespace}:default"
    reviews = "/apis/authorization.k8s.io/v1"
    for verb, allowed in (("get", True), ("delete", False)):
        spec = {"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": namespace}}
        review = {"spec": {**spec, "user": name}}
        eventually(partial(_reviewed, cluster, review, allowed))
        own = cluster.request("POST", f"{reviews}/selfsubjectaccessreviews", {"spec": spec}, token=token)
        assert own.body["status"]["allowed"] is allowed
    rules = cluster.request(
        "POST", f"{reviews}/selfsubjectrulesreviews", {"spec": {"namespace": namespace}}, token=token
    )
    assert {"apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get"]} in rules.body["status"]["resourceRules"]
    identity = "/apis/authentication.k8s.io/v1"
    who = cluster.request("POST", f"{identity}/selfsubjectreviews", {}, token=token).body["status"]["userInfo"]
    assert (who["username"], f"system:serviceaccounts:{namespace}" in who["groups"]) == (name, True)
    checked = cluster.post(f"{identity}/tokenreviews", {"spec": {"token": token}})["status"]
    assert (checked["authenticated"], checked["user"]["username"]) == (True, name)
    assert "authenticated" not in cluster.post(f"{identity}/tokenreviews", {"spec": {"token": "no"}})["status"]


@pytest.mark.manager
def test_quotas_count_objects(cluster: Running, namespace: str) -> None:
    """403 with requested, used and limited; the status follows."""
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    hard = {"services": "1", "count/deployments.apps": "1"}
    cluster.post(quotas, {"metadata": {"name": "few"}, "spec": {"hard": hard}})
    eventually(lambda: cluster.get(f"{quotas}/few").get("status", {}).get("hard") == hard)
    services = f"/api/v1/namespaces/{namespace}/services"
    spec = {"ports": [{"port": 80}]}
    cluster.post(services, {"metadata": {"name": "a"}, "spec": spec})
    refused = cluster.request("POST", services, {"metadata": {"name": "b"}, "spec": spec})
    assert (refused.code, refused.body["message"]) == (
        403,
        'services "b" is forbidden: exceeded quota: few, requested: services=1, used: services=1, limited: services=1',
    )
    wanted = {"services": "1", "count/deployments.apps": "0"}
    eventually(lambda: cluster.get(f"{quotas}/few").get("status") == {"hard": hard, "used": wanted})
    cluster.request("DELETE", f"{services}/a")
    eventually(lambda: cluster.request("POST", services, {"metadata": {"name": "b"}, "spec": spec}).code == 201)


@pytest.mark.manager
def test_quotas_add_up_compute(cluster: Running, namespace: str) -> None:
    """Requests of all containers; pods that say nothing are refused."""
    hard = {"requests.cpu": "1", "limits.memory": "1Gi", "pods": "5"}
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    cluster.post(quotas, {"metadata": {"name": "compute"}, "spec": {"hard": hard}})
    eventually(lambda: cluster.get(f"{quotas}/compute").get("status", {}).get("hard") == hard)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    silent = cluster.request("POST", pods, {"metadata": {"name": "silent"}, "spec": _POD})
    assert silent.body["message"] == (
        'pods "silent" is forbidden: failed quota: compute: must specify limits.memory for: c; requests.cpu for: c'
    )

    def sized(cpu: str) -> dict[str, Any]:
        resources = {"requests": {"cpu": cpu}, "limits": {"memory": "100Mi"}}
        return {"containers": [{**_POD["containers"][0], "resources": resources}]}

    cluster.post(pods, {"metadata": {"name": "a"}, "spec": sized("600m")})
    over = cluster.request("POST", pods, {"metadata": {"name": "b"}, "spec": sized("0.5")})
    assert "requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1" in over.body["message"]
    cluster.post(pods, {"metadata": {"name": "b"}, "spec": sized("400m")})


def test_limit_ranges(cluster: Running, namespace: str) -> None:
    """Defaults for containers that say nothing, 403 for too much."""
    limit = {"type": "Container", "default": {"memory": "64Mi"}, "max": {"memory": "128Mi"}}
    ranges = f"/api/v1/namespaces/{namespace}/limitranges"
    cluster.post(ranges, {"metadata": {"name": "sizes"}, "spec": {"limits": [limit]}})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    made = cluster.post(pods, {"metadata": {"name": "a"}, "spec": _POD})
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "64Mi"},
        "requests": {"memory": "64Mi"},
    }
    big = {"containers": [{**_POD["containers"][0], "resources": {"limits": {"memory": "1Gi"}}}]}
    refused = cluster.request("POST", pods, {"metadata": {"name": "b"}, "spec": big})
    assert (refused.code, refused.body["message"]) == (
        403,
        'pods "b" is forbidden: maximum memory usage per Container is 128Mi, but limit is 1Gi',
    )


@pytest.mark.manager
def test_an_unknown_account_or_priority(cluster: Running, namespace: str) -> None:
    """A pod names things that have to be there."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    refused = cluster.request("POST", pods, {"metadata": {"name": "a"}, "spec": {**_POD, "serviceAccountName": "no"}})
    assert (refused.code, 'serviceaccount "no" not found' in refused.body["message"]) == (403, True)
    spec = {**_POD, "priorityClassName": "no"}
    assert cluster.request("POST", pods, {"metadata": {"name": "a"}, "spec": spec}).code == 403
    high = {**_POD, "priorityClassName": "system-cluster-critical"}
    assert cluster.post(pods, {"metadata": {"name": "a"}, "spec": high})["spec"]["priority"] == 2000000000


def test_the_token_check_is_the_clouds(cluster: Running) -> None:
    """Users carry what the check said, and are authenticated."""
    identity = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    who = cluster.request("POST", identity, {}, token="alice-token").body["status"]["userInfo"]
    assert UserInfo(who["username"], groups=tuple(who["groups"])) == UserInfo(
        "alice", groups=("developers", "system:authenticated")
    )


def test_acting_as_somebody_else(cluster: Running, namespace: str) -> None:
    """As ``kubectl --as`` does: with the rights of the other, and only when allowed to."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    account = f"system:serviceaccount:{namespace}:default"
    refused = cluster.request("GET", path, Impersonate_User=account)
    assert (refused.code, f'User "{account}" cannot list' in refused.body["message"]) == (403, True)
    _allow(cluster, namespace, "default", "list", resources=("pods",))
    eventually(lambda: cluster.request("GET", path, Impersonate_User=account).code == 200)
    masters = cluster.request("GET", path, Impersonate_User="somebody", Impersonate_Group="system:masters")
    assert masters.code == 200
    token = _token(cluster, namespace)
    stolen = cluster.request("GET", path, token=token, Impersonate_User="admin")
    assert (stolen.code, 'cannot impersonate resource "users"' in stolen.body["message"]) == (403, True)
