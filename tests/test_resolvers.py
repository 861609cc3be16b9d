"""`DnsResolver` against a server that misbehaves in every way, sync and async; the other resolvers."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from peerdisco import (
    Answer,
    AsyncResolver,
    ConfigError,
    DnsResolver,
    LookupFailed,
    Outcome,
    Question,
    Resolver,
    StaticResolver,
    discover_peers,
)
from peerdisco._core.addresses import pack_ip
from peerdisco.environment import HostEnvironment
from peerdisco.resolvers import default_resolver
from peerdisco.testing import FakeResolver, LocalCluster
from peerdisco.testing.cluster import Fault
from tests.support.both import ips
from tests.support.sockets import closed_port

WEB = Question("web.default.svc.cluster.local.", "A")
LARGE = Question("large.default.svc.cluster.local.", "A")
THREE = frozenset(map(pack_ip, ips(3)))

Ask: TypeAlias = Callable[[DnsResolver, Question, float], Answer]


def blocking(resolver: DnsResolver, question: Question, timeout: float) -> Answer:
    """`lookup`."""
    return resolver.lookup(question, timeout)


def in_a_loop(resolver: DnsResolver, question: Question, timeout: float) -> Answer:
    """`alookup`, awaited."""
    return asyncio.run(resolver.alookup(question, timeout))


@pytest.fixture(params=[blocking, in_a_loop], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Asks in one driver."""
    asked: Ask = request.param
    return asked


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service of three Pods, and one of more than a UDP reply holds."""
    with LocalCluster() as cluster:
        cluster.headless("web", ips(3), ports={"http": 80})
        cluster.headless("large", ips(200))
        yield cluster


@pytest.fixture
def resolver(cluster: LocalCluster) -> Iterator[DnsResolver]:
    """A resolver that asks the cluster."""
    with DnsResolver(cluster.nameserver) as resolver:
        yield resolver


def test_answer(ask: Ask, resolver: DnsResolver) -> None:
    """A question is answered with addresses and their TTL."""
    assert Answer(Outcome.FOUND, THREE, 30) == ask(resolver, WEB, 1)


def test_absence_is_an_answer(ask: Ask, resolver: DnsResolver) -> None:
    """NXDOMAIN and NODATA are said with authority."""
    assert ask(resolver, WEB._replace(rtype="AAAA"), 1).outcome is Outcome.NODATA
    assert ask(resolver, Question("typo.default.svc.cluster.local.", "A"), 1).outcome is Outcome.NXDOMAIN


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("drop", "timeout"),
        ("servfail", "servfail"),
        ("refused", "refused"),
        ("wrong_id", "timeout"),
        ("wrong_question", "timeout"),
        ("garbage", "malformed"),
    ],
)
def test_every_fault_in_time(ask: Ask, cluster: LocalCluster, resolver: DnsResolver, fault: Fault, reason: str) -> None:
    """Whatever a server does, the lookup ends in time, and says why."""
    cluster.fail(fault)
    begun = time.monotonic()
    with pytest.raises(LookupFailed) as raised:
        ask(resolver, WEB, 0.5)

    assert time.monotonic() - begun < 0.6
    assert reason == raised.value.reason
    assert {cluster.nameserver} == {attempt.server for attempt in raised.value.attempts}


def test_a_late_reply_in_time(ask: Ask, cluster: LocalCluster, resolver: DnsResolver) -> None:
    """A reply is waited for, and one that comes after its attempt is not taken for another's."""
    cluster.fail("delay", seconds=0.15, times=1)

    assert ask(resolver, WEB, 0.5).addresses == THREE
    cluster.wait_for_questions(2)
    assert Outcome.NODATA is ask(resolver, WEB._replace(rtype="AAAA"), 0.5).outcome


def test_a_reply_too_late(ask: Ask, cluster: LocalCluster, resolver: DnsResolver) -> None:
    """A server that is slower than the time there is has not answered."""
    cluster.fail("delay", seconds=5)
    begun = time.monotonic()
    with pytest.raises(LookupFailed) as raised:
        ask(resolver, WEB, 0.5)

    assert time.monotonic() - begun < 0.6
    assert raised.value.reason == "timeout"


@pytest.mark.parametrize("fault", ["wrong_id", "wrong_question"])
def test_a_reply_that_does_not_fit_is_ignored(ask: Ask, cluster: LocalCluster, fault: Fault) -> None:
    """After a reply to something else the wait goes on: over TCP the true one follows on the same connection."""
    cluster.fail(fault, times=1)
    with DnsResolver(cluster.nameserver) as resolver:
        assert ask(resolver, WEB, 1).addresses == THREE


def test_tcp_where_udp_is_too_small(ask: Ask, cluster: LocalCluster, resolver: DnsResolver) -> None:
    """A reply that was cut is asked for over TCP, and the next time at once."""
    for _ in range(2):
        answer = ask(resolver, LARGE, 1)
        assert (len(answer.addresses), answer.complete) == (200, True)

    assert [question.transport for question in cluster.questions] == ["udp", "tcp", "tcp"]


def test_cut_over_tcp_as_well(ask: Ask, cluster: LocalCluster, resolver: DnsResolver) -> None:
    """What does not fit even TCP is a partial answer, and says so."""
    cluster.fail("truncated")
    answer = ask(resolver, LARGE, 1)

    assert (answer.outcome, len(answer.addresses), answer.complete) == (Outcome.FOUND, 100, False)


