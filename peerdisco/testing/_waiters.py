"""Who waits on a `FakeClock`: asleep until some time, at work since they were woken, or gone. No waiting here.

The clock's lock is held around every call, but a finalizer may drop a waiter at any moment, in the midst of another
call by the same thread: so what is walked through is a copy.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from peerdisco._poll_task import TaskEvent
from peerdisco.clock import WakeEvent

Event: TypeAlias = WakeEvent | asyncio.Event
NEVER_WAITED = -math.inf
"""When those are due who were started, and have not waited yet."""

Owner: TypeAlias = threading.Thread | asyncio.Task[Any]


@dataclass(eq=False, slots=True)
class Waiter:
    """Someone who waits with an event.

    Attributes:
        event: set when the wait shall end.
        owner: the thread or task; None where that is not known before it waits.
        until: the time by the clock at which they are due; `NEVER_WAITED` before the first wait.
        wake: sets the event.
        is_at_work: whether they have been woken, and have not come back to wait.
    """

    event: Event
    owner: Owner | None
    until: float
    wake: Callable[[], object]
    is_at_work: bool = False

    @property
    def is_asleep(self) -> bool:
        """Whether nothing but time will wake them, as far as is known."""
        return not self.is_at_work and not self.event.is_set()

    @property
    def is_gone(self) -> bool:
        """Whether they can't come back."""
        if isinstance(self.owner, threading.Thread):
            return self.owner.ident is not None and not self.owner.is_alive()  # before it starts, it is not alive
        return self.owner is not None and (self.owner.done() or self.owner.get_loop().is_closed())

    def rouse(self) -> None:
        """Wake them."""
        self.is_at_work = True
        self.wake()

    def check_loop(self, blocked: asyncio.AbstractEventLoop | None, *, is_due: bool) -> None:
        """Check that a task can run.

        Args:
            blocked: the event loop that moving the clock blocks.
            is_due: whether the task is about to be woken, so that its loop has to run by now.

        Raises:
            RuntimeError: its event loop does not run, or is blocked.
        """
        if isinstance(self.owner, asyncio.Task):
            loop = self.owner.get_loop()
            if loop is blocked or (is_due and not loop.is_running()):
                raise RuntimeError(f"{self} can't run while this call blocks its event loop: await aadvance() there")

    def __str__(self) -> str:
        if self.owner is None:
            return "a watcher or subscriber that was just started"
        if isinstance(self.owner, threading.Thread):
            return f"thread {self.owner.name!r}" + (", just started" if self.until == NEVER_WAITED else "")
        return f"task {self.owner.get_name()!r}" + (", just started" if self.until == NEVER_WAITED else "")


class Waiters:
    """Everyone who waits on one clock, by their event."""

    def __init__(self) -> None:
        self._by_event: dict[Event, Waiter] = {}

    def enlist(self, event: Event) -> None:
        """Count somebody as at work who has not waited yet."""
        owner = event.thread if isinstance(event, WakeEvent) else event.task if isinstance(event, TaskEvent) else None
        self._by_event.setdefault(event, Waiter(event, owner, NEVER_WAITED, event.set, is_at_work=True))

    def add(self, waiter: Waiter) -> Waiter:
        """Note that somebody falls asleep."""
        self._by_event[waiter.event] = waiter
        return waiter

    def drop(self, event: Event) -> None:
        """Forget who waited with an event."""
        self._by_event.pop(event, None)

    def asleep(self) -> int:
        """Return how many are asleep."""
        return sum(waiter.is_asleep for waiter in self._present())

    def due(self, until: float) -> list[Waiter]:
        """Return those whose time comes by then, the first one first."""
        sleepers = (waiter for waiter in self._present() if waiter.is_asleep and waiter.until <= until)
        return sorted(sleepers, key=lambda waiter: waiter.until)

    def at_work(self, excused: Collection[Owner]) -> list[Waiter]:
        """Return those who have to come back before time goes on.

        Args:
            excused: who need not, since they are moving the clock.
        """
        present = self._present()
        # Whoever waits for two things, one inside the other, is asleep.
        excused = {*excused, *(waiter.owner for waiter in present if waiter.owner and waiter.is_asleep)}
        return [waiter for waiter in present if not waiter.is_asleep and waiter.owner not in excused]

    def _present(self) -> list[Waiter]:
        for waiter in tuple(self._by_event.values()):
            if waiter.is_gone:
                self.drop(waiter.event)
        return list(self._by_event.values())
