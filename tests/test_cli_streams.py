"""Commands whose standard output or error is closed, can't be written to, or has no reader any more."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco.testing import LocalCluster
from tests.support.commands import PATIENCE, environment

OWN, FIRST = "10.0.0.1", "10.0.0.2"
FULL = Path("/dev/full")  # whatever is written there, the disk is full


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service with this Pod and one peer."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST])
        yield cluster


def run(cluster: LocalCluster, command: str, redirection: str) -> tuple[int, str, str]:
    """Return the exit code of a command that a shell runs with a redirection, and what it printed on both streams."""
    done = subprocess.run(  # noqa: S603 - our own command
        ["/bin/sh", "-c", f"exec {shlex.quote(sys.executable)} -m peerdisco {command} {redirection}"],
        env=environment(cluster, OWN),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["lookup svc", "wait svc", "doctor svc", "doctor svc --json", "lookup svc --json"])
def test_closed_output(cluster: LocalCluster, command: str) -> None:
    """`>&-` loses what would be printed there, and changes nothing else."""
    code, out, err = run(cluster, command, ">&-")

    assert (code, out) == (0, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("command", "code", "out"),
    [
        ("lookup svc", 0, f"{FIRST}\n"),
        ("lookup nope", 1, ""),
        ("wait svc --min 9 --timeout 0.2", 1, ""),
        ("lookup svc --port 0", 2, ""),
        (
            "doctor nope --wait 1.5 --only me --output short",
            0,
            "! self-not-listed: nobody is listed, so neither is this Pod\n",
        ),
    ],
)
def test_closed_errors(cluster: LocalCluster, command: str, code: int, out: str) -> None:
    """`2>&-` loses what would be printed there: it does not get into the list that a script reads."""
    assert run(cluster, command, "2>&-") == (code, out, "")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("command", ["lookup svc", "wait svc", "watch svc", "doctor svc", "lookup svc --json"])
def test_a_full_disk(cluster: LocalCluster, command: str) -> None:
    """An output that can't be written is said in a line, and the command fails."""
    code, _, err = run(cluster, command, f"> {FULL}")

    assert code == 1
    assert err.endswith("peerdisco: can't write the output: No space left on device\n")
    assert "Traceback" not in err


def run_unread(cluster: LocalCluster, arguments: list[str], *, stderr_too: bool = False) -> tuple[int, str]:
    """Run the command with an output that nothing reads, and return its exit code and what it said on stderr."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as output:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "peerdisco", *arguments],
            stdout=output,
            stderr=output if stderr_too else subprocess.PIPE,
            env={key: value for key, value in environment(cluster, OWN).items() if key != "PYTHONUNBUFFERED"},
            text=True,
            check=False,
        )
    return done.returncode, done.stderr or ""


def test_output_that_nothing_reads(cluster: LocalCluster) -> None:
    """`| head` ends the command as SIGPIPE would, without a traceback."""
    code, err = run_unread(cluster, ["lookup", "svc"])

    assert code == 141
    assert err.startswith("1 peer of")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["lookup", "--help"], ["lookup", "svc", "--json"]])
def test_any_output_that_nothing_reads(cluster: LocalCluster, arguments: list[str]) -> None:
    """So it is with help, and with JSON."""
    assert run_unread(cluster, arguments) == (141, "")


def test_errors_that_nothing_reads(cluster: LocalCluster) -> None:
    """So it is with `2>&1 | head`."""
    assert run_unread(cluster, ["lookup", "svc"], stderr_too=True) == (141, "")
    assert run_unread(cluster, ["lookup", "nope"], stderr_too=True) == (141, "")
