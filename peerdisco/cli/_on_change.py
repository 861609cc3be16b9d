"""`--exec`: a command that is run for each state of the list.

Laws of this module:

- One run at a time. When it ends, the newest state is next; what came in between is skipped.
- A run that fails is reported, and changes nothing else.
- When the watch ends, so does the run: by SIGTERM to its process group, and after some seconds by SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

_GRACE = 5.0
_STDERR = 2


class CommandRunner:
    """Runs a shell command with the newest state on its standard input.

    Its output goes to standard error, since standard output is for events.

    Args:
        command: what `/bin/sh -c` runs.
        report: called, in another thread, with what went wrong.
        grace: seconds from SIGTERM to SIGKILL.
    """

    def __init__(self, command: str, report: Callable[[str], None], *, grace: float = _GRACE) -> None:
        self._command = command
        self._report = report
        self._grace = grace
        # A SimpleQueue, since Ctrl-C may come at any moment: it has no lock that could stay taken.
        self._states: SimpleQueue[str | None] = SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="peerdisco --exec", daemon=True)
        self._thread.start()

    def submit(self, state: str) -> None:
        """Have the command run with this state, as soon as no other run is under way."""
        self._states.put(state)

    def close(self) -> None:
        """End the run that is under way, and begin no other."""
        self._closing = True
        self._states.put(None)
        self._kill(signal.SIGTERM)
        self._thread.join(self._grace)
        if self._thread.is_alive():
            self._kill(signal.SIGKILL)

    def _run(self) -> None:
        while (state := self._newest()) is not None:
            problem = self._problem(state)
            if problem and not self._closing:
                self._report(f"--exec {self._command!r} {problem}")

    def _newest(self) -> str | None:
        """Wait for a state, and return the newest; None at the end."""
        state = self._states.get()
        with suppress(Empty):
            while state is not None:
                state = self._states.get_nowait()
        return state

    def _problem(self, state: str) -> str:
        """Run the command, and return what went wrong; empty if nothing did."""
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command
                ["/bin/sh", "-c", self._command],
                stdin=subprocess.PIPE,
                stdout=_STDERR,
                process_group=0,  # so that all that it started can be ended
            )
        except OSError as error:
            return f"could not be started: {error.strerror}"
        if self._closing:  # `close` may have looked before the process was there
            self._kill(signal.SIGTERM)
        self._process.communicate(state.encode())
        code = self._process.returncode
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"exited with {code}" if code else ""

    def _kill(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
