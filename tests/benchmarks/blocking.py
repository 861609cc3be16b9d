"""How long a call blocks its event loop."""

from __future__ import annotations

import asyncio
import time

from tests.benchmarks.contenders import Call
from tests.benchmarks.measure import Runner, Spread


class Heartbeat:
    """Note the longest time between two turns of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.longest = 0.0
        self._loop = loop
        self._last = time.perf_counter()
        self._next = loop.call_soon(self._beat)

    def stop(self) -> None:
        """Stop."""
        self._next.cancel()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self._next = self._loop.call_soon(self._beat)


async def longest_block(call: Call) -> float:
    """Return the longest time, in seconds, for which one call blocks the loop."""
    heartbeat = Heartbeat(asyncio.get_running_loop())
    try:
        await asyncio.sleep(0)
        await call()
        await asyncio.sleep(0)
    finally:
        heartbeat.stop()
    return heartbeat.longest


def block_of(runner: Runner, calls: int) -> Spread:
    """Return the same for several calls."""
    return Spread.of([runner.in_loop(longest_block(runner.call)) for _ in range(calls)])
