"""The emulated Azure Resource Manager: front door, routing, what all providers share."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ..core import Context, FaultRule
from ..core.connection import AZURE_CLIENT, AZURE_SUBSCRIPTION, AZURE_TENANT
from . import armid, providers
from .armid import Target
from .blob import BlobService
from .call import Call, Reply
from .errors import ArmError, group_not_found
from .identity import Authority, Directory, check_subscription
from .images import ImageService
from .kind import Kind
from .operations import Operations
from .providers import locks
from .providers.activity import ActivityLog
from .providers.namespaces import Namespaces
from .providers.resources import Subscription
from .regions import REGIONS
from .secrets import SecretService
from .store import Record, Store

_GROUP = "Microsoft.Resources/resourceGroups"
_POLL = re.compile(r"operation(s|status|statuses|results)$|azureAsyncOperation$|^operationsStatus$", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIGN_IN: ContextVar[bool] = ContextVar("sign_in", default=False)  # whether the request is for the login service
_READING_POSTS = re.compile(r"^(list|check|get)|^sharedKeys$", re.IGNORECASE)


@dataclass(frozen=True)
class Function:
    """A provider function that belongs to no stored resource, such as a list of usages."""

    kind: str
    method: str
    versions: tuple[str, ...]
    handler: Callable[[Call], Reply]


class AzureEmulator:
    """One tenant with one subscription."""

    name = "azure"
    subscription_id = AZURE_SUBSCRIPTION
    tenant_id = AZURE_TENANT
    client_name = AZURE_CLIENT

    def __init__(self, context: Context) -> None:
        self.context = context
        self.regions = tuple(REGIONS)
        self.authority = Authority(context)
        self._build()

    def _build(self) -> None:
        self.store = Store()
        self.operations = Operations(self.context)
        self.directory = Directory(self.context)
        self.namespaces = Namespaces(self)
        self.kinds: dict[str, Kind] = {}
        self._functions: dict[tuple[str, str], Function] = {}
        self.subscription = Subscription(self)
        self.blobs = BlobService(self)
        self.secrets = SecretService(self)
        self.images = ImageService(self)
        self.activity = ActivityLog(self)
        providers.install(self)

    # -- CloudEmulator --------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget every object."""
        for kind in self.kinds.values():
            kind.close()
        self._build()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        content = await request.read()
        self.operations.settle()
        path = request.path
        if path.startswith("/blob/"):
            return self.blobs.handle(request, content)
        if path.startswith("/vault/"):
            return self.secrets.handle(request, content)
        if path.startswith("/registry/"):
            return self.images.handle(request, content)
        if self.authority.serves(path):
            return self.authority.handle(request, content)
        if path == "/metadata/endpoints":
            return web.json_response(self._endpoints())
        target = armid.parse(path)
        call = Call(self, request, target, content, self.operation_name(request, content), {})
        try:
            call.claims = self.authority.authenticate(request)
            return self._route(call)
        except ArmError as error:
            return call.reply(error.status, error.body(), error.headers)

    def operation_name(self, request: web.Request, body: bytes) -> str:
        """``PUT Microsoft.Network/virtualNetworks``; actions carry their name after the type."""
        path = request.path
        _SIGN_IN.set(self.authority.serves(path) and not path.startswith("/registry/"))
        if path.startswith("/blob/"):
            return f"{request.method} blob"
        if path.startswith("/vault/"):
            return f"{request.method} vault/{'/'.join(path.split('/')[3:4])}"
        if path.startswith("/registry/"):
            return f"{request.method} registry/{'/'.join(path.split('/')[3:5])}"
        if self.authority.serves(path):
            return f"{request.method} token" if path.endswith("/token") else f"{request.method} discovery"
        target = armid.parse(path)
        if target.namespace:
            kind = self.kinds.get(target.kind.lower())
            return f"{request.method} {kind.type if kind is not None else _canonical_action(self, target)}"
        if target.group:
            rest = path.lower().partition("/resourcegroups/")[2].split("/")
            tail = f"/{rest[1]}" if len(rest) > 1 and rest[1] else ""
            return f"{request.method} {_GROUP}{tail}"
        rest = path.strip("/").split("/")
        return f"{request.method} Microsoft.Resources/{rest[2] if len(rest) > 2 else 'subscriptions'}"

    def is_write(self, request: web.Request, body: bytes) -> bool:
        """Everything but reads, token requests and POSTs that only list or check."""
        if request.method in ("GET", "HEAD") or self.authority.serves(request.path):
            return False
        return not (request.method == "POST" and _READING_POSTS.match(request.path.rstrip("/").rpartition("/")[2]))

    def fault_response(self, rule: FaultRule) -> web.Response:
        """ARM's own throttling and server errors; those of the login service have another form."""
        if _SIGN_IN.get():
            text = rule.message or "A transient error has occurred. Please try again."
            answer = {
                "error": "temporarily_unavailable",
                "error_description": f"AADSTS90033: {text}",
                "error_codes": [90033],
            }
            return web.json_response(answer, status=rule.status or (429 if rule.kind == "throttle" else 503))
        if rule.kind == "throttle":
            status, code = rule.status or 429, rule.code or "TooManyRequests"
            message = rule.message or (
                "The request was throttled: too many requests were made to the subscription. Retry after the time that "
                "the Retry-After header names."
            )
            seconds = 0 if self.context.profile.name == "instant" else round(rule.seconds)
            headers = {"Retry-After": str(seconds)}
        else:
            status, code = rule.status or 500, rule.code or "InternalServerError"
            message = rule.message or "Encountered internal server error. Diagnostic information: timestamp, trace id."
            headers = {}
        return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=headers)

    # -- for the providers ----------------------------------------------------------------------------------------

    def add(self, kind: Kind) -> Kind:
        """Serve a resource type."""
        self.kinds[kind.type.lower()] = kind
        return kind

    def function(self, kind: str, method: str, versions: tuple[str, ...], handler: Callable[[Call], Reply]) -> None:
        """Serve a provider function."""
        self._functions[(kind.lower(), method)] = Function(kind, method, versions, handler)

    def functions(self) -> list[Function]:
        """All provider functions."""
        return list(self._functions.values())

    def failed(self, failure: FaultRule) -> ArmError:
        """The error of a synchronous write that an injected failure strikes."""
        code = failure.code or "InternalServerError"
        return ArmError(failure.status or 500, code, failure.message or "An error occurred.")

    def group_of(self, target: Target) -> Record | None:
        """The resource group of a path."""
        return self.store.get(f"/subscriptions/{AZURE_SUBSCRIPTION}/resourceGroups/{target.group}")

    def require_group(self, target: Target, writing: bool = False) -> None:
        """404 unless the path's group exists; 409 for a write into a group that is being deleted."""
        if not target.group:
            return
        group = self.group_of(target)
        if group is None:
            raise group_not_found(target.group)
        if writing and group.state == "Deleting":
            message = f"The resource group '{group.name}' is in deprovisioning state and cannot perform this operation."
            raise ArmError(409, "ResourceGroupBeingDeleted", message)

    def require_registered(self, namespace: str) -> None:
        """409 unless the provider is registered."""
        if not self.namespaces.registered(namespace):
            message = (
                f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found "
                "for how to register subscriptions."
            )
            raise ArmError(409, "MissingSubscriptionRegistration", message)

    def canonical(self, target: Target, kind: Kind) -> str:
        """The id of a new resource: types in their own case, the group as it was named when it was made."""
        scope = target.scope
        group = self.group_of(target)
        holder = self.store.get(scope)
        if holder is not None:
            scope = holder.id
        elif group is not None and scope.lower() == group.key:
            scope = group.id
        namespace, *types = kind.type.split("/")
        return f"{scope}/providers/{namespace}" + "".join(
            f"/{name}/{value}" for name, value in zip(types, self._names(target), strict=True)
        )

    def _names(self, target: Target) -> list[str]:
        names = list(target.names)
        parent = self.store.get(target.parent) if target.parent else None
        if parent is not None:
            names[:-1] = armid.parse(parent.id).names
        return names

    # -- routing --------------------------------------------------------------------------------------------------

    def _route(self, call: Call) -> Reply:
        target = call.target
        if target.subscription:
            check_subscription(target.subscription, _action(call), call.claims)
        version = call.version
        operation = self._polled(target)
        if operation is not None:
            if call.query.get("h") != operation.signature:
                # Clients have to follow the URL as they were given it.
                raise ArmError(400, "InvalidOperationUrl", "The signature of the operation's URL is missing or wrong.")
            return operation.flow.poll(call, operation, _poll_kind(target))
        if not target.namespace or self.subscription.serves(target):
            return self.subscription.route(call)
        function = self._functions.get((target.kind.lower(), call.method))
        if function is not None:
            self._check_version(target, function.kind, function.versions, version)
            return function.handler(call)
        kind = self.kinds.get(target.kind.lower())
        if kind is None:
            return self._action(call)
        self._check_version(target, kind.type, kind.versions, version)
        return self._dispatch(call, kind)

    def _polled(self, target: Target) -> Any:
        tail = target.path.rpartition("/")[2]
        kind = _poll_kind(target)
        if not _POLL.search(kind):
            return None
        for candidate in (tail, _decoded(tail)):
            found = _UUID.search(candidate.lower())
            operation = self.operations.get(found.group()) if found else None
            if operation is not None:
                return operation
        message = f"The operation '{tail}' could not be found."
        raise ArmError(404, "OperationNotFound", message)

    def _dispatch(self, call: Call, kind: Kind) -> Reply:
        if not call.target.is_item:
            if call.method == "GET":
                return kind.collection(call)
            raise _method_not_allowed(call)
        handlers: dict[str, Callable[[Call], Reply]] = {
            "GET": kind.get,
            "PUT": kind.put,
            "PATCH": kind.patch,
            "DELETE": kind.delete,
        }
        if call.method == "HEAD":
            kind.find(call)
            return call.reply(204, None)
        if call.method not in handlers:
            raise _method_not_allowed(call)
        if call.method != "GET" and kind.type != locks.LOCKS:
            locks.check(self, call.target.path, deleting=call.method == "DELETE")
        return handlers[call.method](call)

    def _action(self, call: Call) -> Reply:
        target = call.target
        owner = self.kinds.get("/".join((target.namespace, *target.types[:-1])).lower())
        if owner is not None and len(target.types) > 1 and not target.is_item:
            handler = owner.actions.get(target.types[-1].lower())
            if handler is not None and call.method == "POST":
                self._check_version(target, owner.type, owner.versions, call.version)
                above = armid.parse(target.path.rstrip("/").rpartition("/")[0])
                inner = Call(self, call.request, above, call.content, call.operation, call.claims)
                return handler(inner, owner.find(inner))
        if not self.namespaces.known(target.namespace):
            message = f"The resource namespace '{target.namespace}' is invalid."
            raise ArmError(404, "InvalidResourceNamespace", message)
        message = (
            f"The resource type '{'/'.join(target.types)}' could not be found in the namespace '{target.namespace}' "
            f"for api version '{call.version}'. The supported api-versions are "
            f"'{','.join(self.namespaces.versions(target.namespace))}'."
        )
        raise ArmError(404, "InvalidResourceType", message)

    def _check_version(self, target: Target, kind: str, versions: tuple[str, ...], version: str) -> None:
        if version in versions:
            return
        group = self.group_of(target)
        location = group.location if group is not None else "global"
        name = kind.partition("/")[2]
        message = (
            f"No registered resource provider found for location '{location}' and API version '{version}' for type "
            f"'{name}'. The supported api-versions are '{', '.join(versions)}'. The supported locations are "
            f"'{', '.join(self.regions)}'."
        )
        raise ArmError(400, "NoRegisteredProviderFound", message)

    def _endpoints(self) -> dict[str, Any]:
        url = self.context.url
        return {
            "name": "Sandbox",
            "resourceManager": url,
            "authentication": {
                "loginEndpoint": url,
                "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
                "tenant": AZURE_TENANT,
                "identityProvider": "AAD",
            },
            "suffixes": {"storage": "core.windows.net", "keyVaultDns": "vault.azure.net"},
        }


def _poll_kind(target: Target) -> str:
    parts = target.path.split("/")
    return parts[-2] if len(parts) > 2 else ""


def _decoded(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _action(call: Call) -> str:
    verb = {"GET": "read", "HEAD": "read", "DELETE": "delete", "POST": "action"}.get(call.method, "write")
    target = call.target
    if target.namespace:
        return f"{target.kind}/{verb}"
    return f"Microsoft.Resources/subscriptions{'/resourceGroups' if target.group else ''}/{verb}"


def _method_not_allowed(call: Call) -> ArmError:
    message = f"The HTTP method '{call.method}' is not supported at scope '{call.target.path}'."
    return ArmError(405, "HttpMethodNotSupported", message)


def _canonical_action(emulator: AzureEmulator, target: Target) -> str:
    owner = emulator.kinds.get("/".join((target.namespace, *target.types[:-1])).lower())
    return f"{owner.type}/{target.types[-1]}" if owner is not None else target.kind or target.namespace
