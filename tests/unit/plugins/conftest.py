"""The collection as Ansible loads it, with the fake cloud behind it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "ansible_collections.multicloud.platform.plugins"


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
    name = f"{collection}.module_utils._fake_cloud"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("fake_cloud.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_cloud(fake: ModuleType, collection: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every driver is the fake one; the directory with its state."""
    run = importlib.import_module(f"{collection}.module_utils._run")
    monkeypatch.setattr(run, "driver_for", fake.FakeDriver)
    monkeypatch.setenv("FAKE_CLOUD", str(tmp_path))
    return tmp_path


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
