"""The installed collection at work: plan, roll out and destroy by name, on a sandbox of its own.

`python tests/gates/installed.py <collections path> <directory to run in>`. Nothing of the checkout is in reach but a
copy of the sandbox's inventory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sandbox.fixture import Sandbox  # noqa: E402 - the checkout is made known first
from sandbox.lifecycle import Running, write_environment  # noqa: E402


def main(collections: str, directory: str) -> int:
    """Exit status: of the first playbook that fails, else 0."""
    place = Path(directory)
    inventory = place / "inventories" / "sandbox"
    shutil.copytree(ROOT / "inventories" / "sandbox", inventory)
    with Sandbox(directory=place / "sandbox") as sandbox:
        running = [
            Running(cloud, sandbox.pid(cloud), int(sandbox.url(cloud).rpartition(":")[2]), sandbox.url(cloud))
            for cloud in sandbox.clouds
        ]
        write_environment(running, sandbox.directory)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON", "AWS_"))
        }
        environment = {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "SANDBOX_DIR": str(sandbox.directory),
            "PLATFORM_REPORT_DIR": str(place / "reports"),
        }
        for playbook in ("plan", "site", "destroy"):
            command = ["ansible-playbook", "-i", str(inventory), f"multicloud.platform.{playbook}"]
            answer = ["-e", "confirm=ml-platform"] if playbook == "destroy" else []
            status = subprocess.run([*command, *answer], cwd=place, env=environment, check=False).returncode
            if status:
                return status
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
