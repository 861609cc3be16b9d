"""The story with its own names and addresses, told to sync and async by a real CoreDNS."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco import LookupFailed, NotHeadlessError, Outcome, Peer
from tests.e2e.api_server import ApiServer
from tests.e2e.cases import many
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile
from tests.support.both import Discover, sync_and_async

PODS = ("200.96.0.59", "200.96.1.50", "200.96.2.24")
OWN = PODS[0]
TIMEOUT = 1.0
LATE = 0.5  # seconds: how long a thread may have to wait for a busy machine

pytestmark = sync_and_async


@pytest.fixture(scope="module")
def server(coredns_binary: Path) -> Iterator[CoreDNS]:
    """The story's cluster, and a Service of 5000 Pods."""
    with ApiServer() as api, CoreDNS(coredns_binary, corefile(api.url)) as server:
        api.headless("test-cs-svc", PODS, ports={"80-80": 80})
        api.cluster_ip("test-cs-svc-head", "200.68.238.114", ports={"80-80": 80}, pods=PODS)
        api.headless("many", many(4, 5000), ports={"80-80": 80})
        settled(server, api)
        yield server


@pytest.fixture
def resolv_conf(tmp_path: Path) -> Path:
    """What the kubelet writes into each Pod."""
    path = tmp_path / "resolv.conf"
    search = "default.svc.cluster.local svc.cluster.local cluster.local eu-central-1.compute.internal"
    path.write_text(f"nameserver 200.64.0.10\nsearch {search}\noptions ndots:5\n")
    return path


def test_from_each_pod(discover: Discover, server: CoreDNS, resolv_conf: Path) -> None:
    """The bare name gives each Pod the two others, sorted, and itself as its own."""
    for own in PODS:
        peers = discover(
            "test-cs-svc", namespace="default", resolv_conf=resolv_conf, nameservers=server.address, own_ips=own
        )

        assert tuple(ip for ip in PODS if ip != own) == peers.ips
        assert Peer(own) == peers.own
        assert (peers.outcome, peers.complete, peers.ttl) == (Outcome.FOUND, True, 30)
        assert peers.service == "test-cs-svc.default.svc.cluster.local."


def test_as_promised(discover: Discover, server: CoreDNS) -> None:
    """From 200.96.0.59 the peers are exactly 200.96.1.50 and 200.96.2.24."""
    peers = discover("test-cs-svc.default", cluster_domain="cluster.local", nameservers=server.address, own_ips=OWN)

    assert peers.ips == ("200.96.1.50", "200.96.2.24")


def test_with_a_head(discover: Discover, server: CoreDNS) -> None:
    """The ClusterIP is no Pod, and the error names it."""
    with pytest.raises(NotHeadlessError, match=r"200\.68\.238\.114") as raised:
        discover("test-cs-svc-head.default.svc.cluster.local", nameservers=server.address, own_ips=OWN)

    assert raised.value.address == "200.68.238.114"
    assert raised.value.service == "test-cs-svc-head.default.svc.cluster.local."


def test_with_5000_pods(discover: Discover, server: CoreDNS) -> None:
    """More come back than one answer can hold, and it is said that they may not be all."""
    every = many(4, 5000)
    peers = discover("many.default.svc.cluster.local", nameservers=server.address, own_ips=every[0])

    assert len(peers) > 4093
    assert set(peers.ips) <= set(every[1:])
    assert not peers.complete


def test_dns_stopped(discover: Discover, api: ApiServer, coredns: CoreDNS) -> None:
    """Without CoreDNS the lookup fails within its time, and says where it asked."""
    api.headless("test-cs-svc", PODS)
    settled(coredns, api)
    coredns.stop()
    begun = time.monotonic()

    with pytest.raises(LookupFailed, match=coredns.address) as raised:
        discover("test-cs-svc.default.svc.cluster.local", nameservers=coredns.address, timeout=TIMEOUT)

    assert time.monotonic() - begun < TIMEOUT + LATE
    assert raised.value.reason == "refused"


def test_dns_back(discover: Discover, api: ApiServer, coredns: CoreDNS) -> None:
    """A CoreDNS that was killed and is back answers as before."""
    api.headless("test-cs-svc", PODS)
    settled(coredns, api)
    coredns.kill()
    coredns.restart()
    peers = discover("test-cs-svc.default.svc.cluster.local", nameservers=coredns.address, own_ips=OWN)

    assert peers.ips == ("200.96.1.50", "200.96.2.24")
