"""Many threads at once on one object: nothing raises, nothing is lost, and every count is exact.

Without the GIL these threads do run at the same time, so `make matrix` runs this under free-threaded builds. Under a
GIL the threads take turns every few bytecodes, which shows less.
"""

import logging
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest

from peerdisco import (
    Change,
    DiscoveryConfig,
    DnsResolver,
    LookupFailed,
    Peer,
    PeerSet,
    PeerWatcher,
    Question,
    StaticResolver,
    broadcast,
    discover_peers,
)
from peerdisco._core.conditions import ConditionLog
from peerdisco._core.listing import Listing
from peerdisco._core.waiting import Wanted, waits
from peerdisco._core.watcher import WatcherState
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import Connection, SocketPool
from peerdisco._service import ServiceLookup
from peerdisco.resolvers import default_resolver
from peerdisco.sync import run_lookup
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster

_Result = TypeVar("_Result")

MANY = 16
OWN, FIRST, SECOND = "10.0.0.1", "10.0.0.2", "10.0.0.3"
SERVER = Nameserver("127.0.0.1", 53)


@pytest.fixture(autouse=True)
def often() -> Iterator[None]:
    """Threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(work: Callable[[int], _Result], count: int = MANY, *, turns: int = 1) -> list[_Result]:
    """Call `work` with each number in a thread of its own, all at the same moment, so many times each.

    Returns:
        What it returned, or raises what any of them raised.
    """
    barrier = threading.Barrier(count)

    def run(number: int) -> list[_Result]:
        barrier.wait(30)
        return [work(number) for _ in range(turns)]

    with ThreadPoolExecutor(count) as pool:
        return [result for results in pool.map(run, range(count)) for result in results]


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL")
def test_there_is_no_gil() -> None:
    """On a free-threaded build, these threads run at the same time: no extension module has turned the GIL on."""
    assert not getattr(sys, "_is_gil_enabled", bool)()


def test_one_config_for_all() -> None:
    """Calls that share a config all get the whole list, and each of them has asked once."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST, SECOND])
        config = DiscoveryConfig("svc", own_ips=OWN, **cluster.options)
        lists = at_once(lambda _: discover_peers(config).ips, turns=20)

        assert lists == [(FIRST, SECOND)] * MANY * 20
        assert len(cluster.questions) == MANY * 20


def test_one_resolver_for_all() -> None:
    """Calls that share a resolver, and its TCP connections, all get the whole list; two connections are kept."""
    with LocalCluster() as cluster, DnsResolver(cluster.nameserver) as resolver:
        cluster.headless("svc", ips := [f"10.0.{n // 250}.{n % 250 + 1}" for n in range(300)])
        question = Question("svc.default.svc.cluster.local.", "A")
        sizes = at_once(lambda _: len(resolver.lookup(question, 20).addresses), turns=10)

        assert sizes == [len(ips)] * MANY * 10
        assert len(resolver._pool._idle[Nameserver.parse(cluster.nameserver)]) <= 2


def test_refresh_from_all() -> None:
    """Each lookup is counted once: in the status as in the resolver, whoever began it and whoever shared it."""
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN)
    watcher = PeerWatcher("svc", resolver=fake)

    def refresh(number: int) -> None:
        for turn in range(30):
            if number == 0:
                fake["svc"] = [OWN, FIRST, f"10.0.1.{turn % 3 + 1}"]
            if number == 1:
                (fake.heal if turn % 2 else fake.fail)("svc")
            try:
                assert FIRST in watcher.refresh()
            except LookupFailed:
                assert watcher.status.lookups

    at_once(refresh)
    fake.heal("svc")
    watcher.refresh()
    status = watcher.status

    assert status.lookups == len(fake.questions)
    assert sum(status.lookup_codes.values()) == status.lookups
    assert status.lookup_durations[-1][1] == status.lookups
    assert status.added - status.removed == status.peers == len(watcher.peers)


def test_a_lookup_that_ends_while_a_caller_begins_to_wait() -> None:
    """A caller that waits does not bring the next lookup before its time, though one ends just then."""
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=FakeClock())
    lookup = ServiceLookup(DiscoveryConfig("svc", max_fleet_qps=0.01), fake, "lookup")
    listings: list[Listing] = []

    def random() -> float:
        if listings:
            watch.on_listing(listings.pop(), run)
        return 0.5

    watch = WatcherState(lookup, random)
    run = lookup.begin()
    listings.append(run_lookup(run))
    watch.hurry()

    assert not listings
    assert watch.due_in() >= 200  # two replicas share a question in 100 seconds


