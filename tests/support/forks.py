"""The child of a fork, which does something and reports what came of it."""

import os
import signal
import traceback
from collections.abc import Callable


def in_a_child(work: Callable[[], object]) -> Callable[[], str]:
    """Does something in the child of a fork; what comes back waits for its end, and tells what came of it."""
    receiving, sending = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # a child that hangs would outlive the tests
        try:
            told = str(work())
        except BaseException:  # noqa: BLE001 - the parent shall know
            told = traceback.format_exc()
        os.write(sending, told.encode())
        os._exit(0)
    os.close(sending)

    def result() -> str:
        with os.fdopen(receiving) as pipe:
            told = pipe.read()
        os.waitpid(pid, 0)
        return told

    return result
