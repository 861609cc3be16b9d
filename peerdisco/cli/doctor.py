"""`peerdisco doctor`: says why a Pod has no peers."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import TextIO

from peerdisco.cli import options
from peerdisco.cli._doctor_ask import can_i_ask
from peerdisco.cli._doctor_headless import is_it_headless
from peerdisco.cli._doctor_host import look_around
from peerdisco.cli._doctor_observations import Observations
from peerdisco.cli._doctor_observe import observe
from peerdisco.cli._doctor_print import Style, render
from peerdisco.cli._doctor_report import GROUPS, Category, FailOn, Report
from peerdisco.cli._doctor_where import where_am_i
from peerdisco.cli._doctor_who import me, who_is_there
from peerdisco.cli._errors import in_flags, renamed
from peerdisco.cli._interrupts import interruptible

HELP = "check DNS, the Service and this Pod: say why there are no peers, and what to do"

_CHECKS = {"where": where_am_i, "ask": can_i_ask, "headless": is_it_headless, "who": who_is_there, "me": me}
_PAUSE = 1.0
_EPILOG = """
groups:
  where     where am I: Pod or not, resolv.conf, namespace, cluster domain, own addresses
  ask       can I ask: each nameserver over UDP and TCP, EDNS, latency
  headless  is it headless: headless, a ClusterIP, an alias, missing, or no ready Pod
  who       who is there: how many Pods, families, complete or not, TTL, hostnames, ports
  me        is this Pod listed, and if not, why

A warning begins with "!" and ends in its code, as a failure does; the codes are explained in
https://github.com/peerdisco/peerdisco/blob/main/docs/how-to/no-peers.md.
A check-up sends at most 40 questions to DNS, all within --timeout.

exit code: 0 healthy, 1 a check failed, 2 wrong usage, 130 SIGTERM or Ctrl-C ended it
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    options.declare(parser, covers="all questions of a check-up")
    parser.add_argument(
        "--output",
        choices=("text", "short", "json"),
        default="text",
        help="short: one line for each warning and failure, nothing where all is well; default: text",
    )
    parser.add_argument("--json", action="store_const", const="json", dest="output", help="the same as --output json")
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="check again each second until healthy, for so long at most; the last check-up is printed",
    )
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning"),
        default="error",
        help="the mildest result that makes the check-up fail; default: error",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(GROUPS),
        metavar="GROUP",
        help=f"show and judge this group alone: {', '.join(GROUPS)}; may be repeated",
    )
    parser.epilog = f"{parser.epilog}\n{_EPILOG}"


def run(arguments: argparse.Namespace) -> int:
    """Check, and print the report; return 0 where all is healthy, else 1.

    Raises:
        ConfigError: An option is invalid.
    """
    config = options.config_of(arguments)

    def check_up() -> Report:
        place = look_around(config, given=options.given(arguments))
        problems = tuple(renamed(problem, arguments.flags) for problem in place.problems)
        seen = observe(config, place._replace(problems=problems))
        return report_of(seen, arguments.only, arguments.fail_on).reworded(lambda text: in_flags(text, arguments.flags))

    with interruptible(lambda: None):  # each pause is short
        report = until_healthy(check_up, arguments.wait, on_failure=_tell)
    text = render(report, arguments.output, style_of(sys.stdout, os.environ))
    if text:
        print(text)
    return 0 if report.success else 1


def report_of(seen: Observations, only: Collection[str] | None = None, fail_on: FailOn = "error") -> Report:
    """Return what observations come to.

    Args:
        seen: the observations.
        only: the groups to report; None for all.
        fail_on: the mildest result that counts as unhealthy.
    """
    wanted = [key for key in GROUPS if not only or key in only]
    return Report(tuple(Category(GROUPS[key], tuple(_CHECKS[key](seen))) for key in wanted), fail_on)


def until_healthy(
    check_up: Callable[[], Report],
    seconds: float,
    *,
    on_failure: Callable[[Report, float], object],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Report:
    """Return the first healthy report, or the last one that there is time for.

    Args:
        check_up: makes a report.
        seconds: how long to go on.
        on_failure: is told of each unhealthy report but the last, and the seconds left.
        clock: monotonic seconds.
        sleep: waits for so many seconds.
    """
    deadline = clock() + seconds
    while True:
        report = check_up()
        left = deadline - clock()
        if report.success or left < _PAUSE:
            return report
        on_failure(report, left)
        sleep(_PAUSE)


def style_of(stream: TextIO, environ: Mapping[str, str]) -> Style:
    """Return how to print to a stream: in colour and wrapped on a terminal, plain in a pipe.

    `NO_COLOR` (https://no-color.org) and `TERM=dumb` turn colour off.
    """
    encoding = stream.encoding or "utf-8"
    if not stream.isatty():
        return Style(encoding=encoding)
    colour = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Style(colour, min(120, shutil.get_terminal_size().columns), encoding)


def _tell(report: Report, left: float) -> None:
    codes = ", ".join(report.problems("error", report.fail_on))
    print(f"peerdisco: not healthy yet: {codes}; {left:.0f} s left", file=sys.stderr)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds, 0 or more")
    return seconds
