# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One AWS session per run: clients made once, calls made once each, lists remembered until something changes."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import lru_cache
from typing import Any, TypeVar

from .._engine.clock import Clock
from .._engine.errors import CloudError, NotFound, NotYetConsistent, SpecError, Unavailable
from .._engine.retry import retry_call
from .._spec.site import Site
from .errors import translate

T = TypeVar("T")

# What each credentials source may ask, by botocore's names of its providers. None: the SDK's whole chain.
_PROVIDERS: dict[str, tuple[str, ...] | None] = {
    "default": None,
    "profile": None,
    "environment": ("env", "assume-role-with-web-identity", "container-role"),
    "managed_identity": ("container-role", "iam-role", "assume-role-with-web-identity"),
}
# EC2 creations that take no client token: the object that a lost answer made may not be listed at once.
_LOOK_AGAIN_AFTER = 2.0


class Session:
    """Calls to AWS. Every call is a single attempt (the engine decides what is tried again), every error is mapped.

    Safe for threads. Lists are remembered by key; `forget` drops them, so that a look after a change is a fresh one.
    """

    def __init__(self, site: Site, clock: Clock) -> None:
        self.site = site
        self.clock = clock
        self.region = site.region
        self.account = site.account
        self._making = threading.Lock()
        self._core: Any = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._remembering = threading.Lock()
        self._memory: dict[Hashable, Future[Any]] = {}
        self._nonce = uuid.uuid4().hex
        self._generation: dict[str, int] = {}
        self.roles_wanted = 0  # IAM roles of the graph: decides how they are looked up

    @property
    def partition(self) -> str:
        """aws, aws-cn or aws-us-gov: the second part of every ARN."""
        prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
        return next((name for prefix, name in prefixes.items() if self.region.startswith(prefix)), "aws")

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        """An ARN of this account and region; `region=""` for global services."""
        region = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{region}:{self.account if account is None else account}:{resource}"

    # -- calls -----------------------------------------------------------------------------------------------------

    def call(self, service: str, operation: str, *, region: str | None = None, **params: Any) -> dict[str, Any]:
        """One attempt at one operation, named as boto3 names it. Raises the mapped CloudError."""
        client = self.client(service, region)
        try:
            answer: dict[str, Any] = getattr(client, operation)(**params)
        except Exception as error:
            raise translate(error, service, operation) from error
        return answer

    def pages(self, service: str, operation: str, key: str, *, region: str | None = None, **params: Any) -> list[Any]:
        """All items of a paged list."""
        client = self.client(service, region)
        try:
            found: list[Any] = []
            for page in client.get_paginator(operation).paginate(**params):
                found += page.get(key) or []
        except Exception as error:
            raise translate(error, service, operation) from error
        return found

    def create(self, service: str, operation: str, *, region: str | None = None, **params: Any) -> dict[str, Any]:
        """One attempt at making something. What it refers to was made a moment ago: a NotFound is worth another try
        (eventual consistency, Amazon EC2 API reference), and after a lost answer the next look is put off a little."""
        try:
            return self.call(service, operation, region=region, **params)
        except NotFound as error:
            raise NotYetConsistent(error.message, code=error.code, status=error.status) from error
        except Unavailable as error:
            error.retry_after = max(error.retry_after, _LOOK_AGAIN_AFTER)
            raise

    def steady(self, function: Callable[[], T]) -> T:
        """Repeat a call that only reads until it answers: for looks inside a change or outside the engine's reads."""
        return retry_call(function, self.clock)

    # -- memory ----------------------------------------------------------------------------------------------------

    def remember(self, key: Hashable, load: Callable[[], T]) -> T:
        """The value of `load`, called once for all threads until `forget`. A failed load is not remembered."""
        with self._remembering:
            found = self._memory.get(key)
            mine = found is None
            if found is None:
                found = self._memory[key] = Future()
        if not mine:
            shared: T = found.result()
            return shared
        try:
            value = load()
        except BaseException as error:
            with self._remembering:
                if self._memory.get(key) is found:
                    del self._memory[key]
            found.set_exception(error)
            raise
        found.set_result(value)
        return value

    def forget(self, *keys: Hashable) -> None:
        """Drop remembered values: these keys, and every key that begins with one of them."""
        with self._remembering:
            for key in list(self._memory):
                if key in keys or (isinstance(key, tuple) and any(_begins(key, start) for start in keys)):
                    del self._memory[key]

    # -- tokens ----------------------------------------------------------------------------------------------------

    def token(self, key: str) -> str:
        """A client token: the same for every attempt of this run to make the object, another after its deletion and
        in every other run (EC2 answers a token of the past with the object of the past, even a deleted one)."""
        generation = self._generation.get(key, 0)
        return hashlib.sha256(f"{self._nonce}/{key}/{generation}".encode()).hexdigest()[:32]

    def spend_token(self, key: str) -> None:
        """The object is deleted: what is made next is another one."""
        self._generation[key] = self._generation.get(key, 0) + 1

    # -- clients ---------------------------------------------------------------------------------------------------

    def client(self, service: str, region: str | None = None) -> Any:
        """The botocore client of a service, made on first use."""
        where = region or self.region
        found = self._clients.get((service, where))
        if found is None:
            with self._making:
                found = self._clients.get((service, where))
                if found is None:
                    found = self._clients[service, where] = self._make(service, where)
        return found

    def credentials(self) -> Any:
        """botocore's credentials of this session, which renew themselves. Raises AuthError where there are none."""
        self.client("sts")  # opens the session
        found = self._core.get_credentials()
        if found is None:
            from botocore.exceptions import NoCredentialsError

            raise translate(NoCredentialsError(), "sts", "credentials")
        return found

    def _make(self, service: str, region: str) -> Any:
        from botocore.config import Config

        endpoint = (self.site.endpoints or {}).get(service) or (self.site.endpoints or {}).get("default")
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=20,
            tcp_keepalive=True,
            user_agent_extra="multicloud.platform",
            s3={"addressing_style": "path"} if endpoint else None,
        )
        try:
            if self._core is None:
                self._core = self._open()
            return self._core.create_client(
                service, region_name=region, endpoint_url=endpoint, verify=self._verify(endpoint), config=config
            )
        except CloudError:
            raise
        except Exception as error:
            raise translate(error, service, "client") from error

    def _verify(self, endpoint: str | None) -> str | bool | None:
        plain = endpoint is not None and endpoint.startswith("http://")
        return None if plain or not self.site.ca_bundle else self.site.ca_bundle

    def _open(self) -> Any:
        """A botocore session with the site's credentials."""
        import botocore.session

        wanted = self.site.credentials
        core = botocore.session.Session(profile=wanted.profile)
        # Older versions of botocore ask one endpoint for the whole world, which private networks do not reach.
        core.set_config_variable("sts_regional_endpoints", "regional")
        core.register_component("data_loader", _descriptions(core.get_config_variable("data_path")))
        providers = _PROVIDERS[wanted.source]
        resolver = core.get_component("credential_provider")
        if providers is not None:
            resolver.providers = [item for item in resolver.providers if item.METHOD in providers]
        if wanted.role_arn:
            assumed = self._assume(core, wanted.role_arn)
            core.register_component("credential_provider", _Given(assumed))
        return core

    def _assume(self, core: Any, role_arn: str) -> Any:
        """Credentials of a role, renewed by themselves for as long as the run lasts."""
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        source = core.get_component("credential_provider").load_credentials()
        if source is None:
            from botocore.exceptions import NoCredentialsError

            raise NoCredentialsError()
        endpoint = (self.site.endpoints or {}).get("sts") or (self.site.endpoints or {}).get("default")

        def create_client(service: str, **arguments: Any) -> Any:
            arguments = {"region_name": self.region, "endpoint_url": endpoint, **arguments}
            return core.create_client(service, verify=self._verify(endpoint), **arguments)

        fetcher = AssumeRoleCredentialFetcher(
            create_client, source, role_arn, extra_args={"RoleSessionName": "multicloud-platform"}
        )
        return DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)


