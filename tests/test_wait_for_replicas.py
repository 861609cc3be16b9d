"""`wait_for(replicas=…)` ends when this Pod is listed at last, though the list of its peers is the same as before."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from peerdisco import AsyncPeerWatcher, PeerWatcher
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.watchers import FIRST, OWN, clock, fake

__all__ = ["clock", "fake"]

PATIENCE = 10


def test_the_last_to_be_listed_is_this_pod(fake: FakeResolver, clock: FakeClock) -> None:
    """A thread that waits for replicas is woken when this Pod is listed."""
    fake["svc"] = [FIRST]
    with ThreadPoolExecutor() as pool, PeerWatcher("svc", resolver=fake) as watcher:
        waiting = pool.submit(watcher.wait_for, replicas=2)
        clock.wait_for_sleepers(2)
        fake["svc"] = [OWN, FIRST]
        clock.advance(60)

        assert waiting.result(PATIENCE).self_listed


async def test_the_last_to_be_listed_is_this_pod_in_a_loop(fake: FakeResolver, clock: FakeClock) -> None:
    """A task that waits for replicas is woken when this Pod is listed."""
    fake["svc"] = [FIRST]
    async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
        waiting = asyncio.ensure_future(watcher.wait_for(replicas=2))
        await clock.aadvance(0)
        fake["svc"] = [OWN, FIRST]
        await clock.aadvance(60)

        async with asyncio.timeout(PATIENCE):
            peers = await waiting
        assert peers.self_listed
