"""Names and resource records, packed as the wire wants them (RFC 1035 §3.1, §4.1.3).

A name is a tuple of labels without the root, in the letter case it came in: compression and
owner names both go by the exact bytes.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from dns.rdatatype import CNAME, PTR, SOA, SRV, TXT

Labels = tuple[bytes, ...]

_REFRESH, _RETRY, _EXPIRE = 7200, 1800, 86400
_LONGEST_DENIAL = 300


class RRset(NamedTuple):
    """Records of one owner and type: the data of each is one of ``rdatas``, ``names``, ``tail``.

    They are kept together so that thousands of addresses cost little.
    """

    owner: bytes
    rtype: int
    ttl: int
    rdatas: Sequence[bytes]
    names: tuple[bytes, ...] = ()
    tail: bytes = b""


class Reply(NamedTuple):
    """What is said to a question, before it is fitted into a packet."""

    rcode: int
    authoritative: bool = False
    answer: Sequence[RRset] = ()
    authority: Sequence[RRset] = ()
    additional: Sequence[RRset] = ()
    truncated: bool = False


def labels(text: str) -> Labels:
    """Split a name such as ``"web.default.svc"``, with or without its final dot."""
    return tuple(label.encode() for label in text.removesuffix(".").split(".") if label)


def packed(name: Labels) -> bytes:
    """Give a name its wire form, uncompressed."""
    return b"".join(bytes((len(label),)) + label for label in name) + b"\0"


def folded(name: Labels) -> Labels:
    """Lower the letters of a name: DNS compares without regard to case (RFC 4343)."""
    return tuple(label.lower() for label in name)


def is_within(name: Labels, zone: Labels) -> bool:
    """Return whether a name is that of the zone, or below it."""
    return len(name) >= len(zone) and folded(name)[len(name) - len(zone) :] == folded(zone)


def alias(owner: Labels, ttl: int, target: Labels) -> RRset:
    """Build a CNAME record."""
    return RRset(packed(owner), CNAME, ttl, (b"",), (packed(target),))


def pointer(owner: Labels, ttl: int, target: Labels) -> RRset:
    """Build a PTR record."""
    return RRset(packed(owner), PTR, ttl, (b"",), (packed(target),))


def text(owner: Labels, ttl: int, content: bytes) -> RRset:
    """Build a TXT record of one string, at most 255 bytes."""
    return RRset(packed(owner), TXT, ttl, (bytes((len(content),)) + content,))


def server(owner: bytes, ttl: int, weight: int, port: int, target: bytes) -> RRset:
    """Build an SRV record of priority 0 (RFC 2782) from packed names."""
    return RRset(owner, SRV, ttl, (struct.pack("!HHH", 0, weight, port),), (target,))


def authority(zone: Labels, ttl: int, serial: int) -> RRset:
    """Build the SOA record that stands in the authority section of a denial (RFC 2308)."""
    return RRset(
        packed(zone),
        SOA,
        min(ttl, _LONGEST_DENIAL),
        (b"",),
        names=(packed((b"ns", b"dns", *zone)), packed((b"hostmaster", *zone))),
        tail=struct.pack("!IIIII", serial, _REFRESH, _RETRY, _EXPIRE, ttl),
    )
