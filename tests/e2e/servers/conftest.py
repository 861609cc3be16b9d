"""Starts each server that is installed, once for all tests, and says which are not."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.api_server import ApiServer
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile
from tests.e2e.daemon import Daemon, free_ports
from tests.e2e.pod import Pod
from tests.e2e.servers import cluster
from tests.e2e.servers.kinds import AUTHORITIES, FORWARDERS, REFERENCE
from tests.e2e.servers.site import Configure, NotInstalled, Site, start
from tests.support.both import Discover


class Server(NamedTuple):
    """A server that runs."""

    name: str
    daemon: Daemon

    @property
    def address(self) -> str:
        """Its address and port."""
        return self.daemon.address

    @property
    def port(self) -> int:
        """Its port of 127.0.0.1."""
        return self.daemon.port


def installed(config: pytest.Config, configure: Configure, site: Site) -> Daemon:
    """Start a server, or skip the test where it is not installed; fail it with `--require-servers`."""
    try:
        return start(configure, site)
    except NotInstalled as reason:
        if config.getoption("--require-servers"):
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def origin(coredns_binary: Path) -> Iterator[CoreDNS]:
    """The cluster's CoreDNS, which forwarders ask."""
    with ApiServer() as api, CoreDNS(coredns_binary, corefile(api.url)) as coredns:
        cluster.declare(api)
        settled(coredns, api)
        yield coredns


@pytest.fixture(scope="session")
def zones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The zone files that authorities serve."""
    return cluster.write_zones(tmp_path_factory.mktemp("zones"))


@pytest.fixture(scope="session", params=[REFERENCE, *AUTHORITIES, *FORWARDERS])
def server(
    request: pytest.FixtureRequest,
    origin: CoreDNS,
    zones: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """Each server in turn."""
    if request.param == REFERENCE:
        yield Server(REFERENCE, origin)
        return
    (port,) = free_ports(1)
    site = Site(tmp_path_factory.mktemp("server"), port, zones, origin.port)
    with installed(request.config, (AUTHORITIES | FORWARDERS)[request.param], site) as daemon:
        yield Server(request.param, daemon)


@pytest.fixture
def pod(discover: Discover, server: Server) -> Pod:
    """A Pod that asks that server."""
    return Pod(discover, server)
