"""A clock that the test moves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple

_PATIENCE = 10.0


class _Sleeper(NamedTuple):
    until: float
    wake: Callable[[], object]


class FakeClock:
    """Time that passes only when the test says so; watchers whose `FakeResolver` has one wait on it.

    Args:
        now: seconds that it shows at first.
    """

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._sleepers: list[_Sleeper] = []
        self._slept = 0
        self._changed = threading.Condition()

    def __call__(self) -> float:
        """Seconds that it shows."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Lets time pass, and returns when every watcher thread that this woke has done its work and waits again.

        Args:
            seconds: how much time passes.

        Raises:
            TimeoutError: a watcher is still busy after 10 real seconds.
        """
        self._wait_for(self._move(seconds))

    async def aadvance(self, seconds: float) -> None:
        """Lets time pass as `advance` does, for watchers in this event loop."""
        goal = self._move(seconds)
        async with asyncio.timeout(_PATIENCE):
            while self._slept < goal:  # noqa: ASYNC110 - an Event would need a turn of the loop as well
                await asyncio.sleep(0)

    def wait_for_sleepers(self, count: int = 1) -> None:
        """Blocks until so many watcher threads wait for the time to pass.

        Raises:
            TimeoutError: they do not after 10 real seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._sleepers) >= count, _PATIENCE):
                raise TimeoutError(f"{len(self._sleepers)} of {count} watchers wait on the clock")

    def wait(self, wake: threading.Event, seconds: float | None) -> None:
        """Blocks until `wake` is set, or the clock is moved past so many seconds."""
        sleeper = self._enter(seconds, wake.set)
        try:
            wake.wait()
        finally:
            self._leave(sleeper)

    async def await_(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Waits until `wake` is set, or the clock is moved past so many seconds."""
        loop = asyncio.get_running_loop()
        sleeper = self._enter(seconds, lambda: loop.call_soon_threadsafe(wake.set))
        try:
            await wake.wait()
        finally:
            self._leave(sleeper)

    def _enter(self, seconds: float | None, wake: Callable[[], object]) -> _Sleeper:
        with self._changed:
            sleeper = _Sleeper(float("inf") if seconds is None else self._now + seconds, wake)
            self._sleepers.append(sleeper)
            self._slept += 1
            self._changed.notify_all()
        return sleeper

    def _leave(self, sleeper: _Sleeper) -> None:
        with self._changed:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def _move(self, seconds: float) -> int:
        if not seconds >= 0:
            raise ValueError(f"seconds={seconds!r}: time can't run back")
        with self._changed:
            self._now += seconds
            due = [sleeper for sleeper in self._sleepers if sleeper.until <= self._now]
            for sleeper in due:
                self._sleepers.remove(sleeper)
                sleeper.wake()
            return self._slept + len(due)

    def _wait_for(self, goal: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._slept >= goal, _PATIENCE):
                raise TimeoutError("a watcher that the clock woke is still busy")
