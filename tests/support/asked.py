"""A question, and replies to it that differ from what fits in a byte, or that are put together from records."""

import struct
from collections.abc import Sequence

import dns.message

from peerdisco import Question
from peerdisco._dns.query import encode, question_end

NAME = "test-cs-svc.default.svc.cluster.local."
QUESTION = Question(NAME, "A")
ASKED = b"\x12\x34" + encode(QUESTION)[2:]
SRV = Question(f"_http._tcp.{NAME}", "SRV")
ASKED_SRV = b"\x12\x34" + encode(SRV)[2:]
OWNER = b"\xc0\x0c"
"""The name that was asked, as the owner of a record."""


def reply_to(asked: bytes = ASKED) -> dns.message.Message:
    """An empty reply to a question."""
    return dns.message.make_response(dns.message.from_wire(asked))


def changed(position: int, value: int) -> bytes:
    """A reply that fits but for one byte."""
    reply = bytearray(reply_to().to_wire())
    assert reply[position] != value
    reply[position] = value
    return bytes(reply)


def name(*labels: bytes) -> bytes:
    """A name, written out."""
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(owner: bytes, rtype: int, data: bytes, *, ttl: int = 30, rclass: int = 1) -> bytes:
    """One record."""
    return owner + struct.pack("!HHIH", rtype, rclass, ttl, len(data)) + data


def replied(
    *answers: bytes,
    asked: bytes = ASKED,
    flags: int = 0x8500,
    authority: Sequence[bytes] = (),
    additional: Sequence[bytes] = (),
) -> bytes:
    """A reply with these records."""
    header = struct.pack("!5H", flags, 1, len(answers), len(authority), len(additional))
    return asked[:2] + header + asked[12 : question_end(asked)] + b"".join([*answers, *authority, *additional])


def addresses(count: int, owner: bytes = OWNER, *, ttl: int = 30) -> list[bytes]:
    """Records of that many addresses: 10.0.0.1 and following."""
    return [record(owner, 1, (0x0A000000 + number).to_bytes(4), ttl=ttl) for number in range(1, count + 1)]
