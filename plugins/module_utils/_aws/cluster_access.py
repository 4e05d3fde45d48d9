# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an EKS cluster is reached: a token is a presigned question to STS who is asking, made in this process."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from .._engine.access import Endpoint, NoAddress, Token
from .client import Session
from .errors import translate
from .network import cluster_name

_PREFIX = "k8s-aws-v1."
_CLUSTER_HEADER = "x-k8s-aws-id"
# STS heeds the address for 15 minutes whatever it says of itself; one of them is left for clocks that differ (AWS CLI,
# `aws eks get-token`; aws-iam-authenticator, "API Authorization from Outside a Cluster").
_LIFETIME = 14 * 60
_PRESIGNED_FOR = 60


class ClusterAccess:
    """One EKS cluster, with the session's own credentials: assumed roles and renewed ones included."""

    def __init__(self, session: Session, cluster: str | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.session = session
        self.cluster = cluster or cluster_name(session)
        self._clock = clock

    def endpoint(self) -> Endpoint:
        found = self.session.call("eks", "describe_cluster", name=self.cluster)["cluster"]
        server, authority = found.get("endpoint"), (found.get("certificateAuthority") or {}).get("data")
        if not server or not authority:
            raise NoAddress(f"the cluster {self.cluster} is {found['status']} and has no address yet.")
        return Endpoint(self.cluster, server, base64.b64decode(authority).decode())

    def token(self) -> Token:
        signed_at = self._clock()
        url = self._presigned()
        return Token(_PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("="), signed_at + _LIFETIME)

    def _presigned(self) -> str:
        """GetCallerIdentity as an address that holds its own signature. It names the cluster, so that a token for one
        cluster is of no use at another."""
        from botocore.signers import RequestSigner

        client = self.session.client("sts")
        try:
            signer = RequestSigner(
                client.meta.service_model.service_id,
                self.session.region,
                "sts",
                "v4",
                self.session.credentials(),
                client.meta.events,
            )
            address = client.meta.endpoint_url.rstrip("/")
            request = {
                "method": "GET",
                "url": f"{address}/?Action=GetCallerIdentity&Version=2011-06-15",
                "body": {},
                "headers": {_CLUSTER_HEADER: self.cluster},
                "context": {},
            }
            url: str = signer.generate_presigned_url(
                request, operation_name="", expires_in=_PRESIGNED_FOR, region_name=self.session.region
            )
        except Exception as error:
            raise translate(error, "sts", "get_caller_identity") from error
        return url

    def exec_plugin(self) -> dict[str, Any]:
        """As `aws eks update-kubeconfig` writes it; endpoints and CA of the site go along."""
        site = self.session.site
        wanted, endpoints = site.credentials, site.endpoints or {}
        arguments = ["--region", self.session.region, "eks", "get-token", "--cluster-name", self.cluster]
        if wanted.role_arn:
            arguments += ["--role-arn", wanted.role_arn]
        variables = {
            "AWS_PROFILE": wanted.profile,
            "AWS_STS_REGIONAL_ENDPOINTS": "regional",
            "AWS_ENDPOINT_URL_STS": endpoints.get("sts") or endpoints.get("default"),
            "AWS_CA_BUNDLE": site.ca_bundle,
        }
        return {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": [*arguments, "--output", "json"],
            "env": [{"name": name, "value": value} for name, value in variables.items() if value],
            "interactiveMode": "IfAvailable",
        }