def test_no_tcp(ask: Ask, cluster: LocalCluster, resolver: DnsResolver) -> None:
    """Where TCP fails, an answer that needs it can't be had: the cure is port 53 for TCP."""
    cluster.fail("tcp_closed")
    with pytest.raises(LookupFailed, match="TCP") as raised:
        ask(resolver, LARGE, 1)

    assert raised.value.reason == "truncated"
    assert ask(resolver, WEB, 1).addresses == THREE


def test_silence_over_tcp_in_time(ask: Ask, cluster: LocalCluster, resolver: DnsResolver) -> None:
    """The time holds over TCP too."""
    cluster.fail("drop", transport="tcp")
    begun = time.monotonic()
    with pytest.raises(LookupFailed) as raised:
        ask(resolver, LARGE, 0.5)

    assert time.monotonic() - begun < 0.6
    assert raised.value.reason == "truncated"


def test_a_dead_first_server(ask: Ask, cluster: LocalCluster) -> None:
    """Refusal is noticed at once: the second server answers long before the first one's time is up."""
    begun = time.monotonic()
    with DnsResolver([f"127.0.0.1:{closed_port()}", cluster.nameserver]) as resolver:
        assert ask(resolver, WEB, 20).addresses == THREE

    assert time.monotonic() - begun < 1


def test_a_silent_first_server(ask: Ask, cluster: LocalCluster) -> None:
    """Silence costs the first server's share of the time, and no more."""
    with LocalCluster() as silent, DnsResolver([silent.nameserver, cluster.nameserver]) as resolver:
        silent.fail("drop")
        assert ask(resolver, WEB, 0.5).addresses == THREE
        assert len(silent.questions) == 1


@pytest.mark.parametrize("fault", ["servfail", "refused", "garbage"])
def test_a_broken_first_server(ask: Ask, cluster: LocalCluster, fault: Fault) -> None:
    """A server that can't say is no reason not to ask the next."""
    with LocalCluster() as broken, DnsResolver([broken.nameserver, cluster.nameserver]) as resolver:
        broken.fail(fault)
        assert ask(resolver, WEB, 5).addresses == THREE
        assert len(broken.questions) == 1


def test_only_dead_servers(ask: Ask) -> None:
    """With nobody to ask the failure names everyone who was tried."""
    servers = [f"127.0.0.1:{closed_port()}" for _ in range(2)]
    with DnsResolver(servers) as resolver, pytest.raises(LookupFailed) as raised:
        ask(resolver, WEB, 0.3)

    assert raised.value.reason == "refused"
    assert set(servers) == {attempt.server for attempt in raised.value.attempts}
    assert all(server in str(raised.value) for server in servers)


def test_no_nameserver() -> None:
    """A nameserver that is none is refused when the resolver is made."""
    with pytest.raises(ConfigError) as raised:
        DnsResolver("dns.example.com")

    assert raised.value.key == "nameservers"


def test_static_resolver() -> None:
    """A fixed list answers for every name, by family, sync and async."""
    resolver = StaticResolver(["10.0.0.1", "fd00::1"])

    assert frozenset({pack_ip("10.0.0.1")}) == resolver.lookup(WEB, 1).addresses
    six = asyncio.run(resolver.alookup(Question("any.thing.", "AAAA"), 1))
    assert frozenset({pack_ip("fd00::1")}) == six.addresses


@pytest.mark.parametrize("given", ["", " , ", [], "web", ["10.0.0.1", "10.0.0.256"]])
def test_static_resolver_of_what_is_no_list(given: str | list[str]) -> None:
    """A list without addresses, or with something else in it, is refused."""
    with pytest.raises(ConfigError) as raised:
        StaticResolver(given)

    assert ("ips", given) == (raised.value.key, raised.value.value)


@pytest.mark.parametrize("made", [DnsResolver("127.0.0.1"), StaticResolver("10.0.0.1"), FakeResolver()])
def test_all_are_of_both_protocols(made: object) -> None:
    """Each resolver serves threads and asyncio."""
    assert isinstance(made, Resolver)
    assert isinstance(made, AsyncResolver)


def test_the_default_resolver() -> None:
    """What is set as the default is what calls use that name no resolver, until it is reset."""
    token = default_resolver.set(StaticResolver("10.0.0.1,10.0.0.2"))
    try:
        assert discover_peers("web", own_ips="10.0.0.1").ips == ("10.0.0.2",)
    finally:
        default_resolver.reset(token)

    assert default_resolver.get() is None


def test_a_resolvers_own_resolv_conf_makes_the_names(tmp_path: Path) -> None:
    """The search list of the file that a resolver is given goes with its nameservers."""
    path = tmp_path / "resolv.conf"
    path.write_text("search shop.svc.corp.example svc.corp.example corp.example\n")
    here = HostEnvironment(environ={}, service_account=tmp_path / "none")
    with LocalCluster(namespace="shop", cluster_domain="corp.example") as cluster:
        cluster.headless("web", ["10.0.0.1", "10.0.0.2"])
        with DnsResolver(cluster.nameserver, resolv_conf=path, environment=here) as resolver:
            assert discover_peers("web", resolver=resolver, own_ips="10.0.0.1").ips == ("10.0.0.2",)
