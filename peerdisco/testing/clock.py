"""A clock that the test moves: `FakeClock`.

Whoever waits on it is asleep until some time, or at work since it was woken. Time goes on only while all of them are
asleep or gone, and then only as far as the next one's time, so that nobody oversleeps. The real clock is used for one
thing alone: to give up on somebody who stays at work for too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from peerdisco.clock import WakeEvent
from peerdisco.testing._lock import LOCK
from peerdisco.testing._waiters import Event, Owner, Waiter, Waiters

# A whole `advance` may take as many times the patience with a single waiter.
_LONGEST_ADVANCE = 6
# Real seconds after which it is looked again whether somebody at work has ended without a word.
_LOOK_AGAIN = 0.05


class _Trip(NamedTuple):
    """One `advance`: how far and until when it goes, when it gives up in real time, what it blocks, who makes it."""

    seconds: float
    until: float
    give_up: float
    blocked: asyncio.AbstractEventLoop | None
    movers: list[Owner]


class FakeClock:
    """Time that passes only when the test says so.

    Give it to a `FakeResolver`: every watcher that uses the resolver then waits on this clock. Many threads and event
    loops may wait on one clock.

    Args:
        now: seconds that the clock shows at first.
        patience: real seconds that `advance` waits for whoever it has woken.
    """

    def __init__(self, now: float = 0.0, *, patience: float = 10.0) -> None:
        self._now = now
        self._patience = patience
        self._waiters = Waiters()
        self._changed = threading.Condition(LOCK)
        self._observers: list[Callable[[], object]] = []
        self._trips: list[_Trip] = []  # under way, in the order in which they began

    def __call__(self) -> float:
        """Return the seconds that the clock shows."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, wake-up by wake-up, for watchers in threads.

        The clock stops wherever somebody's time has come, and goes on when everyone that this woke (the watcher, its
        subscribers, whoever follows its changes) has finished and waits again. So `advance(600)` makes all the lookups
        of ten minutes, each at its time. A watcher that was just started makes its first lookup before time passes.

        Args:
            seconds: how much time passes, 0 or more; 0 lets everyone finish what is due now.

        Raises:
            ValueError: `seconds` is negative or no finite number.
            TimeoutError: somebody is still at work after `patience` real seconds; the message says who.
            RuntimeError: a task that has to run can't, since this call blocks its event loop: await `aadvance`.
        """
        with self._trip(seconds, blocks=True) as trip:
            self._settle(trip)
            while self._wake_next(trip):
                self._settle(trip)

    async def aadvance(self, seconds: float) -> None:
        """Let time pass as `advance` does, for watchers in this event loop and in threads."""
        with self._trip(seconds, blocks=False) as trip:
            await asyncio.sleep(0)  # a task that was just created has its turn
            await self._asettle(trip)
            while self._wake_next(trip):
                await self._asettle(trip)

    def wait_for_sleepers(self, count: int = 1) -> None:
        """Block until so many threads and tasks wait for time to pass.

        You need it only for threads of your own that are about to wait for peers: of those that have waited before, and
        of watchers that were started, `advance` knows.

        Raises:
            TimeoutError: fewer of them wait after `patience` real seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiters.asleep() >= count, self._patience):
                raise TimeoutError(f"{self._waiters.asleep()} of {count} sleepers wait on the clock")

    def enlist(self, wake: Event) -> None:
        """Let no time pass until somebody waits with `wake`, or it is retired."""
        with self._changed:
            self._waiters.enlist(wake)

    def wait(self, wake: WakeEvent, seconds: float | None) -> None:
        """Block until `wake` is set, or for so many seconds of this clock."""
        if not _is_over(wake, seconds):
            with self._sleeping(wake, threading.current_thread(), seconds, wake.set):
                wake.wait()

    async def await_(self, wake: asyncio.Event, seconds: float | None) -> None:
        """Wait until `wake` is set, or for so many seconds of this clock."""
        if not _is_over(wake, seconds):
            loop = asyncio.get_running_loop()
            with self._sleeping(wake, asyncio.current_task(), seconds, lambda: loop.call_soon_threadsafe(wake.set)):
                await wake.wait()

    def retire(self, wake: Event) -> None:
        """Take note that nobody will wait with `wake` any more."""
        with self._changed:
            self._waiters.drop(wake)
            self._notify()

    @contextlib.contextmanager
    def _sleeping(
        self,
        event: Event,
        owner: Owner | None,
        seconds: float | None,
        wake: Callable[[], object],
    ) -> Iterator[None]:
        with self._changed:
            # Never now: a wait that ends before the clock has moved would begin again, and again.
            until = math.inf if seconds is None else max(self._now + seconds, math.nextafter(self._now, math.inf))
            waiter = self._waiters.add(Waiter(event, owner, until, wake))
            self._notify()
        try:
            yield
        finally:
            with self._changed:
                waiter.is_at_work = True

    @contextlib.contextmanager
    def _trip(self, seconds: float, *, blocks: bool) -> Iterator[_Trip]:
        given: object = seconds
        if isinstance(given, bool) or not (isinstance(given, (int, float)) and 0 <= given < math.inf):
            raise ValueError(f"seconds={seconds!r}: must be a number of seconds, 0 or more")
        give_up = time.monotonic() + _LONGEST_ADVANCE * self._patience
        trip = _Trip(seconds, self._now + seconds, give_up, None, [threading.current_thread()])
        with contextlib.suppress(RuntimeError):  # no event loop runs here
            loop = asyncio.get_running_loop()
            trip = trip._replace(blocked=loop if blocks else None)
            if task := asyncio.current_task():
                trip.movers.append(task)
        with self._changed:
            self._trips.append(trip)
        try:
            yield trip
        finally:
            with self._changed:
                self._trips.remove(trip)
                self._notify()

    def _wake_next(self, trip: _Trip) -> bool:
        """Move the clock to the next wake-up, and wake who is due; False if the trip ends before."""
        with self._changed:
            due = self._waiters.due(trip.until)
            now = max(self._now, due[0].until if due else trip.until)
            due = [waiter for waiter in due if waiter.until <= now]
            if due and time.monotonic() > trip.give_up:
                raise TimeoutError(
                    f"advance({trip.seconds:g}): after {_LONGEST_ADVANCE * self._patience:g} real seconds the clock "
                    f"is {trip.until - now:g} s short of its end: {due[0]} waits for next to no time, again and "
                    "again, or there is too much to do for one `advance`"
                )
            for waiter in due:
                waiter.check_loop(trip.blocked, is_due=True)
            self._now = now
            for waiter in due:
                waiter.rouse()
            return bool(due)

    def _settle(self, trip: _Trip) -> None:
        """Block until everyone is asleep or gone."""
        give_up = time.monotonic() + self._patience
        with self._changed:
            while at_work := self._at_work(trip):
                for waiter in at_work:
                    waiter.check_loop(trip.blocked, is_due=False)
                if time.monotonic() > give_up:
                    raise self._still_at_work(trip, at_work)
                self._changed.wait(_LOOK_AGAIN)

    async def _asettle(self, trip: _Trip) -> None:
        """Wait until everyone is asleep or gone."""
        give_up = time.monotonic() + self._patience
        loop, noted = asyncio.get_running_loop(), asyncio.Event()

        def note() -> None:
            loop.call_soon_threadsafe(noted.set)

        self._observers.append(note)
        try:
            while at_work := self._at_work(trip):
                if time.monotonic() > give_up:
                    raise self._still_at_work(trip, at_work)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN):
                        await noted.wait()
                noted.clear()
        finally:
            self._observers.remove(note)

    def _at_work(self, trip: _Trip) -> list[Waiter]:
        with self._changed:
            at_work = self._waiters.at_work(trip.movers)
            if len(at_work) == len(self._waiters.at_work(())):
                return at_work
            # Others wait for who makes this trip. Of two subscribers that make one, only the first waits for the other.
            earlier = [mover for each in self._trips[: self._trips.index(trip)] for mover in each.movers]
            return [waiter for waiter in at_work if waiter.owner not in earlier]

    def _still_at_work(self, trip: _Trip, at_work: list[Waiter]) -> TimeoutError:
        return TimeoutError(
            f"advance({trip.seconds:g}): after {self._patience:g} real seconds still at work: "
            f"{', '.join(sorted(set(map(str, at_work))))}. Whoever was woken must finish and wait on the clock again; "
            "does a resolver, a subscriber or a loop over changes() block?"
        )

    def _notify(self) -> None:
        self._changed.notify_all()
        for note in tuple(self._observers):
            note()


def _is_over(wake: Event, seconds: float | None) -> bool:
    return wake.is_set() or (seconds is not None and seconds <= 0)
