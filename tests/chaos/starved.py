"""A process without memory, threads or descriptors: `python -m tests.chaos.starved memory|threads|descriptors`.

A watcher and single lookups run while there is nothing left; then the limit ends, and all must be right again. What was
wrong is printed; nothing printed is good news.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from peerdisco import LookupFailed, PeerWatcher, discover_peers
from tests.chaos.callers import WATCHER, Target
from tests.chaos.laws import Bounds, Ledger

_HELD = 0.5
_ROOM = 1 << 21
_PATIENCE = 15.0


def without_memory(work: Callable[[], None]) -> None:
    """Work while no kilobyte can be allocated in one piece; with nothing at all, CPython itself gives up."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _ROOM
    hoard: list[bytes | None] = [None] * 200_000
    count = 0
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        for size in (1 << 18, 1 << 12, 1 << 10):
            try:
                while count < len(hoard):
                    hoard[count] = bytes(size)
                    count += 1
            except MemoryError:
                continue
        work()
    finally:
        hoard.clear()
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def without_threads(work: Callable[[], None]) -> None:
    """Work while no thread can be started: there is no room for its stack."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (1 << 22)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        work()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def without_descriptors(work: Callable[[], None]) -> None:
    """Work while no descriptor can be opened."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) - 1, before[1]))
    try:
        work()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


STARVING: dict[str, Callable[[Callable[[], None]], None]] = {
    "memory": without_memory,
    "threads": without_threads,
    "descriptors": without_descriptors,
}


def starve(kind: str, target: Target, ledger: Ledger) -> None:
    """Use the library while something has run out, and afterwards."""
    late = PeerWatcher(target.name, **target.options, **WATCHER)
    errors: dict[type[BaseException], BaseException] = {}

    def attempt(call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - judged when there is memory again
            errors.setdefault(type(error), error)
            error.__traceback__ = error.__context__ = None  # else they would be what the memory is full of

    def work() -> None:
        attempt(late.start)
        until = time.monotonic() + _HELD
        while time.monotonic() < until:
            attempt(lambda: discover_peers(target.name, timeout=0.2, **target.options))
            attempt(watcher.refresh)

    with PeerWatcher(target.name, **target.options, **WATCHER) as watcher:
        listed = watcher.wait_for(len(target.bounds.core), timeout=_PATIENCE)
        attempt(lambda: STARVING[kind](work))  # out of memory this may itself end early
        # PeerWatcher.start raises RuntimeError where no thread can be started. MemoryError may come of any line, and
        # what is written in C may make a SystemError of it.
        allowed = {"memory": (RuntimeError, SystemError), "threads": (RuntimeError,)}.get(kind, ())
        for error in errors.values():
            ledger.check_error(kind, error, LookupFailed, MemoryError, *allowed)
        if not errors:
            ledger.violated(kind, "nothing ran out, so that this shows nothing")
        errors.clear()
        with late.start():
            for one in (watcher, late):
                before = one.status.lookups
                peers = one.wait_for(len(listed), timeout=_PATIENCE)
                ledger.check_watched(kind, peers, target.bounds, had_core=True)
                until = time.monotonic() + _PATIENCE
                while one.status.lookups <= before or one.peers.stale:
                    if time.monotonic() > until:
                        ledger.violated(kind, f"does not recover: {one.status}")
                        break
                    with contextlib.suppress(LookupFailed):  # other faults may go on
                        one.refresh()


def main(arguments: list[str]) -> None:
    """Starve, and print the violations."""
    logging.getLogger("peerdisco").addHandler(logging.NullHandler())
    kind, address, network, own, *core = arguments
    ledger = Ledger()
    try:
        starve(kind, Target(address, Bounds(network, own, tuple(core))), ledger)
    except Exception as error:  # noqa: BLE001 - it is printed
        ledger.violated(kind, repr(error))
    sys.stdout.write("".join(f"{violation}\n" for violation in ledger.violations))


if __name__ == "__main__":
    main(sys.argv[1:])
