"""What reading an input may cost: calls, memory, and what it leaves behind, all counted, so that a run repeats.

Counting slows an execution down, so that fuzzing counts for a part of the inputs, chosen by their bytes; a replay
counts for each (`thoroughly`).
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import NamedTuple, TypeVar

_Result = TypeVar("_Result")
_thorough = ContextVar("thorough", default=False)
# Every so many inputs, on average.
_COUNT_CALLS, _COUNT_MEMORY, _COUNT_LEFT = 16, 64, 1024
_RUNS = 4


class Budget(NamedTuple):
    """What one execution may cost, by the bytes of its input.

    Attributes:
        calls: calls of functions, in Python and in C, whatever the input is.
        calls_per_byte: so many more for each byte.
        memory: bytes at its peak, whatever the input is.
        memory_per_byte: so many more for each byte.
    """

    calls: int
    calls_per_byte: float
    memory: int
    memory_per_byte: float


BLOCKS_LEFT = 8
"""Blocks of memory that four executions of the same input may leave behind: those of counters and caches."""


class TooMuchWork(AssertionError):
    """An input costs more calls or memory than its size allows, or something stays alive after it."""


@contextmanager
def thoroughly() -> Iterator[None]:
    """Count for each input."""
    token = _thorough.set(True)
    try:
        yield
    finally:
        _thorough.reset(token)


def within(budget: Budget, data: bytes, size: int, work: Callable[[], _Result]) -> _Result:
    """Do the work and return what it returns; raise `TooMuchWork` where it costs more than the budget.

    Args:
        budget: what it may cost.
        data: the input, which decides what is counted.
        size: the bytes that are read.
        work: what to do; it is done several times.
    """
    result = work()
    number = zlib.crc32(data)
    is_thorough = _thorough.get()
    if is_thorough or number % _COUNT_CALLS == 0:
        most = budget.calls + budget.calls_per_byte * size
        if (calls := calls_of(work)) > most:
            raise TooMuchWork(f"{calls} calls for {size} bytes, where {most:.0f} are allowed")
    if is_thorough or number % _COUNT_MEMORY == 0:
        most = budget.memory + budget.memory_per_byte * size
        if (peak := memory_of(work)) > most:
            raise TooMuchWork(f"{peak} bytes of memory for {size} bytes, where {most:.0f} are allowed")
    if (is_thorough or number % _COUNT_LEFT == 0) and (left := blocks_left_by(work)) > BLOCKS_LEFT:
        raise TooMuchWork(f"{left} blocks of memory are still in use after {_RUNS} executions")
    return result


def check_error(error: Exception, *, is_named: bool = True) -> None:
    """Check that an error can go to a log or a terminal, and names what it is about."""
    assert str(error).isprintable()
    assert is_named


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions are called, in Python and in C; the fuzzer's own count for nothing."""
    calls = 0

    def profile(_frame: FrameType, event: str, function: object) -> None:
        nonlocal calls
        if event == "call" or (event == "c_call" and "atheris" not in str(getattr(function, "__module__", ""))):
            calls += 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def memory_of(work: Callable[[], object]) -> int:
    """Return how many bytes are in use at the most while it is done, beyond those before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


def blocks_left_by(work: Callable[[], object]) -> int:
    """Return how many blocks of memory more are in use after four executions, once the caches are full."""
    work()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(_RUNS):
        work()
    gc.collect()
    return sys.getallocatedblocks() - before
