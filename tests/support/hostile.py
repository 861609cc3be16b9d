"""A nameserver that may send anything: any number of packets for a query, from its port or from another one."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import dns.message
import dns.rdatatype
import dns.rrset

_CHUNK = 1 << 16


class Sent(NamedTuple):
    """A packet for the client.

    Attributes:
        packet: the bytes.
        is_off_path: whether it comes from another port than the nameserver's.
    """

    packet: bytes
    is_off_path: bool = False


class Seen(NamedTuple):
    """A query that came.

    Attributes:
        message_id: its id.
        port: the client's port.
        size: its bytes.
    """

    message_id: int
    port: int
    size: int


class HostileServer:
    """Answers over UDP with what a callable says; a context manager.

    Args:
        respond: makes the packets that a query is answered with, in order.
    """

    def __init__(self, respond: Callable[[bytes], Sequence[Sent]]) -> None:
        self._respond = respond
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.address = f"127.0.0.1:{self._sock.getsockname()[1]}"
        self.seen: list[Seen] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._other.sendto(b"", self._sock.getsockname())
        self._thread.join()
        self._sock.close()
        self._other.close()

    def _run(self) -> None:
        while True:
            query, client = self._sock.recvfrom(_CHUNK)
            if not query:
                return
            self.seen.append(Seen(int.from_bytes(query[:2]), client[1], len(query)))
            for packet, is_off_path in self._respond(query):
                with contextlib.suppress(OSError):  # the client is gone
                    (self._other if is_off_path else self._sock).sendto(packet, client)


def answer(query: bytes, *records: str, rtype: str = "A") -> bytes:
    """Return a reply that lists these records under the name that was asked for; NODATA where the type is another."""
    asked = dns.message.from_wire(query)
    reply = dns.message.make_response(asked, recursion_available=True)
    question = asked.question[0]
    if question.rdtype == dns.rdatatype.from_text(rtype):
        reply.answer.append(dns.rrset.from_text(question.name, 30, "IN", rtype, *records))
    return reply.to_wire()
