"""SPDY/3.1 inside a WebSocket, which is how kubectl forwards ports (``SPDY/3.1+portforward.k8s.io``).

Frames and the dictionary of the header compression are those of the SPDY/3 draft. Each connection to a port is a pair
of streams with the same request id: data, and errors as text. There is no flow control, as with the original.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

PROTOCOL = "SPDY/3.1+portforward.k8s.io"
_VERSION = 0x8003
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY, _HEADERS = 1, 2, 3, 6, 7, 8
_FIN = 0x01
_HEADER = struct.Struct(">II")
_CHUNK = 32 * 1024
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
)
_NAMES = [*_WORDS.split(), "200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"]
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(len(name).to_bytes(4, "big") + name.encode() for name in _NAMES) + _TEXT.encode()

Send = Callable[[bytes], Awaitable[None]]
# A port to the connection with it; OSError when there is none.
Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Explain = Callable[[int, OSError], str]


@dataclass
class _Stream:
    number: int
    headers: dict[str, str]
    writer: asyncio.StreamWriter | None = None
    # What came before the connection was there.
    early: bytes = b""
    ended: bool = False


class Tunnel:
    """The server's side of one tunnel. ``explain`` words what a failed connection says."""

    def __init__(self, send: Send, connect: Connect, explain: Explain) -> None:
        self._send_raw = send
        self._connect, self._explain = connect, explain
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._streams: dict[int, _Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, received: AsyncIterator[bytes]) -> None:
        """Until the client has gone."""
        buffer = b""
        try:
            async for data in received:
                buffer += data
                while len(buffer) >= _HEADER.size:
                    first, second = _HEADER.unpack_from(buffer)
                    end = _HEADER.size + (second & 0xFFFFFF)
                    if len(buffer) < end:
                        break
                    frame, buffer = buffer[_HEADER.size : end], buffer[end:]
                    if not await self._frame(first, second >> 24, frame):
                        return
        finally:
            for task in self._tasks:
                task.cancel()
            for stream in self._streams.values():
                if stream.writer is not None:
                    stream.writer.close()

    async def _frame(self, first: int, flags: int, frame: bytes) -> bool:
        """One frame; False when the client says goodbye."""
        if not first >> 31:
            await self._data(first & 0x7FFFFFFF, frame, bool(flags & _FIN))
            return True
        kind = first & 0xFFFF
        if kind == _SYN_STREAM:
            await self._open(int.from_bytes(frame[:4], "big") & 0x7FFFFFFF, self._headers(frame[10:]))
        elif kind in (_SYN_REPLY, _HEADERS):
            self._headers(frame[4:])  # the compression goes on from frame to frame
        elif kind == _PING:
            await self._control(_PING, frame)
        elif kind == _RST_STREAM:
            stream = self._streams.pop(int.from_bytes(frame[:4], "big") & 0x7FFFFFFF, None)
            if stream is not None and stream.writer is not None:
                stream.writer.close()
        return kind != _GOAWAY

    async def _open(self, number: int, headers: dict[str, str]) -> None:
        stream = self._streams[number] = _Stream(number, headers)
        nothing = self._deflate.compress(bytes(4)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        await self._control(_SYN_REPLY, number.to_bytes(4, "big") + nothing)
        if headers.get("streamtype") == "data":
            task = asyncio.create_task(self._serve(stream))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, stream: _Stream) -> None:
        """Connect and pass on what comes from the port, to its end."""
        port = int(stream.headers.get("port", 0))
        try:
            reader, stream.writer = await self._connect(port)
        except OSError as problem:
            await self._tell(stream, self._explain(port, problem))
            await self._write(stream.number, b"", _FIN)
            return
        stream.writer.write(stream.early)
        if stream.ended:
            stream.writer.write_eof()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                await self._write(stream.number, data)
        await self._write(stream.number, b"", _FIN)
        await self._tell(stream, "")
        stream.writer.close()

    async def _tell(self, stream: _Stream, text: str) -> None:
        """End the stream of errors that belongs to a stream of data."""
        request = stream.headers.get("requestid")
        for other in self._streams.values():
            if other.headers.get("streamtype") == "error" and other.headers.get("requestid") == request:
                await self._write(other.number, text.encode(), _FIN)
                return

    async def _data(self, number: int, data: bytes, last: bool) -> None:
        stream = self._streams.get(number)
        if stream is None or stream.headers.get("streamtype") != "data":
            return
        stream.ended = stream.ended or last
        if stream.writer is None:
            stream.early += data
            return
        with contextlib.suppress(ConnectionError, RuntimeError):  # the process has hung up
            stream.writer.write(data)
            await stream.writer.drain()
            if last:
                stream.writer.write_eof()

    def _headers(self, block: bytes) -> dict[str, str]:
        data = self._inflate.decompress(block)
        position = 4
        texts = []
        while position + 4 <= len(data):
            length = int.from_bytes(data[position : position + 4], "big")
            texts.append(data[position + 4 : position + 4 + length].decode())
            position += 4 + length
        return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=False)}

    async def _write(self, number: int, data: bytes, flags: int = 0) -> None:
        with contextlib.suppress(ConnectionError):
            await self._send_raw(_HEADER.pack(number, flags << 24 | len(data)) + data)

    async def _control(self, kind: int, body: bytes) -> None:
        await self._send_raw(_HEADER.pack(_VERSION << 16 | kind, len(body)) + body)
