"""resolv.conf as it is found in the field: what is read of it, when, and what is none."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdisco import ConfigError, DnsResolver, LookupFailed, Question
from peerdisco._core.names import place_in
from peerdisco._dns import resolv_conf
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.resolv_conf import ResolvConf
from peerdisco.environment import HostEnvironment
from peerdisco.testing import LocalCluster

KUBELET = """\
search default.svc.cluster.local svc.cluster.local cluster.local eu-central-1.compute.internal
nameserver 200.64.0.10
options ndots:5
"""


def servers(*hosts: str) -> tuple[Nameserver, ...]:
    """Nameservers at the usual port."""
    return tuple(Nameserver(host, 53) for host in hosts)


def test_the_kubelets() -> None:
    """The file of an ordinary Pod."""
    parsed = ResolvConf.parse(KUBELET)

    assert servers("200.64.0.10") == parsed.nameservers
    assert " ".join(parsed.search) in KUBELET
    assert len(parsed.search) == 4


SEARCH = "search shop.svc.cluster.local svc.cluster.local"


@pytest.mark.parametrize(
    "text",
    [
        f"nameserver 10.96.0.10\n{SEARCH}\noptions ndots:5 edns0\n",
        f"options ndots:5\n{SEARCH}\nnameserver 10.96.0.10",
        f"; a comment\n# another\nnameserver 10.96.0.10 # the cluster's\n{SEARCH} ; ours\n",
        f"nameserver\t10.96.0.10\r\n{SEARCH}\r\n".replace(" ", "\t"),
        f"search old.example\nnameserver 10.96.0.10\n{SEARCH}\n",
        f"domain old.example\n{SEARCH}\nnameserver 10.96.0.10\n",
        f"nameserver 10.96.0.10\nnameserver 10.96.0.10\n{SEARCH}\nsortlist 10.0.0.0\n",
        f"nameserver\nnameserver dns.example\nnameserver 10.96.0.10\n{SEARCH}\nx\n",
    ],
)
def test_spelling(text: str) -> None:
    """Comments, tabs, order, options and lines that make no sense change nothing; the last search list counts."""
    parsed = ResolvConf.parse(text)

    assert servers("10.96.0.10") == parsed.nameservers
    assert parsed.search == ("shop.svc.cluster.local", "svc.cluster.local")


def test_domain() -> None:
    """`domain` is a search list of one."""
    assert ResolvConf.parse("search a b\ndomain svc.cluster.local\n").search == ("svc.cluster.local",)


def test_several_nameservers() -> None:
    """Every nameserver is kept, in order, of both families."""
    text = "nameserver 169.254.20.10\nnameserver fd00::a\nnameserver 10.96.0.10\nnameserver fe80::1%eth0\n"

    assert servers("169.254.20.10", "fd00::a", "10.96.0.10", "fe80::1%eth0") == ResolvConf.parse(text).nameservers


def test_the_nodes() -> None:
    """With hostNetwork it is the node's file."""
    parsed = ResolvConf.parse("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch eu-central-1.compute.internal\n")

    assert servers("127.0.0.53") == parsed.nameservers


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Whatever stands in it, reading it raises nothing."""
    place_in(ResolvConf.parse(f"search {text}\nnameserver {text}\n{text}").search)


def nothing(path: Path) -> None:
    """No file."""


def fifo(path: Path) -> None:
    """A file that would be waited on for ever."""
    os.mkfifo(path)


def loop(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path)


NONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (nothing, "No such file"),
    "directory": (Path.mkdir, "no regular file"),
    "fifo": (fifo, "no regular file"),
    "a loop": (loop, "can't be read"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "no text"),
    "nulls": (lambda path: path.write_bytes(b"nameserver 10.96.0.10\n\0\0"), "no text"),
    "10 MB": (lambda path: path.write_text("nameserver 10.96.0.10\n" * 500_000), "larger than 65536"),
}
NAMELESS: dict[str, str] = {"empty": "", "comments": "# nothing\n", "no address": "nameserver dns.example.com\n"}


@pytest.mark.parametrize(("make", "problem"), NONE.values(), ids=NONE)
def test_no_file(tmp_path: Path, make: Callable[[Path], object], problem: str) -> None:
    """What is no text file of sensible size is refused at once, by its path."""
    path = tmp_path / "resolv.conf"
    make(path)
    with pytest.raises(ConfigError, match=problem) as raised:
        DnsResolver(resolv_conf=path)

    assert ("resolv_conf", str(path)) == (raised.value.key, raised.value.value)


@pytest.mark.parametrize("text", NAMELESS.values(), ids=NAMELESS)
def test_nobody_to_ask(tmp_path: Path, text: str) -> None:
    """A file that names no nameserver is refused by its path."""
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    with pytest.raises(ConfigError, match="names no nameserver") as raised:
        DnsResolver(resolv_conf=str(path))

    assert ("resolv_conf", str(path)) == (raised.value.key, raised.value.value)


@pytest.mark.parametrize("path", ["/etc\0/resolv.conf", "\ud800"])
def test_no_path(path: str) -> None:
    """What can't be a path is refused as a file that is not there."""
    with pytest.raises(ConfigError, match="no path") as raised:
        HostEnvironment().resolv_conf(path)

    assert raised.value.key == "resolv_conf"


