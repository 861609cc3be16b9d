"""Watchers used as they should not be: a clear error, or it plainly works."""

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from peerdisco import AsyncPeerWatcher, Change, ConfigError, LookupFailed, Outcome, PeerWatcher
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.watchers import FIRST, Driver, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]


def test_peers_before_the_start(watch: MakeDriver, fake: FakeResolver) -> None:
    """Nobody is listed before the start, the outcome says that nothing was asked, and so does the status."""
    driver = watch(resolver=fake, start=False)

    assert (len(driver.watcher.peers), driver.watcher.peers.outcome) == (0, Outcome.PENDING)
    assert (driver.watcher.status.lookups, driver.watcher.status.next_refresh) == (0, None)
    assert fake.questions == []


@pytest.mark.parametrize("use", [lambda driver: driver.wait_for(1), lambda driver: next(driver.changes())])
def test_use_before_the_start(watch: MakeDriver, fake: FakeResolver, use: Callable[[Driver], object]) -> None:
    """Waiting for what cannot come is refused, with the cure."""
    driver = watch(resolver=fake, start=False)
    with pytest.raises(RuntimeError, match=r"not started; call start\(\)"):
        use(driver)


def test_refresh_before_the_start(watch: MakeDriver, fake: FakeResolver) -> None:
    """A lookup by hand needs no thread and no task."""
    assert watch(resolver=fake, start=False).refresh().ips == (FIRST,)


def test_start_twice(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """The second start changes nothing: nobody asks twice."""
    driver = watch(resolver=fake)
    driver.start()
    driver.pass_time(clock)
    driver.start()
    driver.pass_time(clock)
    assert driver.watcher.status.lookups == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda driver: driver.start(),
        lambda driver: driver.refresh(),
        lambda driver: driver.wait_for(1),
        lambda driver: next(driver.changes()),
        lambda driver: driver.subscribe(print),
    ],
    ids=["start", "refresh", "wait_for", "changes", "subscribe"],
)
def test_use_after_close(watch: MakeDriver, fake: FakeResolver, use: Callable[[Driver], object]) -> None:
    """What a closed watcher cannot do is refused."""
    driver = watch(resolver=fake)
    driver.wait_for(1)
    driver.close()
    with pytest.raises(RuntimeError, match="the watcher is closed; make a new one"):
        use(driver)


def test_reading_after_close(watch: MakeDriver, fake: FakeResolver) -> None:
    """The last list and status of a closed watcher can still be read."""
    driver = watch(resolver=fake)
    driver.wait_for(1)
    driver.close()
    assert driver.watcher.peers.ips == (FIRST,)
    assert driver.watcher.status.lookups == 1


def test_close_twice(watch: MakeDriver, fake: FakeResolver) -> None:
    """Closing again, or before the start, is no error."""
    driver = watch(resolver=fake)
    driver.close()
    driver.close()
    never_started = watch(resolver=fake, start=False)
    never_started.close()
    with pytest.raises(RuntimeError, match="closed"):
        never_started.start()


def test_close_from_a_callback(fake: FakeResolver) -> None:
    """A subscriber may close the watcher from the watcher's own thread."""
    watcher = PeerWatcher("svc", resolver=fake)
    closed = threading.Event()

    def close(change: Change) -> None:
        watcher.close()
        closed.set()

    watcher.subscribe(close)
    watcher.start()
    assert closed.wait(10)
    with pytest.raises(RuntimeError, match="closed"):
        watcher.start()


async def test_aclose_from_a_callback(fake: FakeResolver) -> None:
    """A subscriber may have the watcher closed in its own event loop."""
    watcher = AsyncPeerWatcher("svc", resolver=fake)
    closing: list[asyncio.Task[None]] = []
    watcher.subscribe(lambda _: closing.append(asyncio.ensure_future(watcher.aclose())))
    async with watcher:
        assert len([change async for change in watcher.changes()]) == 1
    await closing[0]


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"count": -1}, "count"),
        ({"count": 1.5}, "count"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"stable_for": float("nan")}, "stable_for"),
        ({"stable_for": None}, "stable_for"),
    ],
)
def test_wait_for_nonsense(watch: MakeDriver, fake: FakeResolver, arguments: Any, key: str) -> None:
    """What cannot be waited for is refused at once, by name."""
    driver = watch(resolver=fake)
    with pytest.raises(ConfigError, match=rf"^{key}="):
        driver.wait_for(**arguments)


@pytest.mark.parametrize("resolver", [object(), "10.96.0.10", 5])
def test_a_resolver_without_the_method(watch: MakeDriver, resolver: object) -> None:
    """A resolver that cannot answer is refused when the watcher is made."""
    with pytest.raises(ConfigError, match=r"^resolver=.*has no method `a?lookup`"):
        watch("svc", resolver=resolver)


class Blocking:
    """A resolver for threads only."""

    lookup = FakeResolver.lookup


def test_a_resolver_for_the_other_world() -> None:
    """A blocking resolver is none for asyncio."""
    with pytest.raises(ConfigError, match="has no method `alookup`"):
        AsyncPeerWatcher("svc", resolver=Blocking())  # type: ignore[arg-type] # that is the test


def test_an_option_that_does_not_exist(watch: MakeDriver) -> None:
    """A misspelt option is refused by name."""
    with pytest.raises(ConfigError, match=r"^refesh=5: no such option"):
        watch("svc", refesh=5)  # type: ignore[call-arg] # that is the test


def test_a_failing_start_is_no_error(watch: MakeDriver, fake: FakeResolver) -> None:
    """DNS that is down when the watcher starts is not the start's business."""
    fake.fail("svc")
    driver = watch(resolver=fake)
    with pytest.raises(LookupFailed):
        driver.refresh()
    fake.heal("svc")
    assert driver.refresh().ips == (FIRST,)


def test_a_subscriber_must_not_wait(fake: FakeResolver) -> None:
    """A subscriber that waits for the watcher in whose thread it is would wait for ever: it is told."""
    told: list[str] = []
    watcher = PeerWatcher("svc", resolver=fake)

    def wait(_: Change) -> None:
        try:
            watcher.wait_for(9)
        except RuntimeError as error:
            told.append(str(error))
        done.set()

    done = threading.Event()
    watcher.subscribe(wait)
    with watcher:
        assert done.wait(10)
    assert "must not wait" in told[0]


# The test's own thread hook sees the exit that Python itself passes over.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_subscriber_that_exits(fake: FakeResolver) -> None:
    """A subscriber that ends its thread closes the watcher: nobody waits for it for ever."""
    watcher = PeerWatcher("svc", resolver=fake).start()
    thread = next(thread for thread in threading.enumerate() if thread.name.startswith("peerdisco svc"))
    stream = watcher.changes()
    watcher.subscribe(lambda _: sys.exit())

    assert len(list(stream)) <= 1
    thread.join(10)
    with pytest.raises(RuntimeError, match="closed"):
        watcher.refresh()