def check_credentials(site: Site) -> list[str]:
    """What the credentials options say that has no meaning on AWS."""
    wanted, problems = site.credentials, []
    if wanted.source not in _PROVIDERS:
        problems.append(
            f"credentials.source: {wanted.source} is not a source of AWS credentials. Use default, environment, "
            "profile or managed_identity."
        )
    for name in ("service_account_file", "client_id", "tenant_id"):
        if getattr(wanted, name):
            problems.append(f"credentials.{name} has no meaning on AWS. Remove it.")
    if wanted.source == "profile" and not wanted.profile:
        problems.append("credentials.profile: name the profile that source: profile shall use.")
    if wanted.profile and wanted.source not in ("profile", "default"):
        problems.append(f"credentials.profile has no effect with source: {wanted.source}. Use source: profile.")
    return problems


def refuse(where: str, why: str) -> SpecError:
    """A SpecError for an option that AWS cannot honour."""
    return SpecError(f"The specification cannot be carried out; nothing was touched. {where}: {why}")


@lru_cache
def _descriptions(data_path: str | None) -> Any:
    """botocore's service descriptions, read from disk once per process: they are large."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


class _Given:
    """In the place of botocore's chain: credentials that are there already."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


def _begins(key: tuple[Any, ...], start: Hashable) -> bool:
    return isinstance(start, tuple) and key[: len(start)] == start
