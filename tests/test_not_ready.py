"""What waiting for peers ends in: the list, or an error that says the likeliest cause."""

import pytest

from peerdisco import PeersNotReady, PeerWatcher
from peerdisco._core.waiting import Wanted, waits
from peerdisco.testing import LocalCluster
from tests.support.both import ips
from tests.support.watches import FIRST, NAME, OWN, SECOND, Story


def test_why_not_headless() -> None:
    """A Service with a head is named with its ClusterIP and the cure, also where peers were known before."""
    story = Story(OWN, FIRST)
    story.poll()
    story.fake.cluster_ip("svc", "10.9.9.9")
    story.poll()

    assert story.give_up(2).startswith(f"1 of 2 peers of {NAME} after 3 s: {NAME} is not headless")
    assert "10.9.9.9" in story.give_up(2)
    assert "clusterIP: None" in story.give_up(2)


def test_why_a_typo_or_nobody_ready() -> None:
    """A name that DNS does not know may be a typo, or nobody is ready yet, maybe since readiness waits for peers."""
    story = Story()
    story.poll()
    message = story.give_up(1)

    for part in ("0 of 1 peers", "no such name in DNS", "typo", "no Pod is ready", "publishNotReadyAddresses: true"):
        assert part in message


def test_why_not_this_family() -> None:
    """A name without Pods of the family that is asked for is told apart from a typo."""
    story = Story("fd00::2", family="ipv4")
    story.poll()
    assert "no Pod of this address family" in story.give_up(1)


def test_why_self_is_not_listed() -> None:
    """Who is not listed itself is told how readiness and peers can wait for each other."""
    story = Story(FIRST, SECOND)
    story.poll()
    message = story.give_up(5)

    assert "2 of 5 peers" in message
    assert "this Pod is not listed itself" in message
    assert "publishNotReadyAddresses: true" in message


def test_why_others_are_not_ready() -> None:
    """Who is listed, but not with enough others, is told that these are not ready."""
    story = Story(OWN, FIRST)
    story.poll()
    message = story.give_up(2)

    assert "the others are not ready, or there are fewer replicas" in message
    assert "not listed itself" not in message


def test_why_dns_fails() -> None:
    """While DNS fails the message says how, how often in a row, and for how long."""
    story = Story(OWN, FIRST)
    story.poll()
    story.fake.fail("svc", "servfail")
    story.poll(2)
    message = story.give_up(2)

    assert f"1 of 2 peers of {NAME} after 3 s: DNS has failed 2 times in a row, for 5.0 s: " in message
    assert "servfail" in message


def test_why_dns_has_always_failed() -> None:
    """DNS that never answered has failed since the start."""
    story = Story(OWN)
    story.fake.fail("svc", "timeout")
    story.poll()

    assert "DNS has failed 1 times in a row, since the start: " in story.give_up(1)


@pytest.mark.parametrize(("stable_for", "wanted"), [(60, "60 s"), (7.04, "7.04 s")])
def test_why_not_stable(stable_for: float, wanted: str) -> None:
    """A list that was complete, but not the same for long enough, says how long it was, whatever it did before."""
    story = Story(OWN, FIRST)
    story.poll()
    story.clock.advance(4.02)
    message = story.give_up(1, stable_for=stable_for)

    assert message.endswith(f"they are there, but the list has been unchanged for only 7 s, not for {wanted}")


def test_why_the_list_keeps_changing() -> None:
    """The time that the list was the same counts from its last change."""
    story = Story(OWN, FIRST)
    story.poll()
    story.clock.advance(100)
    story.fake["svc"] = [OWN, FIRST, SECOND]
    story.poll()

    assert "unchanged for only 3 s, not for 60 s" in story.give_up(1, stable_for=60)


def test_why_no_answer_yet() -> None:
    """A first lookup that is still under way is said to be."""
    assert Story(OWN).give_up(1).endswith("the first lookup has not ended; it has not begun")


def test_why_closed() -> None:
    """Who waits on a watcher that is closed is told so, and no time is named."""
    story = Story(OWN)
    steps = waits(story.watch, Wanted(1, None, None, 0))
    assert next(steps) is None
    story.watch.stopping = True
    with pytest.raises(PeersNotReady, match=r"0 of 1 peers of \S+ when the watcher was closed: "):
        next(steps)


def test_waits_until_stable() -> None:
    """Enough peers are waited for, and then for what is left of `stable_for`, counted from the last change."""
    story = Story(OWN)
    steps = waits(story.watch, Wanted(1, None, None, 10))
    assert next(steps) is None
    story.poll()
    story.fake["svc"] = ips(3)
    story.poll()
    assert next(steps) == 10
    story.clock.advance(4)
    story.fake["svc"] = ips(4)
    story.poll()
    story.clock.advance(6)
    assert next(steps) == 4
    story.clock.advance(4)
    with pytest.raises(StopIteration) as done:
        next(steps)
    assert done.value.value is story.watch.roster.peers


def test_waits_for_the_first_answer() -> None:
    """Zero peers are there once DNS has said anything at all."""
    story = Story()
    steps = waits(story.watch, Wanted(0, None, None, 0))
    next(steps)
    story.poll()
    with pytest.raises(StopIteration):
        next(steps)


def test_what_a_first_lookup_is_trying() -> None:
    """A first lookup that takes long says what it asks, for how long, and what failed so far."""
    with LocalCluster() as cluster:
        cluster.headless("svc", ["10.0.0.1", "10.0.0.2"])
        cluster.fail("servfail")
        with PeerWatcher("svc", timeout=60, own_ips="10.9.9.9", **cluster.options) as watcher:
            cluster.wait_for_questions(2)
            with pytest.raises(PeersNotReady) as raised:
                watcher.wait_for(1, timeout=0)

    message = str(raised.value)
    for part in ("svc.default.svc.cluster.local. A", "up to 60 s", f"{cluster.nameserver} over UDP answered SERVFAIL"):
        assert part in message
    assert raised.value.code == "pending"


@pytest.mark.parametrize(
    ("pods", "own", "code", "message"),
    [
        (["10.0.0.2", "10.0.0.3", "10.0.0.4"], False, "self-not-listed", "3 of 3 replicas of"),
        ([], True, "peers-not-ready", "1 of 3 replicas of"),
        ([], False, "no-ready-pods-or-typo", "0 of 3 replicas of"),
    ],
)
def test_why_not_so_many_replicas(pods: list[str], own: bool, code: str, message: str) -> None:
    """Replicas are members, and this Pod must be listed among them: the error says which of both is missing."""
    story = Story(*([OWN] if own else []), *pods)
    story.poll()
    steps = waits(story.watch, Wanted(None, 3, 5, 0))
    next(steps)
    story.clock.advance(5)
    with pytest.raises(PeersNotReady, match=message) as raised:
        next(steps)

    assert raised.value.code == code


def test_enough_replicas() -> None:
    """So many members, this Pod among them, are enough."""
    story = Story(OWN, "10.0.0.2", "10.0.0.3")
    story.poll()
    with pytest.raises(StopIteration):
        next(waits(story.watch, Wanted(None, 3, 5, 0)))
