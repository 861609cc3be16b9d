"""A round of a lookup as the plain generator that it is: who is asked what, over what, and what it comes to."""

import pytest
from tenacity import Retrying

from peerdisco import Answer, LookupFailed, Outcome, Question
from peerdisco._dns.exchange import Exchange
from peerdisco._dns.lists import KnownList
from peerdisco._dns.memory import ServerMemory
from tests.support.rounds import (
    FIRST,
    FOUND,
    IPS,
    NAME,
    SECOND,
    WEB,
    Bench,
    Server,
    absent,
    failing,
    listing,
    nonsense,
    replying,
    silent,
)


def test_the_first_server_answers() -> None:
    """One answer is enough."""
    bench = Bench()

    assert bench.round(listing).addresses == FOUND
    assert bench.path() == [(FIRST, "udp")]


@pytest.mark.parametrize(
    "bad",
    [
        silent,
        failing(ConnectionRefusedError()),
        failing(OSError(101, "Network is unreachable")),
        replying(rcode="SERVFAIL"),
        replying(rcode="REFUSED"),
        nonsense,
    ],
)
def test_the_next_server_is_asked(bad: Server) -> None:
    """Whatever the first one fails with, the next gets the same question with another id."""
    bench = Bench()

    assert bench.round(bad, listing).addresses == FOUND
    assert bench.path() == [(FIRST, "udp"), (SECOND, "udp")]
    first, second = (exchange.message for exchange in bench.sent)
    assert first[:2] != second[:2]
    assert first[2:] == second[2:]


def test_the_same_again() -> None:
    """An answer that repeats the last plain list, in any order, is that very answer; one that differs is not."""
    bench = Bench()
    first = bench.round(listing)
    again = bench.round(replying(*(f"{NAME} A {ip}" for ip in reversed(IPS))))
    fewer = bench.round(replying(f"{NAME} A {IPS[0]}"))
    alias = replying(f"{NAME} CNAME a.example.", *(f"a.example. A {ip}" for ip in IPS))
    assert bench.round(absent).addresses == frozenset()
    assert bench.round(alias).canonical == "a.example."

    assert again is first
    assert {question: known.answer for question, known in bench.known.items()} == {WEB: fewer}


def test_what_is_remembered_is_bounded() -> None:
    """However many names are asked for, what is remembered of them stays small."""
    bench = Bench()
    for n in range(1000):
        bench.known[Question(f"web-{n}.", "A")] = KnownList(Answer(Outcome.FOUND, FOUND))
        bench.memory.set_needs_tcp(FIRST, Question(f"web-{n}.", "A"), needed=True)
    bench.round(replying(cut=True), replying(*(f"{NAME} A 10.0.1.{n}" for n in range(100))))

    assert list(bench.known) == [WEB]
    assert bench.memory._needs_tcp == {(FIRST, WEB)}


@pytest.mark.parametrize("absence", [absent, replying(soa=True)])
def test_absence_is_an_answer(absence: Server) -> None:
    """Nobody, said with authority, is not asked about elsewhere."""
    bench = Bench()

    assert bench.round(absence).outcome in (Outcome.NXDOMAIN, Outcome.NODATA)
    assert len(bench.sent) == 1


@pytest.mark.parametrize(
    ("replies", "reason", "said"),
    [
        ([silent, silent], "timeout", "did not answer"),
        ([failing(ConnectionRefusedError()), silent], "refused", "nothing listens there"),
        ([silent, failing(OSError(101, "Network is unreachable"))], "refused", "Network is unreachable"),
        ([silent, replying(rcode="SERVFAIL")], "servfail", "answered SERVFAIL"),
        ([replying(rcode="REFUSED"), silent], "refused", "answered REFUSED"),
        ([replying(rcode="REFUSED"), replying(rcode="SERVFAIL")], "servfail", "answered REFUSED"),
        ([replying(rcode="NOTIMP"), replying(rcode="NOTIMP"), silent], "servfail", "answered NOTIMP"),
        ([silent, nonsense], "malformed", "can't be read"),
    ],
)
def test_why_nobody_answered(replies: list[Server], reason: str, said: str) -> None:
    """The last reason that is more than silence counts, and the story has all of them."""
    with pytest.raises(LookupFailed, match=said) as raised:
        Bench().round(*replies)

    assert reason == raised.value.reason
    assert [attempt.server for attempt in raised.value.attempts] == ["10.96.0.10:53", "[fd00::a]:5353"]


@pytest.mark.parametrize(("servers", "share"), [(1, 1.0), (3, 1.0), (8, 0.5)])
def test_patience(servers: int, share: float) -> None:
    """Each server has a share of the time, twice as much in the next round."""
    bench = Bench(*[FIRST] * servers)
    for _ in range(2):
        with pytest.raises(LookupFailed):
            bench.round(*[silent] * servers)

    assert [share] * servers + [2 * share] * servers == [exchange.timeout for exchange in bench.sent]


