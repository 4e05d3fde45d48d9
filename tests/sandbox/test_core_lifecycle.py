"""Starting and stopping emulators: as background processes, from the command line, for a test."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.__main__ import main
from sandbox.control import Control, ControlError
from sandbox.core import Authority
from sandbox.core.ports import release_port, reserve_port
from sandbox.fixture import Sandbox
from sandbox.serve import Options


def arguments(directory: Path, *words: str) -> list[str]:
    return [*words, "--clouds", "aws", "--directory", str(directory)]


def test_up_status_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tmp_path, "status")) == 3
    assert main(arguments(tmp_path, "up", "--aws-port", "0")) == 0
    try:
        first = lifecycle.find("aws", tmp_path)
        assert first is not None
        settings = json.loads((tmp_path / "environment.json").read_text())
        assert settings["clouds"]["aws"]["endpoints"] == {"default": first.url}
        assert settings["environment"]["AWS_ENDPOINT_URL"] == first.url
        assert "started" in capsys.readouterr().out
        assert main(arguments(tmp_path, "up", "--aws-port", "0")) == 0
        assert "was running already" in capsys.readouterr().out
        assert lifecycle.find("aws", tmp_path) == first
        assert main(arguments(tmp_path, "up", "--aws-port", "1")) == 1
        capsys.readouterr()
        assert main(arguments(tmp_path, "status", "--json")) == 0
        assert json.loads(capsys.readouterr().out)["clouds"]["aws"]["pid"] == first.pid
    finally:
        assert main(arguments(tmp_path, "down")) == 0
    assert lifecycle.find("aws", tmp_path) is None
    assert not (tmp_path / "environment.json").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(first.pid, 0)
    assert main(arguments(tmp_path, "down")) == 0
    assert "nothing was running" in capsys.readouterr().out


def test_a_port_taken_by_a_stranger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = str(stranger.getsockname()[1])
        assert main(arguments(tmp_path, "up", "--aws-port", port)) == 1
    words = capsys.readouterr().err
    assert f"port {port} is taken by another program" in words
    assert "SANDBOX_AWS_PORT" in words


def test_a_stranger_on_the_line_is_noticed(tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        with pytest.raises((ControlError, OSError)):
            Control(f"http://127.0.0.1:{stranger.getsockname()[1]}", tmp_path, timeout=0.3).call("GET", "health")


def test_idle_servers_stop(tmp_path: Path) -> None:
    process = lifecycle.launch(Options("aws", tmp_path, idle_minutes=0.5 / 60))
    lifecycle.wait_healthy("aws", process, tmp_path)
    assert process.wait(timeout=15) == 0
    assert lifecycle.find("aws", tmp_path) is None


def test_emulators_do_not_outlive_a_test_that_dies(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from sandbox.fixture import Sandbox\n"
        f"sandbox = Sandbox(clouds=('aws',), directory={str(tmp_path)!r})\n"
        "print(sandbox.pid('aws'), flush=True)\n"
        "os._exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=lifecycle.ROOT, capture_output=True, check=False)
    pid = int(done.stdout)
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()


def test_a_sandbox_of_ones_own() -> None:
    with Sandbox(clouds=("aws",), profile="realistic", scale=30) as sandbox:
        directory = sandbox.directory
        assert sandbox.control("aws", "GET", "profile") == {"name": "realistic", "scale": 30.0}
        assert sandbox.clouds == ("aws",)
        sandbox.set_profile("instant")
        assert sandbox.control("aws", "GET", "profile")["name"] == "instant"
        with pytest.raises(ControlError, match="unknown fault fields"):
            sandbox.fault("aws", kind="error", colour="red")
        assert sandbox.journal("aws") == []
    assert not directory.exists()


def test_authority_serves_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    assert Authority(tmp_path / "ca").pem == authority.pem
    certificate, _ = authority.issue("server")
    written = certificate.read_bytes()
    authority.issue("server")
    assert certificate.read_bytes() == written
    authority.issue("server", ["127.0.0.1", "example.test"])
    assert certificate.read_bytes() != written
    child = authority.child("cluster")
    assert child.pem != authority.pem
    server, client = authority.server_context("server"), ssl.create_default_context(cadata=authority.pem.decode())
    incoming, outgoing, back, forth = (ssl.MemoryBIO() for _ in range(4))
    left = server.wrap_bio(incoming, outgoing, server_side=True)
    right = client.wrap_bio(back, forth, server_hostname="127.0.0.1")
    for _ in range(6):
        for side, source, target in ((right, forth, incoming), (left, outgoing, back)):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            target.write(source.read())
    assert right.getpeercert()


def test_ports_are_given_once() -> None:
    first, second = reserve_port(), reserve_port()
    assert first != second
    release_port(first)
    release_port(second)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        again = reserve_port()
        assert again != first
        release_port(again)
