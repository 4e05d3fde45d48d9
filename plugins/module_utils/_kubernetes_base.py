# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster brought to what every cluster of the platform begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._engine.clock import Clock
from ._engine.report import Report
from ._engine.retry import retry_call
from ._engine.settings import Notify, Settings
from ._kubernetes.base import Surroundings, build, facts_of
from ._kubernetes.changes import our_entry
from ._kubernetes.client import Client
from ._kubernetes.labels import MEMBER, set_id
from ._kubernetes.objects import Body
from ._kubernetes.place import Place
from ._kubernetes.sets import SetOptions, converge_set
from ._spec.kubernetes_base import KubernetesBase
from ._spec.names import fit
from ._spec.site import Site


def set_name(site: Site) -> str:
    """Of the set that the base is."""
    return fit(f"{site.platform}-base", 50)


def surroundings(site: Site, ranges: Sequence[str], minor: str, outputs: Mapping[str, Any] | None) -> Surroundings:
    """What the base of a site is rendered for. outputs: what the module `site` said of it."""
    return Surroundings(Place.of(site), tuple(ranges), minor, facts_of(outputs or {}))


def lay(
    client: Client,
    site: Site,
    spec: KubernetesBase,
    settings: Settings,
    *,
    ranges: Sequence[str],
    outputs: Mapping[str, Any] | None = None,
    force_conflicts: bool = False,
    clock: Clock,
    notify: Notify | None = None,
) -> Report:
    """Carry it out. spec: resolved. ranges: of the site's network. outputs: as in `surroundings`.

    A namespace that is not listed any more stays, because of what is in it; its quota, policies and so on go.
    """
    name = set_name(site)
    objects: list[Body] = []
    if settings.state == "present":
        minor = retry_call(lambda: _minor(client), clock, timeout=settings.retry_timeout)
        objects = build(spec, surroundings(site, ranges, minor, outputs))
        listed = {each.name for each in spec.namespaces or ()}
        selector = f"{MEMBER}={set_id(name)}"
        found = retry_call(
            lambda: client.list("v1", "Namespace", None, selector), clock, timeout=settings.retry_timeout
        )
        objects += [_as_it_is(body) for body in found if body["metadata"]["name"] not in listed]
    options = SetOptions(name=name, force_conflicts=force_conflicts)
    report = converge_set(client, settings, objects, options, clock=clock, notify=notify)
    report.outputs = {"namespaces": [each.name for each in spec.namespaces or ()], "config_map": spec.config_map}
    return report


def _minor(client: Client) -> str:
    """The cluster's version, "1.34"; of EKS and GKE the minor part may end in a plus."""
    told = client.raw("GET", "/version").json()
    return f"{told['major']}.{str(told['minor']).rstrip('+')}"


def _as_it_is(body: Body) -> Body:
    """A namespace with the labels that are ours already: applying it changes nothing."""
    ours = ((our_entry(body) or {}).get("fieldsV1") or {}).get("f:metadata", {}).get("f:labels", {})
    labels = {key: value for key, value in body["metadata"]["labels"].items() if f"f:{key}" in ours}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": body["metadata"]["name"], "labels": labels}}
