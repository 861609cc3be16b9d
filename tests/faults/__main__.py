"""`make simulate-faults`: tell stories of faults to a simulated fleet, and hold it against the laws.

A seed that breaks a law is printed, with its story made small; kept in tests/support/data/stories, it is a test.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import peerdisco
from tests.faults.planted import BUGS, seeds_to_find
from tests.faults.telling import Broken, law_broken_by, shrunk, tell_all
from tests.support.fleet.fleet import Figures
from tests.support.fleet.writer import write


def main() -> int:
    """Return 0 where every law held, or every planted bug was found; else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--stories", type=int, default=500, help="how many; default: 500")
    parser.add_argument("--seed", type=int, default=1, help="of the first story; default: 1")
    parser.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    parser.add_argument("--planted", action="store_true", help="plant bugs in copies of the package, and find each")
    parser.add_argument("--first", type=int, help="print how many of so many stories it takes to break a law")
    given = parser.parse_args()
    if given.first:
        return _first(given.first)
    return _planted() if given.planted else _tell(given.seed, given.stories, given.jobs)


def _tell(seed: int, stories: int, jobs: int) -> int:
    begun, figures = time.monotonic(), Figures()
    broken: list[Broken] = []
    for telling in tell_all(range(seed, seed + stories), jobs):
        figures.add(telling.figures)
        broken += telling.broken
        for each in telling.broken:
            print(f"seed {each.seed}: {each.what}", flush=True)
    print(
        f"{figures.stories + len(broken)} stories from seed {seed}: {figures.replicas} replicas, {figures.lookups} "
        f"lookups, {figures.failures} failed, {figures.exchanges} messages, {figures.removals} Pods removed, "
        f"{figures.seconds / 3600:.0f} h of virtual time in {time.monotonic() - begun:.0f} s; borders crossed: "
        + ", ".join(f"{size}: {times}" for size, times in sorted(figures.crossings.items()))
    )
    print(f"{len(broken)} violations")
    if broken:
        first = broken[0]
        small = shrunk(write(first.seed), lambda story: law_broken_by(story) == first.law)
        print(f"seed {first.seed}, made small; keep it as tests/support/data/stories/NAME.json:\n{small.to_json()}")
    return 1 if broken else 0


def _first(stories: int) -> int:
    for count, telling in enumerate(tell_all([seed]) for seed in range(1, stories + 1)):
        if broken := next(telling).broken:
            print(count + 1, broken[0].what, peerdisco.__file__)
            return 1
    print(0)
    return 0


def _planted() -> int:
    missed = 0
    for name, bug in BUGS.items():
        with tempfile.TemporaryDirectory() as folder:
            seeds = seeds_to_find(bug, Path(folder))
        missed += not seeds
        print(f"{name}: {f'found by story {seeds}' if seeds else 'not found'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