def test_a_thread_that_is_woken_at_once_by_a_caller_that_begins_to_wait() -> None:
    """The next lookup is planned sooner before the thread is woken, not once the caller first looks at the list."""
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=FakeClock())
    lookup = ServiceLookup(DiscoveryConfig("svc", refresh=60), fake, "lookup")
    watch = WatcherState(lookup, lambda: 0.5)
    for _ in range(10):  # each unchanged answer doubles the wait
        run = lookup.begin()
        watch.on_listing(run_lookup(run), run)
    due_in = watch.due_in()

    waits(watch, Wanted(2, None, None, 0))

    assert watch.due_in() < due_in


def test_callers_that_come_and_go() -> None:
    """Whoever begins and ends a wait, follows changes or unsubscribes does not disturb the others."""
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN)
    told: list[Change] = []
    with PeerWatcher("svc", resolver=fake) as watcher:
        watcher.wait_for(1, timeout=30)
        kept = watcher.subscribe(told.append)

        def come_and_go(number: int) -> None:
            for turn in range(40):
                if number % 4 == 0:
                    fake["svc"] = [OWN, FIRST, f"10.0.{number}.{turn + 1}"]
                    watcher.refresh()
                elif number % 4 == 1:
                    next(watcher.changes())
                else:
                    unsubscribe = watcher.subscribe(str)
                    assert watcher.wait_for(1, timeout=30)
                    unsubscribe()

        at_once(come_and_go)
        at_once(lambda _: kept())
        assert watcher.status.last_error is None
        assert not watcher._watch._subscribers._entries
        assert watcher._runner._listeners == {watcher._runner.wake}
    assert told


def test_conditions_that_come_and_go(caplog: pytest.LogCaptureFixture) -> None:
    """Calls that see different conditions of one Service log them, and nothing raises."""
    conditions = ConditionLog("svc.default.svc.cluster.local.")

    def update(number: int) -> None:
        for turn in range(300):
            conditions.update({f"code-{number}-{turn % 5}": "it is so"} if turn % 3 else {}, turn * 61.0, 1)
            conditions.flush(turn * 61.0, 1)

    with caplog.at_level(logging.CRITICAL, "peerdisco"):
        at_once(update)
    conditions.update({}, 1e6, 1)
    conditions.update({}, 2e6, 1)

    assert conditions.is_at_rest


def test_ignored_replies_are_all_counted() -> None:
    """Replies that many threads ignore at once are all counted."""
    pool = SocketPool()
    at_once(lambda _: pool.on_ignored(), turns=2000)

    assert pool.ignored == MANY * 2000


def test_connections_that_are_kept_at_once() -> None:
    """No more connections are kept than is allowed, and the others are closed."""
    pool, socks = SocketPool(), [pool_socket() for _ in range(MANY)]
    at_once(lambda number: pool.keep(socks[number], SERVER))
    assert sum(sock.fileno() >= 0 for sock in socks) == 2
    pool.close()

    assert {sock.fileno() for sock in socks} == {-1}


def test_a_connection_that_is_kept_while_the_pool_is_closed() -> None:
    """A connection that comes back just as another thread closes the pool is closed as well."""

    class Closing(list[Connection]):
        """A list to which a connection is added while another thread closes the pool."""

        def append(self, sock: Connection) -> None:
            """Add it, a moment too late."""
            pool.close()
            super().append(sock)

    pool, sock = SocketPool(), pool_socket()
    pool._idle[SERVER] = Closing()
    pool.keep(sock, SERVER)

    assert sock.fileno() == -1


def pool_socket() -> Connection:
    """A socket as a pool opens it."""
    return SocketPool().open(SERVER)


def test_defaults_in_all_threads() -> None:
    """Each thread that makes a resolver the default has its own; at the end there is none."""

    def block(number: int) -> None:
        for _ in range(50):
            with FakeResolver({"svc": [f"10.0.0.{number + 1}"]}):
                assert discover_peers("svc", own_ips=()).ips == (f"10.0.0.{number + 1}",)

    at_once(block)

    assert default_resolver.get() is None
    assert not default_resolver._all


def test_broadcasts_from_all() -> None:
    """Each peer of each broadcast is called once, and its result is kept."""
    peers = [Peer(f"10.0.0.{number}") for number in range(1, 41)]
    called: list[tuple[int, Peer]] = []

    def tell(number: int) -> None:
        told = broadcast(peers, lambda peer: called.append((number, peer)), timeout=30)
        assert told.ok
        assert [*told.succeeded] == peers

    at_once(tell, 8)

    assert sorted(called) == [(number, peer) for number in range(8) for peer in peers]


def test_a_list_that_is_first_read_by_all() -> None:
    """What a list works out when it is first read is the same for every reader."""
    for _ in range(20):
        peers = discover_peers("svc", resolver=StaticResolver([f"10.0.0.{n}" for n in range(1, 60)]), own_ips=())

        assert len(set(at_once(partial(read, peers)))) == 1


def read(peers: PeerSet, _number: int) -> tuple[tuple[str, ...], tuple[Peer, ...]]:
    """Read what a list works out when it is read."""
    return peers.ips, tuple(peers.members)
