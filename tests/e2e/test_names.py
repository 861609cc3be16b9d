"""Names as people write them, resolv.conf files as they are found, and what CoreDNS makes of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco import DnsResolver
from peerdisco.environment import HostEnvironment
from tests.e2e.api_server import ApiServer
from tests.e2e.cases import many
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile
from tests.e2e.pod import OWN, Pod
from tests.support.both import Discover, sync_and_async

ELSEWHERE = "k8s-1.corp.example"
SMALL, LARGE = many(4, 3), many(4, 80)  # which does not fit UDP
LONG = " ".join(f"{n}.a-search-domain-that-somebody-once-needed.example.com" for n in range(30))

# The namespace of each is `shop`.
RESOLV_CONFS = {
    "as the kubelet writes it": f"search shop.svc.{ELSEWHERE} svc.{ELSEWHERE} {ELSEWHERE}\nnameserver 10.96.0.10\n",
    "many and long search domains": f"search shop.svc.{ELSEWHERE} svc.{ELSEWHERE} {ELSEWHERE} {LONG}\n",
    "a root among them": f"search . shop.svc.{ELSEWHERE} svc.{ELSEWHERE} {ELSEWHERE}\n",
    "underscores and digits": f"search _x._y 1a.2b shop.svc.{ELSEWHERE} svc.{ELSEWHERE} {ELSEWHERE} 9_z\n",
    "final dots and capitals": f"search Shop.SVC.{ELSEWHERE.upper()}. svc.{ELSEWHERE}. {ELSEWHERE}.\n",
    "options first, comments between": f"options ndots:5 edns0 rotate single-request\n; a\n# b\n"
    f"search\tshop.svc.{ELSEWHERE}  svc.{ELSEWHERE} {ELSEWHERE} # c\noptions timeout:1\n",
    "the last search list counts": f"search x.svc.y svc.y y\nsearch shop.svc.{ELSEWHERE} svc.{ELSEWHERE} {ELSEWHERE}\n",
    "Windows line ends": f"nameserver 10.96.0.10\r\nsearch shop.svc.{ELSEWHERE} svc.{ELSEWHERE} {ELSEWHERE}\r\n",
    "lines that make no sense": f"nameserver\nnameserver x\nfoo bar\nsearch shop.svc.{ELSEWHERE} svc.{ELSEWHERE}",
}

pytestmark = sync_and_async


@pytest.fixture(scope="module")
def server(coredns_binary: Path) -> Iterator[CoreDNS]:
    """A CoreDNS of a cluster that does not call itself `cluster.local`."""
    with ApiServer() as api, CoreDNS(coredns_binary, corefile(api.url, zone=ELSEWHERE)) as server:
        api.headless("web", SMALL, namespace="shop")
        api.headless("web-large", LARGE, namespace="shop")
        settled(server, api, zone=ELSEWHERE)
        yield server


@pytest.fixture
def resolver(server: CoreDNS) -> Iterator[DnsResolver]:
    """DNS for a process that knows nothing but its resolv.conf."""
    nowhere = HostEnvironment(environ={}, service_account=Path("/nonexistent"))
    with DnsResolver(server.address, environment=nowhere) as resolver:
        yield resolver


@pytest.mark.parametrize(("service", "every"), [("web", SMALL), ("web-large", LARGE)], ids=["udp", "tcp"])
@pytest.mark.parametrize("form", ["{}", "{}.shop", "{}.shop.svc", "{}.shop.svc.{}", "{}.shop.svc.{}."])
def test_each_form_of_a_name(
    discover: Discover, resolver: DnsResolver, tmp_path: Path, form: str, service: str, every: list[str]
) -> None:
    """Case 14: however much of its name is written, and over UDP or TCP, a Service is the same."""
    path = tmp_path / "resolv.conf"
    path.write_text(RESOLV_CONFS["as the kubelet writes it"])
    peers = discover(form.format(service, ELSEWHERE), resolver=resolver, resolv_conf=path, own_ips=every[0])

    assert tuple(every[1:]) == peers.ips
    assert f"{service}.shop.svc.{ELSEWHERE}." == peers.service


@pytest.mark.parametrize("text", RESOLV_CONFS.values(), ids=RESOLV_CONFS)
def test_odd_resolv_confs(discover: Discover, resolver: DnsResolver, tmp_path: Path, text: str) -> None:
    """Case 15: whatever else resolv.conf says, namespace and cluster domain are read off its search list."""
    path = tmp_path / "resolv.conf"
    path.write_bytes(text.encode())

    assert tuple(SMALL[1:]) == discover("web", resolver=resolver, resolv_conf=path, own_ips=SMALL[0]).ips


def test_letter_case(discover: Discover, server: CoreDNS) -> None:
    """Case 13: names have no letter case."""
    peers = Pod(discover, server).look(f"WEB.Shop.sVc.{ELSEWHERE.title()}.", own=SMALL[0])

    assert tuple(SMALL[1:]) == peers.ips
    assert f"web.shop.svc.{ELSEWHERE}." == peers.service


def test_autopath(discover: Discover, coredns_binary: Path, api: ApiServer) -> None:
    """Case 13: a name with a search domain behind it is answered by an alias, which is followed."""
    api.pod("client", "127.0.0.1")
    api.headless("web", [OWN, "10.0.0.2"], namespace="other")
    with CoreDNS(coredns_binary, corefile(api.url, plugins="autopath @kubernetes")) as server:
        settled(server, api)
        peers = Pod(discover, server).look("web.other.svc.default.svc.cluster.local.")

    assert peers.ips == ("10.0.0.2",)
