"""Call contenders in turn, and measure how long each call takes."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from tests.benchmarks.contenders import Call, Contender, Setting
from tests.benchmarks.replies import OWN, addresses

_BATCH_SECONDS = 0.004
_LARGEST_BATCH = 20
_WARM_UP = 3

_Result = TypeVar("_Result")


class Spread(NamedTuple):
    """A median and a 10th percentile, which a busy machine disturbs less."""

    median: float
    calm: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return both for some values."""
        return cls(statistics.median(values), percentile(values, 10))


class Timing(NamedTuple):
    """The time of one contender's calls, in seconds.

    Attributes:
        median: wall-clock time.
        calm: the 10th percentile of wall-clock time: what a call takes while nothing else runs on the machine.
        p99: the 99th percentile of wall-clock time.
        cpu: CPU time of this process, the median over batches.
    """

    median: float
    calm: float
    p99: float
    cpu: float


class Runner:
    """One contender at one size, ready to be called, and the time of its calls so far."""

    def __init__(self, contender: Contender, setting: Setting, pods: int, loop: asyncio.AbstractEventLoop) -> None:
        self.contender = contender
        self._loop = loop
        self._seconds: list[float] = []
        self._cpu: list[float] = []
        self.call = self._made(setting, pods)
        self._check(pods)
        for _ in range(_WARM_UP):
            self.batch(1)
        self._size = max(1, min(_LARGEST_BATCH, int(_BATCH_SECONDS / min(self._seconds))))
        self._seconds.clear()
        self._cpu.clear()

    def once(self) -> Any:
        """Make one call."""
        return self.in_loop(self.call()) if self.contender.is_async else self.call()

    def in_loop(self, wanted: Coroutine[Any, Any, _Result]) -> _Result:
        """Return the result of an awaitable."""
        return self._loop.run_until_complete(wanted)

    def batch(self, size: int = 0) -> None:
        """Make some calls in a row, and note their time."""
        size = size or self._size
        before = time.process_time()
        taken = self.in_loop(_atimed(self.call, size)) if self.contender.is_async else _timed(self.call, size)
        self._cpu.append((time.process_time() - before) / size)
        self._seconds += taken

    def timing(self) -> Timing:
        """Return the time of the calls."""
        median, cpu = map(statistics.median, (self._seconds, self._cpu))
        return Timing(median, percentile(self._seconds, 10), percentile(self._seconds, 99), cpu)

    def _made(self, setting: Setting, pods: int) -> Call:
        async def make() -> Call:
            return self.contender.make(setting, pods)

        return self.in_loop(make()) if self.contender.is_async else self.contender.make(setting, pods)

    def _check(self, pods: int) -> None:
        brought = set(self.contender.addresses(self.once()))
        expected = set(addresses(pods))
        if brought | {OWN} != expected:
            raise AssertionError(f"{self.contender.name} brought {len(brought)} of {len(expected)} addresses")


def race(runners: Sequence[Runner], seconds: float, least: int = 5) -> None:
    """Let the runners take turns, a batch of calls each, until time is up: a disturbance then affects all of them.

    The order is another one in each round, since the first calls of a batch find the caches as others left them.
    """
    end = time.monotonic() + seconds
    rounds, order, shuffle = 0, list(runners), random.Random(1).shuffle
    while rounds < least or time.monotonic() < end:
        shuffle(order)
        for runner in order:
            runner.batch()
        rounds += 1


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values do not exceed."""
    rank = -(-len(values) * percent // 100)
    return sorted(values)[max(0, int(rank) - 1)]


def _timed(call: Call, size: int) -> list[float]:
    taken = []
    for _ in range(size):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken


async def _atimed(call: Call, size: int) -> list[float]:
    taken = []
    for _ in range(size):
        start = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - start)
    return taken
