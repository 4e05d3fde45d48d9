# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubernetes made for the site's cluster and nobody removed: load balancers, their firewalls, disks.

None of it carries our labels for certain. Disks carry the cluster's name (persistent disk CSI driver); firewalls aim at
the tag of its nodes, and are named after the load balancer that they are for (cloud-provider-gcp, service controller).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .._spec import names
from .client import Cloud
from .cluster import cluster_name
from .references import tail

Found = Iterator[tuple[str, str, str, dict[str, str]]]
_BALANCER = re.compile(r"(?:k8s-(?:fw-)?)?(a[0-9a-f]{31})(?:-http-hc)?")
_SERVICE = "kubernetes.io/service-name"


def left(cloud: Cloud) -> Found:
    """To be asked when the cluster is gone: while it lives all of this is its own. Tagged as ours."""
    ours = cloud.site.owner.tags()
    for kind, path in (*_disks(cloud), *_balancers(cloud)):
        yield kind, path, path.rpartition("/")[2], ours


def _disks(cloud: Cloud) -> Iterator[tuple[str, str]]:
    wanted = f"labels.goog-k8s-cluster-name={cluster_name(cloud.site)}"
    path, token = f"projects/{cloud.project}/aggregated/disks", ""
    while True:
        answer = cloud.call("compute", "GET", path, query={"filter": wanted, **({"pageToken": token} if token else {})})
        for place in (answer.get("items") or {}).values():
            for disk in place.get("disks") or ():
                labels = disk.get("labels") or {}
                here = labels.get("goog-k8s-cluster-location", cloud.region) == cloud.region
                if here and labels.get("goog-k8s-cluster-name") == cluster_name(cloud.site):
                    yield "gcp.compute.disk", tail(disk["selfLink"])
        token = answer.get("nextPageToken") or ""
        if not token:
            return


def _balancers(cloud: Cloud) -> Iterator[tuple[str, str]]:
    cluster = re.escape(cluster_name(cloud.site))
    tag = re.compile(rf"gke-{cluster}-[0-9a-f]{{8}}(-[0-9a-f]+)?-node")
    whole, region = f"projects/{cloud.project}/global", f"projects/{cloud.project}/regions/{cloud.region}"
    firewalls = [
        each
        for each in cloud.pages("compute", f"{whole}/firewalls", "items")
        if any(tag.fullmatch(target) for target in each.get("targetTags") or ())
    ]
    pools = list(cloud.pages("compute", f"{region}/targetPools", "items"))
    named = _named(firewalls) | {each["name"] for each in pools if _has_nodes(each, cluster)}
    network = f"/{names.of(cloud.site)}"
    rules = [
        each
        for each in cloud.pages("compute", f"{region}/forwardingRules", "items")
        if _SERVICE in str(each.get("description"))
        and (each["name"] in named or str(each.get("network")).endswith(network))
    ]
    named |= {each["name"] for each in rules}
    pools = [each for each in pools if each["name"] in named]
    services = [each for each in cloud.pages("compute", f"{region}/backendServices", "items") if each["name"] in named]
    checks = {tail(check) for each in pools for check in each.get("healthChecks") or ()}
    kept = [
        each
        for each in cloud.pages("compute", f"{whole}/httpHealthChecks", "items")
        if each["name"] in named or tail(each["selfLink"]) in checks
    ]
    for kind, found in (
        ("forwarding_rule", rules),
        ("target_pool", pools),
        ("backend_service", services),
        ("http_health_check", kept),
        ("firewall", firewalls),
    ):
        yield from ((f"gcp.compute.{kind}", tail(each["selfLink"])) for each in found)


def _named(firewalls: Iterable[dict[str, Any]]) -> set[str]:
    """The load balancers that firewalls are for."""
    found = (_BALANCER.fullmatch(each["name"]) for each in firewalls)
    return {match[1] for match in found if match}


def _has_nodes(pool: dict[str, Any], cluster: str) -> bool:
    return any(re.search(rf"/instances/gke-{cluster}-", instance) for instance in pool.get("instances") or ())
