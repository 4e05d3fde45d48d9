# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's secret store on Google Cloud: Secret Manager, in the site's region."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.credential import GeneratedValue
from .._engine.resource import Resource
from .._spec import names
from .._spec.secret_store import SecretStore
from .agents import AgentGrant
from .client import Cloud
from .kms import GivenKey, KeepingKey
from .secrets import DAY, Secret, SecretVault, needs_key

_OWN_KEY = "secrets"


def build(spec: SecretStore, cloud: Cloud, *, managed: bool) -> Built:
    """The secrets' resources, and the vault (`exports["vault"]`) that databases and caches keep credentials in."""
    keys = _keys(spec, cloud)
    replica: dict[str, Any] = {"location": cloud.region}
    if keys:
        replica["customerManagedEncryption"] = {"kmsKeyName": keys[0].path}
    body = {
        "replication": {"userManaged": {"replicas": [replica]}},
        "versionDestroyTtl": f"{(spec.soft_delete_days or 0) * DAY}s",
    }
    vault = SecretVault(cloud, body, keys, days=spec.soft_delete_days or 0, fixed=managed)
    resources: list[Resource] = list(keys)
    places: dict[str, Secret] = {}
    for secret in spec.secrets if managed else ():
        present = secret.state == "present"
        places[secret.name] = place = vault.place(secret.name, present=present)
        resources.append(place)
        if secret.generate:
            value = GeneratedValue(
                place.name,
                vault,
                place,
                secret=secret.name,
                length=secret.length,
                rotate=secret.rotate,
                present=present,
            )
            resources.append(value)

    def outputs() -> dict[str, Any]:
        return {
            "id": f"projects/{cloud.project}/secrets",
            "secrets": {name: place.outputs.get("id") for name, place in places.items() if place.present},
        }

    return Built(resources, {"vault": vault}, outputs)


def _keys(spec: SecretStore, cloud: Cloud) -> list[Any]:
    """With encryption: customer the key, which must stand where the secrets are, and the grant to use it."""
    if spec.encryption != "customer":
        return []
    key: KeepingKey | GivenKey
    if spec.gcp.kms_key:
        key = GivenKey(cloud, spec.gcp.kms_key)
    else:
        own = names.of(cloud.site, _OWN_KEY)
        key = KeepingKey(cloud, own, names.of(cloud.site), cloud.region, lambda path: needs_key(cloud, path))
    return [key, AgentGrant(cloud, names.of(cloud.site, _OWN_KEY, "secretmanager"), key, "secretmanager")]
