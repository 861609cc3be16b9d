"""How a command is ended: whichever moment and thread a signal comes in, the main thread hears of it."""

import signal
import subprocess
import sys
import threading

from peerdisco.cli._interrupts import interruptible

# The main thread takes no signal itself, so that none ends its wait: as if each came just before it began to wait.
MISSED = """
import os, signal, threading
from queue import SimpleQueue
from peerdisco.cli._interrupts import interruptible

signal.signal(signal.SIGINT, signal.default_int_handler)
waiting, woken = threading.Event(), SimpleQueue()
threading.Thread(target=lambda: (waiting.wait(), os.kill(os.getpid(), signal.{signal}))).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.{signal}])
try:
    with interruptible(lambda: woken.put("woken")):
        waiting.set()
        woken.get()
        print("never told")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_signal_that_does_not_end_a_wait_ends_it_all_the_same() -> None:
    """SIGTERM and SIGINT interrupt the main thread though it waits, and the signal comes to another."""
    for name in ("SIGTERM", "SIGINT"):
        code = MISSED.format(signal=name)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own words

        assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_what_was_handled_before_is_handled_again() -> None:
    """After the block, SIGTERM does what it did before it."""
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(lambda: None):
        inside = signal.getsignal(signal.SIGTERM)

    assert inside is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_nothing_is_changed() -> None:
    """A command that is run in another thread leaves signals alone, since only the main thread may handle them."""
    handlers = []

    def run() -> None:
        with interruptible(lambda: None):
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert handlers == [signal.getsignal(signal.SIGTERM)]
