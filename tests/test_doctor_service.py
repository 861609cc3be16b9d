"""The doctor's groups *is it headless*, *who is there* and *me*: what is concluded from answers."""

import pytest

from peerdisco._core.addresses import pack_ip, reverse_name
from peerdisco._core.listing import Listing
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.cli._doctor_observations import Fact, Observations, Probe, ServerSight, namespace_question, own_question
from peerdisco.errors import LookupFailed, NotHeadlessError, Reason
from tests.support.checkups import (
    FIRST,
    IN_A_POD,
    OVER_TCP,
    REPLY,
    WEB,
    addresses,
    checks,
    described,
    healthy,
    listing,
    problems,
)

NOBODY = Listing(Outcome.NXDOMAIN, frozenset())
NEED_A_LIST = ("who", "me")
FOREIGN = Probe(rcode="NOERROR", records=("db.example.com.",))


def with_verdict(verdict: Listing | LookupFailed | NotHeadlessError, **said: Answer) -> Observations:
    """What is seen where all is well but the lookup; `said` has answers about the Service's name by type."""
    seen = healthy()
    answers = dict(seen.said) | {Question(WEB, rtype): answer for rtype, answer in said.items()}  # type: ignore[arg-type] # the tests' own words
    return seen._replace(verdict=verdict, named=verdict, said=answers)


# -- is it headless --


def test_a_headless_service() -> None:
    """Several addresses in one family prove it."""
    assert [check.code for check in checks(healthy(), "headless")] == ["namespace-exists", "headless"]
    assert "2 addresses, not one" in described(healthy(), "headless")


def test_a_cluster_ip() -> None:
    """A ClusterIP fails each group that needs a list, by one code."""
    seen = with_verdict(NotHeadlessError(WEB, "10.96.0.7"))

    for group in ("headless", *NEED_A_LIST):
        assert problems(seen, group) == [("not-headless", "error")]
    assert "10.96.0.7" in described(seen, "not-headless")


@pytest.mark.parametrize("reason", ["timeout", "servfail", "refused", "malformed", "truncated", "no_nameserver"])
def test_no_answer(reason: Reason) -> None:
    """A lookup without an answer has its reason for a code, and the advice of the exception."""
    error = LookupFailed(f"{WEB} A", reason)
    seen = with_verdict(error)
    code = reason.replace("_", "-")

    for group in ("headless", *NEED_A_LIST):
        assert problems(seen, group) == [(code, "error")]
    assert checks(seen, "headless")[0].hint.startswith(error.advice)


def test_nobody() -> None:
    """A name that DNS lacks is a typo or has no ready Pod; this Pod is not listed either."""
    seen = with_verdict(NOBODY)

    assert problems(seen, "headless") == [("no-ready-pods-or-typo", "error")]
    assert problems(seen, "who") == [("no-ready-pods-or-typo", "error")]
    assert problems(seen, "me") == [("self-not-listed", "warning")]
    assert "publishNotReadyAddresses" in next(check.hint for check in checks(seen, "me"))


def test_a_namespace_that_does_not_exist() -> None:
    """Where DNS lacks the namespace as well, that is the mistake; where it does not say, that is not known."""
    seen = with_verdict(NOBODY)
    missing = seen._replace(said={namespace_question(WEB): Answer(Outcome.NXDOMAIN)})
    unknown = seen._replace(said={namespace_question(WEB): LookupFailed("", "timeout")})

    assert problems(missing, "headless") == problems(missing, "who") == [("no-such-namespace", "error")]
    assert [check.code for check in checks(unknown, "headless")] == ["no-ready-pods-or-typo"]


def test_a_name_outside_kubernetes() -> None:
    """Outside a Pod, a name may be one that only looks like a Service's; or a final dot may be one too many."""
    seen = with_verdict(NOBODY)
    outside = seen._replace(place=IN_A_POD._replace(kubernetes="", hosts_file="none"))
    absolute = outside._replace(place=outside.place._replace(service="web."))
    in_a_pod, with_a_dot, as_it_stands = (
        next(check.hint for check in checks(each, "headless") if check.code == "no-ready-pods-or-typo")
        for each in (seen, outside, absolute)
    )

    assert "with a dot" in with_a_dot
    assert "with a dot" not in in_a_pod
    assert "leave out the final dot" in as_it_stands
    assert "publishNotReadyAddresses" not in as_it_stands


