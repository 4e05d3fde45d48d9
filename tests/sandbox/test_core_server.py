"""Faults, request log and control routes around an emulated cloud."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.core import Authority, Context, FaultRule, Journal, build_app


class Counter:
    """A cloud that counts its POSTs."""

    name = "counter"

    def __init__(self) -> None:
        self.count = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            self.count += 1
        return web.json_response({"count": self.count, "body": (await request.read()).decode()})

    def operation_name(self, request: web.Request, body: bytes) -> str:
        return f"counter.{request.method}"

    def is_write(self, request: web.Request, body: bytes) -> bool:
        return request.method == "POST"

    def fault_response(self, rule: FaultRule) -> web.Response:
        return web.json_response({"code": rule.code}, status=rule.status or 429)

    def reset(self) -> None:
        self.count = 0


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[tuple[TestClient, Counter, Context]]:
    context = Context("http://test", directory, Authority(directory / "ca"), Journal("counter", directory / "log"))
    cloud = Counter()
    async with TestClient(TestServer(build_app(cloud, context))) as client:
        yield client, cloud, context


def run(directory: Path, story: Callable[[TestClient, Counter, Context], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(directory) as (client, cloud, context):
            await story(client, cloud, context)

    asyncio.run(main())


async def add(client: TestClient, **rule: object) -> None:
    answer = await client.post("/_sandbox/faults", json=rule)
    assert answer.status == 201, await answer.text()


def test_requests_pass_and_are_logged(tmp_path: Path) -> None:
    async def story(client: TestClient, cloud: Counter, context: Context) -> None:
        answer = await client.post("/things?key=secret", data=b"hello")
        assert (await answer.json()) == {"count": 1, "body": "hello"}
        await client.get("/things")
        entries = await (await client.get("/_sandbox/journal")).json()
        assert [(e["method"], e["path"], e["operation"], e["status"], e["write"]) for e in entries] == [
            ("POST", "/things", "counter.POST", 200, True),
            ("GET", "/things", "counter.GET", 200, False),
        ]
        assert [e["seq"] for e in await (await client.get("/_sandbox/journal?since=1")).json()] == [2]

    run(tmp_path, story)
    assert "secret" not in (tmp_path / "log").read_text()


def test_throttle_strikes_as_often_as_told(tmp_path: Path) -> None:
    async def story(client: TestClient, cloud: Counter, context: Context) -> None:
        await add(client, kind="throttle", operation="POST$", times=2, skip=1)
        statuses = [(await client.post("/")).status for _ in range(4)]
        assert statuses == [200, 429, 429, 200]
        assert cloud.count == 2
        assert [e["fault"] for e in context.journal.entries] == [None, "throttle", "throttle", None]

    run(tmp_path, story)


@pytest.mark.parametrize(("kind", "handled"), [("drop", 0), ("drop_after", 1)])
def test_dropped_connections(tmp_path: Path, kind: str, handled: int) -> None:
    async def story(client: TestClient, cloud: Counter, context: Context) -> None:
        await add(client, kind=kind)
        # Without a body to replay the client may retry by itself on a reused connection: this one is fresh.
        with pytest.raises(aiohttp.ClientError):
            await client.post("/")
        assert cloud.count == handled
        assert context.journal.entries[0]["status"] == 0
        assert (await client.post("/")).status == 200

    run(tmp_path, story)


def test_slow_answers(tmp_path: Path) -> None:
    async def story(client: TestClient, cloud: Counter, context: Context) -> None:
        await add(client, kind="slow", seconds=0.2)
        await client.get("/")
        assert context.journal.entries[0]["duration"] >= 0.2

    run(tmp_path, story)


def test_probability_is_repeatable() -> None:
    def draw() -> list[bool]:
        rule = FaultRule(kind="error", times=-1, probability=0.5, seed=7)
        return [rule.take("any") for _ in range(20)]

    assert draw() == draw()
    assert set(draw()) == {True, False}


def test_operation_failures_are_left_to_the_emulator(tmp_path: Path) -> None:
    async def story(client: TestClient, cloud: Counter, context: Context) -> None:
        await add(client, kind="fail_operation", operation="counter", message="no capacity")
        assert (await client.post("/")).status == 200
        rule = context.take_operation_failure("counter.POST")
        assert rule is not None
        assert rule.message == "no capacity"
        assert context.take_operation_failure("counter.POST") is None

    run(tmp_path, story)


def test_reset_profile_quotas_and_clock(tmp_path: Path) -> None:
    async def story(client: TestClient, cloud: Counter, context: Context) -> None:
        context.quotas.declare({"things": 5})
        await client.post("/")
        await add(client, kind="throttle")
        assert (await client.put("/_sandbox/quotas", json={"things": 1})).status == 200
        assert context.quotas.get("things") == 1
        assert (await client.put("/_sandbox/quotas", json={"other": 1})).status == 400
        assert (await client.post("/_sandbox/reset")).status == 200
        assert (cloud.count, context.quotas.get("things"), context.faults.rules()) == (0, 5, [])
        await client.put("/_sandbox/profile", json={"name": "realistic", "scale": 10})
        assert context.profile.seconds("nat.create") == 9
        assert (await client.put("/_sandbox/profile", json={"name": "fast"})).status == 400
        before = context.clock.now()
        await client.post("/_sandbox/clock", json={"advance": 100})
        assert context.clock.now() - before >= 100

    run(tmp_path, story)


@pytest.mark.parametrize("rule", [{"kind": "no"}, {"kind": "error", "colour": "red"}, {"operation": "("}])
def test_nonsense_rules_are_refused(tmp_path: Path, rule: dict[str, object]) -> None:
    async def story(client: TestClient, cloud: Counter, context: Context) -> None:
        answer = await client.post("/_sandbox/faults", json=rule)
        assert answer.status == 400

    run(tmp_path, story)
