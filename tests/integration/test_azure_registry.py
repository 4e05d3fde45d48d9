"""The registry of a site on Azure: its whole life, seen by Microsoft's own clients. The cache: test_azure_cache.py."""

from __future__ import annotations

from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from module_utils._azure.kinds_access import ROLES
from module_utils._engine.errors import SpecError

from sandbox.fixture import Sandbox
from tests.integration import sites
from tests.integration.azure_stores import BASE, acts, carry_out, fields, run, seen, writes
from tests.sandbox.azure_support import Subscription

IMAGES = f"{BASE}-registry"


@pytest.fixture
def cloud() -> str:
    return "azure"


@pytest.fixture
def azure(sandbox: Sandbox) -> Subscription:
    return Subscription(sandbox)


REGISTRY: dict[str, Any] = {"registry": {"repositories": [{"name": "serving"}, {"name": "training"}]}}


def manager(azure: Subscription) -> Any:
    return azure.client(ContainerRegistryManagementClient, api_version="2025-11-01")


def the_registry(azure: Subscription) -> Any:
    (found,) = manager(azure).registries.list_by_resource_group(IMAGES)
    return found


def images(azure: Subscription) -> Any:
    server = the_registry(azure).login_server
    audience = "https://containerregistry.azure.net"
    return ContainerRegistryClient(
        f"https://{server}", azure.credential, audience=audience, connection_verify=azure.ca, retry_total=0
    )


def push(azure: Subscription, repository: str, tag: str = "v1") -> None:
    kind = "application/vnd.oci.image.manifest.v1+json"
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2}
    body = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}
    images(azure).set_manifest(repository, body, tag=tag)


def test_a_registry_lives(site: dict[str, Any], sandbox: Sandbox, azure: Subscription) -> None:
    planned = run(site, REGISTRY, check=True)
    made = run(site, REGISTRY)
    assert acts(made) == acts(planned)
    found = the_registry(azure)
    assert (found.sku.name, found.admin_user_enabled, found.anonymous_pull_enabled) == ("Premium", False, False)
    retention = found.policies.retention_policy
    assert (retention.status, retention.days) == ("enabled", 14)
    shown = made.outputs["registry"]
    assert shown["url"] == found.login_server
    assert shown["repositories"]["serving"] == f"{found.login_server}/serving"
    mark = seen(sandbox)
    again = run(site, REGISTRY, find_orphans=True)
    assert (acts(again), again.orphans, writes(sandbox, mark)) == ({}, [], [])
    assert len(sandbox.journal("azure", mark)) <= 26, [entry["operation"] for entry in sandbox.journal("azure", mark)]

    drift = {"properties": {"adminUserEnabled": True, "policies": {"retentionPolicy": {"status": "disabled"}}}}
    manager(azure).registries.begin_update(IMAGES, found.name, drift).result()
    repaired = run(site, REGISTRY)
    changed = {"properties.adminUserEnabled", "properties.policies.retentionPolicy.status"}
    assert fields(repaired) == changed
    assert the_registry(azure).admin_user_enabled is False

    gone = run(site, REGISTRY, state="absent", find_orphans=True)
    assert gone.orphans == []
    assert list(azure.resources.resources.list_by_resource_group("NetworkWatcherRG"))  # of the subscription, not ours
    assert [item.name for item in azure.resources.resource_groups.list() if item.name.startswith(BASE)] == []


def repositories(*given: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"registry": {"repositories": list(given), **options}}


def test_images_are_not_lost_by_accident(site: dict[str, Any], azure: Subscription) -> None:
    serving = {"name": "serving"}
    run(site, repositories(serving))
    push(azure, "serving")
    push(azure, "by-hand")
    with pytest.raises(SpecError, match="the repository holds images"):
        carry_out(site, repositories({**serving, "state": "absent"}))
    with pytest.raises(SpecError, match="the registry holds images: by-hand, serving"):
        carry_out(site, repositories(serving), state="absent")
    with pytest.raises(SpecError, match="the registry holds images: by-hand"):
        carry_out(site, repositories({**serving, "force": True}), state="absent")
    assert sorted(images(azure).list_repository_names()) == ["by-hand", "serving"]

    report = run(site, repositories({**serving, "state": "absent", "force": True}))
    assert list(acts(report).values()) == ["delete"]
    assert list(images(azure).list_repository_names()) == ["by-hand"]
    assert acts(run(site, repositories({**serving, "state": "absent", "force": True}))) == {}
    run(site, repositories({"name": "by-hand", "force": True}), state="absent")
    assert list(manager(azure).registries.list()) == []


def test_who_may_not_read_a_registry_does_not_delete_it(
    site: dict[str, Any], sandbox: Sandbox, azure: Subscription
) -> None:
    run(site, REGISTRY)
    sandbox.fault("azure", operation="GET registry/", kind="error", status=403, code="DENIED", times=-1)
    with pytest.raises(SpecError, match="cannot be told whether the registry is empty"):
        carry_out(site, REGISTRY, state="absent")


