"""Call every peer and learn who answered: `broadcast` with threads, `abroadcast` with asyncio tasks.

Which call begins when, and what a late one counts as, is decided in `_core.calls`; here is only the waiting. Threads
are daemons that nobody joins, so that a call which never returns holds up neither the broadcast nor the exit of the
program. asyncio is loaded only by `abroadcast`.
"""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from peerdisco._core.callables import closed_coroutine
from peerdisco._core.calls import Broadcast, Calls, Ended, check_call
from peerdisco.clock import SYSTEM_CLOCK, Clock, WakeEvent
from peerdisco.errors import ConfigError
from peerdisco.peers import Peer

if TYPE_CHECKING:
    import asyncio

__all__ = ["Broadcast", "abroadcast", "broadcast"]

_Result = TypeVar("_Result")

# Real seconds that cancelled tasks get to end in; those that refuse to are left to the event loop.
_GRACE = 0.1


def broadcast(
    peers: Iterable[Peer], call: Callable[[Peer], _Result], *, timeout: float = 5.0, concurrency: int = 32
) -> Broadcast[_Result]:
    """Call `call(peer)` once for every peer, in threads, and return who answered.

    ```python
    told = broadcast(watcher.peers, lambda peer: invalidate(peer, key), timeout=2)
    if not told.ok: ...
    ```

    Each call sees a copy of the caller's context variables. A peer that a PeerSet lists with two ports or two addresses
    is two entries, and is called for each; an equal Peer that another iterable repeats is called once.

    Python can't stop a thread: a call that has not returned when the time is up goes on in a daemon thread, and its
    result is dropped. Give the call itself a timeout as well.

    Args:
        peers: a PeerSet, or any iterable of Peer.
        call: a plain function; what it returns or raises is kept.
        timeout: seconds for all calls together.
        concurrency: how many calls may be under way at once.

    Returns:
        One result or exception for every peer, after at most `timeout` seconds.

    Raises:
        ConfigError: an argument is invalid, or `call` is a coroutine function. Nobody was called.
        PeersNotReady: `peers` is a PeerSet whose outcome is still `PENDING`. Nobody was called.
    """
    check_call(call, awaited=False)
    return call_in_threads(Calls(peers, timeout, concurrency, SYSTEM_CLOCK()), call)


async def abroadcast(
    peers: Iterable[Peer],
    call: Callable[[Peer], Awaitable[_Result]],
    *,
    timeout: float = 5.0,  # noqa: ASYNC109 - the twin of `broadcast`
    concurrency: int = 32,
) -> Broadcast[_Result]:
    """Await `call(peer)` once for every peer, in tasks, and return who answered.

    The twin of `broadcast`: same arguments, same result, same errors, but `call` must be a coroutine function, or
    return something else to await, and a call that has not returned when the time is up is cancelled.
    """
    check_call(call, awaited=True)
    return await call_in_tasks(Calls(peers, timeout, concurrency, SYSTEM_CLOCK()), call)


def start_thread(work: Callable[[], None]) -> None:
    """Start a daemon thread.

    Raises:
        RuntimeError: the system or the interpreter, which may be shutting down, starts no more threads.
    """
    threading.Thread(target=work, name="peerdisco broadcast", daemon=True).start()


def call_in_threads(
    calls: Calls,
    call: Callable[[Peer], _Result],
    clock: Clock = SYSTEM_CLOCK,
    start: Callable[[Callable[[], None]], None] = start_thread,
) -> Broadcast[_Result]:
    """Make the calls in threads that `start` starts, until all have ended or the clock says that the time is up."""
    wake = WakeEvent()
    context = contextvars.copy_context()

    def work() -> None:
        while (peer := calls.take(clock())) is not None:
            if calls.put(context.copy().run(_attempt, call, peer)):
                wake.set()

    try:
        for started in range(calls.slots):
            if calls.left(clock()) <= 0:
                break  # starting threads takes time as well
            try:
                start(work)
            except RuntimeError as error:
                if not started:
                    _fail_all(calls, clock(), error)
                break  # the threads that could be started make all the calls
        while not calls.all_ended and (left := calls.left(clock())) > 0:
            clock.wait(wake, left)
            wake.clear()
    finally:
        result = calls.close()
        clock.retire(wake)
    return result


