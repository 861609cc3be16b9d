"""A clock that the test moves, and those who wait on it: watchers, their consumers, and some who never come back."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from peerdisco import AsyncPeerWatcher, Change, PeersNotReady, PeerWatcher
from peerdisco.clock import WakeEvent
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.watchers import FIRST, OWN, SECOND, THIRD, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]

STEADY: dict[str, Any] = {"refresh": 5, "jitter": 0}


def test_every_lookup_on_the_way(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Ten minutes are some 120 lookups, each at its time, and in one go."""
    driver = watch(resolver=fake, **STEADY)
    driver.pass_time(clock, 600)

    assert 120 <= driver.watcher.status.lookups <= 126
    assert clock() == 600.0


def test_a_script_goes_by_its_times(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Each lookup on the way sees the next state of a script, and a subscriber hears of each change, in order."""
    fake.script("svc", [[OWN, FIRST], [OWN, FIRST, SECOND], "timeout", [OWN, FIRST, SECOND, THIRD]])
    driver = watch(resolver=fake, start=False, **STEADY)
    heard: list[tuple[float, tuple[str, ...]]] = []
    driver.subscribe(lambda change: heard.append((clock(), change.peers.ips)))
    driver.start()
    driver.pass_time(clock, 60)

    assert [ips for _, ips in heard] == [(FIRST,), (FIRST, SECOND), (FIRST, SECOND, THIRD)]
    assert 0 == heard[0][0] < heard[1][0] < heard[2][0] < 10


def test_a_watcher_that_was_just_started(fake: FakeResolver, clock: FakeClock) -> None:
    """Its first lookup is made before time passes, without a word from the test."""
    for _ in range(20):
        with PeerWatcher("svc", resolver=fake) as watcher:
            clock.advance(0)
            assert watcher.peers.ips == (FIRST,)


@contextmanager
def following(watcher: PeerWatcher, handle: Callable[[Change], object]) -> Iterator[None]:
    """Have another thread follow a watcher's changes."""

    def follow() -> None:
        for change in watcher.changes():
            handle(change)

    thread = threading.Thread(target=follow, name="follower")
    thread.start()
    yield
    watcher.close()
    thread.join(10)


def test_a_thread_that_follows_changes(fake: FakeResolver, clock: FakeClock) -> None:
    """It has handled each change before time goes on, so that none is merged with the next."""
    fake.script("svc", [[OWN], [OWN, FIRST], [OWN, FIRST, SECOND], [OWN, FIRST, SECOND, THIRD]])
    heard: list[tuple[float, int]] = []
    watcher = PeerWatcher("svc", resolver=fake, **STEADY).start()
    with following(watcher, lambda change: heard.append((clock(), len(change.peers)))):
        clock.wait_for_sleepers(2)
        clock.advance(60)
        assert [count for _, count in heard] == [1, 2, 3]
        assert len({when for when, _ in heard}) == 3


async def test_a_task_that_follows_changes(fake: FakeResolver, clock: FakeClock) -> None:
    """It has handled each change before time goes on, though it awaits something else meanwhile."""
    fake.script("svc", [[OWN], [OWN, FIRST], [OWN, FIRST, SECOND], [OWN, FIRST, SECOND, THIRD]])
    heard: list[tuple[float, int]] = []

    async def follow() -> None:
        async for change in watcher.changes():
            await asyncio.to_thread(heard.append, (clock(), len(change.peers)))

    async with AsyncPeerWatcher("svc", resolver=fake, **STEADY) as watcher:
        task = asyncio.create_task(follow())
        await clock.aadvance(60)
    await task

    assert [count for _, count in heard] == [1, 2, 3]
    assert len({when for when, _ in heard}) == 3


async def test_a_coroutine_that_subscribes(fake: FakeResolver, clock: FakeClock) -> None:
    """It has handled each change before time goes on, though it awaits something else meanwhile."""
    fake.script("svc", [[OWN], [OWN, FIRST], [OWN, FIRST, SECOND], [OWN, FIRST, SECOND, THIRD]])
    heard: list[tuple[float, int]] = []
    watcher = AsyncPeerWatcher("svc", resolver=fake, **STEADY)

    async def handle(change: Change) -> None:
        now = clock()
        for _ in range(20):
            await asyncio.to_thread(clock)
        assert clock() == now
        heard.append((now, len(change.peers)))

    watcher.subscribe(handle)
    async with watcher:
        await clock.aadvance(60)

    assert [count for _, count in heard] == [1, 2, 3]
    assert len({when for when, _ in heard}) == 3


async def test_a_coroutine_that_subscribes_and_moves_the_clock(fake: FakeResolver, clock: FakeClock) -> None:
    """It is waited for by others, not by itself; nor does anybody wait for it while it waits for peers."""
    told: list[float] = []
    watcher = AsyncPeerWatcher("svc", resolver=fake, **STEADY)

    async def move(_: Change) -> None:
        await clock.aadvance(1)
        told.append(clock())
        with pytest.raises(PeersNotReady):
            await watcher.wait_for(3, timeout=30)
        told.append(clock())

    watcher.subscribe(move)
    async with watcher:
        await clock.aadvance(60)

    assert told == [1.0, 31.0]
    assert watcher.status.last_error is None


async def test_subscribers_that_move_the_clock_at_once() -> None:
    """Of two threads, or two tasks, only the one that began first waits for the other."""
    clock, moved, both = FakeClock(patience=5), list[float](), threading.Barrier(2)
    fake = FakeResolver({"a": [FIRST], "b": [FIRST]}, clock=clock)

    async def move(_: Change) -> None:
        await clock.aadvance(1)
        moved.append(clock())

    def move_together(_: Change) -> None:
        both.wait(10)
        clock.advance(1)
        moved.append(clock())

    task = AsyncPeerWatcher("a", resolver=fake)
    threads = [PeerWatcher(service, resolver=fake) for service in ("a", "b")]
    for _ in range(2):
        task.subscribe(move)
    for watcher in threads:
        watcher.subscribe(move_together)
    async with task:
        await clock.aadvance(10)
    assert len(moved) == 2
    with threads[0], threads[1]:
        clock.advance(10)
        assert len(moved) == 4
    assert [task.status.last_error, *(watcher.status.last_error for watcher in threads)] == [None] * 3


async def test_a_coroutine_that_subscribes_and_blocks() -> None:
    """It is named as a thread would be."""
    clock, goes_on = FakeClock(patience=0.05), asyncio.Event()
    watcher = AsyncPeerWatcher("svc", resolver=FakeResolver({"svc": [FIRST]}, clock=clock), own_ips=())

    async def block(_: Change) -> None:
        await goes_on.wait()

    watcher.subscribe(block)
    async with watcher:
        with pytest.raises(TimeoutError, match=r"advance\(5\): after 0\.05 .* at work: task '.*'"):
            await clock.aadvance(5)
        goes_on.set()
        await clock.aadvance(5)
        assert clock() == 5.0


async def test_a_task_that_was_just_started(fake: FakeResolver, clock: FakeClock) -> None:
    """Another thread that moves the clock waits for its first lookup; who blocks its event loop is told so."""
    for _ in range(20):
        async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
            await asyncio.to_thread(clock.advance, 0)
            assert watcher.peers.ips == (FIRST,)
    async with AsyncPeerWatcher("svc", resolver=fake):
        with pytest.raises(RuntimeError, match=r"task 'peerdisco svc.* just started can't run .* await aadvance"):
            clock.advance(60)
    assert clock() == 0.0


async def test_threads_and_tasks_on_one_clock(fake: FakeResolver, clock: FakeClock) -> None:
    """`aadvance` moves both."""
    async with AsyncPeerWatcher("svc", resolver=fake, **STEADY) as of_a_task:
        with PeerWatcher("svc", resolver=fake, **STEADY) as of_a_thread:
            await clock.aadvance(600)
            lookups = of_a_task.status.lookups, of_a_thread.status.lookups

    assert all(120 <= count <= 126 for count in lookups)


def test_whoever_moves_the_clock_is_not_waited_for(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A test may hold an open stream of changes, in the thread or task that moves the clock."""
    driver = watch(resolver=fake, **STEADY)
    changes = driver.changes()
    next(changes)
    for pods in ([OWN, FIRST, SECOND], [OWN, FIRST, SECOND, THIRD]):
        fake["svc"] = pods
        driver.pass_time(clock, 60)
        assert len(next(changes).added) == 1


def test_a_subscriber_may_move_the_clock(fake: FakeResolver, clock: FakeClock) -> None:
    """From the thread that is at work the clock can be moved as well."""
    with PeerWatcher("svc", resolver=fake) as watcher:
        watcher.subscribe(lambda _: clock.advance(1))
        clock.advance(10)
        assert clock() >= 10.0
        assert watcher.peers.ips == (FIRST,)


def test_a_subscriber_may_move_the_clock_at_once(fake: FakeResolver, clock: FakeClock) -> None:
    """So it can from a thread that has only just been started, and has never waited."""
    watcher = PeerWatcher("svc", resolver=fake)
    told: list[float] = []

    def move(_: object) -> None:
        clock.advance(1)
        told.append(clock())

    watcher.subscribe(move)
    with watcher:
        clock.advance(10)

    assert told
    assert told[0] >= 1.0
    assert watcher.status.last_error is None


def test_a_subscriber_that_blocks() -> None:
    """Whoever does not come back is named, after some patience."""
    clock, goes_on = FakeClock(patience=0.05), threading.Event()
    watcher = PeerWatcher("svc", resolver=FakeResolver({"svc": [FIRST, SECOND]}, clock=clock))
    watcher.subscribe(lambda _: goes_on.wait(60))
    with watcher:
        with pytest.raises(TimeoutError, match=r"advance\(5\): after 0\.05 .* at work: .*just started"):
            clock.advance(5)
        goes_on.set()
        clock.wait_for_sleepers()
        goes_on.clear()
        watcher.subscribe(lambda _: goes_on.wait(60))
        with pytest.raises(TimeoutError, match=r"thread 'peerdisco svc\.default\.svc\.cluster\.local\.'"):
            clock.advance(5)
        goes_on.set()


async def test_a_task_that_blocks() -> None:
    """The same in an event loop."""
    clock, wake = FakeClock(patience=0.05), asyncio.Event()

    async def work() -> None:
        await clock.await_(wake, 5)
        await asyncio.Event().wait()

    task = asyncio.create_task(work(), name="worker")
    with pytest.raises(TimeoutError, match=r"advance\(60\): .* at work: task 'worker'"):
        await clock.aadvance(60)
    task.cancel()
    await asyncio.wait([task])
    await clock.aadvance(60)
    assert clock() == 65.0


def test_waits_of_next_to_no_time() -> None:
    """An advance that never comes to its end says so."""
    clock, wake, ended = FakeClock(patience=0.5), WakeEvent(), threading.Event()

    def work() -> None:
        while not ended.is_set():
            clock.wait(wake, 1e-300)
            wake.clear()

    thread = threading.Thread(target=work, name="spinner")
    thread.start()
    clock.wait_for_sleepers()
    with pytest.raises(TimeoutError, match=r"advance\(5\): .* short of its end: thread 'spinner' waits for next to no"):
        clock.advance(5)
    ended.set()
    wake.set()
    thread.join(10)


def test_a_thread_that_ends_without_a_word(clock: FakeClock) -> None:
    """A thread that is no more is waited for no more."""
    wake = WakeEvent()
    thread = threading.Thread(target=clock.wait, args=[wake, 5.0])
    thread.start()
    clock.wait_for_sleepers()
    clock.advance(60)
    thread.join(10)
    assert clock() == 60.0


def test_a_loop_that_is_no_more(clock: FakeClock, fake: FakeResolver) -> None:
    """A task of a closed event loop is waited for no more."""

    async def begin() -> asyncio.Task[None]:
        task = asyncio.ensure_future(clock.await_(asyncio.Event(), 5))
        await asyncio.sleep(0)
        return task

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(begin())
    with pytest.raises(RuntimeError, match="await aadvance"):
        clock.advance(5)
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()
    clock.advance(5)
    assert clock() == 5.0


async def test_advance_in_an_event_loop(fake: FakeResolver, clock: FakeClock) -> None:
    """It would block the very task that it has to wait for; time may pass while none is due."""
    async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
        await watcher.wait_for(1)
        await clock.aadvance(0)
        clock.advance(0.1)
        with pytest.raises(RuntimeError, match=r"task 'peerdisco svc.* blocks its event loop: await aadvance"):
            clock.advance(60)


def test_a_stream_that_nobody_holds(fake: FakeResolver, clock: FakeClock) -> None:
    """A consumer that has left its loop is gone, whatever its thread does next."""
    done = threading.Event()
    with ThreadPoolExecutor() as pool, PeerWatcher("svc", resolver=fake, **STEADY) as watcher:

        def first() -> None:
            for _ in watcher.changes():
                break
            done.wait(60)

        pool.submit(first)
        clock.wait_for_sleepers()
        gc.collect()
        clock.advance(60)
        done.set()


def test_waiting_for_sleepers_in_vain() -> None:
    """How many there are is said."""
    with pytest.raises(TimeoutError, match="0 of 2 sleepers"):
        FakeClock(patience=0.01).wait_for_sleepers(2)


def test_a_stream_of_the_thread_that_runs_the_loop(fake: FakeResolver, clock: FakeClock) -> None:
    """A stream that is open outside the event loop waits for nobody inside."""
    with PeerWatcher("svc", resolver=fake, **STEADY) as watcher:
        changes = watcher.changes()
        next(changes)
        fake["svc"] = [OWN, FIRST, SECOND]
        asyncio.run(clock.aadvance(60))
        assert len(next(changes).added) == 1
