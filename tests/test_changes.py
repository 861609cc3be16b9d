"""How a watcher tells of changes: as a stream that can be slow, and to callbacks that can raise."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from peerdisco import AsyncPeerWatcher, Change, ConfigError, PeerWatcher
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.watchers import FIRST, OWN, SECOND, THIRD, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]


def told(change: Change) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Who came, who went, who is there."""
    return list(map(str, change.added)), list(map(str, change.removed)), change.peers.ips


def test_the_first_change_adds_everyone(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """The stream alone tells the whole story, whenever one begins to listen."""
    driver = watch(resolver=fake)
    early = driver.changes()
    assert told(next(early)) == ([FIRST], [], (FIRST,))
    fake["svc"] = [OWN, FIRST, SECOND]
    driver.pass_time(clock, 60)

    assert told(next(early)) == ([SECOND], [], (FIRST, SECOND))
    assert told(next(driver.changes())) == ([FIRST, SECOND], [], (FIRST, SECOND))


def test_a_slow_consumer_gets_one_change(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Whatever happens meanwhile is merged; what came and went again is not told at all."""
    driver = watch(resolver=fake, removal_confirmations=1)
    stream = driver.changes()
    next(stream)
    for pods in ([OWN, FIRST, SECOND], [OWN, FIRST, SECOND, THIRD], [OWN, SECOND, THIRD], [OWN, SECOND]):
        fake["svc"] = pods
        driver.pass_time(clock, 60)

    assert told(next(stream)) == ([SECOND], [FIRST], (SECOND,))


def test_consumers_are_independent(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Each consumer has a place of its own in the story."""
    driver = watch(resolver=fake)
    quick, slow = driver.changes(), driver.changes()
    quick_story = [told(next(quick))]
    for pods in ([OWN, FIRST, SECOND], [OWN, FIRST, SECOND, THIRD]):
        fake["svc"] = pods
        driver.pass_time(clock, 60)
        quick_story.append(told(next(quick)))

    assert [added for added, _, _ in quick_story] == [[FIRST], [SECOND], [THIRD]]
    assert told(next(slow)) == ([FIRST, SECOND, THIRD], [], (FIRST, SECOND, THIRD))


def test_the_stream_ends_with_the_watcher(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """After `close` a stream has nothing more to say, whether or not it had begun."""
    driver = watch(resolver=fake)
    begun, fresh = driver.changes(), driver.changes()
    next(begun)
    driver.close()

    assert list(begun) == []
    assert list(fresh) == []


def test_a_consumer_that_waits_is_released(fake: FakeResolver, clock: FakeClock) -> None:
    """A thread that waits for the next change is woken by `close`."""
    with ThreadPoolExecutor() as pool:
        with PeerWatcher("svc", resolver=fake) as watcher:
            story = pool.submit(lambda: [told(change) for change in watcher.changes()])
            clock.wait_for_sleepers(2)
            fake["svc"] = [OWN, FIRST, SECOND]
            clock.advance(60)
            clock.wait_for_sleepers(2)
        assert [added for added, _, _ in story.result(10)] == [[FIRST], [SECOND]]


def test_subscribe(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """The first call adds everyone, each later one tells a change, and nothing comes without one."""
    driver = watch(resolver=fake)
    driver.pass_time(clock)
    calls: list[Change] = []
    driver.subscribe(calls.append)
    driver.pass_time(clock)
    assert [told(change) for change in calls] == [([FIRST], [], (FIRST,))]
    driver.pass_time(clock, 60)
    fake["svc"] = [OWN, FIRST, SECOND]
    driver.pass_time(clock, 60)

    assert [told(change)[0] for change in calls] == [[FIRST], [SECOND]]


def test_subscribe_before_the_start(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Someone who subscribes early misses nothing."""
    driver = watch(resolver=fake, start=False)
    calls: list[Change] = []
    driver.subscribe(calls.append)
    assert calls == []
    driver.start()
    driver.pass_time(clock)
    assert [told(change)[0] for change in calls] == [[FIRST]]


def test_unsubscribe(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Who has unsubscribed is not called any more; doing so twice is no error."""
    driver = watch(resolver=fake)
    calls: list[Change] = []
    unsubscribe = driver.subscribe(calls.append)
    driver.pass_time(clock)
    unsubscribe()
    unsubscribe()
    fake["svc"] = [OWN]
    driver.pass_time(clock, 60)
    assert len(calls) == 1


def test_unsubscribe_inside_a_callback(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A callback can end itself and others while it runs; one that was ended is not called, the rest are."""
    driver = watch(resolver=fake, start=False)
    calls: list[str] = []
    ends: list[Callable[[], None]] = []

    def first(change: Change) -> None:
        calls.append("first")
        for end in ends:
            end()

    ends.append(driver.subscribe(first))
    ends.append(driver.subscribe(lambda _: calls.append("second")))
    driver.subscribe(lambda _: calls.append("third"))
    driver.start()
    driver.pass_time(clock)
    fake["svc"] = [OWN, FIRST, SECOND]
    driver.pass_time(clock, 60)

    assert calls == ["first", "third", "third"]


def test_a_callback_that_raises(
    watch: MakeDriver, fake: FakeResolver, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A subscriber's error is logged, the others still run, and the watcher goes on."""
    driver = watch(resolver=fake)
    calls: list[Change] = []

    def bad(change: Change) -> None:
        raise ZeroDivisionError("my own")

    driver.subscribe(bad)
    driver.subscribe(calls.append)
    driver.pass_time(clock)
    fake["svc"] = [OWN, FIRST, SECOND]
    driver.pass_time(clock, 60)

    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [told(change)[0] for change in calls] == [[FIRST], [SECOND]]
    assert len(errors) == 2
    assert all(error.exc_info and error.exc_info[0] is ZeroDivisionError for error in errors)
    assert not driver.watcher.status.failures


def test_subscribers_see_what_the_watcher_lists(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Inside a callback the watcher's own list is the one that the change ends in."""
    driver = watch(resolver=fake)
    same: list[bool] = []
    driver.subscribe(lambda change: same.append(change.peers is driver.watcher.peers))
    driver.pass_time(clock)
    assert same == [True]


def test_a_callback_that_can_not_be_called(watch: MakeDriver, fake: FakeResolver) -> None:
    """What can't be called is refused at once."""
    driver = watch(resolver=fake)
    with pytest.raises(ConfigError, match="callback=7: can't be called"):
        driver.subscribe(7)  # type: ignore[arg-type] # as a user might


def test_a_thread_awaits_nothing() -> None:
    """A coroutine function is refused by the watcher that could not await it."""

    async def callback(change: Change) -> None:
        raise AssertionError

    watcher = PeerWatcher("svc", resolver=FakeResolver({"svc": [OWN]}, own=OWN))
    for each in (callback, partial(callback)):
        with pytest.raises(ConfigError, match="only AsyncPeerWatcher awaits"):
            watcher.subscribe(each)


def test_a_coroutine_that_a_thread_gets(caplog: pytest.LogCaptureFixture) -> None:
    """A plain function may return a coroutine: it is closed, and the log says that nobody awaits it."""

    async def callback(change: Change) -> None:
        raise AssertionError

    beside = threading.Event()
    watcher = PeerWatcher("svc", resolver=FakeResolver({"svc": [OWN, FIRST]}, own=OWN))
    watcher.subscribe(lambda change: callback(change))  # noqa: PLW0108 - a plain function is what is tested
    watcher.subscribe(lambda _: beside.set())
    with watcher:
        assert beside.wait(10)

    assert "a subscriber raised" in caplog.text
    assert "returned a coroutine, which only AsyncPeerWatcher awaits" in caplog.text


async def test_coroutines_are_awaited_in_order() -> None:
    """One call at a time: what changes meanwhile comes in the next call, as one change; lookups go on."""
    clock = FakeClock()
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=clock)
    told: list[list[str]] = []
    started, go_on = asyncio.Queue[None](), asyncio.Queue[None]()

    async def callback(change: Change) -> None:
        told.append([str(peer) for peer in change.added])
        started.put_nowait(None)
        await go_on.get()

    async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
        watcher.subscribe(callback)
        await started.get()
        for pods in ([OWN, FIRST, SECOND], [OWN, FIRST, SECOND, THIRD]):
            fake["svc"] = pods
            await watcher.refresh()
        assert len(watcher.peers) == 3
        assert told == [[FIRST]]
        go_on.put_nowait(None)
        await started.get()
        assert told == [[FIRST], [SECOND, THIRD]]


async def test_a_coroutine_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """Its exception is logged, and the next change comes all the same, also to a callback beside it."""
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=FakeClock())
    heard, beside = asyncio.Queue[Change](), asyncio.Queue[Change]()

    async def callback(change: Change) -> None:
        heard.put_nowait(change)
        raise ZeroDivisionError

    async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
        watcher.subscribe(callback)
        watcher.subscribe(beside.put_nowait)
        await heard.get()
        await beside.get()
        fake["svc"] = [OWN, FIRST, SECOND]
        await watcher.refresh()
        assert [str(peer) for peer in (await heard.get()).added] == [SECOND]
        await beside.get()

    assert "a subscriber raised" in caplog.text


async def test_a_coroutine_that_awaits_what_was_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """That it ends in a CancelledError is logged, since nobody cancelled the coroutine itself."""
    ended = asyncio.Event()
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()

    async def callback(_: Change) -> None:
        ended.set()
        await gone

    async with AsyncPeerWatcher("svc", resolver=FakeResolver({"svc": [OWN, FIRST]}, own=OWN)) as watcher:
        watcher.subscribe(callback)
        await ended.wait()
        await asyncio.sleep(0)
        await watcher.refresh()

    assert "a subscriber raised" in caplog.text


async def test_a_future_of_another_loop(caplog: pytest.LogCaptureFixture) -> None:
    """It can't be awaited here: that is logged, the next subscriber hears, and nothing waits for it at the end."""
    other = asyncio.new_event_loop()
    future, beside = other.create_future(), asyncio.Queue[Change]()
    async with AsyncPeerWatcher("svc", resolver=FakeResolver({"svc": [OWN, FIRST]}, own=OWN)) as watcher:
        watcher.subscribe(lambda _: future)
        watcher.subscribe(beside.put_nowait)
        await beside.get()
        async with asyncio.timeout(5):
            await watcher.aclose()
    other.close()

    assert "belongs to a different loop" in caplog.text


async def test_a_coroutine_that_closes_the_watcher() -> None:
    """A subscriber may close the watcher that calls it, and goes on after that."""
    closed = asyncio.Event()

    async def callback(_: Change) -> None:
        await watcher.aclose()
        closed.set()

    watcher = AsyncPeerWatcher("svc", resolver=FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=FakeClock()))
    watcher.start()
    watcher.subscribe(callback)
    async with asyncio.timeout(5):
        await closed.wait()


async def test_closing_ends_a_coroutine(caplog: pytest.LogCaptureFixture) -> None:
    """A subscriber that is under way is cancelled when the watcher closes."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def callback(_: Change) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with AsyncPeerWatcher("svc", resolver=FakeResolver({"svc": [OWN, FIRST]}, own=OWN)) as watcher:
        watcher.subscribe(callback)
        await started.wait()

    assert ended.is_set()
    assert "a subscriber raised" not in caplog.text
