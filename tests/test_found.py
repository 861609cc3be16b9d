"""SRV targets with their glue, PTR, and aliases that lead to what was asked."""

import struct

import pytest

from peerdisco import Answer, Outcome, Question
from peerdisco._dns import reply as wire
from peerdisco._dns.query import encode
from peerdisco.answers import SrvTarget
from tests.support.asked import ASKED, ASKED_SRV, OWNER, QUESTION, SRV, addresses, name, record, replied

TARGET = name(b"web-0", b"web")
OTHER = name(b"WEB-1", b"web")


def srv(target: bytes, port: int = 80, priority: int = 0) -> bytes:
    """An SRV record of the name that was asked."""
    return record(OWNER, 33, struct.pack("!HHH", priority, 1, port) + target)


def alias(owner: bytes, target: bytes, ttl: int = 30) -> bytes:
    """A CNAME record."""
    return record(owner, 5, target, ttl=ttl)


def found(reply: bytes) -> Answer:
    """What a reply to the SRV question says."""
    said = wire.read(ASKED_SRV, reply, SRV)
    assert isinstance(said, Answer)
    return said


def test_targets() -> None:
    """Targets come in the order of their records, in lower case, and the same record twice is one."""
    said = found(replied(srv(TARGET), srv(OTHER, 65535), srv(TARGET), asked=ASKED_SRV))

    assert (SrvTarget("web-0.web.", 80), SrvTarget("web-1.web.", 65535)) == said.targets
    assert said.glue == {}


def test_glue() -> None:
    """Glue is every address of the additional section by name, IPv4 first, each once."""
    ipv4, ipv6 = b"\xac\x14\0\1", b"\x20\x01" + bytes(14)
    additional = [
        record(TARGET, 28, ipv6),
        record(TARGET.upper(), 1, ipv4),
        record(TARGET, 1, ipv4),
        record(OTHER, 28, ipv6),
    ]
    said = found(replied(srv(TARGET), asked=ASKED_SRV, additional=additional))

    assert {"web-0.web.": (ipv4, ipv6), "web-1.web.": (ipv6,)} == said.glue


@pytest.mark.parametrize("rclass", [0, 3, 254, 255])
def test_glue_of_another_class_is_ignored(rclass: int) -> None:
    """An address of another class is none, whatever its length."""
    for data in (b"\x0a\0\0\1", b"", b"x" * 9):
        glue = record(TARGET, 1, data, rclass=rclass)
        assert found(replied(srv(TARGET), asked=ASKED_SRV, additional=[glue])).glue == {}


@pytest.mark.parametrize(("rtype", "size"), [(1, 0), (1, 3), (1, 5), (1, 16), (28, 4), (28, 15)])
def test_glue_of_another_size(rtype: int, size: int) -> None:
    """An address that is too long or too short makes the reply unreadable."""
    reply = replied(srv(TARGET), asked=ASKED_SRV, additional=[record(TARGET, rtype, bytes(size))])
    with pytest.raises(wire.NoAnswer, match=r"can't be read: an address is too long or too short$") as raised:
        wire.read(ASKED_SRV, reply, SRV)
    assert raised.value.reason == "malformed"


@pytest.mark.parametrize("data", [b"", bytes(5), bytes(6), bytes(6) + TARGET + b"\0", bytes(6) + TARGET[:-1]])
def test_srv_that_is_no_record(data: bytes) -> None:
    """An SRV record without a target, or with more than one, makes the reply unreadable."""
    with pytest.raises(wire.NoAnswer, match="can't be read"):
        wire.read(ASKED_SRV, replied(srv(TARGET), record(OWNER, 33, data), asked=ASKED_SRV), SRV)


def test_srv_behind_an_alias() -> None:
    """Aliases are followed for SRV, too."""
    target = name(b"_http", b"x")
    reply = replied(alias(OWNER, target), record(target, 33, bytes(5) + b"\x50" + TARGET), asked=ASKED_SRV)
    said = found(reply)

    assert ("_http.x.", (SrvTarget("web-0.web.", 80),)) == (said.canonical, said.targets)


