"""How each resource provider reports a long-running operation: headers of the accepted write, answers to polling.

Facts are from recorded traffic of the real services. ``Retry-After`` is scaled like every other time of the sandbox.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .errors import ArmError

if TYPE_CHECKING:
    from .call import Call, Reply
    from .operations import Operation

Headers = dict[str, str]


def stamp(moment: datetime) -> str:
    """A time as the services write it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"


class Flow:
    """Base: ``Azure-AsyncOperation`` at the provider's location, plain status documents."""

    namespace = "Microsoft.Resources"
    status_type = "operations"
    result_type = "operationResults"
    async_header = True
    location_on_delete = True
    poll_retry: int | None = None
    api_version: str | None = None  # where the provider polls at a version of its own

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        """Headers of the accepted write."""
        found: Headers = {}
        if self.async_header:
            found["Azure-AsyncOperation"] = self.url(call, operation, self.status_type)
        if operation.verb == "delete" and self.location_on_delete:
            found["Location"] = self.url(call, operation, self.result_type)
        if retry_after is not None:
            found["Retry-After"] = call.retry_after(retry_after)
        return found

    def url(self, call: Call, operation: Operation, kind: str) -> str:
        """Where to poll; signed, so a client has to follow it verbatim."""
        version = self.api_version or operation.api_version
        return (
            f"{call.base}/subscriptions/{call.target.subscription}/providers/{self.namespace}/locations/"
            f"{operation.location}/{kind}/{operation.id}?{self.query(version, operation)}"
        )

    def query(self, version: str, operation: Operation) -> str:
        """Query string of a poll URL."""
        ticks = int(operation.started.timestamp() * 10**7)
        return f"api-version={version}&t={ticks}&c=sandbox&s=sandbox&h={operation.signature}"

    def poll(self, call: Call, operation: Operation, kind: str) -> Reply:
        """Answer a poll."""
        if kind.lower() != self.status_type.lower():
            return self.poll_result(call, operation)
        headers: Headers = {}
        if not operation.finished and self.poll_retry is not None:
            headers["Retry-After"] = call.retry_after(self.poll_retry)
        return call.reply(200, self.status(operation, call), headers)

    def poll_result(self, call: Call, operation: Operation) -> Reply:
        """Answer a poll of the Location URL: 202 while it runs, then the outcome."""
        if not operation.finished:
            headers = {"Location": self.url(call, operation, self.result_type)}
            if self.poll_retry is not None:
                headers["Retry-After"] = call.retry_after(self.poll_retry)
            return call.reply(202, None, headers)
        if operation.error is not None:
            failure = operation.failure
            status = failure.status if failure is not None and failure.status >= 400 else 409
            raise ArmError(
                status, operation.error["code"], operation.error["message"], details=operation.error.get("details")
            )
        if operation.verb == "delete" or operation.record is None:
            return call.reply(204, None)
        return call.reply(200, operation.record.kind.render(operation.record, operation.api_version))

    def word(self, operation: Operation, call: Call) -> str:
        """The status word while it runs."""
        return "InProgress"

    def status(self, operation: Operation, call: Call) -> dict[str, Any]:
        """The status document."""
        if not operation.finished:
            return {"status": self.word(operation, call)}
        if operation.error is not None:
            return {"status": "Failed", "error": operation.error}
        return {"status": "Succeeded"}


class NetworkFlow(Flow):
    """Microsoft.Network."""

    namespace = "Microsoft.Network"
    poll_retry = 10

    def status(self, operation: Operation, call: Call) -> dict[str, Any]:
        document = super().status(operation, call)
        if "error" in document:
            document["error"] = {"details": [], **document["error"]}
        return document


class PrivateDnsFlow(Flow):
    """Private DNS: 202 with an empty object, URLs below the resource group, polls answer 202 while it runs."""

    namespace = "Microsoft.Network"
    status_type = "privateDnsOperationStatuses"
    result_type = "privateDnsOperationResults"
    poll_retry = 30

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        return {
            "Azure-AsyncOperation": self.url(call, operation, self.status_type),
            "Location": self.url(call, operation, self.result_type),
            "Retry-After": call.retry_after(30),
        }

    def url(self, call: Call, operation: Operation, kind: str) -> str:
        token = base64.b64encode(f"FrontEndAsyncOperation;{operation.title};{operation.id}".encode()).decode()
        group = operation.record.group if operation.record is not None else call.target.group
        return (
            f"{call.base}/subscriptions/{call.target.subscription}/resourceGroups/{group}/providers/{self.namespace}/"
            f"{kind}/{token}?{self.query(operation.api_version, operation)}"
        )

    def poll(self, call: Call, operation: Operation, kind: str) -> Reply:
        if kind.lower() == self.status_type.lower() and not operation.finished:
            return call.reply(202, self.status(operation, call), self.headers(call, operation, 30))
        return super().poll(call, operation, kind)


