"""`make simulate`: compute the load of a fleet that watches its own Service, and how late its lists are.

Time is virtual and randomness has a seed, so every run gives the same result.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks import sizes
from tests.benchmarks.drawing import draw
from tests.benchmarks.report import markdown_table
from tests.benchmarks.scenario import READY_AFTER, WAVES, Lag, Policy, Rate, Story, tell

DOCS = Path(__file__).parents[2] / "docs" / "explanation"
REPLICAS = (3, 10, 30, 100, 300, 1000, 3000, 10_000)
POLICIES = (Policy(), Policy(jittered=False), Policy(paced=False))
_LEGEND = """\
Simulated in virtual time, with peerdisco's own roster and default options. All replicas do the same, so a sample of
them runs ({samples}), and its questions are scaled to the fleet. *Busiest* is over one second; in steady state it is
over a tenth of the time between a replica's lookups if that is longer. It is a rough figure if the sample is small. All
replicas start at the same moment and become ready {earliest:g} to {latest:g} s later. A rollout replaces all Pods in
{waves} waves. Bytes are those of DNS messages, queries and replies."""


def main(arguments: Sequence[str]) -> int:
    """Simulate fleets of every size; print the results, and write them if asked to."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"also write a table and plots to docs/{DOCS.name}/")
    options = parser.parse_args(arguments)
    stories = simulate(REPLICAS)
    print(report(stories))
    if options.write:
        DOCS.mkdir(parents=True, exist_ok=True)
        (DOCS / "fleet-load-table.md").write_text(report(stories))
        plot_load(stories, DOCS / "fleet-load.svg")
        plot_lag(stories, DOCS / "fleet-lag.svg")
    return 0


def simulate(fleets: Sequence[int]) -> list[Story]:
    """Simulate fleets, the largest first, on every core."""
    # Cut answers dominate the largest fleets, so jitter hardly matters there.
    wanted = [(n, policy) for n in fleets for policy in POLICIES if policy.jittered or n <= sizes.MOST_OVER_TCP]
    with ProcessPoolExecutor() as pool:
        running = {(n, policy): pool.submit(tell, n, policy, sample_of(n)) for n, policy in reversed(wanted)}
        return [running[each].result() for each in wanted]


def sample_of(replicas: int) -> int:
    """Return how many replicas are simulated: fewer if each of them has more to do."""
    if replicas > sizes.MOST_OVER_TCP:
        return 3
    return min(replicas, 50)


def report(stories: Sequence[Story]) -> str:
    """Return everything as Markdown."""
    samples = ", ".join(f"{story.sample} of {story.replicas:,}" for story in stories if story.policy == Policy())
    earliest, latest = READY_AFTER
    legend = _LEGEND.format(samples=samples, earliest=earliest, latest=latest, waves=WAVES)
    lags = "Seconds until a replica's list follows a change: the median, and the last replica."
    return "\n\n".join((legend, _load_table(stories), lags, _lag_table(stories))) + "\n"


def plot_load(stories: Sequence[Story], path: Path) -> None:
    """Draw the questions per second in steady state, as SVG."""
    limit = Policy().config().max_fleet_qps

    def fill(axes: Any) -> None:
        axes.axhline(limit, color="gray", linestyle=":", label=f"max_fleet_qps = {limit:g}")
        for policy, mine in _by_policy(stories):
            axes.plot([one.replicas for one in mine], [one.steady.mean for one in mine], marker="o", label=policy.name)

    draw(path, fill, xlabel="replicas", ylabel="questions per second, steady state")


def plot_lag(stories: Sequence[Story], path: Path) -> None:
    """Draw how late the list is after one Pod was replaced, as SVG."""

    def fill(axes: Any) -> None:
        for policy, mine in _by_policy(stories):
            replicas = [one.replicas for one in mine]
            came, went = [one.replaced.median for one in mine], [one.gone.median for one in mine]
            axes.plot(replicas, came, marker="o", label=f"new Pod listed, {policy.name}")
            axes.plot(replicas, went, marker="s", linestyle="--", label=f"old Pod gone, {policy.name}")

    draw(path, fill, xlabel="replicas", ylabel="seconds, median of replicas")


def _by_policy(stories: Sequence[Story]) -> Iterator[tuple[Policy, list[Story]]]:
    for policy in (Policy(), Policy(paced=False)):
        yield policy, [story for story in stories if story.policy == policy]


def _load_table(stories: Sequence[Story]) -> str:
    head = ("replicas", "policy", *(f"{phase}: {what}" for phase in _PHASES for what in ("q/s", "busiest", "KB/s")))
    rows = [
        (f"{one.replicas:,}", one.policy.name, *_rate(one.starting), *_rate(one.steady), *_rate(one.rolling))
        for one in stories
    ]
    return markdown_table(head, rows)


_PHASES = ("start", "steady", "rollout")


def _lag_table(stories: Sequence[Story]) -> str:
    head = (
        "replicas",
        "policy",
        "complete after start",
        "new Pod listed",
        "old Pod gone",
        "rollout: new",
        "rollout: old",
    )
    rows = [
        (
            f"{one.replicas:,}",
            one.policy.name,
            *map(_lag, (one.complete, one.replaced, one.gone, one.rolled, one.rolled_gone)),
        )
        for one in stories
    ]
    return markdown_table(head, rows)


def _rate(rate: Rate) -> tuple[str, ...]:
    return _number(rate.mean), _number(rate.busiest), _number(rate.bytes / 1000)


def _lag(lag: Lag) -> str:
    return f"{_number(lag.median)}, {_number(lag.last)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
