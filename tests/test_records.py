"""Where records are and what names say: as dnspython finds it, and in bounded time."""

import struct

import dns.exception
import dns.message
import dns.name
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerdisco._dns import query
from peerdisco._dns.records import HEAD, LARGEST_TTL, MOST_STEPS, OPT, UNREADABLE, Names, Record, name_end, take_apart
from tests.support import replies
from tests.support.asked import ASKED
from tests.support.recorded import CORPUS, Recorded

END = query.question_end(ASKED)


def name(*labels: bytes) -> bytes:
    """A name, written out."""
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def read(message: bytes, start: int, names: Names) -> str | None:
    """A name, or None where there is none."""
    try:
        return names.read(start, name_end(message, start))
    except UNREADABLE:
        return None


def by_dnspython(message: bytes, start: int) -> str | None:
    """A name as dnspython reads it, or None where there is none."""
    try:
        return dns.name.from_wire(message, start)[0].canonicalize().to_text()
    except dns.exception.DNSException:
        return None


def told(rrset: dns.rrset.RRset) -> tuple[str, int, int, int]:
    """Owner, type, class and TTL of one record of dnspython."""
    return rrset.name.canonicalize().to_text(), rrset.rdtype, rrset.rdclass, rrset.ttl


@settings(max_examples=300)
@given(st.one_of(replies.messages(), replies.written(), replies.plain_lists(), st.sampled_from(list(CORPUS.values()))))
def test_records_are_those_that_dnspython_finds(case: Recorded) -> None:
    """Whatever dnspython can read is taken apart into the same records, with the same rcode."""
    _, asked, reply = case
    try:
        theirs = dns.message.from_wire(reply, one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError):
        return
    ours = take_apart(reply, query.question_end(asked), struct.unpack_from("!HHH", reply, 6))
    names = Names(reply)

    def tell(record: Record) -> tuple[str, int, int, int]:
        start, rtype, rclass, ttl, data, _ = record
        return names.read(start, data - HEAD.size), rtype, rclass, ttl if ttl <= LARGEST_TTL else 0

    assert theirs.rcode() == ours.rcode
    for section, records in zip(theirs.sections[1:], ours[2:], strict=True):
        assert [told(rrset) for rrset in section] == [tell(record) for record in records if record[1] != OPT]


@settings(max_examples=1000)
@given(st.lists(st.sampled_from([*b"\0\0\1\1\2\3aA.-\x40\xc0\xc0\xc0\xff", *range(14)]), max_size=60), st.data())
def test_names_are_those_that_dnspython_reads(noise: list[int], data: st.DataObject) -> None:
    """At any places, read in order, there is the name that dnspython reads, or none."""
    message = bytes(12) + bytes(noise)
    names = Names(message)
    for start in sorted(data.draw(st.sets(st.integers(12, len(message))))):
        assert by_dnspython(message, start) == read(message, start, names)


def test_each_byte_of_a_label() -> None:
    """Labels may contain anything; dnspython's escapes are used."""
    message = name(*(bytes([byte]) for byte in range(126))) + name(*(bytes([byte]) for byte in range(126, 252)))
    names = Names(message)
    for start in (0, 253):
        assert by_dnspython(message, start) == read(message, start, names)


@pytest.mark.parametrize(("labels", "is_name"), [(126, True), (127, True), (128, False)])
def test_the_longest_name(labels: int, is_name: bool) -> None:
    """A name has 255 bytes at most, also where it continues elsewhere (RFC 1035 section 2.3.4)."""
    written_out = name(*[b"a"] * labels)
    compressed = name(*[b"a"] * 100) + name(*[b"b"] * (labels - 100))[:-1] + b"\xc0\0"

    assert (read(written_out, 0, Names(written_out)) is not None) is is_name
    for names in (Names(compressed), _having_read(compressed, 0)):
        assert (read(compressed, 201, names) is not None) is is_name


def _having_read(message: bytes, start: int) -> Names:
    names = Names(message)
    read(message, start, names)
    return names


@pytest.mark.parametrize("pointers", [16, 17])
def test_pointers_to_pointers(pointers: int) -> None:
    """As many pointers behind each other are followed as dnspython follows."""
    message = b"\0" + b"".join((0xC000 | max(0, 2 * number - 1)).to_bytes(2) for number in range(pointers))
    last = len(message) - 2

    assert (read(message, last, Names(message)) is not None) is (pointers == 16)


def test_what_was_read_takes_no_step() -> None:
    """Thousands of names with one label more than a known one, or the same once more, are read."""
    first = name(*[b"a"] * 100)
    tails = b"".join(b"\4" + f"{number:04}".encode() + b"\xc0\0" for number in range(MOST_STEPS)) * 2
    message = first + tails
    names = Names(message)
    texts = {names.read(start, start + 7) for start in range(len(first), len(message), 7)}

    assert len(texts) == MOST_STEPS


def read_all(message: bytes, starts: range) -> list[str]:
    """Names that follow each other."""
    names = Names(message)
    return [names.read(start, start + starts.step) for start in starts]


def test_too_many_steps() -> None:
    """A message with ever other names, or with ever other pointers into one, is unreadable."""
    long = [name(*[bytes([number])] * 120) for number in range(MOST_STEPS // 100)]
    size = len(long[0])
    pointers = b"".join(b"\1x" + (0xC000 | 2 * number).to_bytes(2) for number in range(120))

    assert len(read_all(b"".join(long[:30]), range(0, 30 * size, size))) == 30
    with pytest.raises(ValueError, match="too long"):
        read_all(b"".join(long), range(0, len(long) * size, size))
    with pytest.raises(ValueError, match="too long"):
        read_all(long[0] + pointers, range(size, size + len(pointers), 4))


@pytest.mark.parametrize("missing", range(1, 30))
def test_a_message_that_ends_too_early(missing: int) -> None:
    """Wherever it is cut off, a message is unreadable."""
    _, asked, reply = CORPUS["a1-tcp"]
    with pytest.raises(UNREADABLE):
        take_apart(reply[:-missing], query.question_end(asked), (1, 0, 1))


def test_a_message_that_goes_on() -> None:
    """Bytes behind the last record are as wrong as missing ones."""
    with pytest.raises(ValueError, match="does not end"):
        take_apart(ASKED, END, (0, 0, 0))


def test_extended_rcode() -> None:
    """EDNS adds eight bits to the rcode (RFC 6891 section 6.1.3)."""
    opt = struct.pack("!BHHBBHH", 0, OPT, 512, 1, 0, 0, 0)
    assert take_apart(ASKED[:END] + opt, END, (0, 0, 1)).rcode == 16


@pytest.mark.parametrize(
    ("message", "start"),
    [
        (b"\0\4ab\xc0\1\0", 4),
        (name(*[b"a"] * 128) + b"\xc0\0", 257),
        (b"\1a\x40a\0\xc0\0", 5),
        (b"\1a\xff\xc0\0", 3),
    ],
    ids=["into what it is part of", "to a name too long", "to a label of unknown kind", "to a pointer ahead"],
)
def test_pointers_to_what_is_no_name(message: bytes, start: int) -> None:
    """A pointer is no better than what it leads to, whether that was read before or not."""
    for names in (Names(message), _having_read(message, 1), _having_read(message, 0)):
        assert by_dnspython(message, start) is None
        assert read(message, start, names) is None
