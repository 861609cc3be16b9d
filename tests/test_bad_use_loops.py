"""An asyncio watcher without its event loop, or in another one: a clear error, or it plainly works."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from peerdisco import AsyncPeerWatcher, Change
from peerdisco.testing import FakeResolver
from tests.support.watchers import FIRST, clock, fake

__all__ = ["clock", "fake"]


def test_starting_outside_a_loop(fake: FakeResolver) -> None:
    """An asyncio watcher cannot be started where no event loop runs, and works once one does."""
    watcher = AsyncPeerWatcher("svc", resolver=fake)
    with pytest.raises(RuntimeError, match="no running event loop"):
        watcher.start()

    async def use() -> tuple[str, ...]:
        async with watcher:
            return (await watcher.wait_for(1)).ips

    assert asyncio.run(use()) == (FIRST,)


@pytest.mark.parametrize(
    "use",
    [
        lambda watcher: watcher.refresh(),
        lambda watcher: watcher.wait_for(1),
        lambda watcher: watcher.aclose(),
        lambda watcher: anext(watcher.changes()),
    ],
    ids=["refresh", "wait_for", "aclose", "changes"],
)
def test_another_loop(fake: FakeResolver, use: Callable[[AsyncPeerWatcher], Any]) -> None:
    """A watcher belongs to one event loop; another one is refused, and does it no harm."""

    async def somewhere_else(watcher: AsyncPeerWatcher) -> None:
        await use(watcher)

    async def main() -> None:
        async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
            with pytest.raises(RuntimeError, match="runs in another event loop"):
                await asyncio.to_thread(asyncio.run, somewhere_else(watcher))
            assert (await watcher.wait_for(1)).ips == (FIRST,)

    asyncio.run(main())


async def test_start_and_subscribe_in_another_loop(fake: FakeResolver) -> None:
    """Even what does not wait belongs to the watcher's own event loop."""

    async def somewhere_else(call: Callable[[], object]) -> None:
        call()

    calls: list[Change] = []
    async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
        for call in (watcher.start, watcher.changes, lambda: watcher.subscribe(calls.append)):
            with pytest.raises(RuntimeError, match="runs in another event loop"):
                await asyncio.to_thread(asyncio.run, somewhere_else(call))
    assert calls == []


def test_after_its_loop_is_gone(fake: FakeResolver) -> None:
    """A watcher whose loop ended before it was closed is closed, and can be told so again."""

    async def leave_open() -> AsyncPeerWatcher:
        watcher = AsyncPeerWatcher("svc", resolver=fake).start()
        await watcher.wait_for(1)
        return watcher

    watcher = asyncio.run(leave_open())
    asyncio.run(watcher.aclose())
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(watcher.refresh())
    assert watcher.peers.ips == (FIRST,)
