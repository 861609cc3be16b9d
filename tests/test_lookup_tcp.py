"""A round of a lookup where a reply is cut or ends in an alias."""

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from peerdisco import LookupFailed, Outcome
from peerdisco._core.addresses import pack_ip
from peerdisco._dns import query
from peerdisco._dns.exchange import Exchange
from peerdisco._dns.lookup import MAX_ALIASES
from peerdisco._dns.memory import ServerMemory
from tests.support.rounds import (
    FIRST,
    FOUND,
    NAME,
    SECOND,
    WEB,
    Bench,
    Server,
    absent,
    failing,
    listing,
    needing_tcp,
    nonsense,
    replying,
    silent,
)


def test_tcp_where_udp_was_cut() -> None:
    """A cut reply is asked for again over TCP, at the same server; the next lookup begins there."""
    memory = ServerMemory()
    large = replying(*(f"{NAME} A 10.0.1.{n}" for n in range(100)))
    bench = Bench(memory=memory)

    assert len(bench.round(replying(cut=True), large).addresses) == 100
    assert bench.path() == [(FIRST, "udp"), (FIRST, "tcp")]
    again = Bench(memory=memory)
    again.round(large)
    assert again.path() == [(FIRST, "tcp")]


def test_tcp_is_forgotten() -> None:
    """Once the answer would fit UDP again, the next lookup begins with UDP."""
    bench = Bench(memory=needing_tcp(FIRST))
    bench.round(listing)

    assert bench.path() == [(FIRST, "tcp")]
    assert not bench.memory.needs_tcp(FIRST, WEB)


@pytest.mark.parametrize(("pods", "remembered"), [(73, False), (74, True)])
def test_tcp_is_forgotten_once_udp_would_do(pods: int, remembered: bool) -> None:
    """Over UDP names are compressed, so that what is longer over TCP may still fit."""
    bench = Bench(memory=needing_tcp(FIRST))
    message = dns.message.make_response(dns.message.from_wire(query.encode(WEB)))
    message.answer.append(dns.rrset.from_text(NAME, 30, "IN", "A", *(f"10.0.0.{n}" for n in range(pods))))
    assert (len(message.to_wire(max_size=65535)) > query.UDP_PAYLOAD) is remembered

    def spelt_out(exchange: Exchange) -> bytes:
        compressed = replying(*(f"{NAME} A 10.0.0.{n}" for n in range(pods)))(exchange)
        return compressed.replace(b"\xc0\x0c", exchange.message[12 : -11 - 4])

    bench.round(spelt_out)
    assert bench.memory.needs_tcp(FIRST, WEB) is remembered


def test_tcp_is_learnt_of_each_server() -> None:
    """Also where another server has said the same before."""
    large = replying(*(f"{NAME} A 10.0.1.{n}" for n in range(100)))
    bench = Bench()
    first = bench.round(replying(cut=True), large)
    assert bench.round(silent, replying(cut=True), large) is first

    assert bench.path()[2:] == [(FIRST, "tcp"), (SECOND, "udp"), (SECOND, "tcp")]
    assert bench.memory._needs_tcp == {(SECOND, WEB)}


def test_tcp_is_learnt_once_it_works() -> None:
    """A server whose TCP does not answer is not asked over TCP at once."""
    bench = Bench(FIRST)
    with pytest.raises(LookupFailed):
        bench.round(replying(cut=True), silent)

    assert bench.memory._needs_tcp == set()


@pytest.mark.parametrize("failure", [silent, failing(ConnectionResetError("closed")), nonsense])
def test_tcp_that_fails(failure: Server) -> None:
    """Where TCP fails the next server is asked over UDP again."""
    bench = Bench()

    assert bench.round(replying(cut=True), failure, listing).addresses == FOUND
    assert bench.path() == [(FIRST, "udp"), (FIRST, "tcp"), (SECOND, "udp")]


def test_no_tcp_at_all() -> None:
    """The reason is that the answer was cut, and the message points to TCP."""
    with pytest.raises(LookupFailed, match="port 53 open for TCP") as raised:
        Bench(FIRST).round(replying(cut=True), silent)

    assert raised.value.reason == "truncated"


