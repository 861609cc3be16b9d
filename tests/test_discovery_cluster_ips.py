"""A ClusterIP is told from a single Pod by witnesses, who are asked no more than is needed."""

from collections.abc import Callable

import pytest

from peerdisco import Answer, NotHeadlessError, Outcome, Question
from peerdisco._core.addresses import pack_ip, reverse_name, text_of
from peerdisco._core.listing import Listing
from peerdisco.answers import SrvTarget
from peerdisco.testing import FakeResolver
from tests.support.lookups import answered, discovery

WEB = "web.default.svc.cluster.local."
DUAL = ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"]
HEAD = "10.96.0.7"


def listed(listing: Listing) -> list[str]:
    """The addresses of a listing, as text."""
    return sorted(text_of(ip) for ip in listing.endpoints if isinstance(ip, bytes))


def test_a_cluster_ip_by_srv() -> None:
    """SRV for the bare name whose target is that name gives the ClusterIP away."""
    fake = FakeResolver()
    fake.cluster_ip("web", HEAD)
    with pytest.raises(NotHeadlessError) as raised:
        answered(discovery().steps(), fake)

    assert (raised.value.service, raised.value.address) == (WEB, HEAD)
    assert [Question(WEB, "A"), Question(WEB, "SRV")] == fake.questions


def head(question: Question) -> Answer:
    """A server that answers no SRV for the bare name, as some others than CoreDNS."""
    match question.rtype:
        case "SRV":
            return Answer(Outcome.NODATA)
        case "PTR":
            return Answer(Outcome.FOUND, names=(WEB,))
    return Answer.of(question, [HEAD, "fd00:96::7"])


def test_a_cluster_ip_by_ptr() -> None:
    """Where SRV says nothing, PTR of the address does."""
    asked: list[Question] = []

    def by(question: Question) -> Answer:
        asked.append(question)
        return head(question)

    with pytest.raises(NotHeadlessError, match=HEAD) as raised:
        answered(discovery().steps(), by)

    assert raised.value.service == WEB
    assert [Question(WEB, "A"), Question(WEB, "SRV"), Question(reverse_name(pack_ip(HEAD)), "PTR")] == asked


@pytest.mark.parametrize(("family", "address"), [("both", HEAD), ("ipv6", "fd00:96::7"), ("auto", HEAD)])
def test_a_dual_stack_cluster_ip(family: str, address: str) -> None:
    """A ClusterIP of each family is still a ClusterIP."""
    with pytest.raises(NotHeadlessError) as raised:
        answered(discovery(family=family).steps(), head)

    assert address == raised.value.address


@pytest.mark.parametrize("witness", ["SRV", "PTR"])
def test_the_ipv4_address_is_told_first(witness: str) -> None:
    """The error names the IPv4 address of a dual-stack ClusterIP, whichever sorts first."""

    def by(question: Question) -> Answer:
        if question.rtype in ("SRV", "PTR") and question.rtype != witness:
            return Answer(Outcome.NODATA)
        match question.rtype:
            case "SRV":
                return Answer(Outcome.FOUND, targets=(SrvTarget(WEB, 80),))
            case "PTR":
                return Answer(Outcome.FOUND, names=(WEB,))
        return Answer.of(question, ["2001:db8::7", "172.20.0.10"])

    with pytest.raises(NotHeadlessError) as raised:
        answered(discovery(family="both").steps(), by)

    assert raised.value.address == "172.20.0.10"


@pytest.mark.parametrize("pods", [["10.0.0.1"], ["fd00::1"]])
def test_a_single_pod(pods: list[str]) -> None:
    """A headless Service with one Pod is told from a ClusterIP, with ports or without, and only once."""
    subject = discovery()
    fake = FakeResolver({"web": pods})

    assert pods == listed(answered(subject.steps(), fake)[0])
    before = len(fake.questions)
    assert pods == listed(answered(subject.steps(), fake)[0])
    assert {"A", "AAAA"} >= {question.rtype for question in fake.questions[before:]}


def test_a_verdict_is_of_an_address() -> None:
    """Another single address is asked about again."""
    subject = discovery()
    fake = FakeResolver({"web": ["10.0.0.1"]})
    answered(subject.steps(), fake)
    fake.cluster_ip("web", HEAD)
    with pytest.raises(NotHeadlessError):
        answered(subject.steps(), fake)


