"""Running a command and telling what it cost: wall time, CPU time, and the memory of Ansible's own processes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """wall, cpu: seconds (cpu of all descendants). controller_mib: the highest proportional set size, in MiB, of
    ansible-playbook and its workers together, without the module processes."""

    wall: float
    cpu: float
    controller_mib: float
    output: str


def run(command: list[str], environment: dict[str, str], directory: Path) -> Cost:
    """Run to the end. Raises RuntimeError with the last output when the command fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak = _Peak(process.pid)
    peak.start()
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    peak.stop()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output[-4000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak.mib, output)


class _Peak(threading.Thread):
    """Samples the memory of a process tree four times a second."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._done = threading.Event()
        self.mib = 0.0

    def run(self) -> None:
        while not self._done.wait(0.25):
            self.mib = max(self.mib, sum(_pss(pid) for pid in _controller_processes(self._root)) / 1024)

    def stop(self) -> None:
        self._done.set()
        self.join()


def _controller_processes(root: int) -> list[int]:
    """The root and its forks; a descendant that runs another command line (a module) ends the search below it."""
    own = _command_line(root)
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += [child for child in children.get(pid, []) if _command_line(child) == own]
    return found


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _pss(pid: int) -> int:
    """Proportional set size in KiB: memory shared by forks counts once."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return 0
