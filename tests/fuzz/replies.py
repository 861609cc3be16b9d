"""Targets that read replies: the readers of a single reply, TCP's framing, and the whole road from bytes to peers."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import dns.exception
import dns.message

from peerdisco import Answer, PeerDiscoError, PeerSet, Question, discover_peers
from peerdisco._core.addresses import pack_ip
from peerdisco._dns import query
from peerdisco._dns.blocking import drive
from peerdisco._dns.exchange import Exchange, ResolverState
from peerdisco._dns.lists import known_list, says_the_same
from peerdisco._dns.lookup import Lookup
from peerdisco._dns.memory import ServerMemory
from peerdisco._dns.nameserver import Nameserver
from peerdisco.answers import RecordType
from peerdisco.config import LookupOptions
from peerdisco.environment import StaticEnvironment
from peerdisco.resolvers import _follows
from peerdisco.testing import FakeClock
from tests.fuzz.laws import Budget, check_error, within
from tests.support.oracle import by_dnspython, by_us

NAME = "test-cs-svc.default.svc.cluster.local."
RAW, PLAIN = 0x80, 0x40
"""Bits of the first byte of an input: the reply is not made to fit the query; the query has no EDNS."""

SWAP = 0x20
"""A bit of the first byte of an input: what is copied within the reply goes both ways."""

CHANGE = 5
"""Bytes that say what is copied within a reply: from where and to where, two each, and how much."""

# dnspython, which reads some twenty names of a reply without an answer, takes up to 30,000 calls for them.
READING = Budget(calls=32_000, calls_per_byte=1.0, memory=40_000, memory_per_byte=40.0)
# Each reply may be one of those, and is read once.
LOOKING_UP = Budget(calls=60_000, calls_per_byte=300.0, memory=400_000, memory_per_byte=100.0)
FRAMING = Budget(calls=200, calls_per_byte=8.0, memory=20_000, memory_per_byte=8.0)


def question_of(reply: bytes, rtype: RecordType) -> Question:
    """Return the question that stands in a reply, or another where it has none that can be asked."""
    labels, place = [], query.HEADER.size
    while place < len(reply) and 0 < (length := reply[place]) < 64:
        labels.append(reply[place + 1 : place + 1 + length].decode("latin-1").lower())
        place += 1 + length
    name = ".".join(labels) + "."
    return Question(name if query.is_name(name) and name.isascii() else NAME, rtype)


def fitted(asked: bytes, reply: bytes) -> bytes:
    """Return a reply with the header and question of one that fits."""
    head = reply[:12].ljust(12, b"\0")
    end = query.question_end(asked)
    return asked[:2] + bytes([0x80 | head[2] & 7, head[3], 0, 1]) + head[6:] + asked[12:end] + reply[end:]


def _read(data: bytes, rtypes: tuple[RecordType, RecordType]) -> None:
    kind, reply = data[0], data[1:]
    question = question_of(reply, rtypes[kind & 1])
    asked = query.encode(question, edns=not kind & PLAIN)
    if not kind & RAW:
        reply = fitted(asked, reply)
        assert query.fits(asked, reply)
    elif not _fits(asked, reply):
        return
    said = within(READING, data, len(reply), lambda: by_us(asked, reply, question))
    assert said == by_dnspython(asked, reply, question)
    if isinstance(said, Answer):
        assert by_us(asked, reply, question, said) == said


def _fits(asked: bytes, reply: bytes) -> bool:
    """Return whether a reply fits; what fits is one for dnspython too."""
    if not query.fits(asked, reply):
        return False
    try:
        said = dns.message.from_wire(reply, question_only=True)
    except dns.exception.DNSException:
        return True  # of two questions or none that can be read
    assert dns.message.from_wire(asked).is_response(said)
    return True


def addresses(data: bytes) -> None:
    """A reply to a question for A or AAAA: both readers agree."""
    if data:
        _read(data, ("A", "AAAA"))


def same(data: bytes) -> None:
    """A reply, and again with some bytes elsewhere: what is taken to say the same fits, and reads the same."""
    if len(data) <= 1 + CHANGE:
        return
    kind, change, reply = data[0], data[1 : 1 + CHANGE], data[1 + CHANGE :]
    question = question_of(reply, "AAAA" if kind & 1 else "A")
    asked = query.encode(question, edns=not kind & PLAIN)
    reply = reply if kind & RAW else fitted(asked, reply)
    said = by_us(asked, reply, question) if query.fits(asked, reply) else None
    if not isinstance(said, Answer) or not said.addresses or said.canonical:
        return
    known = within(READING, data, len(reply), lambda: known_list(asked, reply, said))
    for received in (reply, changed(reply, change, swap=bool(kind & SWAP))):
        if within(READING, data, len(reply), partial(says_the_same, known, asked, received)):
            assert query.fits(asked, received)
            assert by_us(asked, received, question) == said


def changed(reply: bytes, change: bytes, *, swap: bool) -> bytes:
    """Return a reply some bytes of which were copied to another place, and those from there to the first."""
    size = change[4] % len(reply)
    start, end = (int.from_bytes(place) % (len(reply) - size) for place in (change[:2], change[2:4]))
    other = bytearray(reply)
    other[end : end + size] = reply[start : start + size]
    if swap:
        other[start : start + size] = reply[end : end + size]
    return bytes(other)


def services(data: bytes) -> None:
    """A reply to a question for SRV or PTR: both readers agree."""
    if data:
        _read(data, ("SRV", "PTR"))


def tcp(data: bytes) -> None:
    """What TCP brings, in pieces of any size: the first reply that fits, and no other, however it is cut."""
    if not data:
        return
    asked = query.encode(Question(NAME, "A"))
    size, stream = data[0] % 64 + 1, data[1:].replace(b"REPLY", fitted(asked, b""))
    pieces = [stream[place : place + size] for place in range(0, len(stream), size)]

    def put_together() -> bytes | None:
        incoming = query.TcpReply(partial(query.fits, asked))
        return next((reply for piece in pieces if (reply := incoming.feed(piece)) is not None), None)

    place, expected = 0, None
    while expected is None and place + 2 <= len(stream):
        end = place + 2 + int.from_bytes(stream[place : place + 2])
        if end <= len(stream) and query.fits(asked, stream[place + 2 : end]):
            expected = stream[place + 2 : end]
        place = end
    assert within(FRAMING, data, len(stream), put_together) == expected
    try:
        query.TcpReply(partial(query.fits, asked)).feed(b"")
    except ConnectionResetError:
        return
    raise AssertionError("the end of a connection is no reply")


OWN = "10.244.0.1"
SERVERS = (Nameserver("127.0.0.1", 53), Nameserver("127.0.0.2", 53))
OPTIONS: list[LookupOptions] = [
    {},
    {"port": "http"},
    {"port": 8080, "hostnames": True},
    {"family": "both"},
    {"family": "ipv6", "port": "http", "hostnames": True},
    {"family": "both", "port": "http"},
    {"own_ips": OWN, "allowed_networks": ("10.0.0.0/8", "fd00::/8")},
    {"own_ips": (), "hostnames": True, "allowed_networks": ("0.0.0.0/0", "::/0")},
]


class _Scripted:
    """A resolver that runs real lookups, whose replies are the pieces of an input; silence when they are used up."""

    def __init__(self, pieces: list[bytes], clock: FakeClock) -> None:
        self.clock = clock
        self.environment = StaticEnvironment((pack_ip(OWN),))
        self.replies: list[bytes] = []
        self._pieces = iter(pieces)
        self._state = ResolverState(clock, lambda: 0.5, lambda: b"\x12\x34", _follows, ServerMemory(), {}, {})

    def lookup(self, question: Question, timeout: float) -> Answer:
        """Answer one question, from the next pieces."""
        run = Lookup(question, SERVERS, timeout, self._state, retry=False)
        return drive(run.round(), self._exchange, OSError)

    def _exchange(self, wanted: Exchange) -> bytes:
        piece = next(self._pieces, b"")
        if not piece:
            raise TimeoutError
        reply = fitted(wanted.message, piece)
        if wanted.transport == "udp":
            reply = reply[: query.udp_room(wanted.message) + 1]
        self.replies.append(reply)
        return reply


def split(data: bytes) -> list[bytes]:
    """Return the pieces of an input, each behind two bytes that say how long it is."""
    pieces: list[bytes] = []
    place = 0
    while place + 2 <= len(data) and len(pieces) < 100:
        end = place + 2 + int.from_bytes(data[place : place + 2])
        pieces.append(data[place + 2 : end])
        place = end
    return pieces


def peers(data: bytes) -> None:
    """Replies on their whole road to a `PeerSet`: declared errors alone, and no address that was not sent."""
    if not data:
        return
    options, pieces, clock = OPTIONS[data[0] % len(OPTIONS)], split(data[1:]), FakeClock()
    resolver = _Scripted(pieces, clock)
    found = _discovered(resolver, options)
    if found is not None:
        _check(found, b"".join(resolver.replies), options)
    within(LOOKING_UP, data, len(data), lambda: _discovered(_Scripted(pieces, clock), options))


def _discovered(resolver: _Scripted, options: LookupOptions) -> PeerSet | None:
    try:
        return discover_peers("test-cs-svc", resolver=resolver, **options)
    except PeerDiscoError as error:
        check_error(error)
        return None


def _check(found: PeerSet, sent: bytes, options: LookupOptions) -> None:
    assert all(pack_ip(ip) in sent for ip in found.ips)
    assert list(found) == sorted(set(found))
    assert set(found) <= set(found.members)
    assert all(peer in found and peer.ip in found for peer in found)
    if options.get("own_ips") != ():
        assert OWN not in found.ips
    assert len(json.dumps(found.to_dict(), allow_nan=False)) > 0
    assert all((peer.name or "").isprintable() and (peer.fqdn or "").isprintable() for peer in found)
    assert found.self_listed is bool(found.own)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "addresses": addresses,
    "same": same,
    "services": services,
    "tcp": tcp,
    "peers": peers,
}
