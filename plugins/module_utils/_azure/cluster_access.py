# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an AKS cluster is reached: its kubeconfig tells where it is, an Entra token of the session tells who asks.

Where a cluster knows no Entra its user's static token is used, in this process alone. Administrators' credentials,
which no role can take back, are never asked for.
"""

from __future__ import annotations

import base64
import threading
from typing import Any

from .._engine.access import Endpoint, NoAddress, Token
from .._engine.errors import AuthError, Conflict, OperationFailed, Unsupported
from .._spec import names
from .arm import at
from .cluster import cluster_name
from .kinds_cluster import Cluster
from .session import Session

# The application that stands for every AKS API server in every tenant (AKS documentation, kubelogin).
SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630"
_LOGINS = {"managed_identity": "msi", "environment": "spn"}


def cluster_path(session: Session, cluster: str | None) -> str:
    """cluster: resource group/name, a name in the site's own group, or None for the site's own cluster."""
    site = session.site
    group, _slash, name = (cluster or cluster_name(site)).rpartition("/")
    return session.in_group(group or names.of(site, limit=90), Cluster.type, name)


class ClusterAccess:
    """One AKS cluster."""

    def __init__(self, session: Session, path: str) -> None:
        self.session = session
        self.path = path
        self.cluster = path.rpartition("/")[2]
        self._guard = threading.Lock()
        self._config: dict[str, Any] | None = None
        self._given = ""

    def endpoint(self) -> Endpoint:
        with self._guard:
            self._config = None  # asked anew: a cluster may have been made again
        cluster = self._first("clusters")
        server, authority = cluster.get("server"), cluster.get("certificate-authority-data")
        if not server or not authority:
            raise NoAddress(f"the cluster {self.cluster} has no address yet.")
        return Endpoint(self.cluster, str(server), base64.b64decode(str(authority)).decode())

    def token(self) -> Token:
        user = self._first("users")
        if user.get("exec") is None and user.get("token"):
            return Token(str(user["token"]))
        # One that was handed out before was refused, or is about to end.
        scope = f"{SERVER_APPLICATION}/.default"
        value, expires = self.session.client.access_token(scope, other_than=self._given)
        self._given = value
        return Token(value, expires)

    def exec_plugin(self) -> dict[str, Any]:
        """kubelogin, signing in as the site's credentials say: by the Azure CLI unless they name something else."""
        if self._first("users").get("exec") is None:
            raise Unsupported(
                f"The cluster {self.cluster} knows no Entra identities, only local accounts, whose credentials never "
                "end: they are not written to disk. Switch on its Entra integration."
            )
        given = self.session.site.credentials
        login = _LOGINS.get(given.source, "azurecli")
        arguments = ["get-token", "--login", login, "--environment", self.session.client.environment]
        arguments += ["--server-id", SERVER_APPLICATION]
        if login == "msi" and given.client_id:
            arguments += ["--client-id", given.client_id]
        if login == "azurecli" and given.tenant_id:
            arguments += ["--tenant-id", given.tenant_id]
        return {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "kubelogin",
            "args": arguments,
            "installHint": "Install kubelogin: https://azure.github.io/kubelogin/install.html",
            "provideClusterInfo": False,
            "interactiveMode": "IfAvailable",
        }

    def _first(self, what: str) -> dict[str, Any]:
        """The one cluster or user that the cluster's kubeconfig for users names."""
        with self._guard:
            if self._config is None:
                self._config = self._ask()
            found = at(self._config, f"{what}.0.{what.removesuffix('s')}")
        return found if isinstance(found, dict) else {}

    def _ask(self) -> dict[str, Any]:
        import yaml

        client = self.session.client
        try:
            body = client.send("POST", f"{self.path}/listClusterUserCredential", Cluster.type).body
        except Conflict as error:  # while it is being made
            raise NoAddress(error.message, code=error.code, status=error.status) from error
        except AuthError as error:
            error.hint = error.hint or "The credentials need the role 'Azure Kubernetes Service Cluster User Role'."
            raise
        encoded = at(body, "kubeconfigs.0.value")
        try:
            found = yaml.safe_load(base64.b64decode(str(encoded or "")))
        except (ValueError, yaml.YAMLError):
            found = None
        if not isinstance(found, dict):
            raise OperationFailed(f"The credentials of the cluster {self.cluster} hold no kubeconfig.")
        return found
