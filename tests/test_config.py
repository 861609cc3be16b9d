"""The options: what they may be, what they are where not given, how they are combined and read."""

from collections import deque
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path, PurePosixPath
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from peerdisco import ConfigError, DiscoveryConfig, discover_peers
from peerdisco._dns.nameserver import Nameserver
from peerdisco.config import Options, parse_nameservers
from tests.support import bad_input


def test_defaults() -> None:
    """What stands in the contract."""
    assert DiscoveryConfig("web").model_dump() == {
        "service": "web",
        "namespace": None,
        "cluster_domain": None,
        "port": None,
        "hostnames": False,
        "family": "auto",
        "own_ips": None,
        "nameservers": None,
        "resolv_conf": "/etc/resolv.conf",
        "static_ips": None,
        "timeout": 5.0,
        "refresh": 5.0,
        "jitter": 0.1,
        "max_backoff": 30.0,
        "max_stale": None,
        "removal_confirmations": 2,
        "max_fleet_qps": 100.0,
        "allowed_networks": None,
    }


def test_the_typed_options_are_the_fields() -> None:
    """What type checkers know is what there is."""
    assert set(DiscoveryConfig.model_fields) - {"service"} == set(get_type_hints(Options))


@pytest.mark.parametrize("service", bad_input.SERVICES.values(), ids=bad_input.SERVICES)
def test_no_service(service: Any) -> None:
    """What names no Service is refused."""
    with pytest.raises(ConfigError) as raised:
        DiscoveryConfig(service)

    assert ("service", service) == (raised.value.key, raised.value.value)


@pytest.mark.parametrize(("key", "value"), bad_input.VALUES, ids=lambda part: repr(part)[:40])
def test_no_option(key: str, value: Any) -> None:
    """What an option can't be is refused by key and value, and so is what is no option."""
    with pytest.raises(ConfigError) as raised:
        DiscoveryConfig("web", **{key: value})

    assert key == raised.value.key
    assert str(raised.value).startswith(f"{key}=")
    assert repr(str(value))[1:-1][:40] in str(raised.value)


def test_an_unknown_option_lists_the_known() -> None:
    """A typo is easy to mend."""
    with pytest.raises(ConfigError, match=r"there are service, namespace, .* allowed_networks"):
        DiscoveryConfig("web", refesh=5)  # type: ignore[call-arg] # what is tested


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("namespace", "Shop", "shop"),
        ("cluster_domain", "K8s.Example.", "k8s.example"),
        ("port", 80, 80),
        ("port", "80", 80),
        ("port", "http", "http"),
        ("port", 65535, 65535),
        ("own_ips", "10.0.0.1, FD00::1", ("10.0.0.1", "fd00::1")),
        ("own_ips", ["::ffff:10.0.0.1"], ("10.0.0.1",)),
        ("own_ips", {"10.0.0.1"}, ("10.0.0.1",)),
        ("own_ips", (), ()),
        ("own_ips", [], ()),
        ("own_ips", {}.keys(), ()),
        ("nameservers", "10.96.0.10", ("10.96.0.10:53",)),
        ("nameservers", ["127.0.0.1:5353", "[::1]:53", "fd00::A", "[fd00::b]"],
         ("127.0.0.1:5353", "[::1]:53", "[fd00::a]:53", "[fd00::b]:53")),
        ("nameservers", [Nameserver("10.96.0.10", 53)], ("10.96.0.10:53",)),
        ("nameservers", (text for text in ["10.96.0.10"]), ("10.96.0.10:53",)),
        ("resolv_conf", PurePosixPath("/run/resolv.conf"), "/run/resolv.conf"),
        ("timeout", 1, 1.0),
        ("timeout", "0.5", 0.5),
        ("refresh", 0.01, 0.01),
        ("refresh", 86400, 86400.0),
        ("jitter", 0, 0.0),
        ("max_stale", 60, 60.0),
        ("removal_confirmations", 1, 1),
        ("allowed_networks", "10.0.0.0/8 fd00::/8", ("10.0.0.0/8", "fd00::/8")),
        ("allowed_networks", [ip_network("10.0.0.0/8")], ("10.0.0.0/8",)),
        ("allowed_networks", "10.0.0.1", ("10.0.0.1/32",)),
    ],
)  # fmt: skip
def test_what_is_kept(key: str, value: Any, kept: object) -> None:
    """Each way to write a value is kept in one form, which is as good as the first."""
    options: list[dict[str, Any]] = [{key: value}, {key: kept}]
    config, again = (DiscoveryConfig("web", **given) for given in options)

    assert kept == getattr(config, key)
    assert type(kept) is type(getattr(config, key))
    assert config == again


class Elsewhere:
    """A path of another kind."""

    def __fspath__(self) -> str:
        return "/run/resolv.conf"


def test_any_path() -> None:
    """Whatever is a path to `open` is one here."""
    assert DiscoveryConfig("web", resolv_conf=Elsewhere()).resolv_conf == "/run/resolv.conf"


def test_frozen_and_hashable() -> None:
    """A config is a value."""
    config = DiscoveryConfig("web", port=80, own_ips=["10.0.0.1"])

    with pytest.raises(ValidationError):
        config.port = 81
    assert len({config, DiscoveryConfig("web", port=80, own_ips="10.0.0.1"), DiscoveryConfig("web")}) == 2


