# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a GKE cluster is reached: at the endpoint that its configuration offers, with the session's access token."""

from __future__ import annotations

import base64
from typing import Any

from .._engine.access import Endpoint, NoAddress, Token
from .client import Cloud
from .cluster import cluster_name

_INSTALL = (
    "Install gke-gcloud-auth-plugin for use with kubectl by following "
    "https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl#install_plugin"
)


class ClusterAccess:
    """One GKE cluster. cluster: location/name, or a name in the site's region."""

    def __init__(self, cloud: Cloud, cluster: str | None = None) -> None:
        self.cloud = cloud
        location, _slash, name = (cluster or cluster_name(cloud.site)).rpartition("/")
        self.cluster = name
        self.path = f"projects/{cloud.project}/locations/{location or cloud.region}/clusters/{name}"
        self._given = ""

    def endpoint(self) -> Endpoint:
        raw = self.cloud.call("container", "GET", self.path)
        host, public = _host(raw)
        authority = (raw.get("masterAuth") or {}).get("clusterCaCertificate")
        if not host or not (authority or public):
            status = str(raw.get("status") or "").lower()
            raise NoAddress(f"the cluster {self.cluster} is {status or 'on its way'} and has no address yet.")
        return Endpoint(self.cluster, f"https://{host}", "" if public else base64.b64decode(str(authority)).decode())

    def token(self) -> Token:
        # One that was handed out before was refused, or is about to end.
        value, expires = self.cloud.access_token(other_than=self._given)
        self._given = value
        return Token(value, expires)

    def exec_plugin(self) -> dict[str, Any]:
        """As `gcloud container clusters get-credentials` writes it."""
        return {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "installHint": _INSTALL,
            "provideClusterInfo": True,
            "interactiveMode": "IfAvailable",
        }


def _host(raw: dict[str, Any]) -> tuple[str, bool]:
    """The API server's host, and whether a public CA vouches for it.

    A public address goes first. A name in Google's DNS is reachable from everywhere with a certificate of Google's own,
    and wins over an address that only the VPC reaches (GKE documentation, "DNS-based endpoint").
    """
    offered = raw.get("controlPlaneEndpointsConfig") or {}
    by_address = offered.get("ipEndpointsConfig") or {}
    by_name = offered.get("dnsEndpointConfig") or {}
    addresses = by_address.get("enabled", True)
    if addresses and by_address.get("enablePublicEndpoint"):
        return str(by_address.get("publicEndpoint") or raw.get("endpoint") or ""), False
    if by_name.get("allowExternalTraffic") and by_name.get("endpoint"):
        return str(by_name["endpoint"]), True
    return str((by_address.get("privateEndpoint") if addresses else "") or raw.get("endpoint") or ""), False
