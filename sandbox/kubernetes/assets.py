"""Real binaries of a control plane: where they are, and how they are called.

``KUBEBUILDER_ASSETS`` names a directory with ``etcd`` and ``kube-apiserver`` (as ``setup-envtest`` makes it) and, when
it is there, ``kube-controller-manager``. Flags are those of the command line reference of Kubernetes 1.28 and newer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..core.tls import Authority
from .accounts import ISSUER

VARIABLE = "KUBEBUILDER_ASSETS"
SERVICE_RANGE = "10.96.0.0/16"
# What the embedded API server does by itself, by the names that every version of the controller manager knows.
OWN_CONTROLLERS = (
    "namespace",
    "garbagecollector",
    "serviceaccount",
    "root-ca-cert-publisher",
    "clusterrole-aggregation",
    "resourcequota",
)
# In the place of the sandbox's own. Not "endpoint" and "endpointslice": pods have loopback addresses, which
# a real API server refuses there. Not "horizontalpodautoscaling": there is no metrics API.
WORKLOAD_CONTROLLERS = (
    "deployment",
    "replicaset",
    "statefulset",
    "daemonset",
    "job",
    "cronjob",
    "disruption",
    "ttl-after-finished",
)


@dataclass(frozen=True)
class Assets:
    """The binaries."""

    etcd: Path
    apiserver: Path
    manager: Path | None = None


def assets(environment: Mapping[str, str] = os.environ) -> Assets | None:
    """Those that ``KUBEBUILDER_ASSETS`` names; None when it is not set. ValueError when they are not there."""
    named = environment.get(VARIABLE, "")
    if not named:
        return None
    directory = Path(named)
    missing = [name for name in ("etcd", "kube-apiserver") if not os.access(directory / name, os.X_OK)]
    if missing:
        raise ValueError(f"{VARIABLE} is {named}, which has no {' and no '.join(missing)}: unset it, or install them")
    manager = directory / "kube-controller-manager"
    return Assets(directory / "etcd", directory / "kube-apiserver", manager if os.access(manager, os.X_OK) else None)


@dataclass(frozen=True)
class Layout:
    """One cluster's files (all below ``directory``), its ports on 127.0.0.1, and the addresses of its companions."""

    directory: Path
    authority: Authority
    hosts: tuple[str, ...]
    etcd_port: int
    peer_port: int
    port: int
    reviews: str
    asks_cloud: bool  # whether the cloud's authorizer stands beside RBAC
    egress: str
    token: str

    @property
    def url(self) -> str:
        """Of the API server itself."""
        return f"https://127.0.0.1:{self.port}"

    def etcd(self, found: Assets) -> list[str]:
        """The command line of etcd."""
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        return [
            str(found.etcd),
            "--name=default",
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync=true",  # an emulated cluster need not outlive a power cut
        ]

    def apiserver(self, found: Assets) -> list[str]:
        """The command line of the API server; writes the files that it reads."""
        certificate, key = self.authority.issue("kube-apiserver", self.hosts)
        private, public = self._account_keys()
        reviews = self._kubeconfig("reviews.json", self.reviews, {"name": "own", "user": {}})
        command = [
            str(found.apiserver),
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",  # else it looks for a default route, which a machine may not have
            "--endpoint-reconciler-type=none",  # a loopback address is no valid endpoint
            f"--secure-port={self.port}",
            f"--cert-dir={self.directory}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--authorization-mode={'RBAC,Webhook' if self.asks_cloud else 'RBAC'}",
            f"--authentication-token-webhook-config-file={reviews}",
            "--authentication-token-webhook-version=v1",
            "--authentication-token-webhook-cache-ttl=10s",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={private}",
            "--allow-privileged=true",
            f"--egress-selector-config-file={self._egress_file()}",
        ]
        if self.asks_cloud:
            command += [
                f"--authorization-webhook-config-file={reviews}",
                "--authorization-webhook-version=v1",
                "--authorization-webhook-cache-authorized-ttl=1s",
                "--authorization-webhook-cache-unauthorized-ttl=1s",
            ]
        if found.manager is None:  # nobody makes the default accounts that this plugin waits for
            command.append("--disable-admission-plugins=ServiceAccount")
        return command

    def manager(self, found: Assets, controllers: Sequence[str]) -> list[str]:
        """The command line of the controller manager; writes the files that it reads."""
        private, _ = self._account_keys()
        user = {"name": "own", "user": {"token": self.token}}
        config = self._kubeconfig("controller-manager.json", self.url, user)
        return [
            str(found.manager),
            f"--kubeconfig={config}",
            f"--controllers={','.join(controllers)}",
            "--leader-elect=false",
            "--use-service-account-credentials=false",
            f"--service-account-private-key-file={private}",
            f"--root-ca-file={self.authority.certificate_file}",
            "--secure-port=0",
        ]

    def _account_keys(self) -> tuple[Path, Path]:
        """What tokens of ServiceAccounts are signed and checked with; made once."""
        private, public = self.directory / "accounts.key", self.directory / "accounts.pub"
        if not (private.exists() and public.exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            # SEC 1: the form that every reader of Kubernetes understands.
            form = serialization.PrivateFormat.TraditionalOpenSSL
            _write(private, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
            form_public = serialization.PublicFormat.SubjectPublicKeyInfo
            _write(public, key.public_key().public_bytes(serialization.Encoding.PEM, form_public))
        return private, public

    def _egress_file(self) -> Path:
        """Webhooks, and whatever else the server calls by itself, through the proxy that stays on this machine."""
        connection = {"proxyProtocol": "HTTPConnect", "transport": {"tcp": {"url": self.egress}}}
        path = self.directory / "egress.json"
        body = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": name, "connection": connection} for name in ("cluster", "controlplane")],
        }
        _write(path, json.dumps(body).encode())
        return path

    def _kubeconfig(self, name: str, server: str, user: Mapping[str, object]) -> Path:
        place = {"server": server, "certificate-authority": str(self.authority.certificate_file)}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "own", "cluster": place}],
            "users": [user],
            "contexts": [{"name": "own", "context": {"cluster": "own", "user": "own"}}],
            "current-context": "own",
        }
        path = self.directory / name
        _write(path, json.dumps(body).encode())
        return path


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
