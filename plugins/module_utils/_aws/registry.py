# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the portable registry is on AWS: repositories in the account's ECR, and one key."""

from __future__ import annotations

import re
from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec import names
from .._spec.registry import Registry
from .._spec.site import check
from .client import Session
from .cluster import NODE_ROLE
from .ecr import EcrRepository, registry_host, repositories
from .existing import ExistingKey, ExistingRole
from .kms import SharedKey


def build(session: Session, spec: Registry, cluster_built: Built | None) -> Built:
    """The repositories' resources. cluster_built: what the cluster was built to, when it is part of the call."""
    check(_problems(spec))
    wanted = any(item.state == "present" for item in spec.repositories)
    resources: list[Resource] = []
    key = _key(session, spec, present=wanted)
    pull = spec.pull if spec.pull is not None else (True if cluster_built is not None else None)
    puller = _puller(session, cluster_built) if pull and wanted else None
    resources += [item for item in (key, puller) if item is not None]
    space = _space(session)
    built = [
        EcrRepository(
            session,
            item.name,
            f"{space}/{item.name}",
            immutable_tags=bool(spec.immutable_tags),
            scan_on_push=bool(spec.scan_on_push),
            untagged_expire_days=spec.untagged_expire_days,
            key=key,
            puller=puller,
            pull=pull,
            force=item.force,
            present=item.state == "present",
        )
        for item in spec.repositories
    ]

    def outputs() -> dict[str, Any]:
        return {
            "url": f"{registry_host(session)}/{space}",
            "repositories": {item.name: item.out("url") for item in built if item.present},
        }

    return Built([*resources, *built], {"repositories": built}, outputs)


def _problems(spec: Registry) -> list[str]:
    found = [
        f"registry.repositories.{item.name}: ECR takes no two hyphens in a row. Choose another name."
        for item in spec.repositories
        if "--" in item.name
    ]
    arn = spec.aws.encryption_key_arn
    if arn and not re.match(r"^arn:aws[a-z-]*:kms:", arn):
        found.append(f"registry.aws.encryption_key_arn: {arn!r} is not the ARN of a KMS key.")
    return found


def _key(session: Session, spec: Registry, *, present: bool) -> Resource | None:
    """The key of all repositories: the user's, one of the site's own, or none where ECR's keys do."""
    if spec.encryption != "customer":
        return None
    if spec.aws.encryption_key_arn:
        return ExistingKey(session, spec.aws.encryption_key_arn)
    mine = {f"{_space(session)}/{item.name}" for item in spec.repositories}

    def needed(arn: str) -> bool:
        """By repositories that this call is not about."""
        others = [item for name, item in session.steady(lambda: repositories(session)).items() if name not in mine]
        return arn in {(item.get("encryptionConfiguration") or {}).get("kmsKey") for item in others}

    name = names.of(session.site, "registry")
    return SharedKey(session, name, f"Images of {session.site.base}", needed=needed, present=present)


def _space(session: Session) -> str:
    """What the names of the site's repositories begin with."""
    return names.of(session.site, limit=180)


def _puller(session: Session, cluster_built: Built | None) -> Resource:
    """The role of the cluster's nodes: what pulls images is the kubelet."""
    if cluster_built is not None:
        role: Resource = cluster_built.exports["node_role"]
        return role
    arn = session.arn("iam", f"role/{names.of(session.site, NODE_ROLE, limit=64)}", region="")
    return ExistingRole(session, arn)
