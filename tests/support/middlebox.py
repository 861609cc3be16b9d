"""What may stand between a Pod and its DNS server: a firewall, a busy node, a cache that has lost its server."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from peerdisco._dns.blocking import exchange
from peerdisco._dns.exchange import Exchange
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import SocketPool
from peerdisco.testing._coredns.render import Transport
from peerdisco.testing._coredns.server import Response, Server

_NOTHING = Response(b"")
_PATIENCE = 30.0


class Passing(NamedTuple):
    """A query on its way, and how to get the server's reply to it; `number` counts those over its transport from 0."""

    query: dns.message.Message
    transport: Transport
    number: int
    forward: Callable[[], bytes]


def _answered(query: dns.message.Message, rcode: dns.rcode.Rcode, *, edns: bool = True) -> Response:
    reply = dns.message.make_response(query)
    if not edns:
        reply.use_edns(False)
    reply.set_rcode(rcode)
    return Response(reply.to_wire())


def _garbled(query: dns.message.Message) -> Response:
    """A reply to this question that promises a record and ends in the middle of it."""
    query.flags |= dns.flags.QR
    query.use_edns(False)
    wire = query.to_wire()
    return Response(wire[:6] + b"\0\1" + wire[8:] + b"\xc0\x0c\0")


def _is_witness(query: dns.message.Message) -> bool:
    return query.question[0].rdtype in (dns.rdatatype.SRV, dns.rdatatype.PTR)


def _stale(reply: bytes) -> Response:
    message = dns.message.from_wire(reply)
    message.use_edns(0, payload=1232, options=[dns.edns.EDEOption(dns.edns.EDECode.STALE_ANSWER)])
    return Response(message.to_wire())


WAYS: Mapping[str, Callable[[Passing], Response]] = MappingProxyType(
    {
        "drops all": lambda _: _NOTHING,
        "drops the first": lambda it: _NOTHING if it.transport == "udp" and it.number == 0 else Response(it.forward()),
        "drops EDNS": lambda it: _NOTHING if it.transport == "udp" and it.query.edns >= 0 else Response(it.forward()),
        "refuses EDNS": lambda it: (
            _answered(it.query, dns.rcode.FORMERR, edns=False) if it.query.edns >= 0 else Response(it.forward())
        ),
        "refuses all": lambda it: _answered(it.query, dns.rcode.REFUSED),
        "fails": lambda it: _answered(it.query, dns.rcode.SERVFAIL),
        "garbles": lambda it: _garbled(it.query),
        "closes TCP": lambda it: Response(it.forward()) if it.transport == "udp" else Response(b"", hang_up=True),
        "refuses SRV and PTR": lambda it: (
            _answered(it.query, dns.rcode.REFUSED) if _is_witness(it.query) else Response(it.forward())
        ),
        "delays": lambda it: Response(it.forward(), delay=1.0),
        "serves stale": lambda it: _stale(it.forward()),
    }
)
"""What it does with a query, by name."""


class Middlebox:
    """Stands before a server, on a port of its own on 127.0.0.1; a context manager.

    Args:
        server: the server's address and port.
        way: one of `WAYS`.

    Attributes:
        address: `127.0.0.1:PORT`.
    """

    def __init__(self, server: str, way: str) -> None:
        self._server, self._way = Nameserver.parse(server), WAYS[way]
        self._pool = SocketPool(0)
        self._numbers = {"udp": 0, "tcp": 0}
        self._front = Server(self._respond, tcp_idle=10.0)
        self.address = self._front.address

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._front.close()

    def _respond(self, packet: bytes, transport: Transport) -> Response:
        number = self._numbers[transport]
        self._numbers[transport] += 1

        def forward() -> bytes:
            # Another id, so that the server's reply is told from one to the client.
            reply = exchange(self._pool, Exchange(self._server, transport, os.urandom(2) + packet[2:], _PATIENCE))
            return packet[:2] + reply[2:]

        return self._way(Passing(dns.message.from_wire(packet), transport, number, forward))
