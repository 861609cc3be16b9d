"""SRV targets in detail: names that show an address, names that are asked for again, what a listing says of them."""

import pytest

from peerdisco import Answer, LookupFailed, NotHeadlessError, Outcome, Peer, Question
from peerdisco._core.addresses import pack_ip
from peerdisco._core.discovery import SIDE_SHARE, TimedQuestion
from peerdisco._core.listing import Limits, Listing
from peerdisco._dns.blocking import drive
from peerdisco.answers import SrvTarget
from peerdisco.errors import Reason
from tests.support.lookups import answered, named
from tests.support.targets import NAMED, TARGETS, THREE, WEB, Zone, looked, peers, ports_differ, srv

ONE, TWO = THREE[:2]


def at_ports(targets: dict[str, tuple[int, tuple[str, ...]]], *, complete: bool = True) -> Answer:
    """An SRV answer: the port and the glue of each target."""
    found = srv({label: glue for label, (_, glue) in targets.items()}, complete=complete)
    return found._replace(targets=tuple(SrvTarget(f"{label}.{WEB}", port) for label, (port, _) in targets.items()))


def test_a_name_that_shows_a_listed_address() -> None:
    """`10-0-0-1` has the address 10.0.0.1, if that is listed: it needs neither glue nor a question."""
    zone = Zone([ONE, TWO, "10.0.0.3"], at_ports({"10-0-0-1": (80, ()), "10-0-0-2": (81, ())}))

    assert peers(looked(zone)) == [Peer(ONE, 80), Peer(TWO, 81)]
    assert zone.asked_by_name == []


def test_a_name_that_shows_an_address_of_the_other_family() -> None:
    """`fd00--1` is no question's worth where the list is of IPv4: SRV lists both families of a dual-stack Pod."""
    found = at_ports({"10-0-0-1": (80, ()), "fd00--1": (80, ()), "b": (81, ("10.0.0.2",)), "fd00--2": (81, ())})
    zone = Zone(THREE, found)

    assert peers(looked(zone)) == [Peer(ONE, 80), Peer(TWO, 81, "b")]
    assert zone.asked_by_name == []


def test_a_hostname_that_looks_like_an_address() -> None:
    """`10-0-0-9` is a hostname where 10.0.0.9 is not listed, and `fd00--5` is one where its glue is of IPv4."""
    found = at_ports({"10-0-0-9": (80, ()), "fd00--5": (81, ("10.0.0.2",))})
    zone = Zone([ONE, TWO], found, targets={"10-0-0-9": ONE})

    assert peers(looked(zone)) == [Peer(ONE, 80, "10-0-0-9"), Peer(TWO, 81, "fd00--5")]
    assert zone.asked_by_name == ["10-0-0-9"]


@pytest.mark.parametrize("bad", [SrvTarget("not a host." + WEB, 80), SrvTarget(f"port-0.{WEB}", 0)])
def test_a_bad_target_is_no_peer(bad: SrvTarget) -> None:
    """A target without a host's name, or without a port, is no peer, also where its address is listed."""
    found = srv({"a": (ONE,)})
    found = found._replace(targets=(*found.targets, bad), glue={**found.glue, bad.name: (pack_ip(TWO),)})

    assert peers(looked(Zone([ONE, TWO], found))) == [Peer(ONE, 80, "a")]


def test_a_cluster_ip_of_both_families() -> None:
    """The error about a ClusterIP names the Service, and its IPv4 address, whichever sorts first."""
    itself = Answer(Outcome.FOUND, targets=(SrvTarget(WEB, 80),))
    both = ["2001:db8::7", "2001:db8::8", "172.20.0.10", "172.20.0.11"]
    with pytest.raises(NotHeadlessError) as raised:
        looked(Zone(both, itself), named(family="both"))

    assert (raised.value.service, raised.value.address) == (WEB, "172.20.0.10")


@pytest.mark.parametrize("alone", [True, False])
def test_two_names_of_which_one_is_a_hostname(alone: bool) -> None:
    """`Peer.fqdn` is the target with the hostname that `Peer.name` shows, in any order of the records."""
    labels = ["10-0-0-1"] if alone else ["b", "10-0-0-1", "a"]
    for order in (labels, labels[::-1]):
        listing = looked(Zone([ONE], srv(dict.fromkeys(order, (ONE,)))))

        first = labels[-1]
        assert peers(listing) == [Peer(ONE, 80, None if alone else first)]
        assert listing.targets == {pack_ip(ONE): f"{first}.{WEB}".removesuffix(".")}


