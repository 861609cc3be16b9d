"""CoreDNS's `rewrite`: a second cluster domain, `cluster.test`, with the answers' names changed back or not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco import LookupFailed, NotHeadlessError, Outcome
from tests.e2e.api_server import ApiServer
from tests.e2e.cases import declare_kinds
from tests.e2e.changing import OPTIONS, pods
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile
from tests.e2e.pod import FAILING, Pod
from tests.e2e.watched import watching
from tests.e2e.ways import in_every_way
from tests.support.both import Discover

SUFFIX = "rewrite name suffix .cluster.test. .cluster.local."


def full(service: str) -> str:
    """The name of a Service in the second cluster domain."""
    return f"{service}.default.svc.cluster.test."


@pytest.fixture(scope="module")
def with_answer(coredns_binary: Path) -> Iterator[CoreDNS]:
    """A CoreDNS that changes the names in its answers back, and has one name outside any cluster domain."""
    exact = "rewrite name exact web.corp.example. web.default.svc.cluster.local."
    with ApiServer() as api:
        declare_kinds(api)
        with CoreDNS(coredns_binary, corefile(api.url, plugins=f"{SUFFIX} answer auto\n{exact}")) as server:
            settled(server, api)
            yield server


@pytest.fixture(scope="module")
def without_answer(coredns_binary: Path) -> Iterator[CoreDNS]:
    """A CoreDNS whose answers have records of names that were not asked for."""
    with ApiServer() as api:
        declare_kinds(api)
        with CoreDNS(coredns_binary, corefile(api.url, plugins=SUFFIX)) as server:
            settled(server, api)
            yield server


@in_every_way
def test_with_answer(discover: Discover, with_answer: CoreDNS) -> None:
    """With `answer auto` a second cluster domain is as good as the first."""
    pod = Pod(discover, with_answer)

    assert pod.look(full("web")).ips == ("10.0.0.2", "10.0.0.3")
    assert pod.look(full("partly")).ips == ("10.2.0.1",)
    assert pod.look(full("v6"), family="ipv6").ips == ("2001:db8::1:0:0:1", "fd00:6::", "fd00:6::1")
    assert pod.look(full("dual"), own="10.1.0.1,fd00::1", family="both").ips == ("10.1.0.2", "fd00::2")
    assert {pod.look(full(nobody)).outcome for nobody in ("empty", "nope")} == {Outcome.NXDOMAIN}
    assert [(peer.ip, peer.port, peer.name) for peer in pod.look(full("sts"), own="10.3.0.0", port="sql")] == [
        ("10.3.0.1", 5432, "db-1"),
        ("10.3.0.2", 5432, "db-2"),
    ]
    with pytest.raises(NotHeadlessError, match=r"10\.96\.0\.1"):
        pod.look(full("vip"))


@in_every_way
def test_an_exact_rewrite(discover: Discover, with_answer: CoreDNS) -> None:
    """A name outside any cluster domain, which CoreDNS always changes back, is looked up as it is."""
    assert Pod(discover, with_answer).look("web.corp.example.").ips == ("10.0.0.2", "10.0.0.3")


@in_every_way
@pytest.mark.parametrize("port", [None, "http"])
@pytest.mark.parametrize("service", ["web", "partly", "vip"])
def test_without_answer(discover: Discover, without_answer: CoreDNS, service: str, port: str | None) -> None:
    """Records of another name than the one asked say nothing about it."""
    with pytest.raises(LookupFailed) as raised:
        Pod(discover, without_answer).look(full(service), port=port, timeout=FAILING)

    assert raised.value.reason == "malformed"
    assert without_answer.address in str(raised.value)


@in_every_way
@pytest.mark.parametrize("service", ["empty", "nope"])
def test_nobody_without_answer(discover: Discover, without_answer: CoreDNS, service: str) -> None:
    """NXDOMAIN is about the name that was asked, whatever name the SOA has."""
    assert Pod(discover, without_answer).look(full(service)).outcome is Outcome.NXDOMAIN


def test_watchers_when_answers_stop_being_changed_back(coredns_binary: Path, api: ApiServer) -> None:
    """Watchers keep their list when a new Corefile forgets `answer auto`."""
    api.headless("web", pods(0, 3))
    with CoreDNS(coredns_binary, corefile(api.url, plugins=f"{SUFFIX} answer auto")) as good:
        settled(good, api)
        with watching(full("web"), good.address, **OPTIONS) as watchers:
            for watched in watchers:
                watched.until_listed(pods(0, 3))
            good.reconfigure(corefile(api.url, plugins=SUFFIX))
            for watched in watchers:
                watched.until_looked_up(2, answered=False)
                assert watched.now() == set(pods(0, 3))
                assert watched.peers().stale
