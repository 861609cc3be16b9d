"""`refresh` from many threads at once: one lookup for all, and the end of one caller is its own."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from peerdisco import Answer, LookupFailed, PeerSet, PeerWatcher, Question
from peerdisco.testing import FakeResolver, LocalCluster

SERVICE = "svc.default.svc.cluster.local."
OWN, FIRST, SECOND = "10.0.0.1", "10.0.0.2", "10.0.0.3"
MANY = 20


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service whose DNS is silent."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST])
        cluster.fail("drop")
        yield cluster


class Gate:
    """A resolver whose lookups wait at a gate until the test opens it."""

    def __init__(self, on_lookup: Callable[[int], object] = abs) -> None:
        self.arrived = threading.Semaphore(0)
        self.opened = threading.Semaphore(0)
        self.ips = [OWN, FIRST]
        self.number = 0
        self._on_lookup = on_lookup

    def lookup(self, question: Question, timeout: float) -> Answer:
        """Answer, once the gate has been opened for this question."""
        self.number += 1
        self.arrived.release()
        self._on_lookup(self.number)
        assert self.opened.acquire(timeout=30)
        return Answer.of(question, self.ips)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads to call from."""
    with ThreadPoolExecutor(MANY) as pool:
        yield pool


def are_sharing(watcher: PeerWatcher, count: int) -> bool:
    """Return whether so many threads share the lookup under way; the watcher's own listener is there as well."""
    return len(watcher._runner._listeners) >= 1 + count


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline


def sharing(watcher: PeerWatcher, pool: ThreadPoolExecutor, count: int) -> list[Future[PeerSet]]:
    """Return callers that share the lookup under way."""
    calls = [pool.submit(watcher.refresh) for _ in range(count)]
    wait_until(lambda: are_sharing(watcher, count))
    return calls


def test_many_threads_wait_for_one_timeout(cluster: LocalCluster, pool: ThreadPoolExecutor) -> None:
    """All callers are told within one timeout why there is no answer, each by an error of its own."""
    watcher = PeerWatcher("svc", timeout=0.5, **cluster.options)
    ready = threading.Barrier(MANY)

    def refresh() -> LookupFailed:
        ready.wait(30)
        with pytest.raises(LookupFailed) as raised:
            watcher.refresh()
        return raised.value

    begun = time.monotonic()
    errors = list(pool.map(lambda _: refresh(), range(MANY)))
    took = time.monotonic() - begun

    assert took < 2
    assert watcher.status.lookups == 1
    assert {error.reason for error in errors} == {"timeout"}
    assert {str(error) for error in errors} == {str(watcher.status.last_error)}
    assert len({id(error) for error in errors}) == MANY
    assert all(error.__traceback__ for error in errors)


def test_a_caller_shares_the_watchers_own_lookup(pool: ThreadPoolExecutor) -> None:
    """A refresh in the middle of a scheduled lookup brings what that one brings; the next refresh asks again."""
    gate = Gate()
    with PeerWatcher(SERVICE, resolver=gate, own_ips=OWN, max_fleet_qps=0.001, removal_confirmations=1) as watcher:
        assert gate.arrived.acquire(timeout=30)
        calls = sharing(watcher, pool, 3)
        gate.opened.release()
        assert {call.result(30).ips for call in calls} == {(FIRST,)}
        assert (gate.number, watcher.status.lookups) == (1, 1)

        gate.ips = [OWN, SECOND]
        gate.opened.release(2)
        assert watcher.refresh().ips == (SECOND,)


def test_an_interrupted_caller_interrupts_nobody_else(pool: ThreadPoolExecutor) -> None:
    """Whoever shared the lookup of a caller that was interrupted has an answer all the same."""

    def interrupt(number: int) -> None:
        if number == 1:
            assert gate.opened.acquire(timeout=30)
            raise KeyboardInterrupt

    gate = Gate(interrupt)
    watcher = PeerWatcher(SERVICE, resolver=gate, own_ips=OWN)
    interrupted = pool.submit(watcher.refresh)
    assert gate.arrived.acquire(timeout=30)
    calls = sharing(watcher, pool, 3)
    gate.opened.release()
    with pytest.raises(KeyboardInterrupt):
        interrupted.result(30)
    gate.opened.release(3)  # whoever comes late begins one more

    assert {call.result(30).ips for call in calls} == {(FIRST,)}
    assert 2 <= gate.number <= 4
    assert watcher.status.failures == 0