def test_what_it_works_out() -> None:
    """Addresses, servers and networks are parsed once."""
    config = DiscoveryConfig("web", own_ips="10.0.0.1", nameservers="[::1]:53", allowed_networks="10.0.0.0/8")

    assert config.own == (b"\x0a\0\0\1",)
    assert (Nameserver("::1", 53),) == config.servers
    assert config.networks is config.networks
    assert frozenset({b"\x0b\0\0\1"}) == config.networks.outside(frozenset({b"\x0a\0\0\1", b"\x0b\0\0\1"}))
    assert (DiscoveryConfig("web").own, DiscoveryConfig("web").servers) == (None, None)


def test_options_go_over_a_config() -> None:
    """What a call says goes over what its config says, and the config stays as it is."""
    config = DiscoveryConfig("web", port=80, refresh=1)

    assert config is DiscoveryConfig.of(config, {})
    assert DiscoveryConfig("web", port=81, refresh=1) == DiscoveryConfig.of(config, {"port": 81})
    assert DiscoveryConfig("web", refresh=1) == DiscoveryConfig.of(config, {"port": None})
    assert config.port == 80
    with pytest.raises(ConfigError):
        DiscoveryConfig.of(config, {"refresh": 0})


def test_the_same_call_costs_nothing() -> None:
    """A call that is repeated is checked once, with its options in lists or over a config as well."""
    config = DiscoveryConfig("web", port=80)
    assert DiscoveryConfig.of("web", {"port": 80}) is DiscoveryConfig.of("web", {"port": 80})
    assert DiscoveryConfig.of(config, {"timeout": 2}) is DiscoveryConfig.of(config, {"timeout": 2})
    first, again = (
        DiscoveryConfig.of("web", {"own_ips": ["10.0.0.1"], "allowed_networks": ["10.0.0.0/8"]}) for _ in range(2)
    )
    assert first is again


class Changing:
    """A list whose only item is another one each time."""

    def __init__(self) -> None:
        self.reads = 0

    def __iter__(self) -> Iterator[str]:
        """Yield it."""
        self.reads += 1
        yield f"10.0.0.{self.reads}"


def own(given: Any) -> tuple[str, ...] | None:
    """The own addresses that a call takes from a list."""
    return DiscoveryConfig.of("web", {"own_ips": given}).own_ips


def test_a_list_that_changed_is_read_again() -> None:
    """What a list says at the time of the call counts, whatever kind of list it is."""
    pods = {"web-0": "10.0.0.1"}
    ips, unique, queue, view = ["10.0.0.1"], {"10.0.0.1"}, deque(["10.0.0.1"]), pods.values()
    assert {own(given) for given in (ips, unique, queue, view)} == {("10.0.0.1",)}

    pods["web-1"] = "10.0.0.2"
    ips.append("10.0.0.2")
    queue.append("10.0.0.2")
    unique.clear()
    assert own(unique) == ()
    assert {own(given) for given in (ips, queue, view)} == {("10.0.0.1", "10.0.0.2")}


def test_a_list_of_ones_own_is_read_at_each_call() -> None:
    """An iterable that says something else each time is read each time; one that ends is empty then."""
    changing, once = Changing(), iter(["10.0.0.1"])

    assert [own(changing), own(changing)] == [("10.0.0.1",), ("10.0.0.2",)]
    assert [own(once), own(once)] == [("10.0.0.1",), ()]


def test_options_that_are_parameters() -> None:
    """A keyword that Python's own parameters have is refused as any other that is no option."""
    for key in ("self", "cls", "options"):
        with pytest.raises(ConfigError, match=f"^{key}=1: no such option"):
            discover_peers("web", **{key: 1})  # type: ignore[arg-type] # what is tested


@pytest.mark.parametrize("order", [(1, True, 1.0), (1.0, 1, True)])
def test_equal_values_are_not_confused(order: tuple[Any, ...]) -> None:
    """True is not 1, though Python says that they are equal."""
    for value in order:
        options: Any = {"removal_confirmations": value, "timeout": 2}
        if value is True:
            with pytest.raises(ConfigError):
                DiscoveryConfig.of("web", options)
        else:
            assert DiscoveryConfig.of("web", options).removal_confirmations == 1


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.96.0.10", Nameserver("10.96.0.10", 53)),
        ("127.0.0.1:5353", Nameserver("127.0.0.1", 5353)),
        ("fd00::a", Nameserver("fd00::a", 53)),
        ("[::1]:5353", Nameserver("::1", 5353)),
        ("[::1]", Nameserver("::1", 53)),
    ],
)
def test_nameserver(text: str, server: Nameserver) -> None:
    """Every way to write a nameserver, and the one in which it is shown."""
    assert server == Nameserver.parse(text)
    assert server == Nameserver.parse(str(server))


@given(st.ip_addresses(), st.integers(1, 65535))
def test_any_nameserver(host: object, port: int) -> None:
    """What is shown can be read."""
    assert Nameserver(str(host), port) == Nameserver.parse(str(Nameserver(str(host), port)))


@pytest.mark.parametrize("value", [text for key, text in bad_input.VALUES if key == "nameservers"], ids=repr)
def test_no_nameservers(value: Any) -> None:
    """A resolver is as strict as a config."""
    with pytest.raises(ConfigError) as raised:
        parse_nameservers(value)

    assert raised.value.key == "nameservers"


def test_a_relative_path(tmp_path: Path) -> None:
    """A path is taken as it is given."""
    assert str(tmp_path) == DiscoveryConfig("web", resolv_conf=tmp_path).resolv_conf
    assert DiscoveryConfig("web", resolv_conf="resolv.conf").resolv_conf == "resolv.conf"
