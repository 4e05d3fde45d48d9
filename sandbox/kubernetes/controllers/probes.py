"""Probes of containers that run as processes."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp

from .client import Body


async def probe(
    container: Body, definition: Body, ip: str, session: aiohttp.ClientSession, environment: dict[str, str]
) -> str:
    """Why a probe fails; "" when it does not."""
    try:
        async with asyncio.timeout(definition.get("timeoutSeconds") or 1):
            if definition.get("httpGet") is not None:
                return await _http(container, definition["httpGet"], ip, session)
            if definition.get("tcpSocket") is not None:
                return await _tcp(container, definition["tcpSocket"], ip)
            if definition.get("exec") is not None:
                return await _exec(definition["exec"].get("command") or [], environment)
    except TimeoutError:
        return "context deadline exceeded"
    except (OSError, aiohttp.ClientError) as error:
        return str(error)
    return ""


async def _http(container: Body, action: Body, ip: str, session: aiohttp.ClientSession) -> str:
    scheme = action.get("scheme", "HTTP").lower()
    url = f"{scheme}://{action.get('host') or ip}:{_port(container, action['port'])}{action.get('path', '/')}"
    headers = {one["name"]: one["value"] for one in action.get("httpHeaders") or []}
    async with session.get(url, headers=headers, ssl=False, allow_redirects=False) as answer:
        if 200 <= answer.status < 400:
            return ""
        return f"HTTP probe failed with statuscode: {answer.status}"


async def _tcp(container: Body, action: Body, ip: str) -> str:
    _, writer = await asyncio.open_connection(action.get("host") or ip, _port(container, action["port"]))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ""


async def _exec(command: list[str], environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return "" if process.returncode == 0 else f"command failed: {output.decode(errors='replace').strip()}"


def _port(container: Body, port: int | str) -> int:
    """A port number; names are those of the container's ports."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    named = {one.get("name"): one["containerPort"] for one in container.get("ports") or []}
    if port not in named:
        raise OSError(f'couldn\'t find a port named "{port}"')
    return int(named[port])
