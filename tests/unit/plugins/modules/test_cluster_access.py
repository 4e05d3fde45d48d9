"""`cluster_access` by its own `main()`: arguments in, a kubeconfig and a result out."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import params
from .test_modules import _shape as shape

SITE = {name: params()[name] for name in ("cloud", "region", "platform", "account")}
KEYS = {"changed", "resources", "diff", "outputs", "orphans", "kept", "seconds", "site", "started", "invocation"}
PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"


class Driver:
    """A cloud with one cluster, of the name that is asked for, unless it was deleted."""

    there = True
    asked: list[str | None] = []

    def __init__(self, site: Any, clock: Any) -> None:
        self.site = site

    def verify(self) -> list[str]:
        return ["account: these credentials belong to another."] if self.site.account == "999999999999" else []

    def access(self, cluster: str | None = None) -> Driver:
        self.asked.append(cluster)
        return self

    def endpoint(self) -> Any:
        errors = importlib.import_module(f"{self.prefix}._engine.errors")
        access = importlib.import_module(f"{self.prefix}._engine.access")
        if not self.there:
            raise errors.NotFound("no cluster of that name", code="ResourceNotFoundException")
        return access.Endpoint("one", f"https://{self.site.name}.example", PEM)

    def exec_plugin(self) -> dict[str, Any]:
        return {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "args": ["eks"]}

    prefix = ""


@pytest.fixture
def path(collection: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    module = importlib.import_module(f"{collection}.module_utils._access")
    monkeypatch.setattr(module, "driver_for", Driver)
    monkeypatch.setattr(Driver, "prefix", f"{collection}.module_utils")
    monkeypatch.setattr(Driver, "asked", [])
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def test_a_context_named_as_the_site_then_nothing_then_gone(
    call: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call("cluster_access", SITE)
    assert set(first) == KEYS | {"kubeconfig"}
    assert first["changed"]
    assert first["kubeconfig"] == {"path": str(path), "context": "aws-dev", "server": "https://aws-dev.example"}
    assert first["resources"][0]["action"] == "create"
    written = yaml.safe_load(path.read_text())
    assert [item["name"] for item in written["contexts"]] == ["aws-dev"]
    again = call("cluster_access", SITE)
    assert (again["changed"], again["diff"]) == (False, [])
    monkeypatch.setattr(Driver, "there", False)
    gone = call("cluster_access", {**SITE, "state": "absent"})
    assert gone["changed"]
    assert not call("cluster_access", {**SITE, "state": "absent"})["changed"]
    assert yaml.safe_load(path.read_text())["users"] == []


def test_several_sites_share_a_file(call: Any, path: Path) -> None:
    for name in ("aws-dev", "gcp-dev"):
        assert call("cluster_access", {**SITE, "site": name, "current": name == "gcp-dev"})["changed"]
    written = yaml.safe_load(path.read_text())
    assert [item["name"] for item in written["contexts"]] == ["aws-dev", "gcp-dev"]
    assert written["current-context"] == "gcp-dev"


def test_another_path_name_and_cluster(call: Any, path: Path, tmp_path: Path) -> None:
    more = {"path": str(tmp_path / "own"), "context": "work", "cluster_name": "group/other"}
    assert call("cluster_access", {**SITE, **more})["kubeconfig"]["context"] == "work"
    assert Driver.asked == ["group/other"]
    assert not path.exists()


def test_check_mode_says_what_is_done_and_writes_nothing(
    call: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = call("cluster_access", SITE, check=True)
    assert planned["changed"]
    assert planned["diff"][0]["after"]["server"] == "https://aws-dev.example"
    assert not path.exists()
    monkeypatch.setattr(Driver, "there", False)
    assert call("cluster_access", SITE, check=True)["changed"]
    assert "there is no cluster to reach" in call("cluster_access", SITE)["msg"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"account": "999999999999"}, "belong to another"),
        ({"context": " "}, "context: ' ' is not a name"),
        ({"state": "absent", "current": True}, "current has no effect"),
    ],
)
def test_what_speaks_against_it(call: Any, path: Path, more: dict[str, Any], words: str) -> None:
    result = call("cluster_access", {**SITE, **more})
    assert result["failed"]
    assert words in result["msg"]
    assert set(result) - KEYS == {"failed", "msg", "kubeconfig"}
    assert not path.exists()


def test_a_file_that_is_none_and_a_context_of_others(call: Any, path: Path) -> None:
    path.write_text("users: [ swordfish")
    result = call("cluster_access", SITE)
    assert "not valid YAML" in result["msg"]
    assert "swordfish" not in json.dumps(result)
    path.write_text("contexts: [{name: aws-dev, context: {cluster: a, user: b}}]")
    assert "adopt: true" in call("cluster_access", SITE)["msg"]
    assert call("cluster_access", {**SITE, "adopt": True})["changed"]


def test_documentation_describes_exactly_the_arguments_and_the_result(collection: str, call: Any, path: Path) -> None:
    module = importlib.import_module(f"{collection}.modules.cluster_access")
    described = yaml.safe_load(module.DOCUMENTATION)
    options: dict[str, Any] = dict(described["options"])
    for fragment in described["extends_documentation_fragment"]:
        text = importlib.import_module(f"{collection}.doc_fragments.{fragment.rpartition('.')[2]}").ModuleDocFragment
        options |= yaml.safe_load(text.DOCUMENTATION).get("options", {})
    assert shape(options, "suboptions") == shape(module.arguments(), "options")
    returned = yaml.safe_load(module.RETURN)
    assert set(returned) - {"msg"} == set(call("cluster_access", SITE)) - {"changed", "invocation"}
