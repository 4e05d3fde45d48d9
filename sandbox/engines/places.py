"""Where the files of servers lie."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from .process import remove

_MEMORY = Path("/dev/shm")  # noqa: S108  # a private directory is made in it
_LEAST_FREE = 2 * 1024**3
_PREFIX = "sandbox-engines-"


def live_directory(directory: Path) -> Path:
    """An empty directory for the files of running servers: in memory where there is plenty, else ``directory``.

    A PostgreSQL server is a thousand small files; a busy disk needs seconds to make them. What is left by an
    emulator that was killed is removed by the next one.
    """
    remove(directory)
    directory.mkdir(parents=True)
    if not (os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _LEAST_FREE):
        return directory
    for left in _MEMORY.glob(f"{_PREFIX}*"):
        if not _alive(left.name.removeprefix(_PREFIX).split("-", 1)[0]):
            remove(left)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_MEMORY))


def _alive(number: str) -> bool:
    with contextlib.suppress(ProcessLookupError, ValueError):
        with contextlib.suppress(PermissionError):
            os.kill(int(number), 0)
        return True
    return False
