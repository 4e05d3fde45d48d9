"""The data plane of container registries, by Microsoft's own client."""

from __future__ import annotations

from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from tests.sandbox.azure_support import GROUP, LOCATION, Subscription

MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2},
    "layers": [],
}


@pytest.fixture
def manager(azure: Subscription) -> Any:
    azure.make_group()
    azure.resources.providers.register("Microsoft.ContainerRegistry")
    made = azure.client(ContainerRegistryManagementClient, api_version="2025-11-01")
    body = {"location": LOCATION, "sku": {"name": "Basic"}, "properties": {}}
    made.registries.begin_create(GROUP, "platformimages", body).result()
    return made


def images(azure: Subscription, manager: Any, secret: str = "") -> Any:
    server = manager.registries.get(GROUP, "platformimages").login_server
    credential = azure.credential_with(secret) if secret else azure.credential
    return ContainerRegistryClient(
        f"https://{server}",
        credential,
        audience="https://containerregistry.azure.net",
        connection_verify=azure.ca,
        retry_total=0,
    )


def push(client: Any, name: str, tag: str = "v1", **more: Any) -> str:
    return str(client.set_manifest(name, {**MANIFEST, **more}, tag=tag))


def test_repositories_come_and_go_with_what_they_hold(azure: Subscription, manager: Any) -> None:
    client = images(azure, manager)
    assert list(client.list_repository_names()) == []
    push(client, "serving")
    push(client, "serving", "v2", annotations={"a": "b"})
    push(client, "training/base")

    assert list(client.list_repository_names(results_per_page=1)) == ["serving", "training/base"]
    found = client.get_repository_properties("serving")
    assert (found.manifest_count, found.tag_count) == (2, 2)
    assert client.get_manifest("serving", "v1").manifest["schemaVersion"] == 2
    client.delete_repository("serving")
    assert list(client.list_repository_names()) == ["training/base"]
    with pytest.raises(ResourceNotFoundError):
        client.get_repository_properties("serving")


def test_images_go_with_their_registry(azure: Subscription, manager: Any) -> None:
    push(images(azure, manager), "serving")
    manager.registries.begin_delete(GROUP, "platformimages").result()
    body = {"location": LOCATION, "sku": {"name": "Basic"}, "properties": {}}
    manager.registries.begin_create(GROUP, "platformimages", body).result()

    assert list(images(azure, manager).list_repository_names()) == []


def test_a_token_opens_what_its_scope_names(azure: Subscription, manager: Any) -> None:
    import requests

    client = images(azure, manager)
    push(client, "serving")
    server = manager.registries.get(GROUP, "platformimages").login_server

    def ask(method: str, path: str, token: str = "", **form: str) -> Any:
        session = requests.Session()
        session.trust_env = False
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"https://{server}{path}"
        return session.request(method, url, data=form or None, headers=headers, verify=azure.ca, timeout=30)

    directory = azure.credential.get_token("https://containerregistry.azure.net/.default").token
    given = ask("POST", "/oauth2/exchange", grant_type="access_token", service=server, access_token=directory).json()
    form = {"grant_type": "refresh_token", "service": server, "refresh_token": given["refresh_token"]}
    reading = ask("POST", "/oauth2/token", scope="repository:serving:metadata_read", **form).json()["access_token"]

    assert ask("GET", "/acr/v1/serving", reading).status_code == 200
    refused = ask("DELETE", "/acr/v1/serving", reading)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")
    assert 'scope="repository:serving:delete"' in refused.headers["WWW-Authenticate"]
    assert ask("GET", "/acr/v1/_catalog").status_code == 401
    other = ask("POST", "/oauth2/exchange", grant_type="access_token", service=server, access_token="x.y.z")
    assert other.status_code == 401


def test_other_credentials_open_nothing(azure: Subscription, manager: Any) -> None:
    with pytest.raises(ClientAuthenticationError):
        list(images(azure, manager, secret="wrong").list_repository_names())
