"""The targets, and whether they are met: ratios of medians in one run, so that they hold on any machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.benchmarks import contenders as names
from tests.benchmarks.measure import Spread, Timing
from tests.benchmarks.memory import Memory
from tests.benchmarks.processes import Processes

SIZES = (1, 3, 10, 100, 1000, 4000)


class Results(NamedTuple):
    """All measurements; what did not run is missing.

    Attributes:
        timings: by contender and number of Pods.
        memory: by contender and number of Pods.
        blocks: seconds for which a call blocked the event loop, by contender and number of Pods.
        processes: of whole processes; None if that did not run.
    """

    timings: Mapping[tuple[str, int], Timing]
    memory: Mapping[tuple[str, int], Memory] = {}
    blocks: Mapping[tuple[str, int], Spread] = {}
    processes: Processes | None = None

    def ratio(self, one: str, other: str, pods: int) -> Spread | None:
        """Return the time of one, divided by that of the other; None if one of them did not run."""
        if (one, pods) not in self.timings or (other, pods) not in self.timings:
            return None
        above, below = self.timings[one, pods], self.timings[other, pods]
        return Spread(above.median / below.median, above.calm / below.calm)


class Target(NamedTuple):
    """One target.

    Attributes:
        what: what is compared, with the number of Pods.
        limit: the value to reach.
        measured: the measurement; None if it did not run. The median decides.
        unit: the unit of both.
        at_least: whether more is better.
    """

    what: str
    limit: float
    measured: Spread | None
    unit: str = "times"
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """`met`, `missed` or `not run`."""
        if self.measured is None:
            return "not run"
        median = self.measured.median
        is_met = median >= self.limit if self.at_least else median <= self.limit
        return "met" if is_met else "missed"


def targets(results: Results) -> Iterator[Target]:
    """Yield every target with its measurement."""
    yield from _against_raw(results)
    yield from _against_itself(results)
    yield from _against_others(results)
    block = results.blocks.get((names.ASYNC_WATCHER, 4000))
    blocked = None if block is None else Spread(block.median * 1e3, block.calm * 1e3)
    yield Target("longest event-loop block of a refresh, N=4000", 2, blocked, "ms")
    processes = results.processes
    idle = None if processes is None else Spread(processes.idle * 100, processes.idle * 100)
    yield Target("an idle watcher, N=1000, refresh every second", 0.1, idle, "% of a core")
    yield Target(
        "import of discover_peers ÷ its dependencies' parts", 1.1, None if processes is None else processes.imported
    )


def _against_raw(results: Results) -> Iterator[Target]:
    for pods, limit in zip(SIZES, (1.2, 1.2, 1.2, 1.0, 1.3, 2.4), strict=True):
        ratio = results.ratio(names.DISCOVER, names.RAW, pods)
        yield Target(f"discover_peers ÷ raw sockets, N={pods}", limit, ratio)
    for form in (names.KEYWORDS, names.LISTS, names.OVERRIDE, names.NETWORKS):
        for pods in SIZES:
            plain, other = (results.ratio(name, names.RAW, pods) for name in (names.DISCOVER, form))
            more = None
            if plain is not None and other is not None:
                more = Spread(other.median - plain.median, other.calm - plain.calm)
            yield Target(f"{form.removeprefix('… ')}: more of raw sockets' time, N={pods}", 0.15, more)
    yield Target("discover_peers and .ips ÷ raw sockets, N=1000", 2.5, results.ratio(names.IPS, names.RAW, 1000))
    for pods in SIZES[:3]:
        ratio = results.ratio(names.WATCHER, names.RAW, pods)
        yield Target(f"a watcher's unchanged refresh ÷ raw sockets, N={pods}", 1.2, ratio)
    for pods, limit in ((100, 1.5), (1000, 2.2)):
        ratio = results.ratio(names.WATCHER, names.RAW_KEPT, pods)
        yield Target(f"a watcher's unchanged refresh ÷ raw kept sockets, N={pods}", limit, ratio)


def _against_itself(results: Results) -> Iterator[Target]:
    for one, other in ((names.ADISCOVER, names.DISCOVER), (names.ASYNC_WATCHER, names.WATCHER)):
        for pods in SIZES:
            yield Target(f"{one} ÷ {other}, N={pods}", 1.35, results.ratio(one, other, pods))
    for pods in SIZES:
        ratio = results.ratio(names.OWN_UNKNOWN, names.DISCOVER, pods)
        yield Target(f"own address found ÷ own address given, N={pods}", 1.2, ratio)
    ratio = results.ratio(names.DRESSED, names.DISCOVER, 1000)
    yield Target("NS records and EDNS options ÷ plain reply, N=1000", 1.3, ratio)


def _against_others(results: Results) -> Iterator[Target]:
    for other in (names.GETADDRINFO, names.AIODNS, names.CYARES):
        for pods in SIZES:
            yield Target(f"discover_peers ÷ {other}, N={pods}", 1, results.ratio(names.DISCOVER, other, pods))
    for pods, limit in ((3, 4), (100, 20), (1000, 60), (4000, 120)):
        ratio = results.ratio(names.DNSPYTHON, names.DISCOVER, pods)
        yield Target(f"dnspython ÷ discover_peers, N={pods}", limit, ratio, at_least=True)
