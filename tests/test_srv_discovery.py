"""Peers by the name of a port, lookup by lookup: odd targets, glue that is missing, lists that come in parts."""

import random

import pytest

from peerdisco import Answer, DiscoveryConfig, LookupFailed, NotHeadlessError, Outcome, Peer, Question
from peerdisco._core.addresses import pack_ip
from peerdisco._core.listing import Limits
from peerdisco._core.roster import Roster
from peerdisco.answers import SrvTarget
from peerdisco.testing import FakeResolver
from tests.support.both import ips
from tests.support.lookups import answered, named
from tests.support.targets import NAMED, TARGETS, THREE, WEB, Zone, looked, peers, ports_differ, srv


def test_addresses_come_first() -> None:
    """Where no Pod is listed, no SRV is asked."""
    zone = Zone([], srv({"a": ("10.0.0.1",)}))

    assert looked(zone).outcome is Outcome.NXDOMAIN
    assert zone.asked == [Question(WEB, "A")]


def test_a_cluster_ip() -> None:
    """An SRV target that is the Service itself gives a ClusterIP away, also one that no witness knew."""
    itself = Answer(Outcome.FOUND, targets=(SrvTarget(WEB, 80),))
    with pytest.raises(NotHeadlessError, match=r"10\.96\.0\.7"):
        looked(Zone(["10.96.0.7", "10.96.0.8"], itself))


def test_two_names_for_one_address() -> None:
    """An endpoint with two names is one peer, with the first of its hostnames."""
    found = srv({"b": ("10.0.0.1",), "a": ("10.0.0.1",), "10-0-0-1": ("10.0.0.1",), "c": ("10.0.0.2",)})

    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.2", 80, "c")] == peers(
        looked(Zone(["10.0.0.1", "10.0.0.2"], found))
    )


def test_two_ports_of_one_address() -> None:
    """The same Pod at two ports of one name is two peers: they are different endpoints."""
    found = srv({"a": ("10.0.0.1",), "b": ("10.0.0.2",)})
    found = found._replace(targets=(*found.targets, SrvTarget(f"a.{WEB}", 81)))
    listing = looked(Zone(["10.0.0.1", "10.0.0.2"], found))

    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.1", 81, "a"), Peer("10.0.0.2", 80, "b")] == peers(listing)


@pytest.mark.parametrize(
    "bad",
    [
        SrvTarget("not a host." + WEB, 80),
        SrvTarget(".", 0),
        SrvTarget(f"port-0.{WEB}", 0),
        SrvTarget("a" * 64 + "." + WEB, 80),
        SrvTarget("\\000." + WEB, 80),
    ],
)
def test_one_bad_target(bad: SrvTarget) -> None:
    """An invalid target costs no other its place."""
    whole = srv({"a": ("10.0.0.1",), "b": ("10.0.0.2",)})
    zone = Zone(["10.0.0.1", "10.0.0.2"], whole._replace(targets=(bad, *whole.targets)))

    assert [peer.ip for peer in peers(looked(zone))] == ["10.0.0.1", "10.0.0.2"]
    assert zone.asked_by_name == []


def test_a_complete_answer_is_obeyed() -> None:
    """A Pod without the port is no peer, and a Service without it is NODATA."""
    zone = Zone(["10.0.0.1", "10.0.0.2"], srv({"a": ("10.0.0.1",)}))

    assert [Peer("10.0.0.1", 80, "a")] == peers(looked(zone))
    assert looked(zone).complete
    none = looked(Zone(["10.0.0.1", "10.0.0.2"], Answer(Outcome.NXDOMAIN)))
    assert (none.outcome, none.endpoints, none.complete) == (Outcome.NODATA, frozenset(), True)


@pytest.mark.parametrize(("protocol", "asked"), [("tcp", 1), ("udp", 2), ("sctp", 3)])
def test_the_port_of_any_protocol(protocol: str, asked: int) -> None:
    """A port that is not TCP's is UDP's or SCTP's, and which one is remembered."""
    subject = named()
    questions: list[str] = []

    def by(question: Question) -> Answer:
        if question.rtype == "A":
            return Answer.of(question, ["10.0.0.1", "10.0.0.2"])
        questions.append(question.name.split(".")[1])
        found = srv({"a": ("10.0.0.1",), "b": ("10.0.0.2",)})
        return found if f"_{protocol}" == questions[-1] else Answer(Outcome.NXDOMAIN)

    assert len(peers(answered(subject.steps(), by)[0])) == 2
    assert len(questions) == asked
    questions.clear()
    answered(subject.steps(), by)
    assert questions == [f"_{protocol}"]


