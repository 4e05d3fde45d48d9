"""Replay of recorded ARM traffic against the emulator: what the real services answered is what it has to answer."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from sandbox.azure.armid import parse
from sandbox.core.connection import AZURE_CLIENT, AZURE_SECRET, AZURE_SUBSCRIPTION, AZURE_TENANT
from sandbox.fixture import Sandbox

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = Path(os.environ.get("RECORDINGS") or ROOT / ".." / "shared" / "recordings").resolve()
LONG = 10_000.0  # seconds after which every operation is over
BETWEEN = 1.5  # seconds between two writes

_HOST = "https://management.azure.com"
_RECORDED_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
_GUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
_VERSION = re.compile(r"^1\.\d+(\.\d+)?$")
_POLL = re.compile(
    r"/(operations|operationsStatus|azureAsyncOperation|operationresults|asyncoperations|operationstatuses|privateDnsOperation\w+)/",
    re.I,
)
_API = "api-version=2024-03-01"
_TERMINAL = {"Succeeded", "Failed", "Canceled"}
_LONG_HEADERS = ("azure-asyncoperation", "location", "retry-after")
# Types that the emulator does not have; exchanges about them are left out.
_ABSENT = re.compile(
    r"/(accessPolicyAssignments|advancedThreatProtectionSettings|fileServices|queueServices|tableServices|trustedAccessRoleBindings)(/|\?|$)|Microsoft\.MachineLearningServices"
    r"|/networkInterfaces/|skipToken=",
    re.I,
)


@dataclass
class Exchange:
    """One recorded request with its answer."""

    method: str
    url: str
    body: Any
    status: int
    answer: Any
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return self.url.removeprefix(_HOST).partition("?")[0]

    @property
    def is_poll(self) -> bool:
        return bool(_POLL.search(self.url))

    @property
    def state(self) -> str:
        """provisioningState of the answer; empty when it has none."""
        properties = self.answer.get("properties") if isinstance(self.answer, dict) else None
        return str((properties or {}).get("provisioningState") or "")

    @property
    def is_over(self) -> bool:
        """Whether the answer says that an operation, or a resource's provisioning, is over."""
        if self.is_poll:
            status = self.answer.get("status") if isinstance(self.answer, dict) else None
            return status in _TERMINAL or (self.status in (200, 204) and status is None)
        return self.method == "GET" and self.status == 200 and self.state in _TERMINAL

    @property
    def is_settled(self) -> bool:
        """Whether a GET shows a resource on which nothing runs."""
        return self.method == "GET" and self.status == 200 and self.state in ("", *_TERMINAL)


@dataclass
class Difference:
    """Where the emulator's answer is not the recorded one."""

    case: str
    request: str
    what: str

    def __str__(self) -> str:
        return f"{self.case}: {self.request}: {self.what}"