class AksFlow(Flow):
    """Microsoft.ContainerService: no Retry-After, polled at an old version, status words of its own."""

    namespace = "Microsoft.ContainerService"
    result_type = "operationresults"
    api_version = "2025-03-01"

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        return super().headers(call, operation, None)

    def word(self, operation: Operation, call: Call) -> str:
        whole = operation.ends_at - operation.started_at
        done = (call.now() - operation.started_at) / whole if whole > 0 else 1.0
        if done < 0.25 or operation.verb == "delete":
            return "InProgress"
        if operation.record is not None and operation.record.kind.type.endswith("/agentPools"):
            return "CreatingAgentPool" if operation.verb == "create" else "InProgress"
        if done < 0.75 or operation.verb != "create":
            return "ProvisioningControlPlane"
        pools = (operation.record.properties.get("agentPoolProfiles") or []) if operation.record is not None else []
        return f"CreatingAgentPools: 0/{sum(pool.get('count') or 0 for pool in pools)} nodes completed"

    def status(self, operation: Operation, call: Call) -> dict[str, Any]:
        document = {"name": operation.id, **super().status(operation, call), "startTime": stamp(operation.started)}
        if operation.ended is not None:
            document["endTime"] = stamp(operation.ended)
        if "error" in document:
            document["error"] = document.pop("error")
        return document


class StorageFlow(Flow):
    """Microsoft.Storage: 202 with an empty body and Location alone; the last poll answers the account."""

    namespace = "Microsoft.Storage"
    async_header = False
    result_type = "asyncoperations"
    poll_retry = 17

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        return {
            "Location": self.url(call, operation, self.result_type),
            "Retry-After": call.retry_after(17),
        }

    def query(self, version: str, operation: Operation) -> str:
        return f"monitor=true&{super().query(version, operation)}"


class GroupFlow(Flow):
    """Deletion of a resource group: Location alone, an empty 200 at the end."""

    async_header = False
    poll_retry = 15

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        return {
            "Location": self.url(call, operation, self.result_type),
            "Retry-After": call.retry_after(15),
        }

    def url(self, call: Call, operation: Operation, kind: str) -> str:
        token = base64.urlsafe_b64encode(f'{{"jobId":"{operation.title}","id":"{operation.id}"}}'.encode())
        return (
            f"{call.base}/subscriptions/{call.target.subscription}/operationresults/{token.rstrip(b'=').decode()}"
            f"?{self.query(operation.api_version, operation)}"
        )

    def poll_result(self, call: Call, operation: Operation) -> Reply:
        if operation.finished and operation.error is None:
            return call.reply(200, None)
        return super().poll_result(call, operation)


class WorkspaceFlow(Flow):
    """Microsoft.OperationalInsights: Azure-AsyncOperation at an old version, Location and Retry-After."""

    namespace = "Microsoft.OperationalInsights"
    status_type = "operationstatuses"
    result_type = "operationresults"
    api_version = "2015-11-01-preview"

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        found = super().headers(call, operation, 20)
        resource = f"{call.base}{operation.record.id}" if operation.record is not None else call.base
        if operation.verb == "create":
            found["Location"] = f"{resource}?api-version={operation.api_version}"
        elif operation.verb == "update":
            query = self.query(operation.api_version, operation)
            found["Location"] = f"{resource}/operationresults/{operation.id}?{query}"
        return found

    def status(self, operation: Operation, call: Call) -> dict[str, Any]:
        subscription = call.target.subscription
        path = f"/subscriptions/{subscription}/providers/{self.namespace}/locations/{operation.location}"
        document = {
            "id": f"{path}/operationstatuses/{operation.id}",
            "name": operation.id,
            **super().status(operation, call),
            "startTime": stamp(operation.started),
        }
        if operation.ended is not None:
            document["endTime"] = stamp(operation.ended)
            document["properties"] = {}
        return document


class VaultFlow(Flow):
    """Microsoft.KeyVault: purging is polled by Location."""

    namespace = "Microsoft.KeyVault"
    async_header = False
    poll_retry = 10

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        return {
            "Location": self.url(call, operation, self.result_type),
            "Retry-After": call.retry_after(10),
        }


