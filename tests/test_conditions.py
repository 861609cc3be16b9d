"""What is logged of a condition that flaps: once, then once a minute, without losing anything."""

import logging
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdisco import PeerDiscoError
from peerdisco._core.conditions import QUIET, ConditionLog, log
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.both import Discover, sync_and_async
from tests.support.watchers import FIRST, OWN, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]

NAME = "svc.default.svc.cluster.local."


class Told(NamedTuple):
    """One record: when it was written, and what it says."""

    at: float
    code: str
    holds: bool
    begun: int
    text: str


class Listener(logging.Handler):
    """Keeps what is logged of conditions, by the test's clock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.told: list[Told] = []
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        fields = record.__dict__
        if "count" in fields:
            holds = record.levelno == logging.WARNING
            self.told.append(Told(self._clock(), fields["code"], holds, fields["count"], record.getMessage()))

    def of(self, code: str) -> list[tuple[float, bool, int]]:
        """When something was logged of a code, whether it held, and the count."""
        return [each[:1] + each[2:4] for each in self.told if each.code == code]


@pytest.fixture
def listener(clock: FakeClock) -> Iterator[Listener]:
    """What is logged, by the test's clock."""
    listener = Listener(clock)
    level = log.level
    log.addHandler(listener)
    log.setLevel(logging.INFO)
    yield listener
    log.setLevel(level)
    log.removeHandler(listener)


def test_an_outage_is_told_at_once(clock: FakeClock, listener: Listener) -> None:
    """What begins and ends once is told as it happens, however short it is."""
    conditions = ConditionLog(NAME)
    for conditions_now in ({"timeout": "no answer"}, {"timeout": "no answer"}, {}, {}):
        conditions.update(conditions_now, clock(), 1)
        clock.advance(5)

    assert [(each.at, each.text) for each in listener.told] == [
        (0, f"{NAME}: no answer [timeout]"),
        (10, f"{NAME}: no longer timeout"),
    ]
    assert [each.begun for each in listener.told] == [1, 0]


def test_flapping_is_told_once_a_minute(clock: FakeClock, listener: Listener) -> None:
    """What begins every 10 s has a record a minute, with the count, and one when it has stopped."""
    conditions = ConditionLog(NAME)
    for _ in range(15):
        conditions.update({"timeout": "no answer"}, clock(), 1)
        clock.advance(5)
        conditions.update({}, clock(), 1)
        clock.advance(5)
    for _ in range(12):
        conditions.update({}, clock(), 1)
        clock.advance(5)

    assert [(each.at, each.text) for each in listener.told] == [
        (0, f"{NAME}: no answer [timeout]"),
        (5, f"{NAME}: no longer timeout"),
        (60, f"{NAME}: no answer [timeout, 6 times in the last minute]"),
        (120, f"{NAME}: no answer [timeout, 6 times in the last minute]"),
        (180, f"{NAME}: no longer timeout, which began 2 times in the last minute"),
    ]
    assert [each.begun for each in listener.told] == [1, 0, 6, 6, 2]


@pytest.mark.parametrize("holds", [True, False], ids=["bad", "good"])
def test_the_last_record_is_how_it_is(clock: FakeClock, listener: Listener, *, holds: bool) -> None:
    """Whether it stays bad or good after it has flapped, the last record says so, within a minute."""
    conditions = ConditionLog(NAME)
    for number in range(8):
        conditions.update({} if number % 2 else {"servfail": "broken"}, clock(), 1)
        clock.advance(2)
    for _ in range(60):
        conditions.update({"servfail": "broken"} if holds else {}, clock(), 1)
        clock.advance(2)

    assert listener.told[-1].at == 60
    assert listener.told[-1].holds is holds
    assert sum(each.begun for each in listener.told) == (5 if holds else 4)
    assert conditions.is_at_rest is not holds


def test_each_code_is_told_by_itself(clock: FakeClock, listener: Listener) -> None:
    """While one condition flaps, another that begins or ends is told at once."""
    conditions = ConditionLog(NAME)
    for number in range(20):
        now = {} if number % 2 else {"timeout": "no answer"}
        conditions.update(now | ({"incomplete": "cut"} if 7 <= number < 12 else {}), clock(), 1)
        clock.advance(1)

    assert listener.of("timeout") == [(0, True, 1), (1, False, 0)]
    assert listener.of("incomplete") == [(7, True, 1), (12, False, 0)]


def test_rare_lookups(clock: FakeClock, listener: Listener) -> None:
    """Where the next lookup comes later than after a minute, the record says how long the time was."""
    conditions = ConditionLog(NAME)
    for number in range(5):
        conditions.update({} if number % 2 else {"timeout": "no answer"}, clock(), 1)
        clock.advance(1)
    clock.advance(295)
    conditions.update({"timeout": "no answer"}, clock(), 1)

    assert listener.told[-1].text == f"{NAME}: no answer [timeout, 2 times in the last 5 minutes]"


