"""Plain lists of addresses: what may stand among and behind the records, and what was known before."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdisco import Answer, Outcome, Question
from peerdisco._dns import query
from peerdisco._dns import reply as wire
from peerdisco._dns.lists import known_list, read_list, says_the_same
from peerdisco._dns.records import UNREADABLE
from tests.support import replies
from tests.support.asked import ASKED, OWNER, QUESTION, addresses, name, record, replied
from tests.support.recorded import Recorded
from tests.support.replies import SIZES

NS = record(OWNER, 2, name(b"ns", b"dns"))
GLUE = record(name(b"ns", b"dns"), 1, b"\x0a\x60\0\x0a")
RRSIG = record(OWNER, 46, b"signature")
COOKIE = record(b"\0", 41, b"\0\x0a\0\x10" + bytes(16), rclass=1232, ttl=0)
ERROR = record(b"\0", 41, b"\0\x0f\0\2\0\0", rclass=1232, ttl=0)
PADDING = record(b"\0", 41, b"\0\x0c\1\0" + bytes(256), rclass=1232, ttl=0)
ALL = addresses(100)
PODS = frozenset((0x0A000000 + number).to_bytes(4) for number in range(1, 101))


@pytest.mark.parametrize(
    "reply",
    {
        "NS": replied(*addresses(100), authority=[NS]),
        "NS, glue and EDNS": replied(*addresses(100), authority=[NS, NS], additional=[GLUE, query.OPT]),
        "a cookie": replied(*addresses(100), additional=[COOKIE]),
        "an extended error": replied(*addresses(100), additional=[ERROR]),
        "padding": replied(*addresses(100), additional=[PADDING]),
        "RRSIG at the end": replied(*addresses(100), RRSIG),
        "RRSIG at the start": replied(RRSIG, *addresses(100)),
        "RRSIG among them": replied(*ALL[:40], RRSIG, *ALL[40:]),
        "RRSIG before the last": replied(*ALL[:99], RRSIG, *ALL[99:]),
        "the same again": replied(*ALL[:40], RRSIG, *ALL),
        "text of four bytes": replied(record(OWNER, 16, b"\3abc"), *ALL),
        "data that can't be read": replied(
            *addresses(100), record(OWNER, 46, b"\xff"), authority=[record(OWNER, 2, b"\xff")]
        ),
        "a record of another class": replied(*addresses(100), additional=[record(OWNER, 1, b"\xff", rclass=3)]),
        "different TTLs": replied(*ALL[:40], *addresses(100, ttl=3600)[40:]),
        "owners written out": replied(*ALL[:40], *addresses(100, ASKED[12:-15].upper())[40:]),
    }.items(),
    ids=lambda item: item[0],
)
def test_lists_with_more_than_addresses(reply: tuple[str, bytes]) -> None:
    """What stands among and behind the addresses changes nothing, and is stepped over."""
    assert (
        Answer(Outcome.FOUND, PODS, 30) == read_list(ASKED, reply[1], QUESTION) == wire.read(ASKED, reply[1], QUESTION)
    )


@pytest.mark.parametrize("sizes", [[2] * 8, [1, 9, 2, 5, 3, 7, 4, 6], [8, 1, 1, 6, 5, 4, 3, 2]])
def test_how_many_pieces_are_a_plain_list(sizes: list[int]) -> None:
    """A list of eight pieces, with a record of another type behind each, is plain; with one piece more it is not."""
    pods = iter(ALL)
    pieces = [[*itertools.islice(pods, size), RRSIG] for size in sizes]
    count = sum(sizes)
    said = read_list(ASKED, replied(*itertools.chain(*pieces)), QUESTION)

    assert said is not None
    assert said.addresses == frozenset((0x0A000000 + number).to_bytes(4) for number in range(1, count + 1))
    assert read_list(ASKED, replied(*itertools.chain(*pieces), next(pods)), QUESTION) is None


@pytest.mark.parametrize(
    "reply",
    {
        "an alias": replied(record(OWNER, 5, b"\0"), *addresses(3, b"\0")),
        "another name": replied(*addresses(3), *addresses(1, b"\0")),
        "another name, as long": replied(*addresses(3, ASKED[12:-15].replace(b"test", b"best"))),
        "a TTL with its top bit set": replied(*addresses(3), *addresses(1, ttl=2**31)),
        "an address of another class": replied(*addresses(3), record(OWNER, 1, b"\x0a\0\1\1", rclass=3)),
        "an address of five bytes": replied(*addresses(3), record(OWNER, 1, b"12345")),
        "many pieces": replied(*[piece for pod in addresses(17) for piece in (pod, RRSIG)]),
        "an extended rcode": replied(*addresses(3), additional=[record(b"\0", 41, b"", ttl=1 << 24)]),
        "an extended rcode and a cookie": replied(
            *addresses(3), additional=[record(b"\0", 41, b"\0\x0a\0\x10" + bytes(16), ttl=1 << 24)]
        ),
        "only other types": replied(RRSIG),
        "an error": replied(*addresses(3), flags=0x8502),
    }.items(),
    ids=lambda item: item[0],
)
def test_no_plain_list(reply: tuple[str, bytes]) -> None:
    """Whatever may need more than a look at heads is left to the other reader."""
    assert read_list(ASKED, reply[1], QUESTION) is None


@pytest.mark.parametrize("ttl", [0, 2**31 - 1])
def test_any_ttl(ttl: int) -> None:
    """A plain list has any TTL up to the longest one (RFC 2181 section 8)."""
    said = read_list(ASKED, replied(*addresses(3, ttl=ttl)), QUESTION)

    assert said is not None
    assert said.ttl == ttl


def test_a_list_that_ends_too_early() -> None:
    """A list that promises more than it has, or less, is unreadable."""
    for reply in (
        replied(*addresses(20))[:-1],
        replied(*addresses(20), RRSIG)[:-1],
        replied(*addresses(2), b"", b""),
        replied(*addresses(2), additional=[b""]),
        replied(*addresses(2), additional=[query.OPT, b""]),
        replied(*addresses(2), additional=[query.OPT + b"more"]),
    ):
        with pytest.raises(wire.NoAnswer, match="can't be read"):
            wire.read(ASKED, reply, QUESTION)


@given(st.one_of(replies.plain_lists(), replies.written("A", "AAAA")), st.data())
def test_what_is_known_is_given_back(case: Recorded, data: st.DataObject) -> None:
    """What was read before changes nothing in what is read, but for sharing what is the same."""
    question, asked, reply = case
    if not query.fits(asked, reply):
        return
    try:
        said = wire.read(asked, reply, question)
    except wire.NoAnswer:
        return
    if not isinstance(said, Answer) or not said.addresses or said.canonical:
        return
    some = st.sets(st.sampled_from(sorted(said.addresses)))
    others = st.sets(st.binary(min_size=SIZES[question.rtype], max_size=SIZES[question.rtype]), max_size=2)
    known = said._replace(
        addresses=data.draw(st.one_of(st.just(frozenset(said.addresses)), some, others).map(frozenset)),
        ttl=data.draw(st.sampled_from([said.ttl, 7])),
        complete=data.draw(st.booleans()),
    )
    again = wire.read(asked, reply, question, known)

    assert said == again
    if reply.count(next(iter(said.addresses))) == 1 and int.from_bytes(reply[6:8]) == len(said.addresses):
        assert (again is known) is (known == said)
        assert isinstance(again, Answer)
        assert (again.addresses is known.addresses) is (known.addresses == said.addresses)


@given(st.one_of(replies.plain_lists(), replies.written("A", "AAAA")), st.data())
def test_a_reply_that_says_the_same(case: Recorded, data: st.DataObject) -> None:
    """Only a reply that fits, and reads as what is known, is taken to say the same."""
    question, asked, reply = case
    if not query.fits(asked, reply):
        return
    try:
        said = wire.read(asked, reply, question)
    except wire.NoAnswer:
        return
    if not isinstance(said, Answer) or not said.addresses or said.canonical:
        return
    known = known_list(asked, reply, said)
    other = bytearray(reply)
    for _ in range(data.draw(st.integers(0, 2))):
        other[data.draw(st.integers(0, len(other) - 1))] = data.draw(st.integers(0, 255))
    received = bytes(other[: data.draw(st.sampled_from([len(other), len(other), 12, 40]))])

    if says_the_same(known, asked, received):
        assert query.fits(asked, received)
        assert wire.read(asked, received, question) == said


def test_replies_that_say_the_same() -> None:
    """The order and the id of the query may differ, and nothing else."""
    pods = addresses(9)
    reply = replied(*pods, additional=[query.OPT])
    known = known_list(ASKED, reply, wire.read(ASKED, reply, QUESTION))  # type: ignore[arg-type] # an Answer
    another = b"\x99\x99" + ASKED[2:]
    shuffled = replied(*reversed(pods), asked=another, additional=[query.OPT])

    assert says_the_same(known, another, shuffled)
    assert not says_the_same(known, ASKED, shuffled)
    assert not says_the_same(known, another, shuffled[:-1])
    for different in (
        replied(*pods[:8], pods[7], additional=[query.OPT]),
        replied(*addresses(8), additional=[query.OPT]),
        replied(*addresses(9, ttl=29), additional=[query.OPT]),
        replied(*pods[:8], *addresses(9, ttl=29)[8:], additional=[query.OPT]),
        replied(*pods, additional=[query.OPT], flags=0x8700),
        replied(*pods, additional=[COOKIE]),
        replied(*pods, additional=[record(b"\0", 41, b"", rclass=1232, ttl=1 << 24)]),
        reply.removesuffix(query.OPT) + b"more" + query.OPT,
        reply.removesuffix(pods[8] + query.OPT) + query.OPT,
    ):
        assert not says_the_same(known, ASKED, different)


@pytest.mark.parametrize("owner", [OWNER, ASKED[12:-15]], ids=["a pointer", "written out"])
@pytest.mark.parametrize("additional", [[], [query.OPT], [COOKIE]], ids=["", "EDNS", "a cookie"])
def test_a_list_in_another_order(owner: bytes, additional: list[bytes]) -> None:
    """A plain list says the same in any order, however its owner is written and whatever follows it."""
    reply = replied(*addresses(9, owner), additional=additional)
    turned = replied(*reversed(addresses(9, owner)), additional=additional)
    known = known_list(ASKED, reply, wire.read(ASKED, reply, QUESTION))  # type: ignore[arg-type] # an Answer

    assert says_the_same(known, ASKED, turned)


@pytest.mark.parametrize(
    "reply",
    [
        replied(*addresses(3), *addresses(1)),
        replied(*addresses(3), flags=0x8700),
        replied(*addresses(3), RRSIG),
        replied(*addresses(3), *addresses(4, ttl=29)[3:]),
    ],
    ids=["an address that comes twice", "a cut list", "another type", "two TTLs"],
)
def test_replies_that_are_read_each_time(reply: bytes) -> None:
    """Where the same bytes might mean something else, or little is saved, no reply is taken to say the same."""
    said = wire.read(ASKED, reply, QUESTION)
    assert isinstance(said, Answer)
    known = known_list(ASKED, reply, said)

    assert not says_the_same(known, ASKED, reply)
    assert known.answer is said


def test_an_owner_that_is_written_in_another_way() -> None:
    """Where an owner is no name and no pointer that is known, nothing is compared: its length would be guessed."""
    question = Question("a.", "A")
    asked = query.encode(question)
    pod = record(b"\1a\xc0\x0e", 1, b"\4\1\2\3")
    reply = replied(pod, asked=asked, additional=[query.OPT])
    shifted = reply.replace(b"\4\4\1\2\3", b"\4\1\2\3\3")
    said = wire.read(asked, reply, question)

    assert isinstance(said, Answer)
    assert wire.read(asked, shifted, question) != said
    assert not says_the_same(known_list(asked, reply, said), asked, shifted)


def test_the_plain_reader_never_raises_anything_else() -> None:
    """A message of any length after its header is a list, is none, or is unreadable."""
    whole = replied(*addresses(3), RRSIG, authority=[NS], additional=[COOKIE])
    for end in range(12, len(whole)):
        try:
            assert read_list(ASKED, whole[:end], QUESTION) is None
        except UNREADABLE:
            continue