@dataclass
class Replay:
    """One recorded case on a fresh emulator."""

    sandbox: Sandbox
    case: str
    differences: list[Difference] = field(default_factory=list)
    writes: int = 0
    reads: int = 0
    _names: dict[str, str] = field(default_factory=dict)

    def run(self) -> Replay:
        self.sandbox.reset("azure")
        self.sandbox.set_profile("realistic", 1.0)
        self._session = requests.Session()
        self._session.trust_env = False  # a CA bundle of the machine would take the place of the sandbox's
        self._session.verify = str(self.sandbox.ca_bundle)
        self._session.headers["Authorization"] = f"Bearer {self._token()}"
        exchanges = [exchange for exchange in read(self.case) if not _ABSENT.search(exchange.url)]
        self._prepare(exchanges)
        refused: set[tuple[str, str]] = set()
        for exchange in exchanges:
            request = (exchange.method, exchange.path)
            if exchange.is_over or (request in refused and exchange.status < 400):
                self.sandbox.advance("azure", LONG)  # an accepted retry comes after what stood in its way
            if exchange.method != "GET" and exchange.status >= 400:
                refused.add(request)
            if exchange.is_poll:
                continue
            if exchange.method == "GET":
                self._read(exchange)
            else:
                self.sandbox.advance("azure", BETWEEN)
                self._write(exchange)
        return self

    def _token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": AZURE_CLIENT,
            "client_secret": AZURE_SECRET,
            "scope": "https://management.azure.com/.default",
        }
        url = f"{self.sandbox.url('azure')}/{AZURE_TENANT}/oauth2/v2.0/token"
        token: str = self._session.post(url, data=form, timeout=10).json()["access_token"]
        return token

    def _prepare(self, exchanges: list[Exchange]) -> None:
        """Make what was there before the recording started."""
        first: dict[str, Exchange] = {}
        for namespace in {parse(exchange.path).namespace for exchange in exchanges} - {""}:
            self._send(
                "POST", f"{_HOST}/subscriptions/{_RECORDED_SUBSCRIPTION}/providers/{namespace}/register?{_API}", None
            )
        self.sandbox.advance("azure", LONG)
        for exchange in exchanges:
            if not exchange.is_poll:
                first.setdefault(exchange.path.lower(), exchange)
        for exchange in first.values():
            group = re.search(r"^/subscriptions/[^/]+/resourceGroups/[^/]+", exchange.path, re.I)
            if group is None:
                continue
            head = first.get(group.group().lower())
            if head is None or (head.method in ("GET", "HEAD", "PUT") and head.status in (200, 204)):
                self._send(
                    "PUT", f"{_HOST}{group.group()}?api-version=2024-03-01", {"location": self._place(exchanges)}
                )
        for path, exchange in first.items():
            written = next((e for e in exchanges if e.path.lower() == path and e.method == "PUT"), None)
            if exchange.method == "GET" and exchange.status == 200 and written is not None and "/providers/" in path:
                self._send("PUT", written.url, written.body)
        for exchange in exchanges:
            match = re.search(r"/deletedVaults/([^/?]+)", exchange.url)
            if match is not None and exchange.status == 200:
                self._bury(match.group(1), exchanges)
        self.sandbox.advance("azure", LONG)

    def _place(self, exchanges: list[Exchange]) -> str:
        bodies = [exchange.body for exchange in exchanges if isinstance(exchange.body, dict)]
        return next((str(body["location"]) for body in bodies if body.get("location")), "westus2")

    def _bury(self, name: str, exchanges: list[Exchange]) -> None:
        """Make a vault and delete it."""
        recovery = next(e for e in exchanges if e.method == "PUT" and e.path.endswith(f"/vaults/{name}"))
        group = recovery.path.partition("/providers/")[0]
        self._send("PUT", f"{_HOST}{group}?api-version=2024-03-01", {"location": recovery.body["location"]})
        properties = {key: value for key, value in recovery.body["properties"].items() if key != "createMode"}
        self._send("PUT", recovery.url, {**recovery.body, "properties": properties})
        self.sandbox.advance("azure", LONG)
        self._send("DELETE", recovery.url, None)
        self._send("DELETE", f"{_HOST}{group}?api-version=2024-03-01", None)
        self.sandbox.advance("azure", LONG)

    def _send(self, method: str, url: str, body: Any) -> requests.Response:
        path = self._translated(url.removeprefix(_HOST))
        data = self._translated(json.dumps(body)) if body is not None else None
        headers = {"Content-Type": "application/json"} if data is not None else {}
        base = self.sandbox.url("azure")
        return self._session.request(method, base + path, data=data, headers=headers, timeout=30)

    def _translated(self, text: str) -> str:
        for recorded, ours in self._names.items():
            text = text.replace(recorded, ours)
        return text.replace(_RECORDED_SUBSCRIPTION, AZURE_SUBSCRIPTION)

    def _read(self, exchange: Exchange) -> None:
        answer = self._send("GET", exchange.url, None)
        self.reads += 1
        self._compare_status(exchange, answer)
        if answer.status_code == exchange.status == 200 and exchange.is_settled:
            self._compare_shape(exchange, answer.json())
        if answer.status_code == exchange.status >= 400:
            self._compare_error(exchange, answer.json())

    def _write(self, exchange: Exchange) -> None:
        answer = self._send(exchange.method, exchange.url, exchange.body)
        self.writes += 1
        self._compare_status(exchange, answer)
        if answer.status_code != exchange.status:
            return
        for header in _LONG_HEADERS:
            if (header in exchange.headers) != (header in answer.headers):
                self._note(exchange, f"header {header}: recorded {header in exchange.headers}")
        if exchange.status >= 400:
            self._compare_error(exchange, answer.json())
        if isinstance(exchange.answer, dict) and exchange.status < 300:
            ours = answer.json() if answer.content else None
            if ours is None:
                self._note(exchange, "no body")
                return
            self._learn(exchange.answer, ours)
            recorded_state = (exchange.answer.get("properties") or {}).get("provisioningState")
            our_state = (ours.get("properties") or {}).get("provisioningState")
            if recorded_state != our_state:
                self._note(exchange, f"provisioningState {our_state}, recorded {recorded_state}")
        elif not exchange.answer and answer.content:
            self._note(exchange, "a body where the service sends none")

    def _learn(self, recorded: Any, ours: Any) -> None:
        """Ids that the service chose: later requests have to name ours."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in recorded.keys() & ours.keys():
                self._learn(recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for first, second in zip(recorded, ours, strict=False):
                self._learn(first, second)
        elif isinstance(recorded, str) and isinstance(ours, str) and _GUID.match(recorded) and _GUID.match(ours):
            if recorded not in (_RECORDED_SUBSCRIPTION, ours) and not recorded.startswith("00000000-0000"):
                self._names[recorded] = ours
        elif isinstance(recorded, str) and isinstance(ours, str) and _VERSION.match(recorded) and _VERSION.match(ours):
            self._names[f'"{recorded}"'] = f'"{ours}"'  # Kubernetes versions of the recording are out of support

    def _compare_status(self, exchange: Exchange, answer: requests.Response) -> None:
        if answer.status_code != exchange.status:
            text = answer.text[:300] if answer.status_code >= 400 else ""
            self._note(exchange, f"status {answer.status_code}, recorded {exchange.status} {text}".rstrip())

    def _compare_error(self, exchange: Exchange, ours: Any) -> None:
        recorded, mine = _code(exchange.answer), _code(ours)
        if recorded != mine:
            self._note(exchange, f"error {mine}, recorded {recorded}")

    def _compare_shape(self, exchange: Exchange, ours: Any) -> None:
        recorded, mine = set(paths(exchange.answer)), set(paths(ours))
        for path in sorted(recorded - mine):
            self._note(exchange, f"missing {path}")
        for path in sorted(mine - recorded):
            self._note(exchange, f"extra {path}")

    def _note(self, exchange: Exchange, what: str) -> None:
        target = parse(exchange.path)
        kind = target.kind.removeprefix("Microsoft.") if target.namespace else "resourceGroups"
        self.differences.append(Difference(self.case, f"{exchange.method} {kind}", what))


def read(case: str) -> Iterator[Exchange]:
    """The exchanges of a recorded case."""
    with (RECORDINGS / "azure" / f"{case}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            data = json.loads(line)
            headers = {key.lower(): value for key, value in (data["response_headers"] or {}).items()}
            yield Exchange(
                data["method"], data["url"], data["request_body"], data["status"], data["response_body"], headers
            )


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    """Every path to a leaf; list positions and ids used as keys are left out."""
    if isinstance(value, dict):
        if not value:
            yield prefix
        for key, item in value.items():
            name = "{id}" if key.startswith("/") else key
            yield from paths(item, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list):
        if not value:
            yield prefix
        for item in value:
            yield from paths(item, f"{prefix}[]")
    else:
        yield prefix


def _code(answer: Any) -> str:
    if not isinstance(answer, dict):
        return ""
    return str((answer.get("error") or answer).get("code"))
