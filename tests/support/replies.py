"""Replies of any kind, to be generated: well-formed ones, byte by byte, damaged."""

import struct
from random import Random

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from dns import rdatatype
from hypothesis import strategies as st

from peerdisco import Question
from peerdisco._dns import query
from peerdisco.answers import RecordType
from peerdisco.testing._coredns.query import parse
from peerdisco.testing._coredns.records import Reply, RRset, labels, packed
from peerdisco.testing._coredns.render import render
from tests.support.recorded import CORPUS, Recorded

NAMES = ("web.default.svc.cluster.local.", "a.b.", "web-0.web.default.svc.cluster.local.")
OTHERS = ("other.default.svc.cluster.local.", "db.example.com.", "cluster.local.", ".")
SIZES = {"A": 4, "AAAA": 16}
TTLS = st.sampled_from([0, 5, 30, 3600, 2**31 - 1])


@st.composite
def queries(draw: st.DrawFn, *rtypes: RecordType) -> tuple[Question, bytes]:
    """A question, and its bytes with EDNS or without."""
    question = Question(draw(st.sampled_from(NAMES)), draw(st.sampled_from(rtypes)))
    return question, draw(st.binary(min_size=2, max_size=2)) + query.encode(question, edns=draw(st.booleans()))[2:]


@st.composite
def record_sets(draw: st.DrawFn, owner: str, rtype: str) -> dns.rrset.RRset:
    """Records of one owner and type."""
    numbers = st.integers(0, 9)
    texts = {
        "A": numbers.map(lambda n: f"10.0.0.{n}"),
        "AAAA": numbers.map(lambda n: f"fd00::{n}"),
        "CNAME": st.sampled_from(NAMES + OTHERS),
        "DNAME": st.sampled_from(OTHERS),
        "PTR": st.sampled_from(NAMES + OTHERS),
        "SRV": st.builds("{} 1 {} {}".format, numbers, numbers, st.sampled_from(NAMES + OTHERS)),
        "SOA": numbers.map(lambda n: f"ns.x. mail.x. {n} 2 3 4 {n}"),
        "NS": st.just("ns.x."),
        "TXT": numbers.map(str),
        "RRSIG": numbers.map(lambda n: f"A 13 5 30 20300101000000 20200101000000 {n} cluster.local. AAAA"),
    }
    many = 1 if rtype in {"CNAME", "DNAME", "SOA"} else 4
    rdatas = draw(st.lists(texts[rtype], min_size=1, max_size=many))
    return dns.rrset.from_text(owner, draw(TTLS), "IN", rtype, *rdatas)


@st.composite
def messages(draw: st.DrawFn, *rtypes: RecordType) -> Recorded:
    """A reply with any records in any section, as dnspython writes it."""
    question, asked = draw(queries(*(rtypes or ("A", "AAAA", "SRV", "PTR"))))
    message = dns.message.make_response(dns.message.from_wire(asked))
    message.use_edns(draw(st.sampled_from([-1, 0])), payload=draw(st.sampled_from([512, 1232, 65535])))
    message.set_rcode(draw(st.sampled_from([dns.rcode.NOERROR] * 4 + [dns.rcode.NXDOMAIN, dns.rcode.BADVERS])))
    for flag in (dns.flags.TC, dns.flags.AA):
        message.flags |= draw(st.sampled_from([0, flag]))
    owners = st.sampled_from((question.name,) * 6 + NAMES + OTHERS)
    found = (question.rtype,) * 3 + ("CNAME",) * 3
    kinds = {0: (*found, "A", "AAAA", "SRV", "TXT", "RRSIG", "DNAME"), 1: ("SOA", "NS", "TXT"), 2: ("A", "AAAA", "TXT")}
    for number, section in enumerate((message.answer, message.authority, message.additional)):
        for _ in range(draw(st.integers(0, 2 if number else 5))):
            section.append(draw(record_sets(draw(owners), draw(st.sampled_from(kinds[number])))))
    reply = message.to_wire(max_size=65535, want_shuffle=False)
    return Recorded(question, asked, reply)


