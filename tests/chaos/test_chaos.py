"""A short chaos, and that its laws can fail. `make chaos` runs it for ten minutes."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import dns.message
import pytest

from peerdisco import PeerSet, discover_peers
from peerdisco.testing import FakeResolver
from tests.chaos.__main__ import coredns, show
from tests.chaos.conductor import run
from tests.chaos.laws import Bounds, Ledger
from tests.chaos.middlebox import FORGED, forged

BOUNDS = Bounds("10.1", "10.1.0.1", ("10.1.0.2", "10.1.0.3"))


def listed(*ips: str, own: str = "10.1.0.1") -> PeerSet:
    """Return the list of a Service with these Pods."""
    return discover_peers("svc", resolver=FakeResolver({"svc": list(ips)}), own_ips=own)


@pytest.mark.timeout(180)
def test_fifteen_seconds_of_chaos() -> None:
    """Whatever breaks for a while, every law holds, and all is right again soon."""
    report = run(15, seed=15, binary=coredns())
    show(report)

    assert report.violations == []
    assert report.lookups > 200
    assert sum(report.faults.values()) > 10


@pytest.mark.parametrize(
    ("peers", "complaint"),
    [
        (listed("10.1.0.2", "10.1.0.3", FORGED), "accepted a forged answer"),
        (listed("10.1.0.1", "10.1.0.2", "10.1.0.3", own="10.1.0.9"), "listed this Pod"),
        (listed("10.1.0.2", "10.1.0.3", "10.2.0.1"), "listed ['10.2.0.1']"),
        (listed("10.1.0.2"), "lost Pods that never went"),
    ],
)
def test_a_law_that_is_broken_is_seen(peers: PeerSet, complaint: str) -> None:
    """Each law of a list is one that a wrong list breaks."""
    ledger = Ledger()
    ledger.check_watched("test", peers, BOUNDS, had_core=True)

    assert len(ledger.violations) == 1
    assert complaint in ledger.violations[0]


def test_a_wrong_error_is_seen() -> None:
    """An error that is not declared is a violation, and so is absence that nobody declared."""
    ledger = Ledger()
    ledger.check_error("test", KeyError("svc"))
    ledger.check_found("test", listed(), BOUNDS)

    assert ["KeyError" in ledger.violations[0], "absence" in ledger.violations[1]] == [True, True]


def test_what_is_forged_would_be_believed() -> None:
    """A forged reply lacks nothing but the right way: with the right id, it answers the query."""
    query = dns.message.make_query("svc.default.svc.cluster.local.", "A")
    reply = dns.message.from_wire(forged(query.to_wire()))

    assert query.is_response(reply)
    assert str(ip_address(FORGED)) in reply.answer[0].to_text()


def test_every_file_is_short() -> None:
    """The program that proves is itself readable."""
    assert {
        path.name for path in Path(__file__).parent.glob("*.py") if len(path.read_text().splitlines()) > 260
    } == set()
