# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of a cluster as managed identities: each trusts the tokens of one service account (Microsoft Entra Workload
ID on AKS), and has roles at the containers and secrets that its entry names, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec import names
from .._spec.workload_identity import Workload, WorkloadIdentity, secret_names
from .groups import Groups
from .kinds_access import FederatedCredential, RoleAssignment, SecretRole
from .kinds_common import Identity

_ROLES = {"read": "storage-blob-data-reader", "write": "storage-blob-data-contributor"}
_AUDIENCE = "api://AzureADTokenExchange"


class WorkloadsBuilder:
    """Turns the resolved workloads into resources. What an entry does not name any more is taken back."""

    def __init__(
        self, groups: Groups, spec: WorkloadIdentity, specs: Mapping[str, Any], built: Mapping[str, Built]
    ) -> None:
        self.session = groups.session
        self.site = groups.session.site
        self.spec = spec
        self.specs = specs
        self.built = built
        self.resources: list[Resource] = []
        self.identities: dict[str, Identity] = {}

    def build(self) -> Built:
        for workload in self.spec.workloads:
            self._workload(workload)
        return Built(self.resources, {}, self._outputs)

    def _workload(self, workload: Workload) -> None:
        present = workload.state == "present"
        group = self.built["network"].exports["group"]
        cluster = self.built["cluster"].exports["cluster"]
        name = names.of(self.site, "workload", workload.name)
        path = self.session.in_group(group.name, Identity.type, name)
        identity = Identity(self.session, name, path, dict, parent=group, present=present)
        credential = FederatedCredential(
            self.session,
            f"{name}/kubernetes",
            f"{path}/federatedIdentityCredentials/kubernetes",
            lambda: {
                "properties": {
                    "issuer": cluster.out("oidc_issuer"),
                    "subject": workload.subject,
                    "audiences": [_AUDIENCE],
                }
            },
            parent=identity,
            needs=[cluster],
            lock=path,
            present=present,
        )
        self.identities[workload.name] = identity
        self.resources += [identity, credential, *self._buckets(workload, identity), *self._secrets(workload, identity)]

    def _buckets(self, workload: Workload, identity: Identity) -> list[Resource]:
        store = self.built.get("object_store")
        access = {use.name: use.access for use in workload.buckets} if workload.state == "present" else {}
        return [
            RoleAssignment(
                self.session,
                f"{workload.name}/bucket/{name}/{role}",
                role,
                identity,
                scope=container,
                present=access.get(name) == kind,
            )
            for name, container in (store.exports["containers"] if store else {}).items()
            for kind, role in _ROLES.items()
        ]

    def _secrets(self, workload: Workload, identity: Identity) -> list[Resource]:
        store = self.built.get("secret_store")
        if store is None:
            return []
        places = store.exports["secrets"]
        named = workload.secrets if workload.state == "present" else ()
        return [
            SecretRole(
                self.session,
                f"{workload.name}/secret/{name}",
                "key-vault-secrets-user",
                identity,
                places.place(*name.split("/")),
                present=name in named,
            )
            for name in secret_names(self.specs)
        ]

    def _outputs(self) -> dict[str, Any]:
        return {
            "workloads": {
                each.name: {
                    "namespace": each.namespace,
                    "service_account": each.account,
                    "identity": self.identities[each.name].out("client_id"),
                }
                for each in self.spec.workloads
                if each.state == "present"
            }
        }
