# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of a cluster as IAM roles: each bound to one service account by an EKS Pod Identity association, and
limited to the buckets and secrets that its entry names, and to the keys that these are encrypted with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from .._engine.capability import Built
from .._engine.plan import Unknown
from .._engine.resource import Resource
from .._spec import names
from .._spec.site import check
from .._spec.workload_identity import Workload, WorkloadIdentity
from .access import PodIdentity
from .client import Session
from .iam import Role
from .policies import Document, allow, document, trust_pods
from .s3 import Bucket
from .secrets import Secret

# Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3". Deleted versions stay.
_ON_BUCKET: dict[str, tuple[str, ...]] = {"read": ("s3:GetBucketLocation", "s3:ListBucket")}
_ON_BUCKET["write"] = (*_ON_BUCKET["read"], "s3:ListBucketMultipartUploads")
_ON_OBJECTS: dict[str, tuple[str, ...]] = {"read": ("s3:GetObject", "s3:GetObjectVersion")}
_ON_OBJECTS["write"] = (
    *_ON_OBJECTS["read"],
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)
_WITH_KEY = {"read": ("kms:Decrypt",), "write": ("kms:Decrypt", "kms:GenerateDataKey")}
_MOST_TEXT = 10240  # characters of a role's inline policies, white space not counted (IAM and AWS STS quotas)


def build(session: Session, spec: WorkloadIdentity, built: Mapping[str, Built]) -> Built:
    """The workloads' roles and associations. built: the site's other capabilities by name."""
    return _Builder(session, built).everything(spec) if spec.workloads else Built(outputs=lambda: {"workloads": {}})


class _Builder:
    def __init__(self, session: Session, built: Mapping[str, Built]) -> None:
        self.session = session
        self.cluster: Resource = built["cluster"].exports["cluster"]
        store = built.get("object_store")
        self.buckets: dict[str, Bucket] = {each.name: each for each in store.exports["buckets"]} if store else {}
        places = [each for part in built.values() for each in part.resources if isinstance(each, Secret)]
        self.places = {each.name: each for each in places}
        self.secrets = built["secret_store"].exports if "secret_store" in built else {}

    def everything(self, spec: WorkloadIdentity) -> Built:
        made = {each.name: self._workload(each) for each in spec.workloads}

        def outputs() -> dict[str, Any]:
            return {
                "workloads": {
                    each.name: {
                        "namespace": each.namespace,
                        "service_account": each.account,
                        "identity": made[each.name][0].out("arn"),
                    }
                    for each in spec.workloads
                    if each.state == "present"
                }
            }

        return Built([resource for pair in made.values() for resource in pair], {}, outputs)

    def _workload(self, workload: Workload) -> tuple[Role, PodIdentity]:
        present = workload.state == "present"
        buckets = [(self.buckets[use.name], use.access) for use in workload.buckets] if present else []
        secrets = [self._place(name) for name in workload.secrets] if present else []
        text = json.dumps(self._policy(buckets, secrets), separators=(",", ":"), default=str)
        check(
            [
                f"workload_identity.workloads.{workload.name}: what it may use makes an IAM policy of {len(text)} "
                f"characters, and a role holds {_MOST_TEXT}. Divide it into workloads that use less."
            ]
            if len(text) > _MOST_TEXT
            else []
        )
        keys = [each for bucket, _access in buckets if (each := bucket.key_source) is not None]
        role = Role(
            self.session,
            names.of(self.session.site, "workload", workload.name, limit=64),
            trust_pods(self._cluster_arn(), workload.namespace, workload.account),
            description=f"{workload.namespace}/{workload.account} in {self.cluster.name}",
            inline=partial(self._settled, buckets, secrets) if buckets or secrets else None,
            needs=[*(bucket for bucket, _access in buckets), *keys, *secrets],
            present=present,
        )
        identity = PodIdentity(
            self.session,
            f"{workload.namespace}/{workload.account}",
            self.cluster,
            role,
            workload.namespace,
            workload.account,
            present=present,
        )
        return role, identity

    def _cluster_arn(self) -> str:
        return self.session.arn("eks", f"cluster/{self.cluster.name}")

    def _place(self, name: str) -> Secret:
        """The secret of this name. Those of databases and caches have the same names here as in the specification."""
        vault = self.secrets["vault"]
        full = vault.full_name(name)
        if full not in self.places:
            self.places[full] = vault.place(name)
        return self.places[full]

    # -- what it may do ------------------------------------------------------------------------------------------------

    def _settled(self, buckets: Sequence[tuple[Bucket, str]], secrets: list[Secret]) -> Any:
        """The policy, or what it waits for."""
        made = self._policy(buckets, secrets)
        resources = [arn for statement in made["Statement"] for arn in statement["Resource"]]
        return next((arn for arn in resources if isinstance(arn, Unknown)), made)

    def _policy(self, buckets: Sequence[tuple[Bucket, str]], secrets: list[Secret]) -> Document:
        statements = []
        for access in ("read", "write"):
            chosen = [bucket for bucket, wanted in buckets if wanted == access]
            if chosen:
                statements.append(allow(_ON_BUCKET[access], [bucket.arn for bucket in chosen]))
                statements.append(allow(_ON_OBJECTS[access], [f"{bucket.arn}/*" for bucket in chosen]))
            statements += self._use_of(
                [bucket.key_source for bucket in chosen if bucket.key_source is not None], _WITH_KEY[access], "s3"
            )
        if secrets:
            actions = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
            statements.append(allow(actions, [self._pattern(each) for each in secrets]))
            key = self.secrets.get("key")
            statements += self._use_of([key] if key is not None else [], _WITH_KEY["read"], "secretsmanager")
        return document(*statements)

    def _pattern(self, secret: Secret) -> str:
        """A secret's ARN ends in six characters that are other ones when it is made again (AWS Secrets Manager User
        Guide, "What's in a Secrets Manager secret")."""
        return self.session.arn("secretsmanager", f"secret:{secret.name}-??????")

    def _use_of(self, keys: list[Resource], actions: tuple[str, ...], service: str) -> list[Document]:
        """Keys, through the service whose objects they encrypt."""
        if not keys:
            return []
        host = f"{service}.{self.session.region}.{'amazonaws.com.cn' if self._china() else 'amazonaws.com'}"
        arns = list(dict.fromkeys(key.out("arn") for key in keys))
        return [allow(actions, arns, {"StringEquals": {"kms:ViaService": host}})]

    def _china(self) -> bool:
        return self.session.partition == "aws-cn"
