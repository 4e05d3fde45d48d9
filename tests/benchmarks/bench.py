"""The benchmarks of `make bench`: tables on the terminal, figures in build/bench.json.

Absolute times belong to the machine; what counts are the ratios, measured in one run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from sandbox.fixture import Sandbox
from tests.benchmarks.manifests import against_peers as objects_in_a_cluster
from tests.benchmarks.measure import Cost, run
from tests.benchmarks.sites import inventory

ROOT = Path(__file__).parents[2]
PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
HERE = Path(__file__).parent
SCALE = 12.0  # realistic profile: 9 minutes of EKS pass in 45 s
CLOUDS = ("aws", "gcp", "azure")


def environment(sandbox: Sandbox) -> dict[str, str]:
    """What ansible-playbook and the SDKs need, and nothing of the caller's Ansible settings."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "AWS_", "AZURE_"))}
    return {
        **clean,
        **sandbox.environment(),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build" / "collections"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_NOCOLOR": "1",
    }


def calls(sandbox: Sandbox, since: dict[str, int], *, writes: bool = False) -> int:
    """API calls since a mark (token requests are none)."""
    entries = [entry for cloud in sandbox.clouds for entry in sandbox.journal(cloud, since.get(cloud, 0))]
    return sum(1 for entry in entries if entry["write"] or not writes)


def mark(sandbox: Sandbox) -> dict[str, int]:
    return {cloud: len(sandbox.journal(cloud)) for cloud in sandbox.clouds}


def rollout(sandbox: Sandbox, directory: Path, sites: int, label: str, *arguments: str) -> tuple[Cost, Path]:
    """One run of playbooks/site.yml over `sites` sites; its report directory beside the cost."""
    reports = directory / f"reports-{label}"
    hosts = directory / f"inventory-{sites}.yml"
    hosts.write_text(yaml.safe_dump(inventory(sandbox, sites), sort_keys=False))
    command = [PLAYBOOK, "-i", str(hosts), "--forks", str(max(sites, 5)), str(ROOT / "playbooks" / "site.yml")]
    extra = {"platform_report_dir": str(reports)}
    return run([*command, "-e", json.dumps(extra), *arguments], environment(sandbox), directory), reports


def critical_path(reports: Path) -> tuple[float, str]:
    """Seconds of the longest chain of objects that waited for one another, over all sites, and what it ends in."""
    longest = (0.0, "")
    for path in reports.glob("*.json"):
        entries = json.loads(path.read_text()).get("resources", [])
        ends: dict[str, float] = {}
        for entry in entries:  # the report lists what is needed before what needs it
            before = max((ends.get(need, 0.0) for need in entry["needs"]), default=0.0)
            ends[f"{entry['kind']}/{entry['name']}"] = before + entry["seconds"]
        longest = max([longest, *((end, key.partition("/")[0]) for key, end in ends.items())])
    return longest


def against_peers(directory: Path) -> dict[str, Any]:
    """(a) The same AWS objects by the peers' modules and by ours, on one emulator, in turns."""
    result: dict[str, Any] = {}
    with Sandbox(clouds=("aws",)) as sandbox:
        for name in ("peers", "ours"):
            for phase in ("first", "unchanged"):
                since = mark(sandbox)
                cost = run([PLAYBOOK, str(HERE / name / "aws.yml")], environment(sandbox), directory)
                result[f"{name}_{phase}"] = {
                    "wall": cost.wall,
                    "cpu": cost.cpu,
                    "calls": calls(sandbox, since),
                    "writes": calls(sandbox, since, writes=True),
                }
    for phase in ("first", "unchanged"):
        theirs, ours = result[f"peers_{phase}"], result[f"ours_{phase}"]
        result[f"ratio_{phase}"] = {key: theirs[key] / ours[key] for key in ("wall", "cpu", "calls")}
    return result