def test_srv_that_fails() -> None:
    """Where the addresses are known, the error says how to do without SRV."""
    with pytest.raises(LookupFailed, match=r": servfail\. The Pods' addresses are known: to do.*a number\.") as raised:
        looked(Zone(["10.0.0.1", "10.0.0.2"], None))

    assert raised.value.reason == "servfail"


def test_the_port_that_all_share() -> None:
    """A target without glue is not asked for where its Pod has the port that all share; its name stays unknown."""
    zone = Zone(["10.0.0.1", "10.0.0.2"], srv({"a": ("10.0.0.1",), "b": ()}))
    listing = looked(zone)

    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.2", 80)] == peers(listing)
    assert (listing.complete, zone.asked_by_name) == (True, [])


def test_ports_that_differ() -> None:
    """A target without glue is asked for where ports differ."""
    zone = Zone(THREE, ports_differ(), targets=TARGETS)

    assert peers(looked(zone)) == NAMED
    assert zone.asked_by_name == ["b", "c"]


def test_fewer_targets_than_pods() -> None:
    """Where some Pod lacks the port, the targets are asked for, to learn which one it is."""
    zone = Zone([*THREE, "10.0.0.4"], srv({"a": ("10.0.0.1",), "b": (), "c": ()}), targets=TARGETS)
    listing = looked(zone)

    assert [peer.ip for peer in peers(listing)] == THREE
    assert listing.complete


def test_a_watcher_asks_for_few_targets() -> None:
    """A Pod whose port is not known yet waits, and the listing says so; each lookup learns some more."""
    zone, subject = Zone(THREE, ports_differ(), targets=TARGETS), named()
    first = looked(zone, subject, Limits(1, 1))
    assert peers(first) == NAMED[:2]
    assert (first.waiting, first.complete, zone.asked_by_name) == (frozenset({pack_ip("10.0.0.3")}), False, ["b"])
    second = looked(zone, subject, Limits(1, 1), now=5.0)
    assert (peers(second), second.complete, zone.asked_by_name) == (NAMED, True, ["c"])
    looked(zone, subject, Limits(1, 1), now=10.0)
    assert zone.asked_by_name == []


def test_a_target_that_fails() -> None:
    """A target that gets no answer makes the listing incomplete, and fails nothing; the others have their turn."""

    def by(question: Question) -> Answer:
        if question.name.startswith("b."):
            raise LookupFailed(question, "timeout")
        return zone(question)

    zone, subject = Zone(THREE, ports_differ(), targets=TARGETS), named()
    assert peers(answered(subject.steps(), by)[0]) == [NAMED[0], NAMED[2]]
    subject = named()
    asked = [answered(subject.steps(Limits(1, 1), now), by)[1][-1].name[0] for now in (0.0, 5.0, 10.0)]
    assert asked == ["b", "c", "b"]


def test_a_target_is_confirmed_every_ten_minutes() -> None:
    """An address that was asked for long ago is asked for again; one that glue brings never is."""
    zone, subject = Zone(THREE, ports_differ(), targets=TARGETS), named()
    looked(zone, subject)
    looked(zone, subject, now=600.0)
    assert zone.asked_by_name == []
    zone.targets = {"b": "10.0.0.3", "c": "10.0.0.2"}
    listing = looked(zone, subject, now=601.0)

    assert zone.asked_by_name == ["b", "c"]
    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.2", 82, "c"), Peer("10.0.0.3", 81, "b")] == peers(listing)


def test_a_name_is_dropped_when_another_target_claims_its_address() -> None:
    """What was learnt of a target is no longer believed once glue gives its address to another."""
    zone, subject = Zone(THREE, ports_differ(), targets=TARGETS), named()
    looked(zone, subject)
    moved = srv({"a": ("10.0.0.2",)})
    zone.answers = [moved._replace(targets=(*moved.targets, SrvTarget(f"b.{WEB}", 81), SrvTarget(f"c.{WEB}", 82)))]
    zone.targets = {"b": "10.0.0.1"}
    listing = looked(zone, subject)

    assert zone.asked_by_name == ["b"]
    assert [Peer("10.0.0.1", 81, "b"), Peer("10.0.0.2", 80, "a"), Peer("10.0.0.3", 82, "c")] == peers(listing)