def test_ptr_with_many_names() -> None:
    """A Pod's address may have a name in each of hundreds of Services."""
    question = Question("1.0.0.10.in-addr.arpa.", "PTR")
    asked = encode(question)
    records = [record(OWNER, 12, name(b"pod", b"web%d" % number, b"default", b"svc")) for number in range(500)]
    said = wire.read(asked, replied(*records, *records, asked=asked), question)

    assert isinstance(said, Answer)
    assert tuple(f"pod.web{number}.default.svc." for number in range(500)) == said.names


CHAIN = [alias(OWNER, b"\1a\0", 20), alias(b"\1a\0", b"\1b\0", 10), *addresses(2, b"\1b\0")]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_chains_in_any_order(order: tuple[int, ...]) -> None:
    """A chain of aliases is followed in any order of records, and its least TTL counts."""
    said = wire.read(ASKED, replied(*(CHAIN[number] for number in order)), QUESTION)

    pods = frozenset([b"\x0a\0\0\1", b"\x0a\0\0\2"])
    assert Answer(Outcome.FOUND, pods, 10, canonical="b.") == said


def test_records_of_the_name_itself_win() -> None:
    """Where there are addresses, an alias of the same name, and what it leads to, are beside the point."""
    said = wire.read(ASKED, replied(CHAIN[0], *addresses(2), *addresses(5, b"\1a\0")), QUESTION)

    assert Answer(Outcome.FOUND, frozenset([b"\x0a\0\0\1", b"\x0a\0\0\2"]), 30) == said


def test_of_several_aliases_the_last_is_followed() -> None:
    """One name has one alias (RFC 2181 section 10.1); where it has more, dnspython's choice is ours."""
    answers = [alias(OWNER, b"\1x\0", 5), alias(OWNER, b"\1a\0"), *addresses(1, b"\1x\0"), *addresses(2, b"\1a\0")]
    said = wire.read(ASKED, replied(*answers), QUESTION)

    assert isinstance(said, Answer)
    assert (said.canonical, len(said.addresses), said.ttl) == ("a.", 2, 5)


@pytest.mark.parametrize(
    "answers",
    [
        [alias(OWNER, OWNER)],
        [alias(OWNER, b"\1a\0"), alias(b"\1a\0", b"\1A\0")],
        [alias(OWNER, b"\1a\0"), alias(b"\1a\0", OWNER)],
        [alias(OWNER, name(b"0")), *(alias(name(b"%d" % n), name(b"%d" % (n + 1))) for n in range(15))],
    ],
    ids=["itself", "a loop", "a loop with the name asked", "sixteen aliases"],
)
def test_aliases_that_do_not_end(answers: list[bytes]) -> None:
    """A loop, or a chain that is too long, is unreadable."""
    with pytest.raises(wire.NoAnswer, match=r"can't be read: its aliases do not come to an end$"):
        wire.read(ASKED, replied(*answers), QUESTION)


@pytest.mark.parametrize("other", [record(OWNER, 46, b"signature"), record(OWNER, 33, b"", rclass=3)])
def test_records_of_another_kind(other: bytes) -> None:
    """A signature, or a record of another class, hides none that follows it."""
    said = found(replied(srv(TARGET), other, srv(OTHER), asked=ASKED_SRV))

    assert [target.name for target in said.targets] == ["web-0.web.", "web-1.web."]


@pytest.mark.parametrize(("ttl", "expected"), [(0, 0), (2**31 - 1, 2**31 - 1), (2**31, 0)])
def test_the_longest_ttl(ttl: int, expected: int) -> None:
    """A TTL is at most 2³¹ - 1 (RFC 2181 section 8), and a greater one counts as 0."""
    data = bytes(5) + b"\x50" + TARGET

    assert found(replied(record(OWNER, 33, data, ttl=ttl), asked=ASKED_SRV)).ttl == expected


def test_a_ttl_with_its_top_bit_set() -> None:
    """It counts as 0 (RFC 2181 section 8)."""
    for ttl in (2**31, 2**32 - 1):
        said = wire.read(ASKED, replied(*addresses(2), *addresses(1, ttl=ttl)), QUESTION)
        assert isinstance(said, Answer)
        assert said.ttl == 0