def unchanged(directory: Path) -> dict[str, Any]:
    """(b) Three sites, rolled out, then run again with nothing to do."""
    with Sandbox(clouds=CLOUDS) as sandbox:
        rollout(sandbox, directory, 3, "b-first")
        since = mark(sandbox)
        cost, _ = rollout(sandbox, directory, 3, "b-again")
        per_cloud = {cloud: len(sandbox.journal(cloud, since[cloud])) for cloud in CLOUDS}
        return {"wall": cost.wall, "cpu": cost.cpu, "calls": per_cloud, "writes": calls(sandbox, since, writes=True)}


def realistic(directory: Path) -> dict[str, Any]:
    """(c) First rollout with real durations, scaled, against its own critical path."""
    with Sandbox(clouds=CLOUDS, profile="realistic", scale=SCALE) as sandbox:
        cost, reports = rollout(sandbox, directory, 3, "c")
    path, end = critical_path(reports)
    return {"wall": cost.wall, "critical_path": path, "ends_in": end, "ratio": cost.wall / path, "scale": SCALE}


def scaling(directory: Path, counts: tuple[int, ...]) -> dict[str, Any]:
    """(d) More and more sites: time, and memory of the controller."""
    result = {}
    for count in counts:
        with Sandbox(clouds=CLOUDS) as sandbox:
            cost, _ = rollout(sandbox, directory, count, f"d-{count}")
            result[str(count)] = {"wall": cost.wall, "cpu": cost.cpu, "controller_mib": cost.controller_mib}
    return result


def manifests(directory: Path, counts: tuple[int, ...]) -> dict[str, Any]:
    """(m) Objects in a cluster: peers' module, one by one and as a list, against ours."""
    with Sandbox(clouds=("aws",)) as sandbox:

        def play(playbook: str, variables: str) -> Cost:
            file = directory / "variables.json"  # too long for a command line
            file.write_text(variables)
            return run([PLAYBOOK, playbook, "-e", f"@{file}"], environment(sandbox), directory)

        return objects_in_a_cluster(sandbox, directory, play, counts)


def clusters(directory: Path) -> dict[str, Any]:
    """(k) An embedded cluster: start, memory, lists and applies, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.clusters"]
    variables = {**os.environ, "TMPDIR": str(directory)}
    done = subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def show(title: str, rows: dict[str, Any]) -> None:
    print(f"\n{title}\n{'-' * len(title)}")
    for name, row in rows.items():
        cells = row.items() if isinstance(row, dict) else {"": row}.items()
        line = "  ".join(f"{key} {cell:.2f}" if isinstance(cell, float) else f"{key} {cell}" for key, cell in cells)
        print(f"{name:<18} {line}")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="abcdkm", help="letters of the benchmarks to run")
    parser.add_argument("--sites", default="1,3,10,30", help="site counts of benchmark d")
    parser.add_argument("--objects", default="20,200", help="object counts of benchmark m")
    chosen = parser.parse_args()
    objects = tuple(int(count) for count in chosen.objects.split(","))
    counts = tuple(int(count) for count in chosen.sites.split(","))
    parts: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
        "a": ("(a) AWS objects: peers' modules against ours", against_peers),
        "b": ("(b) three sites, nothing to do", unchanged),
        "c": ("(c) first rollout, real durations scaled, against its critical path", realistic),
        "d": ("(d) more sites", lambda directory: scaling(directory, counts)),
        "k": ("(k) an embedded Kubernetes cluster: start, lists, applies", clusters),
        "m": (
            "(m) manifests: objects in a cluster, peers' module against ours",
            lambda where: manifests(where, objects),
        ),
    }
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    figures = json.loads(target.read_text()) if target.exists() else {}
    # Clients are measured: real servers behind the emulated databases would only take their processors away.
    os.environ["SANDBOX_ENGINES"] = "none"
    for letter in chosen.only:
        title, work = parts[letter]
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            (Path(directory) / "ansible.cfg").touch()  # the nearest configuration counts: an empty one
            figures[letter] = work(Path(directory))
        show(title, figures[letter])
        target.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"\nfigures: {target.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
