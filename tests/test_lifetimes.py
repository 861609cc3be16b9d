"""What a watcher leaves behind: nothing, whether it is closed in the middle of a lookup or simply forgotten."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from peerdisco import AsyncPeerWatcher, PeerWatcher
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster

MOMENT = 0.1
Prepare: TypeAlias = Callable[[LocalCluster], int]


def over_udp(cluster: LocalCluster) -> int:
    """The only question gets no reply."""
    cluster.fail("drop")
    return 1


def over_tcp(cluster: LocalCluster) -> int:
    """The reply over TCP is late, after one over UDP that was cut."""
    cluster.headless("svc", [f"10.1.{n >> 8}.{n & 255}" for n in range(1, 500)])
    cluster.fail("delay", seconds=30, transport="tcp")
    return 2


def between_retries(cluster: LocalCluster) -> int:
    """The server hangs up on every question over TCP, so that it is asked again and again."""
    cluster.headless("svc", [f"10.1.{n >> 8}.{n & 255}" for n in range(1, 500)])
    cluster.fail("tcp_closed")
    return 5


in_every_lookup = pytest.mark.parametrize("prepare", [over_udp, over_tcp, between_retries])


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service with two Pods."""
    with LocalCluster() as cluster:
        cluster.headless("svc", ["10.0.0.1", "10.0.0.2"])
        yield cluster


def sockets() -> set[Path]:
    """The sockets that this process has open, each by its inode."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return {link.readlink() for link in links if link.readlink().name.startswith("socket:")}


def threads() -> list[threading.Thread]:
    """The watchers' threads."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("peerdisco svc")]


@in_every_lookup
def test_close_in_the_middle_of_a_lookup(cluster: LocalCluster, prepare: Prepare) -> None:
    """A thread in the middle of a lookup ends within 100 ms of `close`, with its sockets."""
    before = sockets()
    asked = prepare(cluster)
    took = []
    for turn in range(1, 4):
        watcher = PeerWatcher("svc", **cluster.options).start()
        (thread,) = threads()
        cluster.wait_for_questions(asked * turn)
        begun = time.monotonic()
        watcher.close()
        took.append(time.monotonic() - begun)
        thread.join(MOMENT)
        assert not thread.is_alive()
    cluster.close()

    assert min(took) < MOMENT
    assert not threads()
    assert not sockets() - before


@in_every_lookup
async def test_aclose_in_the_middle_of_a_lookup(cluster: LocalCluster, prepare: Prepare) -> None:
    """A task in the middle of a lookup ends within 100 ms of `aclose`, with its sockets."""
    before, tasks = sockets(), asyncio.all_tasks()
    asked = prepare(cluster)
    took = []
    for turn in range(1, 4):
        watcher = AsyncPeerWatcher("svc", **cluster.options).start()
        await asyncio.to_thread(cluster.wait_for_questions, asked * turn)
        begun = time.monotonic()
        await watcher.aclose()
        took.append(time.monotonic() - begun)
    cluster.close()

    assert min(took) < MOMENT
    assert asyncio.all_tasks() == tasks
    assert not sockets() - before


def test_close_while_idle(cluster: LocalCluster) -> None:
    """Between two lookups there is nothing to wait for, and every descriptor is given back."""
    before = sockets()
    with PeerWatcher("svc", **cluster.options) as watcher:
        watcher.wait_for(2, timeout=30)
        (thread,) = threads()
    cluster.close()

    assert not thread.is_alive()
    assert not sockets() - before


def test_a_lookup_of_somebody_else_ends_with_close(cluster: LocalCluster) -> None:
    """A refresh that is under way in another thread ends as well."""
    cluster.fail("drop")
    watcher = PeerWatcher("svc", **cluster.options)
    errors: list[BaseException] = []

    def refresh() -> None:
        try:
            watcher.refresh()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=refresh)
    thread.start()
    cluster.wait_for_questions(1)
    watcher.close()
    thread.join(2)

    assert not thread.is_alive()
    assert "closed" in str(errors[0])


def test_a_forgotten_watcher(cluster: LocalCluster) -> None:
    """A watcher that is garbage-collected stops its thread and closes its sockets."""
    before = sockets()
    watcher = PeerWatcher("svc", **cluster.options).start()
    watcher.wait_for(2, timeout=30)
    (thread,) = threads()
    del watcher
    gc.collect()
    thread.join(10)
    cluster.close()

    assert not thread.is_alive()
    assert not sockets() - before


def test_a_forgotten_watcher_in_a_cycle() -> None:
    """It makes no difference that the watcher's own subscriber refers to its owner, so that only gc can tell."""

    class Application:
        def __init__(self) -> None:
            self.me = self
            self.watcher = PeerWatcher("svc", resolver=FakeResolver({"svc": ["10.0.0.2"]}))
            self.watcher.start()

    application = Application()
    gone = weakref.ref(application)
    (thread,) = threads()
    del application
    gc.collect()
    thread.join(10)

    assert gone() is None
    assert not thread.is_alive()


async def test_a_forgotten_async_watcher(cluster: LocalCluster) -> None:
    """A watcher that is garbage-collected stops its task and closes its sockets."""
    before = sockets()
    watcher = AsyncPeerWatcher("svc", **cluster.options).start()
    await watcher.wait_for(2, timeout=30)
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    del watcher
    gc.collect()
    await asyncio.wait([task], timeout=10)
    cluster.close()

    assert task.done()
    assert not sockets() - before


def test_whoever_waits_holds_the_watcher() -> None:
    """A stream of changes is enough to keep its watcher going."""
    clock = FakeClock()
    fake = FakeResolver({"svc": ["10.0.0.2"]}, clock=clock)
    changes = PeerWatcher("svc", resolver=fake).start().changes()
    next(changes)
    gc.collect()
    fake["svc"] = ["10.0.0.2", "10.0.0.3"]
    clock.wait_for_sleepers()
    clock.advance(60)

    assert [peer.ip for peer in next(changes).added] == ["10.0.0.3"]
    del changes
    gc.collect()
    for thread in threads():
        thread.join(10)
        assert not thread.is_alive()
