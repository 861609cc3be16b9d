"""What is asked about a Service and what the answers come to: families, ClusterIPs, this Pod, parts of a list."""

import pytest

from peerdisco import Answer, ConfigError, Outcome, Question
from peerdisco._core.addresses import pack_ip, text_of
from peerdisco._core.listing import Limits, Listing
from peerdisco.testing import FakeResolver
from tests.support.lookups import answered, discovery

WEB = "web.default.svc.cluster.local."
DUAL = ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"]
HEAD = "10.96.0.7"


def packed(*texts: str) -> frozenset[bytes]:
    """Addresses, as DNS carries them."""
    return frozenset(map(pack_ip, texts))


def listed(listing: Listing) -> list[str]:
    """The addresses of a listing, as text."""
    return sorted(text_of(ip) for ip in listing.endpoints if isinstance(ip, bytes))


@pytest.mark.parametrize(
    ("family", "own", "found", "asked"),
    [
        ("ipv4", None, DUAL[:2], "A"),
        ("ipv6", None, DUAL[2:], "AAAA"),
        ("both", None, DUAL, "A AAAA"),
        ("auto", None, DUAL[:2], "A"),
        ("auto", "10.0.0.2", DUAL[:1], "A"),
        ("auto", "fd00::2", DUAL[2:3], "AAAA"),
        ("auto", "fd00::2,10.0.0.2", DUAL[2:3], "AAAA"),
        ("both", "fd00::2,10.0.0.2", [DUAL[0], DUAL[2]], "A AAAA"),
    ],
)
def test_families(family: str, own: str | None, found: list[str], asked: str) -> None:
    """Of a dual-stack Service the wanted family is asked for; of itself, the one of this Pod's own first address."""
    subject = discovery(family=family, own_ips=own)
    listing, questions = answered(subject.steps(), FakeResolver({"web": DUAL}))

    assert found == listed(listing)
    assert [Question(WEB, rtype) for rtype in asked.split()] == questions  # type: ignore[arg-type] # types


@pytest.mark.parametrize(
    ("family", "pods", "own", "outcome", "found"),
    [
        ("auto", DUAL[2:], None, Outcome.FOUND, DUAL[2:]),
        ("auto", DUAL[:2], "fd00::9", Outcome.FOUND, DUAL[:2]),
        ("ipv4", DUAL[2:], None, Outcome.NODATA, []),
        ("ipv6", DUAL[:2], None, Outcome.NODATA, []),
        ("both", DUAL[:2], None, Outcome.FOUND, DUAL[:2]),
        ("both", DUAL[2:], None, Outcome.FOUND, DUAL[2:]),
        ("auto", [], None, Outcome.NXDOMAIN, []),
        ("both", [], None, Outcome.NXDOMAIN, []),
    ],
)
def test_one_family_is_nodata(
    family: str, pods: list[str], own: str | None, outcome: Outcome, found: list[str]
) -> None:
    """Where a Service has one family, `auto` and `both` find it whichever it is."""
    listing, _ = answered(discovery(family=family, own_ips=own).steps(), FakeResolver({"web": pods}))

    assert (outcome, found) == (listing.outcome, listed(listing))


@pytest.mark.parametrize("family", ["auto", "both"])
def test_nodata_in_both_families(family: str) -> None:
    """A name without any address is NODATA."""
    listing, questions = answered(discovery(family=family).steps(), FakeResolver({"web": Answer(Outcome.NODATA)}))

    assert Outcome.NODATA is listing.outcome
    assert [question.rtype for question in questions] == ["A", "AAAA"]


@pytest.mark.parametrize("other", [Outcome.NODATA, Outcome.NXDOMAIN])
def test_what_the_first_family_says_counts(other: Outcome) -> None:
    """A name without IPv4 exists, whatever the question for IPv6 brings: NODATA, with the TTL of that answer."""
    answers = {"A": Answer(Outcome.NODATA, ttl=5), "AAAA": Answer(other, ttl=7)}
    listing, _ = answered(discovery().steps(), lambda question: answers[question.rtype])

    assert (listing.outcome, listing.ttl) == (Outcome.NODATA, 5)


def test_nxdomain_is_not_asked_for_again() -> None:
    """Where there is no such name, the other family need not be asked."""
    _, questions = answered(discovery().steps(), FakeResolver({"web": []}))

    assert [Question(WEB, "A")] == questions


