"""What `discover_peers` and `adiscover_peers` refuse before any packet leaves, and what they ask instead of DNS."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peerdisco import Answer, ConfigError, DiscoveryConfig, Outcome, Question, StaticResolver
from peerdisco.testing import FakeResolver, LocalCluster
from tests.support import bad_input
from tests.support.both import Discover, sync_and_async

pytestmark = sync_and_async


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A cluster that must hear nothing."""
    with LocalCluster() as cluster:
        yield cluster
        assert cluster.questions == ()


@pytest.mark.parametrize("service", bad_input.SERVICES.values(), ids=bad_input.SERVICES)
def test_no_service(discover: Discover, cluster: LocalCluster, service: Any) -> None:
    """What is no chain of DNS labels is refused, and named."""
    with pytest.raises(ConfigError) as raised:
        discover(service, **cluster.options)

    assert ("service", service) == (raised.value.key, raised.value.value)
    assert str(raised.value).startswith(f"service={service!r}"[:90])


@pytest.mark.parametrize(("key", "value"), bad_input.VALUES, ids=lambda part: repr(part)[:40])
def test_no_option(discover: Discover, cluster: LocalCluster, key: str, value: Any) -> None:
    """An unknown option, or an invalid value, is refused by name."""
    options: dict[str, Any] = {**cluster.options, key: value}
    with pytest.raises(ConfigError) as raised:
        discover("web", **options)

    assert key == raised.value.key
    assert str(raised.value).startswith(f"{key}=")


@pytest.mark.parametrize("name", [f"{'a' * 63}.{'b' * 63}.svc.{'c' * 63}.{'d' * 63}", f"{'a' * 63}.{'b' * 63}"])
def test_a_name_that_becomes_too_long(discover: Discover, cluster: LocalCluster, name: str) -> None:
    """A name that only the cluster domain makes too long is refused as well."""
    options: dict[str, Any] = {**cluster.options, "cluster_domain": ".".join(["c" * 63, "d" * 63])}
    with pytest.raises(ConfigError, match="longer than") as raised:
        discover(name, **options)

    assert raised.value.key == "service"


def test_a_name_that_its_port_makes_too_long(discover: Discover, cluster: LocalCluster) -> None:
    """The question for a named port has room for less."""
    name = f"{'a' * 63}.{'b' * 63}.svc.{'c' * 63}.{'d' * 55}"
    with pytest.raises(ConfigError, match="longer than 253") as raised:
        discover(name, port="http", **cluster.options)

    assert raised.value.key == "service"


def not_there(path: Path) -> None:
    """Nothing."""


FILES: dict[str, Callable[[Path], object]] = {
    "missing": not_there,
    "empty": Path.touch,
    "directory": Path.mkdir,
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "10 MB": lambda path: path.write_text("# comment\n" * 1_000_000),
    "without a nameserver": lambda path: path.write_text("search default.svc.cluster.local\nnameserver no\n"),
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_no_resolv_conf(discover: Discover, tmp_path: Path, make: Callable[[Path], object]) -> None:
    """A resolv.conf that can't be one is refused at once, by its path."""
    path = tmp_path / "resolv.conf"
    make(path)
    with pytest.raises(ConfigError) as raised:
        discover("web.default.svc.cluster.local", resolv_conf=path)

    assert ("resolv_conf", str(path)) == (raised.value.key, raised.value.value)


def test_a_resolver_of_the_other_world(discover: Discover) -> None:
    """A resolver that can't be asked here is refused."""
    with pytest.raises(ConfigError) as raised:
        discover("web", resolver=object())

    assert raised.value.key == "resolver"


def test_a_fake_keeps_the_machine_out(discover: Discover) -> None:
    """Nothing of the machine is read: not a resolv.conf, nor which listed address is local."""
    fake = FakeResolver({"web": ["127.0.0.1", "127.0.0.2"]})
    peers = discover("web", resolver=fake, resolv_conf="/no/such/file", allowed_networks="127.0.0.0/8")

    assert peers.ips == ("127.0.0.1", "127.0.0.2")
    assert not peers.self_listed
    assert peers.service == "web.default.svc.cluster.local."


def test_off_cluster(discover: Discover) -> None:
    """A fixed list serves where there is no cluster."""
    peers = discover("web", resolver=StaticResolver("10.0.0.1 10.0.0.2,10.0.0.3"), own_ips="10.0.0.2")

    assert peers.ips == ("10.0.0.1", "10.0.0.3")


def test_a_resolver_of_ones_own(discover: Discover) -> None:
    """Five lines are a resolver."""

    class Mine:
        def lookup(self, question: Question, timeout: float) -> Answer:
            return Answer.of(question, ["10.0.0.1", "10.0.0.2", "fd00::1"], ttl=7)

        async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - the protocol's
            return self.lookup(question, timeout)

    peers = discover("web.default.svc.cluster.local", resolver=Mine(), own_ips="10.0.0.1")

    assert (peers.ips, peers.ttl, peers.outcome) == (("10.0.0.2",), 7, Outcome.FOUND)


def test_a_config_instead_of_a_name(discover: Discover) -> None:
    """A config says everything at once, and an option goes over what it says."""
    config = DiscoveryConfig("web", namespace="shop", port=80)
    fake = FakeResolver({"web.shop": ["10.0.0.1", "10.0.0.2"], "web.other": []})

    assert [peer.netloc() for peer in discover(config, resolver=fake)] == ["10.0.0.1:80", "10.0.0.2:80"]
    assert [peer.netloc() for peer in discover(config, resolver=fake, port=8080)] == ["10.0.0.1:8080", "10.0.0.2:8080"]
    assert discover(config, resolver=fake, namespace="other").outcome is Outcome.NXDOMAIN
