"""Time as the watchers see it: passed in, so that a test can move it."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


# A signal that comes just before a wait begins is handled after it, and only the main thread handles signals.
_LONGEST_IN_MAIN_THREAD = 1.0

_LONGEST_IN_ONE_GO = 86_400.0
"""Seconds; under eventlet, a lock is waited for by epoll, which takes no more than 24 days."""


class WakeEvent:
    """A wake-up call for one thread, which waits; set it from any thread, a signal handler or a finalizer.

    A `threading.Event` has a lock: Ctrl-C or the garbage collector may come just after a thread took it, and then it is
    held for ever. `SimpleQueue.get` has none, but its timeout can be lost where a signal comes as it ends (CPython
    3.11). Here the lock is the call itself: waiting takes it, and setting gives it back.

    Attributes:
        thread: the thread that will wait, where that is known before it does; else None.
    """

    def __init__(self, thread: threading.Thread | None = None) -> None:
        self.thread = thread
        self._is_set = False
        self._call = threading.Lock()
        self._call.acquire()

    def set(self) -> None:
        """End the wait of its thread, and every later one until `clear`."""
        self._is_set = True
        try:  # noqa: SIM105 - `suppress` costs more than all the rest
            self._call.release()
        except RuntimeError:
            pass  # it is given back already

    def is_set(self) -> bool:
        """Return whether a wait would end at once."""
        return self._is_set

    def clear(self) -> None:
        """Let waits begin again; one that was set at the same moment may still end early."""
        self._is_set = False
        self._call.acquire(blocking=False)

    def wait(self, seconds: float | None = None) -> None:
        """Block until `set`, or for so many seconds; None waits for as long as it takes."""
        until = math.inf if seconds is None else time.monotonic() + seconds
        is_main = threading.current_thread() is threading.main_thread()
        in_one_go = _LONGEST_IN_MAIN_THREAD if is_main else _LONGEST_IN_ONE_GO
        while not self._is_set and (left := min(in_one_go, until - time.monotonic())) > 0:
            if self._call.acquire(timeout=left):
                return


class Clock(Protocol):
    """Monotonic time, and waiting."""

    def __call__(self) -> float:
        """Return the seconds since some fixed moment; never runs back."""

    def wait(self, wake: WakeEvent, seconds: float | None) -> None:
        """Return when `wake` is set, or after so many seconds (None: never)."""

    async def await_(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Return when `wake` is set, or after so many seconds (None: never)."""

    def enlist(self, wake: WakeEvent | asyncio.Event) -> None:
        """Take note that a thread or task that is being started will wait with `wake`, or will retire it."""

    def retire(self, wake: WakeEvent | asyncio.Event) -> None:
        """Take note that nobody will wait with `wake` any more."""


class SystemClock:
    """The monotonic clock of this host."""

    __call__ = staticmethod(time.monotonic)

    def wait(self, wake: WakeEvent, seconds: float | None) -> None:
        """Block the thread."""
        wake.wait(seconds)

    async def await_(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Let the event loop go on."""
        import asyncio

        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            return

    def enlist(self, wake: WakeEvent | asyncio.Event) -> None:
        """Do nothing: real time waits for nobody."""

    def retire(self, wake: WakeEvent | asyncio.Event) -> None:
        """Do nothing."""


SYSTEM_CLOCK = SystemClock()
