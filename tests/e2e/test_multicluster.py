"""Services of other clusters, by CoreDNS's `multicluster`: `svc.ns.svc.clusterset.local`.

A Pod there is `<hostname or dashed address>.<cluster>.<svc>.<ns>.svc.clusterset.local`, one label deeper than at home.
See https://multicluster.sigs.k8s.io/concepts/multicluster-services-api/.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco import NotHeadlessError, Outcome
from peerdisco.testing import Pod as Member
from tests.e2e.api_server import ApiServer
from tests.e2e.changing import OPTIONS
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import CLUSTERSET, corefile
from tests.e2e.pod import Pod
from tests.e2e.watched import watching
from tests.e2e.ways import in_every_way
from tests.support.both import Discover

HTTP = {"http": 8080}
PARIS, OSLO = ["10.1.0.1", "10.1.0.2"], ["10.2.0.1"]


def full(service: str) -> str:
    """The name of a Service that all clusters of the set share."""
    return f"{service}.default.svc.{CLUSTERSET}."


@pytest.fixture(scope="module")
def server(coredns_binary: Path) -> Iterator[CoreDNS]:
    """A CoreDNS that serves imported Services."""
    with ApiServer() as api, CoreDNS(coredns_binary, corefile(api.url, multicluster=True)) as server:
        api.service_import("web", {"paris": PARIS, "oslo": OSLO}, ports=HTTP)
        api.service_import("one", {"paris": ["10.1.1.1"]}, ports=HTTP)
        api.service_import("one-named", {"paris": [Member("10.1.1.2", "db-0")]}, ports=HTTP)
        api.service_import(
            "sts",
            {
                "paris": [Member("10.1.2.1", "db-0"), Member("10.1.2.2", "db-1")],
                "oslo": [Member(("10.2.2.1", "fd00::2"), "db-0")],
            },
            ports=HTTP,
        )
        api.service_import("empty", {"paris": []}, ports=HTTP)
        api.service_import("vip", {"paris": PARIS}, ips=["10.97.0.1"], ports=HTTP)
        api.headless("web", ["10.0.0.1"])  # of this cluster alone
        settled(server, api)
        yield server


@pytest.fixture
def pod(discover: Discover, server: CoreDNS) -> Pod:
    """A Pod that asks that CoreDNS."""
    return Pod(discover, server)


@in_every_way
def test_pods_of_all_clusters(pod: Pod) -> None:
    """A headless Service lists its Pods of every cluster; the same name in this cluster is another Service."""
    assert pod.look(full("web"), own=PARIS[0]).ips == ("10.1.0.2", "10.2.0.1")
    assert pod.look("web", own=PARIS[0]).ips == ("10.0.0.1",)


@in_every_way
@pytest.mark.parametrize("port", [None, "http"])
@pytest.mark.parametrize(("service", "ip"), [("one", "10.1.1.1"), ("one-named", "10.1.1.2")])
def test_a_single_pod(pod: Pod, service: str, ip: str, port: str | None) -> None:
    """One Pod is no ClusterIP, with a hostname or without, though CoreDNS has no PTR for it (it sends no reply)."""
    assert pod.look(full(service), port=port, timeout=2.0).ips == (ip,)


@in_every_way
def test_named_ports(pod: Pod) -> None:
    """SRV gives each Pod its port, and no dashed address for a name."""
    peers = pod.look(full("web"), own=PARIS[0], port="http")

    assert [(peer.ip, peer.port, peer.name) for peer in peers] == [
        ("10.1.0.2", 8080, None),
        ("10.2.0.1", 8080, None),
    ]


@in_every_way
def test_hostnames(pod: Pod) -> None:
    """A Pod's name is its hostname, which two clusters may share."""
    peers = pod.look(full("sts"), own="10.1.2.1", port="http", family="ipv4")

    assert [(peer.ip, peer.name, peer.ordinal) for peer in peers] == [
        ("10.1.2.2", "db-1", 1),
        ("10.2.2.1", "db-0", 0),
    ]


@in_every_way
def test_families(pod: Pod) -> None:
    """A Service that is dual-stack in one cluster alone lists the addresses of the family that is wanted."""
    assert pod.look(full("sts"), own="10.1.2.1", family="ipv6").ips == ("fd00::2",)
    assert pod.look(full("sts"), own="10.1.2.1", family="both").ips == ("10.1.2.2", "10.2.2.1", "fd00::2")


@in_every_way
@pytest.mark.parametrize("service", ["empty", "nope"])
def test_nobody(pod: Pod, service: str) -> None:
    """An empty Service and a typo have no Pods."""
    assert pod.look(full(service)).outcome is Outcome.NXDOMAIN


@in_every_way
@pytest.mark.parametrize("port", [None, "http"])
def test_a_cluster_set_ip(pod: Pod, port: str | None) -> None:
    """A Service that has an address for the whole set is not headless."""
    with pytest.raises(NotHeadlessError, match=r"10\.97\.0\.1"):
        pod.look(full("vip"), port=port)


def test_watchers(coredns_binary: Path, api: ApiServer) -> None:
    """Watchers follow the Pods of a cluster that joins, and of one that shrinks."""
    with CoreDNS(coredns_binary, corefile(api.url, multicluster=True)) as server:
        api.service_import("web", {"paris": PARIS}, ports=HTTP)
        settled(server, api)
        with watching(full("web"), server.address, **OPTIONS) as watchers:
            for clusters in ({"paris": PARIS}, {"paris": PARIS, "oslo": OSLO}, {"paris": PARIS[:1], "oslo": OSLO}):
                api.service_import("web", clusters, ports=HTTP)
                for watched in watchers:
                    watched.until_listed(ip for members in clusters.values() for ip in members)
