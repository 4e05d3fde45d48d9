"""``python -m sandbox up | down | status | serve``: the emulated clouds from the command line."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from pathlib import Path

from . import lifecycle
from .core.connection import CLOUDS, DEFAULT_PORTS
from .kubeconfig import write as write_kubeconfig
from .serve import Options, run


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except lifecycle.SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="start the emulated clouds that do not run yet")
    up.set_defaults(command=_up)
    for cloud, port in DEFAULT_PORTS.items():
        default = int(os.environ.get(f"SANDBOX_{cloud.upper()}_PORT") or port)
        up.add_argument(f"--{cloud}-port", type=int, default=default, help=f"default {default}; 0 = any free port")
    _time_options(up)
    down = commands.add_parser("down", help="stop them")
    down.set_defaults(command=_down)
    status = commands.add_parser("status", help="say what runs where; exit status 3 when something does not run")
    status.set_defaults(command=_status)
    status.add_argument("--json", action="store_true")
    kubeconfig = commands.add_parser(
        "kubeconfig", help="write a kubeconfig for the emulated clusters, as administrator"
    )
    kubeconfig.set_defaults(command=_kubeconfig)
    for command in (up, down, status, kubeconfig):
        command.add_argument("--clouds", default=",".join(CLOUDS), help="comma separated")
        command.add_argument("--directory", type=Path, default=lifecycle.default_directory())
    serve = commands.add_parser("serve", help="serve one cloud in the foreground")
    serve.set_defaults(command=_serve)
    serve.add_argument("--cloud", choices=CLOUDS, required=True)
    serve.add_argument("--port", type=int, default=0)
    serve.add_argument("--directory", type=Path, default=lifecycle.default_directory())
    serve.add_argument("--parent", type=int, default=0, help="stop when this process is no longer the parent")
    _time_options(serve)
    return parser


def _time_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile", choices=("instant", "realistic"), default=os.environ.get("SANDBOX_PROFILE", "instant")
    )
    parser.add_argument("--scale", type=float, default=float(os.environ.get("SANDBOX_SCALE") or 60))
    parser.add_argument("--idle-minutes", type=float, default=240.0)


def _clouds(options: argparse.Namespace) -> list[str]:
    clouds = [cloud.strip() for cloud in options.clouds.split(",") if cloud.strip()]
    unknown = sorted(set(clouds) - set(CLOUDS))
    if unknown:
        raise lifecycle.SandboxError(f"unknown clouds: {', '.join(unknown)}")
    return clouds


def _up(options: argparse.Namespace) -> int:
    directory = options.directory.resolve()
    wanted = [
        Options(
            cloud=cloud,
            directory=directory,
            port=getattr(options, f"{cloud}_port"),
            profile=options.profile,
            scale=options.scale,
            idle_minutes=options.idle_minutes,
        )
        for cloud in _clouds(options)
    ]
    for running in lifecycle.up(wanted):
        what = "started" if running.fresh else "was running already"
        print(f"{running.cloud:6} {running.url} (pid {running.pid}, {what})")
    print(f"environment: {directory / 'environment.json'}")
    return 0


def _down(options: argparse.Namespace) -> int:
    stopped = lifecycle.down(_clouds(options), options.directory.resolve())
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _status(options: argparse.Namespace) -> int:
    directory = options.directory.resolve()
    found = {cloud: lifecycle.find(cloud, directory) for cloud in _clouds(options)}
    running = [item for item in found.values() if item]
    if options.json:
        print(json.dumps(lifecycle.describe(running, directory), indent=2))
    else:
        for cloud, item in found.items():
            print(f"{cloud:6} {item.url} (pid {item.pid})" if item else f"{cloud:6} not running")
    return 0 if len(running) == len(found) else 3


def _kubeconfig(options: argparse.Namespace) -> int:
    directory = options.directory.resolve()
    clusters = lifecycle.clusters(_clouds(options), directory)
    if not clusters:
        raise lifecycle.SandboxError("no cluster stands: roll the platform out first")
    path = write_kubeconfig(directory / "kubeconfig", clusters)
    print(f"{path}: {', '.join(each['name'] for each in clusters)}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    settings = Options(
        cloud=options.cloud,
        directory=options.directory,
        port=options.port,
        profile=options.profile,
        scale=options.scale,
        idle_minutes=options.idle_minutes,
        parent=options.parent,
    )
    try:
        run(settings)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise lifecycle.SandboxError(
            f"port {options.port} is taken by another program: stop that, or choose another port "
            f"(--{options.cloud}-port or SANDBOX_{options.cloud.upper()}_PORT)"
        ) from error
    except ModuleNotFoundError as error:
        raise lifecycle.SandboxError(f"{options.cloud} cannot be served: {error}") from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
