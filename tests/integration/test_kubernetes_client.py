"""The client of a cluster's API server: whom it trusts, how it stays admitted, what it makes of failures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from module_utils._engine.errors import AuthError, Conflict, NotFound, Unavailable
from module_utils._kubernetes.client import MANAGER
from module_utils._kubernetes.errors import FieldConflict, Invalid, UnknownKind
from module_utils._kubernetes.objects import Ref

from sandbox.core.faults import FaultRule
from sandbox.core.tls import Authority
from sandbox.kubernetes import UserInfo
from tests.integration.clusters import World, world


@pytest.fixture(scope="module")
def cluster() -> Iterator[World]:
    """One server for all."""
    with world() as made:
        yield made


@pytest.fixture(autouse=True)
def _healthy(cluster: World) -> Iterator[None]:
    yield
    cluster.faults.clear()


def _settings(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


_REF = "v1", "ConfigMap"


def test_objects_are_applied_read_listed_and_deleted(cluster: World) -> None:
    """A dry run leaves nothing behind."""
    client = cluster.client()
    ref = Ref(*_REF, "life", "default")
    assert client.apply(_settings("life", a="1"), dry_run=True)["data"] == {"a": "1"}
    with pytest.raises(NotFound):
        client.get(ref)
    made = client.apply(_settings("life", a="1"))
    assert made["metadata"]["managedFields"][0]["manager"] == MANAGER
    assert client.get(ref) == made
    assert [each["kind"] for each in client.list(*_REF, "default") if each["metadata"]["name"] == "life"]
    with pytest.raises(Conflict):
        client.delete(ref, uid="another")
    client.delete(ref, uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        client.delete(ref)


def test_long_lists_come_whole(cluster: World) -> None:
    """Page by page."""
    client = cluster.client()
    for number in range(4):
        client.apply(_settings(f"page-{number}"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("module_utils._kubernetes.client._PAGE", 3)
        with cluster.watched() as seen:
            found = client.list(*_REF, "default")
    assert {f"page-{number}" for number in range(4)} <= {each["metadata"]["name"] for each in found}
    assert len(seen) > 1


def test_discovery_costs_two_calls_for_all_threads(cluster: World) -> None:
    """And a kind that is unknown is asked for once more, because it may have been made since."""
    access = cluster.access()
    client = cluster.client(access)
    with cluster.watched() as seen, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: client.list(*_REF, "default"), range(16)))
    paths = [each["path"] for each in seen]
    assert sorted(path for path in paths if "configmaps" not in path) == ["/api", "/apis"]
    assert access.made == 1
    with cluster.watched() as seen, pytest.raises(UnknownKind) as told:
        client.kind("apps/v1", "Deploymnet")
    assert "Nearest: Deployment (apps/v1)" in str(told.value)
    assert [each["path"] for each in seen] == ["/api", "/apis"]
    with pytest.raises(UnknownKind, match="It serves Deployment in apps/v1"):
        client.kind("extensions/v1beta1", "Deployment")


def test_what_the_server_refuses_is_told(cluster: World) -> None:
    """With the field's path, and the other manager's name."""
    client = cluster.client()
    with pytest.raises(Invalid) as told:
        client.apply({**_settings("bad"), "dta": {}})
    assert told.value.fields[0].field == "dta"
    client.apply(_settings("shared", a="1"))
    path = "/api/v1/namespaces/default/configmaps/shared"
    client.raw(
        "PATCH",
        path,
        query={"fieldManager": "ops"},
        body={"data": {"a": "2"}},
        content_type="application/merge-patch+json",
    )
    with pytest.raises(FieldConflict) as conflict:
        client.apply(_settings("shared", a="1"))
    assert conflict.value.others == {"ops": ("data.a",)}
    assert client.apply(_settings("shared", a="1"), force=True)["data"] == {"a": "1"}


def test_a_token_is_renewed_before_it_ends_and_after_a_401(cluster: World) -> None:
    """Nobody notices either."""
    access = cluster.access(lifetime=3600)
    client = cluster.client(access)
    client.list(*_REF, "default")
    client.list(*_REF, "default")
    assert access.made == 1
    access.revoke()
    client.list(*_REF, "default")
    assert access.made == 2
    short = cluster.access(lifetime=30)
    client = cluster.client(short)
    client.list(*_REF, "default")
    assert short.made == 3, "each of three requests found a token in its last minute"


def test_who_may_not_is_told_so(cluster: World) -> None:
    """An identity without rights, and one that the server does not know."""
    nobody = cluster.client(cluster.access(UserInfo("nobody", groups=("system:authenticated",))))
    with pytest.raises(AuthError, match='User "nobody" cannot list resource "configmaps"'):
        nobody.list(*_REF, "default")
    access = cluster.access()
    access.check = lambda token: None  # type: ignore[method-assign]
    with pytest.raises(AuthError, match="not accepted by its cluster"):
        cluster.client(access).list(*_REF, "default")
    assert access.made == 2, "one more token, no more"


@pytest.mark.parametrize("kind", ["drop", "drop_after", "error", "slow"])
def test_a_broken_server_is_unavailable(cluster: World, kind: str) -> None:
    """Which the engine tries again; this client does not."""
    client = cluster.client(read_timeout=0.3)
    client.kind(*_REF)
    rule = cluster.faults.add(FaultRule(path="configmaps", kind=kind, seconds=0.6, times=1))
    with pytest.raises(Unavailable) as told:
        client.apply(_settings("fragile"))
    assert told.value.ambiguous
    assert rule.hits == 1
    client.apply(_settings("fragile"))


def test_only_the_clusters_own_ca_is_trusted(cluster: World, tmp_path: Any) -> None:
    """Whatever else the machine trusts."""
    access = cluster.access()
    access.ca = Authority(tmp_path, common_name="another").pem.decode()
    with pytest.raises(AuthError, match="certificate is not trusted"):
        cluster.client(access).list(*_REF, "default")
    gone = cluster.access()
    gone.server = "https://127.0.0.1:9"
    with pytest.raises(Unavailable):
        cluster.client(gone).list(*_REF, "default")


def test_warnings_of_the_server_are_kept(cluster: World) -> None:
    """Until somebody takes them."""
    client = cluster.client()
    client._heed({"Warning": '299 - "policy/v1beta1 is deprecated", 299 - "say \\"please\\""'})
    assert client.take_warnings() == ("policy/v1beta1 is deprecated", 'say "please"')
    assert client.take_warnings() == ()
