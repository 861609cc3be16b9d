"""What needs no further question, what a sample counts for, and what both families come to together."""

import pytest

from peerdisco import Answer, Outcome, Question
from peerdisco._core.addresses import pack_ip
from peerdisco._core.listing import Limits, Listing
from tests.support.lookups import answered, discovery


def test_an_ordinary_answer() -> None:
    """Several Pods are an ordinary answer, whether this Pod is among them or not; one is only if it is this Pod."""
    pods = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    question = Question("web.default.svc.cluster.local.", "A")

    assert discovery(own_ips=()).ordinary(Answer.of(question, pods)) is not None
    assert discovery(own_ips=pods[0]).ordinary(Answer.of(question, pods[:1])) is not None
    assert discovery(own_ips=()).ordinary(Answer.of(question, pods[:1])) is None


def test_a_sample_of_one() -> None:
    """A cut answer with one record is a sample of that size."""

    def by(question: Question) -> Answer:
        found = Answer.of(question, ["10.0.0.1"] if question.rtype == "A" else [])
        return found._replace(complete=question.rtype != "A")

    listing, _ = answered(discovery(own_ips=()).steps(), by)

    assert (listing.cut, listing.sample_size) == (True, 1)


def listing_of(ipv4: Answer, ipv6: Answer) -> Listing:
    """What both families of a Service come to, by one sample of each."""
    asked = {"A": ipv4, "AAAA": ipv6}
    return answered(discovery(family="both", own_ips=()).steps(Limits(1, 1)), lambda q: asked[q.rtype])[0]


def found(*ips: str, complete: bool = True) -> Answer:
    """Addresses of one family."""
    return Answer(Outcome.FOUND, frozenset(map(pack_ip, ips)), complete=complete)


NODATA, NXDOMAIN = Answer(Outcome.NODATA), Answer(Outcome.NXDOMAIN)


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "outcome"),
    [
        (NODATA, NODATA, Outcome.NODATA),
        (NXDOMAIN, NODATA, Outcome.NODATA),
        (NODATA, NXDOMAIN, Outcome.NODATA),
        (NXDOMAIN, NXDOMAIN, Outcome.NXDOMAIN),
        (found("10.0.0.1", "10.0.0.2"), NODATA, Outcome.FOUND),
        (NODATA, found("fd00::1", "fd00::2"), Outcome.FOUND),
        (found("10.0.0.1", "10.0.0.2"), found("fd00::1", "fd00::2"), Outcome.FOUND),
    ],
)
def test_both_families_together(ipv4: Answer, ipv6: Answer, outcome: Outcome) -> None:
    """A name that exists in one family is no NXDOMAIN, and two whole lists are whole."""
    listing = listing_of(ipv4, ipv6)

    assert (listing.outcome, listing.complete, listing.cut) == (outcome, True, False)
    assert listing.endpoints == ipv4.addresses | ipv6.addresses


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "size"),
    [
        (found("10.0.0.1", "10.0.0.2", complete=False), NODATA, 2),
        (NODATA, found("fd00::1", "fd00::2", complete=False), 2),
        (found("10.0.0.1", "10.0.0.2"), NODATA._replace(complete=False), 2),
        (found("10.0.0.1", "10.0.0.2", complete=False), found("fd00::1", "fd00::2", "fd00::3", complete=False), 4),
        (found("10.0.0.1", "10.0.0.2", complete=False), found("fd00::1", "fd00::2", "fd00::3"), 4),
        (NODATA._replace(complete=False), found("fd00::1")._replace(canonical="wild.example.com."), 0),
    ],
)
def test_both_families_where_one_is_cut(ipv4: Answer, ipv6: Answer, size: int) -> None:
    """One list that was cut makes the whole a sample."""
    listing = listing_of(ipv4, ipv6)

    assert (listing.complete, listing.cut, listing.samples, listing.sample_size) == (False, True, 1, size)
