"""The bytes of a question, and which reply is its (RFC 1035 section 4, RFC 6891): what is sent and let in.

`peerdisco._dns.reply` says what a reply means.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import lru_cache

import dns.rcode

from peerdisco.answers import Question

UDP_PAYLOAD = 1232
"""Bytes that a UDP reply may have: what passes every path in one piece (https://www.dnsflagday.net/2020/)."""

PLAIN_PAYLOAD = 512
"""Bytes that a UDP reply may have where the query has no EDNS (RFC 1035 section 4.2.1)."""

LARGEST_MESSAGE = 65_535
"""Bytes that a message may have over TCP, after the two that say how many."""

_RECURSION_DESIRED = 0x0100
OPT = struct.pack("!BHHIH", 0, 41, UDP_PAYLOAD, 0, 0)
"""What every question ends in: EDNS, with that much room."""

TYPES = {"A": 1, "PTR": 12, "AAAA": 28, "SRV": 33}
"""The record types by number."""

HEADER = struct.Struct("!HHHHHH")
"""Id, flags, and the numbers of records in each of the four sections."""

LONGEST_NAME = 253
"""Characters of a name, without its final dot (RFC 1035 section 2.3.4)."""

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
"""What a label of a name that is asked for looks like, in lower case."""

IN = 1
"""The class of every record (RFC 1035 section 3.2.4)."""

# Replies that may leave the question out: the server did not come so far as to read it.
_BARE_RCODES = {dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED}


def is_name(text: str) -> bool:
    """Whether a name that came from DNS can be asked for: the same grammar, so that nothing odd is sent on."""
    label, _, parent = text.partition(".")
    return len(text) <= LONGEST_NAME and LABEL.fullmatch(label) is not None and (not parent or _are_labels(parent))


@lru_cache(maxsize=64)
def _are_labels(chain: str) -> bool:
    """Return whether labels can be asked for; kept, since the names below a Service end in the same ones."""
    return all(map(LABEL.fullmatch, chain.removesuffix(".").split(".")))


@lru_cache(maxsize=4096)
def encode(question: Question, *, edns: bool = True) -> bytes:
    """Return the bytes of a query, with id 0; EDNS announces room for `UDP_PAYLOAD` bytes."""
    chain = question.name.removesuffix(".").split(".")
    name = b"".join(bytes((len(label),)) + label.encode("ascii") for label in chain) + b"\0"
    header = HEADER.pack(0, _RECURSION_DESIRED, 1, 0, 0, int(edns))
    return header + name + struct.pack("!HH", TYPES[question.rtype], IN) + (OPT if edns else b"")


def fits(asked: bytes, reply: bytes) -> bool:
    """Whether `reply` is one to the message `asked`: same id and question, and a response."""
    if len(reply) < HEADER.size or reply[:2] != asked[:2] or reply[2] & 0xF8 != 0x80:
        return False
    questions = reply[4:6]
    if questions == b"\0\0":
        return reply[3] & 0xF in _BARE_RCODES
    end = question_end(asked)
    # Lengths of labels are below every letter, so that lower() leaves them alone.
    return questions == b"\0\1" and reply[HEADER.size : end].lower() == asked[HEADER.size : end]


def question_end(asked: bytes) -> int:
    """Return where the question of a query ends: before its EDNS record, if it has one."""
    return len(asked) - len(OPT) if asked[11] else len(asked)


def udp_room(asked: bytes) -> int:
    """Return how many bytes a UDP reply to a query may have (RFC 1035 section 4.2.1, RFC 6891 section 6.2.5)."""
    return UDP_PAYLOAD if asked[11] else PLAIN_PAYLOAD


def is_cut(asked: bytes, reply: bytes) -> bool:
    """Return whether a UDP reply is to be asked for again over TCP: it says so, or is longer than it may be."""
    return is_truncated(reply) or len(reply) > udp_room(asked)


def framed(message: bytes) -> bytes:
    """A message as TCP carries it (RFC 1035 section 4.2.2)."""
    return len(message).to_bytes(2) + message


class TcpReply:
    """Puts a reply together from what TCP brings, piece by piece.

    Args:
        hears: whether a message is the reply.

    Attributes:
        rest: what came, and is not looked at yet.
    """

    def __init__(self, hears: Callable[[bytes], bool]) -> None:
        self._hears = hears
        self.rest = b""

    def feed(self, data: bytes) -> bytes | None:
        """The reply, once it is whole; until then None.

        Raises:
            ConnectionResetError: there is nothing more to come.
        """
        if not data:
            raise ConnectionResetError("the server closed the connection without a reply")
        data, start = self.rest + data, 0
        while len(data) >= start + 2 and len(data) >= (end := start + 2 + int.from_bytes(data[start : start + 2])):
            reply, start = data[start + 2 : end], end
            if self._hears(reply):
                self.rest = data[start:]
                return reply
        self.rest = data[start:]
        return None


def is_truncated(reply: bytes) -> bool:
    """Whether the server could not fit all into this reply (the TC bit)."""
    return bool(reply[2] & 0x02)
