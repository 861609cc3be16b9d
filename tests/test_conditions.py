"""What is logged of a condition that flaps: once, then once a minute, without losing anything."""

import logging
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdisco._core.conditions import QUIET, ConditionLog, log
from peerdisco.testing import FakeClock
from tests.support.listeners import Listener, listener
from tests.support.watchers import clock

__all__ = ["clock", "listener"]

NAME = "svc.default.svc.cluster.local."


def test_an_outage_is_told_at_once(clock: FakeClock, listener: Listener) -> None:
    """What begins and ends once is told as it happens, however short it is."""
    conditions = ConditionLog(NAME)
    for holds in (True, True, False, False):
        conditions.update({"timeout": "no answer"} if holds else {}, clock(), 1)
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


def test_after_a_quiet_time_all_is_told_at_once(clock: FakeClock, listener: Listener) -> None:
    """What has flapped once, and then was quiet for a while, is told like any other condition."""
    conditions = ConditionLog(NAME)
    for number in range(6):
        conditions.update({} if number % 2 else {"timeout": "no answer"}, clock(), 1)
        clock.advance(1)
    for holds, seconds in ((True, 600), (True, 600), (False, 10), (True, 5), (False, 0)):
        conditions.update({"timeout": "no answer"} if holds else {}, clock(), 1)
        clock.advance(seconds)

    assert listener.of("timeout")[2:] == [(606, True, 3), (1206, False, 0), (1216, True, 1), (1221, False, 0)]


def test_a_clock_that_begins_again(clock: FakeClock, listener: Listener) -> None:
    """Where a one-shot call comes with another clock, nothing is held back until that has caught up."""
    conditions = ConditionLog(NAME)
    for now in (1e6, 3.0):
        conditions.update({"timeout": "no answer"}, now, 1)
        conditions.update({}, now, 1)

    assert [each.holds for each in listener.told] == [True, False, True, False]


class Interleaved(dict[str, str]):
    """Conditions as an update meets them where other threads begin and end one meanwhile."""

    def items(self) -> Any:
        """Return what the threads say, in the order in which they say it."""
        return [("timeout", "no answer"), ("timeout", ""), ("timeout", "no answer")]


def test_threads_that_begin_the_same_condition(clock: FakeClock, listener: Listener) -> None:
    """What begins more than once before its first record is logged, and fails no lookup."""
    ConditionLog(NAME).update(Interleaved(timeout="no answer"), clock(), 1)

    assert [each.begun for each in listener.told] == [2]
    assert listener.told[0].text == f"{NAME}: no answer [timeout, 2 times in the last minute]"


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