def test_cut_over_tcp() -> None:
    """A part is an answer, and says that it is one; a part without any record is none."""
    assert Bench().round(replying(cut=True), replying(f"{NAME} A 10.0.0.1", cut=True)).complete is False
    with pytest.raises(LookupFailed) as raised:
        Bench(FIRST).round(replying(cut=True), replying(cut=True))
    assert raised.value.reason == "truncated"


def test_an_alias_within_a_reply() -> None:
    """A chain of CNAMEs is followed to its end."""
    chain = replying(f"{NAME} CNAME a.example.", "a.example. CNAME b.example.", "b.example. A 10.0.0.1")
    answer = Bench().round(chain)

    assert (frozenset({pack_ip("10.0.0.1")}), "b.example.") == (answer.addresses, answer.canonical)


def test_an_alias_that_is_asked_on() -> None:
    """Where a reply ends in an alias, its end is asked for at the same server."""
    bench = Bench()
    answer = bench.round(replying(f"{NAME} CNAME db.example.com."), replying("db.example.com. A 10.0.0.1"))

    assert (frozenset({pack_ip("10.0.0.1")}), "db.example.com.") == (answer.addresses, answer.canonical)
    assert bench.path() == [(FIRST, "udp")] * 2
    assert b"\x02db\x07example\x03com\0\0\x01\0\x01" in bench.sent[1].message


def test_an_alias_of_nothing() -> None:
    """An alias whose end does not exist is NXDOMAIN, and where it has no such record, NODATA."""
    alias = replying(f"{NAME} CNAME db.example.com.")

    assert Bench().round(alias, absent).outcome is Outcome.NXDOMAIN
    assert Bench().round(alias, replying(soa=True)).outcome is Outcome.NODATA


def test_aliases_are_bounded() -> None:
    """Aliases without end are a broken server, and the next one is asked."""

    def endless(exchange: Exchange) -> bytes:
        (question,) = dns.message.from_wire(exchange.message).question
        return replying(f"{question.name} CNAME x{len(bench.sent)}.example.")(exchange)

    bench = Bench()
    assert bench.round(*[endless] * MAX_ALIASES, listing).addresses == FOUND
    assert bench.path() == [(FIRST, "udp")] * MAX_ALIASES + [(SECOND, "udp")]
    with pytest.raises(LookupFailed, match=f"{MAX_ALIASES} aliases") as raised:
        bench.round(*[endless] * (2 * MAX_ALIASES))
    assert raised.value.reason == "malformed"


@pytest.mark.parametrize("target", ["a\\000b.example.", "a\\.b.example.", "*.example.", "."])
def test_an_alias_that_is_no_host(target: str) -> None:
    """A name that no host can have is not asked for."""
    with pytest.raises(LookupFailed, match="no host's name") as raised:
        Bench(FIRST).round(replying(f"{NAME} CNAME {target}"))

    assert raised.value.reason == "malformed"


def test_an_outage_is_not_called_truncated() -> None:
    """Of a list that is known to need TCP, a server that says nothing at all is a time-out."""
    bench = Bench(FIRST, memory=needing_tcp(FIRST))

    with pytest.raises(LookupFailed) as raised:
        bench.round(silent)
    assert raised.value.reason == "timeout"


def test_a_udp_reply_longer_than_announced() -> None:
    """A reply longer than the query has room for counts as cut, though it does not say so."""
    bench = Bench(FIRST)
    many = replying(*(f"{NAME} A 10.0.{n >> 8}.{n & 255}" for n in range(80)))

    assert len(bench.round(many, many).addresses) == 80
    assert bench.path() == [(FIRST, "udp"), (FIRST, "tcp")]


def test_without_edns_a_udp_reply_has_512_bytes() -> None:
    """The room of a query without EDNS is smaller."""
    bench = Bench(FIRST)
    many = replying(*(f"{NAME} A 10.0.0.{n}" for n in range(40)))
    bench.round(replying(rcode="FORMERR"), many, many)

    assert bench.path() == [(FIRST, "udp"), (FIRST, "udp"), (FIRST, "tcp")]