def test_a_tier_is_raised_by_what_is_asked_and_lowered_again(site: dict[str, Any], azure: Subscription) -> None:
    run(site, repositories(untagged_expire_days=0))
    assert the_registry(azure).sku.name == "Basic"
    raised = run(site, repositories(untagged_expire_days=30))
    assert "sku.name" in fields(raised)
    assert the_registry(azure).policies.retention_policy.days == 30
    name = the_registry(azure).name
    manager(azure).replications.begin_create(IMAGES, name, "north", {"location": "northeurope"}).result()
    with pytest.raises(SpecError, match=r"replications \(north\) has to stay Premium"):
        carry_out(site, repositories(untagged_expire_days=0))
    manager(azure).replications.begin_delete(IMAGES, name, "north").result()
    run(site, repositories(untagged_expire_days=0))
    found = the_registry(azure)
    assert (found.sku.name, found.policies.retention_policy.status) == ("Basic", "disabled")


def test_a_registry_has_a_key_of_the_site_from_the_beginning_or_never(
    site: dict[str, Any], azure: Subscription
) -> None:
    secured = repositories(encryption="customer")
    run(site, secured)
    held = the_registry(azure).encryption
    assert held.status == "enabled"
    assert held.key_vault_properties.key_identifier.endswith("/keys/registry")
    assert acts(run(site, secured, find_orphans=True)) == {}
    with pytest.raises(SpecError, match=r"properties\.encryption\.status"):
        carry_out(site, repositories())
    assert run(site, secured, state="absent", find_orphans=True).orphans == []


def test_the_nodes_may_pull(site: dict[str, Any], azure: Subscription) -> None:
    whole = {**sites.CAPABILITIES, **REGISTRY}
    whole = {name: whole[name] for name in ("network", "cluster", "registry")}
    run(site, whole)

    def grants() -> list[Any]:
        scope = the_registry(azure).id
        found = azure.roles.role_assignments.list_for_scope(scope, filter="atScope()")
        return [each for each in found if each.scope.lower() == scope.lower()]

    (grant,) = grants()
    kubelet = azure.identities.user_assigned_identities.get(BASE, f"{BASE}-kubelet")
    assert grant.principal_id == kubelet.principal_id
    assert grant.role_definition_id.endswith(ROLES["acr-pull"])
    assert acts(run(site, whole)) == {}
    alone = {"registry": {**REGISTRY["registry"], "pull": True}}
    assert acts(run(site, alone)) == {}
    denied = {**whole, "registry": {**REGISTRY["registry"], "pull": False}}
    assert list(acts(run(site, denied)).values()) == ["delete"]
    assert grants() == []
    assert set(acts(run(site, alone)).values()) == {"create"}
    assert len(grants()) == 1
    taken = {"registry": {**REGISTRY["registry"], "pull": False}}
    assert list(acts(run(site, taken)).values()) == ["delete"]
    assert grants() == []
    assert acts(run(site, taken)) == {}


def test_a_registry_whose_cluster_is_gone_can_go_too(site: dict[str, Any], azure: Subscription) -> None:
    cluster = {"network": sites.CAPABILITIES["network"], "cluster": sites.CAPABILITIES["cluster"]}
    pulled = {"registry": {**REGISTRY["registry"], "pull": True}}
    with pytest.raises(SpecError, match="kubelet"):
        carry_out(site, pulled)
    run(site, {"registry": {**REGISTRY["registry"], "pull": False}})
    run(site, {**cluster, **pulled})
    run(site, cluster, state="absent")
    gone = run(site, pulled, state="absent", find_orphans=True)
    assert (list(manager(azure).registries.list()), gone.orphans) == ([], [])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"immutable_tags": True}, "registry.immutable_tags: .* az acr repository update"),
        ({"scan_on_push": True}, "Microsoft Defender for Containers"),
        ({"untagged_expire_days": 400}, "counts to 365 days"),
        ({"azure": {"sku": "Standard"}}, "only Premium can"),
        ({"azure": {"sku": "Basic"}, "untagged_expire_days": 0, "encryption": "customer"}, "encryption: customer"),
    ],
)
def test_what_a_registry_cannot_do_is_refused(
    site: dict[str, Any], sandbox: Sandbox, options: dict[str, Any], words: str
) -> None:
    mark = seen(sandbox)
    with pytest.raises(SpecError, match=words):
        carry_out(site, repositories(**options))
    assert sandbox.journal("azure", mark) == []


def test_a_name_that_somebody_has_is_told_before_anything_is_made(site: dict[str, Any], azure: Subscription) -> None:
    run(site, REGISTRY)
    name = the_registry(azure).name
    run(site, REGISTRY, state="absent")
    azure.make_group("elsewhere")
    body = {"location": "westeurope", "sku": {"name": "Basic"}, "properties": {}}
    manager(azure).registries.begin_create("elsewhere", name, body).result()
    with pytest.raises(SpecError, match=f"{name}: the name cannot be used .*already in use"):
        carry_out(site, REGISTRY)
    assert [each.name for each in azure.resources.resource_groups.list() if each.name.startswith(BASE)] == []
