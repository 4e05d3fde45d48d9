"""How AKS clusters are reached: with Entra, and without."""

from __future__ import annotations

import base64
from collections import namedtuple
from typing import Any

import pytest
import yaml
from module_utils._azure.client import Answer
from module_utils._azure.driver import AzureDriver
from module_utils._engine.clock import SystemClock
from module_utils._engine.errors import AuthError, Conflict, OperationFailed, Unavailable, Unsupported
from module_utils._spec.site import Credentials, Site

SUB = "00000000-0000-0000-0000-000000000001"
PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
AccessToken = namedtuple("AccessToken", "token expires_on")


def kubeconfig(user: dict[str, Any]) -> dict[str, Any]:
    authority = base64.b64encode(PEM.encode()).decode()
    cluster = {"server": "https://ml.hcp.azmk8s.io:443", "certificate-authority-data": authority}
    config = {"clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}]}
    value = base64.b64encode(yaml.safe_dump(config).encode()).decode()
    return {"kubeconfigs": [{"name": "clusterUser", "value": value}]}


def access(answer: Any, cluster: str | None = None, **site: Any) -> tuple[Any, list[str]]:
    """An access, and the paths that it asks."""
    driver = AzureDriver(Site("azure", "westeurope", "ml", SUB, **site), SystemClock())
    asked: list[str] = []

    def send(method: str, path: str, kind: str) -> Answer:
        asked.append(f"{method} {path}")
        if isinstance(answer, Exception):
            raise answer
        return Answer(200, answer)

    driver.session.client.send = send  # type: ignore[method-assign, assignment]
    return driver.access(cluster), asked


WITH_ENTRA = kubeconfig({"exec": {"command": "kubelogin"}})


def test_the_endpoint_comes_from_the_users_own_kubeconfig() -> None:
    one, asked = access(WITH_ENTRA)
    found = one.endpoint()
    assert (found.cluster, found.server, found.ca) == ("ml-azure-dev", "https://ml.hcp.azmk8s.io:443", PEM)
    path = f"/subscriptions/{SUB}/resourceGroups/ml-azure-dev/providers/Microsoft.ContainerService/managedClusters"
    assert asked == [f"POST {path}/ml-azure-dev/listClusterUserCredential"]


def test_another_cluster_is_named_by_group_and_name() -> None:
    assert "/resourceGroups/theirs/" in access(WITH_ENTRA, "theirs/other")[0].path
    assert access(WITH_ENTRA, "other")[0].path.endswith(
        "/resourceGroups/ml-azure-dev/providers/Microsoft.ContainerService/managedClusters/other"
    )


class Login:
    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.scopes: list[str] = []

    def get_token(self, scope: str) -> AccessToken:
        self.scopes.append(scope)
        return AccessToken(self.tokens[0], 1_700_000_000)


def test_a_token_is_entras_for_the_application_of_all_aks_servers() -> None:
    one, _asked = access(WITH_ENTRA)
    client, login = one.session.client, Login("first")
    client._made["credential"] = login
    client._make_credential = lambda: Login("second")
    token = one.token()
    assert (token.value, token.expires) == ("first", 1_700_000_000)
    assert login.scopes == ["6dae42f8-4368-4678-94ff-3960e28e3630/.default"]
    assert "first" not in repr(token)
    assert one.token().value == "second"  # what was handed out before is not handed out again


def test_without_entra_the_users_token_is_used_and_never_written() -> None:
    one, asked = access(kubeconfig({"token": "static"}))
    token = one.token()
    assert (token.value, token.expires) == ("static", None)
    assert not [path for path in asked if "Admin" in path]
    with pytest.raises(Unsupported, match="Entra"):
        one.exec_plugin()


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (Credentials(), "--login azurecli"),
        (Credentials(source="cli", tenant_id="t-1"), "--login azurecli --tenant-id t-1"),
        (Credentials(source="managed_identity", client_id="c-1"), "--login msi --client-id c-1"),
        (Credentials(source="environment"), "--login spn"),
    ],
)
def test_peoples_clients_get_tokens_by_kubelogin(credentials: Credentials, words: str) -> None:
    plugin = access(WITH_ENTRA, credentials=credentials)[0].exec_plugin()
    assert plugin["command"] == "kubelogin"
    line = " ".join(plugin["args"])
    for option in words.split(" --"):
        assert option.removeprefix("--") in line
    assert "--server-id 6dae42f8-4368-4678-94ff-3960e28e3630" in line
    assert "--environment AzurePublicCloud" in line


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Conflict("is being created", code="OperationNotAllowed", status=409), Unavailable, "being created"),
        (AuthError("no", code="AuthorizationFailed", status=403), AuthError, "Cluster User Role"),
        ({"kubeconfigs": []}, OperationFailed, "no kubeconfig"),
    ],
)
def test_what_stands_in_the_way(answer: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        access(answer)[0].endpoint()
