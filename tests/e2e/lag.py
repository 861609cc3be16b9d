"""Measures how far a watcher's list is behind, against a real CoreDNS: `python -m tests.e2e.lag`, about two minutes.

With `--write` the tables also go into the documentation.
"""

import argparse
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.coredns import binary
from tests.e2e.lag_measures import Settings, changes, flaps, outage
from tests.e2e.lag_report import report

TABLE = Path(__file__).parents[2] / "docs" / "explanation" / "lag-table.md"


def measure(coredns: Path, settings: Settings) -> str:
    """Runs every scenario at once, and returns the tables."""
    with ThreadPoolExecutor(2 * len(settings.caches) + 1) as pool:
        changed = [pool.submit(changes, coredns, cache, settings) for cache in settings.caches]
        gone = [pool.submit(outage, coredns, cache, settings) for cache in settings.caches]
        flapped = pool.submit(flaps, coredns, settings)
        return report(settings, [each.result() for each in changed], [each.result() for each in gone], flapped.result())


def main() -> None:
    """Measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.lag", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"also write the tables to docs/explanation/{TABLE.name}")
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)  # lookups that fail are what is measured
    tables = measure(binary(fetch_go=True), Settings())
    print(tables, end="")
    if arguments.write:
        TABLE.write_text(tables)


if __name__ == "__main__":
    main()
