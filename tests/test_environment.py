"""What a process learns of where it runs: its namespace, its cluster domain, its own addresses."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from peerdisco import ConfigError, DiscoveryConfig, DnsResolver
from peerdisco._core.addresses import pack_ip
from peerdisco._core.discovery import Discovery
from peerdisco.environment import HostEnvironment, StaticEnvironment, cluster_domain_of, namespace_of, own_ips_of
from peerdisco.testing import FakeClock

# As Linux prints it, cut to what a Pod with two interfaces and the loopback has.
FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.244.0.0/24 2 0 2
        |-- 10.244.0.0
           /24 link UNICAST
        |-- 10.244.0.7
           /32 host LOCAL
        |-- 10.244.0.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000007 02 40 00 80     eth0
fe80000000000000042242fffe110002 02 40 20 80     eth0
"""
LISTED = frozenset(map(pack_ip, ["10.244.0.6", "10.244.0.7", "10.244.0.255", "fd00::6", "fd00::7"]))
OWN = frozenset(map(pack_ip, ["10.244.0.7", "fd00::7"]))


@pytest.fixture
def proc_net(tmp_path: Path) -> Path:
    """The network as Linux tells of it."""
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "fib_trie").write_text(FIB_TRIE)
    (folder / "if_inet6").write_text(IF_INET6)
    return folder


def machine(tmp_path: Path, clock: Callable[[], float] = lambda: 1000.0, /, **environ: str) -> HostEnvironment:
    """A machine of which only these files and variables are known."""
    return HostEnvironment(
        environ=environ,
        service_account=tmp_path / "namespace",
        proc_net=tmp_path / "net",
        clock=clock,
    )


def config(tmp_path: Path, **options: str) -> DiscoveryConfig:
    """A config whose resolv.conf is the test's."""
    return DiscoveryConfig("web", resolv_conf=tmp_path / "resolv.conf", **options)  # type: ignore[arg-type] # any


def write_search(tmp_path: Path, search: str) -> None:
    """Leaves a resolv.conf with this search list."""
    (tmp_path / "resolv.conf").write_text(f"nameserver 10.96.0.10\nsearch {search}\n")


def test_namespace_in_order(tmp_path: Path) -> None:
    """The option goes before POD_NAMESPACE, that before the service account, and that before the search list."""
    write_search(tmp_path, "four.svc.cluster.local svc.cluster.local")
    (tmp_path / "namespace").write_text("three\n")
    two = machine(tmp_path, POD_NAMESPACE="two")

    assert namespace_of(config(tmp_path, namespace="one"), two) == "one"
    assert namespace_of(config(tmp_path), two) == "two"
    assert namespace_of(config(tmp_path), machine(tmp_path)) == "three"
    assert namespace_of(config(tmp_path), machine(tmp_path, POD_NAMESPACE="")) == "three"
    (tmp_path / "namespace").unlink()
    assert namespace_of(config(tmp_path), machine(tmp_path)) == "four"


@pytest.mark.parametrize("search", ["cluster.local", "eu-central-1.compute.internal", "svc.cluster.local"])
def test_no_namespace(tmp_path: Path, search: str) -> None:
    """Where nothing tells, the error says all that was looked at and what to give."""
    write_search(tmp_path, search)
    with pytest.raises(ConfigError, match="POD_NAMESPACE") as raised:
        namespace_of(config(tmp_path), machine(tmp_path))

    assert raised.value.key == "namespace"
    for part in (str(tmp_path / "namespace"), str(tmp_path / "resolv.conf"), "web.<namespace>"):
        assert part in str(raised.value)


def test_a_bad_pod_namespace(tmp_path: Path) -> None:
    """A variable that holds no namespace is named."""
    with pytest.raises(ConfigError) as raised:
        namespace_of(config(tmp_path), machine(tmp_path, POD_NAMESPACE="no such"))

    assert (raised.value.key, raised.value.value) == ("POD_NAMESPACE", "no such")


