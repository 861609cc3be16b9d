"""Both watchers through one door: a thread's, and a task's in an event loop that runs while the test asks something."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, Unpack

import pytest

from peerdisco import AsyncPeerWatcher, Change, PeerSet, PeerWatcher
from peerdisco.config import Options
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.loops import needs_uvloop, new_uvloop

_Result = TypeVar("_Result")


class Driver(Protocol):
    """What a test does with a watcher."""

    watcher: PeerWatcher | AsyncPeerWatcher

    def __init__(self, service: str = "svc", *, resolver: Any = None, **options: Unpack[Options]) -> None:
        """Makes a watcher."""

    def start(self) -> None:
        """Starts it."""

    def close(self) -> None:
        """Closes it."""

    def pass_time(self, clock: FakeClock, seconds: float = 0) -> None:
        """Lets time pass, once the watcher has nothing left to do."""

    def refresh(self) -> PeerSet:
        """Refreshes."""

    def wait_for(self, count: int = 1, *, timeout: float | None = None, stable_for: float = 0) -> PeerSet:
        """Waits."""

    def begin_to_wait(self, clock: FakeClock, count: int, *, timeout: float | None = None) -> Callable[[], PeerSet]:
        """Has somebody else wait; what comes back tells what came of it."""

    def changes(self) -> Iterator[Change]:
        """Follows the list."""

    def subscribe(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Has changes called back."""

    def end(self) -> None:
        """Ends this driver."""


class _Thread:
    """`PeerWatcher`."""

    def __init__(self, service: str = "svc", *, resolver: Any = None, **options: Unpack[Options]) -> None:
        self.watcher = PeerWatcher(service, resolver=resolver, **options)
        self.start = self.watcher.start
        self.close = self.watcher.close
        self.refresh = self.watcher.refresh
        self.wait_for = self.watcher.wait_for
        self.changes = self.watcher.changes
        self.subscribe = self.watcher.subscribe
        self._pool = ThreadPoolExecutor()

    def pass_time(self, clock: FakeClock, seconds: float = 0) -> None:
        clock.wait_for_sleepers()
        clock.advance(seconds)

    def begin_to_wait(self, clock: FakeClock, count: int, *, timeout: float | None = None) -> Callable[[], PeerSet]:
        future = self._pool.submit(self.watcher.wait_for, count, timeout=timeout)
        clock.wait_for_sleepers(2)
        return future.result

    def end(self) -> None:
        self.watcher.close()
        self._pool.shutdown()


class _Task:
    """`AsyncPeerWatcher`."""

    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None

    def __init__(self, service: str = "svc", *, resolver: Any = None, **options: Unpack[Options]) -> None:
        self.watcher = AsyncPeerWatcher(service, resolver=resolver, **options)
        self._runner = asyncio.Runner(loop_factory=self.loop_factory)

    def start(self) -> None:
        self._run(self.watcher.start)

    def close(self) -> None:
        self._await(self.watcher.aclose)

    def pass_time(self, clock: FakeClock, seconds: float = 0) -> None:
        self._await(clock.aadvance, seconds)

    def refresh(self) -> PeerSet:
        return self._await(self.watcher.refresh)

    def wait_for(self, count: int = 1, *, timeout: float | None = None, stable_for: float = 0) -> PeerSet:
        return self._await(self.watcher.wait_for, count, timeout=timeout, stable_for=stable_for)

    def begin_to_wait(self, clock: FakeClock, count: int, *, timeout: float | None = None) -> Callable[[], PeerSet]:
        task = self._run(lambda: asyncio.ensure_future(self.watcher.wait_for(count, timeout=timeout)))
        self.pass_time(clock)
        return lambda: self._await(lambda: task)

    def changes(self) -> Iterator[Change]:
        return self._each(self._run(self.watcher.changes))

    def _each(self, stream: AsyncIterator[Change]) -> Iterator[Change]:
        with contextlib.suppress(StopAsyncIteration):
            while True:
                yield self._await(stream.__anext__)

    def subscribe(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        return self._run(self.watcher.subscribe, callback)

    def end(self) -> None:
        self.close()
        self._runner.close()

    def _run(self, call: Callable[..., _Result], *args: Any) -> _Result:
        async def run() -> _Result:
            return call(*args)

        return self._runner.run(run())

    def _await(self, call: Callable[..., Awaitable[_Result]], *args: Any, **kwargs: Any) -> _Result:
        async def run() -> _Result:
            return await call(*args, **kwargs)

        return self._runner.run(run())


class _UvTask(_Task):
    """`AsyncPeerWatcher` under uvloop."""

    loop_factory = staticmethod(new_uvloop)


class MakeDriver(Protocol):
    """Makes watchers that run, and end with the test."""

    def __call__(
        self, service: str = "svc", *, resolver: Any = None, start: bool = True, **options: Unpack[Options]
    ) -> Driver:
        """One watcher."""


OWN, FIRST, SECOND, THIRD = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"


@pytest.fixture
def clock() -> FakeClock:
    """Time that the test moves."""
    return FakeClock()


@pytest.fixture
def fake(clock: FakeClock) -> FakeResolver:
    """A Service with this Pod and one peer."""
    return FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=clock)


_UNDER_UVLOOP = pytest.param(_UvTask, marks=needs_uvloop)


@pytest.fixture(params=[_Thread, _Task, _UNDER_UVLOOP], ids=["thread", "asyncio", "uvloop"])
def watch(request: pytest.FixtureRequest) -> Iterator[MakeDriver]:
    """Makes watchers of one driver."""
    with contextlib.ExitStack() as stack:

        def make(
            service: str = "svc", *, resolver: Any = None, start: bool = True, **options: Unpack[Options]
        ) -> Driver:
            driver: Driver = request.param(service, resolver=resolver, **options)
            stack.callback(driver.end)
            if start:
                driver.start()
            return driver

        yield make
