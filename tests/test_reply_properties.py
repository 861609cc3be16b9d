"""The two readers of `peerdisco._dns.reply` say the same of the same bytes, whatever these are."""

import re

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerdisco import Answer, Question
from peerdisco._dns import query
from peerdisco._dns import reply as wire
from peerdisco.testing._coredns.query import parse
from peerdisco.testing._coredns.records import Reply, RRset, labels, packed
from peerdisco.testing._coredns.render import render
from tests.support.recorded import CORPUS, Recorded

NAMES = ("web.default.svc.cluster.local.", "a.b.")
OTHERS = ("other.default.svc.cluster.local.", "db.example.com.")
SIZES = {"A": 4, "AAAA": 16}


def agree(asked: bytes, reply: bytes, question: Question) -> bool:
    """Checks that the fast reader says nothing, or what the other one says; True where it said something."""
    if not query.fits(asked, reply):
        return False
    fast = wire._read_addresses(asked, reply, question)
    try:
        slow = wire._read_any(asked, reply)
    except wire.NoAnswer as error:
        assert fast is None
        with pytest.raises(wire.NoAnswer, match=f"^{re.escape(error.detail)}$"):
            wire.read(asked, reply, question)
        return False
    assert fast in (None, slow)
    assert slow == wire.read(asked, reply, question)
    return fast is not None


@st.composite
def asked_questions(draw: st.DrawFn) -> tuple[Question, bytes]:
    """A question for addresses, and its bytes."""
    question = Question(draw(st.sampled_from(NAMES)), draw(st.sampled_from(["A", "AAAA"])))
    return question, draw(st.binary(min_size=2, max_size=2)) + query.encode(question)[2:]


@st.composite
def record_sets(draw: st.DrawFn, owner: str) -> dns.rrset.RRset:
    """Records of one owner and type."""
    rtype = draw(st.sampled_from(["A", "AAAA", "CNAME", "SRV", "SOA", "NS"]))
    ttl = draw(st.sampled_from([0, 5, 30, 3600, 2**31 - 1]))
    texts = {
        "A": st.integers(0, 9).map(lambda n: f"10.0.0.{n}"),
        "AAAA": st.integers(0, 9).map(lambda n: f"fd00::{n}"),
        "CNAME": st.sampled_from(NAMES + OTHERS),
        "SRV": st.integers(0, 9).map(lambda n: f"0 1 {n} web-{n}.{owner}"),
        "SOA": st.integers(0, 9).map(lambda n: f"ns.{owner} mail.{owner} {n} 2 3 4 {n}"),
        "NS": st.just(f"ns.{owner}"),
    }
    many = 1 if rtype in {"CNAME", "SOA"} else 12
    rdatas = draw(st.lists(texts[rtype], min_size=1, max_size=many))
    return dns.rrset.from_text(owner, ttl, "IN", rtype, *rdatas)


@st.composite
def any_replies(draw: st.DrawFn) -> tuple[Question, bytes, bytes]:
    """A question, its bytes, and a reply with any records in any section."""
    question, asked = draw(asked_questions())
    message = dns.message.make_response(dns.message.from_wire(asked))
    message.use_edns(draw(st.sampled_from([-1, 0])), payload=draw(st.sampled_from([512, 1232, 65535])))
    message.set_rcode(draw(st.sampled_from([dns.rcode.NOERROR] * 3 + [dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL])))
    message.flags |= draw(st.sampled_from([0, dns.flags.TC]))
    owners = st.sampled_from((question.name,) * 6 + NAMES + OTHERS)
    for section in (message.answer, message.authority, message.additional):
        section.extend(draw(st.lists(owners.flatmap(record_sets), max_size=3 if section is message.answer else 1)))
    return question, asked, message.to_wire(max_size=65535, want_shuffle=False)


@st.composite
def plain_lists(draw: st.DrawFn) -> tuple[Question, bytes, bytes]:
    """A question, its bytes, and a list of addresses with its owners spelt in any way, any TTLs, OPT or not."""
    question, asked = draw(asked_questions())
    spelt = asked[12 : -11 - 4]
    owners = st.sampled_from([b"\xc0\x0c", spelt, spelt.upper(), b"\xc0\x0d", spelt[:-1]])
    if draw(st.booleans()):
        owners = st.just(draw(owners))
    ttls = st.integers(0, 2**32 - 1) if draw(st.booleans()) else st.just(draw(st.integers(0, 2**31 - 1)))
    size = SIZES[question.rtype]
    rtype = dns.rdatatype.from_text(question.rtype)
    records = [
        draw(owners)
        + int(rtype).to_bytes(2)
        + b"\0\1"
        + draw(ttls).to_bytes(4)
        + size.to_bytes(2)
        + draw(st.binary(min_size=size, max_size=size))
        for _ in range(draw(st.integers(0, 12)))
    ]
    opt = draw(st.sampled_from([b"", asked[-11:], b"\0\0\x29\x02\0\0\0\x80\0\0\0", b"\0\0\x29\x02\0\1\0\0\0\0\0"]))
    flags = draw(st.sampled_from([b"\x81\x80", b"\x85\0", b"\x87\0", b"\x83\0", b"\x81\x83"]))
    counts = b"\0\1" + len(records).to_bytes(2) + b"\0\0" + bytes([0, bool(opt)])
    return question, asked, asked[:2] + flags + counts + asked[12:-11] + b"".join(records) + opt


