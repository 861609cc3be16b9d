"""Peers by the name of a port: SRV's targets, their glue, and what stands in where that was cut."""

from collections.abc import Iterator

import pytest

from peerdisco import NotHeadlessError, Outcome, Peer, PeerSet
from peerdisco.config import Family
from peerdisco.testing import LocalCluster, Pod
from tests.support.both import Discover, ips, sync_and_async

WEB = "web.default.svc.cluster.local."


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A cluster without a Service."""
    with LocalCluster(seed=3) as cluster:
        yield cluster


def seen(found: PeerSet) -> list[tuple[str, int | None, str | None]]:
    """All that is known of each peer."""
    return [(peer.ip, peer.port, peer.name) for peer in found]


@sync_and_async
def test_a_stateful_set(discover: Discover, cluster: LocalCluster) -> None:
    """Pods with hostnames are found with port, name and ordinal, and this Pod is left out, for two questions."""
    cluster.headless("web", [Pod(f"10.0.0.{n + 1}", f"web-{n}") for n in range(3)], ports={"http": 8080, "admin": 9})
    found = discover("web", port="http", own_ips="10.0.0.1", **cluster.options)

    assert seen(found) == [("10.0.0.2", 8080, "web-1"), ("10.0.0.3", 8080, "web-2")]
    assert [peer.ordinal for peer in found] == [1, 2]
    assert Peer("10.0.0.1", 8080, "web-0") == found.own
    assert found[0].netloc() == "10.0.0.2:8080"
    assert [(WEB, "A", "udp"), (f"_http._tcp.{WEB}", "SRV", "udp")] == list(cluster.questions)


@sync_and_async
def test_a_deployment(discover: Discover, cluster: LocalCluster) -> None:
    """A name that is only the address with dashes is no hostname."""
    cluster.headless("web", ["10.0.0.1", "10.0.0.2", "fd00::"], ports={"http": 8080})
    found = discover("web", port="http", family="both", own_ips="10.9.9.9", **cluster.options)

    assert seen(found) == [("10.0.0.1", 8080, None), ("10.0.0.2", 8080, None), ("fd00::", 8080, None)]


@sync_and_async
@pytest.mark.parametrize("hostnames", [True, False])
def test_a_thousand_pods(discover: Discover, cluster: LocalCluster, hostnames: bool) -> None:
    """Where glue was cut, everyone is found all the same, and the list is complete."""
    every = ips(1000)
    cluster.headless(
        "web", [Pod(ip, f"web-{n}" if hostnames else None) for n, ip in enumerate(every)], ports={"http": 80}
    )
    found = discover("web", port="http", own_ips=every[0], timeout=10, **cluster.options)

    assert set(every[1:]) == set(found.ips)
    # Hostnames come as far as glue brings them.
    names = {peer.ip: peer.name for peer in found if peer.name}
    assert {ip: f"web-{n}" for n, ip in enumerate(every) if ip in names} == names
    assert (100 < len(names) < 999) if hostnames else not names
    assert {80} == {peer.port for peer in found}
    assert found.complete
    assert len(cluster.questions) <= 4


@sync_and_async
@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("auto", ["10.0.0.1", "10.0.0.2"]),
        ("ipv6", ["fd00::1", "fd00::2"]),
        ("both", ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"]),
    ],
)
@pytest.mark.parametrize("hostname", ["web-", None])
def test_dual_stack(
    discover: Discover, cluster: LocalCluster, family: Family, expected: list[str], hostname: str | None
) -> None:
    """SRV lists both families; the wanted ones are kept."""
    pods = [Pod((f"10.0.0.{n}", f"fd00::{n}"), hostname and f"{hostname}{n}") for n in (1, 2)]
    cluster.headless("web", pods, ports={"http": 80})
    found = discover("web", port="http", family=family, own_ips="10.9.9.9", **cluster.options)

    assert expected == list(found.ips)


@sync_and_async
def test_no_such_port(discover: Discover, cluster: LocalCluster) -> None:
    """A Service that is there but has no port of that name is NODATA; one that is not is NXDOMAIN."""
    cluster.headless("web", ["10.0.0.1"], ports={"metrics": 9090})
    cluster.headless("portless", ["10.0.0.1"])

    assert discover("web", port="http", own_ips="10.9.9.9", **cluster.options).outcome is Outcome.NODATA
    assert discover("portless", port="http", **cluster.options).outcome is Outcome.NODATA
    assert discover("typo", port="http", **cluster.options).outcome is Outcome.NXDOMAIN


@sync_and_async
def test_a_cluster_ip(discover: Discover, cluster: LocalCluster) -> None:
    """SRV of a Service with a ClusterIP points to the Service itself."""
    cluster.cluster_ip("web", "10.96.0.7", ports={"http": 80})
    with pytest.raises(NotHeadlessError) as raised:
        discover("web", port="http", **cluster.options)

    assert raised.value.address == "10.96.0.7"
