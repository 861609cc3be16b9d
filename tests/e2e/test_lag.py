"""The command that measures lag, with short caches and a short outage."""

from pathlib import Path

from tests.e2e.lag import measure
from tests.e2e.lag_measures import Cache, Settings

QUICK = Settings(
    caches=(Cache("none", 0, 0), Cache("nodelocaldns", 1, 1, is_node=True)),
    refresh=0.2,
    timeout=0.2,
    outage=1.0,
    watchers=2,
    flap_lookups=50,
)


def test_lag_is_measured(coredns_binary: Path) -> None:
    """Each change behind each cache is measured, each list outlives the outage, and replicas disagree."""
    changed, gone, flapped = (table.splitlines()[2:] for table in measure(coredns_binary, QUICK).split("\n\n"))

    assert len(changed) == 6
    assert [row.split(" | ")[1] for row in gone] == ["2 of 2"] * 2
    assert len(flapped) == 3
