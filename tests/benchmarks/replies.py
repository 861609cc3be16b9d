"""The responder's replies: those of CoreDNS for a Service of any size, made before they are needed."""

import random
from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import cycle

from dns.rcode import NOERROR
from dns.rdatatype import NS, SRV, A

from peerdisco._core.addresses import dashed
from peerdisco.testing._coredns.query import Edns, Query, parse
from peerdisco.testing._coredns.records import Reply, RRset, packed, server
from peerdisco.testing._coredns.render import Transport, render

NAMESPACE, DOMAIN = "default", "cluster.local"
OWN = "10.0.0.1"
_TTL = 0  # otherwise c-ares would answer from its cache
_SHUFFLES = 8


def service(pods: int) -> str:
    """Return the short name of the Service with so many Pods."""
    return f"n{pods}"


def dressed_service(pods: int) -> str:
    """Return the short name of the Service whose replies also have NS records and EDNS options."""
    return f"d{pods}"


def full_name(pods: int) -> str:
    """Return the absolute name of the Service with so many Pods."""
    return f"{service(pods)}.{NAMESPACE}.svc.{DOMAIN}."


def addresses(pods: int) -> list[str]:
    """Return the addresses of its Pods; the first is this Pod's."""
    first = int(IPv4Address(OWN))
    return [str(IPv4Address(first + n)) for n in range(pods)]


class Replies:
    """Replies over one transport: rendered for the first question of a kind; later ones only get a new id."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._by_packet: dict[bytes, Iterator[bytearray]] = {}
        self._by_question: dict[tuple[int, bytes, Edns | None], Iterator[bytearray]] = {}

    def to(self, packet: bytes) -> bytearray:
        """Return the reply to a packet, with its length in front over TCP. It is valid until the next same question."""
        shuffles = self._by_packet.get(packet[2:]) or self._shuffles(packet)
        reply = next(shuffles)
        at = 0 if self._transport == "udp" else 2
        reply[at : at + 2] = packet[:2]
        return reply

    def _shuffles(self, packet: bytes) -> Iterator[bytearray]:
        query = parse(packet)
        if isinstance(query, bytes):
            raise ValueError(f"no question: {packet!r}")  # noqa: TRY004 - the packet is at fault, not its type
        kind = query.flags, query.question, query.edns
        if kind not in self._by_question:
            self._by_question[kind] = cycle(self._render(query))
        self._by_packet[packet[2:]] = self._by_question[kind]
        return self._by_question[kind]

    def _render(self, query: Query) -> list[bytearray]:
        rng = random.Random(1)
        rendered = [render(query, _says(query), self._transport, rng) for _ in range(_SHUFFLES)]
        if query.name[0].startswith(b"d"):
            rendered = list(map(_dressed, rendered))
        if self._transport == "tcp":
            rendered = [len(reply).to_bytes(2) + reply for reply in rendered]
        return list(map(bytearray, rendered))


def _says(query: Query) -> Reply:
    if query.rtype == SRV:
        return _srv(query)
    if query.rtype != A:
        return Reply(NOERROR, authoritative=True)
    pods = int(query.name[0][1:])
    rdatas = [IPv4Address(ip).packed for ip in addresses(pods)]
    return Reply(NOERROR, authoritative=True, answer=[RRset(packed(query.name), A, _TTL, rdatas)])


def _srv(query: Query) -> Reply:
    """Return the SRV answer for a named port: a target for each Pod, and its address as glue."""
    name = packed(query.name[2:])
    ips = [IPv4Address(ip).packed for ip in addresses(int(query.name[2][1:]))]
    targets = {packed((dashed(ip).encode(),))[:-1] + name: ip for ip in ips}
    answer = [server(packed(query.name), _TTL, 1, 8080, target) for target in targets]
    return Reply(
        NOERROR,
        authoritative=True,
        answer=answer,
        additional=[RRset(target, A, _TTL, [ip]) for target, ip in targets.items()],
    )


_OPT_SIZE = 11
_NS = b"\xc0\x0c" + NS.to_bytes(2) + b"\0\1\0\0\0\x1e\0\2\xc0\x0c"
_COOKIE = b"\0\x0a\0\x18" + bytes(24)


def _dressed(reply: bytes) -> bytes:
    """Add two NS records and a DNS cookie (RFC 7873), as signed zones and resolvers with cookies do."""
    head, opt = reply[:-_OPT_SIZE], reply[-_OPT_SIZE:]
    head = head[:8] + (2).to_bytes(2) + head[10:]
    return head + 2 * _NS + opt[:9] + len(_COOKIE).to_bytes(2) + _COOKIE
