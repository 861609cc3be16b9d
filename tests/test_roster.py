"""The roster's policies, row by row: what leaves the list, and when."""

import math

import pytest

from peerdisco import Outcome
from peerdisco._core.addresses import pack_ip
from peerdisco._core.listing import Listing
from tests.support.rosters import THREE, TWO, Story, cut, listed


def test_nothing_is_known_at_first() -> None:
    """Before the first answer the list is empty, pending, of no age, has never changed, and nothing has failed."""
    roster = Story().roster

    assert (Outcome.PENDING, 0, math.inf) == (roster.peers.outcome, len(roster.peers), roster.peers.age)
    assert (roster.changed_at, roster.failures, roster.peers.service) == (-math.inf, 0, "svc.")


@pytest.mark.parametrize("confirmations", [1, 2, 3, 7])
def test_removal_is_confirmed(confirmations: int) -> None:
    """A Pod leaves with the n-th complete answer in a row that lacks it, and not before."""
    story = Story({"removal_confirmations": confirmations})
    story.on_listing(listed(*THREE))

    assert [THREE] * (confirmations - 1) + [TWO] == [story.on_listing(listed(*TWO)) for _ in range(confirmations)]


def test_a_pod_that_is_back_begins_anew() -> None:
    """An answer that has the Pod undoes the ones that lacked it."""
    story = Story()

    assert story.on_listing(listed(*THREE), listed(*TWO), listed(*THREE), listed(*TWO)) == THREE


def test_a_failure_confirms_nothing() -> None:
    """Only answers count as confirmations, and a failure between two does not undo the first."""
    story = Story()
    story.on_listing(listed(*THREE), listed(*TWO))

    assert story.on_failure(5) == THREE
    assert story.on_listing(listed(*TWO)) == TWO


@pytest.mark.parametrize("outcome", [Outcome.NXDOMAIN, Outcome.NODATA])
def test_nobody_there_is_a_complete_answer(outcome: Outcome) -> None:
    """An empty list is confirmed like any other removal, and says at once what DNS said."""
    story = Story()
    story.on_listing(listed(*THREE))
    nobody = listed()._replace(outcome=outcome)

    assert story.on_listing(nobody) == THREE
    assert story.roster.peers.outcome is outcome
    assert story.on_listing(nobody) == ()


def test_the_second_question_is_early() -> None:
    """While somebody is missing, the next question is asked after 0.5 s, and at the old pace once that is settled."""
    story = Story()
    story.on_listing(*[listed(*THREE)] * 9)
    assert story.wait() == 5.0
    story.on_listing(listed(*TWO))
    assert story.wait() == 0.5


def test_a_failure_keeps_the_list() -> None:
    """Whoever was listed stays through any number of failures; the list is stale until the next answer."""
    story = Story()
    story.on_listing(listed(*THREE))
    before = story.roster.peers
    story.clock.advance(3600)

    assert story.on_failure(1000) == THREE
    assert (story.roster.peers.stale, before.stale, story.roster.peers.age) == (True, False, 3600.0)
    assert story.roster.peers._packed is before._packed
    story.on_listing(listed(*THREE))
    assert (story.roster.peers.stale, story.roster.peers.age, story.roster.failures) == (False, 0.0, 0)


def test_max_stale_empties_the_list() -> None:
    """A list that could not be refreshed for `max_stale` seconds is emptied: then, and not before."""
    story = Story({"max_stale": 60})
    story.on_listing(listed(*THREE))
    story.clock.advance(59.9)
    assert story.on_failure() == THREE
    story.clock.advance(0.2)
    story.roster.expire(story.clock())

    assert story.roster.peers.ips == ()
    assert story.roster.peers.stale
    assert story.on_listing(listed(*THREE)) == THREE


@pytest.mark.parametrize("others", [(), TWO])
def test_max_stale_leaves_no_member(others: tuple[str, ...]) -> None:
    """Nobody is a member of a list that was emptied, not even this Pod: else every replica would own every key."""
    story = Story({"max_stale": 60})
    story.on_listing(listed(*others, own=THREE[2]))
    story.clock.advance(60)
    story.on_failure()

    assert story.roster.peers.members == ()
    story.on_listing(listed(*others, own=THREE[2]))
    assert story.roster.peers.self_listed


def test_max_stale_is_for_failures() -> None:
    """A list whose next lookup is merely not due yet does not expire, and is not asked for sooner."""
    story = Story({"max_stale": 1})
    story.on_listing(*[listed(*THREE)] * 9)
    story.clock.advance(4)
    story.roster.expire(story.clock())

    assert story.roster.peers.ips == THREE
    assert story.wait() == 5.0


def test_the_wait_ends_where_the_list_expires() -> None:
    """While DNS fails, no wait is so long that `max_stale` would pass unnoticed."""
    story = Story({"max_stale": 60})
    story.on_listing(listed(*THREE))
    story.clock.advance(50)
    story.on_failure(9)
    assert story.wait() == 10.0
    story.clock.advance(10)
    assert story.on_failure() == ()
    assert story.wait() == 30.0


def test_max_stale_does_not_outrun_the_fleet() -> None:
    """Not even an expiry that is near is a reason to ask more often than all replicas together may."""
    story = Story({"max_stale": 0.1, "max_fleet_qps": 1})
    story.on_listing(listed(*THREE))
    story.on_failure()
    assert story.wait() >= 4.0


def test_oneself_leaves_at_once() -> None:
    """An address that turns out to be this Pod's own leaves the list without any confirmation."""
    story = Story()
    story.on_listing(listed(*THREE))

    assert story.on_listing(listed(*TWO, own=THREE[2])) == TWO
    assert story.roster.peers.self_listed


