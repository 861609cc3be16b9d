"""What DNS truly told a replica: read from its replies simply, and apart from the library."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dns.rdatatype import SRV

from peerdisco._dns import query as wire
from peerdisco.testing._coredns.records import labels, packed
from tests.support.fleet.cluster import SERVICE, Version

_LIST_NAME = packed(labels(SERVICE))
_PORT_NAME = packed(labels(f"_http._tcp.{SERVICE}"))


class Told(NamedTuple):
    """What a reply that counts told of the Service.

    Attributes:
        rtype: 1, 28 or 33.
        addresses: those in the reply; of SRV, those of its targets.
        everyone: those that the server knows.
        cut: whether the server could not say all.
        named: the port and hostname of each address.
    """

    rtype: int
    addresses: frozenset[bytes]
    everyone: frozenset[bytes]
    cut: bool
    named: Mapping[bytes, tuple[int, str]]


def told_by(version: Version, message: bytes, reply: bytes, *, is_udp: bool, is_whole: bool, ipv6: bool) -> Told | None:
    """Return what a reply tells; None where it is not about the Service's Pods, or is to be asked for over TCP.

    Args:
        version: what the server knows.
        message: the query.
        reply: the reply.
        is_udp: whether it came over UDP.
        is_whole: whether it has every record that the server knows, unless it was cut.
        ipv6: whether the Pods' addresses are IPv6.
    """
    end = wire.question_end(message)
    rtype = int.from_bytes(message[end - 4 : end - 2])
    name = _PORT_NAME if rtype == SRV else _LIST_NAME
    is_cut = bool(reply[2] & 2)
    if rtype not in (1, 28, SRV) or message[12 : end - 4] != name or (is_cut and is_udp):
        return None
    everyone = version.addresses if rtype == SRV or (rtype == 28) == ipv6 else frozenset[bytes]()
    held = everyone
    if is_cut or not is_whole or reply[6:8] == b"\0\0":
        data = _data(reply, min(len(reply), end))
        held = frozenset(map(version.by_label.__getitem__, map(_label, data)) if rtype == SRV else data)
    # A server that knows of nobody has cut nothing off, whatever its reply says.
    return Told(rtype, held, everyone, is_cut and bool(everyone), version.named)


def _data(reply: bytes, at: int) -> Iterator[bytes]:
    """Yield the data of each record in the answer section."""
    for _ in range(int.from_bytes(reply[6:8])):
        while 0 < reply[at] < 0xC0:
            at += 1 + reply[at]
        at += 2 if reply[at] else 1
        (length,) = struct.unpack_from("!H", reply, at + 8)
        yield reply[at + 10 : at + 10 + length]
        at += 10 + length


def _label(data: bytes) -> bytes:
    """Return the first label of an SRV record's target."""
    return data[7 : 7 + data[6]]
