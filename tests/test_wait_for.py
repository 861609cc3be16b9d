"""Waiting for peers, sync and async: it ends with the list, with the time, or with the watcher."""

import pytest

from peerdisco import Outcome, PeersNotReady
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.watchers import FIRST, OWN, SECOND, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]


def test_wait_for(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Whoever waits gets the list that has enough peers, as soon as it is there."""
    driver = watch(resolver=fake)
    waiting = driver.begin_to_wait(clock, 2)
    fake["svc"] = [OWN, FIRST, SECOND]
    driver.pass_time(clock, 60)
    assert waiting().ips == (FIRST, SECOND)


def test_wait_for_times_out(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Whoever waits for more than there are is told so when the time is up."""
    driver = watch(resolver=fake)
    waiting = driver.begin_to_wait(clock, 2, timeout=7)
    driver.pass_time(clock, 7)
    with pytest.raises(PeersNotReady, match=r"1 of 2 peers of .* after 7 s"):
        waiting()


def test_wait_for_ends_with_the_watcher(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Nobody waits for a watcher that is closed."""
    driver = watch(resolver=fake)
    waiting = driver.begin_to_wait(clock, 2)
    driver.close()
    with pytest.raises(PeersNotReady, match="when the watcher was closed"):
        waiting()


def test_wait_for_nobody(watch: MakeDriver, fake: FakeResolver) -> None:
    """Zero peers are there with the first answer, whatever it says; no time at all is enough if it has come."""
    fake["svc"] = []
    driver = watch(resolver=fake)

    assert driver.wait_for(0).outcome is Outcome.NXDOMAIN
    assert driver.wait_for(0, timeout=0).ips == ()
    with pytest.raises(PeersNotReady):
        driver.wait_for(1, timeout=0)


def test_waiting_hurries(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A watcher that had slowed down asks faster while somebody waits."""
    driver = watch(resolver=fake, jitter=0)
    for _ in range(9):
        driver.pass_time(clock, 5)
    waiting = driver.begin_to_wait(clock, 2)
    fake["svc"] = [OWN, FIRST, SECOND]
    driver.pass_time(clock, 1)
    assert len(waiting()) == 2
