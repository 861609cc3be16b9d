"""The double that users get, `LocalCluster`, against CoreDNS: same Services, same questions.

Compared are the header, each section's records with their TTLs, the OPT record and the packet's
size. Not so: the order of records, which both shuffle; the SOA's serial, which is a time; and
which records are left of a reply that was cut, where their numbers are compared.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rdatatype
import dns.rrset
import pytest

from peerdisco.testing.cluster import LocalCluster
from tests.e2e.api_server import ApiServer
from tests.e2e.cases import NAMES, SIZES, ZONE, declare, sized
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile

TYPES = ("A", "AAAA", "SRV", "CNAME", "TXT", "PTR", "NS", "SOA", "MX", "HTTPS", "ANY")
ROOMS = (None, 512, 1232, 4096, 32768)  # EDNS sizes; None: without EDNS


class Both(NamedTuple):
    """The ports of CoreDNS and of its double."""

    real: int
    double: int


@pytest.fixture(scope="module")
def both(coredns_binary: Path) -> Iterator[Both]:
    """The same cluster, twice."""
    with ApiServer() as api, LocalCluster() as double:
        declare(api)
        declare(double)
        with CoreDNS(coredns_binary, corefile(api.url)) as real:
            settled(real, api)
            yield Both(real.port, port_of(double))


def port_of(double: LocalCluster) -> int:
    """Where it listens."""
    return int(double.nameserver.rpartition(":")[2])


def ask(port: int, name: str, kind: str, *, tcp: bool = False, room: int | None = None) -> dns.message.Message:
    """One question, one reply, cut or not."""
    question = dns.message.make_query(name, kind, payload=room, use_edns=-1 if room is None else 0)
    return send(port, question, tcp=tcp)


def send(port: int, question: dns.message.Message, *, tcp: bool) -> dns.message.Message:
    """Ask, with no record of the reply merged into another."""
    transport = dns.query.tcp if tcp else dns.query.udp
    return transport(question, "127.0.0.1", port=port, timeout=10, one_rr_per_rrset=True)


def shape(reply: dns.message.Message) -> dict[str, object]:
    """All of a reply that is the same at each asking."""
    cut = bool(reply.flags & dns.flags.TC)
    return {
        "header": (reply.rcode(), dns.flags.to_text(reply.flags)),
        "question": [rrset.to_text() for rrset in reply.question],
        "answer": records(reply.answer, cut),
        "authority": records(reply.authority, cut),
        "additional": records(reply.additional, cut),
        "opt": (reply.edns, reply.ednsflags, reply.payload, reply.options),
        "size": None if cut else len(reply.wire or b""),
    }


def records(section: list[dns.rrset.RRset], cut: bool) -> object:
    """A section's records in no order, or how many they are."""
    if cut:
        return len(section)
    return Counter(" ".join(map(str, record(rrset))) for rrset in section)


def record(rrset: dns.rrset.RRset) -> tuple[object, ...]:
    """One record as text, but the serial of an SOA."""
    data = rrset[0].to_text()
    if rrset.rdtype == dns.rdatatype.SOA:
        fields = data.split()
        data = " ".join((*fields[:2], "SERIAL", *fields[3:]))
    return rrset.name, rrset.ttl, rrset.rdtype, data


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("name", NAMES)
def test_any_question(both: Both, name: str, tcp: bool) -> None:
    """Each type of each name is answered alike."""
    for kind in TYPES:
        for room in (None, 1232):
            real, double = (shape(ask(port, name, kind, tcp=tcp, room=room)) for port in both)
            assert double == real, (kind, room)


@pytest.mark.parametrize(("room", "tcp"), [*((room, False) for room in ROOMS), (None, True), (1232, True)])
@pytest.mark.parametrize(("version", "count"), [(v, n) for v, counts in SIZES.items() for n in counts])
def test_any_size(both: Both, version: int, count: int, room: int | None, tcp: bool) -> None:
    """Around each boundary the same number of records is left, and TC says so alike."""
    name = f"{sized(version, count)}.default.svc.{ZONE}"
    for kind in ("A" if version == 4 else "AAAA", "SRV"):
        real, double = (shape(ask(port, name, kind, tcp=tcp, room=room)) for port in both)
        assert double == real, kind


FLAGS = ("", "RD", "RD CD", "RD AD", "AA", "TC", "RA RD")
EDNS = ((-1, 0), (0, 0), (0, dns.flags.DO), (1, 0))  # version, -1 for none, and flags
OPCODES = (dns.opcode.QUERY, dns.opcode.STATUS, dns.opcode.NOTIFY, dns.opcode.UPDATE)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("opcode", OPCODES, ids=dns.opcode.to_text)
@pytest.mark.parametrize("rdclass", ["IN", "CH"])
def test_any_header(both: Both, tcp: bool, opcode: dns.opcode.Opcode, rdclass: str) -> None:
    """Flags, operation, class and EDNS version are answered alike."""
    for flags, (version, edns_flags) in itertools.product(FLAGS, EDNS):
        name = f"web.default.svc.{ZONE}"
        question = dns.message.make_query(name, "A", rdclass, version, ednsflags=edns_flags)
        question.flags = dns.flags.from_text(flags)
        question.set_opcode(opcode)
        real, double = (shape(send(port, question, tcp=tcp)) for port in both)
        assert double == real, (flags, version, edns_flags)


def test_changes(api: ApiServer, coredns: CoreDNS) -> None:
    """A Service that is scaled, becomes another kind, or is deleted changes on both alike."""
    steps: list[Callable[[ApiServer | LocalCluster], None]] = [
        lambda side: side.headless("web", ["10.0.0.1"], namespace="new"),
        lambda side: side.headless("web", ["10.0.0.1", "fd00::1"], namespace="new", ports={"http": 80}),
        lambda side: side.headless("web", [], namespace="new"),
        lambda side: side.cluster_ip("web", "10.96.0.1", namespace="new"),
        lambda side: side.external_name("web", "example.com", namespace="new"),
        lambda side: side.headless("web", ["10.0.0.1"], namespace="new"),
        lambda side: side.delete("web", namespace="new"),
    ]
    names = [f"{name}.{ZONE}" for name in ("web.new.svc", "new.svc", "web.default.svc")]
    with LocalCluster() as double:
        ports = Both(coredns.port, port_of(double))
        for number, step in enumerate(steps):
            step(api)
            step(double)
            settled(coredns, api)
            for name, kind in itertools.product(names, TYPES):
                said, repeated = (shape(ask(port, name, kind)) for port in ports)
                assert repeated == said, (number, name, kind)
