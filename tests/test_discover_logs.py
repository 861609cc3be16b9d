"""What `discover_peers` and `adiscover_peers` log: a state once when it begins, and once when it ends."""

import itertools
import logging

import pytest

from peerdisco import Answer, Outcome
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.both import Discover, sync_and_async

_numbers = itertools.count()

pytestmark = sync_and_async


@pytest.fixture
def service() -> str:
    """A name that no other test uses: what is logged once is logged once per Service and process."""
    return f"logged-{next(_numbers)}"


def told(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """What was logged at a level."""
    return [record.getMessage() for record in caplog.records if record.levelno == level and record.name == "peerdisco"]


def test_empty_is_logged_once(discover: Discover, caplog: pytest.LogCaptureFixture, service: str) -> None:
    """An empty list is warned of when it begins, and its end is told."""
    caplog.set_level(logging.INFO, "peerdisco")
    fake = FakeResolver(clock=FakeClock())
    for pods in ([], [], ["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"], []):
        fake[service] = pods
        discover(service, resolver=fake)
        fake.clock.advance(20)

    first, second = told(caplog, logging.WARNING)
    assert first == second
    assert "for a typo" in first
    assert "no Pod is ready" in first
    assert [f"{service}.default.svc.cluster.local.: no longer no-ready-pods-or-typo"] == told(caplog, logging.INFO)


def test_dropped_addresses_are_logged_once(discover: Discover, caplog: pytest.LogCaptureFixture, service: str) -> None:
    """An address that can't be a peer's is left out and told of."""
    fake = FakeResolver({service: ["10.0.0.1", "10.0.0.2", "127.0.0.1"]})
    found = [discover(service, resolver=fake).ips for _ in range(2)]

    assert found == [("10.0.0.1", "10.0.0.2")] * 2
    (message,) = told(caplog, logging.WARNING)
    assert "127.0.0.1" in message
    assert "allowed_networks" in message


def test_incomplete_is_logged(discover: Discover, caplog: pytest.LogCaptureFixture, service: str) -> None:
    """A list that DNS could not fit is warned of."""
    fake = FakeResolver()
    fake[service] = Answer(Outcome.FOUND, frozenset({b"\x0a\0\0\1", b"\x0a\0\0\2"}), complete=False)
    discover(service, resolver=fake)

    (message,) = told(caplog, logging.WARNING)
    assert "incomplete" in message


def test_each_lookup_is_logged_for_debugging(
    discover: Discover, caplog: pytest.LogCaptureFixture, service: str
) -> None:
    """A lookup that finds what it should is no news, but can be seen."""
    caplog.set_level(logging.DEBUG, "peerdisco")
    discover(service, resolver=FakeResolver({service: ["10.0.0.1", "10.0.0.2"]}))

    (message,) = told(caplog, logging.DEBUG)
    assert message.startswith(f"{service}.default.svc.cluster.local.: ")
    assert message.endswith("2 peers")
    (record,) = caplog.records
    assert (record.__dict__["code"], record.__dict__["peers"]) == ("listed", 2)


def test_a_foreign_alias_is_logged(discover: Discover, caplog: pytest.LogCaptureFixture, service: str) -> None:
    """A name that leads out of the cluster is empty, and the warning names what may be behind it."""
    fake = FakeResolver()
    fake[service] = Answer(Outcome.FOUND, frozenset({b"\x0a\0\0\1"}), canonical="db.example.com.")
    found = discover(service, resolver=fake)

    assert (found.ips, found.outcome) == ((), Outcome.NXDOMAIN)
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.__dict__["code"] == "foreign-alias"
    for part in ("db.example.com.", "autopath", "wildcard", "ExternalName"):
        assert part in record.getMessage()
