"""The peers of a lookup: how they compare, look and count."""

import itertools
import pickle
from collections.abc import Sequence

import pytest

from peerdisco import Answer, Outcome, Peer, PeerSet, discover_peers
from peerdisco.config import LookupOptions
from peerdisco.testing import FakeClock, FakeResolver

IPS = ["10.0.0.10", "10.0.0.9", "9.255.255.255", "fd00::2", "fd00::10"]


def found(
    *ips: str | Peer, own: str = "10.0.0.1", service: str = "web", options: LookupOptions | None = None
) -> PeerSet:
    """The PeerSet of a Service with these Pods."""
    return discover_peers(service, resolver=FakeResolver({service: ips}, own=own), **(options or {"family": "both"}))


def test_sorted_by_address() -> None:
    """Addresses are in numerical order, IPv4 first."""
    assert found(*IPS).ips == ("9.255.255.255", "10.0.0.9", "10.0.0.10", "fd00::2", "fd00::10")


def test_a_sequence_of_peers() -> None:
    """It is an immutable Sequence: length, items, slices, search."""
    peers = found(*IPS)

    assert isinstance(peers, Sequence)
    assert len(peers) == 5
    assert peers[0] == Peer("9.255.255.255")
    assert peers[-1] == Peer("fd00::10")
    assert (Peer("10.0.0.9"), Peer("10.0.0.10")) == peers[1:3]
    assert list(reversed(peers)) == list(peers)[::-1]
    assert Peer("fd00::2") in peers
    assert peers.index(Peer("fd00::2")) == 3
    assert peers.ips == tuple(map(str, peers))
    with pytest.raises(IndexError):
        peers[5]


def test_truth_is_whether_anybody_is_there() -> None:
    """An empty list is false."""
    assert not found()
    assert found(*IPS)


def test_equal_where_the_same_peers_are_listed() -> None:
    """Equality is Service and peers, neither their order in DNS nor when they were looked up."""
    assert found(*IPS) == found(*reversed(IPS))
    assert len({found(*IPS), found(*reversed(IPS))}) == 1
    assert found(*IPS) != found(*IPS[1:])
    assert found(*IPS) != found(*IPS, service="other")
    assert found(*IPS) != found(*IPS, options={"family": "both", "port": 80})
    assert found(*IPS) != list(found(*IPS))


def test_oneself_is_left_out_and_known() -> None:
    """This Pod's own listing stands beside the list."""
    peers = found("10.0.0.1", "10.0.0.2", options={"port": 8080})

    assert peers.ips == ("10.0.0.2",)
    assert Peer("10.0.0.1", 8080) == peers.own
    assert peers.self_listed


def test_repr_shows_the_first_five() -> None:
    """The repr tells the Service, the outcome, the number and the first addresses."""
    assert repr(found(*(f"10.0.0.{n}" for n in range(2, 8)), options={"port": 80})) == (
        "<PeerSet of web.default.svc.cluster.local. found: 6 peers "
        "[10.0.0.2:80, 10.0.0.3:80, 10.0.0.4:80, 10.0.0.5:80, 10.0.0.6:80, …]>"
    )
    assert repr(found()) == "<PeerSet of web.default.svc.cluster.local. nxdomain: 0 peers []>"
    assert repr(found("10.0.0.2")) == "<PeerSet of web.default.svc.cluster.local. found: 1 peer [10.0.0.2]>"


def test_repr_shows_what_is_amiss() -> None:
    """A list that is not whole says so."""
    fake = FakeResolver({"web": Answer(Outcome.FOUND, frozenset({b"\x0a\0\0\1", b"\x0a\0\0\2"}), complete=False)})

    assert repr(discover_peers("web", resolver=fake)).endswith("2 peers [10.0.0.1, 10.0.0.2], incomplete>")


def test_age_is_the_clocks() -> None:
    """The age is counted from the answer."""
    clock = FakeClock(1000.0)
    peers = discover_peers("web", resolver=FakeResolver({"web": IPS}, clock=clock))

    assert peers.age == 0.0
    clock.advance(2.5)
    assert peers.age == 2.5


@pytest.mark.parametrize(
    ("peer", "port", "netloc"),
    [
        (Peer("10.1.0.4"), None, "10.1.0.4"),
        (Peer("10.1.0.4"), 8080, "10.1.0.4:8080"),
        (Peer("10.1.0.4", 80), None, "10.1.0.4:80"),
        (Peer("10.1.0.4", 80), 8080, "10.1.0.4:8080"),
        (Peer("fd00::4"), None, "[fd00::4]"),
        (Peer("fd00::4"), 8080, "[fd00::4]:8080"),
        (Peer("fd00::4", 80), 0, "[fd00::4]:0"),
    ],
)
def test_netloc(peer: Peer, port: int | None, netloc: str) -> None:
    """A URL's host and port, with IPv6 in brackets."""
    assert netloc == peer.netloc(port)


@pytest.mark.parametrize(
    ("name", "ordinal"),
    [
        ("web-3", 3),
        ("web-0", 0),
        ("my-web-12", 12),
        ("web", None),
        ("3", None),
        ("web-", None),
        ("web-a", None),
        ("web-\u0663", None),
        (None, None),
    ],
)
def test_ordinal(name: str | None, ordinal: int | None) -> None:
    """A StatefulSet's Pod has its number in its name."""
    assert ordinal == Peer("10.0.0.1", name=name).ordinal


def test_a_peer_is_its_address() -> None:
    """As text a peer is its IP."""
    assert str(Peer("10.0.0.1", 80, "web-0")) == "10.0.0.1"


def test_peers_are_ordered_by_address() -> None:
    """Order is numerical, IPv4 first, then by port and name."""
    ordered = [
        Peer("9.0.0.1"),
        Peer("10.0.0.1"),
        Peer("10.0.0.1", 80),
        Peer("10.0.0.1", 80, "a"),
        Peer("10.0.0.1", 81),
        Peer("fd00::9"),
        Peer("fd00::10"),
    ]

    assert ordered == sorted(ordered[3:] + ordered[:3])
    for first, second in itertools.pairwise(ordered):
        assert first < second
        assert first <= second
        assert second > first
        assert second >= first
    with pytest.raises(TypeError):
        assert Peer("10.0.0.1") < "10.0.0.2"


@pytest.mark.parametrize("name", ["service", "outcome", "complete", "stale", "ttl", "listed", "ips", "own", "other"])
def test_a_peer_set_is_immutable(name: str) -> None:
    """What every reader of a watcher shares can't be changed by one of them."""
    peers = discover_peers("svc", resolver=FakeResolver({"svc": ["10.0.0.1"]}))
    with pytest.raises(AttributeError):
        setattr(peers, name, ())


def test_a_peer_is_a_value() -> None:
    """Peers are frozen, hashable, equal by content, and survive pickling."""
    peer = Peer("10.0.0.1", 80, "web-0")

    assert len({peer, Peer("10.0.0.1", 80, "web-0"), Peer("10.0.0.1", 80)}) == 2
    assert peer == pickle.loads(pickle.dumps(peer))  # noqa: S301 - what was pickled here
    with pytest.raises(AttributeError):
        peer.ip = "10.0.0.2"  # type: ignore[misc] # what is tested
