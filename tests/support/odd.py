"""Resolvers that do what none should, and every kind of exception that they may raise."""

import asyncio
from collections.abc import Callable
from typing import Any

from peerdisco import Answer, Question
from peerdisco.testing import FakeClock
from tests.support.watchers import FIRST, OWN, Driver

SERVICE = "svc.default.svc.cluster.local."


class Abort(BaseException):
    """What is no Exception, as the timeouts of gevent and eventlet are."""


class Mute(Exception):
    """An error that can't say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


class Odd:
    """A resolver that does what it is told at each question."""

    def __init__(self, clock: FakeClock, act: Callable[[], Any]) -> None:
        self.clock = clock
        self.act = act
        self.questions = 0

    def lookup(self, question: Question, timeout: float) -> Any:
        """Do it."""
        self.questions += 1
        return self.act()

    async def alookup(self, question: Question, timeout: float) -> Any:  # noqa: ASYNC109 - as AsyncResolver wants it
        """Do it."""
        return self.lookup(question, timeout)


def raising(error: BaseException) -> Callable[[], Any]:
    """Something that raises this very exception each time."""

    def act() -> Any:
        raise error

    return act


def pass_one_lookup(driver: Driver, clock: FakeClock) -> None:
    """Let time pass until the next lookup has been made; the first one is made without."""
    driver.pass_time(clock, (driver.watcher.status.next_refresh or 0) + 0.001)


ANSWER = Answer.of(Question(SERVICE, "A"), [OWN, FIRST])
ERRORS: list[BaseException] = [
    ZeroDivisionError("odd"),
    StopIteration(),
    StopAsyncIteration(),
    GeneratorExit(),
    asyncio.CancelledError("nobody cancelled"),
    MemoryError(),
    RecursionError(),
    TimeoutError(),
    OSError(24, "Too many open files"),
    Abort("odd"),
    Mute(),
    ExceptionGroup("odd", [ValueError()]),
]
