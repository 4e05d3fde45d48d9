# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load on one application, by Locust, in a process of its own: Locust changes Python's sockets for good.

What to do comes as JSON on standard input, so that a token stands in no command line, no environment and no file; what
was measured goes to standard output as JSON.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from .._spec.arguments import as_dict, build
from .._spec.verify import Load, Request, Target
from .verify_asking import Reply, Way, percentile, problem

_START_SECONDS = 60
_MOST_ERRORS = 5
PERCENTILES = {"p50": 50, "p90": 90, "p99": 99, "max": 100}


def send(load: Load, target: Target, way: Way, *, server: str, ca: str, token: str, paths: list[str]) -> dict[str, Any]:
    """Send one application its load, and measure. Takes about `load.seconds`.

    server, ca, token: the API server's; not used where the way is the application's own address. paths: where Python
    finds this package. Returns {"rows": one for each request, and one for all with the name None}. Raises RuntimeError
    with the last words of a process that has not measured anything.
    """
    proxied = not way.base
    task = {
        "base": way.url(server, ""),
        "ca": ca if proxied else "",
        "token": token if proxied else "",
        "requests": [as_dict(request) for request in target.requests],
        "seconds": load.seconds,
        "users": load.users,
        "rate": load.rate,
    }
    try:
        done = subprocess.run(  # noqa: S603 - this very interpreter and file
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(task),
            env={"PYTHONPATH": ":".join(path for path in paths if path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=load.seconds + _START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"the load did not end within {load.seconds + _START_SECONDS} seconds") from error
    if done.returncode:
        last = " ".join(done.stderr.split())[-500:]
        raise RuntimeError(f"the load was not sent: {last or f'exit status {done.returncode}'}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def main() -> None:
    """The process of its own."""
    from gevent import monkey

    monkey.patch_all()
    task = json.load(sys.stdin)
    json.dump(_run(task), sys.stdout)


def _run(task: Mapping[str, Any]) -> dict[str, Any]:
    import gevent
    from locust import FastHttpUser, constant_throughput
    from locust import task as locust_task
    from locust.env import Environment

    from .client import trusting  # after the sockets are changed: it brings ssl along

    requests = [build(Request, each) for each in task["requests"]]
    turns: Iterator[Request] = itertools.cycle(requests)  # of all users together
    own = {"Authorization": f"Bearer {task['token']}"} if task["token"] else {}

    class Visitor(FastHttpUser):
        host = task["base"]
        insecure = False
        ssl_context_factory = staticmethod(lambda *_args, **_options: trusting(task["ca"]))
        wait_time = constant_throughput(task["rate"] / task["users"])

        @locust_task
        def ask(self) -> None:
            request = next(turns)
            with self.client.request(
                request.method,
                request.path,
                name=request.name,
                headers={**(request.headers or {}), **own},
                json=request.body,
                # A token goes nowhere but to the server that it is for.
                allow_redirects=False,
                catch_response=True,
            ) as response:
                if response.status_code == 0:
                    response.failure(f"no answer: {response.error}")
                    return
                trouble = problem(request, Reply(response.status_code, response.content or b""))
                if trouble:
                    response.failure(trouble)
                else:
                    response.success()

    Visitor.connection_timeout = Visitor.network_timeout = max(request.timeout for request in requests)
    environment = Environment(user_classes=[Visitor], stop_timeout=Visitor.network_timeout)
    taken: dict[str, list[float]] = {request.name: [] for request in requests}  # Locust's own are rounded to two digits

    @environment.events.request.add_listener
    def note(name: str, response_time: float, **_others: Any) -> None:
        taken[name].append(response_time)

    runner = environment.create_local_runner()
    runner.start(task["users"], spawn_rate=task["users"])
    gevent.sleep(task["seconds"])
    runner.quit()
    runner.greenlet.join()
    errors = list(environment.stats.errors.values())
    return {
        "rows": [
            *(
                _row(entry.name, entry, taken[entry.name], [error for error in errors if error.name == entry.name])
                for entry in sorted(environment.stats.entries.values(), key=lambda entry: str(entry.name))
            ),
            _row(None, environment.stats.total, [each for times in taken.values() for each in times], errors),
        ]
    }


def _row(name: str | None, entry: Any, taken: list[float], errors: list[Any]) -> dict[str, Any]:
    """What Locust has counted of one request. taken: in ms."""
    count = entry.num_requests
    ranked = sorted(taken)
    return {
        "request": name,
        "requests": count,
        "failures": entry.num_failures,
        "error_percent": round(100 * entry.num_failures / count, 3) if count else 0.0,
        "per_second": round(entry.total_rps, 3),
        **{key: round(percentile(ranked, share), 3) if ranked else None for key, share in PERCENTILES.items()},
        "errors": [
            {"message": str(error.error)[:300], "count": error.occurrences}
            for error in sorted(errors, key=lambda error: -error.occurrences)[:_MOST_ERRORS]
        ],
    }


if __name__ == "__main__":
    main()