def test_both_as_complete_as_each() -> None:
    """Of two families the shorter TTL counts, and one that is cut makes the whole incomplete."""
    answers = {
        "A": Answer(Outcome.FOUND, packed("10.0.0.1", "10.0.0.2"), ttl=30),
        "AAAA": Answer(Outcome.FOUND, packed("fd00::1", "fd00::2"), ttl=5, complete=False),
    }
    listing, _ = answered(discovery(family="both").steps(), lambda question: answers[question.rtype])

    assert (listing.ttl, listing.complete) == (5, False)
    assert listed(listing) == DUAL


@pytest.mark.parametrize("own", ["10.0.0.1", "::ffff:10.0.0.1", "10.9.9.9 10.0.0.1"])
def test_own(own: str) -> None:
    """This Pod's own address is left out however it is written, and known."""
    listing, _ = answered(discovery(own_ips=own).steps(), FakeResolver({"web": ["10.0.0.1", "10.0.0.2"]}))

    assert (["10.0.0.2"], packed("10.0.0.1")) == (listed(listing), listing.own)


def test_the_same_again() -> None:
    """A list that comes again is the very same one, whatever its TTL; any other one is not."""
    subject = discovery(own_ips="10.0.0.1")
    everyone, others = packed("10.0.0.1", "10.0.0.2", "127.0.0.1"), packed("10.0.0.2", "10.0.0.3")

    def looked(addresses: frozenset[bytes], ttl: int = 30, *, complete: bool = True) -> Listing:
        answer = Answer(Outcome.FOUND, addresses, ttl, complete=complete)
        return answered(subject.steps(Limits(1)), lambda _: answer)[0]

    first = looked(everyone)
    assert first.outside == packed("127.0.0.1")
    assert looked(everyone) is first
    later = looked(everyone, ttl=7)
    assert later == first._replace(ttl=7)
    assert later.endpoints is first.endpoints
    assert not looked(everyone, complete=False).complete
    for _ in range(2):
        listing = looked(others)
        assert (listing.endpoints, listing.own) == (others, frozenset())
    assert looked(everyone) == first


