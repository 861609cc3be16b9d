"""How long the roster waits: fast while young, slow when stable, slower while DNS fails, never too fast for all."""

import pytest

from tests.support.rosters import THREE, TWO, Story, listed


def test_pace_doubles_to_refresh() -> None:
    """A young watcher asks after 0.5 s, and then half as often each time, down to the schedule."""
    story = Story({"refresh": 5})
    waits = []
    for _ in range(7):
        story.on_listing(listed(*THREE))
        waits.append(story.wait())

    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_pace_of_an_empty_service() -> None:
    """Where nobody is there yet, the first waits are short as well."""
    story = Story()
    waits = []
    for _ in range(5):
        story.on_listing(listed())
        waits.append(story.wait())

    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0]


def test_pace_before_the_first_answer() -> None:
    """Before anything is known the pace is short, but not nothing."""
    assert 0 < Story().wait() <= 0.5


def test_the_first_answer_is_one_question() -> None:
    """Before anything is known, this replica counts as the only one, and its lookup as one question."""
    assert Story({"max_fleet_qps": 1}).wait() == 1.0


def test_an_answer_that_took_no_question() -> None:
    """An answer that was kept from before counts as one question: the next lookup may take one."""
    story = Story({"max_fleet_qps": 1})
    story.roster.on_listing(listed(*THREE), story.clock(), 0)

    assert story.wait() == 4.0


def test_a_short_refresh_is_kept() -> None:
    """Nobody asks less often while young than afterwards."""
    story = Story({"refresh": 0.2})
    story.on_listing(listed(*THREE))
    assert story.wait() == 0.2


@pytest.mark.parametrize(("after", "answers"), [((), 2), (TWO, 2), (("10.0.0.9", *THREE), 1)])
def test_a_change_quickens(after: tuple[str, ...], answers: int) -> None:
    """Rollouts come in waves: after a change the pace begins again."""
    story = Story()
    story.on_listing(*[listed(*THREE)] * 9)
    story.on_listing(*[listed(*after)] * answers)
    first = story.wait()
    story.on_listing(listed(*after))

    assert (first, story.wait()) == (0.5, 1.0)


def test_somebody_waiting_quickens() -> None:
    """Whoever waits for peers has them asked for faster, but not while DNS fails."""
    story = Story()
    story.on_listing(*[listed(*THREE)] * 9)
    story.roster.hurry()
    assert story.wait() == 0.5
    story.on_failure(9)
    story.roster.hurry()
    assert story.wait() == 30.0


def test_backoff() -> None:
    """Failures are asked again after 0.5 s, and half as often each time, down to `max_backoff`; an answer ends that."""
    story = Story({"max_backoff": 7})
    story.on_listing(*[listed(*THREE)] * 9)
    waits = []
    for _ in range(7):
        story.on_failure()
        waits.append(story.wait())
    story.on_listing(listed(*THREE))

    assert waits == [0.5, 1.0, 2.0, 4.0, 7.0, 7.0, 7.0]
    assert story.wait() == 5.0


@pytest.mark.parametrize(("luck", "wait"), [(0.0, 4.0), (0.25, 4.5), (0.5, 5.0), (0.75, 5.5), (1.0, 6.0)])
def test_jitter(luck: float, wait: float) -> None:
    """A wait is lengthened or shortened by up to `jitter` of it."""
    story = Story({"jitter": 0.2}, luck=luck)
    story.on_listing(*[listed(*THREE)] * 9)
    assert story.wait() == pytest.approx(wait)


@pytest.mark.parametrize("luck", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("jitter", [0.0, 0.1, 0.99])
def test_fleet_floor(luck: float, jitter: float) -> None:
    """N peers and this Pod ask `max_fleet_qps` questions a second together at most, whatever the jitter says."""
    story = Story({"max_fleet_qps": 0.2, "jitter": jitter}, luck=luck)
    story.on_listing(listed(*THREE))
    assert 20.0 <= story.wait() <= 20.0 * (1 + jitter)


def test_fleet_floor_spreads() -> None:
    """At the floor the replicas are still spread over a jitter's width, and not all in step."""
    story = Story({"max_fleet_qps": 0.2}, luck=0.0)
    story.on_listing(listed(*THREE))
    waits = []
    for tenths in range(11):
        story.luck = tenths / 10
        waits.append(story.wait())

    assert waits.count(20.0) <= 2
    assert max(waits) == pytest.approx(22.0)


def test_fleet_floor_holds_while_failing() -> None:
    """Failing is no reason to ask more than the fleet may."""
    story = Story({"max_fleet_qps": 0.1})
    story.on_listing(listed(*THREE))
    story.on_failure()
    assert story.wait() == 40.0


def test_wait_is_never_nothing() -> None:
    """The shortest schedule, the smallest expiry and the worst luck still leave a pause."""
    story = Story({"refresh": 0.01, "jitter": 0.99, "max_stale": 1e-9, "max_fleet_qps": 1e9}, luck=0.0)
    story.on_listing(listed(*THREE))
    assert story.wait() >= 0.01
    story.on_failure()
    assert story.wait() >= 0.01


def test_wait_is_never_endless() -> None:
    """What no thread could wait for is cut to a day."""
    story = Story({"max_fleet_qps": 1e-300})
    story.on_listing(listed(*THREE))
    assert story.wait() == 86_400.0


@pytest.mark.parametrize("questions", [1, 3, 50])
def test_the_fleets_limit_is_of_questions(questions: int) -> None:
    """A lookup of many questions is followed by a longer wait, whether it brought something or failed."""
    story = Story({"max_fleet_qps": 10})
    story.roster.on_listing(listed(*THREE), story.clock(), questions)
    assert story.wait() == pytest.approx(max(0.5, 0.4 * questions))
    story.roster.on_failure(story.clock(), questions)
    assert story.wait() == pytest.approx(max(0.5, 0.4 * questions))


def test_an_empty_list_does_not_set_the_fleet_free() -> None:
    """Replicas that are no longer listed still ask."""
    story = Story({"max_fleet_qps": 0.4})
    story.on_listing(listed(*THREE), listed(), listed())
    assert story.wait() == 10.0


@pytest.mark.parametrize(("qps", "targets"), [(100, 16), (8, 8), (4, 3), (1, 1)])
def test_targets_are_asked_for_as_far_as_there_is_room(qps: float, targets: int) -> None:
    """A refresh leaves room for a few targets, and for one at least."""
    story = Story({"max_fleet_qps": qps})
    story.on_listing(listed(*THREE))
    assert story.roster.limits.targets == targets


def test_max_stale_is_less_than_a_second() -> None:
    """A wait ends when the list expires, however soon that is; while nothing fails, it does not expire."""
    story = Story({"max_stale": 0.25})
    story.on_listing(listed(*THREE))

    assert story.wait() == pytest.approx(0.5)
    story.on_failure()
    assert story.wait() == pytest.approx(0.25)


def test_when_a_list_expired() -> None:
    """The list changes when it expires."""
    story = Story({"max_stale": 60})
    story.on_listing(listed(*THREE))
    story.clock.advance(60)
    story.on_failure()

    assert story.roster.peers.ips == ()
    assert story.roster.changed_at == story.clock()