def test_a_name_is_dropped_when_its_address_leaves() -> None:
    """A target whose address is no longer listed is asked for again."""
    zone, subject = Zone(THREE, ports_differ(), targets=TARGETS), named()
    looked(zone, subject)
    zone.everyone, zone.targets = [*THREE[:2], "10.0.0.9"], {"c": "10.0.0.9"}

    assert Peer("10.0.0.9", 82, "c") in peers(looked(zone, subject))
    assert zone.asked_by_name == ["c"]


def test_a_cut_answer_removes_nobody() -> None:
    """A Pod whose record was cut has the port that was learnt before, else the one that all share."""
    whole, part = srv({"a": ("10.0.0.1",), "b": ("10.0.0.2",)}), srv({"a": ("10.0.0.1",)}, complete=False)
    zone, subject = Zone(THREE, whole, part), named()
    looked(zone, subject)
    listing = looked(zone, subject)

    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.2", 80, "b"), Peer("10.0.0.3", 80)] == peers(listing)
    assert listing.complete


def test_a_cut_answer_where_ports_differ() -> None:
    """A Pod whose record was cut waits where nobody can tell its port."""
    zone = Zone([*THREE, "10.0.0.4"], ports_differ(complete=False), targets=TARGETS)
    listing = looked(zone)

    assert peers(listing) == NAMED
    assert (listing.waiting, listing.complete, listing.cut) == (frozenset({pack_ip("10.0.0.4")}), False, False)


def test_a_cut_answer_forgets_a_ports_old_number() -> None:
    """What was learnt of a target's port is forgotten when a later answer says otherwise."""
    answers = [srv({"10-0-0-1": (), "10-0-0-2": ()}, complete=False, port=port) for port in (80, 8080)]
    zone, subject = Zone(["10.0.0.1", "10.0.0.2"], *answers), named()
    looked(zone, subject)

    assert {peer.port for peer in peers(looked(zone, subject))} == {8080}


def test_this_pod_and_outside() -> None:
    """This Pod and what may not be a peer's are left out."""
    found = srv({"a": ("10.0.0.1",), "b": ("10.0.0.2",), "c": ("127.0.0.1",)})
    listing = looked(Zone(["10.0.0.1", "10.0.0.2", "127.0.0.1"], found), named(own_ips="10.0.0.2"))

    assert [Peer("10.0.0.1", 80, "a")] == peers(listing)
    assert frozenset({(pack_ip("10.0.0.2"), 80, "b")}) == listing.own
    assert frozenset({pack_ip("127.0.0.1")}) == listing.outside


def test_the_fakes_ports() -> None:
    """A fake's peers have the ports and names that the test gave them."""
    fake = FakeResolver({"web": [Peer("10.0.0.1", 8080, "web-0"), Peer("10.0.0.2", 8081), Peer("10.0.0.3")]})
    listing, _ = answered(named().steps(), fake)

    assert [Peer("10.0.0.1", 8080, "web-0"), Peer("10.0.0.2", 8081)] == peers(listing)


@pytest.mark.parametrize(("size", "grown"), [(900, 1300), (1000, 3000), (5000, 5000)])
def test_no_live_pod_leaves_a_large_service(size: int, grown: int) -> None:
    """A Pod that every address answer lists stays, though SRV is cut anywhere, at each lookup again."""
    rng = random.Random(size)
    config = DiscoveryConfig("web", port="http")
    roster = Roster(config, WEB, clock=lambda: 0.0, random=lambda: 0.5)
    subject = named()
    for lookup in range(12):
        everyone = ips(size if lookup < 4 else grown)
        cut_to = rng.sample(everyone, min(1100, len(everyone)))
        labels = {f"web-{n}": (ip,) if n < 200 else () for n, ip in enumerate(cut_to)}
        zone = Zone(everyone, srv(labels, complete=len(cut_to) == len(everyone)))
        roster.on_listing(looked(zone, subject, roster.limits, now=5.0 * lookup), 5.0 * lookup)

        assert set(everyone) <= set(roster.peers.ips)


def test_srv_that_leads_out_of_the_cluster() -> None:
    """An SRV answer behind an alias that leaves the cluster is none: the next protocol is asked."""
    foreign = srv({"a": ("10.0.0.1",)})._replace(canonical="wildcard.example.com.")
    zone = Zone(["10.0.0.1", "10.0.0.2"], foreign)

    assert looked(zone).outcome is Outcome.NODATA
    assert [f"_http._{protocol}.{WEB}" for protocol in ("tcp", "udp", "sctp")] == [
        question.name for question in zone.asked if question.rtype == "SRV"
    ]
