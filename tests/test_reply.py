"""What the bytes of a reply mean: errors, what can't be read, referrals."""

import dns.rcode
import dns.rrset
import pytest

from peerdisco._dns import reply as wire
from peerdisco._dns.query import fits
from tests.support.asked import ASKED, QUESTION, changed, reply_to


@pytest.mark.parametrize("rcode", [dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED])
def test_an_error_is_no_answer(rcode: dns.rcode.Rcode) -> None:
    """What a server could not do is told by name."""
    bare = ASKED[:2] + bytes([0x81, rcode]) + bytes(8)

    with pytest.raises(wire.NoAnswer, match=f"answered {dns.rcode.to_text(rcode)}"):
        wire.read(ASKED, bare, QUESTION)


UNREADABLE = {
    "counts that promise more": changed(7, 1),
    "bytes left over": reply_to().to_wire() + b"\0",
    "a pointer to itself": changed(7, 1)[: len(ASKED) - 11]
    + b"\xc0"
    + bytes([len(ASKED) - 11])
    + b"\0\1\0\1"
    + bytes(6),
}


@pytest.mark.parametrize("reply", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(reply: bytes) -> None:
    """A reply that contradicts itself is malformed."""
    assert fits(ASKED, reply)
    with pytest.raises(wire.NoAnswer, match="can't be read") as raised:
        wire.read(ASKED, reply, QUESTION)
    assert raised.value.reason == "malformed"


def test_a_referral_is_no_answer() -> None:
    """A server that points to another one, as none with recursion does, has not answered."""
    message = reply_to()
    message.authority.append(dns.rrset.from_text("cluster.local.", 30, "IN", "NS", "ns.dns.cluster.local."))
    with pytest.raises(wire.NoAnswer, match="another server"):
        wire.read(ASKED, message.to_wire(), QUESTION)