def test_a_service_loses_its_port_for_a_while() -> None:
    """Where no Pod has the port, nothing is listed, this Pod neither; nothing of it is remembered when it is back."""
    gone = Answer(Outcome.NODATA, ttl=5)
    zone = Zone(THREE, ports_differ(), gone, ports_differ(), targets=TARGETS)
    subject = named(own_ips=ONE)
    looked(zone, subject)

    assert looked(zone, subject) == Listing(Outcome.NODATA, frozenset(), ttl=5)
    assert peers(looked(zone, subject)) == NAMED[1:]
    assert zone.asked_by_name == ["b", "c"]


def test_a_service_without_the_port_whose_list_is_cut() -> None:
    """A complete SRV answer without the port settles the matter, though the list of addresses was cut."""

    def by(question: Question) -> Answer:
        if question.rtype == "A":
            return Answer.of(question, THREE, ttl=30)._replace(complete=False)
        return Answer(Outcome.NXDOMAIN, ttl=5 if "._tcp." in question.name else 7)

    listing, _ = answered(named().steps(), by)

    assert (listing.outcome, listing.complete, listing.cut, listing.ttl) == (Outcome.NODATA, True, False, 5)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (srv({"a": (ONE,)}), Outcome.FOUND),
        (srv({"a": ("10.0.0.9",)}), Outcome.NODATA),
        (at_ports({"a": (80, ()), "b": (81, ())}, complete=False), Outcome.FOUND),
    ],
    ids=["listed", "elsewhere", "waiting"],
)
def test_what_a_listing_says(answer: Answer, expected: Outcome) -> None:
    """A Service has Pods at its port if one is listed, or if one may have it; none if all targets are elsewhere."""
    assert looked(Zone([ONE], answer)).outcome is expected


@pytest.mark.parametrize(("listed_for", "srv_for", "expected"), [(30, 5, 5), (5, 30, 5)])
def test_the_shorter_ttl_counts(listed_for: int, srv_for: int, expected: int) -> None:
    """A listing is as old as the older of its two answers may be."""
    zone = Zone([ONE], srv({"a": (ONE,)})._replace(ttl=srv_for))
    zone.ttl = listed_for

    assert looked(zone).ttl == expected


def test_this_pod_waits_for_its_port() -> None:
    """This Pod, at a port that is not known yet, is listed as itself, without a port; it does not wait as a peer."""
    listing = looked(Zone([ONE], at_ports({"a": (80, ()), "b": (81, ())}, complete=False)), named(own_ips=ONE))

    assert listing.own == {(pack_ip(ONE), 0, "")}
    assert (listing.endpoints, listing.waiting, listing.complete) == (frozenset(), frozenset(), True)


def test_a_target_is_asked_for_where_its_pod_was_replaced() -> None:
    """Where glue is gone and with it the address, its targets are asked for by name, in the order of the answer."""
    whole = at_ports({"a": (80, (ONE,)), "b": (81, (TWO,)), "c": (82, ("10.0.0.3",))})
    zone, subject = Zone(THREE, whole, ports_differ()), named()
    looked(zone, subject)
    zone.everyone, zone.targets = [ONE, "10.0.0.12", "10.0.0.13"], {"b": "10.0.0.12", "c": "10.0.0.13"}

    assert peers(looked(zone, subject)) == [NAMED[0], Peer("10.0.0.12", 81, "b"), Peer("10.0.0.13", 82, "c")]
    assert zone.asked_by_name == ["b", "c"]


def test_a_cut_answer_with_a_ports_new_number() -> None:
    """A target's new port counts at once; its address, learnt by asking, stays though the answer was cut."""
    cut = at_ports({"a": (80, (ONE,)), "b": (91, ())}, complete=False)
    zone, subject = Zone(THREE, ports_differ(), cut, targets=TARGETS), named()
    looked(zone, subject)

    assert peers(looked(zone, subject)) == [NAMED[0], Peer(TWO, 91, "b"), NAMED[2]]


