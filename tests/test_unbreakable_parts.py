"""Logging, subscribers, clocks and policies that raise: the watcher goes on, never at once, and its status shows it."""

import logging
import threading
import time
from collections.abc import Generator, Iterator

import pytest

from peerdisco import (
    Change,
    DiscoveryConfig,
    LookupFailed,
    PeerWatcher,
)
from peerdisco._dns.blocking import drive
from peerdisco._poll_thread import PollThread
from peerdisco._service import ServiceLookup
from peerdisco.clock import WakeEvent
from peerdisco.sync import run_lookup
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.odd import ERRORS, pass_one_lookup, raising
from tests.support.watchers import FIRST, OWN, SECOND, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]


class Broken(Exception):
    """What a part of logging raises."""


class BrokenHandler(logging.Handler):
    """A handler that raises."""

    def emit(self, record: logging.LogRecord) -> None:
        """Raise."""
        raise Broken


def broken_filter(record: logging.LogRecord) -> bool:
    """A filter that raises."""
    raise Broken


@pytest.fixture(params=["filter", "handler"])
def broken(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Logging that raises whatever is logged."""
    logger, handler = logging.getLogger("peerdisco"), BrokenHandler()
    caplog.set_level(logging.DEBUG, "peerdisco")
    if request.param == "filter":
        logger.addFilter(broken_filter)
    else:
        logger.addHandler(handler)
    yield
    logger.removeFilter(broken_filter)
    logger.removeHandler(handler)


@pytest.mark.usefixtures("broken")
def test_logging_that_raises(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Logging that raises fails no lookup and hastens none; the status shows it, where it shows nothing worse."""
    driver = watch(resolver=fake)
    driver.pass_time(clock)
    assert driver.watcher.peers.ips == (FIRST,)
    assert isinstance(driver.watcher.status.last_error, Broken)
    assert (driver.watcher.status.lookups, driver.watcher.status.failures) == (1, 0)

    fake.fail("svc")
    for lookups in range(2, 6):
        pass_one_lookup(driver, clock)
        assert (driver.watcher.status.lookups, len(fake.questions)) == (lookups, lookups)
    assert isinstance(driver.watcher.status.last_error, LookupFailed)

    fake.heal("svc")
    fake["svc"] = [OWN, FIRST, SECOND]
    assert driver.refresh().ips == (FIRST, SECOND)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_subscriber_that_raises(
    watch: MakeDriver, fake: FakeResolver, clock: FakeClock, error: BaseException
) -> None:
    """Whatever a subscriber raises, the others are called, and the watcher goes on."""
    calls: list[Change] = []
    driver = watch(resolver=fake, start=False)
    driver.subscribe(lambda _: raising(error)())
    driver.subscribe(calls.append)
    driver.start()
    driver.pass_time(clock)
    fake["svc"] = [OWN, FIRST, SECOND]
    pass_one_lookup(driver, clock)

    assert [change.peers.ips for change in calls] == [(FIRST,), (FIRST, SECOND)]
    assert driver.watcher.status.lookups == 2


class Odder(FakeClock):
    """A clock in real time, of which a part raises while it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self.failures = 0
        self.failed = threading.Condition()

    def fail(self) -> None:
        """Raise, if told to."""
        if self.is_broken:
            with self.failed:
                self.failures += 1
                self.failed.notify_all()
            raise OverflowError("no time")

    def wait(self, wake: WakeEvent, seconds: float | None) -> None:
        """Let real time pass."""
        wake.wait(seconds)

    def wait_for_failures(self, count: int) -> None:
        """Block until it has raised so many times more."""
        with self.failed:
            before = self.failures
            assert self.failed.wait_for(lambda: self.failures >= before + count, 10)


class NoTime(Odder):
    """A clock that can't say what time it is."""

    def __call__(self) -> float:
        self.fail()
        return time.monotonic()


class NoWait(Odder):
    """A clock that can't wait."""

    def wait(self, wake: WakeEvent, seconds: float | None) -> None:
        """Raise, if told to."""
        self.fail()
        wake.wait(seconds)

    def __call__(self) -> float:
        return time.monotonic()


@pytest.mark.parametrize("kind", [NoTime, NoWait])
def test_a_clock_that_raises(kind: type[Odder], caplog: pytest.LogCaptureFixture) -> None:
    """A clock that raises makes no thread spin or end; the status shows it, and the log has it once."""
    clock = kind()
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=clock)
    with PeerWatcher("svc", resolver=fake, refresh=0.05, max_fleet_qps=1e6) as watcher:
        fake.wait_for_questions(1)
        clock.is_broken = True
        clock.wait_for_failures(1)
        begun = time.monotonic()
        clock.wait_for_failures(3)
        took = time.monotonic() - begun
        # As soon as the thread has taken it in; a lookup that succeeds between two failures clears it.
        shown = iter(lambda: watcher.status.last_error, watcher)
        error = next(error for error in shown if error is not None)
        clock.is_broken = False
        fake.wait_for_questions(len(fake.questions) + 2)

    assert took > 0.05
    assert isinstance(error, OverflowError)
    assert sum("goes on after OverflowError" in record.getMessage() for record in caplog.records) == 1


def test_a_roster_that_raises() -> None:
    """Even where the policies themselves fail, nothing spins, and the status shows why."""
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN)
    lookup = ServiceLookup(DiscoveryConfig("svc", refresh=0.05), fake, "lookup")
    runner = PollThread(lookup, run_lookup, random=raising(ZeroDivisionError("no luck")))
    begun = time.monotonic()
    runner.start_once()
    fake.wait_for_questions(4)
    took = time.monotonic() - begun
    runner.stop()
    runner.join()

    assert took > 0.1
    assert isinstance(runner.watch.last_error, ZeroDivisionError)


def test_stop_iteration_is_not_the_end_of_a_lookup() -> None:
    """What ends in StopIteration while a lookup waits for it has failed, and has no result."""

    def steps() -> Generator[str, None, None]:
        yield "question"

    with pytest.raises(RuntimeError, match="StopIteration was raised in the middle"):
        drive(steps(), lambda _: next(iter(())), ())
