"""Google Cloud's URLs and bodies for the conformance harness."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlparse

from module_utils._gcp import (
    artifact_registry,
    cloudsql_contents,
    cloudsql_server,
    compute,
    gke,
    iam,
    kms,
    memorystore,
    memorystore_redis,
    nodepools,
    peering,
    secrets,
    service_policies,
    storage,
)
from module_utils._gcp.gke_fields import CLUSTER_UPDATES, WRAPPED
from module_utils._gcp.nodepools import MACHINE, POOL_UPDATES
from module_utils._gcp.rest import RestResource

from tests.conformance.harness import Exchange, Read, Write

# The shape of a collection's path -> the kind of what is in it.
KINDS: dict[str, type[RestResource]] = {
    r"projects/[^/]+/global/networks": compute.Network,
    r"projects/[^/]+/regions/[^/]+/subnetworks": compute.Subnetwork,
    r"projects/[^/]+/regions/[^/]+/routers": compute.Router,
    r"projects/[^/]+/regions/[^/]+/addresses": compute.Address,
    r"projects/[^/]+/global/addresses": compute.GlobalAddress,
    r"projects/[^/]+/global/firewalls": compute.Firewall,
    r"projects/[^/]+/(locations|zones)/[^/]+/clusters": gke.Cluster,
    r"projects/[^/]+/(locations|zones)/[^/]+/clusters/[^/]+/nodePools": nodepools.NodePool,
    r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys": kms.Key,
    r"artifactregistry/projects/[^/]+/locations/[^/]+/repositories": artifact_registry.Repository,
    r"memorystore/projects/[^/]+/locations/[^/]+/instances": memorystore.Instance,
    r"redis/projects/[^/]+/locations/[^/]+/instances": memorystore_redis.RedisInstance,
    r"networkconnectivity/projects/[^/]+/locations/[^/]+/serviceConnectionPolicies": (
        service_policies.ServiceConnectionPolicy
    ),
    r"projects/[^/]+/instances": cloudsql_server.Server,
    r"projects/[^/]+/instances/[^/]+/databases": cloudsql_contents.SqlDatabase,
    r"projects/[^/]+/secrets": secrets.Secret,
    r"projects/[^/]+/serviceAccounts": iam.ServiceAccount,
    r"b": storage.Bucket,
}
# Where the name of a new object stands in the query.
NAMED_BY = ("cryptoKeyId", "repositoryId", "instanceId", "serviceConnectionPolicyId", "secretId")
# Services whose collections others have too: theirs begin with the service.
SHARED_NAMES = ("artifactregistry", "memorystore", "redis", "networkconnectivity")
# Kinds that say when they are settled, as words and as numbers.
SETTLED: dict[type[RestResource], tuple[Any, ...]] = {
    cloudsql_server.Server: ("RUNNABLE",),
    memorystore.Instance: ("ACTIVE", 2),
    memorystore_redis.RedisInstance: ("READY", 2),
}
POLICY = r"projects/[^/:]+"
CONNECTIONS = "services/servicenetworking.googleapis.com/connections"
# Verbs behind an object's path, and the body that each stands for.
VERBS: dict[str, Any] = {
    "setLabels": lambda body: {"labels": body.get("labels")},
    "setResourceLabels": lambda body: {"resourceLabels": body.get("resourceLabels")},
    "setPrivateIpGoogleAccess": lambda body: body,
    "expandIpCidrRange": lambda body: body,
    "setMaintenancePolicy": lambda body: body,
    "setNetworkPolicy": lambda body: body,
    "setLegacyAbac": lambda body: {"legacyAbac": {"enabled": body.get("enabled")}},
    "setLocations": lambda body: {"locations": body.get("locations")},
    "setSize": lambda body: {"initialNodeCount": body.get("nodeCount")},
    "setAddons": lambda body: body,
    "setLogging": lambda body: body,
    "setMonitoring": lambda body: body,
    "updateMaster": lambda body: {"version": body.get("masterVersion")},
    "setAutoscaling": lambda body: body,
    "setManagement": lambda body: body,
    "upgrade": lambda body: body,
}
# What an update request says about the request itself.
_ENVELOPE = {"clusterId", "nodePoolId", "projectId", "zone", "parent", "etag", "fingerprint", "labelFingerprint"}
_INVERSE = {name: path for path, name in CLUSTER_UPDATES.items()}


def place(url: str) -> str:
    """The path behind host and API version, without query."""
    parsed = urlparse(url)
    service = (parsed.hostname or "").partition(".")[0]
    path = re.sub(r"^((compute|storage|sql)/)?(v\d\w*|beta|alpha)/", "", parsed.path.lstrip("/"))
    return f"{service}/{path}" if service in SHARED_NAMES else path


def kind_of(collection: str) -> type[RestResource] | None:
    return next((kind for shape, kind in KINDS.items() if re.fullmatch(shape, collection)), None)


def split(path: str) -> tuple[str, str, str]:
    """Collection, name and verb of "…/networks/n/addPeering", "…/clusters/c:setLabels", "…/networks" and the like."""
    if kind_of(path):
        return path, "", ""
    path, _, verb = path.partition(":")
    collection, _, name = path.rpartition("/")
    if kind_of(collection) or verb:
        return collection, name, verb
    outer, _, inner = collection.rpartition("/")
    return (outer, inner, name) if kind_of(outer) else (collection, name, "")


class GcpAdapter:
    """Every kind of `_gcp` that has a body of its own."""

    cloud = "gcp"

    def __init__(self) -> None:
        self._unread: dict[str, dict[str, Any]] = {}  # identity -> what masked updates have set since it was read
        self._followed: dict[str, str] = {}  # project -> the member whose grants are followed through its policy

    def write(self, exchange: Exchange) -> Write | None:
        if not exchange.url.startswith("http") or not isinstance(exchange.request, dict):
            return None
        path = place(exchange.url)
        if path.startswith(CONNECTIONS):
            return self._connection(exchange)
        if re.fullmatch(POLICY + ":setIamPolicy", path):
            return self._grants(path.partition(":")[0], exchange.request.get("policy") or {})
        collection, name, verb = split(path)
        kind = kind_of(collection)
        if kind is None or exchange.method not in ("POST", "PUT", "PATCH"):
            return None
        if not name:
            return self._creation(kind, collection, exchange)
        identity = f"{collection}/{name}"
        if verb:
            body = VERBS[verb](exchange.request) if verb in VERBS else None
        elif kind is gke.Cluster:
            return self._cluster_update(identity, exchange.request)
        elif kind is nodepools.NodePool:
            body = pool_body(exchange.request)
        elif kind is iam.ServiceAccount:
            body = exchange.request.get("serviceAccount", exchange.request)
        else:
            body = self._masked(identity, exchange)
        return Write(kind.kind, kind.fields, identity, inner(body)) if body is not None else None

    def _masked(self, identity: str, exchange: Exchange) -> dict[str, Any]:
        """What an update names in its mask, with what updates before it that nobody has read yet named."""
        mask = parse_qs(urlparse(exchange.url).query).get("updateMask", [""])[0]
        if not mask:
            return dict(exchange.request)
        members = {part.partition(".")[0] for part in mask.split(",")}
        named = {name: value for name, value in exchange.request.items() if name in members}
        self._unread[identity] = self._unread.get(identity, {}) | named
        return self._unread[identity]

    def _creation(self, kind: type[RestResource], collection: str, exchange: Exchange) -> Write | None:
        body: dict[str, Any] = exchange.request
        body = body.get("cluster") or body.get("nodePool") or body.get("serviceAccount", body)
        query = parse_qs(urlparse(exchange.url).query)
        response = exchange.response if isinstance(exchange.response, dict) else {}
        if kind is iam.ServiceAccount:
            name = str(response.get("email", ""))
        else:
            name = next((query[key][0] for key in NAMED_BY if key in query), str(body.get("name", "")))
        desired = {member: value for member, value in inner(body).items() if member not in kind.set_later}
        return Write(kind.kind, kind.fields, f"{collection}/{name}", desired) if name else None

    def _cluster_update(self, identity: str, request: dict[str, Any]) -> Write | None:
        update = dict(request.get("update") or {})
        pool = update.pop("desiredNodePoolId", "")
        if pool:
            scaling = update.get("desiredNodePoolAutoscaling")
            if scaling is None:
                return None
            kind = nodepools.NodePool
            return Write(kind.kind, kind.fields, f"{identity}/nodePools/{pool}", {"autoscaling": scaling})
        body: dict[str, Any] = {}
        for name, value in update.items():
            if name == "desiredMasterVersion":
                body["version"] = value
            elif name in _INVERSE:
                put(body, _INVERSE[name], value.get(WRAPPED[name]) if name in WRAPPED else value)
        return Write(gke.Cluster.kind, gke.Cluster.fields, identity, body)

    def _connection(self, exchange: Exchange) -> Write | None:
        kind = peering.ServiceConnection
        network = exchange.request.get("network")
        if exchange.method not in ("POST", "PATCH") or not network:
            return None
        return Write(kind.kind, kind.fields, f"{CONNECTIONS}/{network}", exchange.request)

    def _grants(self, project: str, policy: dict[str, Any]) -> Write | None:
        """A policy holds many members' grants; ours are one member's."""
        members = sorted(member for binding in policy.get("bindings") or () for member in binding["members"])
        if not members:
            return None
        self._followed[project] = members[0]
        kind = iam.ProjectMember
        return Write(kind.kind, kind.fields, f"{project}#{members[0]}", grants(policy, members[0]))

    def read(self, exchange: Exchange) -> Read | None:
        path = place(exchange.url)
        if re.fullmatch(POLICY + ":getIamPolicy", path) and path.partition(":")[0] in self._followed:
            project = path.partition(":")[0]
            member = self._followed[project]
            return Read(f"{project}#{member}", grants(exchange.response, member))
        if exchange.method != "GET" or not exchange.url.startswith("http") or not isinstance(exchange.response, dict):
            return None
        path, raw = place(exchange.url), exchange.response
        if path == CONNECTIONS:
            found = next(iter(raw.get("connections") or ()), None)
            return Read(f"{CONNECTIONS}/{found['network']}", found) if found else None
        collection, name, verb = split(path)
        kind = kind_of(collection)
        if kind is None or not name or verb:
            return None
        if issubclass(kind, (gke.Cluster, nodepools.NodePool)) and raw.get("status") != "RUNNING":
            return None
        if kind in SETTLED and raw.get("state") not in SETTLED[kind]:
            return None
        self._unread.pop(f"{collection}/{name}", None)
        return Read(f"{collection}/{name}", kind.values(object.__new__(kind), raw))


def grants(policy: dict[str, Any], member: str) -> dict[str, Any]:
    """The member's roles, as `Member.fetch` reads them."""
    roles = [b["role"] for b in policy.get("bindings") or () if member in b["members"] and not b.get("condition")]
    return {"member": member, "roles": sorted(roles)}


def inner(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what belongs to the request."""
    return {name: value for name, value in body.items() if name not in _ENVELOPE}


def pool_body(request: dict[str, Any]) -> dict[str, Any]:
    """UpdateNodePoolRequest as the pool's own body."""
    body: dict[str, Any] = {}
    for name, value in inner(request).items():
        if name in POOL_UPDATES:
            wrapped = POOL_UPDATES[name]
            put(body, f"config.{name}", value.get(wrapped) if wrapped else value)
        elif name in MACHINE:
            put(body, f"config.{name}", value)
        elif name == "nodeVersion":
            body["version"] = value
        elif name == "nodeNetworkConfig":
            body["networkConfig"] = value
        elif name in ("upgradeSettings", "locations", "nodeDrainConfig"):
            body[name] = value
    return body


def put(body: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        body = body.setdefault(part, {})
    body[last] = value


ADAPTER = GcpAdapter()
