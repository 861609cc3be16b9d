"""A fixed list instead of DNS: the same program outside a cluster."""

import socket

import pytest

from peerdisco import ConfigError, DiscoveryConfig, Outcome, Peer
from peerdisco._core.addresses import pack_ip
from peerdisco.environment import StaticEnvironment
from peerdisco.testing import FakeResolver
from tests.support.both import Discover, sync_and_async

THREE = ("192.168.1.10", "192.168.1.11", "fd00::12")


@sync_and_async
@pytest.mark.parametrize("given", [THREE, list(THREE), ", ".join(THREE), set(THREE)])
def test_a_fixed_list(discover: Discover, given: object) -> None:
    """The list is given in any form, this replica is left out, and nothing is asked."""
    peers = discover("web", static_ips=given, own_ips="192.168.1.10", family="both", port=80)  # type: ignore[arg-type] # any form

    assert list(peers) == [Peer("192.168.1.11", 80), Peer("fd00::12", 80)]
    assert (peers.own, peers.outcome, peers.service) == (
        Peer("192.168.1.10", 80),
        Outcome.FOUND,
        "web.default.svc.cluster.local.",
    )


@sync_and_async
def test_a_single_address(discover: Discover) -> None:
    """A list of one other replica is a list of one peer: there is no ClusterIP outside a cluster."""
    assert discover("web", static_ips=["192.168.1.11"], own_ips="192.168.1.10").ips == ("192.168.1.11",)


@sync_and_async
def test_networks(discover: Discover) -> None:
    """The default networks do not apply, so that a laptop's loopback can be listed; those that are given do."""
    listed = "127.0.0.2,127.0.0.3,10.0.0.1"

    assert discover("web", static_ips=listed, own_ips="127.0.0.2").ips == ("10.0.0.1", "127.0.0.3")
    assert discover("web", static_ips=listed, own_ips="127.0.0.2", allowed_networks="10.0.0.0/8").ips == ("10.0.0.1",)


@sync_and_async
def test_own_by_the_downward_api(discover: Discover, monkeypatch: pytest.MonkeyPatch) -> None:
    """`POD_IPS` says who this replica is, else `POD_IP` does; the option goes before both."""
    listed = "10.0.0.1,10.0.0.2,10.0.0.3"
    monkeypatch.setenv("POD_IP", "10.0.0.1")
    assert str(discover("web", static_ips=listed).own) == "10.0.0.1"
    monkeypatch.setenv("POD_IPS", "10.0.0.2")
    assert str(discover("web", static_ips=listed).own) == "10.0.0.2"
    assert str(discover("web", static_ips=listed, own_ips="10.0.0.3").own) == "10.0.0.3"


@sync_and_async
def test_own_by_an_interface(discover: Discover, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing says who this replica is, a listed address of an interface is its own."""
    monkeypatch.delenv("POD_IPS", raising=False)
    monkeypatch.delenv("POD_IP", raising=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this host has no interface but loopback")
        mine = sock.getsockname()[0]

    peers = discover("web", static_ips=[mine, "127.0.0.1", "203.0.113.9"])
    assert (str(peers.own), peers.ips) == (mine, ("127.0.0.1", "203.0.113.9"))


@sync_and_async
def test_a_fake_wins(discover: Discover) -> None:
    """In the block of a fake, the fake answers."""
    with FakeResolver({"web": ["10.0.0.1", "10.0.0.2"]}, own="10.0.0.1"):
        assert discover("web", static_ips="192.168.1.11").ips == ("10.0.0.2",)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"static_ips": "10.0.0.1", "nameservers": "10.96.0.10"}, "contradicts `nameservers`"),
        ({"static_ips": "10.0.0.1", "port": "http"}, "give `port` as a number"),
        ({"static_ips": "web"}, "does not appear to be"),
        ({"static_ips": ""}, "is empty"),
        ({"static_ips": []}, "is empty"),
    ],
)
def test_contradictions(options: dict[str, object], problem: str) -> None:
    """What can't hold together is an error that names the option."""
    with pytest.raises(ConfigError, match=problem) as raised:
        DiscoveryConfig("web", **options)  # type: ignore[arg-type] # as a user might

    assert raised.value.key == "static_ips"


def test_from_the_environment() -> None:
    """A variable gives the list to `from_env`."""
    config = DiscoveryConfig.from_env({"PEERDISCO_SERVICE": "web", "PEERDISCO_STATIC_IPS": "10.0.0.1, 10.0.0.2"})

    assert config.static_ips == ("10.0.0.1", "10.0.0.2")
    with pytest.raises(ConfigError, match="PEERDISCO_STATIC_IPS"):
        DiscoveryConfig.from_env({"PEERDISCO_SERVICE": "web", "PEERDISCO_STATIC_IPS": "web"})


def test_loopback_is_nobodys_own() -> None:
    """Several processes of one host share its loopback addresses, so none of them is taken for its own."""
    listed = frozenset(map(pack_ip, ("127.0.0.1", "::1")))

    assert StaticEnvironment().local_among(listed) == frozenset()
