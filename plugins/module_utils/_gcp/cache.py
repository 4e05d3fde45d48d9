# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's caches on Google Cloud: Memorystore, for Valkey unless the specification asks for Redis."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._engine.retry import retry_call
from .._spec import names
from .._spec.cache import Cache, CacheInstance
from .._spec.site import check
from .agents import AgentGrant
from .cache_bodies import REDIS_TLS_PORT, is_redis, problems, redis_body, valkey_body
from .client import Cloud
from .kms import GivenKey, KeepingKey, place_problem
from .memorystore import Instance
from .memorystore_backups import KeptInstance, needs_key
from .memorystore_redis import AuthString, RedisInstance
from .private_services import connection, port_problem
from .service_policies import MEMORYSTORE, GivenPolicy, ServiceConnectionPolicy

_OWN_KEY = "cache"


def needed(spec: Cache) -> set[str]:
    """The services that it takes."""
    services = {"compute"}
    for item in spec.instances:
        services |= {"redis", "servicenetworking"} if is_redis(item) else {"memorystore", "networkconnectivity"}
        services |= {"cloudkms"} if item.encryption == "customer" else set()
    return services


def build(spec: Cache, network: Any, network_built: Built, secrets_built: Built, cloud: Cloud) -> Built:
    """The caches' resources. Raises SpecError for what Memorystore cannot honour."""
    builder = Builder(spec, network, network_built, secrets_built, cloud)
    check(builder.problems())
    return builder.built()


def instance_name(item: CacheInstance, cloud: Cloud) -> str:
    return names.of(cloud.site, item.name, limit=40)


class Builder:
    """Makes the resources of a site's caches."""

    def __init__(self, spec: Cache, network: Any, network_built: Built, secrets_built: Built, cloud: Cloud) -> None:
        self.spec = spec
        self.network_spec = network
        self.network_built = network_built
        self.cloud = cloud
        self.network = network_built.exports["network"]
        self.vault = secrets_built.exports["vault"]
        self.keys: dict[str, KeepingKey | GivenKey] = {}
        self.grants: dict[tuple[str, str], AgentGrant] = {}
        self.instances: dict[str, Instance | RedisInstance] = {}
        self.places: dict[str, Resource] = {}

    def problems(self) -> list[str]:
        present = [item for item in self.spec.instances if item.state == "present"]
        found = [problem for item in present for problem in problems(item)]
        for item in present:
            where = f"cache.instances.{item.name}"
            found.append(place_problem(item.gcp.kms_key, self.cloud.region, f"{where}.gcp.kms_key"))
            if is_redis(item):
                found.append(port_problem(self.network_spec, REDIS_TLS_PORT, where))
        return [problem for problem in found if problem]

    def built(self) -> Built:
        valkey = [item for item in self.spec.instances if not is_redis(item)]
        resources: list[Resource] = []
        if valkey:
            resources.append(self._policy(any(item.state == "present" for item in valkey)))
        for item in self.spec.instances:
            made = self._redis(item) if is_redis(item) else self._valkey(item, resources[0])
            resources += made
        kept: list[Resource] = [*self.keys.values(), *self.grants.values()]
        return Built([*kept, *resources], {"instances": self.instances}, self._outputs)

    # -- Valkey ----------------------------------------------------------------------------------------------------

    def _policy(self, wanted: bool) -> ServiceConnectionPolicy:
        """Endpoints stand among the nodes, which alone may reach them."""
        if self.network_spec.existing:
            return GivenPolicy(self.cloud, self.network)
        subnetwork = self.network_built.exports["subnetwork"]

        def body() -> dict[str, Any]:
            return {
                "network": self.network.out("id"),
                "serviceClass": MEMORYSTORE,
                "pscConfig": {"subnetworks": [subnetwork.out("id")]},
            }

        name = names.of(self.cloud.site, "memorystore")
        return ServiceConnectionPolicy(self.cloud, name, body, (self.network, subnetwork), present=wanted)

    def _valkey(self, item: CacheInstance, policy: Resource) -> list[Resource]:
        present = item.state == "present"
        key, needs = self._key(item, "memorystore")
        kind = KeptInstance if item.final_snapshot else Instance
        instance = kind(
            self.cloud,
            instance_name(item, self.cloud),
            (lambda: valkey_body(item, self.network.out("id"), self.network.project, key)) if present else {},
            (self.network, policy, *needs),
            present=present,
            lock=f"memorystore/{instance_name(item, self.cloud)}",
        )
        self.instances[item.name] = instance
        return [instance]

    # -- Redis -----------------------------------------------------------------------------------------------------

    def _redis(self, item: CacheInstance) -> list[Resource]:
        present = item.state == "present"
        secret = f"cache-{item.name}"
        place = self.vault.place(secret, present=present)
        key, needs = self._key(item, "redis")
        name = instance_name(item, self.cloud)
        instance = RedisInstance(
            self.cloud,
            name,
            (lambda: redis_body(item, self.network.out("id"), key)) if present else {},
            (self.network, connection(self.cloud, self.network_spec, self.network_built, "cache"), place, *needs),
            present=present,
            lock=f"redis/{name}",
        )
        password = AuthString(name, self.vault, place, instance, secret=secret, rotate=item.rotate, present=present)
        self.instances[item.name], self.places[item.name] = instance, place
        return [*instance.needs, instance, password]

    # -- both ------------------------------------------------------------------------------------------------------

    def _key(self, item: CacheInstance, service: str) -> tuple[str, list[Resource]]:
        """The key that the instance names, or one of ours, and the service's permission to use it."""
        if item.encryption != "customer" or item.state != "present":
            return "", []
        site, name = self.cloud.site, item.gcp.kms_key or ""
        if name not in self.keys:
            own = KeepingKey(
                self.cloud,
                names.of(site, _OWN_KEY),
                names.of(site),
                self.cloud.region,
                lambda path: self._leaves_backup() or needs_key(self.cloud, path),
            )
            self.keys[name] = GivenKey(self.cloud, name) if name else own
        key = self.keys[name]
        if (name, service) not in self.grants:
            label = names.of(site, _OWN_KEY, service, *([f"{len(self.grants)}"] if name else []))
            self.grants[name, service] = AgentGrant(self.cloud, label, key, service)
        return key.path, [key, self.grants[name, service]]

    def _leaves_backup(self) -> bool:
        """Whether an instance is there that leaves a final backup behind when it goes."""
        kept = [each for each in self.instances.values() if isinstance(each, KeptInstance)]
        return any(retry_call(each.fetch, self.cloud.clock) is not None for each in kept)

    def _outputs(self) -> dict[str, Any]:
        found = {}
        for name, instance in self.instances.items():
            if not instance.present:
                continue
            place = self.places.get(name)
            found[name] = {
                "id": instance.outputs.get("id"),
                "host": instance.outputs.get("host"),
                "port": instance.outputs.get("port"),
                "reader_host": instance.outputs.get("reader_host"),
                "tls": True,
                "certificate_authority": instance.certificate_authority()
                if isinstance(instance, Instance)
                else instance.outputs.get("certificate_authority"),
                # With IAM, clients authenticate with an access token of their own: there is no secret.
                "authentication": "password" if place else "iam",
                "secret": place.outputs.get("id") if place else None,
            }
        return {"instances": found}
