"""The process that uses the library: `python -m tests.chaos.worker`, told what to do by JSON on stdin, line by line.

Servers are in another process, so that descriptors, threads and memory counted here are the library's and the callers'.
"""

from __future__ import annotations

import errno
import gc
import json
import logging
import os
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from peerdisco import LookupFailed, PeerWatcher
from tests.chaos.callers import Callers, Target
from tests.chaos.laws import Bounds, Ledger
from tests.support.forks import in_a_child

RIGHT_WITHIN = 15.0
"""Seconds after the end of all faults in which every watcher must be right."""

_HELD = 0.4
_COUNTS = 20
_SIGNALS = 50


def measure(pause: Callable[[], object]) -> dict[str, int]:
    """Return descriptors, threads, KiB of resident memory, and objects, of this process.

    Lookups are under way all the time: what stays open is the least of a few counts, with a pause between two.
    """
    gc.collect()
    descriptors = []
    for _ in range(_COUNTS):
        descriptors.append(len(list(Path("/proc/self/fd").iterdir())) - 1)
        pause()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "descriptors": min(descriptors),
        "threads": int(status["Threads"]),
        "memory_kib": int(status["VmRSS"].split()[0]),
        "objects": len(gc.get_objects()),
    }


class Worker:
    """Does what it is told.

    Args:
        targets: what to ask.
        seed: of the callers.
    """

    def __init__(self, targets: list[Target], seed: int) -> None:
        self.ledger = Ledger()
        self.callers = Callers(targets, self.ledger, seed)
        self._pause = threading.Event()
        self._signalled = 0
        threading.excepthook = lambda args: self.ledger.violated(
            str(args.thread), f"ended with {args.exc_value!r} in {args.exc_traceback}"
        )
        sys.unraisablehook = lambda args: self.ledger.violated("interpreter", f"{args.exc_value!r} in {args.object!r}")
        signal.signal(signal.SIGUSR1, self._on_signal)

    def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do one thing, and return what came of it."""
        match order["do"]:
            case "descriptors":
                self._without_descriptors()
            case "signals":
                self._signals()
            case "fork":
                self._fork()
            case "cancel":
                return {"cancelled": self.callers.cancel()}
            case "churn":
                self.callers.churn()
            case "expect":
                return {"seconds": self.callers.wait_until_right(order["pods"], RIGHT_WITHIN)}
            case "measure":
                self.callers.check_alive()
                return (
                    measure(partial(self._pause.wait, 0.005))
                    | {"lookups": self.callers.lookups()}
                    | dict(self.ledger.counts)
                )
            case "end":
                self.callers.stop()
        return {}

    def _without_descriptors(self) -> None:
        """Hold every descriptor that the limit leaves, for a moment."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        held: list[int] = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        until = time.monotonic() + _HELD
        try:
            while time.monotonic() < until:
                try:
                    held.append(os.dup(0))
                except OSError as error:
                    if error.errno != errno.EMFILE:
                        raise
                    self._pause.wait(0.001)  # then take those that were given back meanwhile as well
        finally:
            for descriptor in held:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def _signals(self) -> None:
        """Interrupt this process and its threads again and again; the handler looks up as well."""
        for number in range(_SIGNALS):
            if number % 2:
                os.kill(os.getpid(), signal.SIGUSR1)
            else:
                thread = threading.enumerate()[number % threading.active_count()]
                if thread.ident is not None and thread.is_alive():
                    signal.pthread_kill(thread.ident, signal.SIGUSR1)
            self._pause.wait(0.005)

    def _on_signal(self, *_: object) -> None:
        self._signalled += 1
        target, watcher = self.callers.watchers[0]
        if self._signalled % 10 == 0 and isinstance(watcher, PeerWatcher):
            try:
                watcher.refresh()
            except Exception as error:  # noqa: BLE001 - the ledger judges it
                self.ledger.check_error("refresh() in a signal handler", error, LookupFailed)
        self.ledger.check_list("peers in a signal handler", watcher.peers, target.bounds)

    def _fork(self) -> None:
        """Fork in the midst of all; the child's watcher must work, and so must a new one."""
        target, watcher = next(pair for pair in self.callers.watchers if isinstance(pair[1], PeerWatcher))

        def child() -> str:
            before = watcher.status.lookups
            until = time.monotonic() + 20
            while watcher.status.lookups < before + 2:
                if time.monotonic() > until:
                    return f"the child's watcher does not look up: {watcher.status}"
                self._pause.wait(0.02)
            ledger = Ledger()
            ledger.check_watched("child", watcher.peers, target.bounds, had_core=set(target.bounds.core) <= listed)
            return "; ".join(ledger.violations)

        listed = set(watcher.peers.ips)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is what this is about
            told = in_a_child(child)()
        if told:
            self.ledger.violated("fork", told)


def main(orders: Callable[[], str], tell: Callable[[str], object]) -> None:
    """Do what the lines say, until there are no more."""
    logging.getLogger("peerdisco").addHandler(logging.NullHandler())
    begin = json.loads(orders())
    targets = [
        Target(one["address"], Bounds(one["network"], one["own"], tuple(one["core"]))) for one in begin["targets"]
    ]
    worker = Worker(targets, begin["seed"])
    worker.callers.start()
    tell("{}\n")
    while line := orders():
        told = worker.run(json.loads(line))
        tell(json.dumps(told | {"violations": worker.ledger.violations}) + "\n")


def _tell(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.stdin.readline, _tell)
