"""Servers in separate processes, on a core that the client does not use."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def serving(module: str, *arguments: object) -> Iterator[str]:
    """Run a module in another process, and yield the line that it prints once it is ready."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]
    with (
        on_cores(slice(-1, None)),
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,  # noqa: S603 - ourselves
    ):
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        ready = process.stdout.readline().strip()
        with on_cores(slice(0, -1)):
            try:
                yield ready
            finally:
                process.stdin.close()


@contextlib.contextmanager
def on_cores(which: slice) -> Iterator[None]:
    """Keep this process, and those that it starts, on some of its cores, if it has several and the system allows it."""
    if len(_CORES[which]) == 0:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _CORES[which])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
