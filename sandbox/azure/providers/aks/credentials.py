"""Kubeconfigs of clusters."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import yaml

from ....core import Authority
from ...call import Call, Reply
from ...store import Record
from .base import refuse

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630"  # the Entra application of every AKS API server


def admin(emulator: AzureEmulator, call: Call, cluster: Record) -> Reply:
    """``listClusterAdminCredential``; refused where local accounts are off."""
    if cluster.properties.get("disableLocalAccounts"):
        message = "Getting static credential is not allowed because this cluster is set to disable local accounts."
        raise refuse(400, "BadRequest", message)
    name = f"clusterAdmin_{cluster.group}_{cluster.name}"
    return _answer(emulator, call, cluster, "clusterAdmin", name, {"token": token(cluster, "admin")})


def user(emulator: AzureEmulator, call: Call, cluster: Record) -> Reply:
    """``listClusterUserCredential``: a client token, or kubelogin where Entra is integrated."""
    name = f"clusterUser_{cluster.group}_{cluster.name}"
    if not cluster.properties.get("aadProfile"):
        return _answer(emulator, call, cluster, "clusterUser", name, {"token": token(cluster, "user")})
    tenant = cluster.properties["aadProfile"]["tenantID"]
    kubelogin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "kubelogin",
        "args": [
            *("get-token", "--environment", "AzurePublicCloud", "--server-id", SERVER_APPLICATION),
            *("--client-id", "80faf920-1908-4b52-b5ef-a8e7bedfc67a", "--tenant-id", tenant, "--login", "devicecode"),
        ],
        "env": None,
        "provideClusterInfo": False,
    }
    return _answer(emulator, call, cluster, "clusterUser", name, {"exec": kubelogin})


def token(cluster: Record, account: str) -> str:
    """The static token of a local account."""
    return f"{cluster.private['serial']}{cluster.properties['resourceUID']}{account}"


def server(cluster: Record) -> str:
    """Address of the API server, on a port that is the cluster's own."""
    return f"https://127.0.0.1:{cluster.private['port']}"


def authority(emulator: AzureEmulator, cluster: Record) -> Authority:
    """The CA of the cluster."""
    return emulator.context.authority.child(f"aks-{cluster.properties['resourceUID']}")


def _answer(
    emulator: AzureEmulator, call: Call, cluster: Record, kind: str, name: str, credential: dict[str, Any]
) -> Reply:
    if cluster.state == "Creating":
        message = f"Unable to get credentials: managed cluster {cluster.name} is being created."
        raise refuse(409, "OperationNotAllowed", message)
    certificate = base64.b64encode(authority(emulator, cluster).pem).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster.name,
                "cluster": {"certificate-authority-data": certificate, "server": server(cluster)},
            }
        ],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": name}}],
        "current-context": cluster.name,
        "preferences": {},
        "users": [{"name": name, "user": credential}],
    }
    value = base64.b64encode(yaml.safe_dump(config).encode()).decode()
    return call.reply(200, {"kubeconfigs": [{"name": kind, "value": value}]})
