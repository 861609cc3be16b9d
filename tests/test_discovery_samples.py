"""A list too long for one answer: how many samples are taken, what they come to, and the time a question may take."""

import itertools

import pytest

from peerdisco import Answer, LookupFailed, Outcome
from peerdisco._core.addresses import pack_ip, text_of
from peerdisco._core.discovery import TimedQuestion
from peerdisco._core.listing import Limits, Listing
from peerdisco._dns.blocking import drive
from peerdisco.testing import FakeResolver
from tests.support.both import ips
from tests.support.lookups import answered, discovery


def packed(*texts: str) -> frozenset[bytes]:
    """Addresses, as DNS carries them."""
    return frozenset(map(pack_ip, texts))


def listed(listing: Listing) -> list[str]:
    """The addresses of a listing, as text."""
    return sorted(text_of(ip) for ip in listing.endpoints if isinstance(ip, bytes))


def cut(*texts: str) -> Answer:
    """An answer that does not hold all."""
    return Answer(Outcome.FOUND, packed(*texts), complete=False)


def test_samples_until_nothing_is_new() -> None:
    """Parts are united until two in a row bring nothing new."""
    a, b, c, d = ips(4)
    answers = iter([cut(a, b), cut(b, c), cut(c, d), cut(a, c), cut(b, d), cut(a, a)])
    listing, questions = answered(discovery().steps(), lambda _: next(answers))

    assert ([a, b, c, d], False) == (listed(listing), listing.complete)
    assert (listing.samples, listing.sample_size, len(questions)) == (5, 2, 5)


def test_as_many_samples_as_allowed() -> None:
    """No more are taken than the caller allows."""
    numbers = itertools.count(1)
    listing, questions = answered(discovery().steps(Limits(3)), lambda _: cut(f"10.0.0.{next(numbers)}", "10.0.1.1"))

    assert (listing.samples, len(questions), len(listing.endpoints), listing.complete) == (3, 3, 4, False)


def test_a_whole_answer_ends_the_sampling() -> None:
    """Once an answer holds all, what was sampled before is of no account."""
    answers = iter([cut("10.0.0.1", "10.0.0.2"), Answer(Outcome.FOUND, packed("10.0.0.3", "10.0.0.4"))])
    listing, _ = answered(discovery().steps(), lambda _: next(answers))

    assert (listed(listing), listing.complete, listing.samples) == (["10.0.0.3", "10.0.0.4"], True, 1)


def test_a_sample_that_fails() -> None:
    """What is known stands when the next sample can't be had."""
    fake = FakeResolver()
    fake.script("web", [cut("10.0.0.1", "10.0.0.2"), "timeout"])
    listing, _ = answered(discovery().steps(), fake)

    assert (listed(listing), listing.complete) == (["10.0.0.1", "10.0.0.2"], False)


def test_a_first_answer_that_fails() -> None:
    """Without any answer the failure is told."""
    with pytest.raises(LookupFailed) as raised:
        answered(discovery().steps(), FakeResolver({"web": "servfail"}))

    assert raised.value.reason == "servfail"


def test_the_first_samples_may_be_alike() -> None:
    """One sample without news does not end the sampling, also if it is the second of all."""
    a, b, c = ips(3)
    answers = iter([cut(a, b), cut(a, b), cut(b, c), cut(a, b), cut(a, c)])
    listing, questions = answered(discovery().steps(), lambda _: next(answers))

    assert (listed(listing), len(questions)) == ([a, b, c], 5)


def test_what_a_cut_list_leaves_out() -> None:
    """A list that was cut leaves out this Pod, and what may not be a peer's, and names both."""
    answer = cut("10.0.0.1", "10.0.0.2", "127.0.0.1")._replace(ttl=30)
    listing, _ = answered(discovery(own_ips="10.0.0.1").steps(Limits(1)), lambda _: answer)

    assert listing == Listing(
        Outcome.FOUND,
        packed("10.0.0.2"),
        packed("10.0.0.1"),
        ttl=30,
        complete=False,
        cut=True,
        sample_size=2,
        outside=packed("127.0.0.1"),
    )


@pytest.mark.parametrize(
    ("family", "ipv4", "asked"),
    [
        ("auto", Answer(Outcome.NODATA), "A AAAA AAAA"),
        ("auto", cut("10.0.0.1"), "A A"),
        ("both", cut("10.0.0.1"), "A A AAAA AAAA"),
    ],
)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_every_question_for_a_name_has_its_share(family: str, ipv4: Answer, asked: str, share: float) -> None:
    """A name's share of the time is the same for both families and for each sample, of which there are two here."""
    found: list[TimedQuestion] = []
    answers = {"A": ipv4, "AAAA": cut("fd00::1")}

    def perform(timed: TimedQuestion) -> Answer:
        found.append(timed)
        return answers[timed.question.rtype]

    drive(discovery(family=family).find("web-0.web.", 2, share=share), perform, LookupFailed)

    assert " ".join(timed.question.rtype for timed in found) == asked
    assert {(timed.question.name, timed.share) for timed in found} == {("web-0.web.", share)}


def test_one_sample_is_enough_of_a_name() -> None:
    """A name whose samples nobody asks for is asked for once in each family, with all the time there is."""
    found: list[float] = []

    def perform(timed: TimedQuestion) -> Answer:
        found.append(timed.share)
        return cut("10.0.0.1") if timed.question.rtype == "A" else cut("fd00::1")

    sampled = drive(discovery(family="both").find("web-0.web."), perform, LookupFailed)

    assert (found, sampled.samples) == ([1.0, 1.0], 1)


def test_a_family_that_turns_out_whole() -> None:
    """A family whose second answer is whole counts with all of that, beside one of which only samples are had."""
    ipv4 = iter([cut("10.0.0.1", "10.0.0.2"), Answer(Outcome.FOUND, packed("10.0.0.1", "10.0.0.2", "10.0.0.3"))])
    listing, _ = answered(
        discovery(family="both").steps(Limits(3)), lambda q: next(ipv4) if q.rtype == "A" else cut("fd00::1", "fd00::2")
    )

    assert (len(listing.endpoints), listing.samples, listing.sample_size) == (5, 1, 4)
