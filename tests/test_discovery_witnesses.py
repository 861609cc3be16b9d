"""Witnesses that are silent, or refuse: how often they are asked again whether an address is a ClusterIP."""

import itertools

import pytest

from peerdisco import Answer, LookupFailed, NotHeadlessError, Outcome, Question
from peerdisco._core.addresses import text_of
from peerdisco._core.discovery import TimedQuestion
from peerdisco._core.listing import UNLIMITED, Limits, Listing
from peerdisco.errors import Reason
from tests.support.lookups import answered, discovery

WEB = "web.default.svc.cluster.local."
HEAD = "10.96.0.7"


def listed(listing: Listing) -> list[str]:
    """The addresses of a listing, as text."""
    return sorted(text_of(ip) for ip in listing.endpoints if isinstance(ip, bytes))


@pytest.mark.parametrize("limits", [Limits(1, 1), UNLIMITED], ids=["watcher", "one-shot"])
def test_silent_witnesses(limits: Limits) -> None:
    """Witnesses that do not answer prove nothing and fail nothing; a watcher asks them again ever more rarely."""

    def by(question: Question) -> Answer:
        if question.rtype in ("SRV", "PTR"):
            raise LookupFailed(question, "timeout")
        return Answer.of(question, [HEAD])

    subject = discovery()
    asked = []
    for _ in range(9):
        listing, questions = answered(subject.steps(limits), by)
        assert listed(listing) == [HEAD]
        asked.append("SRV" in [question.rtype for question in questions])
    rarely = [True, False, True, False, False, True, False, False, False]
    assert asked == (rarely if limits.targets else [True] * 9)


def test_one_silent_witness_of_several() -> None:
    """While one address has no verdict, both are asked about again by the next lookup but one."""

    def by(question: Question) -> Answer:
        if question.rtype == "PTR" and "in-addr" in question.name:
            raise LookupFailed(question, "timeout")
        return Answer.of(question, [] if question.rtype in ("SRV", "PTR") else ["10.0.0.1", "fd00::1"])

    subject = discovery(family="both")
    asked = [[question.rtype for question in answered(subject.steps(Limits(1, 1)), by)[1]] for _ in range(3)]

    assert asked == [["A", "AAAA", "SRV", "PTR", "PTR"], ["A", "AAAA"], ["A", "AAAA", "SRV", "PTR", "PTR"]]


def test_witnesses_take_a_share_of_the_time() -> None:
    """A silent witness leaves most of the time."""
    looking = discovery().steps()

    assert next(looking) == TimedQuestion(Question(WEB, "A"), 1.0, retry=True)
    assert TimedQuestion(Question(WEB, "SRV"), 0.1, retry=False) == looking.send(Answer.of(Question(WEB, "A"), [HEAD]))


def test_a_witness_that_was_silent_is_asked_again() -> None:
    """An SRV answer that says nothing, and a PTR that is lost once, are no verdict."""
    silent = True

    def by(question: Question) -> Answer:
        if question.rtype == "PTR":
            if silent:
                raise LookupFailed(question, "timeout")
            return Answer(Outcome.FOUND, names=(WEB,))
        return Answer(Outcome.NXDOMAIN) if question.rtype == "SRV" else Answer.of(question, [HEAD])

    subject = discovery()
    assert listed(answered(subject.steps(Limits(1, 1)), by)[0]) == [HEAD]
    silent = False
    answered(subject.steps(Limits(1, 1)), by)
    with pytest.raises(NotHeadlessError):
        answered(subject.steps(Limits(1, 1)), by)


@pytest.mark.parametrize("reason", ["refused", "servfail"])
def test_a_witness_that_refuses(reason: Reason) -> None:
    """A server that refuses to be a witness is not asked again for the same addresses, and fails nothing."""

    def by(question: Question) -> Answer:
        if question.rtype in ("SRV", "PTR"):
            raise LookupFailed(question, reason)
        return Answer.of(question, [HEAD])

    subject = discovery()
    asked = [[question.rtype for question in answered(subject.steps(), by)[1]] for _ in range(3)]

    assert asked == [["A", "SRV", "PTR"], ["A"], ["A"]]


def test_the_longest_silence() -> None:
    """A watcher asks silent witnesses after 1, 2, 4 and more lookups, and at last after each 1,024."""

    def by(question: Question) -> Answer:
        if question.rtype in ("SRV", "PTR"):
            raise LookupFailed(question, "timeout")
        return Answer.of(question, [HEAD])

    subject = discovery()
    asked = [len(answered(subject.steps(Limits(1, 1)), by)[1]) > 1 for _ in range(4200)]
    at = [number for number, is_asked in enumerate(asked) if is_asked]

    assert [after - before - 1 for before, after in itertools.pairwise(at)] == [2**n for n in range(11)] + [1024] * 2


def test_a_new_address_is_asked_about_soon() -> None:
    """Once witnesses have settled the matter, the next silence is as short as the first."""
    reason: Reason = "timeout"
    address = "10.0.0.1"

    def by(question: Question) -> Answer:
        if question.rtype in ("SRV", "PTR"):
            raise LookupFailed(question, reason)
        return Answer.of(question, [address])

    subject = discovery()

    def asked(lookups: int) -> list[bool]:
        return [len(answered(subject.steps(Limits(1, 1)), by)[1]) > 1 for _ in range(lookups)]

    assert asked(5) == [True, False, True, False, False]
    reason = "refused"
    assert asked(2) == [True, False]
    reason, address = "timeout", "10.0.0.2"
    assert asked(4) == [True, False, True, False]
