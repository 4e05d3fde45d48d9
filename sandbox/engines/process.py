"""Starting and ending servers: as another user than root, and never outliving the emulator."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import EngineError
from .tools import setpriv

# A child's parent-death signal is sent when the THREAD that started it ends: one thread starts them all.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engines")
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_STOP_SECONDS = 10.0


class Runner:
    """Runs programs as ``user`` (None = as this process), with files of theirs given as open descriptors.

    The state directory of a sandbox can be closed to everybody but its owner. A server that runs as another user
    gets its directory as ``/proc/self/fd/N``, which needs no way through the directories above.
    """

    def __init__(self, user: pwd.struct_passwd | None, death_signal: str) -> None:
        self.user = user
        self._prefix: list[str] = []
        program = setpriv()
        if program:
            self._prefix = [program, "--pdeathsig", death_signal]
            if user is not None:
                self._prefix += ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
            self._prefix.append("--")

    def own(self, *paths: Path, mode: int | None = None) -> None:
        """Hand files or directories to the server's user."""
        for path in paths:
            if self.user is not None:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
            if mode is not None:
                path.chmod(mode)

    def make_directory(self, path: Path) -> Path:
        """An empty directory that only the server's user can enter."""
        path.mkdir(parents=True)
        self.own(path, mode=0o700)
        return path

    def write(self, path: Path, text: str | bytes) -> None:
        """A file that only the server's user can read."""
        data = text.encode() if isinstance(text, str) else text
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        self.own(path)

    @contextlib.contextmanager
    def opened(self, *paths: Path) -> Iterator[tuple[list[str], tuple[int, ...]]]:
        """The names under which a program finds ``paths``, and the descriptors to pass to it."""
        if self.user is None or not sys.platform.startswith("linux"):
            yield [str(path) for path in paths], ()
            return
        descriptors = tuple(os.open(path, os.O_RDONLY) for path in paths)
        try:
            yield [f"/proc/self/fd/{descriptor}" for descriptor in descriptors], descriptors
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def run(
        self, command: Sequence[str], files: tuple[int, ...] = (), environment: dict[str, str] | None = None
    ) -> str:
        """Run a program to its end; its output. EngineError holds its last words."""
        process = _STARTER.submit(
            subprocess.Popen,
            [*self._prefix, *command],
            cwd="/",
            env={**_ENVIRONMENT, **(environment or {})},
            pass_fds=files,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ).result()
        output: str = process.communicate()[0]
        if process.returncode:
            words = output.strip().splitlines()
            raise EngineError(f"{Path(command[0]).name} failed: {words[-1] if words else process.returncode}")
        return output

    def start(
        self, command: Sequence[str], log: Path, files: tuple[int, ...] = (), stdin: bytes = b""
    ) -> subprocess.Popen[bytes]:
        """Start a server; its output goes to ``log``. ``stdin`` is what it reads at its start."""
        source, sink = os.pipe()
        try:
            with log.open("ab") as output:
                process = _STARTER.submit(
                    subprocess.Popen,
                    [*self._prefix, *command],
                    cwd="/",
                    env=dict(_ENVIRONMENT),
                    pass_fds=files,
                    stdin=source,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                ).result()
            if stdin:
                os.write(sink, stdin)
        finally:
            os.close(source)
            os.close(sink)
        return process


def end(process: subprocess.Popen[bytes], number: int, seconds: float = _STOP_SECONDS) -> None:
    """Send ``number`` and wait; what does not obey is killed."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def last_words(log: Path) -> str:
    """The last line of a server's log."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "no output"


def remove(path: Path) -> None:
    """Delete a directory with all that is in it, if it exists."""
    shutil.rmtree(path, ignore_errors=True)


def pack(source: Path, archive: Path) -> None:
    """Put what is in a directory into one file."""
    _tar("-cf", str(archive), "-C", str(source), ".")


def unpack(archive: Path, target: Path) -> None:
    """Put what was packed into a directory, with owners and modes. pg_basebackup names an owner of its own liking."""
    _tar("-xpf", str(archive), "--numeric-owner", "-C", str(target))


def _tar(*arguments: str) -> None:
    program = shutil.which("tar")
    if program is None:
        raise EngineError("no tar on this machine")
    done = subprocess.run(  # noqa: S603  # paths of our own
        [program, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineError(f"copy failed: {done.stderr.strip()}")
