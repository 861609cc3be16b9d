"""The thread of a `PeerWatcher`, and the lookups that its callers share.

Laws of this module:

- There is one lookup at a time. A caller that comes while one is under way shares it: it waits no longer than
  `timeout`, and its answer is no older than that lookup. A caller that comes once the answer is there may know that
  already, and waits for another.
- A caller that is interrupted interrupts nobody else: one of those that share its lookup begins another.
- Nothing waits for what a suspended frame of the same thread holds, so a signal handler or a finalizer may ask in the
  middle of a lookup: it makes one of its own.
- Whatever is raised, the thread goes on, and never at once. Only SystemExit and KeyboardInterrupt, raised in the thread
  itself, end it; they close the watcher.
- It does not hold the watcher, so that a forgotten one is collected, and stops this.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator

from peerdisco._core.callables import closed_coroutine
from peerdisco._core.failures import detached, is_interrupt
from peerdisco._core.listing import Listing
from peerdisco._core.watcher import WatcherState
from peerdisco._service import LookupRun, ServiceLookup
from peerdisco.clock import SYSTEM_CLOCK, WakeEvent
from peerdisco.errors import ConfigError

_JOIN = 0.09
_NOW = "now"


class _SharedLookup:
    """A lookup that is under way, and what came of it.

    Attributes:
        thread: the id of the thread that makes it.
        is_joined: whether another thread waits for it.
        is_answered: whether its answer is there, and may be listed already.
        has_ended: whether something came of it.
        error: why it failed; None where it did not.
    """

    __slots__ = ("error", "has_ended", "is_answered", "is_joined", "thread")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.is_joined = False
        self.is_answered = False
        self.has_ended = False
        self.error: Exception | None = None


class PollThread:
    """What runs in the thread of a watcher.

    Args:
        lookup: the Service, and the resolver that is asked about it.
        run_lookup: makes one lookup.
        random: makes a number from 0 to 1.

    Attributes:
        watch: the watcher's state.
        wake: ends the wait for the next lookup.
    """

    def __init__(
        self, lookup: ServiceLookup, run_lookup: Callable[[LookupRun], Listing], random: Callable[[], float]
    ) -> None:
        self.watch = WatcherState(lookup, random)
        self._lookup = lookup
        self._run_lookup = run_lookup
        self._thread: threading.Thread | None = None
        self._make_locks()

    def start_once(self) -> None:
        """Start the thread unless it runs.

        Raises:
            RuntimeError: No thread can be started.
        """
        with self._starting:
            if not self.watch.running:
                self._start()

    def stop(self) -> None:
        """End the thread and every wait, without waiting for them."""
        self.watch.stopping = True
        try:
            self._lookup.close()
        finally:
            self._announce()

    def join(self) -> None:
        """Wait a moment for the thread to end."""
        if self._thread is not None and not self.is_current_thread:
            self._thread.join(_JOIN)

    @property
    def is_current_thread(self) -> bool:
        """Whether this is the watcher's thread."""
        return self._thread is threading.current_thread()

    def check_may_wait(self) -> None:
        """Raise RuntimeError where a wait for the watcher would never end."""
        self.watch.check_running()
        if self.is_current_thread:
            raise RuntimeError("a subscriber must not wait for the watcher, in whose thread it is called")

    def refresh(self) -> BaseException | None:
        """Look up now, or share the lookup that is under way.

        Returns:
            Why it failed; None where it did not.
        """
        while True:
            mine = _SharedLookup()
            try:
                current = self._under_way.setdefault(_NOW, mine)
                if current is mine or current.thread == mine.thread:
                    return self._look_up(mine)
            finally:
                self._let_go(mine)
            is_late = current.is_answered
            self._follow(current)
            if current.has_ended and not is_late:
                return None if current.error is None else detached(current.error)
            if self.watch.stopping:
                return RuntimeError("the watcher was closed")

    @contextlib.contextmanager
    def listening(self) -> Iterator[Callable[[float | None], None]]:
        """Yield a pause that ends early when something happens."""
        wake = WakeEvent()
        self._listeners.add(wake)

        def pause(seconds: float | None) -> None:
            nonlocal wake
            if wake not in self._listeners:  # this is the child of a fork
                wake = WakeEvent()
                self._listeners.add(wake)
                return
            self._lookup.clock.wait(wake, seconds)
            wake.clear()

        try:
            yield pause
        finally:
            self._listeners.discard(wake)
            self._lookup.clock.retire(wake)

    def revive(self) -> None:
        """Start again in the child of a fork, where the thread is gone and locks may be held for ever."""
        self._make_locks()
        try:
            self._start()
        except Exception as error:  # noqa: BLE001 - a fork has no caller to tell
            self.watch.on_trouble(error, "the watcher does not run in the child of a fork; call start() again")

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"peerdisco {self._lookup.service}", daemon=True)
        self.watch.running = True
        self.wake.thread = self._thread
        self._lookup.clock.enlist(self.wake)
        try:
            self._thread.start()
        except BaseException:
            self.watch.running, self._thread = False, None
            self._lookup.clock.retire(self.wake)
            raise
        _runners.add(self)

    def _make_locks(self) -> None:
        self.wake = WakeEvent()
        self._listeners: set[WakeEvent] = {self.wake}
        self._under_way: dict[str, _SharedLookup] = {}
        self._starting = threading.RLock()

    def _announce(self) -> None:
        for wake in self._listeners.copy():  # in one step, without the GIL too: callers come and go
            wake.set()

    def _look_up(self, mine: _SharedLookup) -> BaseException | None:
        """Look up once, and return why it failed; None where it did not."""
        run, before = None, self.watch.roster.peers
        try:
            if self.watch.expire():
                self._announce()
            run = self._lookup.begin(self.watch.limits)
            try:
                listing = self._run_lookup(run)
            finally:
                mine.is_answered = True
            self.watch.on_listing(listing, run)
        except BaseException as error:
            if is_interrupt(error):
                raise
            if not self.watch.stopping:
                self.watch.on_failure(error, run)
            mine.error = detached(error)
            mine.has_ended = True
            return error
        else:
            mine.has_ended = True
            return None
        finally:
            if not before._is_unchanged(self.watch.roster.peers):
                self._announce()

    def _let_go(self, mine: _SharedLookup) -> None:
        """End the sharing of a lookup, if it was shared at all."""
        if self._under_way.get(_NOW) is mine:
            del self._under_way[_NOW]
        if mine.is_joined:
            self._announce()

    def _follow(self, other: _SharedLookup) -> None:
        """Wait until the lookup of another thread ends, or the watcher is closed."""
        with self.listening() as pause:
            other.is_joined = True
            while self._under_way.get(_NOW) is other and not (other.has_ended or self.watch.stopping):
                pause(None)

    def _run(self) -> None:
        try:
            while not self.watch.stopping:
                self._turn()
        finally:
            self.stop()
            self._lookup.clock.retire(self.wake)

    def _deliver(self) -> None:
        """Call each subscriber for which something changed."""
        for _, call in self.watch.due_calls():
            try:
                result = call()
            except BaseException as error:
                if is_interrupt(error):
                    raise
                self.watch.on_subscriber_error(error)
            else:
                if closed_coroutine(result):
                    problem = "returned a coroutine, which only AsyncPeerWatcher awaits"
                    self.watch.on_subscriber_error(ConfigError("callback", result, problem))

    def _turn(self) -> None:
        """Look up if it is time, tell subscribers, and wait."""
        try:
            if self.watch.due_in() <= 0:
                self.refresh()
            self._deliver()
            self._lookup.clock.wait(self.wake, self.watch.due_in())
            self.wake.clear()
        except BaseException as error:
            if is_interrupt(error):
                self.watch.on_trouble(error, "the watcher is closed")
                raise
            self.watch.on_trouble(error)
            self.wake.clear()
            if not self.watch.stopping:
                SYSTEM_CLOCK.wait(self.wake, self.watch.pause)


_runners: weakref.WeakSet[PollThread] = weakref.WeakSet()


def _revive_all() -> None:
    for runner in tuple(_runners):
        if not runner.watch.stopping:
            runner.revive()


os.register_at_fork(after_in_child=_revive_all)