def test_the_same_answer_is_the_same_list() -> None:
    """What has not changed is not made again, so that comparing is cheap."""
    story = Story()
    story.on_listing(listed(*THREE))
    before = story.roster.peers._packed
    story.on_listing(listed(*THREE), listed(*TWO), listed(*THREE))
    assert story.roster.peers._packed is before


def test_the_answers_own_set_is_kept() -> None:
    """A list that has changed is the very set that the answer brought, so that the next comparison is cheap."""
    story = Story()
    answer = listed(*THREE)
    story.on_listing(listed(*TWO), answer)

    assert story.roster.peers._packed.endpoints is answer.endpoints


@pytest.mark.parametrize("first", [(), TWO])
def test_when_the_list_changed(first: tuple[str, ...]) -> None:
    """`changed_at` is the time of the first answer, also of an empty one, and then of each change."""
    story = Story()
    changed = []
    for ips in (first, first, THREE, THREE):
        story.on_listing(listed(*ips))
        changed.append(story.roster.changed_at)
        story.clock.advance(10)

    assert changed == [1000.0, 1000.0, 1020.0, 1020.0]


def test_this_pod_is_part_of_the_list() -> None:
    """The list has changed when this Pod is listed, and when it no longer is, though its peers are the same."""
    story = Story()
    changed = []
    for own in (None, THREE[2], THREE[2], None):
        story.on_listing(listed(*TWO, own=own))
        changed.append(story.roster.changed_at)
        story.clock.advance(10)

    assert changed == [1000.0, 1010.0, 1010.0, 1030.0]


def test_this_pod_leaves_a_list_that_is_emptied() -> None:
    """Where `max_stale` empties a list of this Pod alone, the list has changed: it is not as stable as before."""
    story = Story({"max_stale": 60})
    story.on_listing(listed(own=THREE[2]))
    story.clock.advance(60)
    story.on_failure()
    story.on_listing(listed())

    assert story.roster.changed_at == 1060.0


def test_this_pod_stays_listed_where_an_answer_may_lack_it() -> None:
    """A cut answer, or one with Pods that wait for their port, may lack this Pod; a complete one that does counts."""
    story = Story()

    def members(listing: Listing) -> tuple[str, ...]:
        story.on_listing(listing)
        return tuple(peer.ip for peer in story.roster.peers.members)

    assert members(listed(*TWO, own=THREE[2])) == THREE
    assert members(cut(*TWO, size=2)) == THREE
    assert members(listed(*TWO)._replace(waiting=frozenset({pack_ip(TWO[0])}))) == THREE
    assert members(cut(*TWO, size=2)._replace(own=frozenset({pack_ip("10.0.0.9")}))) == (*TWO, "10.0.0.9")
    assert members(listed(*TWO)) == TWO


def test_what_a_peer_is_shown_with() -> None:
    """Peers have the port that was asked for and the name of their SRV target; the list has the Service's name."""
    story = Story({"port": 8080})
    story.on_listing(listed(*TWO)._replace(targets={pack_ip(TWO[0]): "web-0.svc"}))

    assert [(peer.netloc(), peer.fqdn) for peer in story.roster.peers] == [
        ("10.0.0.1:8080", "web-0.svc"),
        ("10.0.0.2:8080", None),
    ]
    assert story.roster.peers.service == "svc."


def test_this_pod_alone_has_its_port() -> None:
    """Where no other Pod is listed yet, this one is shown with the port that was asked for."""
    story = Story({"port": 8080})
    story.on_listing(listed(own=THREE[0]))

    assert [peer.netloc() for peer in story.roster.peers.members] == ["10.0.0.1:8080"]


def test_another_port_is_no_second_peer() -> None:
    """An address that is listed with another port is another endpoint in the same place, at once."""
    story = Story()
    ip = pack_ip("10.0.0.2")
    for port in (80, 8080):
        story.on_listing(Listing(Outcome.FOUND, frozenset({(ip, port, "")}), frozenset(), 30))

    assert [peer.netloc() for peer in story.roster.peers] == ["10.0.0.2:8080"]


FDS = ("fd00::1", "fd00::2")


def test_one_family_at_a_time() -> None:
    """A single NODATA for the family that is listed does not list each dual-stack Pod twice."""
    story = Story()
    story.on_listing(listed(*TWO))
    assert story.on_listing(listed(*FDS)) == TWO
    assert story.on_listing(listed(*TWO)) == TWO
    assert story.on_listing(listed(*FDS), listed(*FDS)) == FDS


def test_both_families_at_once_where_asked_for() -> None:
    """With `family="both"` every address is an entry of its own."""
    story = Story({"family": "both"})
    assert story.on_listing(listed(*TWO), listed(*FDS)) == (*TWO, *FDS)


def test_a_pod_whose_port_is_unknown_does_not_leave() -> None:
    """A Pod that is listed, but whose port no answer holds, stays with the port it had."""
    story = Story()
    first = frozenset({(pack_ip(ip), 80, "") for ip in TWO})
    story.on_listing(Listing(Outcome.FOUND, first))
    without = Listing(Outcome.FOUND, frozenset(list(first)[:1]), complete=False, waiting=frozenset(map(pack_ip, TWO)))
    for _ in range(5):
        assert story.on_listing(without) == TWO


def test_another_port_replaces_the_old_one_in_a_cut_list_too() -> None:
    """An address with another port or hostname is one peer, not two, also where the list does not hold all."""
    story = Story()
    story.on_listing(Listing(Outcome.FOUND, frozenset({(pack_ip(TWO[0]), 80, "")})))
    moved = Listing(Outcome.FOUND, frozenset({(pack_ip(TWO[0]), 80, "web-0")}), complete=False, cut=True, sample_size=1)
    story.on_listing(moved)

    assert [peer.name for peer in story.roster.peers] == ["web-0"]
