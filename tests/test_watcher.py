"""What both watchers do between their lookups: what they log, what their status says, what may not be waited for."""

import logging
from typing import Any

import pytest

from peerdisco import ConfigError, DiscoveryConfig, Outcome
from peerdisco._core.waiting import checked_wait
from tests.support.watches import FIRST, NAME, OWN, Story


def told(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """What was logged at a level since the last call."""
    messages = [record.getMessage() for record in caplog.records if record.levelno == level]
    caplog.clear()
    return messages


@pytest.mark.parametrize(
    ("begin", "state", "detail"),
    [
        (lambda fake: fake.fail("svc", "servfail"), "servfail", "servfail"),
        (lambda fake: fake.cluster_ip("svc", "10.9.9.9"), "not-headless", "10.9.9.9"),
        (lambda fake: fake.script("svc", [[]]), "no-ready-pods-or-typo", "for a typo"),
    ],
)
def test_states_are_logged_once(caplog: pytest.LogCaptureFixture, begin: Any, state: str, detail: str) -> None:
    """A state is a warning when it begins and an information when it ends, however many lookups lie between."""
    story = Story(OWN, FIRST)
    caplog.set_level(logging.INFO, "peerdisco")
    story.poll(3)
    assert told(caplog, logging.WARNING) == []

    begin(story.fake)
    story.poll(5)
    (warning,) = told(caplog, logging.WARNING)
    assert warning.endswith(f" [{state}]")
    assert detail in warning

    story.fake["svc"] = [OWN, FIRST]
    story.fake.heal("svc")
    story.poll(5)
    assert f"{NAME}: no longer {state}" in told(caplog, logging.INFO)


def test_a_state_that_comes_back_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """Each time that DNS breaks is a warning of its own, where a minute or more lies between."""
    story = Story(OWN, FIRST)
    for _ in range(3):
        story.fake.fail("svc")
        story.poll(2)
        story.fake.heal("svc")
        story.poll(58)

    assert len(told(caplog, logging.WARNING)) == 3


def test_changes_and_lookups_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A change is an information, a lookup is for debugging; nothing is logged twice."""
    story = Story(OWN, FIRST)
    caplog.set_level(logging.DEBUG, "peerdisco")
    story.poll(3)

    assert sum("added 1 [10.0.0.2], removed 0, now 1" in record.getMessage() for record in caplog.records) == 1
    assert len(told(caplog, logging.DEBUG)) == 3


def test_an_expired_list_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """That `max_stale` has emptied the list is told as a change."""
    story = Story(OWN, FIRST, max_stale=10)
    caplog.set_level(logging.INFO, "peerdisco")
    story.poll()
    story.clock.advance(11)
    story.watch.expire()
    assert len(story.watch.roster.peers) == 1
    story.fake.fail("svc")
    story.poll()

    assert "added 0, removed 1 [10.0.0.2], now 0" in told(caplog, logging.INFO)[-1]


def test_status() -> None:
    """The status says how the watcher is doing: before, well, failing, and closed."""
    story = Story(OWN, FIRST)
    status = story.watch.status()
    assert (status.outcome, status.lookups, status.last_success, status.last_error) == (Outcome.PENDING, 0, None, None)
    assert (status.next_refresh, status.self_listed, status.complete) == (0.0, False, True)

    story.poll(2)
    story.clock.advance(0.25)
    status = story.watch.status()
    assert (status.outcome, status.lookups, status.failures, status.last_success) == (Outcome.FOUND, 2, 0, 0.25)
    assert (status.next_refresh, status.self_listed) == (0.75, True)

    story.fake.fail("svc", "refused")
    story.poll(3)
    status = story.watch.status()
    assert (status.outcome, status.lookups, status.failures, status.last_success) == (Outcome.FOUND, 5, 3, 3.25)
    assert "refused" in str(status.last_error)

    story.watch.stopping = True
    assert story.watch.status().next_refresh is None


def test_nothing_is_planned_before_the_start() -> None:
    """A watcher that does not run has no next lookup."""
    story = Story(OWN)
    story.watch.running = False
    assert story.watch.status().next_refresh is None


CONFIG = DiscoveryConfig("svc")
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("count", [-1, 1.0, NAN, "2", True, [2]])
def test_bad_counts(count: object) -> None:
    """A count that is no whole number from 0 is refused by name."""
    with pytest.raises(ConfigError, match=r"^count="):
        checked_wait(CONFIG, count, None, None, 0)


@pytest.mark.parametrize("seconds", [-1, -1e-9, NAN, INF, "5", b"5", True, [5], 1e300])
@pytest.mark.parametrize("key", ["timeout", "stable_for"])
def test_bad_seconds(key: str, seconds: object) -> None:
    """Seconds that no clock can wait for are refused by name."""
    with pytest.raises(ConfigError, match=f"^{key}="):
        checked_wait(CONFIG, 1, None, *({"timeout": None, "stable_for": 0} | {key: seconds}).values())


@pytest.mark.parametrize("replicas", [0, -1, 1.0, NAN, "2", True, [2]])
def test_bad_replicas(replicas: object) -> None:
    """Replicas are a whole number from 1, since this Pod is one of them."""
    with pytest.raises(ConfigError, match=r"^replicas=.*1 or more"):
        checked_wait(CONFIG, None, replicas, None, 0)


def test_replicas_that_contradict() -> None:
    """Peers and replicas are not waited for at once, nor replicas where no listed address is this Pod's."""
    with pytest.raises(ConfigError, match=r"^replicas=3: contradicts `count`"):
        checked_wait(CONFIG, 2, 3, None, 0)
    with pytest.raises(ConfigError, match=r"^replicas=3: contradicts own_ips"):
        checked_wait(DiscoveryConfig("svc", own_ips=()), None, 3, None, 0)


def test_one_peer_is_the_default() -> None:
    """Without count and replicas, one peer is waited for."""
    assert checked_wait(CONFIG, None, None, None, 0).count == 1


def test_only_a_timeout_may_be_none() -> None:
    """No time-out is one; no `stable_for` is 0."""
    checked_wait(CONFIG, 0, None, None, 0.0)
    with pytest.raises(ConfigError, match=r"^stable_for=None"):
        checked_wait(CONFIG, 1, None, None, None)


def test_log_records_have_fields(caplog: pytest.LogCaptureFixture) -> None:
    """Each record carries the Service, its code and its facts as fields, for logs that are read by programs."""
    caplog.set_level(logging.INFO, "peerdisco")
    story = Story(OWN, FIRST)
    story.poll()
    story.fake.fail("svc", "no_nameserver")
    story.poll()
    change, failure = ({key: record.__dict__.get(key) for key in FIELDS} for record in caplog.records)

    assert change == {"service": NAME, "code": "changed", "peers": 1, "added": (FIRST,), "removed": ()}
    assert failure == {"service": NAME, "code": "no-nameserver", "peers": 1, "added": None, "removed": None}


FIELDS = ("service", "code", "peers", "added", "removed")


def test_lookups_have_fields(caplog: pytest.LogCaptureFixture) -> None:
    """The record of a lookup has the code that the metrics count it under, its number and how long it took."""
    caplog.set_level(logging.DEBUG, "peerdisco")
    story = Story(OWN, FIRST)
    story.poll(2)
    story.fake.fail("svc", "servfail")
    story.poll()
    lookups = [record.__dict__ for record in caplog.records if record.levelno == logging.DEBUG]

    assert [(fields["code"], fields["lookup"], fields["seconds"]) for fields in lookups] == [
        ("changed", 1, 0.0),
        ("unchanged", 2, 0.0),
        ("servfail", 3, 0.0),
    ]
    assert {(fields["service"], fields["peers"]) for fields in lookups} == {(NAME, 1)}
