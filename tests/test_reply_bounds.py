"""No reply takes long to read, whatever its 64 KiB contain.

Time is counted in calls of functions, which are the same on each machine: 100,000 take some 10 ms. For some of these
replies dnspython needs millions.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType

import pytest

from peerdisco import Question
from peerdisco._dns import query
from peerdisco._dns import reply as wire
from tests.support.asked import OWNER, QUESTION, SRV, name, record, replied
from tests.support.oracle import by_us

PTR = Question("1.0.0.10.in-addr.arpa.", "PTR")
ROOT = b"\0"
NXDOMAIN, NOT_AUTHORITATIVE = 0x8583, 0x8180
OPT = record(ROOT, 41, b"", rclass=1232, ttl=0)
MOST_CALLS = 80_000


def calls_to(work: Callable[[], object]) -> int:
    """How many functions are called, in Python and in C."""
    calls = 0

    def profile(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def as_many(make: Callable[[int], bytes], room: int = 65_300) -> list[bytes]:
    """As many records as a message has room for."""
    records: list[bytes] = []
    while room > 0:
        records.append(make(len(records)))
        room -= len(records[-1])
    return records[:-1]


def place(question: Question) -> int:
    """Where the data of the first record is, if its owner is compressed."""
    return query.question_end(query.encode(question)) + 12


def pointers_into(blob: bytes, question: Question, rtype: int, head: bytes = b"") -> list[bytes]:
    """Records whose owners and targets are pointers into the first one's data, each to another place."""

    def pointer(number: int) -> bytes:
        return (0xC000 | place(question) + 2 * number % min(len(blob) - 2, 16_000)).to_bytes(2)

    def point(number: int) -> bytes:
        return record(pointer(2 * number), rtype, head + pointer(2 * number + 1))

    return [record(OWNER, 16, blob), *as_many(point, 65_300 - len(blob))]


def srv(target: bytes, port: int = 80) -> bytes:
    """An SRV record of the name that was asked."""
    return record(OWNER, 33, b"\0\0\0\1" + port.to_bytes(2) + target)


LONG = name(*[b"a"] * 120)
LABELS = b"".join(b"\1a" * 120 + b"\0\0" for _ in range(66))
CHAINS = b"\1a\0\0" + b"".join((0xC000 | place(SRV) + 2 * n + 2 * (n % 15 > 0)).to_bytes(2) for n in range(8000))
POD_LIKE = [b"web", b"web", b"default", b"svc", b"cluster", b"local"]