def test_targets_that_can_not_matter() -> None:
    """Where each address has its port, a target without glue is not asked for, whatever ports there are."""
    zone = Zone([ONE, TWO], at_ports({"a": (80, (ONE,)), "b": (81, (TWO,)), "c": (82, ())}))

    assert peers(looked(zone)) == [Peer(ONE, 80, "a"), Peer(TWO, 81, "b")]
    assert zone.asked_by_name == []


def test_a_second_name_takes_nothing_from_the_first() -> None:
    """An address that glue gives to one target stays there, though another target turns out to have it as well."""
    zone = Zone([ONE, TWO], at_ports({"a": (80, (ONE,)), "b": (81, ())}), targets={"b": ONE})

    assert peers(looked(zone)) == [Peer(ONE, 80, "a"), Peer(ONE, 81, "b")]


def test_a_target_takes_a_small_share_of_the_time() -> None:
    """A question for one target may take a tenth of the time left: the list of addresses is had already."""
    shares: list[float] = []
    zone = Zone(THREE, ports_differ(), targets=TARGETS)

    def perform(timed: TimedQuestion) -> Answer:
        shares.append(timed.share)
        return zone(timed.question)

    drive(named().steps(), perform, LookupFailed)

    assert shares == [1.0, 1.0, SIDE_SHARE, SIDE_SHARE]


@pytest.mark.parametrize(("reason", "asked"), [("timeout", ["b"]), ("servfail", ["b", "c"])])
def test_a_watcher_waits_once_for_a_silent_server(reason: Reason, asked: list[str]) -> None:
    """A watcher asks for no further target of a server that went silent; a refusal of one says nothing of others."""
    zone = Zone(THREE, ports_differ(), targets=TARGETS)
    seen: list[str] = []

    def by(question: Question) -> Answer:
        if question.name[0] in "bc":
            seen.append(question.name[0])
        if question.name[0] == "b":
            raise LookupFailed(question, reason)
        return zone(question)

    answered(named().steps(Limits(1, 2)), by)

    assert seen == asked


def test_a_confirmed_target_is_left_alone() -> None:
    """A target that has just been confirmed is not asked for again, for ten minutes more."""
    zone, subject = Zone(THREE, ports_differ(), targets=TARGETS), named()
    looked(zone, subject)
    for now, asked in [(601.0, ["b", "c"]), (602.0, []), (1201.0, []), (1202.0, ["b", "c"])]:
        looked(zone, subject, now=now)

        assert zone.asked_by_name == asked


def test_the_longest_unasked_comes_first() -> None:
    """A watcher confirms the target first that it asked for longest ago, in any order of the records."""
    turned = ports_differ()
    turned = turned._replace(targets=turned.targets[::-1])
    zone, subject = Zone(THREE, ports_differ(), ports_differ(), turned, targets=TARGETS), named()
    asked = []
    for now in (0.0, 5.0, 700.0):
        looked(zone, subject, Limits(1, 1), now)
        asked += zone.asked_by_name

    assert asked == ["b", "c", "b"]


def test_an_address_goes_over_to_another_target() -> None:
    """Of two targets that have changed addresses, the one not asked yet no longer has the other's."""
    zone, subject = Zone(THREE, ports_differ(), targets=TARGETS), named()
    looked(zone, subject)
    zone.targets = {"b": "10.0.0.3", "c": "10.0.0.2"}
    listing = looked(zone, subject, Limits(1, 1), now=601.0)

    assert peers(listing) == [NAMED[0], Peer("10.0.0.3", 81, "b")]
    assert listing.waiting == {pack_ip("10.0.0.2")}


def test_an_answer_to_the_family_that_was_asked() -> None:
    """A lookup goes on with the family that it began with, though another has learnt this Pod's family since."""
    subject = named(own=None, allowed_networks="::/0")

    def by(question: Question) -> Answer:
        if question.rtype == "SRV":
            return srv({"a": ("2001:db8::2",)})
        return Answer.of(question, ["::1", "2001:db8::2"])

    opening = subject.opening
    answered(subject.steps(), by)
    assert subject.opening.question.rtype == "AAAA"
    listing, asked = answered(subject.steps(begun=by(opening.question), opening=opening), by)

    assert [question.rtype for question in asked] == ["AAAA", "SRV"]
    assert peers(listing) == [Peer("2001:db8::2", 80, "a")]


