"""What the Dockerfile promises, read from it: no Docker is needed."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

HERE = Path(__file__).parents[1]


def stages() -> list[list[tuple[str, str]]]:
    """Instructions of each build stage, continuation lines joined."""
    text = (HERE / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    instructions = [(word.upper(), rest) for word, _space, rest in (line.partition(" ") for line in lines)]
    found: list[list[tuple[str, str]]] = []
    for word, rest in instructions:
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def test_the_image_runs_as_a_user_without_a_shell_and_knows_no_secret() -> None:
    last = dict(stages()[-1])
    assert last["USER"] == "10001:10001"
    assert json.loads(last["ENTRYPOINT"])[1:] == ["-m", "ml_inference"]
    assert "RUN" not in last, "what runs in the last stage runs for every platform, and leaves its traces there"
    assert last["EXPOSE"] == "8080"
    assert last["FROM"].endswith("-slim")


def test_only_the_model_is_made_on_the_machine_that_builds() -> None:
    """Packages hold machine code: they have to be installed on the platform that the image is for."""
    made_here = [stage[0][1] for stage in stages() if "$BUILDPLATFORM" in stage[0][1]]
    assert [re.findall(r"AS (\w+)", each) for each in made_here] == [["model"]]


def test_everything_that_is_copied_is_there_and_passes_the_ignore_file() -> None:
    allowed = [line[1:] for line in (HERE / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    names = [stage[0][1].partition(" AS ")[2] for stage in stages()]
    for stage in stages():
        for word, rest in stage:
            if word != "COPY":
                continue
            *sources, _target = [part for part in rest.split() if not part.startswith("--")]
            origin = re.findall(r"--from=(\S+)", rest)
            if origin:
                assert origin[0] in names
                continue
            for source in sources:
                assert (HERE / source).exists(), source
                passed = [one for one in allowed if one == source or one.startswith(f"{source}/")]
                passed += [one for one in allowed if Path(source).match(one)]
                assert passed, source


def test_the_package_has_its_model_and_installs_what_it_imports() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["package-data"] == {"ml_inference": ["model.onnx"]}
    listed = {
        re.split(r"[>=<\[]", line)[0].replace("-", "_") for line in (HERE / "requirements.txt").read_text().split()
    }
    imported = set()
    for path in (HERE / "ml_inference").glob("*.py"):
        imported |= set(re.findall(r"^(?:import|from) (\w+)", path.read_text(), re.MULTILINE))
    assert imported & {"fastapi", "uvicorn", "numpy", "onnxruntime", "prometheus_client"} == listed