def test_closing_ends_every_share(pool: ThreadPoolExecutor) -> None:
    """Callers that share a lookup are told at once that the watcher was closed, though the lookup goes on."""
    gate = Gate()
    watcher = PeerWatcher(SERVICE, resolver=gate, own_ips=OWN).start()
    assert gate.arrived.acquire(timeout=30)
    calls = sharing(watcher, pool, 3)
    watcher.close()
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            call.result(30)
    gate.opened.release()


class OnLog(logging.Handler):
    """Does something when the first change is logged: the list is out, and the lookup has not ended."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self._calls = [call]

    def emit(self, record: logging.LogRecord) -> None:
        """Do it, once."""
        if self._calls:
            self._calls.pop()()


def test_a_caller_that_has_seen_the_answer(pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture) -> None:
    """Who refreshes after the list has changed gets a newer answer, though that lookup has not quite ended."""
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN)
    watcher = PeerWatcher("svc", resolver=fake)
    late: list[Future[PeerSet]] = []

    def change() -> None:
        assert watcher.peers.ips == (FIRST,)
        fake["svc"] = [OWN, FIRST, SECOND]
        late.append(pool.submit(watcher.refresh))
        wait_until(lambda: are_sharing(watcher, 1))

    handler = OnLog(change)
    logging.getLogger("peerdisco").addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "peerdisco"):
            watcher.refresh()
    finally:
        logging.getLogger("peerdisco").removeHandler(handler)

    assert late[0].result(30).ips == (FIRST, SECOND)
    assert watcher.status.lookups == 2


class OnSignal:
    """A signal handler that makes one call, however often the signal comes.

    Attributes:
        call: what to call.
        results: what came of it.
    """

    def __init__(self) -> None:
        self.call: Callable[[], PeerSet] | None = None
        self.results: list[PeerSet] = []

    def __call__(self, *_: object) -> None:
        """Make the call, unless it was made."""
        call, self.call = self.call, None
        if call is not None:
            self.results.append(call())


@pytest.fixture
def on_signal() -> Iterator[OnSignal]:
    """The handler of SIGUSR1."""
    handler = OnSignal()
    before = signal.signal(signal.SIGUSR1, handler)
    yield handler
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("start", [False, True])
def test_a_signal_in_the_middle_of_a_lookup(on_signal: OnSignal, start: bool) -> None:
    """A signal handler may refresh in the middle of a refresh in its own thread."""

    def interrupt(number: int) -> None:
        if number == expected:
            signal.raise_signal(signal.SIGUSR1)

    gate = Gate(interrupt)
    expected = 2 if start else 1
    watcher = PeerWatcher(SERVICE, resolver=gate, own_ips=OWN, max_fleet_qps=0.001)
    on_signal.call = watcher.refresh
    gate.opened.release(5)
    if start:
        watcher.start().wait_for(1, timeout=30)
    try:
        assert watcher.refresh().ips == (FIRST,)
    finally:
        watcher.close()
    assert [peers.ips for peers in on_signal.results] == [(FIRST,)]
    assert watcher.status.lookups == expected + 1


def test_a_signal_while_sharing_a_lookup(on_signal: OnSignal) -> None:
    """A signal handler may refresh while its thread waits for a lookup that is under way in another one."""
    main = threading.get_ident()

    def both_wait() -> bool:
        # Again and again, since a signal that comes just before its thread blocks is handled only afterwards.
        signal.pthread_kill(main, signal.SIGUSR1)
        return are_sharing(watcher, 2)

    def interrupt(number: int) -> None:
        if number == 1:
            wait_until(lambda: are_sharing(watcher, 1))
            wait_until(both_wait)
        gate.opened.release()

    gate = Gate(interrupt)
    watcher = PeerWatcher(SERVICE, resolver=gate, own_ips=OWN, max_fleet_qps=0.001)
    on_signal.call = watcher.refresh
    with watcher:
        assert gate.arrived.acquire(timeout=30)
        assert watcher.refresh().ips == (FIRST,)
    assert [peers.ips for peers in on_signal.results] == [(FIRST,)]
