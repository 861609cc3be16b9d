"""The roster past 64 KiB, where every answer is a random part of the list: it adds up, and removes by evidence."""

import itertools

import pytest

from peerdisco._core.addresses import pack_ip
from peerdisco._core.listing import Listing
from tests.support.rosters import THREE, TWO, Story, cut, listed


def missed_answers(story: Story, *, size: int, samples: int = 1) -> int:
    """How many cut answers without the last of THREE it takes until that is gone."""
    for answers in range(1, 100):
        if story.on_listing(cut(*TWO, size=size, samples=samples)) == TWO:
            return answers
    return -1


def test_cut_answers_add_up() -> None:
    """Each cut answer adds what is new, and takes nothing away."""
    story = Story()
    story.on_listing(cut(*TWO, size=2))

    assert story.on_listing(cut(*THREE[1:], size=2)) == THREE
    assert not story.roster.peers.complete


@pytest.mark.parametrize(
    ("size", "samples", "answers"),
    [
        # (1 - 2/3)^n < 1e-9 from n = 19
        (2, 1, 19),
        # (1 - 1/3)^n from n = 52
        (1, 1, 52),
        # four samples an answer: 19 / 4, rounded up
        (2, 4, 5),
        # a sample as large as the list is no proof either: it counts as 0.999 of it, and 0.001^3 is one in a billion
        (3, 1, 3),
        # however many samples, as many answers as confirmations
        (2, 64, 2),
        # samples of nothing say nothing
        (0, 64, -1),
    ],
)
def test_cut_answers_remove_by_evidence(size: int, samples: int, answers: int) -> None:
    """A Pod leaves once so many samples lack it that chance is out of the question: a billion to one."""
    story = Story()
    story.on_listing(listed(*THREE))
    assert missed_answers(story, size=size, samples=samples) == answers


@pytest.mark.parametrize(
    ("waiting", "answers"),
    [
        # a sample of 2 in 4: (1 - 2/4)^n
        (["10.0.0.9"], 30),
        # in 5 from the second answer on: (1 - 2/4) * (1 - 2/5)^(n - 1)
        (["10.0.0.9", "10.0.0.10"], 41),
        # one who is listed meanwhile is not counted twice: (1 - 2/3)^n
        ([TWO[0]], 19),
    ],
)
def test_who_waits_for_a_port_counts(waiting: list[str], answers: int) -> None:
    """Pods whose port is not known are not listed, and samples hold them all the same: one in turn in each answer."""
    story = Story()
    story.on_listing(listed(*THREE))
    samples = [cut(*TWO, size=2)._replace(waiting=frozenset({pack_ip(ip)})) for ip in waiting]
    lists = [story.on_listing(sample) for sample in itertools.islice(itertools.cycle(samples), answers)]

    assert lists == [THREE] * (answers - 1) + [TWO]


def test_who_has_not_waited_for_long_counts_no_more() -> None:
    """Where a Pod that waited is in no sample for so long that it must be gone, samples are of a smaller list again."""
    story = Story()
    waiting = cut(*TWO, size=2)._replace(waiting=frozenset({pack_ip("10.0.0.9")}))
    story.on_listing(listed(*THREE), waiting, *[cut(*TWO, size=2), cut(*THREE[1:], size=2)] * 20)

    assert missed_answers(story, size=2) == 19


@pytest.mark.parametrize("seen", [cut(THREE[2], size=2), cut(*THREE, size=3), listed(*THREE)])
def test_an_answer_that_has_the_pod_begins_again(seen: Listing) -> None:
    """Evidence of absence is void once the Pod is seen, in a sample or in a complete answer."""
    story = Story()
    story.on_listing(listed(*THREE), *[cut(*TWO, size=2)] * 18, seen)
    assert missed_answers(story, size=2) == 19


def test_complete_and_cut_answers_are_counted_apart() -> None:
    """Cut answers are no confirmations, however many there are between two complete ones."""
    story = Story()
    story.on_listing(listed(*THREE), listed(*TWO), *[cut(*TWO, size=1)] * 9)
    assert story.roster.peers.ips == THREE
    assert story.on_listing(listed(*TWO)) == TWO


def test_samples_of_a_lookup() -> None:
    """The first lookup may take many samples, every later one a single one."""
    story = Story()
    story.on_failure()
    first = story.roster.limits.samples
    story.on_listing(cut(*TWO, size=2))
    assert (first, story.roster.limits.samples) == (64, 1)


def test_this_pod_counts_among_those_that_an_answer_may_hold() -> None:
    """Where this Pod is listed too, an answer of one record misses another Pod more often."""
    story = Story()
    story.on_listing(listed(*THREE, own="10.0.0.9"))
    sample = cut(*TWO, size=3)._replace(own=listed(own="10.0.0.9").own)
    answers = next(times for times in range(1, 100) if story.on_listing(sample) == TWO)

    assert answers == 15  # of (1 - 3/4)^15 < 1e-9


def test_nothing_is_kept_of_a_pod_that_left() -> None:
    """A cut list that goes on for months remembers those that are listed, not all that ever were."""
    story = Story()
    story.on_listing(cut(*THREE, size=2))
    missed_answers(story, size=2)

    assert story.roster.peers.ips == TWO
    assert len(story.roster._chance_when_seen) == len(TWO)
