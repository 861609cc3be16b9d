"""What CoreDNS says of Services of every kind, as peers: the cases that a client must pass, by their numbers.

The numbers go on in `test_sizes` (9, 10), `test_names` (13 to 15), and, where answers change, `test_outages` (8 again),
`test_caches` and `test_replicas` (16).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peerdisco import LookupFailed, NotHeadlessError, Outcome
from tests.e2e.api_server import ApiServer, Endpoint
from tests.e2e.cases import ZONE, declare_kinds, many
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import UPSTREAM, cached, corefile, upstream
from tests.e2e.pod import FAILING, OWN, Pod
from tests.e2e.ways import in_every_way
from tests.support.both import Discover

WEB = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
AUTOPATH = f"autopath @kubernetes\n{UPSTREAM}"
PLUGINS: dict[str, Callable[[str], str]] = {  # which change how CoreDNS answers, and must not change what is listed
    "plain": corefile,
    "cache": lambda url: corefile(url, plugins=cached(30)),
    "minimal": lambda url: corefile(url, plugins="minimal"),
    "autopath": lambda url: corefile(url, plugins=AUTOPATH) + upstream(),
    "multicluster": lambda url: corefile(url, multicluster=True),
    "all": lambda url: corefile(url, plugins=f"{cached(30)}\nminimal\n{AUTOPATH}", multicluster=True) + upstream(),
}

pytestmark = in_every_way


@pytest.fixture(scope="module", params=PLUGINS)
def server(request: pytest.FixtureRequest, coredns_binary: Path) -> Iterator[CoreDNS]:
    """A CoreDNS that serves one Service of each kind, with some plugins."""
    with ApiServer() as api, CoreDNS(coredns_binary, PLUGINS[request.param](api.url)) as server:
        api.pod("client", "127.0.0.1")
        declare_kinds(api)
        settled(server, api)
        yield server


@pytest.fixture
def has_glue(request: pytest.FixtureRequest) -> bool:
    """Whether the server sends the addresses of SRV targets along."""
    return request.node.callspec.params["server"] not in ("minimal", "all")


@pytest.fixture
def pod(discover: Discover, server: CoreDNS) -> Pod:
    """A Pod that asks that CoreDNS."""
    return Pod(discover, server)


def test_ready_endpoints(pod: Pod) -> None:
    """Case 1: three ready endpoints are three addresses, minus this Pod's own."""
    peers = pod.look("web")

    assert WEB[1:] == peers.ips
    assert str(peers.own) == OWN


@pytest.mark.parametrize("service", ["empty", "unready", "nope", f"web.nope.svc.{ZONE}"])
@pytest.mark.parametrize("port", [None, "http"])
def test_nobody(pod: Pod, service: str, port: str | None) -> None:
    """Case 2: an empty, an unready and a missing Service have no peers, and that is no error."""
    peers = pod.look(service, port=port)

    assert (peers.ips, peers.outcome, peers.complete) == ((), Outcome.NXDOMAIN, True)


def test_portless(pod: Pod) -> None:
    """Case 3: a headless Service needs no port, and one that is asked for is not there."""
    assert WEB[1:] == pod.look("portless").ips
    assert pod.look("portless", port="http").outcome is Outcome.NODATA


def test_ports_by_name(pod: Pod) -> None:
    """Case 4: SRV gives each Pod its port; a Deployment's Pods have no hostname."""
    assert [(peer.ip, peer.port, peer.name) for peer in pod.look("web", port="metrics")] == [
        ("10.0.0.2", 9090, None),
        ("10.0.0.3", 9090, None),
    ]


def test_hostnames(pod: Pod, has_glue: bool) -> None:
    """Case 4: a StatefulSet's Pods have their names, as far as glue brings them."""
    peers = pod.look("sts", own="10.3.0.0", port="sql")

    assert [(peer.ip, peer.port) for peer in peers] == [("10.3.0.1", 5432), ("10.3.0.2", 5432)]
    assert [(peer.name, peer.ordinal) for peer in peers] == [("db-1", 1), ("db-2", 2)] or not has_glue
    assert {peer.name for peer in peers} <= {"db-1", "db-2", None}


def test_two_names_for_one_ip(pod: Pod, has_glue: bool) -> None:
    """Case 4: two names for one address are one peer."""
    (peer,) = pod.look("shared", port="x")

    assert (peer.ip, peer.port) == ("10.5.0.1", 1)
    assert peer.name == "a" or not has_glue


@pytest.mark.parametrize("version", [4, 6])
def test_ports_of_a_thousand(discover: Discover, api: ApiServer, coredns: CoreDNS, version: int) -> None:
    """Case 4: a thousand Pods have their ports, though most of the glue was cut off."""
    every = [ip.replace("10.200.", "10.2.") for ip in many(version, 1000)]
    api.headless("web", every, ports={"http": 8080})
    settled(coredns, api)
    peers = Pod(discover, coredns).look("web", own=every[0], port="http")

    assert [(ip, 8080) for ip in every[1:]] == [(peer.ip, peer.port) for peer in peers]
    assert peers.complete


