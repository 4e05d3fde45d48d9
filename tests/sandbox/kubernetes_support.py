"""A cluster's API server for tests, and clients for it."""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubernetes import client, dynamic

from sandbox.kubernetes import MASTERS, UserInfo, start

ADMIN = "admin-token"
USERS = {ADMIN: UserInfo("admin", groups=(MASTERS,)), "alice-token": UserInfo("alice", groups=("developers",))}
KUBECTL = shutil.which("kubectl")


@dataclass(frozen=True)
class Answer:
    """Of a plain HTTP request."""

    code: int
    body: Any
    headers: dict[str, str]
    warnings: list[str]


class Running:
    """The running server with its clients."""

    def __init__(self, server: Any, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.context = ssl.create_default_context(cafile=str(server.ca_file))
        self._connections = threading.local()

    def api(self, token: str = ADMIN) -> client.ApiClient:
        """The official client."""
        configuration = client.Configuration()
        configuration.host = self.server.url
        configuration.ssl_ca_cert = str(self.server.ca_file)
        configuration.api_key = {"authorization": f"Bearer {token}"}
        return client.ApiClient(configuration)

    def dynamic(self, token: str = ADMIN) -> dynamic.DynamicClient:
        """The official client's dynamic half, which works by discovery."""
        return dynamic.DynamicClient(self.api(token), cache_file=str(self.directory / "discovery.json"))

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        media: str = "application/json",
        token: str | None = ADMIN,
        **headers: str,
    ) -> Answer:
        """Plain HTTP; failures are answers too."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": media, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        connection = self._connection()
        try:
            connection.request(method, path, data, sent)
            with connection.getresponse() as response:
                answer = _answer(response.status, response)
        except BaseException:  # what comes next on it belongs to nobody
            connection.close()
            self._connections.open = None
            raise
        if method == "GET" and answer.code in (301, 302, 307) and "Location" in answer.headers:
            place = urlsplit(answer.headers["Location"])
            return self.request("GET", place._replace(scheme="", netloc="").geturl(), None, media, token, **headers)
        return answer

    def events(self, path: str, **headers: str) -> Iterator[Any]:
        """Those of a watch, as they come; the watch is open when the first is there, and ends with the generator."""
        place = urlsplit(self.server.url)
        connection = http.client.HTTPSConnection(str(place.hostname), place.port, context=self.context, timeout=30)
        with closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {ADMIN}", **headers})
            with connection.getresponse() as response:
                for line in response:
                    yield json.loads(line)

    def _connection(self) -> http.client.HTTPSConnection:
        """Of this thread, kept open: most of a request would be its handshake."""
        found: http.client.HTTPSConnection | None = getattr(self._connections, "open", None)
        if found is None:
            place = urlsplit(self.server.url)
            found = http.client.HTTPSConnection(str(place.hostname), place.port, context=self.context, timeout=30)
            self._connections.open = found
        return found

    def get(self, path: str, **headers: str) -> Any:
        """The body at a path that must be there."""
        answer = self.request("GET", path, **headers)
        assert answer.code == 200, answer.body
        return answer.body

    def post(self, path: str, body: Any, code: int = 201) -> Any:
        """Create; returns the object."""
        answer = self.request("POST", path, body)
        assert answer.code == code, answer.body
        return answer.body

    def apply(self, path: str, body: Any, manager: str = "tester", force: bool = False, extra: str = "") -> Answer:
        """Server-side apply."""
        query = f"?fieldManager={manager}&force={str(force).lower()}{extra}"
        return self.request("PATCH", path + query, body, media="application/apply-patch+yaml")

    def kubectl(self, *arguments: str, data: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the admin."""
        command = self.kubectl_command(*arguments)
        return subprocess.run(command, input=data, capture_output=True, text=True, check=check, timeout=60)

    def kubectl_command(self, *arguments: str) -> list[str]:
        """What runs kubectl as the admin."""
        config = self.directory / "kubeconfig"
        cluster = {"server": self.server.url, "certificate-authority": str(self.server.ca_file)}
        text = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": ADMIN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        config.write_text(json.dumps(text))
        options = ["--kubeconfig", str(config), "--cache-dir", str(self.directory / "cache")]
        return [KUBECTL or "kubectl", *options, *arguments]


def _answer(code: int, response: Any) -> Answer:
    data = response.read()
    try:
        body = json.loads(data)
    except ValueError:  # plain text, or a stream of JSON lines
        body = data.decode()
    return Answer(code, body, dict(response.headers), response.headers.get_all("Warning") or [])


@contextmanager
def running(version: str = "1.34.2", **options: Any) -> Iterator[Running]:
    """A fresh cluster."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with start("test", version, USERS.get, directory / "pki", **options) as server:
            yield Running(server, directory)


def deployment(name: str = "web", image: str = "example.org/web:1", **spec: Any) -> dict[str, Any]:
    """A small Deployment."""
    labels = {"app": name}
    container = {"name": "main", "image": image, "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def eventually(check: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first true answer; AssertionError when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)
