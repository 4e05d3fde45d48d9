"""The emulated AWS: every service behind one endpoint, told apart by what the request was signed for."""

from __future__ import annotations

import asyncio
import traceback
from contextvars import ContextVar
from typing import Any

from aiohttp import web
from moto.core.exceptions import ServiceException

from ..core.context import Context
from ..core.faults import FaultRule
from . import credentials
from .elasticache import ElastiCache
from .errors import AwsError, RawResponse, error_response, throttled
from .hooks import Hooks, Service
from .rds import Rds
from .refusals import refuse_what_the_service_does_not_know
from .services import build_services
from .wire import Call, parse, serialize
from .world import World

_CALL_KEY = "sandbox.aws.call"
_CURRENT: ContextVar[Call] = ContextVar("current_call")
_DROPPED_HEADERS = {"content-length", "server", "date", "connection", "transfer-encoding"}


class AwsEmulator:
    """Moto and the project's own services, called in one worker thread: their data is not safe for more."""

    name = "aws"

    def __init__(self, context: Context) -> None:
        self.world = World(context)
        self.hooks = Hooks()
        self.services: list[Service] = build_services(self.world)
        for service in self.services:
            service.register(self.hooks)
        self._worker = self.world.worker
        self.world.in_worker(self.world.warm_up)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        call = self._call(request, await request.read())
        answer = await asyncio.get_running_loop().run_in_executor(self._worker, self.answer, call)
        return _to_aiohttp(request, answer)

    def operation_name(self, request: web.Request, body: bytes) -> str:
        """``service.Action``."""
        call = self._call(request, body)
        _CURRENT.set(call)
        return call.name

    def is_write(self, request: web.Request, body: bytes) -> bool:
        """Whether the operation changes something."""
        return self._call(request, body).is_write

    def fault_response(self, rule: FaultRule) -> web.Response:
        """The error of the service that the current request is for, in its protocol."""
        call = _CURRENT.get()
        if rule.kind == "throttle":
            error = throttled(call.service, call.protocol)
        else:
            error = AwsError("InternalError" if call.protocol != "rest-json" else "ServerException", "", 500)
            error.message = "An internal error has occurred"
        error.code = rule.code or error.code
        error.message = rule.message or error.message
        error.status = rule.status or error.status
        answer = error_response(call.protocol, error)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    def servers(self) -> list[dict[str, Any]]:
        """Real servers behind instances, and where they listen."""
        found = (
            item for service in self.services if isinstance(service, (Rds, ElastiCache)) for item in service.servers()
        )
        return [
            {"kind": kind, "instance": instance, "host": address.host, "port": address.port}
            for kind, instance, address in found
        ]

    def reset(self) -> None:
        """Forget every object."""
        self._worker.submit(self._reset).result()

    def _reset(self) -> None:
        self.world.reset()
        for service in self.services:
            service.reset()

    def answer(self, call: Call) -> RawResponse:
        """Answer a call, in the worker thread."""
        try:
            return self._answer(call)
        except AwsError as error:
            return error_response(call.protocol, _with_model_status(call, error))
        except ServiceException as error:
            # Moto's own refusals, raised where this emulator asked its data directly.
            refusal = AwsError(str(error.code), str(error.message))
            return error_response(call.protocol, _with_model_status(call, refusal))
        except NotImplementedError as error:
            return error_response(call.protocol, AwsError("NotImplemented", str(error) or call.name, 501))
        except Exception as error:  # the emulator's own mistake must be seen, not take the worker down
            traceback.print_exc()
            return error_response(call.protocol, AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500))

    def _answer(self, call: Call) -> RawResponse:
        credentials.check(self.world, call)
        refuse_what_the_service_does_not_know(call)
        known = self.hooks.answer_at_once(call)
        if known is not None:
            return known
        for check in self.hooks.checks(call):
            check(call)
        handler = self.hooks.handler(call)
        if handler is not None:
            result = handler(call)
            answer = result if isinstance(result, RawResponse) else serialize(call, result)
        else:
            answer = self.world.moto(call.environ, call.body)
        if answer.status < 300:
            for follow_up in self.hooks.follow_ups(call):
                follow_up(call, answer)
        return answer

    @staticmethod
    def _call(request: web.Request, body: bytes) -> Call:
        call: Call | None = request.get(_CALL_KEY)
        if call is None:
            call = request[_CALL_KEY] = parse(request, body)
        return call


def _with_model_status(call: Call, error: AwsError) -> AwsError:
    if not error.status and call.operation is not None:
        for shape in call.operation.service_model.error_shapes:
            if shape.name == error.code:
                error.status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
    return error


def _to_aiohttp(request: web.Request, answer: RawResponse) -> web.Response:
    headers = [(key, value) for key, value in answer.headers if key.lower() not in _DROPPED_HEADERS]
    response = web.Response(status=answer.status, headers=headers, body=answer.body or None)
    length = answer.header("Content-Length")
    if request.method == "HEAD" and length is not None:
        # An object's size is known from HEAD although no body follows.
        response.headers["Content-Length"] = length
    return response
