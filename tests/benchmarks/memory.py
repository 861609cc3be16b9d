"""What a call allocates, measured apart from the time, since tracing makes everything slow."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import NamedTuple

from tests.benchmarks.measure import Runner


class Memory(NamedTuple):
    """What a call allocates.

    Attributes:
        peak: the most bytes at one time.
        kept: blocks that its result keeps.
    """

    peak: int
    kept: int


def memory_of(runner: Runner) -> Memory:
    """Trace one call."""
    gc.collect()
    before = sys.getallocatedblocks()
    result = runner.once()
    kept = sys.getallocatedblocks() - before
    del result
    gc.collect()
    tracemalloc.start()
    try:
        runner.once()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        runner.once()
        return Memory(tracemalloc.get_traced_memory()[1] - before, max(0, kept))
    finally:
        tracemalloc.stop()
