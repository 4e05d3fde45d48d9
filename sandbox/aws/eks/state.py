"""The objects that EKS holds. Their status follows from the clock when they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .control_plane import ControlPlane

Document = dict[str, Any]


@dataclass
class Update:
    """One asynchronous change. ``apply`` runs when it ends well; ``errors`` are what it ends with otherwise."""

    id: str
    type: str
    params: list[Document]
    created: datetime
    ends_at: float
    apply: Callable[[], None]
    errors: list[Document] = field(default_factory=list)
    over: bool = False

    @property
    def status(self) -> str:
        """InProgress, Successful or Failed."""
        if not self.over:
            return "InProgress"
        return "Failed" if self.errors else "Successful"

    def describe(self) -> Document:
        """The update as an API answer."""
        return {
            "id": self.id,
            "status": self.status,
            "type": self.type,
            "params": self.params,
            "createdAt": self.created,
            "errors": self.errors if self.over else [],
        }


@dataclass
class Lifecycle:
    """Where an object stands between creation and deletion."""

    status: str
    ends_at: float
    # What the running creation or deletion will end with, and what the health of the object shows now.
    failure: Document | None = None
    issue: Document | None = None
    updates: dict[str, Update] = field(default_factory=dict)

    @property
    def running_update(self) -> Update | None:
        """The update in progress."""
        return next((update for update in self.updates.values() if not update.over), None)


@dataclass
class Nodegroup:
    """A managed node group; ``document`` holds what DescribeNodegroup tells, without status and health."""

    document: Document
    life: Lifecycle
    interfaces: list[str] = field(default_factory=list)
    access_group: str | None = None
    token: str | None = None

    @property
    def name(self) -> str:
        """Name within the cluster."""
        return str(self.document["nodegroupName"])

    def describe(self) -> Document:
        """The node group as an API answer."""
        health = {"issues": [self.life.issue] if self.life.issue else []}
        return {**self.document, "status": self.life.status, "health": health}


@dataclass
class Addon:
    """An installed add-on."""

    document: Document
    life: Lifecycle

    @property
    def name(self) -> str:
        """Name within the cluster."""
        return str(self.document["addonName"])

    def describe(self, status: str, issues: list[Document]) -> Document:
        """The add-on as an API answer."""
        return {**self.document, "status": status, "health": {"issues": issues}}


@dataclass
class AccessEntry:
    """An access entry and the policies associated with it, by ARN."""

    document: Document
    policies: dict[str, Document] = field(default_factory=dict)


@dataclass
class Cluster:
    """A cluster and everything in it; ``document`` holds what DescribeCluster tells once it is active."""

    document: Document
    life: Lifecycle
    region: str
    bootstrap_addons: bool
    interfaces: list[str] = field(default_factory=list)
    token: str | None = None
    request: Document = field(default_factory=dict)
    nodegroups: dict[str, Nodegroup] = field(default_factory=dict)
    addons: dict[str, Addon] = field(default_factory=dict)
    access_entries: dict[str, AccessEntry] = field(default_factory=dict)
    pod_identities: dict[str, Document] = field(default_factory=dict)
    # The creator of a cluster without access entries, who may do everything in it.
    hidden_admin: str = ""
    control_plane: ControlPlane | None = None

    @property
    def name(self) -> str:
        """Name within the region."""
        return str(self.document["name"])

    @property
    def version(self) -> str:
        """Kubernetes version of the control plane."""
        return str(self.document["version"])

    def describe(self) -> Document:
        """The cluster as an API answer. An endpoint, a CA and an issuer exist only when the cluster is up."""
        document = {**self.document, "status": self.life.status}
        if self.life.status in ("CREATING", "FAILED"):
            for key in ("endpoint", "identity"):
                document.pop(key, None)
            document["certificateAuthority"] = {}
            document["resourcesVpcConfig"] = {
                key: value for key, value in document["resourcesVpcConfig"].items() if key != "clusterSecurityGroupId"
            }
        if self.life.issue:
            document["health"] = {"issues": [self.life.issue]}
        return document


@dataclass
class Region:
    """Clusters of one region by name."""

    clusters: dict[str, Cluster] = field(default_factory=dict)
