"""A kubeconfig for the clusters of the emulated clouds, for kubectl on a machine without the clouds' own commands."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path

import yaml


def write(path: Path, clusters: Sequence[dict[str, str]]) -> Path:
    """One context per cluster, called as the cluster. The tokens are the sandbox's own and end with it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": each["name"],
                "cluster": {
                    "server": each["server"],
                    "certificate-authority-data": base64.b64encode(each["ca"].encode()).decode(),
                },
            }
            for each in clusters
        ],
        "users": [{"name": each["name"], "user": {"token": each["token"]}} for each in clusters],
        "contexts": [
            {"name": each["name"], "context": {"cluster": each["name"], "user": each["name"]}} for each in clusters
        ],
        "current-context": clusters[0]["name"],
    }
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        yaml.safe_dump(config, file, sort_keys=False)
    return path