async def call_in_tasks(
    calls: Calls, call: Callable[[Peer], Awaitable[_Result]], clock: Clock = SYSTEM_CLOCK
) -> Broadcast[_Result]:
    """Make the calls in tasks of the running loop, until all have ended or the clock says that the time is up."""
    import asyncio

    tasks = _Tasks(calls, call, clock)
    try:
        await tasks.run()
    except asyncio.CancelledError:
        calls.close()
        await tasks.cancel()
        raise
    except BaseException:  # as GeneratorExit, after which nothing may be awaited
        calls.close()
        raise
    result = calls.close()
    await tasks.cancel()
    return result


class _Tasks:
    """The tasks of one broadcast: each makes one call, and the end of one begins the next."""

    def __init__(self, calls: Calls, call: Callable[[Peer], Awaitable[object]], clock: Clock) -> None:
        import asyncio

        self._calls = calls
        self._call = call
        self._clock = clock
        self._context = contextvars.copy_context()
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Return when all calls have ended or the time is up."""
        try:
            for _ in range(self._calls.slots):
                self._begin_next()
            while not self._calls.all_ended and (left := self._calls.left(self._clock())) > 0:
                await self._clock.await_(self._wake, left)
                self._wake.clear()
        finally:
            self._clock.retire(self._wake)

    async def cancel(self) -> None:
        """Cancel what has not ended, and give it a moment to clean up."""
        import asyncio

        for task in tuple(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=_GRACE)

    def _begin_next(self) -> None:
        import asyncio

        if (peer := self._calls.take(self._clock())) is None:
            return
        task = asyncio.get_running_loop().create_task(
            self._work(peer), name=f"peerdisco broadcast {peer}", context=self._context.copy()
        )
        self._running.add(task)
        task.add_done_callback(partial(self._end, peer))

    async def _work(self, peer: Peer) -> None:
        self._put(await _aattempt(self._call, peer))

    def _end(self, peer: Peer, task: asyncio.Task[None]) -> None:
        import asyncio

        self._running.discard(task)
        error = asyncio.CancelledError("cancelled before it began") if task.cancelled() else task.exception()
        if isinstance(error, KeyboardInterrupt):
            return  # Ctrl-C is about to end the loop
        if error is not None:
            self._put(Ended(peer, error=error))
        self._begin_next()

    def _put(self, ended: Ended) -> None:
        if self._calls.put(ended):
            self._wake.set()


def _attempt(call: Callable[[Peer], object], peer: Peer) -> Ended:
    try:
        result = call(peer)
    except BaseException as error:  # noqa: BLE001 - in a thread, SystemExit would be lost without a word
        return Ended(peer, error=error)
    if closed_coroutine(result):
        return Ended(peer, error=ConfigError("call", call, "returned a coroutine; use `abroadcast` for coroutines"))
    return Ended(peer, result)


async def _aattempt(call: Callable[[Peer], Awaitable[object]], peer: Peer) -> Ended:
    try:
        result: object = call(peer)
        if inspect.isawaitable(result):
            return Ended(peer, await result)
    except (KeyboardInterrupt, GeneratorExit):  # for the loop, which runs in the thread that gets Ctrl-C
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit of one call must not end the others
        return Ended(peer, error=error)
    problem = "returned nothing to await; write it with `async def`, or use `broadcast` for plain functions"
    return Ended(peer, error=ConfigError("call", call, problem))


def _fail_all(calls: Calls, now: float, error: RuntimeError) -> None:
    """Count every call as failed, since no thread can be started."""
    while (peer := calls.take(now)) is not None:
        failure = RuntimeError(f"no thread could be started for this call: {error}")
        failure.__cause__ = error
        calls.put(Ended(peer, error=failure))