def test_in_time() -> None:
    """No exchange waits longer than there is time, and none begins after it."""

    def slow(exchange: Exchange) -> bytes:
        bench.clock.advance(exchange.timeout)
        return silent(exchange)

    bench = Bench(*[FIRST] * 3)
    bench.clock.advance(2.25)
    with pytest.raises(LookupFailed) as raised:
        bench.round(slow, slow, slow)

    assert [exchange.timeout for exchange in bench.sent] == [1.0, 1.0, 0.75]
    assert bench.lookup.is_over
    with pytest.raises(LookupFailed):
        bench.round()
    assert len(raised.value.attempts) == 3


def test_waits_between_rounds() -> None:
    """Rounds are repeated at growing distances while there is time, and the failure tells all attempts."""
    bench = Bench(FIRST)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        bench.clock.advance(seconds)

    with pytest.raises(LookupFailed) as raised:
        Retrying(sleep=sleep, **bench.lookup.retry_policy())(lambda: bench.round(silent))

    assert waits == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert len(raised.value.attempts) == 8


def test_an_answer_ends_the_rounds() -> None:
    """The first round that brings an answer is the last; any other error than LookupFailed ends them as well."""
    bench = Bench(FIRST)
    replies = iter([silent, replying(rcode="SERVFAIL"), listing])
    policy = bench.lookup.retry_policy()

    assert Retrying(sleep=bench.clock.advance, **policy)(lambda: bench.round(next(replies))).addresses == FOUND
    with pytest.raises(ZeroDivisionError):
        Retrying(sleep=bench.clock.advance, **policy)(lambda: 1 // 0)


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP"])
def test_a_server_without_edns(rcode: str) -> None:
    """A server that refuses EDNS is asked without it, which is remembered for ten minutes once it has answered."""
    bench = Bench(FIRST, timeout=1000)
    refusal = replying(rcode=rcode)

    assert bench.round(refusal, listing).addresses == FOUND
    assert [len(exchange.message) for exchange in bench.sent] == [58, 47]
    bench.clock.advance(599)
    bench.round(listing)
    bench.clock.advance(2)
    bench.round(listing)
    assert [len(exchange.message) for exchange in bench.sent[2:]] == [47, 58]


def test_a_server_that_refuses_everything() -> None:
    """A refusal with and without EDNS is no news about EDNS."""
    bench = Bench(FIRST)
    for _ in range(2):
        with pytest.raises(LookupFailed, match="answered FORMERR"):
            bench.round(replying(rcode="FORMERR"), replying(rcode="FORMERR"))

    assert [len(exchange.message) for exchange in bench.sent] == [58, 47, 58, 47]


@pytest.mark.parametrize(
    "death", [silent, failing(ConnectionRefusedError()), failing(OSError(113, "No route to host"))]
)
def test_a_dead_server_is_asked_last(death: Server) -> None:
    """A server found dead is asked last for 30 s, by every lookup that shares the memory, and then first again."""
    memory = ServerMemory()
    bench = Bench(memory=memory, timeout=100)
    bench.round(death, listing)
    bench.round(listing)
    bench.clock.advance(31)
    bench.round(listing)

    assert [exchange.server for exchange in bench.sent] == [FIRST, SECOND, SECOND, FIRST]


def test_a_dead_server_that_answers() -> None:
    """A server that answers is not dead, and where all are dead, all are asked in their order."""
    bench = Bench()
    with pytest.raises(LookupFailed):
        bench.round(silent, silent)
    bench.round(silent, listing)
    bench.round(listing)

    assert [exchange.server for exchange in bench.sent] == [FIRST, SECOND, FIRST, SECOND, SECOND]


@pytest.mark.parametrize("error", [OSError(24, "Too many open files")])
def test_a_failure_of_this_host_is_no_servers(error: OSError) -> None:
    """Want of descriptors says nothing about a server."""
    bench = Bench()
    bench.round(failing(error), listing)
    bench.round(listing)

    assert [exchange.server for exchange in bench.sent] == [FIRST, SECOND, FIRST]


def test_an_alias_that_may_not_be_followed() -> None:
    """The name has no answer then, and the alias's end is not asked for."""
    bench = Bench()
    answer = bench.round(replying(f"{NAME} CNAME host.foreign."))

    assert (answer.outcome, answer.canonical, len(bench.sent)) == (Outcome.NXDOMAIN, "host.foreign.", 1)


def test_a_single_round() -> None:
    """A lookup that is not to be retried is over after one round."""
    bench = Bench(retry=False)
    with pytest.raises(LookupFailed):
        bench.round(replying(rcode="REFUSED"), replying(rcode="SERVFAIL"))

    assert bench.lookup.is_over
