"""A load balancer's listeners: connections are passed on to the ready endpoints of a Service, in turn."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Sequence

Target = tuple[str, int]
# The ready endpoints of a port now.
Targets = Callable[[], Sequence[Target]]
_CHUNK = 65536
_CONNECT_SECONDS = 5.0


class Forwarder:
    """One listening port."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._turn = itertools.count()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self, address: str, port: int) -> None:
        """OSError when the address cannot be had (ports below 1024 may be kept for the superuser)."""
        self._server = await asyncio.start_server(self._serve, address, port)

    def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            connected = await self._connect()
            if connected is not None:
                there, back = connected
                self._open.add(back)
                try:
                    await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
                finally:
                    self._open.discard(back)
                    back.close()
        finally:
            self._open.discard(writer)
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """To the next endpoint that answers; None when there is none, which a client sees as a closed connection."""
        targets = list(self._targets())
        first = next(self._turn)
        for number in range(len(targets)):
            address, port = targets[(first + number) % len(targets)]
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port)
        return None


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
