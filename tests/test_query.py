"""What is sent and let in: questions, what fits them, TCP's framing."""

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdisco import Question
from peerdisco._dns import query
from tests.support.asked import ASKED, NAME, changed, reply_to
from tests.support.recorded import CORPUS


@pytest.mark.parametrize("rtype", ["A", "AAAA", "SRV", "PTR"])
def test_encode(rtype: str) -> None:
    """A question is one that dnspython reads: recursion desired, EDNS 0 with room for 1232 bytes."""
    question = Question(NAME, rtype)  # type: ignore[arg-type] # one of the types
    message = dns.message.from_wire(query.encode(question))

    assert [f"{NAME} IN {rtype}"] == [rrset.to_text() for rrset in message.question]
    assert (message.id, message.flags, message.edns, message.payload) == (0, dns.flags.RD, 0, 1232)


def test_fits() -> None:
    """A reply has the question's id and repeats it, in whatever letter case."""
    reply = reply_to().to_wire()

    assert query.fits(ASKED, reply)
    assert query.fits(ASKED, reply.replace(b"default", b"DeFault"))


STRANGERS = {
    "id": changed(1, 0x35),
    "no response": changed(2, 0x01),
    "another operation": changed(2, 0x81 | dns.opcode.NOTIFY << 3),
    "another name": changed(13, ord("b")),
    "another type": changed(len(ASKED) - 11 - 3, 28),
    "another class": changed(len(ASKED) - 11 - 1, 3),
    "two questions": changed(5, 2),
    "no question": changed(5, 0),
    "half a header": reply_to().to_wire()[:11],
    "half a question": reply_to().to_wire()[:20],
    "nothing": b"",
}


@pytest.mark.parametrize("reply", STRANGERS.values(), ids=STRANGERS)
def test_does_not_fit(reply: bytes) -> None:
    """Whatever is not the reply to this question is none."""
    assert not query.fits(ASKED, reply)


@pytest.mark.parametrize("rcode", [dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED])
def test_an_error_may_leave_the_question_out(rcode: dns.rcode.Rcode) -> None:
    """A server that could not read the question does not repeat it."""
    assert query.fits(ASKED, ASKED[:2] + bytes([0x81, rcode]) + bytes(8))


@given(st.data())
def test_tcp_in_pieces(data: st.DataObject) -> None:
    """However TCP cuts them, the first message that fits is found among others."""
    strangers = data.draw(st.lists(st.sampled_from(list(STRANGERS.values())), max_size=3))
    reply = CORPUS["a3-tcp"].reply
    asked = CORPUS["a3-tcp"].asked
    stream = b"".join(map(query.framed, [*strangers, reply]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=9)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    incoming = query.TcpReply(asked)

    assert [None] * (len(pieces) - 1) + [reply] == [incoming.feed(piece) for piece in pieces]


def test_tcp_that_ends() -> None:
    """A connection that ends before the reply is whole is an error."""
    incoming = query.TcpReply(ASKED)
    assert incoming.feed(b"\0") is None
    with pytest.raises(ConnectionResetError):
        incoming.feed(b"")
