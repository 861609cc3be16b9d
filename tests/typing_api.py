"""Typed calls that only the type checker reads: the contract's names, arguments and results."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, assert_type

from peerdisco import (
    Answer,
    AsyncPeerWatcher,
    AsyncResolver,
    Change,
    ConfigError,
    DiscoveryConfig,
    DnsResolver,
    LookupFailed,
    NotHeadlessError,
    Outcome,
    Peer,
    PeerDiscoError,
    PeerSet,
    PeersNotReady,
    PeerWatcher,
    Question,
    Resolver,
    StaticResolver,
    Status,
    adiscover_peers,
    discover_peers,
)
from peerdisco.errors import Reason
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster, Pod


class Mine:
    """A resolver of this Pod's own takes five lines."""

    def lookup(self, question: Question, timeout: float) -> Answer:
        """For threads."""
        return Answer.of(question, ["10.0.0.1"], ttl=5)

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - as AsyncResolver wants it
        """For asyncio."""
        return self.lookup(question, timeout)


mine: Resolver = Mine()
mine_too: AsyncResolver = Mine()
fake: Resolver = FakeResolver()
fake_too: AsyncResolver = FakeResolver()
dns: Resolver = DnsResolver("10.96.0.10")
dns_too: AsyncResolver = DnsResolver(["10.96.0.10", "[::1]:53"])
fixed: Resolver = StaticResolver("10.0.0.1,10.0.0.2")
fixed_too: AsyncResolver = StaticResolver(["10.0.0.1"])


def one_lookup(cluster: LocalCluster) -> None:
    """`discover_peers` and what comes back."""
    assert_type(discover_peers("svc"), PeerSet)
    assert_type(discover_peers(DiscoveryConfig("svc"), resolver=mine), PeerSet)
    assert_type(discover_peers("svc", own_ips="10.0.0.1", **cluster.options), PeerSet)
    peers = discover_peers(
        "svc",
        resolver=None,
        namespace="default",
        cluster_domain="cluster.local",
        port="http",
        family="both",
        own_ips=["10.0.0.1"],
        nameservers=("10.96.0.10",),
        hostnames=True,
        resolv_conf="/etc/resolv.conf",
        static_ips=None,
        timeout=5,
        allowed_networks="10.0.0.0/8",
    )
    DiscoveryConfig(
        "svc",
        refresh=5.0,
        jitter=0.1,
        max_backoff=30,
        max_stale=None,
        removal_confirmations=2,
        max_fleet_qps=100,
    )
    as_a_sequence: Sequence[Peer] = peers
    assert_type(as_a_sequence[0], Peer)
    assert_type(peers[0], Peer)
    assert_type(peers[:2], tuple[Peer, ...])
    assert_type(peers.ips, tuple[str, ...])
    assert_type(peers.own, Peer | None)
    assert_type(peers.self_listed, bool)
    assert_type(peers.service, str)
    assert_type(peers.outcome, Outcome)
    assert_type((peers.complete, peers.stale), tuple[bool, bool])
    assert_type(peers.age, float)
    assert_type(peers.ttl, int)
    assert_type(peers.members, tuple[Peer, ...])
    assert_type(peers.owner("key"), Peer)
    assert_type(peers.to_dict(), dict[str, Any])
    assert_type("10.0.0.1" in peers, bool)
    for peer in peers:
        assert_type(peer.fqdn, str | None)
        assert_type((peer.ip, peer.port, peer.name, peer.ordinal), tuple[str, int | None, str | None, int | None])
        assert_type(peer.netloc(8080), str)
        assert_type(peer.netloc(), str)
        assert_type(peer < peers[0], bool)


def misspelt() -> None:
    """An option that does not exist, or is of the wrong kind, is the type checker's business."""
    discover_peers("svc", refesh=5)  # type: ignore[call-arg] # misspelt
    discover_peers("svc", refresh=5)  # type: ignore[call-arg] # a watcher's
    discover_peers("svc", family="ipv5")  # type: ignore[arg-type] # no such family
    PeerWatcher("svc", resolver="10.96.0.10")  # type: ignore[arg-type] # no resolver


def with_threads() -> None:
    """`PeerWatcher`."""
    with PeerWatcher("svc", refresh=5, resolver=fake) as watcher:
        assert_type(watcher, PeerWatcher)
        assert_type(watcher.wait_for(), PeerSet)
        assert_type(watcher.wait_for(2, timeout=60, stable_for=10), PeerSet)
        assert_type(watcher.peers, PeerSet)
        assert_type(watcher.refresh(), PeerSet)
        assert_type(watcher.changes(), Iterator[Change])
        for change in watcher.changes():
            assert_type((change.added, change.removed), tuple[tuple[Peer, ...], tuple[Peer, ...]])
            assert_type(change.peers, PeerSet)
        assert_type(watcher.subscribe(print), Callable[[], None])
        read_status(watcher.status)
    assert_type(PeerWatcher(DiscoveryConfig("svc")).start(), PeerWatcher)
    watcher.close()


async def with_asyncio() -> None:
    """`AsyncPeerWatcher`."""
    assert_type(await adiscover_peers("svc", timeout=1, resolver=mine_too), PeerSet)
    async with AsyncPeerWatcher("svc", refresh=5, resolver=fake_too) as watcher:
        assert_type(watcher, AsyncPeerWatcher)
        assert_type(await watcher.wait_for(), PeerSet)
        assert_type(await watcher.wait_for(2, timeout=60, stable_for=10), PeerSet)
        assert_type(watcher.peers, PeerSet)
        assert_type(await watcher.refresh(), PeerSet)
        assert_type(watcher.changes(), AsyncIterator[Change])
        async for change in watcher.changes():
            assert_type(change, Change)
        assert_type(watcher.subscribe(print), Callable[[], None])
        read_status(watcher.status)
    assert_type(AsyncPeerWatcher(DiscoveryConfig("svc")).start(), AsyncPeerWatcher)
    await watcher.aclose()


def read_status(status: Status) -> None:
    """`Status`."""
    assert_type((status.outcome, status.lookups, status.failures), tuple[Outcome, int, int])
    assert_type((status.last_success, status.next_refresh), tuple[float | None, float | None])
    assert_type(status.last_error, Exception | None)
    assert_type((status.self_listed, status.complete), tuple[bool, bool])


def catch() -> None:
    """Errors."""
    try:
        DiscoveryConfig.from_env()
    except ConfigError as error:
        as_a_value_error: ValueError = error
        assert_type((error.key, error.problem), tuple[str, str])
        raise as_a_value_error from None
    except LookupFailed as error:
        assert_type(error.reason, Reason)
    except NotHeadlessError as error:
        assert_type(error.address, str | None)
    except PeersNotReady as error:
        as_a_timeout: TimeoutError = error
        raise as_a_timeout from None
    except PeerDiscoError:
        pass


def in_tests() -> None:
    """`peerdisco.testing`."""
    clock = FakeClock()
    scripted = FakeResolver({"svc": ["10.0.0.1", Peer("10.0.0.2", 80)]}, own="10.0.0.1", clock=clock)
    scripted["svc"] = ["10.0.0.1"]
    scripted.fail("svc", "timeout")
    scripted.fail("svc", "tiemout")  # type: ignore[arg-type] # no such reason
    scripted.script("svc", [["10.0.0.1"], "servfail", []])
    with scripted as block:
        assert_type(block, FakeResolver)
    with LocalCluster() as cluster:
        cluster.headless("svc", pods=["200.96.0.59", Pod("200.96.1.50", ready=False)])
        assert_type(cluster, LocalCluster)
