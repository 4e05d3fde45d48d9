# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig on disk: read as it is, changed by one process at a time, never half written."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .._engine.clock import Clock
from .._engine.errors import Busy, CloudError, InvalidRequest
from .kubeconfig import Kubeconfig

_PATIENCE = 20.0  # seconds for another program that holds kubectl's lock
_SIGN = "multicloud.platform "  # in a lock of ours, before the process that holds it
_PRIVATE = 0o600


def default_path(environment: dict[str, str]) -> Path:
    """The first file that KUBECONFIG names, else ~/.kube/config (Kubernetes documentation, "Organizing Cluster Access
    Using kubeconfig Files")."""
    named = [part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return Path(named[0] if named else "~/.kube/config")


class KubeconfigFile:
    """path: may be a link, which stays one; need not exist."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.shown = path.expanduser()
        self.path = Path(os.path.realpath(self.shown))
        self.clock = clock

    def read(self) -> Kubeconfig:
        """Empty when there is no file. Raises InvalidRequest for what is not a kubeconfig or cannot be read."""
        try:
            return Kubeconfig(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Kubeconfig("")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            raise InvalidRequest(f"{self.shown} cannot be read: {reason}.") from None
        except InvalidRequest as error:
            error.message = f"{self.shown} is {error.message} It was left as it is."
            raise

    def edit(self, change: Callable[[Kubeconfig], None]) -> None:
        """Read, change and replace the file. Other processes of ours, and kubectl, wait or are waited for."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                config = self.read()
                change(config)
                self._replace(config.text())
        except OSError as error:
            raise CloudError(f"{self.shown} cannot be written: {error.strerror}.") from error

    def _replace(self, text: str) -> None:
        """The new file is complete before it takes the old one's place. It is for its owner alone, or stricter."""
        before = self.path.stat() if self.path.exists() else None
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if before is not None:
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    with contextlib.suppress(OSError):
                        os.chown(name, before.st_uid, before.st_gid)
                os.chmod(name, before.st_mode & _PRIVATE)
            os.replace(name, self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Ours take turns at the folder, which leaves nothing behind whatever ends them; kubectl's own lock is a file
        beside the kubeconfig (client-go, clientcmd: lockFile), on which it does not wait."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        lock = self.path.with_name(self.path.name + ".lock")
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self._take(lock)
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
        finally:
            os.close(folder)

    def _take(self, lock: Path) -> None:
        deadline = self.clock.now() + _PATIENCE
        while True:
            try:
                descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE)
            except FileExistsError:
                if _left_behind(lock):
                    lock.unlink(missing_ok=True)
                    continue
            else:
                with os.fdopen(descriptor, "w") as file:
                    file.write(f"{_SIGN}{os.getpid()}")
                return
            if self.clock.now() >= deadline:
                raise Busy(
                    f"another program holds {lock}.",
                    hint="Remove that file if none is running: it was left behind by one that was stopped.",
                )
            self.clock.sleep(0.1)


def _left_behind(lock: Path) -> bool:
    """Whether it is a lock of ours. Who sees one has the folder to himself, so its maker is no more."""
    try:
        return lock.read_text().startswith(_SIGN)
    except OSError:
        return False
