"""What is asked of DNS and what comes back."""

import pytest

from peerdisco import Answer, Outcome, Question


@pytest.mark.parametrize(
    ("rtype", "ips", "outcome", "count"),
    [
        ("A", ["10.0.0.1", "fd00::1"], Outcome.FOUND, 1),
        ("AAAA", ["10.0.0.1", "fd00::1", "fd00::2"], Outcome.FOUND, 2),
        ("AAAA", ["10.0.0.1"], Outcome.NODATA, 0),
        ("SRV", ["10.0.0.1"], Outcome.NODATA, 0),
        ("A", [], Outcome.NXDOMAIN, 0),
        ("A", ["10.0.0.1", "::ffff:10.0.0.1"], Outcome.FOUND, 1),
    ],
)
def test_answer_of(rtype: str, ips: list[str], outcome: Outcome, count: int) -> None:
    """An Answer made from a list is CoreDNS's: one family, NODATA without it, NXDOMAIN where nobody is."""
    answer = Answer.of(Question("web.", rtype), ips, ttl=3)  # type: ignore[arg-type] # one of the types

    assert (outcome, count, 3) == (answer.outcome, len(answer.addresses), answer.ttl)


def test_answer_of_no_address() -> None:
    """What is no address is refused."""
    with pytest.raises(ValueError, match="web"):
        Answer.of(Question("web.", "A"), ["web"])
