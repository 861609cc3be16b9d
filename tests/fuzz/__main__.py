"""`make fuzz`: fuzzes every target for a share of the time, and says what was run; or replays inputs.

    python -m tests.fuzz --seconds 60
    python -m tests.fuzz --seconds 600 --target addresses --target peers
    python -m tests.fuzz --replay addresses FILE…

An input that breaks a law is kept in `build/fuzz/TARGET/`, with what to do about it. Inputs that reached something new
stay in `build/fuzz/TARGET/corpus`, and the next run begins with them too.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.laws import thoroughly
from tests.fuzz.targets import TARGETS, corpus

WORK = Path("build/fuzz")
_SLACK = 120
"""Seconds that a target may need beyond its time: to start, and to finish its last input."""


class Run(NamedTuple):
    """What came of fuzzing one target: how often it was executed, the edges seen, and the output where it failed."""

    target: str
    executions: int
    edges: int
    failure: str


def fuzz(target: str, seconds: int, *, seed: int) -> Run:
    """Fuzz one target in a process of its own."""
    folder = WORK / target
    inputs, seeds = folder / "corpus", folder / "seeds"
    for path in (inputs, seeds):
        path.mkdir(parents=True, exist_ok=True)
    for name, data in corpus(target).items():
        seeds.joinpath(name).write_bytes(data)
    command = [sys.executable, "-m", "tests.fuzz.one", target, str(seconds), str(folder)]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [*command, f"-seed={seed}", str(inputs), str(seeds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds + _SLACK,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    executions = re.findall(r"(?:number_of_executed_units|executions): +(\d+)", said) or ["0"]
    edges = re.findall(r"cov: (\d+)", said) or ["0"]
    return Run(target, int(executions[-1]), int(edges[-1]), said[-6000:] if done.returncode else "")


def replay(target: str, files: list[str]) -> None:
    """Execute a target once for each file, with every count."""
    for file in files:
        with thoroughly():
            TARGETS[target](Path(file).read_bytes())
        print(f"{file}: keeps every law")


def report(run: Run) -> None:
    """Say what an input broke, and what to do with it."""
    kept = (path for kind in ("crash", "oom", "timeout") for path in WORK.joinpath(run.target).glob(f"{kind}-*"))
    crashes = sorted(kept, key=lambda path: path.stat().st_mtime)
    print(f"\n{run.target}: an input breaks a law\n{run.failure}")
    for path in crashes[-1:]:
        print(f"The input, in hexadecimal: {path.read_bytes().hex()}")
        print(f"To replay it:              python -m tests.fuzz --replay {run.target} {path}")
        print(f"To make it a test:         cp {path} tests/fuzz/corpus/{run.target}/NAME")
        print("                           (tests/test_fuzz_corpus.py replays what is there)")


def main() -> int:
    """Run as the command line says; return 1 if a law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)) + 1, help="of the random choices")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at the same time")
    parser.add_argument("--replay", nargs="+", metavar=("TARGET", "FILE"), help="execute a target once for each file")
    given = parser.parse_args()
    if given.replay:
        replay(given.replay[0], given.replay[1:])
        return 0
    targets = given.target or list(TARGETS)
    jobs = min(given.jobs, len(targets))
    share = max(1, given.seconds * jobs // len(targets))
    tool = "atheris" if find_spec("atheris") else "hypothesis"
    print(f"{tool} on Python {platform.python_version()}: {share} s for each target, --seed {given.seed}", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        runs = list(pool.map(lambda target: fuzz(target, share, seed=given.seed), targets))
    for run in runs:
        print(f"{run.target:12} {run.executions:>10,} executions {run.edges:>6,} edges{'  FAILED' * bool(run.failure)}")
    print(f"{'together':12} {sum(run.executions for run in runs):>10,} executions")
    failed = [run for run in runs if run.failure]
    for run in failed:
        report(run)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
