# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's registry on Google Cloud: one Docker repository of Artifact Registry for each repository asked for."""

from __future__ import annotations

from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec import names
from .._spec.registry import Registry
from .._spec.registry import Repository as Spec
from .._spec.site import check
from .agents import AgentGrant
from .artifact_registry import UNTAGGED, Repository, RepositoryMember
from .client import Cloud
from .cluster import node_account
from .kms import GivenKey, Key, place_problem

READER = "roles/artifactregistry.reader"
DAY = 86400
_OWN_KEY = "registry"


def needed(spec: Registry) -> set[str]:
    """The services that it takes. Images are scanned where the scanner is switched on in the project."""
    services = {"artifactregistry"}
    services |= {"containerscanning"} if spec.scan_on_push else set()
    return services | ({"cloudkms"} if spec.encryption == "customer" else set())


def build(spec: Registry, cluster_built: Built | None, cloud: Cloud) -> Built:
    """The repositories' resources. cluster_built: what the cluster was built to, when it is part of the call."""
    problem = place_problem(spec.gcp.kms_key, cloud.region, "registry.gcp.kms_key")
    check([problem] if problem else [])
    return Builder(spec, cluster_built, cloud).built()


class Builder:
    """Makes the resources of one registry."""

    def __init__(self, spec: Registry, cluster_built: Built | None, cloud: Cloud) -> None:
        self.spec = spec
        self.cloud = cloud
        self.pull = spec.pull if spec.pull is not None else (True if cluster_built is not None else None)
        self.pullers = self._pullers(cluster_built)
        self.repositories: dict[str, Repository] = {}

    def _pullers(self, cluster_built: Built | None) -> dict[str, tuple[Resource, ...]]:
        """Who pulls: the nodes' service accounts, each with what has to be there first."""
        if cluster_built is not None:
            found: dict[str, tuple[Resource, ...]] = cluster_built.exports["node_accounts"]
            return found
        account = node_account(self.cloud, managed=False)
        return {account.email: (account,) if self.pull else ()}

    def built(self) -> Built:
        key = self._key()
        resources: list[Resource] = []
        needs: list[Resource] = []
        if key is not None:
            label = names.of(self.cloud.site, _OWN_KEY, "artifactregistry")
            needs = [key, AgentGrant(self.cloud, label, key, "artifactregistry")]
        for item in self.spec.repositories:
            repository = self._repository(item, key, needs)
            self.repositories[item.name] = repository
            resources += [repository, *self._members(repository)]
        accounts = [need for needs_of in self.pullers.values() for need in needs_of] if self.pull else []
        return Built([*needs, *accounts, *resources], {"repositories": self.repositories}, self._outputs)

    def _key(self) -> Key | GivenKey | None:
        """The user's key, one of the site's own, or none where Google's do."""
        if self.spec.encryption != "customer":
            return None
        if self.spec.gcp.kms_key:
            return GivenKey(self.cloud, self.spec.gcp.kms_key)
        wanted = any(item.state == "present" for item in self.spec.repositories)
        site = self.cloud.site
        return Key(self.cloud, names.of(site, _OWN_KEY), names.of(site), self.cloud.region, present=wanted)

    def _repository(self, item: Spec, key: Key | GivenKey | None, needs: list[Resource]) -> Repository:
        name = names.of(self.cloud.site, item.name)
        present = item.state == "present"
        return Repository(self.cloud, name, self._body(key), needs, force=item.force, present=present)

    def _body(self, key: Key | GivenKey | None) -> dict[str, Any]:
        days = self.spec.untagged_expire_days
        condition = {"tagState": "UNTAGGED", "olderThan": f"{days * DAY}s"}
        policy = {"id": UNTAGGED, "action": "DELETE", "condition": condition}
        return {
            "format": "DOCKER",
            "mode": "STANDARD_REPOSITORY",
            "dockerConfig": {"immutableTags": self.spec.immutable_tags},
            "cleanupPolicies": {UNTAGGED: policy} if days else {},
            "cleanupPolicyDryRun": False,
            "vulnerabilityScanningConfig": {"enablementConfig": "INHERITED" if self.spec.scan_on_push else "DISABLED"},
            "kmsKeyName": key.path if key else "",
        }

    def _members(self, repository: Repository) -> list[Resource]:
        """Pulling for the cluster's nodes. pull: false takes it away again; without a word it is left alone."""
        if self.pull is None or not repository.present:
            return []
        return [
            RepositoryMember(
                self.cloud,
                f"{repository.name} {email.partition('@')[0]}",
                repository,
                f"serviceAccount:{email}",
                [READER],
                needs,
                among=[READER],
                present=self.pull,
            )
            for email, needs in self.pullers.items()
        ]

    def _outputs(self) -> dict[str, Any]:
        """Images are pushed to `<repository>:<tag>`, as on the other clouds: the image has its repository's name."""
        return {
            "url": f"{self.cloud.region}-docker.pkg.dev/{self.cloud.project}",
            "repositories": {name: f"{each.uri}/{name}" for name, each in self.repositories.items() if each.present},
        }
