"""A reply fitted into a packet with CoreDNS's sizes: its records are in random order.

The laws, each in this order:

- Names are spelt out if the whole reply then fits, and compressed otherwise (RFC 1035 §4.1.4).
- Over UDP, what is spelt out in more than 1480 bytes is compressed though it fits.
- What still does not fit is cut at the first record that does not, with TC set, also over TCP.
- The target of an SRV record is never compressed, yet what follows may point into it.
"""

import random
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal

from dns.rcode import BADVERS, NOERROR, REFUSED
from dns.rdataclass import IN
from dns.rdatatype import AAAA, CNAME, OPT, SRV, A

from peerdisco.testing._coredns.query import Edns, Query
from peerdisco.testing._coredns.records import Reply, RRset

Transport = Literal["udp", "tcp"]

AA, TC = 0x0400, 0x0200
_HEADER, _FIXED = 12, 10
_ALIKE = {A, AAAA}
_ROOM_WITHOUT_EDNS, _ROOM_OVER_TCP = 512, 65535
_LARGEST_UNFRAGMENTED = 1480
_POINTER_LIMIT = 1 << 14
_DNSSEC_OK_AND_RESERVED = 0xFF00


def render(query: Query, reply: Reply, transport: Transport, rng: random.Random) -> bytes:
    """Fit a reply into a packet.

    Args:
        query: What was asked; its id, question section and EDNS size go into the reply.
        reply: What to say. Of its aliases the order is kept, of all else it is not.
        transport: Where it will travel: a packet for TCP comes without its length in front.
        rng: Draws the order, and so which records are left when not all fit.
    """
    sections = [_shuffled(reply.answer, rng), reply.authority, _shuffled(reply.additional, rng)]
    opt = _opt(query.edns)
    room = _room(query.edns, transport)
    whole = _HEADER + len(query.question) + len(opt) + sum(map(_size, chain(*sections)))
    counts = [sum(len(rrset.rdatas) for rrset in section) for section in sections]
    cut = reply.truncated
    if whole <= (min(room, _LARGEST_UNFRAGMENTED) if transport == "udp" else room):
        body = b"".join(map(_spelt_out, chain(*sections)))
    else:
        fit, body = _compressed(query.question, sections, room - len(opt))
        counts, cut = fit, cut or fit != counts
    flags = query.flags | (AA if reply.authoritative else 0) | (TC if cut else 0) | reply.rcode
    counts[2] += bool(opt)
    return struct.pack("!HHHHHH", query.id, flags, 1, *counts) + query.question + body + opt


def refused(query: Query) -> Reply | bytes | None:
    """What CoreDNS answers before it looks at any zone: None where it goes on."""
    if query.rclass != IN:
        return Reply(REFUSED)
    if query.edns and query.edns.version:
        header = struct.pack("!HHHHHH", query.id, query.flags, 1, 0, 0, 1)
        return header + query.question + _opt(Edns(0, 0, 0), BADVERS >> 4)
    return None


def _room(edns: Edns | None, transport: Transport) -> int:
    if transport == "tcp":
        return _ROOM_OVER_TCP
    return max(_ROOM_WITHOUT_EDNS, edns.size if edns else 0)


def _opt(edns: Edns | None, extended_rcode: int = NOERROR) -> bytes:
    if edns is None:
        return b""
    flags = edns.flags & _DNSSEC_OK_AND_RESERVED
    return struct.pack("!BHHBBHH", 0, OPT, edns.size, extended_rcode, 0, flags, 0)


def _shuffled(rrsets: Sequence[RRset], rng: random.Random) -> list[RRset]:
    """An alias stays before what it leads to (RFC 1034 §3.6.2)."""

    def draw(_: object) -> float:
        return rng.random()

    mixed = [rrset._replace(rdatas=sorted(rrset.rdatas, key=draw)) for rrset in rrsets]
    return sorted(mixed, key=lambda rrset: -1.0 if rrset.rtype == CNAME else rng.random())


def _size(rrset: RRset) -> int:
    common = len(rrset.owner) + _FIXED + sum(map(len, rrset.names)) + len(rrset.tail)
    return common * len(rrset.rdatas) + sum(map(len, rrset.rdatas))


@lru_cache(maxsize=64)
def _fixed(rtype: int, ttl: int, length: int) -> bytes:
    return struct.pack("!HHIH", rtype, IN, ttl, length)


def _spelt_out(rrset: RRset) -> bytes:
    rest = b"".join(rrset.names) + rrset.tail
    return b"".join(
        rrset.owner + _fixed(rrset.rtype, rrset.ttl, len(rdata) + len(rest)) + rdata + rest for rdata in rrset.rdatas
    )


def _compressed(question: bytes, sections: Iterable[Sequence[RRset]], room: int) -> tuple[list[int], bytes]:
    """How many records of each section fit, and those records."""
    names = _Names()
    names.compress(question[:-4], _HEADER, allowed=True)
    offset, counts = _HEADER + len(question), [0, 0, 0]
    pieces: list[bytes] = []
    for index, section in enumerate(sections):
        for rrset in section:
            fitting = _fitting(rrset, names, offset, room)
            pieces += fitting
            offset += sum(map(len, fitting))
            counts[index] += len(fitting)
            if len(fitting) < len(rrset.rdatas):
                return counts, b"".join(pieces)
    return counts, b"".join(pieces)


def _fitting(rrset: RRset, names: "_Names", offset: int, room: int) -> list[bytes]:
    """The records of a set, each packed, up to the first that does not fit."""
    owner = names.pointers.get(rrset.owner)
    if owner and rrset.rtype in _ALIKE:
        head = owner + _fixed(rrset.rtype, rrset.ttl, len(rrset.rdatas[0]))
        fit = (room - offset) // (len(head) + len(rrset.rdatas[0]))
        return [head + rdata for rdata in rrset.rdatas[: max(0, fit)]]
    fitting = []
    for rdata in rrset.rdatas:
        piece = _pack(rrset, rdata, names, offset)
        offset += len(piece)
        if offset > room:
            break
        fitting.append(piece)
    return fitting


def _pack(rrset: RRset, data: bytes, names: "_Names", offset: int) -> bytes:
    owner = names.compress(rrset.owner, offset, allowed=True)
    start = offset + len(owner) + _FIXED
    for name in rrset.names:
        data += names.compress(name, start + len(data), allowed=rrset.rtype != SRV)
    data += rrset.tail
    return owner + _fixed(rrset.rtype, rrset.ttl, len(data)) + data


class _Names:
    """The names so far in a packet, and the pointers to them."""

    def __init__(self) -> None:
        self.pointers: dict[bytes, bytes] = {}

    def compress(self, name: bytes, offset: int, *, allowed: bool) -> bytes:
        """Shorten a name that will stand at an offset, and remember its suffixes."""
        at = 0
        while name[at]:
            suffix = name[at:]
            known = self.pointers.get(suffix)
            if known is None and offset + at < _POINTER_LIMIT:
                self.pointers[suffix] = struct.pack("!H", 0xC000 | offset + at)
            elif known and allowed:
                return name[:at] + known
            at += name[at] + 1
        return name
