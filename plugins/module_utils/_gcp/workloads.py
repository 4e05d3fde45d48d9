# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of a cluster as principals of the project's workload identity pool, which buckets and secrets let in by
themselves: there is no service account between (GKE documentation, "Authenticate to Google Cloud APIs from GKE
workloads")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.capability import Built
from .._engine.resource import Resource
from .._spec.site import check
from .._spec.workload_identity import Workload, WorkloadIdentity, secret_names
from .cache_bodies import is_redis
from .client import Cloud
from .iam import Member
from .secrets import Secret
from .storage import Bucket, BucketMember

READ, WRITE = "roles/storage.objectViewer", "roles/storage.objectUser"
_ROLES = {"read": READ, "write": WRITE}
ACCESS = "roles/secretmanager.secretAccessor"


class SecretMember(Member):
    """A member's roles on a secret."""

    kind = "gcp.secretmanager.iam_member"
    service = "secretmanager"

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        secret: Secret,
        member: Any,
        roles: Sequence[str],
        needs: Sequence[Resource] = (),
        **options: Any,
    ) -> None:
        super().__init__(cloud, name, member, roles, (secret, *needs), lock=f"policy/{secret.path}", **options)
        self.secret = secret

    @property
    def target(self) -> str:
        return self.secret.path

    def fetch(self) -> dict[str, Any] | None:
        return super().fetch() if self.secret.outputs else None

    def read_policy(self) -> dict[str, Any]:
        return self.get(f"{self.target}:getIamPolicy", {"options.requestedPolicyVersion": 3})

    def write_policy(self, policy: dict[str, Any]) -> None:
        self.cloud.call(self.service, "POST", f"{self.target}:setIamPolicy", body={"policy": policy})


def build(spec: WorkloadIdentity, specs: Mapping[str, Any], built: Mapping[str, Built], cloud: Cloud) -> Built:
    """The workloads' grants. specs, built: the site's other capabilities by name."""
    if not spec.workloads:
        return Built(outputs=lambda: {"workloads": {}})
    check(_problems(spec, specs))
    return Builder(spec, specs, built, cloud).built()


def _problems(spec: WorkloadIdentity, specs: Mapping[str, Any]) -> list[str]:
    cache = specs.get("cache")
    without = {f"cache/{each.name}" for each in (cache.instances if cache else ()) if not is_redis(each)}
    return [
        f"workload_identity.workloads.{workload.name}.secrets: {name!r} has no password: clients of Memorystore for "
        "Valkey authenticate with IAM. Leave it out, and grant roles/memorystore.dbConnectionUser."
        for workload in spec.workloads
        if workload.state == "present"
        for name in workload.secrets
        if name in without
    ]


class Builder:
    """Makes a grant, or its absence, for each workload at each bucket and secret of the site: what an entry does not
    name any more is taken back."""

    def __init__(
        self, spec: WorkloadIdentity, specs: Mapping[str, Any], built: Mapping[str, Built], cloud: Cloud
    ) -> None:
        self.spec = spec
        self.cloud = cloud
        self.cluster: Resource = built["cluster"].exports["cluster"]
        self.buckets: dict[str, Bucket] = built["object_store"].exports["buckets"] if "object_store" in built else {}
        cache = specs.get("cache")
        without = {f"cache/{each.name}" for each in (cache.instances if cache else ()) if not is_redis(each)}
        self.secrets: dict[str, Secret] = {}
        if "secret_store" in built:
            vault = built["secret_store"].exports["vault"]
            # What belongs to a server or a cache is kept under "<server>-<login>" or "cache-<cache>".
            self.secrets = {
                name: vault.place(name.removeprefix("database/").replace("/", "-"))
                for name in secret_names(specs)
                if name not in without
            }

    def built(self) -> Built:
        resources = [each for workload in self.spec.workloads for each in self._grants(workload)]
        return Built(resources, {}, self._outputs)

    def _grants(self, workload: Workload) -> list[Resource]:
        present = workload.state == "present"
        access = {use.name: _ROLES[use.access] for use in workload.buckets} if present else {}
        found: list[Resource] = []
        for name, bucket in self.buckets.items():
            if bucket.present:
                found.append(
                    BucketMember(
                        self.cloud,
                        f"{workload.name}/bucket/{name}",
                        bucket,
                        lambda: self._principal(workload),
                        [access[name]] if name in access else [],
                        (self.cluster,),
                        among=(READ, WRITE),
                        present=name in access,
                    )
                )
        for name, secret in self.secrets.items():
            wanted = present and name in workload.secrets
            found.append(
                SecretMember(
                    self.cloud,
                    f"{workload.name}/secret/{name}",
                    secret,
                    lambda: self._principal(workload),
                    [ACCESS] if wanted else [],
                    (self.cluster,),
                    among=(ACCESS,),
                    present=wanted,
                )
            )
        return found

    def _principal(self, workload: Workload) -> str:
        """The pool is there as soon as the project has had a cluster that uses it."""
        return (
            f"principal://iam.googleapis.com/projects/{self.cloud.project_number()}/locations/global/"
            f"workloadIdentityPools/{self.cloud.project}.svc.id.goog/subject/ns/{workload.namespace}/sa/"
            f"{workload.account}"
        )

    def _outputs(self) -> dict[str, Any]:
        return {
            "workloads": {
                each.name: {
                    "namespace": each.namespace,
                    "service_account": each.account,
                    "identity": self._principal(each),
                }
                for each in self.spec.workloads
                if each.state == "present"
            }
        }
