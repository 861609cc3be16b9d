"""This Pod among the addresses listed: by what `POD_IP` says, and by the addresses that its interfaces have."""

from pathlib import Path

import pytest

from peerdisco import Answer, DiscoveryConfig, Question
from peerdisco._core.addresses import pack_ip, text_of
from peerdisco._core.discovery import Discovery
from peerdisco.config import Family
from peerdisco.environment import HostEnvironment, StaticEnvironment
from tests.support.lookups import answered

IPV4 = ["10.0.0.1", "10.0.0.2", "10.0.0.9"]
IPV6 = ["fd00::1", "fd00::2"]


class Host(StaticEnvironment):
    """A host whose `POD_IP` gives some addresses, or none, and whose interfaces have others."""

    def __init__(self, pod_ip: str | None, *interfaces: str) -> None:
        super().__init__(None if pod_ip is None else (pack_ip(pod_ip),))
        self.pod_ips = None if pod_ip is None else (pack_ip(pod_ip),)
        self.interfaces = frozenset(map(pack_ip, interfaces))

    def own_ips(self, config: DiscoveryConfig) -> tuple[bytes, ...] | None:
        """Return what `POD_IP` gives."""
        return self.pod_ips

    def local_among(self, listed: frozenset[bytes]) -> frozenset[bytes]:
        """Return which of these addresses an interface has."""
        return listed & self.interfaces


def own_of(subject: Discovery, listed: list[str]) -> set[str]:
    """This Pod's addresses, as a lookup finds them."""

    def by(question: Question) -> Answer:
        return Answer.of(question, listed)

    listing, _ = answered(subject.steps(), by)
    assert listing.endpoints.isdisjoint(listing.own)
    return {text_of(ip) for ip in listing.own if isinstance(ip, bytes)}


@pytest.mark.parametrize(
    ("family", "listed", "own"),
    [
        ("both", [*IPV4, *IPV6], {"10.0.0.1", "fd00::1"}),
        ("both", IPV6, {"fd00::1"}),
        ("auto", IPV6, {"fd00::1"}),
        ("auto", IPV4, {"10.0.0.1"}),
        ("auto", IPV4[1:], set()),
    ],
)
def test_the_family_that_pod_ip_leaves_out(family: Family, listed: list[str], own: set[str]) -> None:
    """`POD_IP` speaks for its family alone: of the other, what an interface has is this Pod's."""
    host = Host("10.0.0.1", "10.0.0.1", "10.0.0.9", "fd00::1")

    assert own_of(Discovery(DiscoveryConfig("web", family=family), host), listed) == own


def test_an_option_speaks_for_both_families() -> None:
    """Where `own_ips` is given, no interface counts."""
    subject = Discovery(DiscoveryConfig("web", family="both", own_ips="10.0.0.1"), Host(None, "fd00::1"))

    assert own_of(subject, [*IPV4, *IPV6]) == {"10.0.0.1"}


@pytest.mark.parametrize(("listed", "first"), [(IPV4, "A"), (IPV6, "AAAA")])
def test_the_family_of_this_pod_is_asked_for_first(listed: list[str], first: str) -> None:
    """Once this Pod is seen in a list, later lookups begin with that list's family."""
    subject = Discovery(DiscoveryConfig("web"), Host(None, "10.0.0.1", "fd00::1"))
    assert subject.opening.question.rtype == "A"
    own_of(subject, listed)

    assert subject.opening.question.rtype == first


def test_a_namespace_that_is_given_need_not_be_found(tmp_path: Path) -> None:
    """A Service named with its namespace is looked up where nothing else gives one."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    nowhere = HostEnvironment(environ={}, service_account=tmp_path / "none", proc_net=tmp_path / "none")
    config = DiscoveryConfig("web.shop", cluster_domain="cluster.local", resolv_conf=str(tmp_path / "resolv.conf"))

    assert Discovery(config, nowhere).service == "web.shop.svc.cluster.local."
