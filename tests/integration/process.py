"""One rollout as a process of its own, so that it can be killed: `python -m tests.integration.process < request`.

The request is JSON: {site, capabilities, options, look}. The report goes to standard output; with look: true it holds
under that name what a plan finds afterwards, orphans included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def start(request: dict[str, Any], environment: dict[str, str]) -> subprocess.Popen[str]:
    """The process, under way. Read its report with `finish`."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "plugins")))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.process"],
        env={**os.environ, **environment, "PYTHONPATH": paths},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(request))
    process.stdin.close()
    process.stdin = None
    return process


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The report. Raises RuntimeError with what the process printed when it failed."""
    output, errors = process.communicate(timeout=280)
    if process.returncode:
        raise RuntimeError(errors[-3000:])
    report: dict[str, Any] = json.loads(output)
    return report


def main() -> int:
    from module_utils._run import execute

    from tests.integration import sites

    request = json.load(sys.stdin)
    report = execute(
        sites.wanted(request["site"], request["capabilities"]), sites.options(**request.get("options", {}))
    )
    answer = {**report.as_dict(), "failed": report.summary()}
    if request.get("look"):
        wanted = sites.wanted(request["site"], request["capabilities"])
        answer["look"] = execute(wanted, sites.options(check=True, find_orphans=True)).as_dict()
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