def test_a_plain_name() -> None:
    """A name that is no Service's is listed as it is."""
    seen = healthy()._replace(place=IN_A_POD._replace(service="tasks.web."))

    assert "no Kubernetes Service's name" in described(seen, "headless")


def test_no_address_of_the_family() -> None:
    """A name that lacks the wanted family shows what each family has."""
    has = Answer(Outcome.FOUND, addresses("10.0.0.2"))
    seen = with_verdict(Listing(Outcome.NODATA, frozenset()), A=has, AAAA=Answer(Outcome.NODATA))

    for group in ("headless", "who"):
        assert problems(seen, group) == [("no-data", "error")]
    assert "(A: 1, AAAA: none)" in described(seen, "no-data")


def test_a_foreign_alias() -> None:
    """An alias out of the cluster fails, whether DNS follows it or not; a CNAME record shows an ExternalName."""
    followed = with_verdict(NOBODY._replace(foreign_alias="db.example.com."))
    broken = with_verdict(LookupFailed(f"{WEB} A", "servfail"))._replace(alias=FOREIGN)

    for seen in (followed, broken, followed._replace(alias=FOREIGN)):
        for group in ("headless", "who"):
            assert problems(seen, group) == [("foreign-alias", "error")]
    assert "autopath" in described(followed, "foreign-alias")
    assert "autopath" not in described(followed._replace(alias=FOREIGN), "foreign-alias")


def test_an_alias_inside_the_cluster() -> None:
    """An alias that leads to Pods is told, and is fine."""
    seen = healthy()._replace(alias=Probe(rcode="NOERROR", records=(f"other.{WEB}",)))

    assert problems(seen, "headless") == []
    assert f"other.{WEB}" in described(seen, "alias")


def test_a_single_address() -> None:
    """One address is a Pod's where it is this Pod's or a witness says so; else nothing is proven."""
    one = listing("10.0.0.2")._replace(own=frozenset())
    by_srv = with_verdict(one, SRV=Answer(Outcome.FOUND, targets=(SrvTarget("10-0-0-2." + WEB, 0),)))
    by_ptr = with_verdict(one)
    pointer = {Question(reverse_name(pack_ip("10.0.0.2")), "PTR"): Answer(Outcome.FOUND, names=("x." + WEB,))}
    mine = with_verdict(listing(own="10.0.0.1"))

    assert "this Pod's" in described(mine, "headless")
    for seen in (by_srv, by_ptr._replace(said=by_ptr.said | pointer)):  # type: ignore[operator] # it is a dict
        assert "no ClusterIP, by SRV or PTR" in described(seen, "headless")
    assert problems(by_ptr, "headless") == [("headless-unproven", "warning")]


# -- who is there --


def test_who_is_listed() -> None:
    """The list is described: how many, families, size, TTL, hostnames."""
    told = {check.code: check.description for check in checks(healthy(), "who")}

    assert told == {
        "listed": "1 peer and this Pod: 10.0.0.1, 10.0.0.2",
        "families": "addresses by family: A: 2",
        "complete": "the list is complete: 100 bytes over UDP",
        "ttl": "caches may keep this for 30 s, for which a new Pod may be unseen",
        "hostnames": "no Pod has a hostname (a StatefulSet's Pods have, behind its governing Service)",
    }


def test_many() -> None:
    """Of a long list the beginning is shown."""
    many = listing(*(f"10.0.1.{n}" for n in range(20)))

    assert described(with_verdict(many), "listed").endswith("10.0.1.3 and 16 more")


def test_alone() -> None:
    """A Pod that is listed alone is told so."""
    assert problems(with_verdict(listing()), "who") == [("alone", "warning")]


def test_an_incomplete_list() -> None:
    """A list that is cut is counted as a least number, and what it lacks may be there."""
    cut = listing("10.0.0.2")._replace(own=frozenset(), complete=False, cut=True)
    seen = with_verdict(cut)

    assert ("incomplete", "warning") in problems(seen, "who")
    assert described(seen, "listed") == "at least 1 peer, and not this Pod: 10.0.0.2"
    assert "the part of the list that is known" in described(seen, "self-not-listed")


