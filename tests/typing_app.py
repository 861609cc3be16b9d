"""A small application that uses what peers are for, read by mypy and pyright alone; nothing here is run.

Wrong uses that the type checkers must refuse carry a suppression, and a suppression that is not needed is an error.
"""

from collections.abc import Callable
from typing import assert_type

import pytest

from peerdisco import (
    AsyncPeerWatcher,
    Broadcast,
    Change,
    DiscoveryConfig,
    Peer,
    PeerSet,
    PeerWatcher,
    abroadcast,
    adiscover_peers,
    broadcast,
    discover_peers,
)
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster, UndeclaredService


def ping(peer: Peer) -> int:
    """Answer as a call of `broadcast` does."""
    return len(peer.ip)


async def aping(peer: Peer) -> int:
    """Answer as a call of `abroadcast` does."""
    return ping(peer)


async def refuse(peer: Peer, key: str) -> None:
    """Take more than a broadcast gives."""


def tell(peers: PeerSet) -> None:
    """Broadcast from threads."""
    told = broadcast(peers, ping, timeout=2, concurrency=8)
    assert_type(told, Broadcast[int])
    assert_type(told.succeeded, dict[Peer, int])
    assert_type(told.failed, dict[Peer, BaseException])
    assert_type((told.ok, told.complete), tuple[bool, bool])
    told.raise_for_failures()
    broadcast(told.failed, ping)
    broadcast((peer for peer in peers.members if peer.fqdn), lambda peer: peer.fqdn)
    broadcast(peers.ips, ping)  # type: ignore[arg-type] # addresses, not peers
    broadcast(peers, ping, timeout="2")  # type: ignore[arg-type] # text
    broadcast(peers, len)  # type: ignore[arg-type] # takes no Peer


async def atell(peers: PeerSet) -> None:
    """Broadcast from asyncio."""
    assert_type(await abroadcast(peers, aping, timeout=2), Broadcast[int])
    await abroadcast(peers, ping)  # type: ignore[arg-type] # a plain function
    await abroadcast(peers, refuse)  # type: ignore[arg-type] # wants a key


def share(config: DiscoveryConfig) -> list[Peer]:
    """Use members and owners, and a list without DNS."""
    peers = discover_peers(config, static_ips=["192.168.1.10", "192.168.1.11"], own_ips="192.168.1.10")
    discover_peers("web", hostnames=True, own_ips=())
    discover_peers("web", hostnames="yes")  # type: ignore[arg-type] # text
    assert_type(peers.owner(b"key"), Peer)
    peers.owner(7)  # type: ignore[arg-type] # neither text nor bytes
    peers.members[0].fqdn = "web-0"  # type: ignore[misc] # frozen
    return [*peers.members, peers.owner("key")]


def on_change(change: Change) -> None:
    """Be told, as a plain function."""


async def aon_change(change: Change) -> None:
    """Be told, as a coroutine function."""


def follow() -> None:
    """Wait for replicas and subscribe, with threads."""
    with PeerWatcher("web", hostnames=True) as watcher:
        assert_type(watcher.wait_for(replicas=3, timeout=60, stable_for=1), PeerSet)
        assert_type(watcher.subscribe(on_change), Callable[[], None])
        watcher.wait_for(replicas="3")  # type: ignore[arg-type] # text
        watcher.subscribe(print)
        watcher.subscribe(lambda: None)  # type: ignore[arg-type,misc] # takes no Change


async def afollow() -> None:
    """Wait for replicas and subscribe, with asyncio."""
    async with AsyncPeerWatcher("web", hostnames=True) as watcher:
        assert_type(await watcher.wait_for(replicas=3, timeout=60), PeerSet)
        watcher.subscribe(on_change)
        assert_type(watcher.subscribe(aon_change), Callable[[], None])
        assert_type(await adiscover_peers("web", hostnames=True), PeerSet)


@pytest.fixture
def three(peerdisco_fake: FakeResolver) -> FakeClock:
    """Use the plugin's fixture."""
    peerdisco_fake["web"] = ["10.0.0.1", Peer("10.0.0.2", 80, "web-0")]
    return FakeClock()


async def wait(clock: FakeClock) -> None:
    """Move the clock, with asyncio."""
    assert_type(await clock.aadvance(3600), None)
    await clock.aadvance("5")  # type: ignore[arg-type] # text


@pytest.mark.peerdisco({"web": ["10.0.0.1"]}, own="10.0.0.1")
def with_the_marker(three: FakeClock, peerdisco_cluster: LocalCluster) -> None:
    """Use marker, clock and cluster."""
    assert_type(three.advance(5), None)
    assert_type(three(), float)
    assert_type(discover_peers("web", **peerdisco_cluster.options), PeerSet)
    three.advance("5")  # type: ignore[arg-type] # text
    FakeResolver(missing="nodata")  # type: ignore[arg-type] # no such answer
    try:
        with FakeResolver({"web": ()}, clock=three, missing="nxdomain") as fake:
            assert_type(fake, FakeResolver)
    except UndeclaredService as error:
        assert_type(error.services, tuple[str, ...])