class Writer:
    """Writes a reply byte by byte, with names spelt in any way.

    Args:
        question: what was asked.
        asked: the query.
        random: decides what the caller does not.
    """

    def __init__(self, question: Question, asked: bytes, random: Random) -> None:
        self._random = random
        self._reply = bytearray(asked[: query.question_end(asked)])
        self._places: dict[tuple[bytes, ...], int] = {}
        self._counts = [1, 0, 0, 0]
        left, place = labels(question.name), 12
        while left:
            self._places[left] = place
            left, place = left[1:], place + 1 + len(left[0])

    def add(self, section: int, owner: str, rtype: int) -> None:
        """Add a record to the answer (1), authority (2) or additional section (3)."""
        random, reply = self._random, self._reply
        reply += self._name(owner, len(reply))
        rclass = 3 if random.random() < 0.05 else 1
        ttl = random.choice([0, 30, 30, 30, 3600, 2**31 - 1, 2**31, 2**32 - 1])
        data = self._data(rtype, len(reply) + 10)
        length = len(data) + (random.choice([-1, 1]) if random.random() < 0.01 else 0)
        reply += struct.pack("!HHIH", rtype, rclass, ttl, max(0, length)) + data
        self._counts[section] += 1

    def add_opt(self) -> None:
        """Add EDNS, with options or without, sometimes with an extended rcode."""
        options = self._random.choice(
            [b"", b"", b"\0\x0a\0\x08abcdefgh", b"\0\x0c\0\2\0\0", b"\0\x0f\0\3\0\1x", b"\0\x0f\0\1x"]
        )
        extended = self._random.random() < 0.1
        self._reply += struct.pack("!BHHBBHH", 0, 41, 1232, extended, 0, 0, len(options)) + options
        self._counts[3] += 1

    def written(self, flags: int) -> bytes:
        """Return the reply."""
        self._reply[2:12] = struct.pack("!5H", flags, *self._counts)
        return bytes(self._reply)

    def _name(self, text: str, place: int) -> bytes:
        """A name that begins at a place: in full or compressed, in small or capital letters, or pointing anywhere."""
        random, left, written = self._random, labels(text), b""
        while left:
            if left in self._places and random.random() < 0.7:
                return written + (0xC000 | self._places[left]).to_bytes(2)
            if random.random() < 0.01:
                return written + (0xC000 | random.randrange(place + 2)).to_bytes(2)
            self._places.setdefault(left, place + len(written))
            label = left[0].upper() if random.random() < 0.2 else left[0]
            written += bytes([len(label)]) + label
            left = left[1:]
        return written + b"\0"

    def _data(self, rtype: int, place: int) -> bytes:
        random = self._random
        match rtype:
            case rdatatype.A | rdatatype.AAAA:
                size = 4 if rtype == rdatatype.A else 16
                return bytes(random.randrange(4) for _ in range(size if random.random() < 0.99 else size + 1))
            case rdatatype.CNAME | rdatatype.PTR | rdatatype.NS:
                return self._name(random.choice(NAMES + OTHERS), place)
            case rdatatype.SRV:
                head = struct.pack("!HHH", 0, random.randrange(2), random.choice([80, 443]))
                return head + self._name(random.choice(NAMES + OTHERS), place + len(head))
            case rdatatype.SOA:
                first = self._name(random.choice(OTHERS), place)
                second = self._name(random.choice(OTHERS), place + len(first))
                return first + second + struct.pack("!5I", 1, 2, 3, 4, random.choice([0, 5, 2**32 - 1]))
            case rdatatype.TXT if random.random() < 0.9:
                return b"\3abc"
            case rdatatype.RRSIG if random.random() < 0.9:
                return struct.pack("!HBBIIIH", 1, 13, 5, 30, 0, 0, 1) + b"\0signature"
            case _:
                return random.randbytes(random.randrange(30))


@st.composite
def written(draw: st.DrawFn, *rtypes: RecordType) -> Recorded:
    """A reply with any records in any order, written byte by byte."""
    question, asked = draw(queries(*(rtypes or ("A", "AAAA", "SRV", "PTR"))))
    # Hypothesis's own Random prefers 0 and 1: hardly a reply would be well-formed.
    random = Random(draw(st.integers(0, 2**64)))
    writer = Writer(question, asked, random)
    owners = (question.name,) * 6 + NAMES + OTHERS
    wanted = query.TYPES[question.rtype]
    kinds = {
        1: (*(wanted,) * 6, *(rdatatype.CNAME,) * 3, rdatatype.RRSIG, rdatatype.A, rdatatype.TXT, rdatatype.DNAME),
        2: (rdatatype.SOA, rdatatype.NS, rdatatype.NS, rdatatype.RRSIG, 65280),
        3: (rdatatype.A, rdatatype.AAAA, rdatatype.TXT),
    }
    elsewhere = random.random() < 0.5
    for section, most in ((1, 10), (2, 3), (3, 6)):
        for _ in range(random.randint(0, most)):
            rtype = random.choice(kinds[section])
            writer.add(section, random.choice(owners[6 * (elsewhere and rtype == wanted) :]), rtype)
        if section == 3 and random.random() < 0.5:
            writer.add_opt()
    flags = random.choice([0x8180, 0x8500, 0x8500, 0x8700, 0x8583])
    reply = writer.written(flags)
    if random.random() < 0.05:
        reply = reply[: random.randrange(len(reply))]
    return Recorded(question, asked, reply)


