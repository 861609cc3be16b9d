"""A hosts file behind dnsmasq: addresses alone, and a PTR record that names whatever line came first."""

from collections.abc import Iterator

import pytest

from peerdisco import NotHeadlessError, Outcome
from tests.e2e.daemon import Daemon, free_ports
from tests.e2e.pod import Pod
from tests.e2e.servers import dnsmasq
from tests.e2e.servers.conftest import installed
from tests.e2e.servers.site import Site
from tests.e2e.ways import in_every_way
from tests.support.both import Discover

HOSTS = """
10.0.0.1 web.default.svc.cluster.local
10.0.0.2 web.default.svc.cluster.local
10.0.1.1 one.default.svc.cluster.local
10.0.2.1 app.internal
10.0.3.1 web
"""

pytestmark = in_every_way


@pytest.fixture(scope="module")
def server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A dnsmasq that serves that file."""
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "hosts").write_text(HOSTS)
    (port,) = free_ports(1)
    with installed(pytestconfig, dnsmasq.hosts_file, Site(folder, port, {"hosts": folder / "hosts"}, 0)) as daemon:
        yield daemon


def test_several_addresses(discover: Discover, server: Daemon) -> None:
    """Several addresses are Pods."""
    assert Pod(discover, server).look("web").ips == ("10.0.0.2",)


@pytest.mark.parametrize(("name", "ip"), [("app.internal.", "10.0.2.1"), ("web.", "10.0.3.1")])
def test_a_name_outside_kubernetes(discover: Discover, server: Daemon, name: str, ip: str) -> None:
    """One address of a name that is no Service's is a peer, whatever its PTR record says."""
    assert Pod(discover, server).look(name).ips == (ip,)


def test_a_single_address(discover: Discover, server: Daemon) -> None:
    """One address of a Service's name looks like its ClusterIP: there is no SRV record, and PTR names the Service."""
    with pytest.raises(NotHeadlessError, match=r"10\.0\.1\.1"):
        Pod(discover, server).look("one")


@pytest.mark.parametrize("service", ["nope", "web.elsewhere.svc.cluster.local."])
def test_nobody(discover: Discover, server: Daemon, service: str) -> None:
    """A name that the file lacks is NXDOMAIN, though without SOA."""
    assert Pod(discover, server).look(service).outcome is Outcome.NXDOMAIN
