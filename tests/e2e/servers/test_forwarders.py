"""Watchers behind each forwarder, while Pods come and go: the list is behind by what the cache keeps, and no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco.config import Options
from tests.e2e.api_server import ApiServer
from tests.e2e.changing import OPTIONS, SERVICE, Bounds, Changing, Told, pods
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile
from tests.e2e.daemon import Daemon, free_ports
from tests.e2e.servers.conftest import installed
from tests.e2e.servers.kinds import FORWARDERS
from tests.e2e.servers.site import Site
from tests.e2e.servers.wire import says
from tests.e2e.watched import watching

TTL = 1  # seconds; a cache counts in whole ones, and may round up
CACHED = Bounds(cache=TTL + 1)


@pytest.fixture
def origin(coredns_binary: Path, api: ApiServer) -> Iterator[CoreDNS]:
    """A CoreDNS whose answers are kept for a moment."""
    with CoreDNS(coredns_binary, corefile(api.url, ttl=TTL)) as coredns:
        yield coredns


@pytest.fixture(params=[name for name in FORWARDERS if "," not in name])
def forwarder(request: pytest.FixtureRequest, origin: CoreDNS, tmp_path: Path) -> Iterator[Daemon]:
    """Each forwarder in front of that CoreDNS."""
    (port,) = free_ports(1)
    with installed(request.config, FORWARDERS[request.param], Site(tmp_path, port, {}, origin.port)) as daemon:
        yield daemon


@pytest.mark.parametrize(
    "steps", [[pods(0, 3), pods(1, 5), []], [pods(0, 95), pods(1, 100)]], ids=["over UDP", "over TCP"]
)
def test_watchers_follow(forwarder: Daemon, api: ApiServer, steps: list[list[str]], record_property: Told) -> None:
    """Pods that come, and Pods that leave, while sockets stay open."""
    service = Changing(api)
    with watching(SERVICE, forwarder.address, **OPTIONS) as watchers:
        for now in steps:
            service.declare(now)
            service.hold(watchers, CACHED, record_property)


def test_watchers_outlive_the_server(forwarder: Daemon, origin: CoreDNS, api: ApiServer) -> None:
    """While the server is gone the list stays, and is stale; once it is back, the list is current again."""
    service = Changing(api)
    service.declare(pods(0, 3))
    settled(origin, api)
    with watching(SERVICE, forwarder.address, **OPTIONS) as watchers:
        for watched in watchers:
            watched.until_listed(pods(0, 3))
        forwarder.kill()
        service.declare(pods(1, 4))
        for watched in watchers:
            watched.until_looked_up(2, answered=False)
            assert watched.now() == set(pods(0, 3))
            assert watched.peers().stale
        forwarder.restart()
        for watched in watchers:
            watched.until_listed(pods(1, 4))


@pytest.mark.parametrize("port", [None, "http"])
def test_watchers_when_a_service_outgrows_the_server(
    forwarder: Daemon, origin: CoreDNS, api: ApiServer, port: str | None
) -> None:
    """A list that has become too large for the server loses nobody; one that has not is followed."""
    service = Changing(api)
    service.declare(pods(0, 100))
    settled(origin, api)
    questions = [(SERVICE, "A"), (f"_{port}._tcp.{SERVICE}", "SRV")] if port else [(SERVICE, "A")]

    def sizes() -> list[int]:
        return [says(forwarder.port, *question).records for question in questions]

    options: Options = OPTIONS | {"port": port}
    with watching(SERVICE, forwarder.address, **options) as watchers:
        for watched in watchers:
            watched.until_listed(pods(0, 100))
        service.declare(pods(0, 1000))
        settled(origin, api)
        forwarder.wait_until(lambda: 100 not in sizes(), "the old list is still in its cache")
        # A PowerDNS Recursor may serve all of it once and refuse from then on, or refuse it at first.
        serves_all = all(min(sizes()) for _ in range(3))
        for watched in watchers:
            if serves_all:
                watched.until_listed(pods(0, 1000))
            else:
                watched.until_refused_or_listed(2, pods(0, 1000))
                assert watched.now() >= set(pods(0, 100))