def test_how_the_list_came() -> None:
    """A list that does not fit UDP comes over TCP; the size of a denial is not the list's."""
    cut = ServerSight(FIRST, (REPLY._replace(is_cut=True),), OVER_TCP)
    denied = ServerSight(FIRST, (REPLY._replace(records=()),), OVER_TCP)

    assert described(healthy()._replace(sights=(cut,)), "complete").endswith("it comes over TCP")
    assert described(healthy()._replace(sights=(denied,)), "complete") == "the list is complete"


def test_dropped_addresses_and_stale_answers() -> None:
    """Addresses that may not be a peer's are told of, and so is an answer that is too old."""
    odd = listing("10.0.0.2")._replace(outside=addresses("127.0.0.1"))
    stale = ServerSight(FIRST, (REPLY._replace(is_stale=True),), OVER_TCP)
    seen = with_verdict(odd)._replace(sights=(stale,))

    assert problems(seen, "who") == [("dropped-addresses", "warning"), ("stale", "warning")]


def test_a_named_port() -> None:
    """A named port is shown with how many have it; one that nobody has is an error."""
    ported = frozenset({(pack_ip("10.0.0.2"), 8080, "web-1")})
    seen = healthy()._replace(port="http", named=listing()._replace(endpoints=ported, own=frozenset()))
    missing = seen._replace(named=Listing(Outcome.NODATA, frozenset()))

    assert described(seen, "named-port") == "port 'http' is 8080, on 1 of 2 addresses"
    assert described(seen, "hostnames") == "hostnames: web-1"
    assert problems(missing, "who") == [("no-data", "error")]


def test_ports() -> None:
    """The ports that SRV shows are told; SRV that gets no answer fails only a named port."""
    seen = with_verdict(
        listing("10.0.0.2"), SRV=Answer(Outcome.FOUND, targets=(SrvTarget("a." + WEB, 80), SrvTarget("b." + WEB, 0)))
    )
    silent = seen._replace(named=LookupFailed(f"{WEB} SRV", "timeout"))

    assert described(seen, "ports") == "ports of the Service: 80"
    assert problems(silent, "who") == []
    assert "not known" in described(silent, "hostnames")
    assert problems(silent._replace(port="http"), "who") == [("timeout", "error")]
    assert problems(seen._replace(named=NotHeadlessError(WEB, None)), "who") == []


# -- me --


def test_this_pod_is_listed() -> None:
    """A Pod that is listed sees its address."""
    assert described(healthy(), "self-listed").startswith("this Pod is listed as 10.0.0.1:")


def not_listed(*pointers: str) -> Observations:
    """What is seen where this Pod is not listed, and its address has these names."""
    seen = with_verdict(listing("10.0.0.2")._replace(own=frozenset()))
    answer = Answer(Outcome.FOUND if pointers else Outcome.NXDOMAIN, names=pointers)
    return seen._replace(said={own_question(pack_ip("10.0.0.1")): answer})


def test_why_this_pod_is_not_listed() -> None:
    """The Services that list its address show whether it is not ready or not selected."""
    for seen in (not_listed(), not_listed("x.other.shop.svc.cluster.local.")):
        assert problems(seen, "me") == [("self-not-listed", "warning")]
    assert "in no Service, as while a Pod is not ready" in described(not_listed(), "self-not-listed")
    assert "in other.shop, so the Service does not select it" in described(
        not_listed("x.other.shop.svc.cluster.local."), "self-not-listed"
    )
    refused = {own_question(pack_ip("10.0.0.1")): LookupFailed("", "servfail")}
    assert "in no Service" in described(not_listed()._replace(said=refused), "self-not-listed")
    assert described(not_listed()._replace(said={}), "self-not-listed").endswith("no listed address is 10.0.0.1")
    unknown = not_listed()._replace(place=IN_A_POD._replace(own=Fact(), own_packed=()))
    assert described(unknown, "self-not-listed").endswith("no listed address is this host's")
