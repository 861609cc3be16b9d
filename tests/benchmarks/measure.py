"""Calls contenders by turns, and says how long each took."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from tests.benchmarks.contenders import Call, Contender, World
from tests.benchmarks.replies import OWN, addresses

_BATCH_SECONDS = 0.004
_LARGEST_BATCH = 20
_WARM_UP = 3

_Result = TypeVar("_Result")


class Spread(NamedTuple):
    """A median, and the 10th percentile of the same, which a busy machine disturbs less."""

    median: float
    calm: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Both of some values."""
        return cls(statistics.median(values), percentile(values, 10))


class Timing(NamedTuple):
    """What calls of one contender took, in seconds.

    Attributes:
        median: by the clock.
        calm: the 10th percentile, by the clock: what a call takes while nothing else runs on the machine.
        p99: the 99th percentile, by the clock.
        cpu: of this process, the median of batches.
    """

    median: float
    calm: float
    p99: float
    cpu: float


class Runner:
    """One contender at one size, ready to be called, and what its calls took so far."""

    def __init__(self, contender: Contender, world: World, pods: int, loop: asyncio.AbstractEventLoop) -> None:
        self.contender = contender
        self._loop = loop
        self._seconds: list[float] = []
        self._cpu: list[float] = []
        self.call = self._made(world, pods)
        self._check(pods)
        for _ in range(_WARM_UP):
            self.batch(1)
        self._size = max(1, min(_LARGEST_BATCH, int(_BATCH_SECONDS / min(self._seconds))))
        self._seconds.clear()
        self._cpu.clear()

    def once(self) -> Any:
        """Makes one call."""
        return self.in_loop(self.call()) if self.contender.is_async else self.call()

    def in_loop(self, wanted: Coroutine[Any, Any, _Result]) -> _Result:
        """What something to await comes to."""
        return self._loop.run_until_complete(wanted)

    def batch(self, size: int = 0) -> None:
        """Makes some calls in a row, and notes what they took."""
        size = size or self._size
        before = time.process_time()
        taken = self.in_loop(_atimed(self.call, size)) if self.contender.is_async else _timed(self.call, size)
        self._cpu.append((time.process_time() - before) / size)
        self._seconds += taken

    def timing(self) -> Timing:
        """What the calls took."""
        median, cpu = map(statistics.median, (self._seconds, self._cpu))
        return Timing(median, percentile(self._seconds, 10), percentile(self._seconds, 99), cpu)

    def _made(self, world: World, pods: int) -> Call:
        async def make() -> Call:
            return self.contender.make(world, pods)

        return self.in_loop(make()) if self.contender.is_async else self.contender.make(world, pods)

    def _check(self, pods: int) -> None:
        brought = set(self.contender.addresses(self.once()))
        expected = set(addresses(pods))
        if brought | {OWN} != expected:
            raise AssertionError(f"{self.contender.name} brought {len(brought)} of {len(expected)} addresses")


def race(runners: Sequence[Runner], seconds: float, least: int = 5) -> None:
    """Lets each make a batch of calls, by turns, until the time is up: what disturbs one disturbs all."""
    end = time.monotonic() + seconds
    rounds = 0
    while rounds < least or time.monotonic() < end:
        for runner in runners:
            runner.batch()
        rounds += 1


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that so many percent of them do not exceed."""
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
