"""A question, and replies to it that differ from what fits in a byte."""

import dns.message

from peerdisco import Question
from peerdisco._dns.query import encode

NAME = "test-cs-svc.default.svc.cluster.local."
QUESTION = Question(NAME, "A")
ASKED = b"\x12\x34" + encode(QUESTION)[2:]


def reply_to(asked: bytes = ASKED) -> dns.message.Message:
    """An empty reply to a question."""
    return dns.message.make_response(dns.message.from_wire(asked))


def changed(position: int, value: int) -> bytes:
    """A reply that fits but for one byte."""
    reply = bytearray(reply_to().to_wire())
    assert reply[position] != value
    reply[position] = value
    return bytes(reply)
