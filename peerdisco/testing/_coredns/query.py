"""A packet from a client, read as CoreDNS's server reads it (RFC 1035 §4.1, RFC 6891)."""

import struct
from typing import NamedTuple

import dns.exception
import dns.wire
from dns.opcode import NOTIFY, QUERY
from dns.rcode import FORMERR, NOTIMP, SERVFAIL
from dns.rdatatype import OPT

from peerdisco.testing._coredns.records import Labels, packed

QR, RD, CD = 0x8000, 0x0100, 0x0010
_OPCODE, _KEPT_BITS = 0x7800, 0x03B0
_HEADER = 12
_MOST = (1, 1, 1, 2)


class Edns(NamedTuple):
    """What an OPT record in the question says."""

    size: int
    version: int
    flags: int


class Query(NamedTuple):
    """One question. ``flags`` are those that its reply begins with."""

    id: int
    flags: int
    name: Labels
    question: bytes
    rtype: int
    rclass: int
    edns: Edns | None


def parse(packet: bytes) -> Query | bytes:
    """Read a packet: a question, or the reply to what is none (empty where silence is)."""
    if len(packet) < _HEADER:
        return b""
    ident, flags, *counts = struct.unpack_from("!HHHHHH", packet)
    if flags & QR:
        return b""
    opcode = flags & _OPCODE
    kept = flags & _KEPT_BITS
    if opcode not in {QUERY << 11, NOTIFY << 11}:
        return _bare(ident, opcode | kept, NOTIMP)
    if counts[0] != 1 or any(map(int.__gt__, counts, _MOST)):
        return _bare(ident, kept, FORMERR)
    return _question(packet, ident, opcode or flags & (RD | CD), counts)


def _question(packet: bytes, ident: int, flags: int, counts: list[int]) -> Query | bytes:
    if len(packet) == _HEADER:
        return _bare(ident, flags, SERVFAIL)
    try:
        return _read(dns.wire.Parser(packet, _HEADER), ident, QR | flags, counts)
    except dns.exception.DNSException:
        return _bare(ident, flags, FORMERR)


def _read(parser: dns.wire.Parser, ident: int, flags: int, counts: list[int]) -> Query:
    name = parser.get_name()
    rtype, rclass = parser.get_struct("!HH")
    edns = None
    for _ in range(sum(counts[1:])):
        if not parser.remaining():
            break
        parser.get_name()
        kind, size, ttl, length = parser.get_struct("!HHIH")
        parser.get_bytes(length)
        if kind == OPT:
            edns = Edns(size, ttl >> 16 & 0xFF, ttl & 0xFFFF)
    question = packed(name.labels[:-1]) + struct.pack("!HH", rtype, rclass)
    return Query(ident, flags, name.labels[:-1], question, rtype, rclass, edns)


def _bare(ident: int, flags: int, rcode: int) -> bytes:
    return struct.pack("!HHHHHH", ident, QR | flags | rcode, 0, 0, 0, 0)