@st.composite
def plain_lists(draw: st.DrawFn) -> Recorded:
    """A list of addresses in runs that are alike, with records of other types among and behind them."""
    question, asked = draw(queries("A", "AAAA"))
    end = query.question_end(asked)
    spelt = asked[12 : end - 4]
    size, rtype = SIZES[question.rtype], query.TYPES[question.rtype]
    owners = st.sampled_from([b"\xc0\x0c"] * 3 + [spelt] * 3 + [spelt.upper(), b"\xc0\x0d", spelt[:-1]])
    ttls = st.sampled_from([5, 30, 30, 30, 2**31 - 1, 2**31])
    records: list[bytes] = []
    for _ in range(draw(st.integers(0, 4))):
        head = draw(owners) + struct.pack("!HHIH", rtype, 1, draw(ttls), size)
        records += [head + bytes([*range(size - 1), n]) for n in draw(st.lists(st.integers(0, 99), max_size=40))]
        if draw(st.booleans()):
            other = draw(st.sampled_from([rdatatype.RRSIG, rdatatype.TXT, rdatatype.CNAME, 65280]))
            records.append(draw(owners) + struct.pack("!HHIH", other, 1, 30, 5) + b"\3abc\0")
    behind = [b"\xc0\x0c" + struct.pack("!HHIH", rdatatype.NS, 1, 30, 2) + b"\xc0\x0c"] * draw(st.integers(0, 2))
    opts = [
        asked[end:] or query.OPT,
        b"\0\0\x29\x02\0\0\0\x80\0\0\0",
        b"\0\0\x29\x02\0\1\0\0\0\0\0",
        b"\0\0\x29\x02\0\0\0\0\0\0\5\0\x0f\0\1\0",
    ]
    opt = draw(st.lists(st.sampled_from(opts), max_size=1))
    flags = draw(st.sampled_from([0x8180, 0x8500, 0x8700, 0x8300, 0x8183]))
    header = asked[:2] + struct.pack("!5H", flags, 1, len(records), len(behind), len(opt))
    return Recorded(question, asked, header + asked[12:end] + b"".join(records + behind + opt))


@st.composite
def served(draw: st.DrawFn) -> Recorded:
    """The reply of a `LocalCluster`, spelt out or compressed."""
    question, asked = draw(queries("A", "AAAA"))
    size = SIZES[question.rtype]
    rdatas = draw(st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=120, unique=True))
    answer = [RRset(packed(labels(question.name)), query.TYPES[question.rtype], draw(st.integers(0, 3600)), rdatas)]
    parsed = parse(asked)
    assert not isinstance(parsed, bytes)
    said = Reply(0, authoritative=True, answer=answer)
    return Recorded(question, asked, render(parsed, said, draw(st.sampled_from(["udp", "tcp"])), draw(st.randoms())))


@st.composite
def damaged(draw: st.DrawFn) -> Recorded:
    """A reply of which a few bytes have been changed, cut off or put in."""
    recorded = st.sampled_from(list(CORPUS.values()))
    question, asked, reply = draw(st.one_of(recorded, plain_lists(), messages(), written()))
    changed = bytearray(reply)
    start = query.question_end(asked)
    for _ in range(draw(st.integers(1, 4))):
        behind = st.integers(start, max(start, len(changed) - 1))
        at = draw(st.one_of(st.sampled_from([2, 3, 7, 9, 11]), behind, behind, behind))
        match draw(st.integers(0, 3)) if at >= start else 0:
            case 0:
                changed[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del changed[at : at + draw(st.integers(1, 16))]
            case 2:
                changed[at:at] = draw(st.binary(min_size=1, max_size=16))
            case _:
                changed[at:at] = changed[at : at + draw(st.integers(1, 32))]
    return Recorded(question, asked, bytes(changed))
