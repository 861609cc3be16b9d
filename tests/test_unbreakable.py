"""Whatever is raised in a watcher, wherever: it goes on, never at once, shows it in its status, and logs it once."""

import asyncio
from typing import Any

import pytest

from peerdisco import (
    Answer,
    AsyncPeerWatcher,
    Outcome,
    PeersNotReady,
    PeerWatcher,
)
from peerdisco.testing import FakeClock
from tests.support.both import Discover, sync_and_async
from tests.support.odd import ANSWER, ERRORS, SERVICE, Odd, pass_one_lookup, raising
from tests.support.watchers import FIRST, OWN, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_resolver_that_raises(
    watch: MakeDriver, clock: FakeClock, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """Any exception is a failed lookup: one question at a time, one traceback in the log, and an end when it ends."""
    resolver = Odd(clock, raising(error))
    driver = watch(SERVICE, resolver=resolver, own_ips=OWN)
    driver.pass_time(clock)
    for turn in range(2, 6):
        pass_one_lookup(driver, clock)
        status = driver.watcher.status
        assert (resolver.questions, status.lookups, status.failures) == (turn, turn, turn)
        assert status.next_refresh is not None
        assert status.next_refresh > 0
    kept = driver.watcher.status.last_error
    assert kept is not None
    assert type(error).__name__ in f"{type(kept).__name__} {kept}"
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]

    resolver.act = lambda: ANSWER
    pass_one_lookup(driver, clock)
    assert driver.watcher.peers.ips == (FIRST,)
    assert driver.watcher.status.last_error is None


def test_two_kinds_of_errors_by_turns(watch: MakeDriver, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """Errors that take turns are logged once each, until a lookup succeeds."""
    resolver = Odd(clock, raising(ZeroDivisionError()))
    driver = watch(SERVICE, resolver=resolver, own_ips=OWN)
    for turn in range(6):
        pass_one_lookup(driver, clock)
        resolver.act = raising(KeyError("odd") if turn % 2 else ZeroDivisionError())

    assert sum(record.exc_info is not None for record in caplog.records) == 2


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "10.0.0.1",
        ["10.0.0.1"],
        Answer(Outcome.PENDING),
        Answer(Outcome.FOUND, frozenset({b"12345"})),
        Answer(None, frozenset({b"1234"})),  # type: ignore[arg-type] # what is tested
        Answer(Outcome.FOUND, None),  # type: ignore[arg-type] # what is tested
        Ellipsis,
    ],
    ids=str,
)
def test_a_resolver_that_returns_something_else(watch: MakeDriver, clock: FakeClock, answer: Any) -> None:
    """What is no answer is a failed lookup, and is not asked for again at once."""
    resolver = Odd(clock, lambda: answer)
    driver = watch(SERVICE, resolver=resolver, own_ips=OWN)
    driver.pass_time(clock)
    for turn in range(2, 5):
        pass_one_lookup(driver, clock)
        status = driver.watcher.status
        assert (resolver.questions, status.lookups, status.failures) == (turn, turn, turn)
        assert status.last_error is not None


@sync_and_async
def test_a_resolver_whose_answers_ran_out(discover: Discover) -> None:
    """A StopIteration ends no loop of the caller's in silence, as it would in `map`."""
    resolver = Odd(FakeClock(), raising(StopIteration()))
    with pytest.raises(RuntimeError, match="StopIteration"):
        discover(SERVICE, resolver=resolver, own_ips=OWN)


# The test's own thread hook sees the exit that Python itself passes over.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()], ids=["exit", "interrupt"])
def test_an_exit_in_the_watchers_thread(caplog: pytest.LogCaptureFixture, error: BaseException) -> None:
    """An exit or a Ctrl-C in the watcher's own thread ends it: the watcher is closed, and says by what."""
    resolver = Odd(FakeClock(), raising(error))
    with PeerWatcher(SERVICE, resolver=resolver) as watcher:
        with pytest.raises((PeersNotReady, RuntimeError), match="closed"):
            watcher.wait_for(1)
        assert type(error).__name__ in str(watcher.status.last_error)
        assert watcher.status.next_refresh is None
    assert f"the watcher is closed after {type(error).__name__}" in caplog.text


def test_an_exit_in_the_watchers_loop() -> None:
    """In an event loop they end the loop, as they do in any task."""
    resolver = Odd(FakeClock(), raising(SystemExit(3)))

    async def main() -> None:
        async with AsyncPeerWatcher(SERVICE, resolver=resolver) as watcher:
            await watcher.wait_for(1)

    with pytest.raises(SystemExit):
        asyncio.run(main())
    assert resolver.questions == 1
