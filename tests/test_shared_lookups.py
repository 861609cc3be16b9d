"""`refresh` from many threads or tasks at once: one lookup for all, and nobody's end is anybody else's."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from peerdisco import Answer, AsyncPeerWatcher, LookupFailed, PeerSet, PeerWatcher, Question
from peerdisco.testing import LocalCluster

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


def wait_for_sharers(watcher: PeerWatcher, count: int) -> None:
    """Return once so many threads share the lookup under way; the watcher's own listener is there as well."""
    deadline = time.monotonic() + 30
    while len(watcher._runner._listeners) < 1 + count:
        assert time.monotonic() < deadline


def sharing(watcher: PeerWatcher, pool: ThreadPoolExecutor, count: int) -> list[Future[PeerSet]]:
    """Return callers that share the lookup under way."""
    calls = [pool.submit(watcher.refresh) for _ in range(count)]
    wait_for_sharers(watcher, count)
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


async def test_many_tasks_wait_for_one_timeout(cluster: LocalCluster) -> None:
    """So are tasks."""
    watcher = AsyncPeerWatcher("svc", timeout=0.5, **cluster.options)
    begun = time.monotonic()
    errors = await asyncio.gather(*(watcher.refresh() for _ in range(MANY)), return_exceptions=True)
    took = time.monotonic() - begun

    assert took < 2
    assert watcher.status.lookups == 1
    assert {str(error) for error in errors} == {str(watcher.status.last_error)}
    assert len({id(error) for error in errors}) == MANY


def test_a_caller_shares_the_watchers_own_lookup(pool: ThreadPoolExecutor) -> None:
    """A refresh in the middle of a scheduled lookup brings what that one brings; the next refresh asks again."""
    gate = Gate()
    with PeerWatcher(SERVICE, resolver=gate, own_ips=OWN, refresh=1000, removal_confirmations=1) as watcher:
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
    gate.opened.release(len(calls))  # a caller that wakes up late may find the next lookup ended, and begin its own

    assert {call.result(30).ips for call in calls} == {(FIRST,)}
    assert 2 <= gate.number <= 1 + len(calls)
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


@pytest.fixture
def on_signal() -> Iterator[list[Any]]:
    """What a signal handler calls, and what comes of it."""
    calls: list[Any] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: calls.append(calls.pop(0)()))
    yield calls
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("start", [False, True])
def test_a_signal_in_the_middle_of_a_lookup(on_signal: list[Any], start: bool) -> None:
    """A signal handler may refresh in the middle of a refresh in its own thread."""

    def interrupt(number: int) -> None:
        if gate.ips and number == expected:
            signal.raise_signal(signal.SIGUSR1)

    gate = Gate(interrupt)
    expected = 2 if start else 1
    watcher = PeerWatcher(SERVICE, resolver=gate, own_ips=OWN, refresh=1000)
    on_signal.append(watcher.refresh)
    gate.opened.release(5)
    if start:
        watcher.start().wait_for(1, timeout=30)
    try:
        assert watcher.refresh().ips == (FIRST,)
    finally:
        watcher.close()
    assert [peers.ips for peers in on_signal] == [(FIRST,)]
    assert watcher.status.lookups == expected + 1


def test_a_signal_while_sharing_a_lookup(on_signal: list[Any]) -> None:
    """A signal handler may refresh while its thread waits for a lookup that is under way in another one."""
    main = threading.get_ident()

    def interrupt(number: int) -> None:
        wait_for_sharers(watcher, 1)
        signal.pthread_kill(main, signal.SIGUSR1)
        wait_for_sharers(watcher, 2)
        gate.opened.release()

    gate = Gate(interrupt)
    watcher = PeerWatcher(SERVICE, resolver=gate, own_ips=OWN, refresh=1000)
    on_signal.append(watcher.refresh)
    with watcher:
        assert gate.arrived.acquire(timeout=30)
        assert watcher.refresh().ips == (FIRST,)
    assert [peers.ips for peers in on_signal] == [(FIRST,)]
    assert gate.number == 1


class AsyncGate:
    """A resolver whose lookups wait at a gate until the test opens it."""

    def __init__(self) -> None:
        self.arrived = asyncio.Semaphore(0)
        self.opened = asyncio.Semaphore(0)
        self.number = 0

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - as AsyncResolver wants it
        """Answer, once the gate has been opened for this question."""
        self.number += 1
        self.arrived.release()
        await self.opened.acquire()
        return Answer.of(question, [OWN, FIRST])


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_cancelled_caller_cancels_nobody_else(cancelled: int) -> None:
    """Whichever caller is cancelled, the lookup goes on for the others."""
    gate = AsyncGate()
    watcher = AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN)
    calls = [asyncio.create_task(watcher.refresh()) for _ in range(3)]
    await gate.arrived.acquire()
    calls.pop(cancelled).cancel()
    await asyncio.sleep(0)
    gate.opened.release()

    assert {peers.ips for peers in await asyncio.gather(*calls)} == {(FIRST,)}
    assert (gate.number, watcher.status.lookups) == (1, 1)
    await watcher.aclose()


async def test_a_lookup_of_which_every_caller_is_cancelled() -> None:
    """It goes on, and what it brings is listed."""
    gate = AsyncGate()
    watcher = AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN)
    call = asyncio.create_task(watcher.refresh())
    await gate.arrived.acquire()
    call.cancel()
    await asyncio.wait([call])
    gate.opened.release()

    assert (await watcher.refresh()).ips == (FIRST,)
    assert gate.number == 1
    await watcher.aclose()


async def test_a_task_shares_the_watchers_own_lookup() -> None:
    """A refresh in the middle of a scheduled lookup brings what that one brings, also where it is cancelled first."""
    gate = AsyncGate()
    async with AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN, refresh=1000) as watcher:
        await gate.arrived.acquire()
        calls = [asyncio.create_task(watcher.refresh()) for _ in range(3)]
        await asyncio.sleep(0)
        calls[0].cancel()
        gate.opened.release()
        assert {peers.ips for peers in await asyncio.gather(*calls[1:])} == {(FIRST,)}
        assert gate.number == 1


async def test_closing_ends_every_share_in_a_loop() -> None:
    """Tasks that share a lookup are told that the watcher was closed, and no task is left."""
    gate, tasks = AsyncGate(), asyncio.all_tasks()
    watcher = AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN)
    calls = [asyncio.create_task(watcher.refresh()) for _ in range(3)]
    await gate.arrived.acquire()
    await watcher.aclose()
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            await call
    assert asyncio.all_tasks() == tasks


def test_a_lookup_that_its_loop_left_behind() -> None:
    """A watcher that was never started may refresh in one loop after another, whatever became of the first."""
    gate = AsyncGate()
    watcher = AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await watcher.refresh()

    asyncio.run(give_up())
    gate.opened = asyncio.Semaphore(1)
    assert asyncio.run(watcher.refresh()).ips == (FIRST,)
