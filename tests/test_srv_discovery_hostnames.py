"""Hostnames, which SRV's targets show: of a StatefulSet, of kube-dns, of a multi-cluster Service."""

import pytest

from peerdisco import Answer, Outcome, Peer, Question
from peerdisco._core.addresses import pack_ip
from peerdisco._core.discovery import Discovery
from peerdisco._core.srv_discovery import SrvDiscovery
from peerdisco.answers import SrvTarget
from tests.support.lookups import answered, discovery, named
from tests.support.targets import TARGETS, THREE, WEB, Zone, looked, peers, srv


@pytest.mark.parametrize("label", ["3633646139353861", "363364613935"])
def test_a_hash_is_no_hostname(label: str) -> None:
    """The labels that kube-dns makes up are not reported as hostnames."""
    zone = Zone(["10.0.0.1", "10.0.0.2"], srv({label: ("10.0.0.1",), "web-0": ("10.0.0.2",)}))

    assert [Peer("10.0.0.1", 80), Peer("10.0.0.2", 80, "web-0")] == peers(looked(zone))


@pytest.mark.parametrize("label", ["3633646139353867", "363364613935386161", "3633646139", "36336461393538610"])
def test_what_only_looks_like_a_hash(label: str) -> None:
    """A hostname of other digits, or of more or fewer, is a hostname."""
    assert peers(looked(Zone(["10.0.0.1"], srv({label: ("10.0.0.1",)})))) == [Peer("10.0.0.1", 80, label)]


def test_a_multi_cluster_name() -> None:
    """Endpoints of a multi-cluster Service have the name of their cluster between hostname and Service."""
    service = "web.default.svc.clusterset.local."
    targets = (SrvTarget(f"web-0.west.{service}", 80), SrvTarget(f"10-0-0-2.east.{service}", 80))
    glue = {targets[0].name: (pack_ip("10.0.0.1"),), targets[1].name: (pack_ip("10.0.0.2"),)}

    def by(question: Question) -> Answer:
        if question.rtype == "SRV":
            return Answer(Outcome.FOUND, targets=targets, glue=glue)
        return Answer.of(question, ["10.0.0.1", "10.0.0.2"])

    listing, _ = answered(named(service).steps(), by)

    assert [Peer("10.0.0.1", 80, "web-0"), Peer("10.0.0.2", 80)] == peers(listing)
    assert listing.targets[pack_ip("10.0.0.1")] == f"web-0.west.{service}".removesuffix(".")


def with_hostnames(port: int | str | None = None) -> Discovery:
    """A Discovery that looks up hostnames."""
    return discovery(of=SrvDiscovery, hostnames=True, port=port)


@pytest.mark.parametrize("port", [None, 8080])
def test_hostnames_without_a_named_port(port: int | None) -> None:
    """The bare name's SRV gives the hostnames, target by target where glue is missing; the port is the given one."""
    zone = Zone(THREE, srv({"a": ("10.0.0.1",), "b": ()}), targets=TARGETS)
    listing = looked(zone, with_hostnames(port))

    assert [Peer("10.0.0.1", port, "a"), Peer("10.0.0.2", port, "b"), Peer("10.0.0.3", port)] == peers(listing)
    assert (listing.complete, zone.asked_by_name) == (True, ["b"])
    assert [question.name for question in zone.asked if question.rtype == "SRV"] == [WEB]


@pytest.mark.parametrize("answer", [None, Answer(Outcome.NODATA), Answer(Outcome.NXDOMAIN)])
def test_hostnames_that_can_not_be_had(answer: Answer | None) -> None:
    """A Service whose hostnames DNS does not say is listed without them; those that were known stay."""
    listing = looked(Zone(THREE, answer), with_hostnames())
    assert peers(listing) == [Peer(ip) for ip in THREE]
    assert listing.ttl == 30
    subject = with_hostnames()
    looked(Zone(THREE, srv({"a": ("10.0.0.1",)})), subject)
    if answer is None:
        assert peers(looked(Zone(THREE, None), subject))[0] == Peer("10.0.0.1", None, "a")


def test_hostnames_with_a_named_port() -> None:
    """Targets without glue are asked for, though all share a port; hashes never are."""
    found = srv({"a": ("10.0.0.1",), "b": (), "3633646139353861": ()})
    zone = Zone(THREE, found, targets=TARGETS)
    listing = looked(zone, with_hostnames("http"))

    assert [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.2", 80, "b"), Peer("10.0.0.3", 80)] == peers(listing)
    assert zone.asked_by_name == ["b"]
