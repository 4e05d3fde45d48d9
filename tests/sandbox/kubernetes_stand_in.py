"""Stands in for the binary kube-apiserver: understands the flags that matter here, and answers as the embedded server.

Tokens are asked for where ``--authentication-token-webhook-config-file`` says, as the real server does.
"""

from __future__ import annotations

import json
import signal
import ssl
import sys
import urllib.request
from pathlib import Path
from typing import Any

from sandbox.core.tls import Authority
from sandbox.kubernetes.authorization import Attributes, Verdict
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.identity import UserInfo
from sandbox.kubernetes.server import ApiServer


class Webhook:
    """As a kubeconfig file describes it."""

    def __init__(self, file: str) -> None:
        place = json.loads(Path(file).read_text())["clusters"][0]["cluster"]
        self._url = place["server"]
        self._context = ssl.create_default_context(cafile=place["certificate-authority"])

    def user(self, token: str) -> UserInfo | None:
        """By a TokenReview."""
        status = self._ask("authentication.k8s.io/v1", "TokenReview", {"token": token})
        if not status["authenticated"]:
            return None
        user = status["user"]
        return UserInfo(user["username"], user.get("uid", ""), tuple(user.get("groups", ())))

    def decide(self, user: UserInfo, wanted: Attributes) -> Verdict:
        """By a SubjectAccessReview."""
        about = {"verb": wanted.verb, "resource": wanted.resource, "namespace": wanted.namespace}
        spec = {"user": user.username, "groups": list(user.groups), "resourceAttributes": about}
        status = self._ask("authorization.k8s.io/v1", "SubjectAccessReview", spec)
        return Verdict(status["allowed"], status.get("reason", ""))

    def _ask(self, version: str, kind: str, spec: dict[str, Any]) -> Any:
        body = json.dumps({"apiVersion": version, "kind": kind, "spec": spec}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - https
        with urllib.request.urlopen(request, context=self._context, timeout=10) as response:  # noqa: S310
            return json.loads(response.read())["status"]


def main(arguments: list[str]) -> None:
    """Serve until a signal comes."""
    flags = dict(one.removeprefix("--").split("=", 1) for one in arguments)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    authority = Authority(Path(flags["tls-cert-file"]).parent)
    cluster = Cluster("real", "1.34.2", ca_pem=authority.pem.decode())
    webhook = Webhook(flags["authentication-token-webhook-config-file"])
    if "Webhook" in flags["authorization-mode"]:
        cluster.authorizer.beside = Webhook(flags["authorization-webhook-config-file"]).decide
    with ApiServer(cluster, webhook.user, authority, flags["bind-address"], int(flags["secure-port"])).start():
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main(sys.argv[1:])
