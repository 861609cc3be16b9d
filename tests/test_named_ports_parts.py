"""Peers by the name of a port, lookup by lookup: odd targets, glue that is missing, lists that come in parts."""

from collections.abc import Mapping

import pytest

from peerdisco import Answer, LookupFailed, NotHeadlessError, Outcome, Peer, Question
from peerdisco._core.addresses import pack_ip, text_of
from peerdisco._core.listing import Listing
from peerdisco.answers import SrvTarget
from peerdisco.testing import FakeResolver
from tests.support.lookups import answered, named

WEB = "web.default.svc.cluster.local."
SRV = Question(f"_http._tcp.{WEB}", "SRV")


def srv(targets: Mapping[str, tuple[str, ...]], *, complete: bool = True, port: int = 80) -> Answer:
    """An SRV answer: targets below the Service, and their glue."""
    names = {label: f"{label}.{WEB}" for label in targets}
    glue = {names[label]: tuple(map(pack_ip, addresses)) for label, addresses in targets.items() if addresses}
    return Answer(
        Outcome.FOUND, ttl=30, complete=complete, targets=tuple(SrvTarget(n, port) for n in names.values()), glue=glue
    )


def peers(listing: Listing) -> list[Peer]:
    """The endpoints of a listing as peers, in order."""
    found = [endpoint for endpoint in listing.endpoints if not isinstance(endpoint, bytes)]
    return sorted(Peer(text_of(ip), port, name or None) for ip, port, name in found)


@pytest.mark.parametrize("given", [["10.96.0.7"], []])
def test_a_cluster_ip_without_glue(given: list[str]) -> None:
    """Its address is looked up where SRV left it out; without one it is no Pod either."""

    def by(question: Question) -> Answer:
        itself = Answer(Outcome.FOUND, targets=(SrvTarget(WEB, 80),))
        return itself if question.rtype == "SRV" else Answer.of(question, given)

    with pytest.raises(NotHeadlessError, match=given[0] if given else "one address"):
        answered(named().steps(), by)


def test_two_names_for_one_address() -> None:
    """An endpoint with two names is one peer, with the first of its hostnames."""
    found = srv({"b": ("10.0.0.1",), "a": ("10.0.0.1",), "10-0-0-1": ("10.0.0.1",), "c": ("10.0.0.2",)})
    listing, _ = answered(named().steps(), lambda _: found)

    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.2", 80, "c")] == peers(listing)


def test_two_ports_of_one_address() -> None:
    """The same Pod at two ports of one name is two peers: they are different endpoints."""
    found = srv({"a": ("10.0.0.1",)}).merged(srv({"a": ("10.0.0.1",)}, port=81))
    listing, _ = answered(named().steps(), lambda _: found)

    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.1", 81, "a")] == peers(listing)


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
    """A target that can't be one costs nobody else."""
    whole = srv({"a": ("10.0.0.1",), "b": ("10.0.0.2",)})
    listing, questions = answered(named().steps(), lambda _: whole._replace(targets=(bad, *whole.targets)))

    assert [peer.ip for peer in peers(listing)] == ["10.0.0.1", "10.0.0.2"]
    assert questions == [SRV]


def test_a_target_without_glue() -> None:
    """A hostname whose address did not come along is looked up."""

    def by(question: Question) -> Answer:
        if question == SRV:
            return srv({"a": ("10.0.0.1",), "b": ()})
        return Answer.of(question, ["10.0.0.2"] if question.name.startswith("b.") else ["10.0.0.1", "10.0.0.2"])

    listing, questions = answered(named().steps(), by)

    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.2", 80, "b")] == peers(listing)
    assert [SRV, Question(WEB, "A"), Question(f"b.{WEB}", "A")] == questions


def test_a_target_that_fails() -> None:
    """One that can't be looked up is missing, which makes the list incomplete, and fails nothing."""

    def by(question: Question) -> Answer:
        if question.name.startswith("b."):
            raise LookupFailed(question, "timeout")
        return srv({"a": ("10.0.0.1",), "b": ()}) if question == SRV else Answer.of(question, ["10.0.0.1", "10.0.0.2"])

    listing, _ = answered(named().steps(), by)

    assert ([Peer("10.0.0.1", 80, "a")], False) == (peers(listing), listing.complete)


def test_what_was_located_is_remembered() -> None:
    """The next lookup asks for a target again only where the Service's list no longer has its address."""
    subject = named()
    everyone = ["10.0.0.1", "10.0.0.2"]

    def by(question: Question) -> Answer:
        if question == SRV:
            return srv({"a": ("10.0.0.1",), "b": ()})
        return Answer.of(question, everyone[1:] if question.name.startswith("b.") else everyone)

    asked = [answered(subject.steps(), by)[1] for _ in range(2)]
    everyone[1] = "10.0.0.3"
    asked.append(answered(subject.steps(), by)[1])

    assert list(map(len, asked)) == [3, 2, 3]


def test_parts_of_a_list() -> None:
    """Targets that were cut are put together from several answers; the list of addresses says when that is all."""
    parts = iter([srv({"10-0-0-1": ()}, complete=False), srv({"10-0-0-2": ()}, complete=False)] * 3)

    def by(question: Question) -> Answer:
        return next(parts) if question == SRV else Answer.of(question, ["10.0.0.1", "10.0.0.2"])

    listing, _ = answered(named().steps(), by)

    assert [peer.ip for peer in peers(listing)] == ["10.0.0.1", "10.0.0.2"]
    assert listing.complete


def test_own_and_outside() -> None:
    """Oneself and what can't be a peer's are left out."""
    found = srv({"a": ("10.0.0.1",), "b": ("10.0.0.2",), "c": ("127.0.0.1",)})
    listing, _ = answered(named(own_ips="10.0.0.2").steps(), lambda _: found)

    assert [Peer("10.0.0.1", 80, "a")] == peers(listing)
    assert (pack_ip("10.0.0.2"), 80, "b") == listing.own
    assert frozenset({pack_ip("127.0.0.1")}) == listing.outside


def test_the_fakes_ports() -> None:
    """A fake's peers have the ports and names that the test gave them."""
    fake = FakeResolver({"web": [Peer("10.0.0.1", 8080, "web-0"), Peer("10.0.0.2", 8081), Peer("10.0.0.3")]})
    listing, _ = answered(named().steps(), fake)

    assert [Peer("10.0.0.1", 8080, "web-0"), Peer("10.0.0.2", 8081)] == peers(listing)


def test_no_address_of_the_wanted_family() -> None:
    """Where every target is of the other family, the outcome says so."""
    by = srv({"web-0": ("fd00::1",), "web-1": ("fd00::2",)})
    listing, _ = answered(named(family="ipv4").steps(), lambda _: by)

    assert (listing.outcome, peers(listing)) == (Outcome.NODATA, [])


def test_a_cut_list_forgets_a_ports_old_number() -> None:
    """What was learnt of a Pod's port is forgotten when a newer answer says otherwise."""
    numbers = iter([80, 80, 80, 8080, 8080, 8080])

    def by(question: Question) -> Answer:
        if question == SRV:
            return srv({"10-0-0-1": (), "10-0-0-2": ()}, complete=False, port=next(numbers))
        return Answer.of(question, ["10.0.0.1", "10.0.0.2"])

    subject = named()
    answered(subject.steps(), by)
    listing, _ = answered(subject.steps(), by)

    assert {peer.port for peer in peers(listing)} == {8080}
