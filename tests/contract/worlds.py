"""The clouds that the contract runs on: the sandbox's emulators, and the one in memory."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import botocore.session
import requests
import urllib3.connectionpool
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials
from module_utils._capability import driver as driver_for
from module_utils._spec.site import Credentials as Source
from module_utils._spec.site import Site

from sandbox.core.connection import AWS_ACCOUNT, AWS_REGION, AZURE_SUBSCRIPTION, GCP_PROJECT
from sandbox.fixture import Sandbox
from tests.sandbox.azure_support import Subscription

from .harness import Environment, Killed, World, carried_out
from .memory import MemoryWorld

SITES: dict[str, dict[str, Any]] = {
    "aws": {"region": AWS_REGION, "account": AWS_ACCOUNT, "credentials": Source(source="environment")},
    "gcp": {"region": "europe-west3", "account": GCP_PROJECT},
    "azure": {
        "region": "westeurope",
        "account": AZURE_SUBSCRIPTION,
        "credentials": Source(source="environment"),
    },
}
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
# Resource providers that a fresh subscription is not registered with.
PROVIDERS = ("Microsoft.Cache", "Microsoft.ContainerRegistry", "Microsoft.DBforPostgreSQL", "Microsoft.Sql")
SERVICES = ("artifactregistry", "containerscanning", "memorystore", "redis", "secretmanager", "sqladmin")


class SandboxClock:
    """Real time, plus what was slept: sleeping moves the emulated cloud forward at once."""

    def __init__(self, sandbox: Sandbox, cloud: str) -> None:
        self._sandbox = sandbox
        self._cloud = cloud
        self._slept = 0.0

    def now(self) -> float:
        return time.monotonic() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds
        self._sandbox.advance(self._cloud, seconds)


def _clients_made_once(made: dict[Any, Any]) -> Any:
    """botocore makes a client out of a large description. It holds nothing of the run that asked for it, so the many
    runs of the suite share it in `made`; sessions, and what they remember, stay apart."""
    make = botocore.session.Session.create_client

    def create_client(self: Any, service_name: str, region_name: str | None = None, **options: Any) -> Any:
        config = options.get("config")
        given = {name: str(value) for name, value in options.items() if name != "config"}
        key = (service_name, region_name, str(given), str(getattr(config, "_user_provided_options", None)))
        if key not in made:
            made[key] = make(self, service_name, region_name=region_name, **options)
        return made[key]

    return mock.patch.object(botocore.session.Session, "create_client", create_client)


class SandboxWorld:
    """One emulated cloud with real durations."""

    def __init__(self, cloud: str) -> None:
        self.cloud = cloud
        # Google's API makes databases and logins by itself: nothing here needs the servers behind it.
        without = {"SANDBOX_ENGINES": "none"} if cloud == "gcp" else {}
        with mock.patch.dict(os.environ, without):
            self.sandbox = Sandbox(clouds=(cloud,), profile="realistic", scale=1.0)
        self.clock = SandboxClock(self.sandbox, cloud)
        self._seen: list[dict[str, Any]] = []
        self._clients: dict[Any, Any] = {}
        self._subscription: Subscription | None = None

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """What the process of a test has, and no other test: the environment variables, the shared clients."""
        with contextlib.ExitStack() as patches:
            patches.enter_context(mock.patch.dict(os.environ, self.sandbox.environment()))
            if self.cloud == "aws":
                patches.enter_context(_clients_made_once(self._clients))
            yield

    def reset(self, *, waits: bool = True) -> None:
        self.sandbox.reset(self.cloud)
        if self.cloud == "gcp":
            self.sandbox.set_profile("instant", cloud=self.cloud)
            self._switch_on()
        if self.cloud == "azure":
            self.sandbox.set_profile("instant", cloud=self.cloud)
            self._subscription = self._subscription or Subscription(self.sandbox)
            for namespace in PROVIDERS:
                self._subscription.resources.providers.register(namespace)
        self.sandbox.set_profile("realistic" if waits else "instant", scale=1.0, cloud=self.cloud)

    def _switch_on(self) -> None:
        """The services of Google Cloud that a fresh project does not have."""
        key_file = self.sandbox.environment()["GOOGLE_APPLICATION_CREDENTIALS"]
        credentials = Credentials.from_service_account_file(key_file, scopes=SCOPES)
        url = f"{self.sandbox.url('gcp')}/serviceusage/v1/projects/{GCP_PROJECT}/services:batchEnable"
        names = [f"{name}.googleapis.com" for name in SERVICES]
        credentials.refresh(Request())
        header = {"Authorization": f"Bearer {credentials.token}"}
        requests.post(url, json={"serviceIds": names}, headers=header, timeout=30).raise_for_status()

    def environment(self, **site: Any) -> Environment:
        members = {
            "cloud": self.cloud,
            "platform": "contract",
            "site": f"{self.cloud}-test",
            "endpoints": self.sandbox.endpoints(self.cloud),
            "ca_bundle": str(self.sandbox.ca_bundle),
            **SITES[self.cloud],
            **site,
        }
        chosen = Site(**members)
        return Environment(chosen, driver_for(chosen, self.clock), self.clock, self)

    def fault(self, **rule: Any) -> None:
        self.sandbox.fault(self.cloud, **rule)

    def clear_faults(self) -> None:
        self.sandbox.clear_faults(self.cloud)

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Fetches only what is new: the log of a whole suite is long."""
        self._seen += self.sandbox.journal(self.cloud, len(self._seen))
        return self._seen[since:]

    @contextmanager
    def killed_after(self, writes: int) -> Iterator[None]:
        """All three SDKs send through urllib3: after each answer the request log tells how far the run has come."""
        entries = self.journal()
        begun = entries[-1]["seq"] if entries else 0
        send = urllib3.connectionpool.HTTPConnectionPool.urlopen

        def urlopen(pool: Any, *args: Any, **kwargs: Any) -> Any:
            answer = send(pool, *args, **kwargs)
            if sum(carried_out(entry) for entry in self.journal(begun)) >= writes:
                raise Killed
            return answer

        with mock.patch.object(urllib3.connectionpool.HTTPConnectionPool, "urlopen", urlopen):
            yield


class Worlds:
    """Clouds, each started when first asked for, and in force until `leave`."""

    def __init__(self) -> None:
        self._started: dict[str, SandboxWorld] = {}
        self._memory = MemoryWorld()
        self._in_force = contextlib.ExitStack()

    def __enter__(self) -> Worlds:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        for world in self._started.values():
            world.sandbox.stop()
        self._started.clear()

    def open(self, cloud: str) -> World:
        if cloud == "memory":
            return self._memory
        if cloud not in self._started:
            self._started[cloud] = SandboxWorld(cloud)
        world = self._started[cloud]
        self._in_force.enter_context(world.in_force())
        return world

    def leave(self) -> None:
        self._in_force.close()
