"""kube-dns, as imitated: what it says about Services of every kind, and what is listed of that."""

from collections.abc import Iterator

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from peerdisco import LookupFailed, NotHeadlessError, Outcome
from peerdisco.testing import Pod as Member
from tests.e2e.cases import many
from tests.e2e.changing import OPTIONS, PATIENT
from tests.e2e.pod import Pod
from tests.e2e.watched import watching
from tests.e2e.ways import in_every_way
from tests.support.both import Discover
from tests.support.kube_dns import KubeDns

SVC3 = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
HTTP = {"http": 80}
FULL = "{}.default.svc.cluster.local."


@pytest.fixture
def kube_dns() -> Iterator[KubeDns]:
    """A kube-dns with a Service of each kind."""
    with KubeDns() as server:
        server.cluster_ip("vip", "10.96.0.1", ports=HTTP)
        server.headless("svc3", SVC3, ports=HTTP)
        server.headless("portless", SVC3)
        server.headless("one", ["10.0.0.2"], ports=HTTP)
        server.headless("one-portless", ["10.0.0.2"])
        server.headless("one-named", [Member("10.0.1.2", "web-1")], ports=HTTP)
        server.headless("hosts", [Member(f"10.0.2.{n}", f"web-{n}") for n in range(3)], ports=HTTP)
        server.headless("empty", [], ports=HTTP)
        server.headless("n100", many(4, 100), ports=HTTP)
        server.headless("n1000", many(4, 1000), ports=HTTP)
        yield server


@pytest.fixture
def pod(discover: Discover, kube_dns: KubeDns) -> Pod:
    """A Pod that asks that kube-dns."""
    return Pod(discover, kube_dns)


@pytest.mark.parametrize(
    ("question", "flags", "answer"),
    [
        (f"{FULL.format('vip')} A", "QR AA RD RA", {"10.96.0.1"}),
        (f"{FULL.format('vip')} SRV", "QR AA RD RA", {"10 100 0 3731323963346365.vip.default.svc.cluster.local."}),
        (f"{FULL.format('_http._tcp.vip')} SRV", "QR AA RD RA", {"10 100 80 vip.default.svc.cluster.local."}),
        ("1.0.96.10.in-addr.arpa. PTR", "QR AA RD RA", {"vip.default.svc.cluster.local."}),
        ("1.2.0.10.in-addr.arpa. PTR", "QR AA RD RA", {"web-1.hosts.default.svc.cluster.local."}),
        (f"{FULL.format('one-portless')} SRV", "QR AA RD RA", {"10 100 0 6130663735653534.one-portless"}),
        (f"{FULL.format('_http._tcp.hosts')} SRV", "QR AA RD RA", {f"10 33 80 web-{n}.hosts" for n in range(3)}),
        (f"{FULL.format('_http._tcp.portless')} SRV", "QR RD RA", set()),
        (f"{FULL.format('nope')} A", "QR RD RA", set()),
    ],
)
def test_the_imitation(kube_dns: KubeDns, question: str, flags: str, answer: set[str]) -> None:
    """Flags and records are those that were measured of the real one."""
    name, rtype = question.split()
    port = int(kube_dns.address.rpartition(":")[2])
    reply = dns.query.udp(dns.message.make_query(name, rtype), "127.0.0.1", port=port, timeout=5)
    told = {record.to_text() for rrset in reply.answer for record in rrset}

    assert dns.flags.to_text(reply.flags) == flags
    assert {text.removesuffix(".default.svc.cluster.local.") for text in told} == {
        text.removesuffix(".default.svc.cluster.local.") for text in answer
    }
    assert [rrset.ttl for rrset in reply.answer + reply.authority] == ([30] if answer else [60])
    assert reply.rcode() is (dns.rcode.NOERROR if answer else dns.rcode.NXDOMAIN)


@in_every_way
@pytest.mark.parametrize("port", [None, "http"])
def test_a_cluster_ip(pod: Pod, port: str | None) -> None:
    """A ClusterIP is found out by PTR, since its SRV record looks like a Pod's."""
    with pytest.raises(NotHeadlessError) as raised:
        pod.look("vip", port=port)

    assert raised.value.address == "10.96.0.1"


@in_every_way
@pytest.mark.parametrize(
    ("service", "port", "ip"),
    [
        ("one", None, "10.0.0.2"),
        ("one", "http", "10.0.0.2"),
        ("one-portless", None, "10.0.0.2"),
        ("one-named", None, "10.0.1.2"),
        ("one-named", "http", "10.0.1.2"),
    ],
)
def test_a_single_pod(pod: Pod, service: str, port: str | None, ip: str) -> None:
    """A headless Service with one Pod is listed, with ports or without, with a hostname or without."""
    assert pod.look(service, port=port).ips == (ip,)


