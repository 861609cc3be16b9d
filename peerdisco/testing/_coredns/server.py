"""DNS packets over UDP and TCP on one port of 127.0.0.1: one thread, one selector.

Its laws: what to reply is asked of a callable, which never blocks; a client can end its own
connection and nothing else; everything opened here is closed by the thread on its way out.
"""

import contextlib
import errno
import heapq
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from peerdisco.testing._coredns.render import Transport

_HOST = "127.0.0.1"
_FIRST_QUESTION_WITHIN = 3.0
_MOST_UNSENT = 1 << 18
_CHUNK = 1 << 16
_ATTEMPTS = 64


class Response(NamedTuple):
    """What becomes of a packet: a reply (empty is none), after seconds, or the line goes dead."""

    packet: bytes
    delay: float = 0.0
    hang_up: bool = False


class _Connection:
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock = sock
        self.deadline = deadline
        self.received = bytearray()
        self.unsent = bytearray()
        self.delayed = 0
        self.ended = False


class Server:
    """A DNS server that is reachable as soon as it exists.

    Args:
        respond: Called with each packet, in the server's thread.
        tcp_idle: Seconds after which a TCP connection without a question is closed.
    """

    def __init__(self, respond: Callable[[bytes, Transport], Response], *, tcp_idle: float) -> None:
        self._respond = respond
        self._tcp_idle = tcp_idle
        self._udp, self._listener = _bound()
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._connections: set[_Connection] = set()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._closing = False
        self.address = f"{_HOST}:{self._udp.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, name="LocalCluster", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and come back when the thread and all sockets are gone."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._wake.send(b"\0")
        self._thread.join()
        self._wake.close()

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._selector)
            stack.callback(self._hang_up_on_all)
            for sock, handle in (
                (self._udp, self._on_datagram),
                (self._listener, self._on_arrival),
                (self._woken, self._on_wake),
            ):
                stack.enter_context(sock).settimeout(0.0)
                self._selector.register(sock, selectors.EVENT_READ, handle)
            while not self._closing:
                for key, events in self._selector.select(self._patience()):
                    key.data(events)
                self._on_time()

    def _hang_up_on_all(self) -> None:
        for connection in tuple(self._connections):
            self._drop(connection)

    def _on_wake(self, _events: int) -> None:
        self._woken.recv(_CHUNK)

    def _patience(self) -> float | None:
        times = [connection.deadline for connection in self._connections if not connection.delayed]
        times += [due for due, _, _ in self._later[:1]]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _on_time(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()
        for connection in [c for c in self._connections if not c.delayed and c.deadline <= now]:
            self._drop(connection)

    def _on_datagram(self, _events: int) -> None:
        with contextlib.suppress(OSError):
            packet, client = self._udp.recvfrom(_CHUNK)
            response = self._respond(packet, "udp")
            self._dispatch(response, partial(self._send_datagram, response.packet, client))

    def _send_datagram(self, packet: bytes, client: Any) -> None:
        # A reply too large for UDP, or more than the socket holds, is lost as on a real network.
        with contextlib.suppress(OSError):
            self._udp.sendto(packet, client)

    def _dispatch(self, response: Response, send: Callable[[], None]) -> None:
        if response.packet and response.delay:
            due = time.monotonic() + response.delay
            heapq.heappush(self._later, (due, next(self._order), send))
        elif response.packet:
            send()

    def _on_arrival(self, _events: int) -> None:
        with contextlib.suppress(OSError):
            sock, _ = self._listener.accept()
            sock.settimeout(0.0)
            wait = min(_FIRST_QUESTION_WITHIN, self._tcp_idle)
            connection = _Connection(sock, time.monotonic() + wait)
            self._connections.add(connection)
            handle = partial(self._on_connection, connection)
            self._selector.register(sock, selectors.EVENT_READ, handle)

    def _on_connection(self, connection: _Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                chunk = connection.sock.recv(_CHUNK)
                connection.received += chunk
                connection.ended |= not chunk
            self._advance(connection)
        except OSError:
            self._drop(connection)

    def _advance(self, connection: _Connection) -> None:
        """Answer what has come, send what can be sent, wait for what is then missing."""
        while (packet := _next_packet(connection)) is not None:
            response = self._respond(packet, "tcp")
            if response.hang_up:
                self._drop(connection)
                return
            connection.delayed += bool(response.packet and response.delay)
            connection.deadline = time.monotonic() + self._tcp_idle
            self._dispatch(response, partial(self._reply, connection, response))
            _send(connection)
        if _send(connection):
            connection.deadline = time.monotonic() + self._tcp_idle
        if connection.ended and not connection.unsent:
            self._drop(connection)
            return
        reads = not connection.ended and len(connection.unsent) < _MOST_UNSENT
        # A question that has come already is answered once there is room for its reply.
        writes = bool(connection.unsent) or _holds_packet(connection)
        wanted = selectors.EVENT_READ * reads | selectors.EVENT_WRITE * writes
        handle = self._selector.get_key(connection.sock).data
        self._selector.modify(connection.sock, wanted, handle)

    def _reply(self, connection: _Connection, response: Response) -> None:
        connection.unsent += len(response.packet).to_bytes(2, "big") + response.packet
        if response.delay and connection in self._connections:
            connection.delayed -= 1
            connection.deadline = time.monotonic() + self._tcp_idle
            self._on_connection(connection, 0)

    def _drop(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        self._selector.unregister(connection.sock)
        connection.sock.close()


def _next_packet(connection: _Connection) -> bytes | None:
    """Take a whole packet off what was received, unless the client must read first."""
    if len(connection.unsent) >= _MOST_UNSENT or not _holds_packet(connection):
        return None
    size = 2 + int.from_bytes(connection.received[:2], "big")
    packet = bytes(connection.received[2:size])
    del connection.received[:size]
    return packet


def _holds_packet(connection: _Connection) -> bool:
    return len(connection.received) >= 2 + int.from_bytes(connection.received[:2], "big")


def _send(connection: _Connection) -> bool:
    """Sends what the client takes; says whether it took any."""
    unsent = len(connection.unsent)
    with contextlib.suppress(BlockingIOError):
        while connection.unsent:
            del connection.unsent[: connection.sock.send(connection.unsent)]
    return len(connection.unsent) < unsent


def _bound() -> tuple[socket.socket, socket.socket]:
    """Bind UDP and TCP to one free port; the number that UDP is given may be taken in TCP."""
    for _ in range(_ATTEMPTS):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            udp.bind((_HOST, 0))
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind(udp.getsockname())
            tcp.listen(socket.SOMAXCONN)
        except OSError as error:
            udp.close()
            tcp.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return udp, tcp
    raise OSError(errno.EADDRINUSE, f"no port of {_HOST} is free for both UDP and TCP")
