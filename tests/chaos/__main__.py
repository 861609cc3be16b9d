"""`python -m tests.chaos [SECONDS] [SEED]`: break things for so long, and print what came of it."""

from __future__ import annotations

import platform
import secrets
import sys
from pathlib import Path

from tests.chaos.conductor import Report, run
from tests.e2e.coredns import CoreDNSUnavailable, binary


def coredns() -> Path | None:
    """Return the CoreDNS binary, or None, saying why."""
    try:
        return binary()
    except CoreDNSUnavailable as why:
        print(f"without CoreDNS: {why}")
        return None


def show(report: Report) -> None:
    """Print a report."""
    print(f"{report.rounds} rounds, {report.lookups} lookups, {sum(report.faults.values())} faults")
    print(f"right again after at most {report.slowest:.1f} s")
    for kind, count in sorted((+report.faults).items()):
        print(f"  fault {kind}: {count}")
    for what, count in sorted(report.counts.items()):
        before = f" (after the warm-up {report.first[what]})" if what in report.first else ""
        print(f"  {what}: {count}{before}")
    for violation in report.violations:
        print(f"VIOLATION {violation}")


def main(arguments: list[str]) -> int:
    """Run, and return 1 where a law did not hold."""
    seconds = float(arguments[0]) if arguments else 600.0
    seed = int(arguments[1]) if arguments[1:] and arguments[1] else secrets.randbelow(1 << 32)
    print(f"chaos for {seconds:.0f} s, SEED={seed}, Python {platform.python_version()}", flush=True)
    report = run(seconds, seed, coredns(), lambda line: print(line, flush=True))
    show(report)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
