"""One emulated cluster: its resources, its objects and what is there from the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.clock import Clock
from .accounts import Accounts
from .admission import Admission
from .authorization import Authorizer
from .bootstrap import bootstrap
from .catalogue import Catalogue, Resource
from .identity import MASTERS, UserInfo
from .logs import Logs
from .options import WriteOptions
from .registry import Registry
from .schemas import library
from .store import Body, Stored

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
SERVER = UserInfo("system:apiserver", groups=(MASTERS,))


class Cluster:
    """State and behaviour without the network. Not thread-safe: it belongs to one event loop."""

    def __init__(self, name: str, version: str, clock: Clock | None = None, ca_pem: str = "") -> None:
        self.name = name
        self.version = version.removeprefix("v")
        self.catalogue = Catalogue(library(self.minor))
        self.registry = Registry(self.catalogue, clock or Clock())
        self.registry.namespaces.ca_pem = ca_pem
        self.logs = Logs()
        self.authorizer = Authorizer(self.registry.store)
        self.accounts = Accounts(self.registry)
        Admission(self.registry, self.authorizer)
        for namespace in SYSTEM_NAMESPACES:
            self.put("v1", "Namespace", namespace)
        bootstrap(self)
        self.registry.settle()

    @property
    def minor(self) -> str:
        """``1.34``."""
        return ".".join(self.version.split(".")[:2])

    def upgrade(self, version: str) -> None:
        """Serve another version's kinds and schemas from now on; objects stay."""
        before, self.version = self.version, version.removeprefix("v")
        if self.version != before:
            self.catalogue.renew(library(self.minor))

    def resource(self, api_version: str, kind: str) -> Resource:
        """A resource that is known to be served."""
        found = self.catalogue.of_kind(api_version, kind)
        if found is None:
            raise LookupError(f"{kind} in {api_version} is not served")
        return found

    def put(self, api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Stored:
        """Create an object of the cluster's own; what exists stays as it is."""
        resource = self.resource(api_version, kind)
        found = self.registry.find(resource, namespace, name)
        if found is not None:
            return found
        meta = {"name": name, **fields.pop("metadata", {})}
        body: Body = {"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}
        options = WriteOptions(SERVER, manager="kube-apiserver")
        decoded = self.registry.decode(resource, body, options, [])
        return self.registry.create(resource, namespace, decoded, options)

    def put_all(self, bodies: Sequence[Body]) -> None:
        """Create objects that are given as a whole; what exists stays as it is."""
        for body in bodies:
            meta = dict(body["metadata"])
            name, namespace = meta.pop("name"), meta.pop("namespace", "")
            rest = {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata")}
            self.put(body["apiVersion"], body["kind"], name, namespace, metadata=meta, **rest)
