"""The simulation: its sizes are those of real messages, and its load keeps what the policies promise."""

import math
import random

import dns.message
import pytest
from dns.rcode import NOERROR
from dns.rdatatype import A

from peerdisco._dns.query import LARGEST_MESSAGE, UDP_PAYLOAD, encode
from peerdisco.answers import Question
from peerdisco.testing._coredns.query import Query, parse
from peerdisco.testing._coredns.records import Reply, RRset, packed
from peerdisco.testing._coredns.render import Transport, render
from tests.benchmarks import sizes
from tests.benchmarks.fleet import Load, Membership, pods
from tests.benchmarks.scenario import Policy, rate, tell
from tests.benchmarks.simulate import report


@pytest.mark.parametrize(("transport", "room"), [("udp", UDP_PAYLOAD), ("tcp", LARGEST_MESSAGE)])
@pytest.mark.parametrize("count", [1, 20, 21, 22, 73, 74, 1000, 4092, 4093, 5000])
def test_sizes_are_those_of_rendered_answers(transport: Transport, room: int, count: int) -> None:
    """The formula gives the size that the renderer makes, cut or not."""
    query = parse(encode(Question(sizes.NAME, "A")))
    assert isinstance(query, Query)
    records = RRset(packed(query.name), A, 30, list(pods(1, count)))
    rendered = render(query, Reply(NOERROR, authoritative=True, answer=[records]), transport, random.Random(1))
    assert sizes.answer(count, room) == len(rendered)
    assert len(dns.message.from_wire(rendered).answer[0]) == min(
        count, sizes.MOST_OVER_UDP if transport == "udp" else sizes.MOST_OVER_TCP
    )


def test_traffic_of_a_list_that_udp_cannot_carry() -> None:
    """A list that UDP can't carry costs two questions once, and one after that."""
    first, _, remembered = sizes.traffic(1000, needs_tcp=False)
    second, moved, _ = sizes.traffic(1000, needs_tcp=remembered)
    assert (first, second, remembered) == (2, 1, True)
    assert moved > 16 * 1000


def test_membership_past_64_kib() -> None:
    """Each answer is a different part of the list."""
    membership = Membership(random.Random(1))
    membership.change(added=pods(1, 10_000))
    first, second = membership.answer(), membership.answer()
    assert not first.complete
    assert len(first.addresses) == len(second.addresses) == sizes.MOST_OVER_TCP
    assert first.addresses != second.addresses


def test_rate() -> None:
    """A rate counts the questions between two moments and in the busiest window, and scales them."""
    load = [Load(0.5, 9, 9), Load(1.0, 1, 10), Load(1.2, 2, 10), Load(2.5, 1, 10), Load(3.0, 9, 9)]
    found = rate(load, 1, 3, scale=10, window=1)
    assert found == (20, 30, 150)


def test_pacing_keeps_a_large_fleet_below_max_fleet_qps() -> None:
    """In steady state 1000 replicas ask no more than 100 questions per second with pacing, and more without."""
    paced, unpaced = (tell(1000, Policy(paced=paced), sample=10) for paced in (True, False))
    limit = Policy().config().max_fleet_qps
    assert 0 < paced.steady.mean <= limit < unpaced.steady.mean


def test_pacing_leaves_a_small_fleet_alone() -> None:
    """Ten replicas ask as often with pacing as without."""
    paced, unpaced = (tell(10, Policy(paced=paced), sample=10) for paced in (True, False))
    assert paced.steady == unpaced.steady
    assert paced.replaced == unpaced.replaced


def test_jitter_takes_a_fleet_out_of_step() -> None:
    """Without jitter, replicas that started together keep asking together."""
    jittered, together = (tell(100, Policy(jittered=jittered), sample=100) for jittered in (True, False))
    assert jittered.steady.busiest < together.steady.busiest


def test_every_replica_follows_every_change() -> None:
    """A small fleet lists a new Pod and drops the old one before the next change."""
    story = tell(10, Policy(), sample=10)
    assert story.replaced.last <= 2 * 5.0
    assert story.replaced.last <= story.gone.last < math.inf
    assert "| 10 | paced, jitter |" in report([story])


def test_the_same_seed_tells_the_same_story() -> None:
    """The simulation depends on its arguments alone."""
    assert tell(30, Policy(), sample=5) == tell(30, Policy(), sample=5)
