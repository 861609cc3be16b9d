"""Where a reply's length matters: what would fit UDP, how many names are read, and what is known before."""

import pytest

from peerdisco import Answer, Outcome, Question
from peerdisco._dns import reply as wire
from peerdisco._dns.query import encode, udp_room
from tests.support.asked import ASKED, OWNER, QUESTION, addresses, name, record, replied

ROOT = b"\0"
NXDOMAIN = 0x8503
IN, CHAOS = 1, 3
PTR, TXT, SRV = 12, 16, 33


def asking(length: int, *, edns: bool = True) -> bytes:
    """A query of this many bytes."""
    rest = length - len(encode(Question("b.", "A"), edns=edns))
    return encode(Question(f"{'a' * (rest - 1)}.b.", "A"), edns=edns)


@pytest.mark.parametrize(("edns", "room"), [(True, 1232), (False, 512)])
@pytest.mark.parametrize("size", [4, 16])
def test_how_many_addresses_fit_udp(edns: bool, room: int, size: int) -> None:
    """An answer fits if query and records do, each with a compressed owner: 16 bytes of IPv4, 28 of IPv6."""
    count = (room - 40) // (12 + size)
    exact, longer = (asking(room - count * (12 + size) + more, edns=edns) for more in (0, 1))
    answer = Answer(Outcome.FOUND, frozenset(number.to_bytes(size) for number in range(count)))

    assert udp_room(exact) == room
    assert wire.fits_udp(exact, b"", answer)
    assert not wire.fits_udp(longer, b"", answer)


@pytest.mark.parametrize(
    "answer", [Answer(Outcome.NODATA), Answer(Outcome.FOUND, frozenset([b"\x0a\0\0\1"]), canonical="a.")]
)
def test_any_other_answer_fits_as_it_came(answer: Answer) -> None:
    """An answer with an alias, or without addresses, fits if the reply itself does."""
    assert wire.fits_udp(ASKED, bytes(1232), answer)
    assert not wire.fits_udp(ASKED, bytes(1233), answer)


def with_names(*records: tuple[int, bytes]) -> bytes:
    """A reply that denies a name, with so many of each record in its authority section."""
    return replied(flags=NXDOMAIN, authority=[one for count, found in records for one in [found] * count])


LONG, LONGER = name(*[b"a"] * 15), name(*[b"b"] * 32)


@pytest.mark.parametrize(
    ("records", "more"),
    [
        # the root counts as 2
        ([(200, record(ROOT, TXT, b""))], record(ROOT, TXT, b"")),
        ([(199, record(ROOT, TXT, b""))], record(name(b"a", b"b"), TXT, b"")),
        # 6 times 1 + 33 + 33² // 32, and 5 times 2
        ([(6, record(LONGER, TXT, b"")), (5, record(ROOT, TXT, b""))], record(ROOT, TXT, b"")),
        # 15 times 1 + 15 + 15² // 32 + 2, and 12 times 2; no record counts as 1
        ([(15, record(ROOT, PTR, LONG)), (12, record(ROOT, TXT, b""))], record(ROOT, PTR, LONG)),
        ([(15, record(ROOT, SRV, bytes(6) + LONG)), (12, record(ROOT, TXT, b""))], record(ROOT, SRV, bytes(6) + LONG)),
        # names in the data of another class, or type, are not read
        ([(200, record(ROOT, PTR, LONG, rclass=CHAOS))], record(ROOT, TXT, b"")),
        ([(200, record(ROOT, TXT, LONG))], record(ROOT, TXT, b"")),
    ],
)
def test_how_many_names_are_read(records: list[tuple[int, bytes]], more: bytes) -> None:
    """Names of 400 labels are read to learn why there is no answer, and not one more; long names count more."""
    said = wire.read(ASKED, with_names(*records), QUESTION)

    assert isinstance(said, Answer)
    assert said.outcome is Outcome.NXDOMAIN
    with pytest.raises(wire.NoAnswer, match="can't be read: it has too many names"):
        wire.read(ASKED, with_names(*records, (1, more)), QUESTION)


@pytest.mark.parametrize("count", [3, 40])
@pytest.mark.parametrize("between", [[], [record(OWNER, 46, b"signature")]], ids=["a plain list", "many pieces"])
def test_what_is_known_is_the_answer_again(count: int, between: list[bytes]) -> None:
    """A reply that says what is known gives back that very object, also where it is read record by record."""
    reply = replied(*[piece for pod in addresses(count) for piece in [pod, *between]])
    known = wire.read(ASKED, reply, QUESTION)

    assert isinstance(known, Answer)
    assert wire.read(ASKED, reply, QUESTION, known) is known
