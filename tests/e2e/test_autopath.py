"""CoreDNS's `autopath` where a search domain has a wildcard: it aliases whatever the cluster lacks to a foreign host.

The alias leads out of the cluster domain, so it is no list of Pods: it counts as NXDOMAIN.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco import LookupFailed, NotHeadlessError, Outcome
from peerdisco.config import Family
from tests.e2e.api_server import ApiServer
from tests.e2e.changing import OPTIONS, SERVICE, Changing, pods
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import UPSTREAM, corefile, upstream
from tests.e2e.pod import FAILING, OWN, Pod
from tests.e2e.watched import watching
from tests.e2e.ways import in_every_way
from tests.support.both import Discover

FOREIGN = "192.0.2.80"


@pytest.fixture
def server(coredns_binary: Path, api: ApiServer, tmp_path: Path) -> Iterator[CoreDNS]:
    """A CoreDNS that also walks the node's search domain, in which every name is that of a foreign host."""
    search = tmp_path / "resolv.conf"
    search.write_text("search default.svc.cluster.local svc.cluster.local cluster.local corp.example\n")
    autopath = corefile(api.url, plugins=f"autopath {search}\n{UPSTREAM}")
    with CoreDNS(coredns_binary, autopath + upstream("corp.example", FOREIGN)) as server:
        api.headless("web", [OWN, "10.0.0.2"], ports={"http": 80})
        api.headless("one", ["10.0.0.9"], ports={"http": 80})
        api.headless("empty", [], ports={"http": 80})
        api.cluster_ip("vip", "10.96.0.1", ports={"http": 80})
        api.external_name("ext", "db.corp.example")
        settled(server, api)
        yield server


@in_every_way
@pytest.mark.parametrize("port", [None, "http"])
@pytest.mark.parametrize("service", ["empty", "nope", "ext"])
def test_a_foreign_alias_is_nobody(discover: Discover, server: CoreDNS, service: str, port: str | None) -> None:
    """An empty Service, a typo and an ExternalName have no Pods."""
    peers = Pod(discover, server).look(service, port=port)

    assert (peers.ips, peers.outcome, peers.complete) == ((), Outcome.NXDOMAIN, True)


@in_every_way
def test_a_foreign_alias_is_logged(
    discover: Discover, server: CoreDNS, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says where the alias may come from."""
    each = request.node.callspec.id.replace(" ", "-")  # what holds of a name is logged once
    Pod(discover, server).look(f"nope-{each}")

    assert all(cause in caplog.text for cause in ("corp.example", "autopath", "wildcard", "ExternalName"))
    assert "foreign-alias" in {getattr(record, "code", None) for record in caplog.records}


@in_every_way
@pytest.mark.parametrize("family", ["ipv6", "both"])
def test_a_foreign_alias_in_the_other_family(discover: Discover, server: CoreDNS, family: Family) -> None:
    """For AAAA, autopath sends the foreign domain's NODATA without any alias: nobody either."""
    assert Pod(discover, server).look("empty", family=family).ips == ()


@in_every_way
def test_what_the_cluster_has(discover: Discover, server: CoreDNS) -> None:
    """Services that have Pods are listed, and a ClusterIP is found out, with every name known to the search domain."""
    pod = Pod(discover, server)

    assert pod.look("web").ips == ("10.0.0.2",)
    assert [(peer.ip, peer.port) for peer in pod.look("web", port="http")] == [("10.0.0.2", 80)]
    assert pod.look("one").ips == ("10.0.0.9",)
    with pytest.raises(NotHeadlessError, match=r"10\.96\.0\.1"):
        pod.look("vip")


@in_every_way
def test_a_foreign_name_of_its_own(discover: Discover, server: CoreDNS) -> None:
    """A full name outside the cluster domain is looked up as it is."""
    assert Pod(discover, server).look("db.corp.example.").ips == (FOREIGN,)


@in_every_way
def test_a_dead_upstream(discover: Discover, coredns_binary: Path, api: ApiServer) -> None:
    """Where autopath can't reach its upstream, nobody can say that a name is missing."""
    api.pod("client", "127.0.0.1")
    with CoreDNS(coredns_binary, corefile(api.url, plugins=f"autopath @kubernetes\n{UPSTREAM}")) as server:
        settled(server, api)
        with pytest.raises(LookupFailed) as raised:
            Pod(discover, server).look("nope", timeout=FAILING)

    assert raised.value.reason == "servfail"


def test_watchers_scale_to_none(server: CoreDNS, api: ApiServer) -> None:
    """When the last Pod leaves, watchers empty their list, and never list the foreign host."""
    service = Changing(api)
    with watching(SERVICE, server.address, **OPTIONS) as watchers:
        for now in (pods(0, 3), [], pods(0, 1)):
            service.declare(now)
            for watched in watchers:
                watched.until_listed(now)
    for watched in watchers:
        assert all(FOREIGN not in listed for _, listed in watched.listed)
