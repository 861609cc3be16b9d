"""The cluster's Services by way of each server: the same lists as from CoreDNS, or an error that says why not."""

import re
import time

import pytest

from peerdisco import LookupFailed, NotHeadlessError, Outcome
from peerdisco.config import Family
from tests.e2e.cases import ZONE
from tests.e2e.pod import PATIENCE, Pod
from tests.e2e.servers.cluster import COUNTS, ips, sized
from tests.e2e.servers.conftest import Server
from tests.e2e.servers.kinds import REFERENCE
from tests.e2e.servers.wire import Said, says
from tests.e2e.ways import in_every_way, in_two_ways

NOBODY = "192.0.2.1"  # an address of this Pod that is listed nowhere
SIZES = [(version, count) for version in (4, 6) for count in COUNTS if version == 4 or count < 4000]


def said(server: Server, name: str, rtype: str) -> Said:
    """What the server says about a name below `default`."""
    return says(server.port, f"{name}.default.svc.{ZONE}", rtype)


def refuses(server: Server, pod: Pod, service: str, port: str | None) -> str:
    """Look a Service up whose list the server refuses to send, and return the error's message."""
    with pytest.raises(LookupFailed) as raised:  # after all of its timeout, but for a moment
        pod.look(service, own=NOBODY, port=port, timeout=0.5)
    assert raised.value.reason in ("servfail", "truncated")
    assert server.address in str(raised.value)
    return str(raised.value)


@in_two_ways
@pytest.mark.parametrize(("version", "count"), SIZES)
def test_addresses(server: Server, pod: Pod, version: int, count: int) -> None:
    """However many Pods there are, all of them are listed, or the error says that the list may be too large."""
    if said(server, sized(version, count), "A" if version == 4 else "AAAA").records == count:
        peers = pod.look(sized(version, count), own=NOBODY)
        assert peers.ips == tuple(ips(version, count))
        assert peers.complete
    else:
        assert re.search("limit|large|too many|fit", refuses(server, pod, sized(version, count), None))


@in_two_ways
@pytest.mark.parametrize(("version", "count"), [(4, 1), (4, 3), (4, 100), (4, 1000), (6, 100)])
def test_named_ports(server: Server, pod: Pod, version: int, count: int) -> None:
    """Every Pod has its port, also where SRV is cut; where SRV is refused, the error says to give a number."""
    name = sized(version, count)
    addresses, srv = said(server, name, "A" if version == 4 else "AAAA"), said(server, f"_http._tcp.{name}", "SRV")
    if addresses.records == count and srv.records:
        peers = pod.look(name, own=NOBODY, port="http")
        assert [(peer.ip, peer.port) for peer in peers] == [(ip, 8080) for ip in ips(version, count)]
        assert {peer.name for peer in peers} == {None}
    else:
        message = refuses(server, pod, name, "http")
        assert re.search("port.*number", message) or addresses.records < count


@in_two_ways
@pytest.mark.parametrize("server", [REFERENCE, "CoreDNS forward"], indirect=True)
def test_named_ports_past_64_kib(pod: Pod) -> None:
    """Where SRV is cut to a part, the Pods whose record is missing have the port that all others share."""
    peers = pod.look(sized(4, 4000), own=NOBODY, port="http")

    assert [(peer.ip, peer.port) for peer in peers] == [(ip, 8080) for ip in ips(4, 4000)]


@in_every_way
@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("auto", ("10.1.0.2", "10.1.0.3")),
        ("ipv4", ("10.1.0.2", "10.1.0.3")),
        ("ipv6", ("fd00:1::2", "fd00:1::3")),
        ("both", ("10.1.0.2", "10.1.0.3", "fd00:1::2", "fd00:1::3")),
    ],
)
@pytest.mark.parametrize("port", [None, "http"])
def test_families(pod: Pod, family: Family, expected: tuple[str, ...], port: str | None) -> None:
    """A dual-stack Service lists the family that is wanted."""
    assert pod.look("dual", own="10.1.0.1,fd00:1::1", family=family, port=port).ips == expected


@in_every_way
def test_hostnames(server: Server, pod: Pod) -> None:
    """A StatefulSet's Pods have their ports, and their names as far as glue brings them."""
    peers = pod.look("sts", own="10.2.0.0", port="http")
    names = [(peer.name, peer.ordinal) for peer in peers]

    assert [(peer.ip, peer.port) for peer in peers] == [("10.2.0.1", 8080), ("10.2.0.2", 8080)]
    assert names == [("db-1", 1), ("db-2", 2)] or not said(server, "_http._tcp.sts", "SRV").glue
    assert {name for name, _ in names} <= {"db-1", "db-2", None}


@in_every_way
@pytest.mark.parametrize("port", [None, "http"])
def test_a_cluster_ip(pod: Pod, port: str | None) -> None:
    """A ClusterIP is no Pod."""
    with pytest.raises(NotHeadlessError, match=r"10\.96\.0\.1"):
        pod.look("vip", port=port)


@in_every_way
def test_a_single_pod_without_ports(pod: Pod) -> None:
    """One Pod is a list of one; PTR names the Pod, and not the Service."""
    assert pod.look("portless").ips == ("10.3.0.1",)
    assert pod.look("portless", port="http").outcome is Outcome.NODATA


@in_every_way
def test_a_witness_refused(pod: Pod) -> None:
    """A server that refuses PTR for an address outside its zones proves nothing, fails nothing, and costs no time."""
    begun = time.monotonic()

    assert pod.look("outside").ips == ("192.168.1.1",)
    assert time.monotonic() - begun < PATIENCE / 20


@in_every_way
@pytest.mark.parametrize("port", [None, "http"])
@pytest.mark.parametrize("service", ["empty", "nope", f"n3.nope.svc.{ZONE}"])
def test_nobody(pod: Pod, service: str, port: str | None) -> None:
    """An empty Service, a typo and a namespace that does not exist have no Pods."""
    peers = pod.look(service, port=port)

    assert (peers.ips, peers.outcome, peers.complete) == ((), Outcome.NXDOMAIN, True)


@in_every_way
def test_no_such_family(pod: Pod) -> None:
    """A family that no Pod has is NODATA."""
    assert pod.look(sized(4, 3), family="ipv6").outcome is Outcome.NODATA


@in_every_way
def test_an_alias_of_ipv6_pods(pod: Pod) -> None:
    """An alias without IPv4 addresses is NODATA for A, however the server puts that, so AAAA is asked."""
    assert pod.look("alias", timeout=2.0).ips == tuple(ips(6, 3))
