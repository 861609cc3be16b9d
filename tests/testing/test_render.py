"""How questions are read, and how replies fit into packets."""

import random
import struct
import time
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from dns.rdatatype import AAAA, A
from hypothesis import given, settings
from hypothesis import strategies as st

from peerdisco.testing._coredns import services
from peerdisco.testing._coredns.query import Query, parse
from peerdisco.testing._coredns.records import Reply, RRset, alias, labels, packed
from peerdisco.testing._coredns.registry import Registry
from peerdisco.testing._coredns.render import Transport, refused, render
from peerdisco.testing._coredns.services import Pod
from peerdisco.testing._coredns.zone import Zone

NAME = "test-cs-svc.default.svc.cluster.local"


def question(name: str = NAME, rtype: str = "A", **options: Any) -> Query:
    """A question as a client packs it."""
    query = parse(dns.message.make_query(name, rtype, **options).to_wire())
    assert isinstance(query, Query)
    return query


def edns(size: int) -> dict[str, Any]:
    """The options that make a question advertise a size."""
    return {"use_edns": 0, "payload": size}


def addresses(count: int, rtype: int = A, name: str = NAME) -> Reply:
    """A reply with so many distinct addresses."""
    size = 4 if rtype == A else 16
    rdatas = [(10 << 8 * (size - 1) | n).to_bytes(size, "big") for n in range(1, count + 1)]
    rrsets = [RRset(packed(labels(name)), rtype, 30, rdatas)] if count else []
    return Reply(0, authoritative=True, answer=rrsets)


def rendered(
    query: Query, reply: Reply, transport: Transport = "udp", seed: int = 0
) -> tuple[bytes, dns.message.Message]:
    """A packet and what dnspython reads in it."""
    packet = render(query, reply, transport, random.Random(seed))
    return packet, dns.message.from_wire(packet)


def listed(message: dns.message.Message) -> list[str]:
    """The data of all answer records, in their order."""
    return [str(rdata) for rrset in message.answer for rdata in rrset]


@pytest.mark.parametrize(
    ("rtype", "options", "transport", "most"),
    [
        (A, {}, "udp", 29),
        (A, edns(1232), "udp", 73),
        (A, edns(4096), "udp", 252),
        (A, {}, "tcp", 4093),
        (A, edns(1232), "tcp", 4092),
        (AAAA, {}, "udp", 16),
        (AAAA, edns(1232), "udp", 41),
        (AAAA, edns(4096), "udp", 144),
        (AAAA, {}, "tcp", 2338),
    ],
)
def test_as_many_addresses_fit_as_in_coredns(
    rtype: int, options: dict[str, Any], transport: Transport, most: int
) -> None:
    """One more sets TC, over TCP as well, and costs the one more."""
    query = question("web.default.svc.cluster.local", **options)
    for count, cut in ((most, False), (most + 1, True)):
        reply = addresses(count, rtype, "web.default.svc.cluster.local")
        packet, message = rendered(query, reply, transport)
        assert len(listed(message)) == most
        assert bool(message.flags & dns.flags.TC) is cut
        assert len(packet) <= {"tcp": 65535}.get(transport, options.get("payload", 512))


def test_a_reply_is_spelt_out_while_it_fits() -> None:
    """Each address then repeats the whole name; one more and all become pointers."""
    spelt = len(packed(labels(NAME)))
    room = (512 - 12 - spelt - 4) // (spelt + 14)
    packet, _ = rendered(question(), addresses(room))
    assert len(packet) == 12 + spelt + 4 + room * (spelt + 14)
    packet, message = rendered(question(), addresses(room + 1))
    assert len(packet) == 12 + spelt + 4 + (room + 1) * 16
    assert not message.flags & dns.flags.TC


def test_a_long_reply_over_udp_is_compressed_though_it_fits() -> None:
    """Past 1480 bytes it would be fragmented; over TCP it is spelt out all the same."""
    assert len(rendered(question(**edns(4096)), addresses(40))[0]) < 1480
    assert len(rendered(question(**edns(4096)), addresses(40), "tcp")[0]) > 1480


def test_srv_targets_are_spelt_out_and_glue_goes_first() -> None:
    """In a full packet every target still stands where most of the glue is lost."""
    zone = Zone(Registry(labels("cluster.local"), "default"), ttl=30, serial=1)
    pods = [Pod(f"10.0.{n >> 8}.{n & 255}") for n in range(1, 1001)]
    zone.declare(services.headless("default", "web", pods, {"http": 80}, publish_not_ready=False))
    query = question("web.default.svc.cluster.local", "SRV")
    reply = zone.answer(query.name, query.rtype)
    packet, message = rendered(query, reply, "tcp")
    assert packet.count(b"\x03web\x07default\x03svc") == 1001
    assert len(listed(message)) == 1000
    assert 0 < sum(map(len, message.additional)) < 400
    assert message.flags & dns.flags.TC
    assert 0 < len(listed(rendered(query, reply)[1])) <= 8
    assert not rendered(query, reply)[1].additional


def test_names_after_16_kib_are_not_pointed_to() -> None:
    """A pointer has 14 bits: glue of later targets spells out the label that is new."""
    owner = packed(labels(NAME))
    targets = [packed(labels(f"p-{n}.{NAME}")) for n in range(900)]
    answer = [RRset(owner, 33, 30, (bytes(6),), (target,)) for target in targets]
    glue = [RRset(targets[-1], A, 30, (bytes((10, 0, 0, n)),)) for n in range(9)]
    padding = [RRset(owner, A, 30, [bytes(4)] * 200)]
    reply = Reply(0, answer=answer, additional=glue + padding)
    _, message = rendered(question(rtype="SRV"), reply, "tcp")
    assert len(listed(message)) == 900
    owners = {str(rrset.name) for rrset in message.additional}
    assert owners <= {f"p-899.{NAME}.", f"{NAME}."}


