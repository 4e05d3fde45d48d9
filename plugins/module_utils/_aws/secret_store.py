# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portable secret store is on AWS: secrets under the site's name in Secrets Manager, and one key."""

from __future__ import annotations

import re
from typing import Any

from .._engine.capability import Built
from .._engine.credential import GeneratedValue
from .._engine.resource import Resource
from .._spec import names
from .._spec.secret_store import SecretStore
from .._spec.site import check
from .client import Session
from .existing import ExistingKey
from .kms import Key
from .secrets import Secret, SecretVault


def build(session: Session, spec: SecretStore, *, managed: bool) -> Built:
    """The secrets' resources, and the vault (`exports["vault"]`) that databases and caches keep credentials in;
    `exports["key"]`: what encrypts them, None for AWS's own key."""
    check(_problems(spec))
    key = _key(session, spec, managed=managed)
    resources: list[Resource] = [key] if key is not None else []
    vault = SecretVault(session, key, spec.soft_delete_days or 30, fixed=managed)
    places: dict[str, Secret] = {}
    for secret in spec.secrets if managed else ():
        present = secret.state == "present"
        place = vault.place(secret.name, present=present)
        places[secret.name] = place
        resources.append(place)
        if secret.generate:
            resources.append(
                GeneratedValue(
                    place.name,
                    vault,
                    place,
                    secret=secret.name,
                    length=secret.length,
                    rotate=secret.rotate,
                    present=present,
                )
            )

    def outputs() -> dict[str, Any]:
        return {
            # There is no store as such: this is what policies name to mean all of the site's secrets.
            "id": session.arn("secretsmanager", f"secret:{session.site.base}/*"),
            "secrets": {name: place.outputs.get("id") for name, place in places.items() if place.present},
        }

    return Built(resources, {"vault": vault, "key": key}, outputs)


def _problems(spec: SecretStore) -> list[str]:
    arn = spec.aws.encryption_key_arn
    if arn and not re.match(r"^arn:aws[a-z-]*:kms:", arn):
        return [f"secret_store.aws.encryption_key_arn: {arn!r} is not the ARN of a KMS key."]
    return []


def _key(session: Session, spec: SecretStore, *, managed: bool) -> Resource | None:
    """With encryption: customer the key of the user's, or one of the site's own."""
    if spec.encryption != "customer":
        return None
    if spec.aws.encryption_key_arn:
        return ExistingKey(session, spec.aws.encryption_key_arn)
    return Key(session, names.of(session.site, "secrets"), f"Secrets of {session.site.base}", managed=managed)