Sections = tuple[Sequence[bytes], Sequence[bytes], Sequence[bytes]]
ANSWERS: dict[str, tuple[Question, list[bytes]]] = {
    "SRV to one long name": (
        SRV,
        [srv(LONG), *as_many(lambda n: srv((0xC000 | place(SRV) + 6).to_bytes(2), n), 65_000)],
    ),
    "SRV to other names": (SRV, as_many(lambda n: srv(name(b"%d" % n)))),
    "SRV to long names": (SRV, as_many(lambda n: srv(name(b"%d" % n, *[bytes([97 + n % 26])] * 122)))),
    "SRV to the root": (SRV, as_many(lambda n: srv(ROOT, n))),
    "SRV into a blob": (SRV, pointers_into(LABELS, SRV, 33, bytes(6))),
    "SRV into chains of pointers": (SRV, pointers_into(CHAINS, SRV, 33, bytes(6))),
    "SRV of others": (SRV, as_many(lambda _: record(ROOT, 33, bytes(6) + ROOT))),
    "PTR": (PTR, as_many(lambda n: record(OWNER, 12, name(b"%d" % n)))),
    "addresses": (QUESTION, as_many(lambda n: record(OWNER, 1, n.to_bytes(4)))),
    "addresses with other TTLs": (QUESTION, as_many(lambda n: record(OWNER, 1, n.to_bytes(4), ttl=n))),
    "addresses with signatures": (QUESTION, as_many(lambda n: record(OWNER, 1 if n % 2 else 46, n.to_bytes(4)))),
    "addresses of others": (QUESTION, as_many(lambda n: record(name(b"%d" % n), 1, n.to_bytes(4)))),
    "addresses of the root": (QUESTION, as_many(lambda n: record(ROOT, 1, n.to_bytes(4)))),
    "addresses of long names": (QUESTION, as_many(lambda n: record(name(b"%d" % n, *[b"a"] * 122), 1, bytes(4)))),
    "aliases": (QUESTION, as_many(lambda n: record(name(b"%d" % n), 5, name(b"%d" % (n + 1))))),
    "aliases of the name": (QUESTION, as_many(lambda n: record(OWNER, 5, name(b"%d" % n)))),
    "aliases of the root": (QUESTION, [record(ROOT, 5, ROOT)] * 199),
    "long aliases": (QUESTION, [record(LONG, 5, LONG)] * 130),
    "aliases into a blob": (QUESTION, pointers_into(LABELS, QUESTION, 5)),
    "aliases into chains of pointers": (QUESTION, pointers_into(CHAINS, QUESTION, 5)),
    "text": (QUESTION, [record(OWNER, 16, bytes(65_000))]),
    "empty text": (QUESTION, as_many(lambda _: record(ROOT, 16, b""))),
    "ever other types": (QUESTION, as_many(lambda n: record(ROOT, 300 + n, b"", rclass=n))),
}
BEHIND: dict[str, Sections] = {
    "SOA": ((), as_many(lambda n: record(ROOT, 6, ROOT + ROOT + n.to_bytes(20))), ()),
    "fewer SOA": ((), [record(ROOT, 6, ROOT + ROOT + n.to_bytes(20)) for n in range(133)], ()),
    "SOA as of a cluster": ((), [record(name(b"x"), 6, name(*POD_LIKE) * 2 + n.to_bytes(20)) for n in range(20)], ()),
    "a long alias and SOA": ([record(OWNER, 5, LONG)], [record(ROOT, 6, LONG + LONG + bytes(20))], ()),
    "an alias of 62 labels": ([record(OWNER, 5, name(*[b"a"] * 62))], [record(ROOT, 6, ROOT + ROOT + bytes(20))], ()),
    "NS": ((), as_many(lambda _: record(ROOT, 2, b"")), ()),
    "fewer NS": ((), [record(ROOT, 2, b"")] * 399, ()),
    "EDNS again and again": ((), (), as_many(lambda _: OPT)),
    "EDNS with options": ((), (), [record(ROOT, 41, b"\0\x0a\0\0" * 16_000, rclass=1232, ttl=0)]),
    "glue": ([record(OWNER, 1, bytes(4))], (), as_many(lambda n: record(name(b"%d" % n), 1, n.to_bytes(4)), 65_200)),
}
CASES: dict[str, tuple[Question, Sections]] = {
    kind: (question, (answers, (), ())) for kind, (question, answers) in ANSWERS.items()
}
CASES |= {kind: (QUESTION, sections) for kind, sections in BEHIND.items()}
CASES["glue of SRV"] = (SRV, ([srv(name(b"0"))], (), as_many(lambda n: record(name(b"%d" % n), 1, bytes(4)), 65_200)))


@pytest.mark.parametrize(("question", "sections"), CASES.values(), ids=CASES)
def test_no_reply_takes_long(question: Question, sections: Sections) -> None:
    """Whatever it contains, a reply of 64 KiB is read, or found unreadable, in a few milliseconds."""
    asked = query.encode(question)
    answers, authority, additional = sections
    for flags in (0x8500, NXDOMAIN, NOT_AUTHORITATIVE):
        reply = replied(*answers, asked=asked, flags=flags, authority=authority, additional=additional)
        assert query.fits(asked, reply)
        assert len(reply) <= query.LARGEST_MESSAGE
        assert calls_to(partial(by_us, asked, reply, question)) < MOST_CALLS


def test_srv_of_a_thousand_pods() -> None:
    """A thousand targets, a quarter of them with glue, take less than half of that."""
    asked = query.encode(SRV)
    targets = [name(b"web-%d" % number, *POD_LIKE[1:])[:-1] + ROOT for number in range(1000)]
    glue = [record(target, 1, b"\x0a\0\0\1") for target in targets[:150]]
    reply = replied(*map(srv, targets), asked=asked, additional=glue)
    said = wire.read(asked, reply, SRV)

    assert not isinstance(said, wire.Alias)
    assert (len(said.targets), len(said.glue)) == (1000, 150)
    assert calls_to(partial(wire.read, asked, reply, SRV)) < MOST_CALLS // 2


@pytest.mark.parametrize("count", [100, 1000, 4000])
def test_addresses_with_more_behind_them(count: int) -> None:
    """NS, glue, EDNS options and a signature add a fixed number of calls to a list of addresses, however long it is."""
    asked = query.encode(QUESTION)
    pods = [record(OWNER, 1, number.to_bytes(4)) for number in range(count)]
    plain = replied(*pods, additional=[OPT])
    behind = [record(OWNER, 2, name(b"ns%d" % number)) for number in range(3)]
    options = record(ROOT, 41, b"\0\x0a\0\x10" + bytes(16), rclass=1232, ttl=0)
    more = replied(*pods, record(OWNER, 46, bytes(90)), authority=behind, additional=[pods[0], options])

    assert by_us(asked, more, QUESTION) == by_us(asked, plain, QUESTION)
    least, most = (calls_to(partial(by_us, asked, reply, QUESTION)) for reply in (plain, more))
    assert most < least + 150
