"""(m) The same objects by kubernetes.core.k8s and by our manifests, on one cluster of one emulator, in turns."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.fixture import Sandbox
from tests.benchmarks.measure import Cost

HERE = Path(__file__).parent
Run = Callable[..., Cost]


def objects(count: int, space: str) -> list[dict[str, Any]]:
    """So many objects of five kinds that are ready as soon as they are there, and their namespace."""

    def body(version: str, kind: str, number: int, **more: Any) -> dict[str, Any]:
        meta = {"name": f"object-{number:03}", "namespace": space, "labels": {"part": str(number % 7)}}
        return {"apiVersion": version, "kind": kind, "metadata": meta, **more}

    made: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}]
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    for number in range(count - 1):
        made.append(
            (
                body("v1", "ConfigMap", number, data={"a": str(number), "b": "text " * 20}),
                body("v1", "Service", number, spec={"selector": {"app": str(number)}, "ports": [{"port": 80}]}),
                body("v1", "ServiceAccount", number),
                body("rbac.authorization.k8s.io/v1", "Role", number, rules=[rule]),
                body(
                    "networking.k8s.io/v1", "NetworkPolicy", number, spec={"podSelector": {}, "policyTypes": ["Egress"]}
                ),
            )[number % 5]
        )
    return made


def reach(sandbox: Sandbox, directory: Path) -> dict[str, str]:
    """How the peers' module gets into the cluster: they take an address, a token and the file of a CA."""
    sys.path.insert(0, str(HERE.parents[1] / "plugins"))
    os.environ.update(sandbox.environment())
    from module_utils._capability import driver
    from module_utils._engine.clock import SystemClock
    from module_utils._spec.site import Site

    site = Site("aws", "us-east-1", "bench", "123456789012", endpoints=sandbox.endpoints("aws"))
    access = driver(site, SystemClock()).access()
    endpoint = access.endpoint()
    file = directory / "ca.pem"
    file.write_text(endpoint.ca)
    return {"host": endpoint.server, "ca": str(file), "token": access.token().value}


def against_peers(sandbox: Sandbox, directory: Path, play: Run, counts: tuple[int, ...]) -> dict[str, Any]:
    """play(playbook, variables): one ansible-playbook run. Seconds and calls of each way, and how often ours fit in."""

    def measured(playbook: str, **variables: Any) -> dict[str, float]:
        before = len(sandbox.journal("aws"))
        cost = play(playbook, json.dumps(variables))
        asked = [one for one in sandbox.journal("aws", before) if one["operation"].startswith("kubernetes.")]
        return {
            "wall": cost.wall,
            "cpu": cost.cpu,
            "calls": len(asked),
            "writes": sum(1 for one in asked if one["write"]),
        }

    play(str(HERE / "ours" / "aws.yml"), "{}")
    result: dict[str, Any] = {}
    for count in counts:
        for way in ("loop", "list", "ours"):
            space = f"{way}-{count}"
            for phase in ("first", "unchanged"):
                more: dict[str, Any]
                if way == "ours":
                    playbook, more = "ours/manifests.yml", {"set_name": space}
                else:
                    playbook, more = "peers/manifests.yml", {"by": way, "cluster": reach(sandbox, directory)}
                name = f"{way}_{count}_{phase}"
                result[name] = measured(str(HERE / playbook), objects=objects(count, space), **more)
                print(f"{name}: {result[name]['wall']:.1f} s", flush=True)  # the peers' loops take minutes
        for phase in ("first", "unchanged"):
            ours = result[f"ours_{count}_{phase}"]
            for way in ("loop", "list"):
                theirs = result[f"{way}_{count}_{phase}"]
                result[f"ratio_{way}_{count}_{phase}"] = {key: theirs[key] / ours[key] for key in ("wall", "cpu")}
    return result
