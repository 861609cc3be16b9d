"""The time of one replica: the cluster's, and that of its own monotonic clock, which may stand still or jump ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from peerdisco.clock import WakeEvent
from tests.support.fleet.story import Event


class ReplicaClock:
    """A `Clock` in virtual time.

    Args:
        begins_at: the cluster's time at which the replica starts.
        warps: its `suspend` and `jump` events.

    Attributes:
        real: the cluster's time.
        warped: how often the clock has jumped.
    """

    def __init__(self, begins_at: float, warps: Iterable[Event]) -> None:
        self.real = begins_at
        self.warped = 0
        self._mono = 1000.0
        self._warps = sorted((warp for warp in warps if warp.at >= begins_at), key=lambda warp: -warp.at)

    def __call__(self) -> float:
        """Return the monotonic time."""
        return self._mono

    def sleep(self, seconds: float) -> None:
        """Let monotonic time pass."""
        while seconds > 0:
            if not self._warps or self._warps[-1].at > self.real + seconds:
                self.real += seconds
                self._mono += seconds
                return
            warp = self._warps.pop()
            step = max(0.0, warp.at - self.real)
            self.real += step
            self._mono += step
            seconds -= step
            if warp.kind == "suspend":
                self.real += warp.seconds
            else:
                self.warped += 1
                self._mono += warp.seconds
                seconds -= warp.seconds

    def wait(self, wake: WakeEvent, seconds: float | None) -> None:
        """Let time pass, unless there is something to do."""
        assert seconds is not None
        if not wake.is_set():
            self.sleep(seconds)

    async def await_(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Never be called: no loop runs here."""
        raise AssertionError("no loop runs here")

    def enlist(self, wake: WakeEvent | asyncio.Event) -> None:
        """Do nothing."""

    def retire(self, wake: WakeEvent | asyncio.Event) -> None:
        """Do nothing."""
