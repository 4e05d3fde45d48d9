"""Every recorded write of a managed kind plans as the real cloud answered. See harness.py."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance import harness

CLOUDS = ("gcp", "azure")


def _files() -> list[tuple[str, Path]]:
    return [(cloud, path) for cloud in CLOUDS for path in sorted((harness.recordings() / cloud).glob("*.jsonl"))]


@pytest.mark.skipif(not _files(), reason="no recorded traffic here: set RECORDINGS")
@pytest.mark.parametrize(("cloud", "path"), _files() or [("", Path())], ids=lambda part: getattr(part, "stem", part))
def test_recorded_writes_plan_as_the_cloud_answered(
    cloud: str, path: Path, record_property: Callable[[str, object], None]
) -> None:
    adapter = importlib.import_module(f"tests.conformance.{cloud}").ADAPTER
    result = harness.examine(harness.load(path), adapter)
    for kind, (cases, passed) in result.cases.items():
        record_property("conformance", f"{cloud}|{kind}|{cases}|{passed}")
    assert not result.failures, "\n".join(result.failures)
