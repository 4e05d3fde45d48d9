# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries this site's ownership and is not in its specification."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .._engine.errors import AuthError, NotFound
from .._engine.retry import retry_call
from .._engine.tags import from_description
from .._spec import names
from . import cache_backups, cloudsql, cloudsql_backups, errors, kubernetes_orphans, redis_exports
from .client import Cloud
from .cluster import cluster_name
from .references import last, tail
from .secrets import PENDING_SUFFIX, is_deleted, keys_of, listed

Found = Iterator[tuple[str, str, str, dict[str, str]]]  # kind, id, name, tags


def find(cloud: Cloud, known: set[str]) -> list[dict[str, str]]:
    """Every object of ours by labels or description that is not in `known`: {kind, id, name}."""
    owner = cloud.site.owner
    result: list[dict[str, str]] = []
    cluster = f"projects/{cloud.project}/locations/{cloud.region}/clusters/{cluster_name(cloud.site)}"
    for look in (
        *(() if cluster in known else (kubernetes_orphans.left,)),
        _compute,
        _clusters,
        _buckets,
        _accounts,
        _keys,
        _secrets,
        _repositories,
        _databases,
        _caches,
        _redis_caches,
        _policies,
    ):
        for kind, identity, name, tags in _tolerant(cloud, look):
            if owner.owns(tags) and identity not in known and all(each["id"] != identity for each in result):
                result.append({"kind": kind, "id": identity, "name": name})
    keys = _kept_keys(cloud)
    result = [{**each, "kept": _READS} if each["id"] in keys else each for each in result]
    kept = [*_kept(cloud), *cloudsql_backups.kept(cloud), *cache_backups.kept(cloud)]
    result += [each for each in kept if each["id"] not in known]
    return sorted(result, key=lambda each: (each["kind"], each["name"]))


def _tolerant(cloud: Cloud, look: Callable[[Cloud], Found]) -> list[Any]:
    """A service that is off, and a place that does not exist, hold nothing."""
    try:
        return retry_call(lambda: list(look(cloud)), cloud.clock)
    except NotFound:
        return []
    except AuthError as error:
        if error.code == errors.SERVICE_DISABLED:
            return []
        raise


def _compute(cloud: Cloud) -> Found:
    whole, region = f"projects/{cloud.project}/global", f"projects/{cloud.project}/regions/{cloud.region}"
    collections = {
        "gcp.compute.network": f"{whole}/networks",
        "gcp.compute.firewall": f"{whole}/firewalls",
        "gcp.compute.global_address": f"{whole}/addresses",
        "gcp.compute.subnetwork": f"{region}/subnetworks",
        "gcp.compute.router": f"{region}/routers",
        "gcp.compute.address": f"{region}/addresses",
    }
    for kind, path in collections.items():
        for each in cloud.pages("compute", path, "items"):
            tags = {**from_description(each.get("description")), **(each.get("labels") or {})}
            yield kind, f"{path}/{each['name']}", each["name"], tags


def _clusters(cloud: Cloud) -> Found:
    path = f"projects/{cloud.project}/locations/{cloud.region}/clusters"
    for each in cloud.call("container", "GET", path).get("clusters") or ():
        yield "gcp.container.cluster", f"{path}/{each['name']}", each["name"], each.get("resourceLabels") or {}
        for pool in each.get("nodePools") or ():
            # A pool that GKE made by itself is GKE's to remove.
            if not (pool.get("autoscaling") or {}).get("autoprovisioned"):
                identity = f"{path}/{each['name']}/nodePools/{pool['name']}"
                yield "gcp.container.node_pool", identity, pool["name"], each.get("resourceLabels") or {}


def _buckets(cloud: Cloud) -> Found:
    for each in cloud.pages("storage", "b", "items", {"project": cloud.project, "projection": "noAcl"}):
        if each["name"] != redis_exports.bucket_name(cloud.site):  # told apart, as something that is kept
            yield "gcp.storage.bucket", f"b/{each['name']}", each["name"], each.get("labels") or {}


def _accounts(cloud: Cloud) -> Found:
    for each in cloud.pages("iam", f"projects/{cloud.project}/serviceAccounts", "accounts", {"pageSize": 100}):
        tags = from_description(each.get("description"))
        yield "gcp.iam.service_account", tail(each["name"]), each["email"].partition("@")[0], tags


def _keys(cloud: Cloud) -> Found:
    """Keys that can still encrypt; the rest of a key can never be removed at once and costs nothing."""
    ring = names.of(cloud.site)
    for location in _key_locations(cloud):
        path = f"projects/{cloud.project}/locations/{location}/keyRings/{ring}/cryptoKeys"
        try:
            keys = list(cloud.pages("cloudkms", path, "cryptoKeys"))
        except NotFound:
            continue
        for each in keys:
            if (each.get("primary") or {}).get("state") in ("ENABLED", "DISABLED"):
                yield "gcp.kms.key", each["name"], each["name"].rpartition("/")[2], each.get("labels") or {}


def _key_locations(cloud: Cloud) -> Iterable[str]:
    """Keys stand where their buckets are: the region, or one of the multi-regions."""
    return (cloud.region, "eu", "us", "asia")


def _secrets(cloud: Cloud) -> Found:
    """Secrets in use. What is on its way beside one belongs to it."""
    found = listed(cloud)
    for name, each in found.items():
        if not is_deleted(each) and name.removesuffix(PENDING_SUFFIX) not in found.keys() - {name}:
            yield "gcp.secretmanager.secret", secret_path(cloud, name), name, each.get("labels") or {}


def _repositories(cloud: Cloud) -> Found:
    return _of_location(cloud, "gcp.artifactregistry.repository", "artifactregistry", "repositories")


def _caches(cloud: Cloud) -> Found:
    return _of_location(cloud, "gcp.memorystore.instance", "memorystore", "instances")


def _redis_caches(cloud: Cloud) -> Found:
    return _of_location(cloud, "gcp.redis.instance", "redis", "instances")


def _policies(cloud: Cloud) -> Found:
    kind = "gcp.networkconnectivity.service_connection_policy"
    return _of_location(cloud, kind, "networkconnectivity", "serviceConnectionPolicies")


def _of_location(cloud: Cloud, kind: str, service: str, collection: str) -> Found:
    for each in cloud.pages(service, f"projects/{cloud.project}/locations/{cloud.region}/{collection}", collection):
        yield kind, each["name"], last(each["name"]), each.get("labels") or {}


def _databases(cloud: Cloud) -> Found:
    for name, each in cloudsql.instances(cloud).items():
        yield "gcp.sql.instance", cloudsql.instance_path(cloud, name), name, cloudsql.labels(each)


_READS = "without it deleted secrets and backups that are kept could not be read"


def _kept_keys(cloud: Cloud) -> set[str]:
    deleted = (each for each in listed(cloud).values() if is_deleted(each))
    backups = cloudsql_backups.kept_keys(cloud) | cache_backups.kept_keys(cloud)
    return backups.union(*(keys_of(each) for each in deleted))


def _kept(cloud: Cloud) -> list[dict[str, str]]:
    """What was deleted and stays on purpose."""
    return [
        {
            "kind": "gcp.secretmanager.secret",
            "id": secret_path(cloud, name),
            "name": name,
            "kept": f"deleted; closed, and can be brought back under its name until {each.get('expireTime')}",
        }
        for name, each in listed(cloud).items()
        if is_deleted(each) and cloud.site.owner.owns(each.get("labels") or {})
    ]


def secret_path(cloud: Cloud, name: str) -> str:
    return f"projects/{cloud.project}/secrets/{name}"