def test_a_clock_that_begins_again(clock: FakeClock, listener: Listener) -> None:
    """Where a one-shot call comes with another clock, nothing is held back until that has caught up."""
    conditions = ConditionLog(NAME)
    for now in (1e6, 3.0):
        conditions.update({"timeout": "no answer"}, now, 1)
        conditions.update({}, now, 1)

    assert [each.holds for each in listener.told] == [True, False, True, False]


@given(st.lists(st.tuples(st.sampled_from([0.5, 1, 5, 30, 59, 61]), st.booleans()), max_size=60))
def test_nothing_is_lost(steps: list[tuple[float, bool]]) -> None:
    """However a condition comes and goes: few records, right counts, and the last one says how it is."""
    clock = FakeClock()
    listener = Listener(clock)
    log.addHandler(listener)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        conditions, before, begun = ConditionLog(NAME), False, 0
        for seconds, holds in steps:
            clock.advance(seconds)
            conditions.update({"timeout": "no answer"} if holds else {}, clock(), 1)
            begun += holds and not before
            before = holds
        clock.advance(QUIET)
        conditions.update({"timeout": "no answer"} if before else {}, clock(), 1)
    finally:
        log.setLevel(level)
        log.removeHandler(listener)

    assert sum(each.begun for each in listener.told) == begun
    assert (listener.told[-1].holds if listener.told else False) is before
    warnings = [each.at for each in listener.told if each.holds]
    assert all(later - earlier >= QUIET for earlier, later in pairwise(warnings))
    # The end of a condition that has not flapped is the one record that need not wait.
    assert all(fourth.at - first.at >= QUIET for first, fourth in zip(listener.told, listener.told[3:], strict=False))


def test_a_flapping_server(watch: MakeDriver, fake: FakeResolver, clock: FakeClock, listener: Listener) -> None:
    """A watcher of a server that fails every other lookup logs that at most once a minute, and counts each time."""
    driver = watch(resolver=fake, start=False, refresh=5)
    for number in range(60):
        (fake.heal if number % 2 else fake.fail)("svc")
        try:
            driver.refresh()
        except PeerDiscoError:
            assert number % 2 == 0
        clock.advance(5)

    at = [each.at for each in listener.told]
    assert at == [0, 5, 60, 120, 180, 240]
    assert [each.begun for each in listener.told] == [1, 0, 6, 6, 6, 6]
    assert {each.code for each in listener.told} == {"timeout"}


def test_closing_tells_what_was_held_back(
    watch: MakeDriver, fake: FakeResolver, clock: FakeClock, listener: Listener
) -> None:
    """A watcher that is closed in the middle of a minute says how things were."""
    driver = watch(resolver=fake, start=False)
    for step in (fake.fail, fake.heal, fake.fail, fake.heal, fake.fail):
        step("svc")
        try:
            driver.refresh()
        except PeerDiscoError:
            clock.advance(1)
    assert [each.holds for each in listener.told] == [True, False]
    driver.close()
    driver.close()

    assert [(each.holds, each.begun) for each in listener.told[2:]] == [(True, 2)]


def test_exceptions_that_flap(watch: MakeDriver, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """The traceback of what a resolver raises every other time is logged once a minute as well."""

    class Odd:
        """A resolver that raises every other time."""

        def __init__(self) -> None:
            self.clock = clock
            self.asked = 0
            self.fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN)
            self.environment = self.fake.environment

        def lookup(self, *question: object) -> object:
            """Answer, or raise."""
            self.asked += 1
            if self.asked % 2:
                raise OSError("odd")
            return self.fake.lookup(*question)  # type: ignore[arg-type] # passed on as it came

        async def alookup(self, *question: object) -> object:
            """Answer, or raise."""
            return self.lookup(*question)

    driver = watch(resolver=Odd(), start=False)
    for number in range(30):
        try:
            driver.refresh()
        except OSError:
            assert number % 2 == 0
        clock.advance(5)

    assert sum(record.exc_info is not None for record in caplog.records) == 3


@sync_and_async
def test_one_shot_calls(
    discover: Discover, clock: FakeClock, listener: Listener, request: pytest.FixtureRequest
) -> None:
    """A Service that is empty at every other call is warned of at most once a minute."""
    service = f"flaps-{request.node.callspec.id}"
    fake = FakeResolver(clock=clock)
    for number in range(24):
        fake[service] = [] if number % 2 else [OWN, FIRST]
        discover(service, resolver=fake)
        clock.advance(5)

    assert [(each.at, each.holds, each.begun) for each in listener.told] == [
        (5, True, 1),
        (10, False, 0),
        (65, True, 6),
    ]
    clock.advance(5)
    discover(service, resolver=fake)
    assert listener.told[-1].holds is True
