"""What all emulated services share: the context, moto and its data."""

from __future__ import annotations

import functools
import io
import os
import pickle
import secrets
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

# Before moto is imported: it reads its settings at import.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
# Over a thousand images that nobody here asks for; making them takes longer than all else in a new account.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
os.environ["MOTO_ACCOUNT_ID"] = "123456789012"
os.environ.pop("AWS_ENDPOINT_URL", None)

import moto.core.responses
from moto.backends import get_backend
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.model_instances import reset_model_data
from moto.server import DomainDispatcherApplication, create_backend_app

from ..core.connection import AWS_ACCOUNT
from ..core.context import Context
from .errors import RawResponse

# Moto looks both up anew for every request, which takes as long as the rest of its work.
moto.core.responses.method_names_from_class = functools.cache(moto.core.responses.method_names_from_class)


_T = TypeVar("_T")


class _Application(DomainDispatcherApplication):
    """Moto's application that remembers which service a host name belongs to."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._services: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """The service that answers for ``host``."""
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        return self._services[host]


def _parse_policies_once() -> None:
    """AWS's own policies are parsed for every new account, which takes a good part of a second."""
    from moto.iam.models import IAMBackend

    parse = IAMBackend._init_aws_policies
    if hasattr(parse, "parsed"):
        return
    kept: dict[tuple[str, str], bytes] = {}

    def policies(self: Any) -> Any:
        account = (self.account_id, self.region_name)
        if account not in kept:
            kept[account] = pickle.dumps(parse(self))
        return pickle.loads(kept[account])  # noqa: S301  # what was put there two lines above

    policies.parsed = True  # type: ignore[attr-defined]
    IAMBackend._init_aws_policies = policies  # type: ignore[method-assign]


class World:
    """The account: moto's backends by service and region, and moto's application."""

    account = AWS_ACCOUNT

    def __init__(self, context: Context) -> None:
        self.context = context
        self.clock = context.clock
        self._application = _Application()
        # The account's data is not safe for more than one thread.
        self._inside = threading.local()
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="aws", initializer=self._enter)

    def _enter(self) -> None:
        self._inside.worker = True

    def in_worker(self, work: Callable[[], _T]) -> _T:
        """Run ``work`` in the thread that the account's data belongs to, and wait for it."""
        if getattr(self._inside, "worker", False):
            return work()
        return self.worker.submit(work).result()

    def ec2(self, region: str) -> Any:
        """Moto's EC2 of a region."""
        return get_backend("ec2")[self.account][region]

    def iam(self) -> Any:
        """Moto's IAM."""
        return get_backend("iam")[self.account]["aws"]

    def kms(self, region: str) -> Any:
        """Moto's KMS of a region."""
        return get_backend("kms")[self.account][region]

    def s3(self) -> Any:
        """Moto's S3."""
        return get_backend("s3")[self.account]["aws"]

    def backend(self, service: str, region: str) -> Any:
        """Moto's backend of any service; ``aws`` is the region of a global one."""
        return get_backend(service)[self.account][region]  # type: ignore[call-overload]

    def regions_in_use(self, service: str) -> dict[str, Any]:
        """Backends that have been used, by region."""
        return dict(get_backend(service)[self.account])  # type: ignore[call-overload]

    def moto(self, environ: dict[str, Any], body: bytes) -> RawResponse:
        """Let moto's application answer a request."""
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        answer = RawResponse(500)

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            answer.status = int(status.split(" ", 1)[0])
            answer.headers = list(headers)
            return lambda data: None

        chunks = self._application(environ, start_response)
        try:
            answer.body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return answer

    def reset(self) -> None:
        """Forget everything that moto holds.

        Moto's own reset makes every backend anew and then throws it away. Here only those are asked that hold more than
        memory (open files, containers).
        """
        used: list[Any] = BackendDict._instances  # type: ignore[misc]
        for service in used:
            for backend in [each for account in service.values() for each in account.values()]:
                if type(backend).reset is not BaseBackend.reset:
                    backend.reset()
            service.clear()
        used.clear()
        reset_model_data()

    def warm_up(self) -> None:
        """Import the services that every client uses, so that the first request does not pay for it."""
        for service in ("ec2", "iam", "sts", "s3", "kms", "logs"):
            get_backend(service)
        _parse_policies_once()
        self.iam()

    @staticmethod
    def new_id(prefix: str) -> str:
        """An id such as ``vpce-0123456789abcdef0``."""
        return f"{prefix}-0{secrets.token_hex(8)}"

    @staticmethod
    def new_uuid() -> str:
        """A random UUID."""
        return str(uuid.uuid4())