@in_every_way
@pytest.mark.parametrize("service", ["svc3", "portless"])
def test_three_pods(pod: Pod, service: str) -> None:
    """Three Pods are two peers."""
    peers = pod.look(service)

    assert peers.ips == ("10.0.0.2", "10.0.0.3")
    assert (peers.outcome, peers.complete, peers.ttl) == (Outcome.FOUND, True, 30)


@in_every_way
def test_a_hash_is_no_name(pod: Pod) -> None:
    """SRV gives each Pod its port; the hash that it points to is no Pod's name."""
    assert [(peer.ip, peer.port, peer.name) for peer in pod.look("svc3", port="http")] == [
        ("10.0.0.2", 80, None),
        ("10.0.0.3", 80, None),
    ]


@in_every_way
def test_hostnames(pod: Pod) -> None:
    """A Pod with a hostname has that for a name."""
    peers = pod.look("hosts", own="10.0.2.0", port="http")

    assert [(peer.ip, peer.port, peer.name, peer.ordinal) for peer in peers] == [
        ("10.0.2.1", 80, "web-1", 1),
        ("10.0.2.2", 80, "web-2", 2),
    ]


@in_every_way
@pytest.mark.parametrize("port", [None, "http"])
@pytest.mark.parametrize("service", ["empty", "nope"])
def test_nobody(pod: Pod, service: str, port: str | None) -> None:
    """NXDOMAIN counts without the AA flag."""
    assert pod.look(service, port=port).outcome is Outcome.NXDOMAIN


@in_every_way
def test_no_such_port(pod: Pod) -> None:
    """A port that no Pod has is NODATA."""
    assert pod.look("portless", port="http").outcome is Outcome.NODATA


@in_every_way
def test_no_such_family(pod: Pod) -> None:
    """NODATA for one family counts without the AA flag, and keeps the other."""
    assert pod.look("svc3", family="ipv6").outcome is Outcome.NODATA
    assert pod.look("svc3", family="both").ips == ("10.0.0.2", "10.0.0.3")


@in_every_way
@pytest.mark.parametrize("count", [100, 1000])
def test_many_pods(pod: Pod, count: int) -> None:
    """What does not fit UDP comes over TCP."""
    peers = pod.look(f"n{count}", own=many(4, 1)[0])

    assert peers.ips == tuple(many(4, count)[1:])
    assert peers.complete


@in_every_way
def test_a_hundred_ports(pod: Pod) -> None:
    """A hundred Pods have their port."""
    peers = pod.look("n100", own=many(4, 1)[0], port="http")

    assert [(peer.ip, peer.port) for peer in peers] == [(ip, 80) for ip in many(4, 100)[1:]]


@in_every_way
def test_more_ports_than_fit(pod: Pod) -> None:
    """Of a thousand Pods no port can be had by name: the error says to give a number, and a number works."""
    with pytest.raises(LookupFailed, match=r"port.*number") as raised:
        pod.look("n1000", port="http", timeout=3.0)

    assert raised.value.reason == "servfail"
    assert len(pod.look("n1000", port=80)) == 1000


def test_watchers_and_a_cluster_ip(kube_dns: KubeDns) -> None:
    """Watchers never list a ClusterIP, and list the Pods once the Service has become headless."""
    with watching(FULL.format("vip"), kube_dns.address, **PATIENT) as watchers:
        for watched in watchers:
            for _ in range(3):
                with pytest.raises(NotHeadlessError):
                    watched.refresh()
            assert not watched.now()
        kube_dns.headless("vip", SVC3[:1], ports=HTTP)
        for watched in watchers:
            watched.until_listed(SVC3[:1])


def test_watchers_while_pods_come_and_go(kube_dns: KubeDns) -> None:
    """Watchers follow a Service through every size."""
    with watching(FULL.format("svc3"), kube_dns.address, **OPTIONS) as watchers:
        for count in (3, 100, 1, 0, 1000):
            kube_dns.headless("svc3", many(4, count), ports=HTTP)
            for watched in watchers:
                watched.until_listed(many(4, count))


def test_watchers_keep_their_list(kube_dns: KubeDns) -> None:
    """Watchers by port name keep their list when the Service outgrows what SRV can hold."""
    kube_dns.headless("web", many(4, 100), ports=HTTP)
    with watching(FULL.format("web"), kube_dns.address, **(PATIENT | {"port": "http"})) as watchers:
        for watched in watchers:
            watched.until_listed(many(4, 100))
        kube_dns.headless("web", many(4, 1000), ports=HTTP)
        for watched in watchers:
            for _ in range(2):
                with pytest.raises(LookupFailed, match=r"port.*number"):
                    watched.refresh()
            assert watched.now() == set(many(4, 100))
            assert watched.peers().stale
