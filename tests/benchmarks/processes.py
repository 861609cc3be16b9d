"""Measurements of a whole process: the time of an import, its memory, and the CPU time of an idle watcher."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import NamedTuple

from tests.benchmarks.contenders import Setting
from tests.benchmarks.measure import Spread

IMPORT_OURS = "from peerdisco import discover_peers"
# What peerdisco uses of its dependencies, and one model, since the first one makes pydantic load most of itself.
IMPORT_THEIRS = """
import dns.exception, dns.flags, dns.message, dns.name, dns.rcode, dns.rdatatype, dns.rrset
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from tenacity import AsyncRetrying, Retrying, retry_if_exception_type
class Model(BaseModel):
    name: str
    seconds: float = 5.0
"""
_TIMED = """
import sys, time
start = time.perf_counter()
exec(sys.argv[1])
print(time.perf_counter() - start)
"""
_HELD = """
import os, sys
exec(sys.argv[1])
try:
    with open("/proc/self/statm") as file:
        print(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
except FileNotFoundError:  # not Linux
    print("nan")
"""
_IDLE = """
import sys, time
from tests.benchmarks.contenders import CountingResolver, Setting, idle_watcher
resolver = CountingResolver(f"{sys.argv[1]}:{sys.argv[2]}")
with idle_watcher(Setting((sys.argv[1], int(sys.argv[2])), {}, False), int(sys.argv[3]), resolver) as watcher:
    resolver.wait(5)
    cpu, clock = time.process_time(), time.monotonic()
    resolver.wait(int(sys.argv[4]))
    print((time.process_time() - cpu) / (time.monotonic() - clock))
    assert len(watcher.peers) == int(sys.argv[3]) - 1
"""


class Processes(NamedTuple):
    """Medians.

    Attributes:
        import_ours: seconds that `from peerdisco import discover_peers` takes.
        import_theirs: seconds that the import of what it needs of its dependencies takes.
        rss_empty: bytes of memory of an interpreter.
        rss_ours: the same after that import.
        rss_theirs: the same after the import of what it needs.
        idle: the share of a core that a watcher takes if nothing changes.
    """

    import_ours: Spread
    import_theirs: Spread
    rss_empty: float
    rss_ours: float
    rss_theirs: float
    idle: float

    @property
    def imported(self) -> Spread:
        """The time of our import, divided by that of the dependencies."""
        ours, theirs = self.import_ours, self.import_theirs
        return Spread(ours.median / theirs.median, ours.calm / theirs.calm)


def measure(setting: Setting, *, pods: int, lookups: int, runs: int) -> Processes:
    """Measure in turn, each time in a new interpreter; modules are already compiled, as pip leaves them."""
    scripts = (IMPORT_OURS, IMPORT_THEIRS)
    with tempfile.TemporaryDirectory() as compiled:
        timed = [[_run(_TIMED, script, compiled=compiled) for script in scripts] for _ in range(runs + 1)][1:]
        empty, with_ours, with_theirs = (_run(_HELD, script, compiled=compiled) for script in ("", *scripts))
    ours, theirs = map(Spread.of, zip(*timed, strict=True))
    idle = _run(_IDLE, *map(str, (*setting.server, pods, lookups)))
    return Processes(ours, theirs, empty, with_ours, with_theirs, idle)


def _run(script: str, *arguments: str, compiled: str | None = None) -> float:
    command = [sys.executable, "-c", script, *arguments]
    environ = dict(os.environ)
    if compiled is not None:
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        environ["PYTHONPYCACHEPREFIX"] = compiled
    done = subprocess.run(command, capture_output=True, check=True, env=environ)  # noqa: S603 - our own scripts
    return float(done.stdout)