def test_both_families_of_which_much_is_left_out() -> None:
    """What a sample holds on average is counted without what is left out, and is more than nothing."""
    answers = {
        "A": Answer(Outcome.FOUND, packed(*(f"10.0.0.{n}" for n in range(100)))),
        "AAAA": Answer(Outcome.FOUND, packed(*(f"fd00::{n + 1:x}" for n in range(300))), complete=False),
    }
    subject = discovery(family="both", allowed_networks="10.0.0.0/8,fd00::/120")
    listing, _ = answered(subject.steps(Limits(1)), lambda question: answers[question.rtype])

    assert (listing.sample_size, len(listing.outside)) == (2 * 100 * 355 // 400, 45)


@pytest.mark.parametrize(
    ("networks", "found", "outside"),
    [
        (None, ["10.0.0.1", "192.168.0.1"], ["127.0.0.1", "169.254.0.1"]),
        ("10.0.0.0/8", ["10.0.0.1"], ["127.0.0.1", "169.254.0.1", "192.168.0.1"]),
        ("127.0.0.0/8,169.254.0.0/16", ["127.0.0.1", "169.254.0.1"], ["10.0.0.1", "192.168.0.1"]),
    ],
)
def test_allowed_networks(networks: str | None, found: list[str], outside: list[str]) -> None:
    """What can't be a peer's address is left out, and counted."""
    fake = FakeResolver({"web": ["10.0.0.1", "192.168.0.1", "127.0.0.1", "169.254.0.1"]})
    listing, _ = answered(discovery(allowed_networks=networks).steps(), fake)

    assert (found, packed(*outside)) == (listed(listing), listing.outside)


def test_a_name_too_long() -> None:
    """A Service whose absolute name is too long is refused before anything is asked."""
    with pytest.raises(ConfigError):
        discovery(".".join(["a" * 63] * 2), cluster_domain=".".join(["c" * 63] * 2))


def test_one_odd_answer_changes_no_family() -> None:
    """The family of this Pod, once found, stays: another that answers for a moment brings nobody twice."""
    by = {"A": ["127.0.0.1", "10.0.0.2"], "AAAA": ["::1", "2001:db8::2"]}

    def answer(question: Question) -> Answer:
        return Answer.of(question, by[question.rtype])

    subject = discovery(own=None, allowed_networks="0.0.0.0/0,::/0")
    assert listed(answered(subject.steps(), answer)[0]) == ["10.0.0.2"]
    by["A"] = ["fd00::9"]  # for a moment no IPv4
    assert listed(answered(subject.steps(), answer)[0]) == ["2001:db8::2"]
    by["A"] = ["127.0.0.1", "10.0.0.2"]
    assert listed(answered(subject.steps(), answer)[0]) == ["10.0.0.2"]


def test_lookups_that_overlap_ask_both_families() -> None:
    """A lookup that learns this Pod's family does not mislead one that is under way in another thread."""
    subject = discovery(own=None, allowed_networks="::/0")
    by = {"A": Answer(Outcome.NODATA), "AAAA": Answer.of(Question(WEB, "AAAA"), ["::1", "2001:db8::2"])}
    first, opening = subject.steps(), subject.opening
    assert next(first).question.rtype == "A"
    answered(subject.steps(), lambda question: by[question.rtype])

    assert subject.opening.question.rtype == "AAAA"
    assert first.send(by["A"]).question.rtype == "AAAA"
    listing, _ = answered(subject.steps(begun=by["A"], opening=opening), lambda question: by[question.rtype])
    assert listed(listing) == ["2001:db8::2"]


def test_oneself_is_an_address_that_a_peer_may_have() -> None:
    """A sinkhole that answers 127.0.0.1 does not read as being alone."""
    listing, _ = answered(discovery(own=None).steps(), FakeResolver({"web": ["127.0.0.1", "10.0.0.2"]}))

    assert (listing.own, listed(listing)) == (frozenset(), ["10.0.0.2"])


@pytest.mark.parametrize("own", [(pack_ip("10.0.0.1"),), None])
def test_this_pod_in_a_mapped_form(own: tuple[bytes, ...] | None) -> None:
    """An AAAA record that maps this Pod's IPv4 address is this Pod, given by option or by the environment."""
    mapped = packed("10.0.0.1").union(ip for ip in [bytes(10) + b"\xff\xff" + pack_ip("10.0.0.1")])
    answer = Answer(Outcome.FOUND, frozenset({max(mapped, key=len), pack_ip("fd00::2")}))
    subject = discovery(own=own or (), own_ips=None if own else "10.0.0.1", family="ipv6")

    assert listed(answered(subject.steps(), lambda _: answer)[0]) == ["fd00::2"]


FOREIGN = "wild.example.com."


@pytest.mark.parametrize("family", ["auto", "ipv6", "both"])
def test_a_foreign_alias(family: str) -> None:
    """An alias that leaves the cluster domain counts as NXDOMAIN, whatever addresses it has."""
    answer = Answer(Outcome.FOUND, packed("93.184.216.34"), 30, canonical=FOREIGN)
    listing, _ = answered(discovery(family=family).steps(), lambda _: answer)

    assert (listing.outcome, listing.endpoints, listing.foreign_alias) == (Outcome.NXDOMAIN, frozenset(), FOREIGN)
    assert (listing.ttl, listing.complete) == (30, True)


@pytest.mark.parametrize(
    ("service", "alias", "foreign"),
    [
        ("web", "other.prod.svc.cluster.local.", False),
        ("web.ns.svc.corp.example.", "x.corp.example.", False),
        ("web.ns.svc.corp.example.", "x.CORP.example", False),
        ("web.ns.svc.corp.example.", "xcorp.example.", True),
        ("web.ns.svc.corp.example.", "example.", True),
        ("db.example.com.", "db.cloud.example.net.", False),
        ("tasks.web.", "other.", False),
        ("web.ns.svc.clusterset.local.", "web.ns.svc.cluster.local.", True),
        ("web.ns.svc.default.svc.cluster.local.", "web.ns.svc.cluster.local.", False),
        ("svc.svc.svc.cluster.local.", "svc.example.com.", True),
    ],
)
def test_which_alias_is_foreign(service: str, alias: str, foreign: bool) -> None:
    """A full name has its own cluster domain; one outside any cluster domain follows its aliases freely."""
    answer = Answer(Outcome.FOUND, packed("10.0.0.1", "10.0.0.2"), canonical=alias)
    listing, _ = answered(discovery(service).steps(), lambda _: answer)

    assert bool(listing.foreign_alias) is foreign
    assert bool(listing.endpoints) is not foreign
