"""Many at once: threads that read a list while it changes, watchers of one name, tasks that are cancelled."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from peerdisco import AsyncPeerWatcher, DnsResolver, PeersNotReady, PeerWatcher, adiscover_peers
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster
from tests.support.hostile import answer


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service with two Pods."""
    with LocalCluster() as cluster:
        cluster.headless("svc", ["10.0.0.1", "10.0.0.2"])
        yield cluster


def test_reading_while_it_changes() -> None:
    """Sixteen threads never see anything but one of the lists that there were."""
    lists = [tuple(f"10.0.{n}.{host}" for host in range(1, 50)) for n in range(2)]
    both = tuple(sorted((*lists[0], *lists[1]), key=lambda ip: tuple(map(int, ip.split(".")))))
    clock = FakeClock()
    fake = FakeResolver({"svc": lists[0]}, clock=clock, own="10.9.9.9")
    seen: set[tuple[str, ...]] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            peers = watcher.peers
            seen.add(peers.ips)
            seen.add(tuple(peer.ip for peer in peers))
            assert len(peers) == len(peers.ips)

    with PeerWatcher("svc", resolver=fake) as watcher:
        watcher.wait_for(1)
        readers = [threading.Thread(target=read) for _ in range(16)]
        for reader in readers:
            reader.start()
        for turn in range(12):
            fake["svc"] = lists[turn % 2]
            clock.wait_for_sleepers()
            clock.advance(6)
        done.set()
        for reader in readers:
            reader.join(10)

    assert not any(reader.is_alive() for reader in readers)
    assert seen <= {*lists, both}
    assert len(seen) > 1


def test_many_watchers_on_one_name(cluster: LocalCluster) -> None:
    """Watchers of one Service share nothing: each sees the change, and closing some does not touch the others."""
    watchers = [PeerWatcher("svc", refresh=0.05, **cluster.options).start() for _ in range(20)]
    for watcher in watchers:
        watcher.wait_for(2, timeout=30)
    for watcher in watchers[::2]:
        watcher.close()
    cluster.headless("svc", ["10.0.0.1", "10.0.0.2", "10.0.0.3"])

    assert {watcher.wait_for(3, timeout=30).ips for watcher in watchers[1::2]} == {("10.0.0.1", "10.0.0.2", "10.0.0.3")}
    assert {len(watcher.peers) for watcher in watchers[::2]} == {2}
    for watcher in watchers:
        watcher.close()


async def test_many_async_watchers_on_one_name(cluster: LocalCluster) -> None:
    """The same in one event loop."""
    watchers = [AsyncPeerWatcher("svc", refresh=0.05, **cluster.options).start() for _ in range(20)]
    await asyncio.gather(*(watcher.wait_for(2, timeout=30) for watcher in watchers))
    await asyncio.gather(*(watcher.aclose() for watcher in watchers[::2]))
    cluster.headless("svc", ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    lists = await asyncio.gather(*(watcher.wait_for(3, timeout=30) for watcher in watchers[1::2]))

    assert {peers.ips for peers in lists} == {("10.0.0.1", "10.0.0.2", "10.0.0.3")}
    await asyncio.gather(*(watcher.aclose() for watcher in watchers))


async def test_other_tasks_have_their_turn() -> None:
    """Each lookup gives the event loop a turn, even where the reply is there before anybody waits for it."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)

        def clock() -> float:
            """Answer the query that has been sent, as a server does that is faster than all else."""
            with suppress(BlockingIOError):
                query, client = server.recvfrom(512)
                server.sendto(answer(query, "10.0.0.2", "10.0.0.3"), client)
            return time.monotonic()

        resolver = DnsResolver(f"127.0.0.1:{server.getsockname()[1]}", clock=clock)
        others = asyncio.create_task(take_turns())
        for lookups in range(1, 21):
            peers = await adiscover_peers("svc.default.svc.cluster.local.", own_ips="10.0.0.1", resolver=resolver)
            assert peers.ips == ("10.0.0.2", "10.0.0.3")
            assert turns >= lookups
        others.cancel()


async def test_cancelling_what_surrounds_it(cluster: LocalCluster) -> None:
    """A cancelled task leaves its watcher closed, and is cancelled."""
    cluster.fail("drop")
    watcher = AsyncPeerWatcher("svc", **cluster.options)

    async def serve() -> None:
        async with watcher:
            await watcher.wait_for(1)

    serving = asyncio.create_task(serve())
    await asyncio.to_thread(cluster.wait_for_questions, 1)
    serving.cancel()
    await asyncio.wait([serving])

    assert serving.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(RuntimeError, match="closed"):
        await watcher.refresh()


async def test_cancelling_someone_who_waits() -> None:
    """A task that is cancelled in `wait_for`, or runs out of time there, does the watcher no harm."""
    fake = FakeResolver({"svc": ["10.0.0.2"]})
    async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
        waiting = asyncio.create_task(watcher.wait_for(5))
        await watcher.wait_for(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await watcher.wait_for(5)
        with pytest.raises(PeersNotReady):
            await watcher.wait_for(5, timeout=0)

        assert waiting.cancelled()
        assert (await watcher.refresh()).ips == ("10.0.0.2",)


async def test_cancelling_the_watcher_itself() -> None:
    """Whoever cancels every task closes the watcher, and nobody goes on waiting for it."""
    fake = FakeResolver({"svc": ["10.0.0.2"]})
    watcher = AsyncPeerWatcher("svc", resolver=fake).start()
    waiting = asyncio.create_task(watcher.wait_for(5))
    await watcher.wait_for(1)
    (task,) = asyncio.all_tasks() - {asyncio.current_task(), waiting}
    task.cancel()
    with pytest.raises(PeersNotReady, match="when the watcher was closed"):
        await waiting
    await watcher.aclose()
