# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before any cache is touched: is Memorystore in the region, and is the way into the network free?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._engine.errors import AuthError
from .._engine.plan import Action
from .._engine.retry import retry_call
from .._engine.survey import Planned
from . import errors
from .client import Cloud
from .memorystore import Instance
from .memorystore_redis import RedisInstance
from .references import same_reference
from .rest import RestResource
from .service_policies import ServiceConnectionPolicy

_SERVICES: dict[type[RestResource], str] = {
    Instance: "Memorystore for Valkey",
    RedisInstance: "Memorystore for Redis",
}


def problems(cloud: Cloud, planned: Sequence[Planned]) -> list[str]:
    """Sentences. Costs no call where nothing is added."""
    added = [each.resource for each in planned if each.action is Action.CREATE]
    found = []
    for kind, title in _SERVICES.items():
        wanted = [each for each in added if isinstance(each, kind)]
        if wanted and cloud.region not in _regions(cloud, kind.service):
            names = ", ".join(each.name for each in wanted)
            found.append(f"{title} is not offered in {cloud.region}, where {names} shall be. Choose another region.")
        found += [problem for each in wanted if (problem := _of_another_engine(cloud, each.name, kind))]
    for each in added:
        if isinstance(each, ServiceConnectionPolicy):
            found += _others(cloud, each)
    return found


def _of_another_engine(cloud: Cloud, name: str, kind: type[RestResource]) -> str:
    """No engine becomes another: the cache of that name would be left behind with all that it holds."""
    other = next(each for each in _SERVICES if each is not kind)
    try:
        observed = retry_call(other(cloud, name).read, cloud.clock)
    except AuthError as error:
        if error.code == errors.SERVICE_DISABLED:
            return ""
        raise
    if observed is None or not cloud.site.owner.owns(observed.tags or {}):
        return ""
    return (
        f"The cache {name} is on {_SERVICES[other]}, and the engine of a cache cannot be changed. Give the new one "
        "another name, or delete the present one first: state: absent with the engine that it has."
    )


def _regions(cloud: Cloud, service: str) -> set[str]:
    path = f"projects/{cloud.project}/locations"
    try:
        found = retry_call(lambda: list(cloud.pages(service, path, "locations")), cloud.clock)
    except AuthError as error:
        if error.code == errors.SERVICE_DISABLED and cloud.site.enable_services:
            return {cloud.region}  # what is still to be switched on cannot be asked yet
        raise
    return {str(each["locationId"]) for each in found}


def _others(cloud: Cloud, policy: ServiceConnectionPolicy) -> Iterator[str]:
    """There is one policy for each network, region and class of services, whatever its name."""
    wanted = policy.desired()
    for each in retry_call(policy.all, cloud.clock):
        same_class = each.get("serviceClass") == wanted["serviceClass"]
        if same_class and same_reference(wanted["network"], each.get("network")):
            yield (
                f"The network has the service connection policy {each['name']} for {wanted['serviceClass']} already, "
                f"and there can be only one: {policy.name} cannot be made. Delete that one."
            )
