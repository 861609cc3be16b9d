"""`refresh` from many tasks at once: one lookup for all, and the end of one caller is its own."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from peerdisco import Answer, AsyncPeerWatcher, Question
from peerdisco.testing import LocalCluster

SERVICE = "svc.default.svc.cluster.local."
OWN, FIRST = "10.0.0.1", "10.0.0.2"
MANY = 20


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service whose DNS is silent."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST])
        cluster.fail("drop")
        yield cluster


class AsyncGate:
    """A resolver whose lookups wait at a gate until the test opens it."""

    def __init__(self) -> None:
        self.arrived = asyncio.Semaphore(0)
        self.opened = asyncio.Semaphore(0)
        self.number = 0

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - as AsyncResolver wants it
        """Answer, once the gate has been opened for this question."""
        self.number += 1
        self.arrived.release()
        await self.opened.acquire()
        return Answer.of(question, [OWN, FIRST])


async def test_many_tasks_wait_for_one_timeout(cluster: LocalCluster) -> None:
    """So are tasks."""
    watcher = AsyncPeerWatcher("svc", timeout=0.5, **cluster.options)
    begun = time.monotonic()
    errors = await asyncio.gather(*(watcher.refresh() for _ in range(MANY)), return_exceptions=True)
    took = time.monotonic() - begun

    assert took < 2
    assert watcher.status.lookups == 1
    assert {str(error) for error in errors} == {str(watcher.status.last_error)}
    assert len({id(error) for error in errors}) == MANY


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_cancelled_caller_cancels_nobody_else(cancelled: int) -> None:
    """Whichever caller is cancelled, the lookup goes on for the others."""
    gate = AsyncGate()
    watcher = AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN)
    calls = [asyncio.create_task(watcher.refresh()) for _ in range(3)]
    await gate.arrived.acquire()
    calls.pop(cancelled).cancel()
    await asyncio.sleep(0)
    gate.opened.release()

    assert {peers.ips for peers in await asyncio.gather(*calls)} == {(FIRST,)}
    assert (gate.number, watcher.status.lookups) == (1, 1)
    await watcher.aclose()


async def test_a_lookup_of_which_every_caller_is_cancelled() -> None:
    """It goes on, and what it brings is listed."""
    gate = AsyncGate()
    watcher = AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN)
    call = asyncio.create_task(watcher.refresh())
    await gate.arrived.acquire()
    call.cancel()
    await asyncio.wait([call])
    gate.opened.release()

    assert (await watcher.refresh()).ips == (FIRST,)
    assert gate.number == 1
    await watcher.aclose()


async def test_a_task_shares_the_watchers_own_lookup() -> None:
    """A refresh in the middle of a scheduled lookup brings what that one brings, also where it is cancelled first."""
    gate = AsyncGate()
    async with AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN, max_fleet_qps=0.001) as watcher:
        await gate.arrived.acquire()
        calls = [asyncio.create_task(watcher.refresh()) for _ in range(3)]
        await asyncio.sleep(0)
        calls[0].cancel()
        gate.opened.release()
        assert {peers.ips for peers in await asyncio.gather(*calls[1:])} == {(FIRST,)}
        assert gate.number == 1


async def test_closing_ends_every_share_in_a_loop() -> None:
    """Tasks that share a lookup are told that the watcher was closed, and no task is left."""
    gate, tasks = AsyncGate(), asyncio.all_tasks()
    watcher = AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN)
    calls = [asyncio.create_task(watcher.refresh()) for _ in range(3)]
    await gate.arrived.acquire()
    await watcher.aclose()
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            await call
    assert asyncio.all_tasks() == tasks


def test_a_lookup_that_its_loop_left_behind() -> None:
    """A watcher that was never started may refresh in one loop after another, whatever became of the first."""
    gate = AsyncGate()
    watcher = AsyncPeerWatcher(SERVICE, resolver=gate, own_ips=OWN)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await watcher.refresh()

    asyncio.run(give_up())
    gate.opened = asyncio.Semaphore(1)
    assert asyncio.run(watcher.refresh()).ips == (FIRST,)
