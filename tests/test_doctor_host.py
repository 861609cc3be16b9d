"""What the doctor reads of its host: files and variables of a Pod, of a laptop, and broken ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

import pytest

from peerdisco import DiscoveryConfig
from peerdisco.cli._doctor_host import look_around
from peerdisco.cli._doctor_observations import Fact, Place
from peerdisco.config import Options
from peerdisco.environment import HostEnvironment

RESOLV_CONF = "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\n"
MANAGED = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n10.0.0.1\tweb-0.web.shop.svc web-0\nfd00::1\tweb-0\n"


class Host:
    """A host's files, and what is seen of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts = folder / "hosts"
        self.resolv_conf = folder / "resolv.conf"
        self.hosts.write_text("127.0.0.1 localhost\n")
        self.resolv_conf.write_text(RESOLV_CONF)

    def look(self, service: str = "web", environ: Mapping[str, str] = {}, **options: Unpack[Options]) -> Place:
        """Where a lookup of this Service is made from."""
        known: Options = {"resolv_conf": self.resolv_conf}
        return look_around(
            DiscoveryConfig(service, **(known | options)),
            environment=HostEnvironment(environ=environ, service_account=self.folder / "namespace"),
            environ=environ,
            hosts=self.hosts,
            hostname="web-0",
        )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host whose resolv.conf is that of a Pod."""
    return Host(tmp_path)


def test_a_pod(host: Host) -> None:
    """What a Pod has, and who says so."""
    host.hosts.write_text(MANAGED)
    place = host.look(environ={"KUBERNETES_SERVICE_HOST": "10.96.0.1", "POD_NAMESPACE": "shop"})

    assert place.service == "web.shop.svc.cluster.local."
    assert (place.in_pod, place.hosts_file, place.has_cluster_search) == (True, "pod", True)
    assert [str(server) for server in place.servers] == ["10.96.0.10:53"]
    assert place.namespace == Fact("shop", "POD_NAMESPACE")
    assert place.domain == Fact("cluster.local", "the search list")
    assert place.own == Fact("10.0.0.1 fd00::1", str(host.hosts))
    assert place.problems == ()


def test_a_pod_on_the_network_of_its_node(host: Host) -> None:
    """The kubelet's first line tells, and the node's addresses are not taken for the Pod's."""
    host.hosts.write_text(MANAGED.replace("file.", "file (host network)."))
    place = host.look()

    assert (place.hosts_file, place.own) == ("node", Fact())


@pytest.mark.parametrize("written", [None, b"", b"\xff\xfe", b"# Kubernetes-managed hosts file.\nnothing web-0\n"])
def test_a_hosts_file_that_says_nothing(host: Host, written: bytes | None) -> None:
    """A hosts file that is missing, empty or odd gives no address."""
    host.hosts.unlink()
    if written is not None:
        host.hosts.write_bytes(written)

    assert host.look().own == Fact()


def test_options_go_first(host: Host) -> None:
    """What an option says is told to come from it."""
    place = host.look(namespace="a", cluster_domain="b.example", own_ips="10.0.0.9", nameservers="10.0.0.53")

    assert place.service == "web.a.svc.b.example."
    assert place.namespace == Fact("a", "the option `namespace`")
    assert place.domain == Fact("b.example", "the option `cluster_domain`")
    assert place.own == Fact("10.0.0.9", "the option `own_ips`")
    assert (str(place.servers[0]), place.servers_from) == ("10.0.0.53:53", "the option `nameservers`")


@pytest.mark.parametrize("service", ["web.a.svc.b.example", "web.a.svc.b.example."])
def test_a_full_name_says_most(host: Host, service: str) -> None:
    """A full name gives namespace and domain."""
    place = host.look(service)

    assert place.service == "web.a.svc.b.example."
    assert place.namespace == Fact("a", "the Service's name")
    assert place.domain == Fact("b.example", "the Service's name")


def test_the_namespace_of_the_search_list(host: Host) -> None:
    """Without POD_NAMESPACE and a service account, the search list gives the namespace."""
    assert host.look().namespace == Fact("shop", "the search list")


def test_own_addresses_of_the_downward_api(host: Host) -> None:
    """POD_IPS goes before POD_IP."""
    assert host.look(environ={"POD_IP": "10.0.0.5"}).own == Fact("10.0.0.5", "POD_IP")
    assert host.look(environ={"POD_IPS": "10.0.0.6", "POD_IP": "10.0.0.5"}).own == Fact("10.0.0.6", "POD_IPS")


def test_a_default_domain(host: Host) -> None:
    """Where nothing says the domain, the default is told to be one."""
    host.resolv_conf.write_text("nameserver 10.96.0.10\nsearch corp.example\n")

    assert host.look("web.shop").domain == Fact("cluster.local", "default")


def test_what_is_missing_is_a_problem(host: Host) -> None:
    """Each thing that keeps a lookup from being made is told once."""
    host.resolv_conf.write_text("search corp.example\n")
    place = host.look(environ={"POD_IPS": "soon"})

    assert place.service == ""
    assert [problem.key for problem in place.problems] == ["resolv_conf", "namespace", "POD_IPS"]


def test_without_a_resolv_conf(tmp_path: Path, host: Host) -> None:
    """A resolv.conf that can't be read is a problem where it is needed."""
    gone = tmp_path / "gone"

    assert [problem.key for problem in host.look("web.shop", resolv_conf=gone).problems] == ["resolv_conf"]
    given = host.look("web.shop.svc.cluster.local", resolv_conf=gone, nameservers="10.0.0.53")
    assert given.problems == ()


def test_a_fixed_list(host: Host) -> None:
    """A fixed list that is configured is seen."""
    assert host.look(static_ips="10.0.0.1,10.0.0.2").static_ips == ("10.0.0.1", "10.0.0.2")