def test_a_bad_service_account(tmp_path: Path) -> None:
    """A file that holds no namespace is named, and one that is no text is passed over."""
    write_search(tmp_path, "shop.svc.cluster.local svc.cluster.local")
    (tmp_path / "namespace").write_text("no such")
    with pytest.raises(ConfigError) as raised:
        namespace_of(config(tmp_path), machine(tmp_path))
    assert str(tmp_path / "namespace") == raised.value.key
    (tmp_path / "namespace").write_bytes(b"\xff\xfe")
    assert namespace_of(config(tmp_path), machine(tmp_path)) == "shop"


@pytest.mark.parametrize(
    ("search", "domain"),
    [("shop.svc.k8s.example svc.k8s.example", "k8s.example"), ("compute.internal", "cluster.local")],
)
def test_cluster_domain(tmp_path: Path, search: str, domain: str) -> None:
    """The search list tells, else it is `cluster.local`; the option goes before both."""
    write_search(tmp_path, search)

    assert domain == cluster_domain_of(config(tmp_path), machine(tmp_path))
    assert cluster_domain_of(config(tmp_path, cluster_domain="mine.example"), machine(tmp_path)) == "mine.example"


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """A resolv.conf that was named is refused where it is missing, though nameservers are given."""
    here = machine(tmp_path, POD_NAMESPACE="shop")
    named = config(tmp_path, nameservers="10.96.0.10")
    with pytest.raises(ConfigError):
        cluster_domain_of(named, here)
    with pytest.raises(ConfigError):
        cluster_domain_of(config(tmp_path), here)


@pytest.mark.parametrize(
    ("environ", "own"),
    [
        ({"POD_IPS": "10.0.0.1,fd00::1"}, ["10.0.0.1", "fd00::1"]),
        ({"POD_IPS": "fd00::1, 10.0.0.1"}, ["fd00::1", "10.0.0.1"]),
        ({"POD_IP": "10.0.0.1"}, ["10.0.0.1"]),
        ({"POD_IPS": "10.0.0.1", "POD_IP": "10.0.0.2"}, ["10.0.0.1"]),
        ({"POD_IPS": "", "POD_IP": "10.0.0.2"}, ["10.0.0.2"]),
        ({"POD_IP": "::ffff:10.0.0.2"}, ["10.0.0.2"]),
    ],
)
def test_the_downward_api(tmp_path: Path, environ: dict[str, str], own: list[str]) -> None:
    """The downward API says it best; the option goes before it."""
    here = machine(tmp_path, **environ)

    assert tuple(map(pack_ip, own)) == own_ips_of(config(tmp_path), here)
    assert (pack_ip("10.9.9.9"),) == own_ips_of(config(tmp_path, own_ips="10.9.9.9"), here)


def test_no_downward_api(tmp_path: Path) -> None:
    """Without it this Pod's own addresses are known only once a list is seen."""
    assert own_ips_of(config(tmp_path), machine(tmp_path)) is None
    assert own_ips_of(config(tmp_path), machine(tmp_path, POD_IP="")) is None


@pytest.mark.parametrize(("key", "text"), [("POD_IP", "web-0"), ("POD_IPS", "10.0.0.1,x"), ("POD_IPS", ",")])
def test_a_bad_downward_api(tmp_path: Path, key: str, text: str) -> None:
    """A variable that holds something else is named."""
    with pytest.raises(ConfigError) as raised:
        own_ips_of(config(tmp_path), machine(tmp_path, **{key: text}))

    assert (key, text) == (raised.value.key, raised.value.value)


def test_own_from_proc(tmp_path: Path, proc_net: Path) -> None:
    """Of the listed addresses those are this Pod's own that Linux has as local hosts."""
    here = machine(tmp_path)

    assert here.local_among(LISTED) == OWN
    assert frozenset() == here.local_among(LISTED - OWN)


def test_own_without_ipv6(tmp_path: Path, proc_net: Path) -> None:
    """Where IPv6 is off its table is missing."""
    (proc_net / "if_inet6").unlink()

    assert frozenset({pack_ip("10.244.0.7")}) == machine(tmp_path).local_among(LISTED)