@pytest.mark.parametrize("port", [None, "http"])
@pytest.mark.parametrize(
    ("service", "address"),
    [("vip", "10.96.0.1"), ("vip-dual", "10.96.0.2"), ("vip-v6", "fd00:96::3")],
)
def test_cluster_ips(pod: Pod, service: str, address: str, port: str | None) -> None:
    """Case 5: a ClusterIP is told from a Pod, with endpoints or without, in one family or two."""
    with pytest.raises(NotHeadlessError) as raised:
        pod.look(service, port=port)

    assert address == raised.value.address


def test_a_cluster_ip_with_endpoints(discover: Discover, api: ApiServer, coredns: CoreDNS) -> None:
    """Case 5: endpoints behind a ClusterIP do not make it headless."""
    api.cluster_ip("vip", ["10.96.0.9", "fd00:96::9"], pods=[*WEB, "fd00::9"], ports={"http": 80})
    settled(coredns, api)
    for family in ("auto", "ipv4", "both"):
        with pytest.raises(NotHeadlessError, match=r"10\.96\.0\.9"):
            Pod(discover, coredns).look("vip", family=family)


@pytest.mark.parametrize("service", ["partly", "published", "shared", "sts-dual", f"web.other.svc.{ZONE}"])
def test_one_pod_is_no_cluster_ip(pod: Pod, service: str) -> None:
    """Case 5: a headless Service that has a single Pod is headless, with ports or without."""
    assert len(pod.look(service)) == 1


def test_families(pod: Pod) -> None:
    """Case 6: NODATA for one family keeps the other; of a dual-stack Pod's addresses one is its peer's."""
    assert WEB[1:] == pod.look("web", family="both").ips
    assert pod.look("web", own="fd00::1").ips == WEB
    assert pod.look("web", family="ipv6").outcome is Outcome.NODATA
    assert pod.look("v6").ips == ("2001:db8::1:0:0:1", "fd00:6::", "fd00:6::1")
    assert pod.look("dual", own="10.1.0.1").ips == ("10.1.0.2",)
    assert pod.look("dual", own="fd00::1").ips == ("fd00::2",)
    assert pod.look("dual", own="10.1.0.1,fd00::1", family="both").ips == ("10.1.0.2", "fd00::2")


def test_aliases(pod: Pod) -> None:
    """Case 7: an ExternalName's chain is followed, to Pods, to nobody, and to a ClusterIP."""
    assert WEB[1:] == pod.look("ext-web").ips == pod.look("ext-ext").ips
    assert pod.look("ext-v6").ips == pod.look("v6").ips
    assert pod.look("ext-empty").ips == pod.look("ext-missing").ips == ()
    assert pod.look("ext-self").ips == pod.look("ext-ping").ips == ()
    with pytest.raises(NotHeadlessError, match=r"10\.96\.0\.2"):
        pod.look("ext-vip")


def test_an_alias_out_of_the_cluster(discover: Discover, api: ApiServer, coredns: CoreDNS) -> None:
    """Case 7: an alias that leads out of the cluster domain has no Pods, whatever is there."""
    api.external_name("ext", "db.example.com")
    settled(coredns, api)

    assert Pod(discover, coredns).look("ext").outcome is Outcome.NXDOMAIN


def test_unsynced(discover: Discover, coredns_binary: Path, api: ApiServer) -> None:
    """Case 8: a CoreDNS that has not heard from the API server can't say who is there, and that is not nobody."""
    api.headless("web", WEB)
    with (
        api.paused(),
        CoreDNS(coredns_binary, corefile(api.url), synced=False) as unsynced,
        pytest.raises(LookupFailed) as raised,
    ):
        Pod(discover, unsynced).look("web", timeout=FAILING)

    assert raised.value.reason == "servfail"


def test_conditions(discover: Discover, api: ApiServer, coredns: CoreDNS) -> None:
    """Case 11: only `ready` counts, null is ready, a terminating Pod has left, publishNotReadyAddresses lists all."""
    pods = [
        Endpoint("10.0.0.1"),
        Endpoint("10.0.0.2", ready=False),
        Endpoint("10.0.0.3", ready=False, serving=True, terminating=True),
        Endpoint("10.0.0.4", ready=None),
    ]
    api.headless("web", pods)
    api.headless("all", pods, publish_not_ready_addresses=True)
    settled(coredns, api)
    pod = Pod(discover, coredns)

    assert pod.look("web").ips == ("10.0.0.4",)
    assert pod.look("all").ips == ("10.0.0.2", "10.0.0.3", "10.0.0.4")
    assert not pod.look("web", own="10.0.0.2").self_listed


def test_two_slices(discover: Discover, api: ApiServer, coredns: CoreDNS) -> None:
    """Case 12: an address in two slices is one peer, and whatever order DNS gives, peers are sorted."""
    api.headless("web", ["10.0.0.10", "10.0.0.9", "10.0.0.1"], ports={"http": 80})
    api.endpoint_slice("web", ["10.0.0.9", "10.0.0.2"], name="by-hand", ports={"http": 80})
    settled(coredns, api)
    pod = Pod(discover, coredns)

    assert {("10.0.0.2", "10.0.0.9", "10.0.0.10")} == {pod.look("web").ips for _ in range(10)}
    assert [(peer.ip, peer.port) for peer in pod.look("web", port="http")] == [
        ("10.0.0.2", 80),
        ("10.0.0.9", 80),
        ("10.0.0.10", 80),
    ]
