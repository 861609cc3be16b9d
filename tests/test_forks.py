"""A watcher that runs when its process forks: parent and child each go on with a working one.

What a child sees it reports through a pipe; it proves that its watcher works by a change that is made after the fork.
"""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest

from peerdisco import Change, DnsResolver, PeerWatcher, discover_peers
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster
from tests.support.forks import in_a_child

# Python 3.12 and later warn of any fork in a process that has threads, which is what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

TWO = ("10.0.0.1", "10.0.0.2")
THREE = (*TWO, "10.0.0.3")


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service with two Pods."""
    with LocalCluster() as cluster:
        cluster.headless("svc", TWO)
        yield cluster


@pytest.fixture
def watcher(cluster: LocalCluster) -> Iterator[PeerWatcher]:
    """A watcher that knows both of them."""
    with PeerWatcher("svc", refresh=0.05, **cluster.options) as watcher:
        watcher.wait_for(2, timeout=30)
        yield watcher


def see_three(watcher: PeerWatcher) -> tuple[str, ...]:
    """What the watcher lists once it sees the change."""
    return watcher.wait_for(3, timeout=30).ips


def test_parent_and_child(cluster: LocalCluster, watcher: PeerWatcher) -> None:
    """Both see what changes after the fork."""
    child = in_a_child(lambda: see_three(watcher))
    cluster.headless("svc", THREE)

    assert see_three(watcher) == THREE
    assert child() == str(THREE)


def test_fakes_and_their_clock() -> None:
    """While threads ask a fake all the time, a child asks it as well, and moves its clock."""
    clock, ended = FakeClock(), threading.Event()

    def ask() -> None:
        while not ended.is_set():
            discover_peers("svc")

    def see() -> tuple[str, ...]:
        clock.advance(60)
        return discover_peers("svc").ips

    with FakeResolver({"svc": TWO}, clock=clock), ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        try:
            assert [in_a_child(see)() for _ in range(5)] == [str(TWO)] * 5
        finally:
            ended.set()
        for each in asking:
            each.result()


def test_the_list_survives(watcher: PeerWatcher) -> None:
    """In the child the list is at once the one that the parent had."""
    assert in_a_child(lambda: watcher.peers.ips)() == str(TWO)


def test_two_children_of_a_preloaded_application(cluster: LocalCluster, watcher: PeerWatcher) -> None:
    """As under gunicorn's `--preload`: every worker has the master's watcher, and a worker's end is nobody else's."""
    early = in_a_child(watcher.close)
    workers = [in_a_child(lambda: see_three(watcher)) for _ in range(2)]
    assert early() == "None"
    cluster.headless("svc", THREE)

    assert [worker() for worker in workers] == [str(THREE)] * 2
    assert see_three(watcher) == THREE


def test_grandchild(cluster: LocalCluster, watcher: PeerWatcher) -> None:
    """A child's child has a working watcher, too."""
    child = in_a_child(lambda: f"from a grandchild: {in_a_child(lambda: see_three(watcher))()}")
    cluster.headless("svc", THREE)
    assert child() == f"from a grandchild: {THREE}"


def test_a_fork_in_the_middle_of_a_lookup(cluster: LocalCluster) -> None:
    """What the parent's thread held at that moment does not keep the child's from working."""
    cluster.fail("drop")
    with PeerWatcher("svc", timeout=5, **cluster.options) as watcher:
        cluster.wait_for_questions(1)
        child = in_a_child(lambda: (watcher.refresh().ips, see_three(watcher)))
        cluster.wait_for_questions(2)
        cluster.heal()
        cluster.headless("svc", THREE)
        assert child() == str((THREE, THREE))
        assert see_three(watcher) == THREE


def test_a_fork_between_two_changes(cluster: LocalCluster, watcher: PeerWatcher) -> None:
    """Whoever follows the list when the process forks follows it in both."""
    stream = watcher.changes()
    next(stream)
    child = in_a_child(lambda: next(stream).peers.ips)
    cluster.headless("svc", THREE)

    assert next(stream).peers.ips == THREE
    assert child() == str(THREE)


def test_subscribers_in_the_child(cluster: LocalCluster, watcher: PeerWatcher) -> None:
    """Who has subscribed before the fork is called in both."""
    told = threading.Semaphore(0)
    pids: list[int] = []

    def subscriber(change: Change) -> None:
        pids.append(os.getpid())
        told.release()

    def told_here() -> bool:
        return told.acquire(timeout=30) and pids[-1] == os.getpid()

    watcher.subscribe(subscriber)
    assert told_here()
    child = in_a_child(told_here)
    cluster.headless("svc", THREE)

    assert told_here()
    assert child() == "True"


def test_a_resolver_that_is_shared(cluster: LocalCluster) -> None:
    """A resolver of the application's own serves parent and child, each over sockets of its own."""
    with (
        DnsResolver(cluster.nameserver) as resolver,
        PeerWatcher("svc.default.svc.cluster.local", resolver=resolver, refresh=0.05) as watcher,
    ):
        watcher.wait_for(2, timeout=30)
        child = in_a_child(lambda: see_three(watcher))
        cluster.headless("svc", THREE)
        assert see_three(watcher) == THREE
        assert child() == str(THREE)


def test_a_closed_watcher_stays_closed(cluster: LocalCluster) -> None:
    """A fork does not bring back what was closed, nor what was forgotten."""
    with PeerWatcher("svc", **cluster.options) as closed:
        closed.wait_for(2, timeout=30)
    forgotten = PeerWatcher("svc", **cluster.options).start()
    forgotten.wait_for(2, timeout=30)
    del forgotten

    def watching() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("peerdisco svc")]

    assert in_a_child(watching)() == "[]"


def test_many_forks(cluster: LocalCluster, watcher: PeerWatcher) -> None:
    """Whatever the watcher does at the moment of the fork, the child's works."""
    children = [in_a_child(lambda: see_three(watcher)) for _ in range(10)]
    cluster.headless("svc", THREE)
    assert {child() for child in children} == {str(THREE)}


def report(watcher: PeerWatcher, pipe: Connection) -> None:
    """What a worker process does."""
    pipe.send(see_three(watcher))
    watcher.close()


def test_multiprocessing(cluster: LocalCluster, watcher: PeerWatcher) -> None:
    """A process that multiprocessing forks has the watcher that it is given."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=report, args=(watcher, sending))
    process.start()
    sending.close()
    cluster.headless("svc", THREE)

    with receiving:
        assert receiving.recv() == THREE
    process.join(30)
    assert process.exitcode == 0
    process.close()
    assert see_three(watcher) == THREE