def test_srv_that_names_pods() -> None:
    """SRV with the Pods' names proves that the Service is headless: PTR is not asked."""

    def by(question: Question) -> Answer:
        if question.rtype == "SRV":
            return Answer(Outcome.FOUND, targets=(SrvTarget(f"10-0-0-1.{WEB}", 80),))
        return Answer.of(question, ["10.0.0.1"])

    listing, questions = answered(discovery().steps(), by)

    assert listed(listing) == ["10.0.0.1"]
    assert [question.rtype for question in questions] == ["A", "SRV"]


@pytest.mark.parametrize(("pods", "own"), [(["10.0.0.1", "10.0.0.2"], None), (["10.0.0.1"], "10.0.0.1")])
def test_no_witness_is_needed(pods: list[str], own: str | None) -> None:
    """Several addresses, or this Pod's own, can't be a ClusterIP."""
    _, questions = answered(discovery(own_ips=own).steps(), FakeResolver({"web": pods}))

    assert [Question(WEB, "A")] == questions


def test_an_external_name_of_a_cluster_ip() -> None:
    """An alias of a Service with a ClusterIP is no better: the witness is asked about the alias's end."""
    target = "real.default.svc.cluster.local."

    def by(question: Question) -> Answer:
        if question == Question(target, "SRV"):
            return Answer(Outcome.FOUND, targets=(SrvTarget(target, 80),))
        return Answer.of(question, [HEAD])._replace(canonical=target)

    with pytest.raises(NotHeadlessError) as raised:
        answered(discovery().steps(), by)

    assert raised.value.service == WEB


@pytest.mark.parametrize("name", ["db.example.com.", "web-0.web.default.svc.cluster.local."])
def test_a_name_that_is_no_services(name: str) -> None:
    """A host with proper reverse DNS, or a Pod's own name, is not taken for a Service with a ClusterIP."""

    def by(question: Question) -> Answer:
        return Answer(Outcome.FOUND, names=(name,)) if question.rtype == "PTR" else Answer.of(question, [HEAD])

    listing, questions = answered(discovery(name).steps(), by)
    assert (listed(listing), questions) == ([HEAD], [Question(name, "A")])


def kube_dns(names: tuple[str, ...], ips: list[str], label: str = "3633646139353861") -> Callable[[Question], Answer]:
    """A server whose SRV target is one label deeper, a hash, with a ClusterIP as well as without."""

    def by(question: Question) -> Answer:
        if question.rtype == "SRV":
            return Answer(Outcome.FOUND, targets=(SrvTarget(f"{label}.{WEB}", 80),))
        if question.rtype == "PTR":
            return Answer(Outcome.FOUND, names=names) if names else Answer(Outcome.NXDOMAIN)
        return Answer.of(question, ips)

    return by


def test_kube_dns_with_a_cluster_ip() -> None:
    """A target that is neither the Service nor the dashed address proves nothing: PTR does."""
    with pytest.raises(NotHeadlessError, match=HEAD):
        answered(discovery().steps(), kube_dns((WEB,), [HEAD]))


@pytest.mark.parametrize("names", [(f"3633646139353861.{WEB}",), (f"web-0.{WEB}", "other."), ()])
def test_kube_dns_with_one_pod(names: tuple[str, ...]) -> None:
    """A single Pod is listed where PTR names it otherwise, or not at all; the verdict is remembered."""
    subject, by = discovery(), kube_dns(names, ["10.0.0.9"])

    assert listed(answered(subject.steps(), by)[0]) == ["10.0.0.9"]
    assert [question.rtype for question in answered(subject.steps(), by)[1]] == ["A"]


@pytest.mark.parametrize("label", ["10-0-0-9", "10-0-0-9.west"])
def test_a_dashed_target_proves_a_pod(label: str) -> None:
    """A target that is the dashed address, or that in a cluster of several, needs no PTR."""
    listing, questions = answered(discovery().steps(), kube_dns((), ["10.0.0.9"], label))

    assert (listed(listing), [question.rtype for question in questions]) == (["10.0.0.9"], ["A", "SRV"])
