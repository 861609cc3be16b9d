"""What the bytes of a reply mean that brings no answer: absence, errors, referrals, what can't be read."""

import dns.rcode
import pytest

from peerdisco import Answer, Outcome
from peerdisco._dns import reply as wire
from peerdisco._dns.query import encode, fits
from tests.support.asked import ASKED, OWNER, QUESTION, addresses, changed, name, record, replied, reply_to

WITHOUT_EDNS = b"\x12\x34" + encode(QUESTION, edns=False)[2:]
ZONE = name(b"cluster", b"local")
NS = record(ZONE, 2, name(b"ns"))
SOA = record(ZONE, 6, name(b"ns") + name(b"mail") + bytes(16) + b"\0\0\0\x07")
NOT_AUTHORITATIVE = 0x8180
BADVERS = record(b"\0", 41, b"", ttl=1 << 24)


def no_answer(reply: bytes, asked: bytes = ASKED) -> wire.NoAnswer:
    """Why a reply is no answer."""
    with pytest.raises(wire.NoAnswer) as raised:
        wire.read(asked, reply, QUESTION)
    return raised.value


@pytest.mark.parametrize("rcode", [dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED])
def test_an_error_is_no_answer(rcode: dns.rcode.Rcode) -> None:
    """What a server could not do is told by name, whatever else is in the reply."""
    bare = ASKED[:2] + bytes([0x81, rcode]) + bytes(8)
    for reply in (bare, bare[:-1] + b"\1", replied(*addresses(3), flags=0x8500 | rcode)):
        error = no_answer(reply)
        assert error.reason == ("refused" if rcode == dns.rcode.REFUSED else "servfail")
        assert f"answered {dns.rcode.to_text(rcode)}" in error.detail


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (replied(flags=0x8501), "FORMERR"),
        (ASKED[:2] + b"\x81\4" + bytes(8), "NOTIMP"),
        (replied(additional=[BADVERS]), "BADVERS"),
        (replied(*addresses(3), additional=[BADVERS]), "BADVERS"),
    ],
)
def test_a_server_that_refuses_edns(reply: bytes, text: str) -> None:
    """It is to be asked without EDNS, if it was asked with it (RFC 6891 section 7)."""
    assert fits(ASKED, reply)
    error = no_answer(reply)
    assert isinstance(error, wire.NoEdns)
    assert (error.reason, error.detail) == ("servfail", f"answered {text} to a query with EDNS")

    error = no_answer(reply, WITHOUT_EDNS)
    assert not isinstance(error, wire.NoEdns)
    assert (error.reason, error.detail) == ("servfail", f"answered {text}")


def test_other_errors_say_nothing_of_edns() -> None:
    """A server that fails, or refuses a name, may take EDNS."""
    for rcode in (dns.rcode.SERVFAIL, dns.rcode.REFUSED):
        assert not isinstance(no_answer(replied(flags=0x8500 | rcode)), wire.NoEdns)


UNREADABLE = {
    "counts that promise more": changed(7, 1),
    "bytes left over": reply_to().to_wire() + b"\0",
    "a pointer to itself": replied(record((0xC000 | len(ASKED) - 11).to_bytes(2), 1, bytes(4))),
    "records where there should be none": replied(*addresses(3), flags=0x8503),
    "a SOA without numbers": replied(authority=[record(ZONE, 6, name(b"ns") + name(b"mail"))]),
}