def test_own_is_remembered(tmp_path: Path, proc_net: Path) -> None:
    """A Pod's address never changes: it is found once."""
    clock = FakeClock(1000.0)
    here = machine(tmp_path, clock)
    here.local_among(LISTED)
    shutil.rmtree(proc_net)
    clock.advance(3600.0)

    assert here.local_among(LISTED) == OWN


def test_own_is_remembered_by_a_resolver(tmp_path: Path, proc_net: Path) -> None:
    """Also where the resolver has a resolv.conf of its own."""
    (tmp_path / "resolv.conf").write_text("nameserver 10.96.0.10\n")
    with DnsResolver(resolv_conf=tmp_path / "resolv.conf", environment=machine(tmp_path)) as resolver:
        assert resolver.environment.local_among(LISTED) == OWN
        shutil.rmtree(proc_net)
        assert resolver.environment.local_among(LISTED) == OWN


def test_own_is_looked_for_again(tmp_path: Path, proc_net: Path) -> None:
    """An address that was not there is looked for again, but not more often than every 10 s."""
    clock = FakeClock(1000.0)
    here = machine(tmp_path, clock)
    late = frozenset({pack_ip("10.244.0.8")})
    assert frozenset() == here.local_among(late)
    (proc_net / "fib_trie").write_text(FIB_TRIE.replace("10.244.0.7", "10.244.0.8"))

    clock.advance(9.5)
    assert frozenset() == here.local_among(late)
    clock.advance(1.0)
    assert late == here.local_among(late)


def test_own_by_asking_the_kernel(tmp_path: Path) -> None:
    """Without /proc the kernel is asked about each listed address."""
    listed = frozenset(map(pack_ip, ["127.0.0.1", "127.0.0.2", "192.0.2.7", "2001:db8::7"]))

    assert frozenset(map(pack_ip, ["127.0.0.1", "127.0.0.2"])) == machine(tmp_path).local_among(listed)


def test_the_kernel_is_asked_about_news(tmp_path: Path) -> None:
    """An address that joins the list is asked about at once."""
    here = machine(tmp_path)

    assert frozenset() == here.local_among(frozenset({pack_ip("192.0.2.7")}))
    both = frozenset(map(pack_ip, ["192.0.2.7", "127.0.0.9"]))
    assert frozenset({pack_ip("127.0.0.9")}) == here.local_among(both)


def test_off_cluster() -> None:
    """Environment that a resolver brings say what they were told, below what is configured."""
    there = StaticEnvironment((pack_ip("10.0.0.1"),), namespace="shop", cluster_domain="k8s.example")
    plain = DiscoveryConfig("web")
    full = DiscoveryConfig("web", namespace="a", cluster_domain="b", own_ips="10.0.0.2")

    assert (namespace_of(plain, there), cluster_domain_of(plain, there)) == ("shop", "k8s.example")
    assert (namespace_of(full, there), cluster_domain_of(full, there)) == ("a", "b")
    assert (pack_ip("10.0.0.1"),) == own_ips_of(plain, there)
    assert (pack_ip("10.0.0.2"),) == own_ips_of(full, there)
    assert StaticEnvironment(()).own_ips(plain) == ()
    assert frozenset() == there.local_among(frozenset({pack_ip("127.0.0.1")}))


def test_own_of_the_family_that_pod_ip_does_not_name(tmp_path: Path, proc_net: Path) -> None:
    """`POD_IP` names one family; of a list of the other, the kernel knows."""
    here = machine(tmp_path, POD_IP="10.244.0.7")
    name = "svc.shop.svc.cluster.local."
    other = frozenset(map(pack_ip, ["fd00::6", "fd00::7"]))

    assert Discovery(DiscoveryConfig(name), here)._own_among(other) == {pack_ip("fd00::7")}
    assert Discovery(DiscoveryConfig(name, family="both"), here)._own_among(LISTED) == OWN
    assert Discovery(DiscoveryConfig(name, own_ips="10.244.0.7"), here)._own_among(other) == frozenset()
