"""Storms of faults and calm between them, all from one seed; and the report.

A round: some faults, one after the other, to servers, to the path, and to the process that looks up; then all faults
end, the Pods change, and every watcher must soon list exactly those.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.sites import CoreDnsSite, Declared, LocalSite, Site

ROOT = Path(__file__).parents[2]
INSIDE = ("descriptors", "signals", "fork", "cancel", "churn")
STARVED = ("memory", "threads", "descriptors")
HARMLESS = {"thaw", "double"}
"""What is done to a server or its replies, and is no fault."""

GAVE_UP = "Cannot recover from MemoryErrors"
"""What CPython says where it has no memory to raise an exception."""

SIZES = (3, 3, 20, 60, 300)
WARM_UP = 0.2
"""The part of the time after which resources are measured for the first time."""

TOLERANCE = {"descriptors": 12, "threads": 0, "memory_kib": 6 * 1024}
"""By how much more there may be at the end than after the warm-up: a resolver keeps two TCP connections to a server."""


class Report(NamedTuple):
    """What came of a run.

    Attributes:
        counts: lookups, failures by code, changes.
        faults: how many of each kind.
        first: resources after the warm-up.
        last: resources at the end.
        slowest: seconds that the slowest round took to be right again.
        rounds: how many.
        violations: what did not hold.
    """

    counts: dict[str, int]
    faults: Counter[str]
    first: dict[str, int]
    last: dict[str, int]
    slowest: float
    rounds: int
    violations: list[str]

    @property
    def lookups(self) -> int:
        """Every lookup, of watchers and single ones."""
        return self.counts["lookups"] + self.counts.get("one-shot lookups", 0)


class _Process:
    """The process that looks up."""

    def __init__(self, stack: ExitStack, begin: dict[str, Any]) -> None:
        self._process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
        )
        stack.callback(self._process.kill)
        self.violations: list[str] = []
        self._exchange(begin)

    def do(self, what: str, **details: Any) -> dict[str, Any]:
        """Have it do something, and return what came of it."""
        told = self._exchange({"do": what} | details)
        self.violations = told.pop("violations")
        return told

    def _exchange(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that looks up has ended with {self._process.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told


class Conductor:
    """Makes faults happen.

    Args:
        seed: of everything that is drawn.
        binary: CoreDNS; None to do without.
    """

    def __init__(self, seed: int, binary: Path | None, stack: ExitStack) -> None:
        self._random = random.Random(seed)
        self._sites: list[Site] = [LocalSite(stack, seed)]
        if binary is not None:
            self._sites.append(CoreDnsSite(stack, seed, binary))
        self._declared = [Declared(site, self._random) for site in self._sites]
        self.faults: Counter[str] = Counter()
        self.violations: list[str] = []
        self._pause = threading.Event()
        targets = [
            {"address": site.middlebox.address, "network": site.network, "own": declared.own, "core": declared.core}
            for site, declared in zip(self._sites, self._declared, strict=True)
        ]
        self._heal()
        self.process = _Process(stack, {"targets": targets, "seed": seed})
        self._starvation: Callable[[], None] = lambda: None

    def round(self) -> float:
        """Break things for about a second, and see all be right again; return the seconds that took."""
        for _ in range(self._random.randint(6, 12)):
            self._fault()
            self._pause.wait(self._random.uniform(0, 0.15))
        self._starvation()
        self._starvation = lambda: None
        self._heal()
        for declared in self._declared:
            declared.scale(self._random.choice(SIZES))
        took: float = self.process.do("expect", pods=[declared.peers for declared in self._declared])["seconds"]
        return took

    def _heal(self) -> None:
        for site in self._sites:
            site.heal()

    def _fault(self) -> None:
        drawn = self._random.random()
        if drawn < 0.02:
            self._starve(self._random.choice(STARVED))
        elif drawn < 0.15:
            what = self._random.choice(INSIDE)
            self.process.do(what)
            self.faults[f"process: {what}"] += 1
        elif drawn < 0.25:
            self._random.choice(self._declared).scale(self._random.choice(SIZES))
        else:
            site = self._random.choice(self._sites)
            name, fault = self._random.choice(sorted(site.faults().items()))
            fault(self._random)
            self.faults[f"{site.name}: {name}"] += name not in HARMLESS

    def _starve(self, kind: str) -> None:
        """Have another process run out of something, while the faults go on; `LocalCluster` is then whole."""
        site, declared = self._sites[0], self._declared[0]
        site.heal()
        arguments = [kind, site.middlebox.address, site.network, declared.own, *declared.core]
        command = [sys.executable, "-m", "tests.chaos.starved", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our words
        self.violations += done.stdout.splitlines()
        if GAVE_UP in done.stderr:
            self.faults[f"starved of {kind}: CPython itself gave up"] += 1
        elif done.returncode:
            self.violations.append(f"starved of {kind}: ended with {done.returncode}: {done.stderr[-2000:]}")
        self.faults[f"starved of {kind}"] += 1


def run(seconds: float, seed: int, binary: Path | None, tell: Callable[[str], object] = lambda _: None) -> Report:
    """Run for so many seconds, and report."""
    begun = time.monotonic()
    first: dict[str, int] = {}
    slowest, rounds = 0.0, 0
    with ExitStack() as stack:
        conductor = Conductor(seed, binary, stack)
        process = conductor.process
        while (passed := time.monotonic() - begun) < seconds:
            if not first and passed > seconds * WARM_UP:
                first = process.do("measure")
            slowest = max(slowest, conductor.round())
            rounds += 1
            if rounds % 20 == 0:
                tell(
                    f"{passed:.0f} s, round {rounds}: {sum(conductor.faults.values())} faults, {process.do('measure')}"
                )
        last = process.do("measure")
        process.do("end")
        violations = conductor.violations + process.violations
    for what, more in TOLERANCE.items():
        if first and last[what] > first[what] + more:
            violations.append(f"{what} grew from {first[what]} to {last[what]}")
    return Report(last, conductor.faults, first, last, slowest, rounds, violations)
