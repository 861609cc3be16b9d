"""Broadcasts in threads: how many at once, those that never return, and those that can't be started."""

import gc
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable

import pytest

from peerdisco import ConfigError, Peer, broadcast
from peerdisco._core.calls import Calls
from peerdisco.fanout import call_in_threads, start_thread
from peerdisco.testing import FakeClock
from tests.support.broadcasts import PEERS, join_threads, while_time_passes

FIRST, SECOND, *_ = PEERS


def test_at_most_so_many_threads() -> None:
    """Three calls are under way together, and never a fourth."""
    together, under_way, most = threading.Barrier(3), set[Peer](), list[int]()

    def call(peer: Peer) -> None:
        under_way.add(peer)
        together.wait(10)
        most.append(len(under_way))
        together.wait(10)
        under_way.discard(peer)
        together.wait(10)

    assert broadcast(PEERS, call, concurrency=3, timeout=60).ok
    assert set(most) == {3}


def test_a_thread_that_does_not_return() -> None:
    """When the time is up it counts as failed; what it returns later is dropped, and what had not begun never is."""
    hangs, goes_on, called = threading.Event(), threading.Event(), list[Peer]()

    def call(peer: Peer) -> str:
        called.append(peer)
        if peer == SECOND:
            hangs.set()
            goes_on.wait(60)
        return "told"

    result = while_time_passes(PEERS[:4], call, lambda: hangs.wait(10), concurrency=1)
    before = dict(result.failed)
    goes_on.set()
    join_threads()

    assert result.succeeded == {FIRST: "told"}
    assert [str(error).split(" within")[0] for error in before.values()] == [
        "the call did not return",
        "the call was not begun",
        "the call was not begun",
    ]
    assert result.failed == before
    assert called == [FIRST, SECOND]


def test_ctrl_c_ends_it() -> None:
    """Ctrl-C is raised in the caller while calls hang, and no further call begins."""
    goes_on, called = threading.Event(), list[Peer]()

    def call(peer: Peer) -> None:
        called.append(peer)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        goes_on.wait(60)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            broadcast(PEERS, call, timeout=60, concurrency=1)
    finally:
        signal.signal(signal.SIGINT, before)
        goes_on.set()
    join_threads()

    assert called == [FIRST]


PROGRAM = """
import atexit, threading
from peerdisco import Peer, broadcast

def hang(peer):
    threading.Event().wait()

def at_exit():
    told = broadcast([Peer("10.0.0.1")], str, timeout=30)
    print(*told.succeeded.values(), *(type(error).__name__ for error in told.failed.values()))

peers = [Peer(f"10.0.0.{n}") for n in range(1, 5)]
print([type(error).__name__ for error in broadcast(peers, hang, timeout=0.05).failed.values()])
"""


def run(program: str) -> str:
    """What a program prints, in which every warning is an error."""
    done = subprocess.run(  # noqa: S603 - our own program, by this interpreter
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_threads_that_hang_do_not_hold_up_the_exit() -> None:
    """A program whose calls never return ends all the same."""
    assert run(PROGRAM) == f"{['TimeoutError'] * 4}\n"


def test_while_the_interpreter_shuts_down() -> None:
    """Where the interpreter starts no more threads, as in Python 3.12, the call fails at once; else it is made."""
    assert run(PROGRAM + "atexit.register(at_exit)\n").splitlines()[1] in ("RuntimeError", "10.0.0.1")


def starting(how_many: int) -> Callable[[Callable[[], None]], None]:
    """Start so many threads and no more."""
    left = iter(range(how_many))

    def start(work: Callable[[], None]) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start_thread(work)

    return start


def test_no_thread_can_be_started() -> None:
    """Each call fails with the reason, at once."""
    result = call_in_threads(Calls(PEERS, 60, 4, 0), str, FakeClock(), starting(0))

    assert list(result.failed) == list(PEERS)
    assert {str(error) for error in result.failed.values()} == {
        "no thread could be started for this call: can't start new thread"
    }
    assert len(set(map(id, result.failed.values()))) == len(PEERS)


def test_too_few_threads_can_be_started() -> None:
    """Those that could be started make all the calls."""
    result = call_in_threads(Calls(PEERS, 60, 4, 0), str, FakeClock(), starting(2))

    assert list(result.succeeded) == list(PEERS)


def test_starting_threads_takes_time() -> None:
    """When the time is up no further thread is started, though there are slots left."""
    clock, started = FakeClock(), list[float]()

    def start(work: Callable[[], None]) -> None:
        started.append(clock())
        clock.advance(1)

    result = call_in_threads(Calls(PEERS, 2, 9, clock()), str, clock, start)

    assert len(started) == 2
    assert list(result.failed) == list(PEERS)


def test_coroutines_for_threads() -> None:
    """A coroutine function is refused; a coroutine that a plain function returns is a failure, and is closed."""

    async def call(peer: Peer) -> None:
        return

    with pytest.raises(ConfigError, match="use `await abroadcast"):
        broadcast(PEERS, call)
    result = broadcast([FIRST], lambda peer: call(peer))  # noqa: PLW0108 - a plain function is what is tested
    error = result.failed[FIRST]
    assert isinstance(error, ConfigError)
    assert error.key == "call"


def test_failures_hold_nothing() -> None:
    """A result that is dropped goes at once, without the garbage collector."""

    class Refused(Exception):
        """One whose end can be watched."""

    def call(peer: Peer) -> None:
        raise Refused

    gc.disable()
    try:
        result = broadcast([FIRST], call)
        watched = weakref.ref(result.failed[FIRST])
        del result
        join_threads()
        assert watched() is None
    finally:
        gc.enable()
