"""A process that can start no thread any more: an error each time, and nothing that has to be undone afterwards."""

import logging
import threading
from collections.abc import Iterator

import pytest

from peerdisco import PeerWatcher
from peerdisco.testing import FakeResolver, LocalCluster
from tests.support.forks import in_a_child

FIRST = "10.0.0.2"


@pytest.fixture
def no_threads() -> Iterator[None]:
    """Lets every attempt to start a thread fail: no host has room for a stack of this size."""
    threading.stack_size(2**46)
    yield
    threading.stack_size(0)


@pytest.fixture
def watcher() -> PeerWatcher:
    """A watcher that has not been started."""
    return PeerWatcher("svc", resolver=FakeResolver({"svc": [FIRST]}))


@pytest.mark.usefixtures("no_threads")
def test_start_raises_each_time(watcher: PeerWatcher) -> None:
    """A start that failed has started nothing, and fails again while there is no thread."""
    for _ in range(2):
        with pytest.raises(RuntimeError, match="can't start new thread"):
            watcher.start()
        assert watcher.status.next_refresh is None
    with pytest.raises(RuntimeError, match="not started"):
        watcher.wait_for(1)


@pytest.mark.usefixtures("no_threads")
def test_refresh_needs_no_thread(watcher: PeerWatcher) -> None:
    """A lookup by hand works all the same."""
    with pytest.raises(RuntimeError):
        watcher.start()
    assert watcher.refresh().ips == (FIRST,)


@pytest.mark.usefixtures("no_threads")
def test_close_after_a_start_that_failed(watcher: PeerWatcher) -> None:
    """There is nothing to wait for, and nothing can be started after it."""
    with pytest.raises(RuntimeError, match="can't start"):
        watcher.start()
    watcher.close()
    with pytest.raises(RuntimeError, match="closed"):
        watcher.start()


@pytest.mark.usefixtures("no_threads")
def test_a_later_start_succeeds(watcher: PeerWatcher) -> None:
    """Once there is a thread again, the same watcher starts."""
    with pytest.raises(RuntimeError):
        watcher.start()
    threading.stack_size(0)
    with watcher:
        assert watcher.wait_for(1, timeout=30).ips == (FIRST,)


class OnFailure(logging.Handler):
    """Gives threads back once the log says that there was none."""

    def emit(self, record: logging.LogRecord) -> None:
        """Give them back."""
        if "can't start new thread" in str(record.exc_info):
            threading.stack_size(0)


# Python 3.12 and later warn of any fork in a process that has threads, which is what this test is about.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_one_watcher_that_a_fork_can_not_revive() -> None:
    """In the child the others are revived, and that one says what was in the way, and can be started again."""
    handler = OnFailure()
    logging.getLogger("peerdisco").addHandler(handler)
    with LocalCluster() as cluster:
        cluster.headless("svc", [FIRST])
        watchers = [PeerWatcher("svc", refresh=0.05, **cluster.options).start() for _ in range(3)]
        for watcher in watchers:
            watcher.wait_for(1, timeout=30)

        def use() -> str:
            (left,) = (watcher for watcher in watchers if watcher.status.next_refresh is None)
            revived = [watcher.wait_for(2, timeout=30).ips for watcher in watchers if watcher is not left]
            return f"{revived} {left.status.last_error} {left.start().wait_for(2, timeout=30).ips}"

        threading.stack_size(2**46)
        child = in_a_child(use)
        threading.stack_size(0)
        cluster.headless("svc", [FIRST, "10.0.0.3"])
        both = (FIRST, "10.0.0.3")
        told = child()
        for watcher in watchers:
            watcher.close()
    logging.getLogger("peerdisco").removeHandler(handler)

    assert told == f"{[both, both]} can't start new thread {both}"
