"""The real clock, on which watchers wait."""

import asyncio
import os
import select
import signal
import threading

from peerdisco.clock import _LONGEST_IN_ONE_GO, SYSTEM_CLOCK, WakeEvent


def test_the_systems_clock() -> None:
    """The real one runs forward, and ends a wait at its event or its time."""
    wake = WakeEvent()
    before = SYSTEM_CLOCK()
    SYSTEM_CLOCK.wait(wake, 0.01)
    assert SYSTEM_CLOCK() - before >= 0.009
    wake.set()
    SYSTEM_CLOCK.wait(wake, 60)
    assert SYSTEM_CLOCK() - before < 30


async def test_the_systems_clock_in_a_loop() -> None:
    """So it does in an event loop."""
    wake = asyncio.Event()
    before = SYSTEM_CLOCK()
    await SYSTEM_CLOCK.await_(wake, 0.01)
    assert SYSTEM_CLOCK() - before >= 0.009
    wake.set()
    await SYSTEM_CLOCK.await_(wake, 60)
    await SYSTEM_CLOCK.await_(wake, None)
    assert SYSTEM_CLOCK() - before < 30


def test_signals_lose_no_timeout() -> None:
    """A wait ends at its time, however many signals come while it ends."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    ended = threading.Event()

    def wait() -> None:
        for _ in range(1000):
            WakeEvent().wait(0.0005)
        ended.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        until = SYSTEM_CLOCK() + 60
        while not ended.wait(0.00005) and SYSTEM_CLOCK() < until:
            if thread.ident is not None and thread.is_alive():
                signal.pthread_kill(thread.ident, signal.SIGUSR1)
        assert ended.is_set()
    finally:
        thread.join(1)
        signal.signal(signal.SIGUSR1, before)


def test_no_wait_is_longer_than_epoll_takes() -> None:
    """Under eventlet the wait for a lock is one of epoll, which refuses `threading.TIMEOUT_MAX`."""
    source, sink = os.pipe()
    try:
        with select.epoll() as poll:
            poll.register(sink, select.EPOLLOUT)
            assert poll.poll(_LONGEST_IN_ONE_GO) == [(sink, select.EPOLLOUT)]
    finally:
        os.close(source)
        os.close(sink)
