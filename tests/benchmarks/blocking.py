"""For how long a call keeps everything else in its event loop waiting."""

from __future__ import annotations

import asyncio
import time

from tests.benchmarks.contenders import Call
from tests.benchmarks.measure import Runner, Spread


class Heartbeat:
    """Has itself called at every turn of the loop, and notes the longest time between two turns."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.longest = 0.0
        self._loop = loop
        self._last = time.perf_counter()
        self._next = loop.call_soon(self._beat)

    def stop(self) -> None:
        """Ends it."""
        self._next.cancel()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self._next = self._loop.call_soon(self._beat)


async def longest_block(call: Call) -> float:
    """The longest time, in seconds, that one call keeps the loop from turning."""
    heartbeat = Heartbeat(asyncio.get_running_loop())
    try:
        await asyncio.sleep(0)
        await call()
        await asyncio.sleep(0)
    finally:
        heartbeat.stop()
    return heartbeat.longest


def block_of(runner: Runner, calls: int) -> Spread:
    """The same over some calls."""
    return Spread.of([runner.in_loop(longest_block(runner.call)) for _ in range(calls)])
