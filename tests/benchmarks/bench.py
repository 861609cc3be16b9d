"""`make bench`: compare peerdisco with other ways to turn a name into a list of addresses.

All take turns in one run and ask the same server. Only ratios carry over to other machines, and only if
the machine is not busy.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import isolation
from tests.benchmarks.apart import serving
from tests.benchmarks.blocking import block_of
from tests.benchmarks.contenders import CONTENDERS, Setting
from tests.benchmarks.measure import Runner, race
from tests.benchmarks.memory import memory_of
from tests.benchmarks.processes import measure
from tests.benchmarks.report import plot, report
from tests.benchmarks.targets import SIZES, Results

DOCS = Path(__file__).parents[2] / "docs" / "explanation"
_LONG_LISTS = (1000, 4000)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks, in a separate network namespace if possible; print the results, and write them if asked."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="take about a minute, and be less exact")
    parser.add_argument(
        "--write", action="store_true", help=f"also write benchmarks-table.md and benchmarks.svg to docs/{DOCS.name}/"
    )
    options = parser.parse_args(arguments)
    if not isolation.is_isolated():
        code = isolation.run("tests.benchmarks.bench", arguments)
        if code is not None:
            return code
        print("no network namespace (unshare): getaddrinfo and finding this Pod's address are not run", file=sys.stderr)
    with asyncio.Runner() as loop, setting() as asked:
        results = run(asked, loop.get_loop(), quick=options.quick)
    print(report(results))
    if options.write:
        DOCS.mkdir(parents=True, exist_ok=True)
        (DOCS / "benchmarks-table.md").write_text(report(results))
        plot(results, DOCS / "benchmarks.svg")
    return 0


@contextmanager
def setting() -> Iterator[Setting]:
    """Start the servers that all contenders ask."""
    isolated = isolation.is_isolated()
    with serving("responder", 53 if isolated else 0) as port, serving("api", *SIZES) as urls:
        yield Setting(("127.0.0.1", int(port)), dict(zip(SIZES, urls.split(), strict=True)), isolated)


def run(asked: Setting, loop: asyncio.AbstractEventLoop, *, quick: bool) -> Results:
    """Measure everything."""
    results = Results({}, {}, {})
    for pods in SIZES:
        _say(f"N={pods} (load {os.getloadavg()[0]:.1f})")
        runners = [Runner(contender, asked, pods, loop) for contender in CONTENDERS if contender.can_run(asked)]
        gc.collect()
        gc.freeze()  # modules that other contenders have loaded must not slow garbage collection
        race(runners, 3 if quick else 30, least=3 if quick else 7)
        results = _noted(results, runners, pods, calls=5 if quick else 20)
    _say("processes")
    return results._replace(processes=measure(asked, pods=1000, lookups=5 if quick else 20, runs=5 if quick else 15))


def _noted(results: Results, runners: Sequence[Runner], pods: int, calls: int) -> Results:
    timings = {(runner.contender.name, pods): runner.timing() for runner in runners}
    results = results._replace(timings={**results.timings, **timings})
    if pods not in _LONG_LISTS:
        return results
    blocks = {(runner.contender.name, pods): block_of(runner, calls) for runner in runners if runner.contender.is_async}
    memory = {(runner.contender.name, pods): memory_of(runner) for runner in runners}
    return results._replace(blocks={**results.blocks, **blocks}, memory={**results.memory, **memory})


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
