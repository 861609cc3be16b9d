"""Time as the watchers see it: passed in, so that a test can move it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class Clock(Protocol):
    """Monotonic time, and waiting."""

    def __call__(self) -> float:
        """Seconds since some fixed moment; never runs back."""

    def wait(self, wake: threading.Event, seconds: float | None) -> None:
        """Returns when `wake` is set, or after so many seconds (None: never)."""

    async def await_(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Returns when `wake` is set, or after so many seconds (None: never)."""

    def retire(self, wake: threading.Event | asyncio.Event) -> None:
        """Says that nobody will wait with `wake` any more."""


class SystemClock:
    """The machine's own monotonic clock."""

    def __call__(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def wait(self, wake: threading.Event, seconds: float | None) -> None:
        """Blocks the thread."""
        wake.wait(seconds)

    async def await_(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Lets the event loop go on."""
        import asyncio

        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            return

    def retire(self, wake: threading.Event | asyncio.Event) -> None:
        """Nothing to do."""


SYSTEM_CLOCK = SystemClock()
