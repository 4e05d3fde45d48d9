"""The collection as Ansible loads it, with the fake cloud behind it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils import _internal as ansible_internal
from ansible.module_utils.common import warnings as ansible_warnings
from ansible.module_utils.testing import patch_module_args
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "ansible_collections.multicloud.platform.plugins"
FAKES = ("fake_world", "fake_stores", "fake_cloud")  # the last one is the driver


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Makes `import ansible_collections.multicloud.platform...` work; the import prefix of its plugins."""
    paths = tmp_path_factory.mktemp("collections")
    (paths / "ansible_collections" / "multicloud").mkdir(parents=True)
    (paths / "ansible_collections" / "multicloud" / "platform").symlink_to(ROOT)
    if AnsibleCollectionConfig.collection_finder is None:
        _AnsibleCollectionFinder(paths=[str(paths)])._install()
    return PREFIX


@pytest.fixture(scope="session")
def fake(collection: str) -> ModuleType:
    """The fake cloud, loaded as if it were part of module_utils."""
    for part in FAKES:
        name = f"{collection}.module_utils._{part}"
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{part}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_cloud(fake: ModuleType, collection: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every driver is the fake one; the directory with its state."""
    for name in ("_run", "_backup", "_restore"):
        module = importlib.import_module(f"{collection}.module_utils.{name}")
        monkeypatch.setattr(module, "driver_for", fake.FakeDriver)
    monkeypatch.setenv("FAKE_CLOUD", str(tmp_path))
    return tmp_path


@pytest.fixture
def call(collection: str, fake_cloud: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a module's `main()`; returns its result, `failed` included."""
    # Whoever has loaded the controller's side in this process would have warnings shown instead of returned.
    monkeypatch.setattr(ansible_internal, "is_controller", False)

    def run(name: str, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
        module = importlib.import_module(f"{collection}.modules.{name}")
        ansible_warnings._global_warnings.clear()  # a module's process has none of those before it
        capsys.readouterr()
        with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        return dict(json.loads(capsys.readouterr().out))

    return run


def params(**more: Any) -> dict[str, Any]:
    """Arguments of a site with one of everything."""
    return {
        "cloud": "aws",
        "region": "eu-central-1",
        "platform": "mlp",
        "account": "123456789012",
        "network": {"addresses": {"aws-dev": "0"}},
        "cluster": {"endpoint": "private", "size": "small"},
        "object_store": {"buckets": [{"name": "models"}]},
        **more,
    }


def stores(**more: Any) -> dict[str, Any]:
    """Blocks of a site with one of every data store."""
    return {
        "secret_store": {"secrets": [{"name": "api-key"}]},
        "database": {"servers": [{"name": "main"}]},
        "cache": {"instances": [{"name": "main"}]},
        "registry": {"repositories": [{"name": "api"}]},
        **more,
    }


@dataclass
class Playbooks:
    """Runs `ansible-playbook` with the collection as it stands here, except that every cloud is the fake one."""

    directory: Path
    inventory: dict[str, Any]

    @property
    def reports(self) -> Path:
        return self.directory / "reports"

    def state(self, site: str) -> dict[str, Any]:
        """What the fake cloud of a site holds."""
        path = self.directory / "cloud" / f"{site}.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def command(self, playbook: str, *arguments: str) -> list[str]:
        (self.directory / "inventory.yml").write_text(yaml.safe_dump(self.inventory))
        # The fake cloud's clusters have nothing inside.
        inside = ("--skip-tags", "kubernetes_base,application")
        command = str(Path(sys.executable).with_name("ansible-playbook"))
        return [command, "-i", "inventory.yml", playbook, *arguments, *inside]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        return {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(self.directory),
            "ANSIBLE_LOCAL_TEMP": str(self.directory / "local"),
            "ANSIBLE_HOME": str(self.directory / "home"),
            "FAKE_CLOUD": str(self.directory / "cloud"),
            **more,
        }

    def run(self, playbook: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(playbook, *arguments),
            cwd=self.directory,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def playbooks(tmp_path: Path) -> Playbooks:
    """Three sites on the fake cloud."""
    home = tmp_path / "ansible_collections" / "multicloud" / "platform"
    (home / "plugins").mkdir(parents=True)
    (tmp_path / "cloud").mkdir()
    for name in ("meta", "roles", "playbooks", "galaxy.yml"):
        (home / name).symlink_to(ROOT / name)
    for name in ("modules", "action", "doc_fragments", "plugin_utils", "lookup"):
        (home / "plugins" / name).symlink_to(ROOT / "plugins" / name)
    utils = home / "plugins" / "module_utils"
    shutil.copytree(ROOT / "plugins" / "module_utils", utils)
    for part in FAKES:
        shutil.copy(Path(__file__).with_name(f"{part}.py"), utils / f"_{part}.py")
    (utils / "_capability.py").write_text("from ._fake_cloud import FakeDriver as driver\n")
    accounts = {"aws": "123456789012", "gcp": "project", "azure": "subscription"}
    clouds = {
        cloud: {"hosts": {f"{cloud}-dev": {"site_cloud": cloud, "site_region": "here", "site_account": account}}}
        for cloud, account in accounts.items()
    }
    variables = {
        "platform_name": "mlp",
        "platform_report_dir": str(tmp_path / "reports"),
        "network_addresses": {"aws-dev": 0, "gcp-dev": 1, "azure-dev": 2},
        "cluster_endpoint": "private",
        "object_store_buckets": [{"name": "models"}],
    }
    return Playbooks(tmp_path, {"all": {"vars": variables, "children": clouds}})
