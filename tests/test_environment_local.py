"""This Pod's addresses in other forms, and while there is no descriptor left to ask the kernel with."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco import Answer, DiscoveryConfig, LookupFailed, Question, StaticResolver, discover_peers
from peerdisco._core.addresses import mapped, pack_ip
from peerdisco.environment import HostEnvironment
from peerdisco.testing import FakeClock

FIB_TRIE = "     |-- 10.244.0.7\n        /32 host LOCAL\n"
OWN, OTHER = pack_ip("10.244.0.7"), pack_ip("10.244.0.8")


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Lets every attempt to open anything fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def proc_net(tmp_path: Path) -> Path:
    """A network with one address, as Linux describes it."""
    (tmp_path / "fib_trie").write_text(FIB_TRIE)
    return tmp_path


def host(proc_net: Path) -> HostEnvironment:
    """A host of which only this is known, and whose clock stands still."""
    return HostEnvironment(environ={}, service_account=proc_net / "none", proc_net=proc_net, clock=FakeClock(1000.0))


def test_a_mapped_address_is_this_hosts(proc_net: Path) -> None:
    """An IPv4 address of this host is its own as IPv4-mapped IPv6 as well."""
    here = host(proc_net)

    assert here.local_among(frozenset({*mapped(OWN), *mapped(OTHER)})) == frozenset(mapped(OWN))
    assert here.local_among(frozenset({OWN, *mapped(OWN), OTHER})) == frozenset({OWN, *mapped(OWN)})


def test_a_mapped_address_by_asking_the_kernel(tmp_path: Path) -> None:
    """So it is where the kernel is asked address by address."""
    listed = frozenset({*mapped(pack_ip("127.0.0.9")), *mapped(pack_ip("192.0.2.7"))})

    assert host(tmp_path / "no proc").local_among(listed) == frozenset(mapped(pack_ip("127.0.0.9")))


def test_without_descriptors_proc_is_not_given_up(proc_net: Path) -> None:
    """A moment without descriptors fails the lookup, and leaves nothing behind: the next one reads /proc."""
    here = host(proc_net)
    with no_descriptors(), pytest.raises(LookupFailed, match=r"Too many open files.*POD_IPS"):
        here.local_among(frozenset({OWN, OTHER}))

    assert here.local_among(frozenset({OWN, OTHER})) == frozenset({OWN})


def test_without_descriptors_no_address_is_judged(tmp_path: Path) -> None:
    """Where /proc can't be read at all, an address that could not be asked about is asked about again."""
    here = host(tmp_path / "no proc")
    local = frozenset({pack_ip("127.0.0.9")})
    here.local_among(frozenset({pack_ip("192.0.2.7")}))
    with no_descriptors(), pytest.raises(LookupFailed):
        here.local_among(local)

    assert here.local_among(local) == local


def test_what_is_known_needs_no_descriptor(proc_net: Path) -> None:
    """An address that was found stays found."""
    here = host(proc_net)
    here.local_among(frozenset({OWN}))
    with no_descriptors():
        assert here.local_among(frozenset({OWN, OTHER})) == frozenset({OWN})


@pytest.mark.parametrize("table", ["garbage", "\n\n", "zz 01 80 10 80 lo\n", "é"])
def test_an_odd_proc(proc_net: Path, table: str) -> None:
    """A /proc that is not Linux's is as good as none."""
    (proc_net / "if_inet6").write_text(table, encoding="utf-8")

    assert host(proc_net).local_among(frozenset({pack_ip("127.0.0.9")})) == {pack_ip("127.0.0.9")}


class Mapped:
    """A resolver that lists two Pods by IPv4-mapped addresses."""

    def lookup(self, question: Question, timeout: float) -> Answer:
        """Answer with them."""
        plain = Answer.of(question._replace(rtype="A"), ["127.0.0.1", "10.0.0.2"])
        ips = (address for ip in plain.addresses for address in mapped(ip))
        return plain._replace(addresses=frozenset(ips))


def test_this_pod_is_left_out_in_its_mapped_form() -> None:
    """A whole lookup leaves this Pod out, though the list has it as IPv4-mapped IPv6, and loopback may be a peer's."""
    peers = discover_peers("svc.ns.svc.c.l", resolver=Mapped(), family="ipv6", allowed_networks="::/0")

    assert peers.ips == ("::ffff:10.0.0.2",)


def test_no_own_addresses() -> None:
    """`own_ips=()` keeps every listed address, this host's included."""
    resolver = StaticResolver(["127.0.0.9", "127.0.0.1"])
    peers = discover_peers("svc", resolver=resolver, own_ips=(), allowed_networks="127.0.0.0/8")

    assert (peers.ips, peers.own) == (("127.0.0.1", "127.0.0.9"), None)
    assert DiscoveryConfig("svc", own_ips=[]).own == ()