def test_the_order_is_random_and_can_be_seeded() -> None:
    """Two replies differ; two with one seed do not."""
    reply = addresses(20)
    one, two, again = (listed(rendered(question(), reply, seed=seed)[1]) for seed in (1, 2, 1))
    assert one != two
    assert sorted(one) == sorted(two)
    assert one == again


def test_a_cut_reply_is_a_fresh_sample() -> None:
    """Six replies of 4,093 together name nearly all of 5,000."""
    seen: set[str] = set()
    for seed in range(6):
        seen.update(listed(rendered(question(), addresses(5000), "tcp", seed)[1]))
    assert len(seen) > 4990


def test_aliases_stay_in_front() -> None:
    """A client reads a chain from its beginning."""
    chain = [alias(labels("a.test"), 5, labels("b.test")), alias(labels("b.test"), 5, labels(NAME))]
    answer = (*chain, *addresses(3).answer)
    for seed in range(5):
        _, message = rendered(question("a.test"), Reply(0, answer=answer), seed=seed)
        assert [str(rrset.name) for rrset in message.answer] == ["a.test.", "b.test.", f"{NAME}."]


def test_the_header_says_what_was_asked() -> None:
    """Id, RD, CD and the question come back; AA is the zone's; RA and AD never are."""
    sent = dns.message.make_query(NAME.upper(), "A", flags=dns.flags.RD | dns.flags.CD)
    query = parse(sent.to_wire())
    assert isinstance(query, Query)
    _, message = rendered(query, addresses(1, name=NAME.upper()))
    assert message.id == sent.id
    assert message.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD | dns.flags.CD
    assert message.question[0].name.labels == sent.question[0].name.labels
    assert message.answer[0].name.labels == sent.question[0].name.labels


def test_edns_is_echoed() -> None:
    """The size and DO come back, options do not; without EDNS there is none."""
    cookie = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")
    query = question(**edns(1400), want_dnssec=True, options=[cookie])
    _, message = rendered(query, addresses(1))
    assert (message.edns, message.payload, message.options) == (0, 1400, ())
    assert message.ednsflags & dns.flags.DO
    assert rendered(question(), addresses(1))[1].edns == -1


def test_what_is_refused_before_any_zone() -> None:
    """Another class is REFUSED; another EDNS version is BADVERS."""
    other_class = refused(parse_ok(dns.message.make_query(NAME, "A", "CH").to_wire()))
    assert isinstance(other_class, Reply)
    assert other_class.rcode == dns.rcode.REFUSED
    bad_version = refused(question(use_edns=1))
    assert isinstance(bad_version, bytes)
    assert dns.message.from_wire(bad_version).rcode() == dns.rcode.BADVERS
    assert refused(question()) is None


def parse_ok(packet: bytes) -> Query:
    """Read a packet that is a question."""
    query = parse(packet)
    assert isinstance(query, Query)
    return query


def header(flags: int = 0, *counts: int) -> bytes:
    """A header with id 7."""
    return struct.pack("!HHHHHH", 7, flags, *(counts or (1, 0, 0, 0)))


@pytest.mark.parametrize(
    ("packet", "reply"),
    [
        (b"", b""),
        (header()[:11], b""),
        (header(0x8000), b""),
        (header(0x2900), header(0xA904, 0, 0, 0, 0)),
        (header(0x2100), header(0xA002, 0, 0, 0, 0)),
        (header(0x0100, 2, 0, 0, 0), header(0x8101, 0, 0, 0, 0)),
        (header(0x0100, 0, 0, 0, 0), header(0x8101, 0, 0, 0, 0)),
        (header(0x0100, 1, 2, 0, 0), header(0x8101, 0, 0, 0, 0)),
        (header(0x0100), header(0x8102, 0, 0, 0, 0)),
        (header(0x0100) + b"\x03we", header(0x8101, 0, 0, 0, 0)),
        (header(0x0100) + b"\xc0\x0c\0\1\0\1", header(0x8101, 0, 0, 0, 0)),
    ],
)
def test_what_is_no_question(packet: bytes, reply: bytes) -> None:
    """Silence, NOTIMP, FORMERR or SERVFAIL, each in a bare header."""
    assert parse(packet) == reply


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_rejected(tail: bytes) -> None:
    """Nothing that comes off the network raises."""
    for packet in (tail, header(0x0100, 1, 0, 0, 1) + tail):
        assert isinstance(parse(packet), Query | bytes)


@settings(deadline=None)
@given(
    st.integers(0, 120),
    st.sampled_from([A, AAAA]),
    st.integers(0, 5000),
    st.sampled_from(["udp", "tcp"]),
)
def test_every_packet_fits_and_can_be_read(count: int, rtype: int, size: int, transport: Transport) -> None:
    """Whatever is asked, TC is set exactly when records are missing."""
    query = question(**edns(size))
    packet, message = rendered(query, addresses(count, rtype), transport)
    assert len(packet) <= (65535 if transport == "tcp" else max(512, size))
    assert bool(message.flags & dns.flags.TC) is (len(listed(message)) < count)
    assert len(set(listed(message))) == len(listed(message))


def test_4000_addresses_are_rendered_within_milliseconds() -> None:
    """A watcher's tests ask often; the limit is generous for slow machines."""
    query, reply, draw = question(), addresses(4000), random.Random(0)
    began = time.perf_counter()
    for _ in range(10):
        render(query, reply, "tcp", draw)
    assert (time.perf_counter() - began) / 10 < 0.05
