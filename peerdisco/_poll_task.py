"""The task of an `AsyncPeerWatcher`, and the lookups that its callers share.

Laws of this module:

- There is one lookup at a time. A caller that comes while one is under way shares it: it waits no longer than
  `timeout`, and its answer is no older than that lookup.
- A lookup runs in the watcher's task, or in one of its own, so that a caller that is cancelled cancels nothing else.
- Whatever is raised, the task goes on, and never at once; so does a CancelledError that a resolver raises by itself.
  Only SystemExit, KeyboardInterrupt and a real cancellation end the task; they close the watcher.
- It does not hold the watcher, so that a forgotten one is collected, and stops this.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from peerdisco._core.failures import detached, is_interrupt
from peerdisco._core.listing import Listing
from peerdisco._core.subscribers import ChangeCursor
from peerdisco._core.watcher import WatcherState
from peerdisco._service import LookupRun, ServiceLookup
from peerdisco.clock import SYSTEM_CLOCK


class TaskEvent(asyncio.Event):
    """An event that names its task, so that a fake clock counts the task as at work before it first waits.

    Attributes:
        task: the task; None before it is started.
    """

    def __init__(self, task: asyncio.Task[Any] | None = None) -> None:
        super().__init__()
        self.task = task


class PollTask:
    """What runs in the task of a watcher.

    Args:
        lookup: the Service, and the resolver that is asked about it.
        run_lookup: makes one lookup.
        random: makes a number from 0 to 1.

    Attributes:
        watch: the watcher's state.
        wake: ends the wait for the next lookup.
    """

    def __init__(
        self,
        lookup: ServiceLookup,
        run_lookup: Callable[[LookupRun], Awaitable[Listing]],
        random: Callable[[], float],
    ) -> None:
        self.watch = WatcherState(lookup, random)
        self.wake = TaskEvent()
        self._lookup = lookup
        self._name = f"peerdisco {lookup.service}"
        self._run_lookup = run_lookup
        self._listeners: set[asyncio.Event] = {self.wake}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        # The coroutines of subscribers that are under way.
        self._deliveries: dict[ChangeCursor, asyncio.Future[object]] = {}
        self._under_way: asyncio.Future[BaseException | None] | None = None
        # What its callers wait for.
        self._waiting: list[asyncio.Future[None]] = []

    def start(self) -> None:
        """Start the task.

        Raises:
            RuntimeError: No event loop runs.
        """
        self._loop = asyncio.get_running_loop()
        self._task = self.wake.task = self._loop.create_task(self._run(), name=self._name)
        self._lookup.clock.enlist(self.wake)
        self.watch.running = True

    async def stop(self) -> None:
        """End the task, the lookup under way and every wait.

        Raises:
            RuntimeError: They run in another event loop.
        """
        if tasks := self._pending():
            self.check_loop()
            self.watch.stopping = True
            # A subscriber may close the watcher: it is not cancelled, and not waited for.
            deliveries = [each for each in self._deliveries.values() if each is not asyncio.current_task()]
            for task in (*tasks, *deliveries):
                task.cancel()
            await asyncio.wait((*tasks, *deliveries))
        self._end()

    def forget(self) -> None:
        """End everything, from whichever thread the watcher is collected in."""
        for task in self._pending():
            task.get_loop().call_soon_threadsafe(task.cancel)
        if self._task not in self._pending():
            self.watch.stopping = True
            self._lookup.close()

    def check_loop(self) -> None:
        """Raise RuntimeError where the watcher runs in another event loop."""
        loops = {task.get_loop() for task in self._pending()} | ({self._loop} - {None})
        if loops and loops != {asyncio.get_running_loop()}:
            raise RuntimeError("the watcher runs in another event loop; make one for each")

    async def refresh(self) -> BaseException | None:
        """Look up now, or share the lookup that is under way.

        Returns:
            Why it failed; None where it did not.
        """
        shared = self._shared()
        lookup = shared or self._started()
        await self._ended(lookup)
        error = asyncio.CancelledError("the lookup was cancelled") if lookup.cancelled() else lookup.exception()
        if error is None:
            error = lookup.result()
        elif shared is None and not self.watch.stopping:
            self.watch.on_failure(error)
        if error is not None:
            await asyncio.sleep(0)  # the callbacks of the lookup's task hold it until their turn
        # What the caller gets ends no task, and is not shared with another caller.
        is_for_caller = shared is None and isinstance(error, Exception)
        return error if error is None or is_for_caller else detached(error)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Callable[[float | None], Awaitable[None]]]:
        """Yield a pause that ends early when something happens."""
        wake = asyncio.Event()
        self._listeners.add(wake)

        async def pause(seconds: float | None) -> None:
            await self._lookup.clock.await_(wake, seconds)
            wake.clear()

        try:
            yield pause
        finally:
            self._listeners.discard(wake)
            self._lookup.clock.retire(wake)

    def _pending(self) -> list[asyncio.Task[Any]]:
        """Return the tasks that are under way; those of a loop that was closed are not."""
        return [task for task in (self._task, self._shared()) if isinstance(task, asyncio.Task) and _is_pending(task)]

    def _shared(self) -> asyncio.Future[BaseException | None] | None:
        """Return the lookup that is under way; its result is why it failed."""
        return self._under_way if self._under_way is not None and _is_pending(self._under_way) else None

    def _started(self) -> asyncio.Task[BaseException | None]:
        """Start a lookup in a task of its own; its first query is on its way before the task has its turn."""
        run = None
        with contextlib.suppress(Exception):  # then the task finds the same, and says so
            run = self._lookup.begin(self.watch.limits)
        task = asyncio.get_running_loop().create_task(self._look_up(run), name=f"{self._name} refresh")
        if run is not None:
            task.add_done_callback(run.abandon)
        self._share(task)
        return task

    def _share(self, lookup: asyncio.Future[BaseException | None]) -> None:
        """Let other callers share a lookup until it ends; what it raised holds its frames, so it is not kept."""
        self._under_way, self._waiting = lookup, []
        lookup.add_done_callback(self._let_go)

    def _let_go(self, lookup: asyncio.Future[BaseException | None]) -> None:
        if self._under_way is lookup:
            self._under_way = None
            self._wake_callers()  # it may have been cancelled before it began

    async def _ended(self, lookup: asyncio.Future[BaseException | None]) -> None:
        """Wait until the lookup under way has ended, however it did; where this is cancelled, the lookup goes on."""
        has_ended, waiting = lookup.get_loop().create_future(), self._waiting
        waiting.append(has_ended)
        try:
            await has_ended
        finally:
            waiting.remove(has_ended)

    def _wake_callers(self) -> None:
        for has_ended in self._waiting:
            if not has_ended.done():
                has_ended.set_result(None)

    def _end(self) -> None:
        self.watch.stopping = True
        for task in self._pending():
            if task is not self._task:
                task.cancel()
        self._lookup.close()
        self._announce()
        self._lookup.clock.retire(self.wake)

    def _announce(self) -> None:
        for wake in tuple(self._listeners):
            wake.set()

    async def _look_up(self, run: LookupRun | None = None) -> BaseException | None:
        """Look up once, and return why it failed; None where it did not."""
        before = self.watch.roster.peers
        try:
            if self.watch.expire():
                self._announce()
            if run is None:
                run = self._lookup.begin(self.watch.limits)
            listing = await self._run_lookup(run)
            self.watch.on_listing(listing, run)
        except BaseException as error:
            if _ends_task(error):
                raise
            if not self.watch.stopping:
                self.watch.on_failure(error, run)
            return error
        finally:
            if not before._is_unchanged(self.watch.roster.peers):
                self._announce()
            self._wake_callers()  # here, since the task's own callbacks come a turn of the loop later
        return None

    async def _poll(self) -> None:
        """Look up in the watcher's task, or wait for the lookup that is under way."""
        if shared := self._shared():
            await self._ended(shared)
            return
        lookup = asyncio.get_running_loop().create_future()
        self._share(lookup)
        try:
            lookup.set_result(await self._look_up())
        finally:
            lookup.cancel()

    async def _run(self) -> None:
        try:
            while not self.watch.stopping:
                await self._turn()
        finally:
            self._end()

    def _deliver(self) -> None:
        """Call each subscriber for which something changed; a coroutine runs beside the lookups, one at a time."""
        for cursor, call in self.watch.due_calls(self._deliveries):
            try:
                result = call()
                if inspect.isawaitable(result):
                    self._deliveries[cursor] = asyncio.ensure_future(result, loop=self._loop)
                    delivery = self._deliveries[cursor]
                    at_work = TaskEvent(delivery if isinstance(delivery, asyncio.Task) else None)
                    delivery.add_done_callback(partial(self._on_delivered, cursor, at_work))
                    self._lookup.clock.enlist(at_work)
            except BaseException as error:
                if _ends_task(error):
                    raise
                self.watch.on_subscriber_error(error)

    def _on_delivered(self, cursor: ChangeCursor, at_work: TaskEvent, delivery: asyncio.Future[object]) -> None:
        del self._deliveries[cursor]
        if not delivery.cancelled():
            error = delivery.exception()
        elif isinstance(delivery, asyncio.Task) and not delivery.cancelling():  # it awaited what was cancelled
            error = asyncio.CancelledError()
        else:
            error = None
        if error is not None:
            self.watch.on_subscriber_error(error)
        self.wake.set()  # something may have changed meanwhile
        self._lookup.clock.retire(at_work)

    async def _turn(self) -> None:
        """Look up if it is time, tell subscribers, and wait."""
        try:
            if self.watch.due_in() <= 0:
                await self._poll()
            self._deliver()
            await self._lookup.clock.await_(self.wake, self.watch.due_in())
            self.wake.clear()
        except GeneratorExit:  # the event loop is gone
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and _ends_task(error):
                raise
            if is_interrupt(error):
                self.watch.on_trouble(error, "the watcher is closed")
                raise
            self.watch.on_trouble(error)
            self.wake.clear()
            if not self.watch.stopping:
                await SYSTEM_CLOCK.await_(self.wake, self.watch.pause)


def _is_pending(future: asyncio.Future[Any]) -> bool:
    return not (future.done() or future.get_loop().is_closed())


def _ends_task(error: BaseException) -> bool:
    """Return whether an exception ends the task that it is raised in; a resolver may raise CancelledError by itself."""
    if not isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        return is_interrupt(error)
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs
        return True
    return task is None or task.cancelling() > 0
