"""An error that its caller has dealt with is gone, at once: it keeps no frame, no watcher and no cycle behind.

The garbage collector is off in these tests, so that only what nothing refers to is gone.
"""

import asyncio
import gc
import logging
import threading
import traceback
import weakref
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from peerdisco import (
    AsyncPeerWatcher,
    ConfigError,
    DiscoveryConfig,
    LookupFailed,
    NotHeadlessError,
    PeerWatcher,
    Question,
    adiscover_peers,
    discover_peers,
)
from peerdisco.testing import FakeResolver, LocalCluster


@pytest.fixture(autouse=True)
def no_collector(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Turns the garbage collector off, and the log, which keeps the errors that it shows."""
    caplog.set_level(logging.CRITICAL, "peerdisco")
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    assert gc.garbage == []


class Held:
    """What a caller's frame holds."""


def survivors(call: Callable[[], object], error: type[BaseException], times: int = 20) -> int:
    """Return how many of the frames that called, and dealt with the error, are still there."""
    frames: list[weakref.ref[Held]] = []

    def use() -> None:
        held = Held()
        frames.append(weakref.ref(held))
        try:
            call()
        except error:
            return
        raise AssertionError("nothing was raised")

    for _ in range(times):
        use()
    return sum(frame() is not None for frame in frames)


async def async_survivors(call: Callable[[], Awaitable[object]], error: type[BaseException], times: int = 5) -> int:
    """Return how many of the coroutines' frames are still there."""
    frames: list[weakref.ref[Held]] = []

    async def use() -> None:
        held = Held()
        frames.append(weakref.ref(held))
        try:
            await call()
        except error:
            return
        raise AssertionError("nothing was raised")

    for _ in range(times):
        await use()
    await asyncio.sleep(0)  # asyncio itself lets go one turn later
    return sum(frame() is not None for frame in frames)


BAD: list[dict[str, Any]] = [
    {"refresh": 0},
    {"namespace": "a.b"},
    {"own_ips": ["x"]},
    {"port": "no port!"},
    {"nameservers": "10.0.0.256"},
    {"allowed_networks": "pods"},
    {"refesh": 5},
]


def errors() -> int:
    """Return how many errors there are, those that other tests keep included."""
    return sum(isinstance(thing, ConfigError) for thing in gc.get_objects())


@pytest.mark.parametrize("options", BAD, ids=str)
@pytest.mark.parametrize("make", [DiscoveryConfig, discover_peers, PeerWatcher, AsyncPeerWatcher])
def test_a_bad_option(make: Callable[..., object], options: dict[str, Any]) -> None:
    """A refused option is not held by pydantic's own error."""
    before = errors()
    assert survivors(lambda: make("web", **options), ConfigError) == 0
    assert errors() == before


@pytest.mark.parametrize("environ", [{}, {"PEERDISCO_SERVICE": "a/b"}, {"PEERDISCO_SERVICE": "a", "PEERDISCO_X": "1"}])
def test_a_bad_variable(environ: dict[str, str]) -> None:
    """Nor is a refused variable."""
    assert survivors(lambda: DiscoveryConfig.from_env(environ), ConfigError) == 0


def test_a_bad_option_has_no_context() -> None:
    """An error shows nothing of how it was found."""
    with pytest.raises(ConfigError) as raised:
        discover_peers("web", own_ips=["x"])

    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


class Raising:
    """A resolver that raises an error of its own, a new one each time."""

    def lookup(self, question: Question, timeout: float) -> Any:
        """Raise it."""
        int("odd")

    async def alookup(self, question: Question, timeout: float) -> Any:  # noqa: ASYNC109 - as AsyncResolver wants it
        """Raise it."""
        self.lookup(question, timeout)


def failing() -> FakeResolver:
    """A resolver of which `svc` fails."""
    fake = FakeResolver()
    fake.fail("svc.default.svc.cluster.local")
    return fake


def with_a_head() -> FakeResolver:
    """A resolver of which `svc` has a ClusterIP."""
    fake = FakeResolver()
    fake.cluster_ip("svc.default.svc.cluster.local", "10.9.9.9")
    return fake


FAILURES = pytest.mark.parametrize(
    ("make", "error"),
    [(failing, LookupFailed), (with_a_head, NotHeadlessError), (Raising, ValueError)],
    ids=["failed", "not headless", "foreign"],
)
SERVICE = "svc.default.svc.cluster.local."


@FAILURES
def test_a_failed_lookup(make: Callable[[], Any], error: type[Exception]) -> None:
    """What a one-shot call raises holds nothing once it is dealt with."""
    resolver = make()
    assert survivors(lambda: discover_peers(SERVICE, resolver=resolver, own_ips="10.0.0.1"), error) == 0


@FAILURES
async def test_a_failed_async_lookup(make: Callable[[], Any], error: type[Exception]) -> None:
    """Nor does what one in an event loop raises."""
    resolver = make()
    assert await async_survivors(lambda: adiscover_peers(SERVICE, resolver=resolver, own_ips="10.0.0.1"), error) == 0


FAULTS = pytest.mark.parametrize("fault", ["servfail", "drop", "tcp_closed"])


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service whose list needs TCP."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [f"10.1.{n >> 8}.{n & 255}" for n in range(1, 500)])
        yield cluster


@FAULTS
def test_a_failed_lookup_of_dns(cluster: LocalCluster, fault: Any) -> None:
    """Nor does what our own resolver raises after its retries."""
    cluster.fail(fault)
    assert survivors(lambda: discover_peers("svc", timeout=0.2, **cluster.options), LookupFailed, 2) == 0


@FAULTS
async def test_a_failed_async_lookup_of_dns(cluster: LocalCluster, fault: Any) -> None:
    """Nor does it in an event loop."""
    cluster.fail(fault)
    assert await async_survivors(lambda: adiscover_peers("svc", timeout=0.2, **cluster.options), LookupFailed, 2) == 0


@FAILURES
def test_a_failed_refresh(make: Callable[[], Any], error: type[Exception]) -> None:
    """A refresh raises with a traceback, and neither its frame nor the watcher is kept by what the status shows."""
    watcher = PeerWatcher(SERVICE, resolver=make(), own_ips="10.0.0.1")
    gone = weakref.ref(watcher)
    assert survivors(watcher.refresh, error) == 0

    with pytest.raises(error) as raised:
        watcher.refresh()
    assert "run_lookup" in [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    check_last_error(watcher.status.last_error, raised.value)
    del watcher, raised
    assert gone() is None


@FAILURES
async def test_a_failed_async_refresh(make: Callable[[], Any], error: type[Exception]) -> None:
    """So does one in an event loop."""
    watcher = AsyncPeerWatcher(SERVICE, resolver=make(), own_ips="10.0.0.1")
    gone = weakref.ref(watcher)
    assert await async_survivors(watcher.refresh, error) == 0

    with pytest.raises(error) as raised:
        await watcher.refresh()
    assert "run_lookup" in [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    check_last_error(watcher.status.last_error, raised.value)
    await watcher.aclose()
    del watcher, raised
    assert gone() is None


def check_last_error(kept: Exception | None, raised: BaseException) -> None:
    """Check that the status shows the error, and nothing of what was under way."""
    assert kept is not None
    assert kept is not raised
    assert (type(kept), str(kept), kept.__dict__) == (type(raised), str(raised), raised.__dict__)
    assert (kept.__traceback__, kept.__cause__, kept.__context__) == (None, None, None)


@FAILURES
def test_a_failed_scheduled_lookup(make: Callable[[], Any], error: type[Exception]) -> None:
    """What fails in the watcher's own thread leaves nothing behind but the status."""
    looked = threading.Semaphore(0)
    holder = make()

    class Holding(type(holder)):  # type: ignore[misc] # a resolver of any class
        """The resolver, whose frame holds something."""

        def lookup(self, question: Question, timeout: float) -> Any:
            held = Held()
            frames.append(weakref.ref(held))
            looked.release()
            return super().lookup(question, timeout)

    frames: list[weakref.ref[Held]] = []
    holder.__class__ = Holding
    with PeerWatcher(SERVICE, resolver=holder, own_ips="10.0.0.1", refresh=0.01, max_backoff=0.01) as watcher:
        for _ in range(5):
            assert looked.acquire(timeout=30)
    assert isinstance(watcher.status.last_error, error)
    assert not any(frame() for frame in frames[:4])  # the fifth may be under way


def test_a_shared_failure() -> None:
    """Callers that share a lookup share no error, so none holds the frames of another."""
    fake = failing()
    watcher = PeerWatcher(SERVICE, resolver=fake)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: survivors(watcher.refresh, LookupFailed), range(8))) == 0