def test_a_file_that_becomes_a_fifo(tmp_path: Path) -> None:
    """What is a FIFO by the time it is opened is refused, and not waited for."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 10.96.0.10\n")
    resolv_conf.version_of(str(path))
    path.unlink()
    os.mkfifo(path)

    with pytest.raises(ConfigError, match="no regular file"):
        resolv_conf.read(str(path))


@pytest.mark.parametrize("scope", ["\1", "é", "\x7f", "eth]"])
def test_a_scope_that_is_no_interface(scope: str) -> None:
    """A nameserver whose scope no interface can have is passed over, as any that makes no sense."""
    assert ResolvConf.parse(f"nameserver fe80::1%{scope}\nnameserver 10.96.0.10\n").nameservers == servers("10.96.0.10")


def rewritten(path: Path, text: str) -> None:
    """Replaces a file in one step, as the kubelet does."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


def test_read_again_when_it_changes(tmp_path: Path) -> None:
    """A file that stays is read once, and one that changes is read again."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 10.96.0.10\n")
    machine = HostEnvironment()
    first = machine.resolv_conf(str(path))

    assert first is machine.resolv_conf(str(path))
    rewritten(path, "nameserver 10.96.0.11\n")
    assert servers("10.96.0.11") == machine.resolv_conf(str(path)).nameservers


def test_the_nameserver_moves(tmp_path: Path) -> None:
    """A resolver asks the nameservers that the file names now; while it is gone, lookups fail."""
    path = tmp_path / "resolv.conf"
    question = Question("web.default.svc.cluster.local.", "A")

    class Here(HostEnvironment):
        """A machine on which `nameserver` lines may bear ports."""

        def nameservers(self, resolv_conf: str) -> tuple[Nameserver, ...]:
            port = super().nameservers(resolv_conf)[0].host.rpartition(":")[2]
            return (Nameserver("127.0.0.1", int(port, 16)),)

    with LocalCluster() as old, LocalCluster() as new:
        old.headless("web", ["10.0.0.1"])
        new.headless("web", ["10.0.0.2"])
        path.write_text(f"nameserver fd00::{int(old.nameserver.split(':')[1]):x}\n")
        with DnsResolver(resolv_conf=path, environment=Here()) as resolver:
            assert {b"\x0a\0\0\1"} == resolver.lookup(question, 1).addresses
            path.unlink()
            with pytest.raises(LookupFailed) as raised:
                resolver.lookup(question, 1)
            assert raised.value.reason == "no_nameserver"
            assert str(path) in str(raised.value)
            rewritten(path, f"nameserver fd00::{int(new.nameserver.split(':')[1]):x}\n")
            assert {b"\x0a\0\0\2"} == resolver.lookup(question, 1).addresses
