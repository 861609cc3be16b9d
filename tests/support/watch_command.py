"""`peerdisco watch svc` as a process: what it prints, event by event, and how it ends."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from peerdisco.testing import LocalCluster
from tests.support.commands import PATIENCE, environment, running

OWN, FIRST, SECOND, THIRD = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"
NAME = "svc.default.svc.cluster.local."


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service with this Pod and one peer."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST])
        yield cluster


@contextmanager
def watching(cluster: LocalCluster, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """`peerdisco watch svc` with these arguments."""
    with running("watch", "svc", *arguments, env=environment(cluster, OWN, **settings)) as process:
        yield process


def line(process: subprocess.Popen[str]) -> str:
    """The next line of output."""
    assert process.stdout
    return process.stdout.readline()


def event(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next event, without its time and the Service's name."""
    told: dict[str, Any] = json.loads(line(process))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told.pop("service") == NAME
    return told


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    """End it by a signal; the exit code, and what was on standard error."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors
