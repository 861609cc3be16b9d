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
    pointed_to = written_out + b"\xc0\0"
    assert (read(pointed_to, len(written_out), Names(pointed_to)) is not None) is is_name


@pytest.mark.parametrize(("length", "is_name"), [(1, True), (63, True), (64, False)])
def test_the_longest_label(length: int, is_name: bool) -> None:
    """A label has 63 bytes at most, wherever it stands in a name."""
    for labels in ([b"x" * length], [b"a", b"x" * length]):
        message = name(*labels)
        text = "".join(label.decode() + "." for label in labels)
        assert read(message, 0, Names(message)) == (text if is_name else None)


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
    names = Names(message)
    read_before = [read(message, start, names) for start in range(1, len(message), 2)]
    assert (read_before[-1] is not None) is (pointers == 16)


def test_what_was_read_takes_no_step() -> None:
    """Thousands of names with one label more than a known one, or the same once more, are read."""
    first = name(*[b"a"] * 100)
    tails = b"".join(b"\4" + f"{number:04}".encode() + b"\xc0\0" for number in range(MOST_STEPS)) * 2
    message = first + tails
    names = Names(message)
    texts = {names.read(start, start + 7) for start in range(len(first), len(message), 7)}

    assert len(texts) == MOST_STEPS


def test_a_pointer_that_comes_again_takes_no_step() -> None:
    """Thousands of records of one name, each with the same pointer as its owner, are read."""
    message = name(b"web") + b"\xc0\0" * (MOST_STEPS + 2)

    assert set(read_all(message, range(5, len(message), 2))) == {"web."}


@pytest.mark.parametrize("length", [1, 2, 63])
def test_a_tail_that_comes_again_takes_no_step(length: int) -> None:
    """Of names that differ in their first label alone, the rest is read once, also where it is written out."""
    tail = name(*[b"t"] * 90)
    message = b"".join(bytes([length, *[48 + number] * length]) + tail for number in range(60))
    size = 1 + length + len(tail)

    assert len(read_all(message, range(0, len(message), size))) == 60


def test_the_last_step() -> None:
    """A message may take as many steps as there are, and not one more, be it for a label or for a pointer."""
    whole = [name(*[bytes([48 + number])] * 121) for number in range(MOST_STEPS // 120)]
    rest = MOST_STEPS % 120
    for last, more in (
        (name(*[b"z"] * (1 + rest)), name(b"y", b"y")),
        (name(*[b"z"] * rest) + b"\1x\xc0\0", b"\1x" + (0xC000 | len(whole[0])).to_bytes(2)),
    ):
        message = b"".join(whole) + last + more
        names = Names(message)
        start = 0
        while start < len(message) - len(more):
            end = name_end(message, start)
            names.read(start, end)
            start = end
        with pytest.raises(ValueError, match="its names are too long"):
            names.read(start, len(message))


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
    with pytest.raises(ValueError, match=r"^its last record does not end where it ends$"):
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


@pytest.mark.parametrize(
    ("message", "start", "problem"),
    [
        (b"\1a\x40a\0", 0, "a name has a label of unknown kind"),
        (b"\1a\xbfa\0", 0, "a name has a label of unknown kind"),
        (b"\1a\x40a\0\xc0\0", 5, "a name has a label of unknown kind"),
        (b"\xc0\0", 0, "a pointer does not lead back"),
        (b"\1a\xc0\4\0", 0, "a pointer does not lead back"),
        (b"\4a\xc0\0b\0", 2, "a name is longer or shorter than its place"),
        (name(*[b"a"] * 128), 0, "a name is too long"),
        (name(*[b"a"] * 200), 0, "a name is too long"),
        (name(*[b"a"] * 127, b"bb"), 0, "its names are too long"),
        (name(*[b"a"] * 127) + b"\1b\xc0\0", 255, "a name is too long"),
        (name(*[b"a"] * 127) + b"\1b\1b\xc0\0", 255, "its names are too long"),
    ],
)
def test_what_is_wrong_with_a_name(message: bytes, start: int, problem: str) -> None:
    """The error says what is wrong, whether the name before was read or not."""
    for names in (Names(message), _having_read(message, 0)):
        with pytest.raises(ValueError, match=f"^{problem}$"):
            names.read(start, name_end(message, start))


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("end", [4, 6])
def test_a_name_that_does_not_fill_its_place(end: int, known: bool) -> None:
    """A name in a record's data ends where the data ends, whether what it leads to was read before or not."""
    message = b"\1a\0\xc0\0\0\0"
    names = _having_read(message, 0) if known else Names(message)
    with pytest.raises(ValueError, match=r"^a name is longer or shorter than its place$"):
        names.read(3, end)