@pytest.mark.parametrize("reply", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(reply: bytes) -> None:
    """A reply that contradicts itself is malformed."""
    assert fits(ASKED, reply)
    error = no_answer(reply)
    assert error.reason == "malformed"
    assert "can't be read" in error.detail


@pytest.mark.parametrize(
    "answers",
    [
        addresses(3, name(b"other")),
        [*addresses(1, name(b"other")), record(OWNER, 28, bytes(16))],
        [record(OWNER, 5, name(b"a")), *addresses(3, name(b"b"))],
        [record(name(b"other"), 16, b"\1x")],
        [record(name(b"other"), 5, name(b"a"))],
        [record(ZONE, 39, name(b"other"))],
        addresses(3, b"\xc0\x18"),
    ],
    ids=["addresses", "addresses beside another type", "behind an alias", "text", "an alias", "a DNAME", "a parent"],
)
@pytest.mark.parametrize("authority", [[], [SOA], [NS]], ids=["", "SOA", "NS"])
def test_records_of_other_names_are_no_absence(answers: list[bytes], authority: list[bytes]) -> None:
    """NOERROR with records of a name that was not asked for says nothing of the one that was."""
    error = no_answer(replied(*answers, authority=authority))
    assert error.reason == "malformed"
    assert "which was not asked for" in error.detail


def test_an_alias_made_from_a_dname() -> None:
    """The DNAME, and its signature, belong to a zone above (RFC 6672)."""
    dname = [record(ZONE, 39, name(b"other")), record(ZONE, 46, b"signature")]
    alias = record(OWNER, 5, name(b"web", b"other"))

    assert wire.Alias("web.other.") == wire.read(ASKED, replied(*dname, alias), QUESTION)


def test_absence() -> None:
    """NODATA and NXDOMAIN with the zone's SOA, whose TTL or minimum counts, whichever is less; the AA bit does not."""
    for flags in (0x8500, NOT_AUTHORITATIVE):
        nodata = wire.read(ASKED, replied(flags=flags, authority=[SOA]), QUESTION)
        nxdomain = wire.read(ASKED, replied(flags=flags | 3, authority=[SOA]), QUESTION)

        assert (Answer(Outcome.NODATA, ttl=7), Answer(Outcome.NXDOMAIN, ttl=7)) == (nodata, nxdomain)


def test_records_of_another_type_are_absence() -> None:
    """A name that has other records has none of the type that was asked for."""
    said = wire.read(ASKED, replied(record(OWNER, 28, bytes(16))), QUESTION)

    assert isinstance(said, Answer)
    assert said.outcome is Outcome.NODATA


def test_authoritative_absence_with_ns() -> None:
    """With AA, NS and no SOA in the authority section mean that the name has no such record."""
    said = wire.read(ASKED, replied(authority=[NS]), QUESTION)

    assert isinstance(said, Answer)
    assert said.outcome is Outcome.NODATA


def test_authoritative_absence_behind_an_alias() -> None:
    """The same goes for the target of an alias in the zone of these NS records; any other is to be asked for."""
    inside, outside = name(b"web", b"cluster", b"local"), name(b"db", b"example")
    said = wire.read(ASKED, replied(record(OWNER, 5, inside), authority=[NS]), QUESTION)

    assert Answer(Outcome.NODATA, ttl=30, canonical="web.cluster.local.") == said
    assert wire.Alias("db.example.") == wire.read(ASKED, replied(record(OWNER, 5, outside), authority=[NS]), QUESTION)


def test_a_referral_is_no_answer() -> None:
    """Without AA, NS and no SOA point to another server, as none with recursion does."""
    for answers in ([], [record(OWNER, 5, name(b"a"))]):
        error = no_answer(replied(*answers, flags=NOT_AUTHORITATIVE, authority=[NS]))
        assert (error.reason, error.detail) == ("malformed", "refers to another server instead of answering")


def test_a_reply_that_was_cut_to_nothing() -> None:
    """Where all records were cut off, nothing is known."""
    error = no_answer(replied(flags=0x8700))
    assert (error.reason, error.detail) == ("truncated", "cut off every record")


def test_too_many_names() -> None:
    """What would take dnspython long is not given to it."""
    error = no_answer(replied(flags=0x8503, authority=[SOA] * 60))
    assert (error.reason, error.detail) == ("malformed", "sent a reply that can't be read: it has too many names")


def test_a_reply_that_ends_too_early() -> None:
    """The message says so, and no more."""
    error = no_answer(replied(*addresses(3))[:-5])
    assert (error.reason, error.detail) == ("malformed", "sent a reply that can't be read: it ends too early")


@pytest.mark.parametrize(("ttl", "expected"), [(2**31 - 1, 7), (2**31, 0)])
@pytest.mark.parametrize(("flags", "outcome"), [(0x8500, Outcome.NODATA), (0x8503, Outcome.NXDOMAIN)])
def test_an_alias_to_nothing(ttl: int, expected: int, flags: int, outcome: Outcome) -> None:
    """The answer names the alias's end; its TTL is the least, and one with its top bit set counts as 0."""
    alias = record(OWNER, 5, name(b"a", b"cluster", b"local"), ttl=ttl)
    said = wire.read(ASKED, replied(alias, flags=flags, authority=[SOA]), QUESTION)

    assert said == Answer(outcome, ttl=expected, canonical="a.cluster.local.")