def test_the_same_answers_come_to_the_same_listing() -> None:
    """Where nothing has changed but TTLs and the order of records, the very set of endpoints is given back."""
    found = srv({"a": (ONE,), "b": (TWO,), "10-0-0-3": ()})
    turned = found._replace(ttl=5, targets=found.targets[::-1])
    zone, subject = Zone(THREE, found, turned), named(own_ips=TWO)
    first, second = looked(zone, subject), looked(zone, subject)

    assert second.endpoints is first.endpoints
    assert second == first._replace(ttl=5)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (srv({"a": (TWO,), "b": (ONE,)}), [Peer(ONE, 80, "b"), Peer(TWO, 80, "a")]),
        (srv({"a": (ONE,), "c": (TWO,)}), [Peer(ONE, 80, "a"), Peer(TWO, 80, "c")]),
        (srv({"a": (ONE,), "b": (TWO,)}, port=81), [Peer(ONE, 81, "a"), Peer(TWO, 81, "b")]),
        (srv({"a": (ONE,)}), [Peer(ONE, 80, "a")]),
        (srv({"a": (ONE,)}, complete=False), [Peer(ONE, 80, "a"), Peer(TWO, 80, "b")]),
    ],
)
def test_what_has_changed_is_looked_at(change: Answer, expected: list[Peer]) -> None:
    """Other glue, other targets, another port, or a cut: none of them is taken for what was said before."""
    zone, subject = Zone([ONE, TWO], srv({"a": (ONE,), "b": (TWO,)}), change), named()
    looked(zone, subject)

    assert [expected] * 2 == [peers(looked(zone, subject)) for _ in range(2)]


def test_the_same_srv_answer_with_other_addresses() -> None:
    """What an SRV answer comes to depends on who is listed, and on which of them is this Pod."""
    zone, subject = Zone(THREE, srv({"a": (ONE,), "b": (TWO,)})), named(own_ips=ONE)
    for zone.everyone in (THREE, THREE[1:], THREE):
        listing = looked(zone, subject)

        assert peers(listing) == [Peer(TWO, 80, "b")]
        assert listing.own == frozenset({(pack_ip(ONE), 80, "a")} if ONE in zone.everyone else ())


def test_the_same_targets_in_a_cut_answer() -> None:
    """Whether an SRV answer is complete is a part of what it says."""
    whole, cut = (srv({"a": (ONE,)}, complete=complete) for complete in (True, False))
    zone, subject = Zone([ONE, TWO], whole, cut, whole), named()

    assert [len(peers(looked(zone, subject))) for _ in range(3)] == [1, 2, 1]


def test_glue_that_a_resolver_changes_in_place() -> None:
    """What an answer said is compared as it was said, also where the resolver hands out the same object again."""
    glue = {f"a.{WEB}": (pack_ip(ONE),), f"b.{WEB}": (pack_ip(TWO),)}
    zone, subject = Zone([ONE, TWO], srv({"a": (), "b": ()})._replace(glue=glue)), named()
    looked(zone, subject)
    glue |= {f"a.{WEB}": (pack_ip(TWO),), f"b.{WEB}": (pack_ip(ONE),)}

    assert peers(looked(zone, subject)) == [Peer(ONE, 80, "b"), Peer(TWO, 80, "a")]


def test_the_same_answer_again_confirms_its_targets() -> None:
    """A target is asked for ten minutes after the last answer that brought its glue, not after the first."""
    whole, bare = srv({"a": (ONE,), "b": (TWO,)}), srv({"a": (), "b": ()})
    zone, subject = Zone([ONE, TWO], whole, whole, bare), named()
    for now in (0.0, 500.0, 1100.0):
        assert peers(looked(zone, subject, now=now)) == [Peer(ONE, 80, "a"), Peer(TWO, 80, "b")]
        assert zone.asked_by_name == []
    looked(zone, subject, now=1101.0)

    assert zone.asked_by_name == ["a", "b"]
