"""A driver whose session is never used: builders do no I/O."""

from __future__ import annotations

from typing import Any

from module_utils._aws.driver import AwsDriver
from module_utils._engine.clock import SystemClock
from module_utils._spec.arguments import build
from module_utils._spec.cluster import Cluster
from module_utils._spec.network import Network
from module_utils._spec.object_store import ObjectStore
from module_utils._spec.site import Site

SITE = Site("aws", "eu-central-1", "ml", "123456789012", site="aws-dev")


def driver(site: Site = SITE) -> AwsDriver:
    return AwsDriver(site, SystemClock())


def network(site: Site = SITE, managed: bool = True, **options: Any) -> Any:
    spec = build(Network, {"addresses": {site.name: "0"}, **options}).resolve(site)
    return driver(site).network(spec, managed=managed)


def cluster(site: Site = SITE, **options: Any) -> Any:
    one = driver(site)
    net = build(Network, {"addresses": {site.name: "0"}}).resolve(site)
    spec = build(Cluster, {"allowed_cidrs": ["198.51.100.0/24"], **options}).resolve(site)
    return one.cluster(spec, net, one.network(net))


def buckets(*options: dict[str, Any], site: Site = SITE) -> Any:
    return driver(site).object_store(build(ObjectStore, {"buckets": list(options)}).resolve(site))


def present(built: Any, kind: str) -> list[str]:
    return [item.name for item in built.resources if item.kind == kind and item.present and item.managed]


def absent(built: Any, kind: str) -> list[str]:
    return [item.name for item in built.resources if item.kind == kind and not item.present]
