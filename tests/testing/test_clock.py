"""The clock that a test moves: who waits on it wakes when it is due, and not before."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from peerdisco.clock import WakeEvent
from peerdisco.testing import FakeClock


class Worker:
    """A thread that works every so many seconds of a clock."""

    def __init__(self, clock: FakeClock, every: float | None) -> None:
        self.worked: list[float] = []
        self._clock = clock
        self._every = every
        self._wake = WakeEvent()
        self._ended = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def poke(self) -> None:
        """Wakes it before its time."""
        self._wake.set()

    def end(self) -> None:
        """Lets it go."""
        self._ended = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._clock.wait(self._wake, self._every)
            self._wake.clear()
            if self._ended:
                return
            self.worked.append(self._clock())


@pytest.fixture
def clock() -> FakeClock:
    """A clock at 100 s."""
    return FakeClock(100.0)


@pytest.fixture
def worker(clock: FakeClock) -> Iterator[Worker]:
    """A worker that works every 5 s, and waits."""
    worker = Worker(clock, 5.0)
    clock.wait_for_sleepers()
    yield worker
    worker.end()


def test_time_stands_still(clock: FakeClock) -> None:
    """It shows what it was told."""
    assert FakeClock()() == 0.0
    assert 100.0 == clock() == clock()
    clock.advance(2.5)
    clock.advance(0)
    assert clock() == 102.5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), True, "5", None])
async def test_time_does_not_run_back(clock: FakeClock, seconds: Any) -> None:
    """Monotonic time goes one way, by a finite number of seconds; anything else is refused by name."""
    with pytest.raises(ValueError, match=r"^seconds=.*: must be a number of seconds, 0 or more"):
        clock.advance(seconds)
    with pytest.raises(ValueError, match=r"^seconds=.*: must be a number of seconds, 0 or more"):
        await clock.aadvance(seconds)
    assert clock() == 100.0


def test_a_thread_wakes_when_it_is_due(clock: FakeClock, worker: Worker) -> None:
    """When `advance` returns, whoever was due has worked, and waits again."""
    clock.advance(4.5)
    assert worker.worked == []
    clock.advance(0.5)
    assert worker.worked == [105.0]
    clock.advance(5)
    assert worker.worked == [105.0, 110.0]


def test_every_wake_up_on_the_way(clock: FakeClock, worker: Worker) -> None:
    """However far time goes, whoever is due on the way works at their time."""
    clock.advance(600)

    assert worker.worked == [100.0 + 5 * n for n in range(1, 121)]
    assert clock() == 700.0


def test_a_thread_is_woken_early(clock: FakeClock, worker: Worker) -> None:
    """An event ends the wait as well, and the next one begins then."""
    clock.advance(3)
    worker.poke()
    clock.advance(4.5)
    assert worker.worked == [103.0]
    clock.advance(0.5)
    assert worker.worked == [103.0, 108.0]


def test_many_threads(clock: FakeClock) -> None:
    """Each has its own times; one without any sleeps through."""
    workers = [Worker(clock, every) for every in (1.0, 2.0, None)]
    clock.wait_for_sleepers(3)
    clock.advance(4)

    assert [worker.worked for worker in workers] == [[101.0, 102.0, 103.0, 104.0], [102.0, 104.0], []]
    for worker in workers:
        worker.end()


async def test_a_task_wakes_when_it_is_due(clock: FakeClock) -> None:
    """The same in an event loop."""
    wake, worked = asyncio.Event(), list[float]()

    async def work() -> None:
        while True:
            await clock.await_(wake, 5.0)
            wake.clear()
            worked.append(clock())

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await clock.aadvance(4.5)
    assert worked == []
    await clock.aadvance(0.5)
    await clock.aadvance(5)
    assert worked == [105.0, 110.0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    clock.advance(60)
