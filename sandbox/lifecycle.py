"""Start, stop and describe the emulated clouds as background processes of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .control import Control, ControlError
from .core.connection import SCHEMES, ca_directory, endpoints, environment
from .core.tls import Authority
from .serve import Options, state_file

ROOT = Path(__file__).resolve().parent.parent
_POLL = 0.05
_STARTUP_SECONDS = 60.0
_SHUTDOWN_SECONDS = 10.0


class SandboxError(Exception):
    """The sandbox could not be started or stopped; the message says why and what to do."""


@dataclass(frozen=True)
class Running:
    """One emulator that answers; ``fresh`` when the call that returned it has started it."""

    cloud: str
    pid: int
    port: int
    url: str
    fresh: bool = field(default=False, compare=False)


def default_directory() -> Path:
    """``SANDBOX_DIR``, else ``.sandbox`` beside the ``sandbox`` package."""
    return Path(os.environ.get("SANDBOX_DIR") or ROOT / ".sandbox").resolve()


def find(cloud: str, directory: Path) -> Running | None:
    """The emulator of ``cloud`` that serves ``directory``, if it answers."""
    try:
        data = json.loads(state_file(directory, cloud).read_text(encoding="utf-8"))
        health = Control(data["url"], directory, timeout=5.0).call("GET", "health")
    except (OSError, ValueError, KeyError, ControlError):
        return None
    if health.get("pid") != data["pid"]:
        return None
    return Running(cloud, data["pid"], data["port"], data["url"])


def clusters(clouds: Iterable[str], directory: Path) -> list[dict[str, str]]:
    """The clusters of the clouds that run: name, server, ca and the token of an administrator."""
    running = [item for item in (find(cloud, directory) for cloud in clouds) if item]
    return [each for item in running for each in Control(item.url, directory).call("GET", "clusters")]


def launch(options: Options) -> subprocess.Popen[bytes]:
    """Start one emulator as a process; its output goes to ``<cloud>.log``."""
    directory = options.directory
    directory.mkdir(parents=True, exist_ok=True)
    state_file(directory, options.cloud).unlink(missing_ok=True)
    command = [sys.executable, "-m", "sandbox", "serve", "--cloud", options.cloud, "--port", str(options.port)]
    command += ["--directory", str(directory), "--profile", options.profile, "--scale", str(options.scale)]
    command += ["--idle-minutes", str(options.idle_minutes), "--parent", str(options.parent)]
    # The emulator must not inherit settings that point an SDK inside it at itself.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    with log_file(directory, options.cloud).open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # our own interpreter and package
            command,
            cwd=directory,
            env=inherited,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def log_file(directory: Path, cloud: str) -> Path:
    """Where an emulator's output goes."""
    return directory / f"{cloud}.log"


def wait_healthy(cloud: str, process: subprocess.Popen[bytes], directory: Path) -> Running:
    """Wait until the emulator that was just launched answers; SandboxError tells why it did not start."""
    deadline = time.monotonic() + _STARTUP_SECONDS
    while time.monotonic() < deadline:
        running = find(cloud, directory)
        if running is not None and running.pid == process.pid:
            return running
        if process.poll() is not None:
            raise SandboxError(f"{cloud} emulator did not start: {_last_words(directory, cloud)}")
        time.sleep(_POLL)
    process.terminate()
    raise SandboxError(f"{cloud} emulator does not answer after {_STARTUP_SECONDS:.0f} s; see {directory}/{cloud}.log")


def up(wanted: Iterable[Options]) -> list[Running]:
    """Start what does not run yet and wait for its health; a running emulator is left as it is."""
    options = list(wanted)
    running: dict[str, Running] = {}
    started: dict[str, subprocess.Popen[bytes]] = {}
    for option in options:
        Authority(ca_directory(option.directory))
        found = find(option.cloud, option.directory)
        if found is not None:
            if option.port and found.port != option.port:
                raise SandboxError(
                    f"{option.cloud} already runs on port {found.port}, not {option.port}: "
                    "stop it first (python -m sandbox down)"
                )
            running[option.cloud] = found
        else:
            started[option.cloud] = launch(option)
    try:
        for option in options:
            if option.cloud in started:
                found = wait_healthy(option.cloud, started[option.cloud], option.directory)
                running[option.cloud] = replace(found, fresh=True)
    except SandboxError:
        for process in started.values():
            process.terminate()
        raise
    result = [running[option.cloud] for option in options]
    if options:
        write_environment(result, options[0].directory)
    return result


def down(clouds: Iterable[str], directory: Path) -> list[str]:
    """Stop the emulators of ``directory``; returns the clouds that were running."""
    stopped = []
    for cloud in clouds:
        running = find(cloud, directory)
        if running is None:
            state_file(directory, cloud).unlink(missing_ok=True)
            continue
        with contextlib.suppress(OSError, ControlError):
            Control(running.url, directory).call("POST", "shutdown")
        _await_end(running.pid)
        state_file(directory, cloud).unlink(missing_ok=True)
        stopped.append(cloud)
    write_environment([found for cloud in SCHEMES if (found := find(cloud, directory))], directory)
    return stopped


def describe(running: Iterable[Running], directory: Path) -> dict[str, Any]:
    """What clients need: ``{directory, ca_bundle, environment, clouds: {cloud: {url, port, pid, …}}}``."""
    clouds: dict[str, Any] = {}
    merged: dict[str, str] = {}
    for item in running:
        variables = environment(item.cloud, item.url, directory)
        merged.update(variables)
        clouds[item.cloud] = {
            "url": item.url,
            "port": item.port,
            "pid": item.pid,
            "environment": variables,
            "endpoints": endpoints(item.cloud, item.url, directory),
            "journal": str(directory / f"{item.cloud}.journal.jsonl"),
        }
    ca_bundle = str(ca_directory(directory) / "ca.pem")
    return {"directory": str(directory), "ca_bundle": ca_bundle, "environment": merged, "clouds": clouds}


def write_environment(running: list[Running], directory: Path) -> None:
    """Keep ``environment.json`` true: it exists exactly while something runs."""
    path = directory / "environment.json"
    if not running:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_name(f".environment.{os.getpid()}")
    temporary.write_text(json.dumps(describe(running, directory), indent=2) + "\n", encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)


def _await_end(pid: int) -> None:
    """Wait for a process; after a while tell it to end, by its own id."""
    deadline = time.monotonic() + _SHUTDOWN_SECONDS
    while _alive(pid):
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return
        time.sleep(_POLL)


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """An ended process whose parent has not asked yet; only Linux tells, elsewhere the deadline decides."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _last_words(directory: Path, cloud: str) -> str:
    path = log_file(directory, cloud)
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return f"{lines[-1] if lines else 'no output'} (log: {path})"
