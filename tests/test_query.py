"""What is sent and let in: questions, what fits them, TCP's framing."""

from functools import partial

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
from tests.support.asked import ASKED, NAME, QUESTION, changed, reply_to
from tests.support.recorded import CORPUS

PLAIN = b"\x12\x34" + query.encode(QUESTION, edns=False)[2:]


@pytest.mark.parametrize("rtype", ["A", "AAAA", "SRV", "PTR"])
def test_encode(rtype: str) -> None:
    """A query is one that dnspython reads: recursion desired, EDNS 0 with room for 1232 bytes, or no EDNS."""
    question = Question(NAME, rtype)  # type: ignore[arg-type] # one of the types
    message = dns.message.from_wire(query.encode(question))
    plain = dns.message.from_wire(query.encode(question, edns=False))

    assert [f"{NAME} IN {rtype}"] == [rrset.to_text() for rrset in message.question]
    assert (message.id, message.flags, message.edns, message.payload) == (0, dns.flags.RD, 0, 1232)
    assert plain.question == message.question
    assert (plain.id, plain.flags, plain.edns) == (0, dns.flags.RD, -1)


@given(st.text("aZ0_-. \n\xe9", max_size=12) | st.lists(st.sampled_from(["a", "a" * 63, "a" * 64, ""])).map(".".join))
def test_names_that_can_be_asked_for(text: str) -> None:
    """A name is one or more labels, of 253 characters in all, with or without the final dot."""
    labels = text.removesuffix(".").split(".")

    assert query.is_name(text) is (len(text) <= 253 and all(map(query.LABEL.fullmatch, labels)))


@pytest.mark.parametrize("asked", [ASKED, PLAIN], ids=["EDNS", "no EDNS"])
def test_fits(asked: bytes) -> None:
    """A reply has the question's id and repeats it, in whatever letter case."""
    reply = reply_to().to_wire()

    assert query.fits(asked, reply)
    assert query.fits(asked, reply.replace(b"default", b"DeFault"))
    assert not query.fits(asked, reply.replace(b"default", b"another"))
    assert asked[: query.question_end(asked)].endswith(b"\0\0\1\0\1")


def test_room_over_udp() -> None:
    """A reply longer than was announced, or than RFC 1035 allows without EDNS, counts as cut."""
    for asked, room in ((ASKED, 1232), (PLAIN, 512)):
        reply = reply_to().to_wire()
        assert query.udp_room(asked) == room
        assert not query.is_cut(asked, reply + bytes(room - len(reply)))
        assert query.is_cut(asked, reply + bytes(room - len(reply) + 1))
        assert query.is_cut(asked, changed(2, 0x83))


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


@pytest.mark.parametrize("asked", [ASKED, PLAIN], ids=["EDNS", "no EDNS"])
@pytest.mark.parametrize("reply", STRANGERS.values(), ids=STRANGERS)
def test_does_not_fit(reply: bytes, asked: bytes) -> None:
    """Whatever is not the reply to this question is none."""
    assert not query.fits(asked, reply)


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
    incoming = query.TcpReply(partial(query.fits, asked))

    assert [None] * (len(pieces) - 1) + [reply] == [incoming.feed(piece) for piece in pieces]


def test_tcp_that_ends() -> None:
    """A connection that ends before the reply is whole is an error."""
    incoming = query.TcpReply(partial(query.fits, ASKED))
    assert incoming.feed(b"\0") is None
    with pytest.raises(ConnectionResetError):
        incoming.feed(b"")
