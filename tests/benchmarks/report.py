"""The results, as Markdown tables and as a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.benchmarks import contenders as names
from tests.benchmarks.drawing import draw
from tests.benchmarks.targets import SIZES, Results, Target, targets

_ORDER = [contender.name for contender in names.CONTENDERS]
_KEPT = {names.RAW_KEPT, names.WATCHER, names.ASYNC_WATCHER}
_MEASURED = ("aiodns", "cyares", "dnspython", "kubernetes", "pycares", "pydantic")
_LEGEND = """\
The figure in brackets is the ratio to raw sockets, which ask the same question and parse nothing. Raw sockets are
opened for each lookup, and ask over UDP before TCP. peerdisco remembers which answers need TCP (here from N=100 on), as
do the raw sockets of the second row. Watchers use a TCP connection again for a second, and open a new socket for each
UDP query; their ratio is to raw sockets that are kept open."""
_PLOTTED = (
    names.RAW,
    names.DISCOVER,
    names.WATCHER,
    names.ADISCOVER,
    names.GETADDRINFO,
    names.AIODNS,
    names.CYARES,
    names.DNSPYTHON,
    names.KUBERNETES,
)


def report(results: Results) -> str:
    """Return everything as Markdown."""
    parts = (
        _machine(),
        _LEGEND,
        _table("median, µs", SIZES, lambda name, pods: _latency(results, name, pods)),
        _table("10th percentile, µs", SIZES, lambda name, pods: _timing(results, name, pods, "calm")),
        _table("99th percentile, µs", SIZES, lambda name, pods: _timing(results, name, pods, "p99")),
        _table("CPU of the client, µs", SIZES, lambda name, pods: _timing(results, name, pods, "cpu")),
        _table("peak allocation, KiB, and blocks kept", (1000, 4000), lambda name, pods: _memory(results, name, pods)),
        _table("longest event-loop block, ms", (1000, 4000), lambda name, pods: _block(results, name, pods)),
        _processes(results),
        _targets(list(targets(results))),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def plot(results: Results, path: Path) -> None:
    """Draw the medians by number of Pods, as SVG."""

    def fill(axes: Any) -> None:
        for name in _PLOTTED:
            sizes = [pods for pods in SIZES if (name, pods) in results.timings]
            medians = [results.timings[name, pods].median * 1e6 for pods in sizes]
            if sizes:
                axes.plot(sizes, medians, label=name, marker="o", linestyle=":" if name == names.RAW else "-")

    draw(path, fill, xlabel="Pods", ylabel="µs per lookup, median")


def markdown_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; every column but the first is aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _table(title: str, sizes: Sequence[int], cell: Callable[[str, int], str]) -> str:
    rows = [[name, *(cell(name, pods) for pods in sizes)] for name in _ORDER]
    rows = [row for row in rows if any(row[1:])]
    return markdown_table([title, *(f"N={pods}" for pods in sizes)], rows) if rows else ""


def _latency(results: Results, name: str, pods: int) -> str:
    ratio = results.ratio(name, names.RAW_KEPT if name in _KEPT else names.RAW, pods)
    return "" if ratio is None else f"{results.timings[name, pods].median * 1e6:,.0f} ({ratio.median:.2f})"


def _timing(results: Results, name: str, pods: int, what: str) -> str:
    timing = results.timings.get((name, pods))
    return "" if timing is None else f"{getattr(timing, what) * 1e6:,.0f}"


def _memory(results: Results, name: str, pods: int) -> str:
    memory = results.memory.get((name, pods))
    return "" if memory is None else f"{memory.peak / 1024:,.0f}, {memory.kept:,}"


def _block(results: Results, name: str, pods: int) -> str:
    block = results.blocks.get((name, pods))
    return "" if block is None else f"{block.median * 1e3:.2f}"


def _processes(results: Results) -> str:
    found = results.processes
    if found is None:
        return ""
    rows = (
        ("from peerdisco import discover_peers", f"{found.import_ours.median * 1e3:.0f} ms"),
        ("import of the dependencies that it needs", f"{found.import_theirs.median * 1e3:.0f} ms"),
        ("memory of an interpreter", f"{found.rss_empty / 2**20:.1f} MiB"),
        ("… with those dependencies", f"{found.rss_theirs / 2**20:.1f} MiB"),
        ("… with peerdisco", f"{found.rss_ours / 2**20:.1f} MiB"),
        ("idle watcher, N=1000, refresh every second", f"{found.idle:.3%} of a core"),
    )
    return markdown_table(["a process", ""], rows)


def _targets(aims: Sequence[Target]) -> str:
    return markdown_table(["target", "aim", "medians", "10th percentiles", ""], map(list, map(_aim, aims)))


def _aim(aim: Target) -> Iterator[str]:
    yield aim.what
    yield f"{'≥' if aim.at_least else '≤'} {aim.limit:g} {aim.unit}"
    yield from ("", "") if aim.measured is None else (f"{value:.2f}" for value in aim.measured)
    yield f"**{aim.verdict}**" if aim.verdict == "missed" else aim.verdict


def _machine() -> str:
    installed = ", ".join(
        f"{name} {version(name)}" for name in _MEASURED if find_spec(name.replace("dnspython", "dns"))
    )
    python = f"{platform.python_implementation()} {platform.python_version()}"
    libc = " ".join(filter(None, platform.libc_ver()))
    return f"{python} on {os.cpu_count()} cores, {installed}, {libc}; load {os.getloadavg()[0]:.1f} in the last minute."
