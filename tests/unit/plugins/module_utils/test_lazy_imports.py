"""Loading the collection's code loads no SDK: a task for one cloud must not pay for the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[4] / "plugins"
SDKS = {"boto3", "botocore", "google", "azure", "msal", "requests", "urllib3", "cryptography"}
MODULES = sorted(
    ".".join(path.relative_to(PLUGINS).with_suffix("").parts)
    for path in (PLUGINS / "module_utils").rglob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.parametrize("cloud", ["_aws", "_gcp", "_azure", "_engine", "_spec", ""])
def test_importing_loads_no_sdk(cloud: str) -> None:
    names = [name for name in MODULES if name.split(".")[1] == cloud or (not cloud and name.count(".") == 1)]
    assert names
    code = (
        f"import sys, importlib\nfor name in {names}: importlib.import_module(name)\nprint(*sorted(set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=PLUGINS, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert SDKS & set(loaded) == set()
