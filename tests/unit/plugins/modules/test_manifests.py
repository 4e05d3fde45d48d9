"""`manifests` by its own `main()`: arguments in, objects in a cluster and a result out."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.clusters import World, world

from ..conftest import params

SITE = {name: params()[name] for name in ("cloud", "region", "platform", "account")}
KEYS = {"changed", "resources", "diff", "outputs", "orphans", "kept", "seconds", "site", "started", "invocation"}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"beta": "true"}}
SPACE = """
apiVersion: v1
kind: Namespace
metadata:
  name: ml
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Secret
    metadata: {name: token}
    stringData: {token: very-secret-value}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[World]:
    """One server for all."""
    with world() as made:
        yield made


@pytest.fixture
def there(collection: str, cluster: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Every site's cluster is that one, while `cluster` is true."""
    state = {"cluster": True}

    class Driver:
        def __init__(self, site: Any, clock: Any) -> None:
            pass

        def verify(self) -> list[str]:
            return []

        def access(self, name: str | None = None) -> Any:
            access = cluster.access()
            if not state["cluster"]:
                errors = importlib.import_module(
                    f"{collection}._engine.errors".replace("plugins.", "plugins.module_utils.")
                )

                def missing() -> Any:
                    raise errors.NotFound(f"no cluster {name}")

                access.endpoint = missing  # type: ignore[method-assign]
            return access

    module = importlib.import_module(f"{collection}.module_utils._manifests")
    monkeypatch.setattr(module, "driver_for", Driver)
    return state


def _actions(result: dict[str, Any]) -> dict[str, str]:
    assert not result.get("failed"), result["msg"]
    return {one["name"]: one["action"] for one in result["resources"] if one["action"] != "none"}


def test_files_and_definitions_become_one_set(call: Any, there: Any, tmp_path: Path) -> None:
    """Which is then left alone, changed, and removed. Its Secret shows nowhere."""
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "README.md").write_text("not a manifest")
    asked = {**SITE, "name": "first", "namespace": "ml", "src": [str(tmp_path)], "definitions": [CONFIG]}
    planned = call("manifests", asked, check=True)
    first = call("manifests", asked)
    assert set(first) == KEYS
    made = {"default/applyset-first": "create", "ml": "create", "ml/token": "create", "ml/flags": "create"}
    assert _actions(planned) == _actions(first) == made
    assert "very-secret" not in json.dumps(first)
    again = call("manifests", asked)
    assert (again["changed"], again["diff"]) == (False, [])
    assert again["outputs"] == {"set": "first", "addresses": {}}
    changed = call("manifests", {**asked, "definitions": [{**CONFIG, "data": {"beta": "false"}}]})
    assert [one["after"] for one in changed["diff"]] == [{"data.beta": "false"}]
    gone = call("manifests", {**SITE, "name": "first", "state": "absent"})
    assert _actions(gone) == dict.fromkeys(made, "delete")
    assert not call("manifests", {**SITE, "name": "first", "state": "absent"})["changed"]


def test_secrets_of_the_arguments_are_not_echoed(call: Any, there: Any) -> None:
    """Not even where Ansible repeats them."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "swordfish-1"}}
    result = call("manifests", {**SITE, "name": "echo", "definitions": [secret]})
    assert result["changed"]
    assert "swordfish" not in json.dumps(result)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "There are no manifests"),
        ({"templates": ["x.j2"]}, "by the full name multicloud.platform.manifests"),
        ({"src": ["/nowhere.yaml"]}, "src: /nowhere.yaml cannot be read"),
        ({"definitions": [{}]}, "hold no object"),
        ({"definitions": [CONFIG], "name": "Not_Legal"}, "name: 'Not_Legal' must be"),
        ({"definitions": [{"kind": "ConfigMap"}]}, "Manifest 1: apiVersion is missing"),
    ],
)
def test_what_speaks_against_it(call: Any, there: Any, more: dict[str, Any], words: str) -> None:
    """The result keeps its shape."""
    result = call("manifests", {**SITE, "name": "wrong", **more})
    assert result["failed"]
    assert words in result["msg"]
    assert set(result) - KEYS == {"failed", "msg"}


def test_without_a_cluster(call: Any, there: dict[str, bool]) -> None:
    """Everything would be made, nothing can be, and nothing is left to remove."""
    there["cluster"] = False
    asked = {**SITE, "name": "early", "definitions": [CONFIG]}
    planned = call("manifests", asked, check=True)
    assert _actions(planned) == {"default/applyset-early": "create", "flags": "create"}
    assert "no cluster" in call("manifests", asked)["msg"]
    assert not call("manifests", {**SITE, "name": "early", "state": "absent"})["changed"]
