"""`broadcast` and `abroadcast` as one: a test gives plain calls, and time passes when the test says so."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pytest

from peerdisco import Broadcast, Peer, abroadcast, broadcast
from peerdisco._core.calls import Calls
from peerdisco.fanout import call_in_tasks, call_in_threads
from peerdisco.testing import FakeClock

PEERS = tuple(Peer(f"10.0.0.{n}", 8080) for n in range(1, 10))


class Cast(Protocol):
    """What both functions have in common."""

    def __call__(self, peers: Any, call: Callable[[Peer], Any], **options: Any) -> Broadcast[Any]:
        """Call every peer."""


def in_threads(peers: Any, call: Callable[[Peer], Any], **options: Any) -> Broadcast[Any]:
    """`broadcast`."""
    return broadcast(peers, call, **options)


def in_tasks(peers: Any, call: Any, **options: Any) -> Broadcast[Any]:
    """`abroadcast`, awaited, with a coroutine function that does what the plain one does."""

    async def acall(peer: Peer) -> Any:
        return call(peer)

    return asyncio.run(abroadcast(peers, acall if callable(call) else call, **options))


def join_threads() -> None:
    """Wait until the threads of all broadcasts have ended."""
    for thread in threading.enumerate():
        if thread.name == "peerdisco broadcast":
            thread.join(10)


sync_and_async = pytest.mark.parametrize("cast", [in_threads, in_tasks], ids=["sync", "async"])


def while_time_passes(
    peers: Iterable[Peer],
    call: Callable[[Peer], Any],
    then: Callable[[], object],
    *,
    timeout: float = 2,
    concurrency: int = 32,
) -> Broadcast[Any]:
    """Broadcast in threads, let `timeout` seconds pass once `then` has returned, and return what came of it."""
    clock = FakeClock()
    calls = Calls(peers, timeout, concurrency, clock())
    with ThreadPoolExecutor() as pool:
        result = pool.submit(call_in_threads, calls, call, clock)
        clock.wait_for_sleepers()
        then()
        clock.advance(timeout)
        return result.result(10)


async def awhile_time_passes(
    peers: Iterable[Peer],
    call: Callable[[Peer], Any],
    *,
    timeout: float = 2,  # noqa: ASYNC109 - as in `broadcast`
    concurrency: int = 32,
) -> Broadcast[Any]:
    """Broadcast in tasks, let `timeout` seconds pass once every call waits, and return what came of it."""
    clock = FakeClock()
    calls = Calls(peers, timeout, concurrency, clock())
    result = asyncio.create_task(call_in_tasks(calls, call, clock))
    for _ in range(5):
        await asyncio.sleep(0)
    await clock.aadvance(timeout)
    return await result
