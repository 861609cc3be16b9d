"""`peerdisco demo`: it tells the story, and ends in an error where the story is not true."""

import contextlib
import io
import time
from typing import NamedTuple

import pytest

from peerdisco.cli import main
from peerdisco.cli.demo_watchers import tell_of_watchers
from peerdisco.cli.narrator import NotAsTold, check
from peerdisco.testing import LocalCluster


class Told(NamedTuple):
    """What the demo printed, its exit code, and how many seconds it took."""

    out: str
    code: int
    seconds: float


@pytest.fixture(scope="module")
def told() -> Told:
    """The demo, run once."""
    printed = io.StringIO()
    began = time.monotonic()
    with contextlib.redirect_stdout(printed):
        code = main(["demo"])
    return Told(printed.getvalue(), code, time.monotonic() - began)


def test_the_demo_tells_the_story(told: Told) -> None:
    """Every figure of the story is shown, in under ten seconds."""
    assert told.code == 0
    assert told.seconds < 10
    for shown in (
        "test-deploy-7bff8c5f84-hxcfw  200.96.1.50",
        "test-deploy-7bff8c5f84-rjdm9  200.96.0.59",
        "test-deploy-7bff8c5f84-w5l8j  200.96.2.24",
        "in hxcfw (200.96.1.50): peers 200.96.0.59 and 200.96.2.24",
        "in rjdm9 (200.96.0.59): peers 200.96.1.50 and 200.96.2.24",
        "in w5l8j (200.96.2.24): peers 200.96.0.59 and 200.96.1.50",
        "test-cs-svc.default.svc.cluster.local.",
        "NotHeadlessError: test-cs-svc-head.default.svc.cluster.local. is not headless",
        "200.68.238.114",
        "curl would not notice",
        "LookupFailed after",
        "in w5l8j: saw 200.96.3.7 and 200.96.0.81 come, and has 4 peers",
        "in tq6vz: is new, and has 4 peers",
        "in rjdm9: keeps 4 peers, heard of",
        "in hxcfw: saw 3 leave; its peer is 200.96.0.59",
        "in rjdm9: saw 3 leave; its peer is 200.96.1.50",
        "$ peerdisco doctor test-cs-svc --only headless --output short\n      (it prints nothing: nothing is wrong)",
        "✗ no-ready-pods-or-typo: tset-cs-svc.default.svc.cluster.local.: no such name in DNS",
        "✗ not-headless: test-cs-svc-head.default.svc.cluster.local. has the ClusterIP\n",
        "All of it came out as told",
    ):
        assert shown in told.out


def test_the_demo_fits_a_terminal(told: Told) -> None:
    """No line is longer than 100 characters, and there are no more than 90 lines."""
    lines = told.out.splitlines()

    assert [line for line in lines if len(line) > 100] == []
    assert len(lines) <= 90


def test_a_story_that_is_not_true_is_told_apart() -> None:
    """What differs from the story is named with both figures."""
    with pytest.raises(NotAsTold, match=r"^the peers: 1 instead of 2$"):
        check("the peers", 1, 2)


def test_watchers_that_do_not_follow_end_the_demo() -> None:
    """Where a list is not as told, the story stops there: here two Pods share an address."""
    three = {"a": "10.0.0.1", "b": "10.0.0.1", "c": "10.0.0.3"}
    with LocalCluster() as cluster, pytest.raises(NotAsTold, match=r"^the list of a while DNS is down: \(3, True\) "):
        tell_of_watchers(cluster, three, {"d": "10.0.0.4", "e": "10.0.0.5"})
