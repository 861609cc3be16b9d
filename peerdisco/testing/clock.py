"""A clock that the test moves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple

from peerdisco.clock import WakeEvent

_PATIENCE = 10.0


class _Sleeper(NamedTuple):
    until: float
    event: WakeEvent | asyncio.Event
    wake: Callable[[], object]


class FakeClock:
    """Time that passes only when the test says so; watchers whose `FakeResolver` has one wait on it.

    Args:
        now: seconds that it shows at first.
    """

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._sleepers: list[_Sleeper] = []
        self._busy: set[WakeEvent | asyncio.Event] = set()
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
        self._move(seconds)
        with self._changed:
            if not self._changed.wait_for(lambda: not self._busy, _PATIENCE):
                raise TimeoutError("a watcher that the clock woke is still busy")

    async def aadvance(self, seconds: float) -> None:
        """Lets time pass as `advance` does, for watchers in this event loop."""
        await asyncio.sleep(0)  # a watcher that has just been started has its turn
        self._move(seconds)
        async with asyncio.timeout(_PATIENCE):
            while self._busy:  # noqa: ASYNC110 - an Event would need a turn of the loop as well
                await asyncio.sleep(0)

    def wait_for_sleepers(self, count: int = 1) -> None:
        """Blocks until so many watcher threads wait for the time to pass.

        Raises:
            TimeoutError: they do not after 10 real seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._asleep() >= count, _PATIENCE):
                raise TimeoutError(f"{self._asleep()} of {count} watchers wait on the clock")

    def wait(self, wake: WakeEvent, seconds: float | None) -> None:
        """Blocks until `wake` is set, or the clock is moved past so many seconds."""
        if self._has_no_need_to_wait(wake, seconds):
            return
        sleeper = self._enter(wake, seconds, wake.set)
        try:
            wake.wait()
        finally:
            self._leave(sleeper)

    async def await_(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Waits until `wake` is set, or the clock is moved past so many seconds."""
        if self._has_no_need_to_wait(wake, seconds):
            return
        loop = asyncio.get_running_loop()
        sleeper = self._enter(wake, seconds, lambda: loop.call_soon_threadsafe(wake.set))
        try:
            await wake.wait()
        finally:
            self._leave(sleeper)

    def retire(self, wake: WakeEvent | asyncio.Event) -> None:
        """Says that nobody will wait with `wake` any more."""
        with self._changed:
            self._busy.discard(wake)
            self._changed.notify_all()

    def _has_no_need_to_wait(self, wake: WakeEvent | asyncio.Event, seconds: float | None) -> bool:
        return wake.is_set() or (seconds is not None and seconds <= 0)

    def _asleep(self) -> int:
        return sum(not sleeper.event.is_set() for sleeper in self._sleepers)

    def _enter(self, event: WakeEvent | asyncio.Event, seconds: float | None, wake: Callable[[], object]) -> _Sleeper:
        with self._changed:
            sleeper = _Sleeper(float("inf") if seconds is None else self._now + seconds, event, wake)
            self._sleepers.append(sleeper)
            self._busy.discard(event)
            self._changed.notify_all()
        return sleeper

    def _leave(self, sleeper: _Sleeper) -> None:
        with self._changed:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def _move(self, seconds: float) -> None:
        if not seconds >= 0:
            raise ValueError(f"seconds={seconds!r}: time can't run back")
        with self._changed:
            self._now += seconds
            for sleeper in [sleeper for sleeper in self._sleepers if sleeper.until <= self._now]:
                self._sleepers.remove(sleeper)
                self._busy.add(sleeper.event)
                sleeper.wake()
