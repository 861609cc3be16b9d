"""What stands between this Pod and its nameserver: forwards UDP and TCP, and forges, garbles, doubles, delays and cuts.

Laws of this module:

- A forged reply is one that an attacker off the path could send: from the server's port with another id, or with the
  right id from another port. Each brings `FORGED`, which no Service has.
- A garbled or cut reply never spells another list of addresses: it keeps at most a part of what the server said.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from typing import Any, Literal, Self

import dns.exception
import dns.message
import dns.rrset

HOST = "127.0.0.1"
FORGED = "203.0.113.66"
"""The address that forged replies list."""

Meddling = Literal["forge", "garble", "cut", "double", "delay", "lose"]
MEDDLINGS: tuple[Meddling, ...] = ("forge", "garble", "cut", "double", "delay", "lose")

_WRONG_IDS = 64
_LATE = 0.3
_PATIENCE = 3.0
_CHUNK = 1 << 16


def forged(query: bytes, *, message_id: int | None = None) -> bytes:
    """Return a reply to a query that lists `FORGED`, with its id or another one; empty if the query can't be read."""
    try:
        asked = dns.message.from_wire(query)
    except dns.exception.DNSException:
        return b""
    reply = dns.message.make_response(asked, recursion_available=True)
    name = asked.question[0].name
    reply.answer.append(dns.rrset.from_text(name, 30, "IN", "A", FORGED))
    packet = reply.to_wire()
    return packet if message_id is None else message_id.to_bytes(2) + packet[2:]


class _Exchange(asyncio.DatagramProtocol):
    """Waits for the one reply to a datagram."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.reply.done():
            self.reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_result(b"")


class _Front(asyncio.DatagramProtocol):
    """Takes what this Pod asks."""

    def __init__(self, box: Middlebox) -> None:
        self._box = box
        self.tasks: set[asyncio.Task[None]] = set()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._box.on_query(data, addr, self.transport))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Middlebox:
    """A forwarder on a port of 127.0.0.1, in a thread with an event loop; a context manager.

    Args:
        upstream: the address and port of the real nameserver.
        seed: of what it makes up.
    """

    def __init__(self, upstream: str, seed: int) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._random = random.Random(seed)
        self._plan: list[Meddling] = []
        self.meddled: Counter[str] = Counter()
        self._connections: set[asyncio.Task[None] | None] = set()  # the event loop itself may forget a task
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="Middlebox", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(10):
            raise TimeoutError("the middlebox does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def meddle(self, meddling: Meddling, times: int) -> None:
        """Meddle with so many of the next queries."""
        self._plan += [meddling] * times

    def heal(self) -> None:
        """Forward everything as it is."""
        self._plan.clear()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._on_connection, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(lambda: _Front(self), local_addr=(HOST, port))
        stranger, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(HOST, 0))
        self._stranger = stranger
        self.address = f"{HOST}:{port}"
        self._started.set()
        await self._ended.wait()
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        stranger.close()
        transport.close()
        await asyncio.sleep(0)

    def _next(self) -> Meddling | None:
        if not self._plan:
            return None
        meddling = self._plan.pop(0)
        self.meddled[meddling] += 1
        return meddling

    async def on_query(self, query: bytes, client: Any, front: asyncio.DatagramTransport) -> None:
        """Forward a query, and what comes back."""
        meddling = self._next()
        if meddling == "lose":
            return
        if meddling == "forge":
            self._forge(query, client, front)
        reply = await self._asked(query)
        if meddling == "delay":
            await asyncio.sleep(_LATE)
        if meddling == "garble":
            reply = reply[:2] + self._random.randbytes(max(0, len(reply) - 2))
        if meddling == "cut":
            reply = reply[: self._random.randrange(len(reply) or 1)]
        for _ in range(2 if meddling == "double" else 1):
            if reply:
                front.sendto(reply, client)

    def _forge(self, query: bytes, client: Any, front: asyncio.DatagramTransport) -> None:
        right = int.from_bytes(query[:2])
        self._stranger.sendto(forged(query), client)
        for _ in range(_WRONG_IDS):
            front.sendto(forged(query, message_id=right ^ self._random.randrange(1, 1 << 16)), client)

    async def _asked(self, query: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        transport, exchange = await loop.create_datagram_endpoint(_Exchange, remote_addr=self._upstream)
        try:
            transport.sendto(query)
            async with asyncio.timeout(_PATIENCE):
                return await exchange.reply
        except TimeoutError:
            return b""
        finally:
            transport.close()

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        meddling = self._next()
        task = asyncio.current_task()
        self._connections.add(task)
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.CancelledError):
            if meddling in {"lose", "forge"}:
                await reader.read(_CHUNK)
                return
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
            with contextlib.closing(upstream_writer):
                await self._relay(reader, writer, upstream_reader, upstream_writer, meddling)
        self._connections.discard(task)

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream_writer: asyncio.StreamWriter,
        meddling: Meddling | None,
    ) -> None:
        while data := await reader.read(_CHUNK):
            upstream_writer.write(data)
            reply = await upstream_reader.read(_CHUNK)
            if meddling == "delay":
                await asyncio.sleep(_LATE)
            if meddling == "garble":
                reply = reply[:4] + self._random.randbytes(max(0, len(reply) - 4))
            if meddling == "cut":
                reply = reply[: len(reply) // 2]
            writer.write(reply)
            await writer.drain()
            if meddling is not None or not reply:
                return