@st.composite
def served(draw: st.DrawFn) -> tuple[Question, bytes, bytes]:
    """A question, its bytes, and the reply of a `LocalCluster`, spelt out or compressed."""
    question, asked = draw(asked_questions())
    size = SIZES[question.rtype]
    rdatas = draw(st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=120, unique=True))
    rtype = int(dns.rdatatype.from_text(question.rtype))
    answer = [RRset(packed(labels(question.name)), rtype, draw(st.integers(0, 3600)), rdatas)]
    query = parse(asked)
    assert not isinstance(query, bytes)
    said = Reply(0, authoritative=True, answer=answer)
    return question, asked, render(query, said, draw(st.sampled_from(["udp", "tcp"])), draw(st.randoms()))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Question, bytes, bytes]:
    """A question, its bytes, and a reply of which a few bytes have been changed, cut off or put in."""
    recorded = st.sampled_from(list(CORPUS.values())).map(lambda item: (item.question, item.asked, item.reply))
    question, asked, reply = draw(st.one_of(recorded, plain_lists(), any_replies()))
    changed = bytearray(reply)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(2, max(2, len(changed) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                changed[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del changed[at : at + draw(st.integers(1, 16))]
            case 2:
                changed[at:at] = draw(st.binary(min_size=1, max_size=16))
            case _:
                changed[at:at] = changed[at : at + draw(st.integers(1, 32))]
    return question, asked, bytes(changed)


@pytest.mark.parametrize("recorded", CORPUS.values(), ids=CORPUS)
def test_recorded(recorded: Recorded) -> None:
    """Both readers agree on what CoreDNS sends, and the fast one reads every plain list of it."""
    plain = recorded.question.rtype in SIZES and recorded.reply[7] > 0 and b"\0\5\0\1" not in recorded.reply

    assert plain is agree(recorded.asked, recorded.reply, recorded.question)


@given(any_replies())
def test_any_message(case: tuple[Question, bytes, bytes]) -> None:
    """Both agree on any message that is well-formed: aliases, authority, mixed types, cut or not."""
    question, asked, reply = case
    agree(asked, reply, question)


@settings(max_examples=300)
@given(plain_lists())
def test_any_list(case: tuple[Question, bytes, bytes]) -> None:
    """Both agree on lists of addresses, however their owners and TTLs are written."""
    question, asked, reply = case
    agree(asked, reply, question)


@given(plain_lists(), st.data())
def test_any_list_that_is_known(case: tuple[Question, bytes, bytes], data: st.DataObject) -> None:
    """What was read before changes nothing in what is read, but for sharing what is the same."""
    question, asked, reply = case
    plain = wire._read_addresses(asked, reply, question)
    if plain is None:
        return
    some = st.sets(st.sampled_from(sorted(plain.addresses)))
    others = st.sets(st.binary(min_size=SIZES[question.rtype], max_size=SIZES[question.rtype]), max_size=2)
    known = plain._replace(
        addresses=data.draw(st.one_of(st.just(frozenset(plain.addresses)), some, others).map(frozenset)),
        ttl=data.draw(st.sampled_from([plain.ttl, 7])),
        complete=data.draw(st.booleans()),
    )
    said = wire.read(asked, reply, question, known)

    assert plain == said
    if int.from_bytes(reply[6:8]) == len(plain.addresses):  # no address comes twice
        assert (said is known) is (known == plain)
        assert isinstance(said, Answer)
        assert (said.addresses is known.addresses) is (known.addresses == plain.addresses)


@settings(max_examples=50)
@given(served())
def test_any_list_of_a_cluster(case: tuple[Question, bytes, bytes]) -> None:
    """A cluster's list is read on the fast path, whether it is spelt out, compressed or cut."""
    question, asked, reply = case

    assert agree(asked, reply, question)


@settings(max_examples=300)
@given(mutated())
def test_any_damage(case: tuple[Question, bytes, bytes]) -> None:
    """Both agree on damaged replies, and nothing but NoAnswer comes of one."""
    question, asked, reply = case
    agree(asked, reply, question)


@settings(max_examples=300)
@given(st.integers(0, 300), st.binary(max_size=40), st.sampled_from([7, 9, 11]), st.sampled_from([1, 3, 254, 255]))
def test_any_record(rtype: int, rdata: bytes, section: int, rclass: int) -> None:
    """A record of any type with any content, in any section, is read or malformed."""
    _, asked, reply = CORPUS["nodata-udp"]
    question = asked[12:-11]
    header = bytearray(reply[:4] + b"\0\1" + bytes(6))
    header[section] = 1
    record = b"\xc0\x0c" + rtype.to_bytes(2) + rclass.to_bytes(2) + bytes(4) + len(rdata).to_bytes(2) + rdata
    agree(asked, bytes(header) + question + record, CORPUS["nodata-udp"].question)
