"""How a command that runs for long is ended: SIGTERM counts as Ctrl-C, and neither is ever missed.

- As process 1 of a container, a program gets no SIGTERM that it does not handle.
- A signal that comes just before the main thread begins to wait does not end the wait, since Python runs handlers
  between two instructions. So each signal also wakes the main thread from outside.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

_ENDING = {signal.SIGINT, signal.SIGTERM}


@contextlib.contextmanager
def interruptible(wake: Callable[[], object]) -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt in the block, as SIGINT does.

    Outside the main thread, where no signal can be handled, it changes nothing.

    Args:
        wake: ends what the main thread may be waiting for; called in another thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    threading.Thread(target=_wake, args=(reading, wake), name="peerdisco signals", daemon=True).start()
    known_fd = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    known = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, known)
        signal.set_wakeup_fd(known_fd)
        os.close(writing)


def _wake(reading: int, wake: Callable[[], object]) -> None:
    """Call `wake` for each signal that ends a command, until the other end of the pipe is closed."""
    with open(reading, "rb", buffering=0) as pipe:
        while numbers := pipe.read(1):
            if numbers[0] in _ENDING:
                wake()
