# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's own service accounts: those that encrypt with a key of one's own in a service's name."""

from __future__ import annotations

from collections.abc import Sequence

from .._engine.resource import DONE, Operation, Resource
from .client import Cloud
from .iam import KeyMember
from .kms import ENCRYPTER, GivenKey, Key

# Service -> the domain of its agent, service-<project number>@<domain>.iam.gserviceaccount.com (IAM documentation,
# service agents; recorded traffic for Secret Manager).
DOMAINS = {
    "artifactregistry": "gcp-sa-artifactregistry",
    "memorystore": "gcp-sa-memorystore",
    "redis": "cloud-redis",
    "secretmanager": "gcp-sa-secretmanager",
    "sqladmin": "gcp-sa-cloud-sql",
}


class AgentGrant(KeyMember):
    """The grant that lets a service's agent encrypt with a key. The agent is made first: until then IAM does not know
    it, and a service makes it by itself only with its first object."""

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        key: Key | GivenKey,
        service: str,
        needs: Sequence[Resource] = (),
    ) -> None:
        super().__init__(
            cloud, name, key.path, self._agent, [ENCRYPTER], (key, *needs), among=[ENCRYPTER], present=key.present
        )
        self._api = service

    def _agent(self) -> str:
        return f"serviceAccount:service-{self.cloud.project_number()}@{DOMAINS[self._api]}.iam.gserviceaccount.com"

    def _grant(self, roles: Sequence[str]) -> Operation:
        if roles:
            # Repeatable, and nothing can be asked beforehand (serviceusage v1beta1, services.generateServiceIdentity).
            path = f"/v1beta1/projects/{self.project}/services/{self._api}.googleapis.com:generateServiceIdentity"
            self.cloud.call("serviceusage", "POST", path)
        super()._grant(roles)
        return DONE
