"""What images are on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.kubernetes.controllers import PullFailure
from sandbox.kubernetes.programs import default_images


@pytest.mark.parametrize("registry", ["", "localhost:5000/", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo/"])
def test_name_and_tag_decide(registry: str, tmp_path: Path) -> None:
    """The application, releases that crash, releases that are not there; whatever the registry."""
    images = default_images(tmp_path)
    for reference in ("ml-inference:1.2.3", "ml-inference@sha256:00"):
        program = images(registry + reference)
        assert program is not None
        assert program.entrypoint == ("python", "-m", "ml_inference")
        assert program.directory == tmp_path / "ml-inference"
    broken = images(f"{registry}ml-inference:broken-1")
    assert broken is not None
    code = subprocess.run([sys.executable, *broken.entrypoint[1:]], capture_output=True, text=True, check=False)
    assert (code.returncode, "cannot start" in code.stderr) == (1, True)
    for tag in ("missing", "missing-2", "broken-pull"):
        with pytest.raises(PullFailure, match="not found"):
            images(f"{registry}ml-inference:{tag}")
    assert images(f"{registry}nginx:1.29") is None