class PostgresFlow(Flow):
    """Microsoft.DBforPostgreSQL: both URLs on every write, and failures in the body of a 200."""

    namespace = "Microsoft.DBforPostgreSQL"
    status_type = "azureAsyncOperation"
    result_type = "operationResults"

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        return {
            "Azure-AsyncOperation": self.url(call, operation, self.status_type),
            "Location": self.url(call, operation, self.result_type),
            "Retry-After": call.retry_after(retry_after or 15),
        }

    def status(self, operation: Operation, call: Call) -> dict[str, Any]:
        found = {"status": "InProgress"} if self._working(operation) else super().status(operation, call)
        document = {"name": operation.id, **found, "startTime": stamp(operation.started)}
        if "error" in document:
            document["error"] = document.pop("error")
        return document

    def _working(self, operation: Operation) -> bool:
        record = operation.record
        return operation.verb != "delete" and record is not None and record.kind.working(record)

    def poll_result(self, call: Call, operation: Operation) -> Reply:
        if self._working(operation):
            return call.reply(202, None, self.headers(call, operation, None))
        if operation.finished and operation.error is None and operation.record is not None:
            if operation.verb == "delete":
                return call.reply(200, None)
            if operation.verb == "action":
                return call.reply(200, {"properties": {}, "name": operation.record.name, "type": "PostgreSQL"})
        return super().poll_result(call, operation)


class RegistryFlow(Flow):
    """Microsoft.ContainerRegistry: creations are polled below the resource, deletions by Location."""

    namespace = "Microsoft.ContainerRegistry"
    status_type = "operationStatuses"
    result_type = "operationResults"

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        name, kind = "Azure-AsyncOperation", self.status_type
        if operation.verb == "delete":
            name, kind = "Location", self.result_type
        return {name: self.url(call, operation, kind), "Retry-After": call.retry_after(retry_after or 10)}

    def url(self, call: Call, operation: Operation, kind: str) -> str:
        if kind == self.result_type or operation.record is None:
            return super().url(call, operation, kind)
        query = self.query(operation.api_version, operation)
        return f"{call.base}{operation.record.id}/{kind}/{operation.id}?{query}"

    def word(self, operation: Operation, call: Call) -> str:
        return "Creating" if operation.verb == "create" else "InProgress"

    def poll_result(self, call: Call, operation: Operation) -> Reply:
        if operation.finished and operation.error is None and operation.verb == "delete":
            return call.reply(200, None)
        return super().poll_result(call, operation)


class CacheFlow(Flow):
    """Microsoft.Cache: status below the region's display name, results below the resource, no Retry-After."""

    namespace = "Microsoft.Cache"
    status_type = "operationsStatus"
    result_type = "operationresults"

    def headers(self, call: Call, operation: Operation, retry_after: int | None) -> Headers:
        return {
            "Azure-AsyncOperation": self.url(call, operation, self.status_type),
            "Location": self.url(call, operation, self.result_type),
        }

    def url(self, call: Call, operation: Operation, kind: str) -> str:
        if kind != self.result_type or operation.record is None:
            return super().url(call, operation, kind)
        query = self.query(operation.api_version, operation)
        return f"{call.base}{operation.record.id}/{kind}/{operation.id}?{query}"

    def status(self, operation: Operation, call: Call) -> dict[str, Any]:
        record = operation.record
        working = operation.verb != "delete" and record is not None and record.kind.working(record)
        found = {"status": "InProgress"} if working else super().status(operation, call)
        path = f"/subscriptions/{call.target.subscription}/providers/{self.namespace}/locations/{operation.location}"
        document: dict[str, Any] = {"id": f"{path}/{self.status_type}/{operation.id}", "name": operation.id, **found}
        document["startTime"] = stamp(operation.started)
        document["endTime"] = stamp(operation.ended or operation.started)
        return document


class SqlFlow(PostgresFlow):
    """Microsoft.Sql: as PostgreSQL, with a URL of its own for servers and for databases."""

    namespace = "Microsoft.Sql"

    def url(self, call: Call, operation: Operation, kind: str) -> str:
        target = "database" if call.target.kind.lower().endswith("/databases") else "server"
        path = f"{target}{kind[0].upper()}{kind[1:]}"
        group = f"resourceGroups/{call.target.group}/" if call.target.group else ""
        return super().url(call, operation, path).replace("/providers/", f"/{group}providers/", 1)

    def poll(self, call: Call, operation: Operation, kind: str) -> Reply:
        if kind.lower().endswith("azureasyncoperation"):
            return call.reply(200, self.status(operation, call))
        return self.poll_result(call, operation)


NETWORK = NetworkFlow()
PRIVATE_DNS = PrivateDnsFlow()
AKS = AksFlow()
STORAGE = StorageFlow()
GROUP = GroupFlow()
WORKSPACE = WorkspaceFlow()
VAULT = VaultFlow()
POSTGRESQL = PostgresFlow()
SQL = SqlFlow()
REGISTRY = RegistryFlow()
CACHE = CacheFlow()
