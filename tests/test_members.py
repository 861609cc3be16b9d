"""Members of a Service, which of them owns a key, and how lists are given to other programs."""

import hashlib
import ipaddress
import json
from collections import Counter

import pytest

from peerdisco import ConfigError, Peer, PeerSet, discover_peers
from peerdisco._core.listing import PENDING
from peerdisco.peers import Change, PackedPeers
from peerdisco.testing import FakeResolver, LocalCluster, Pod
from tests.support.both import ips

THREE = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


def seen_by(own: str, *pods: str | Peer, port: int | str | None = None) -> PeerSet:
    """The PeerSet of one of the Pods."""
    return discover_peers("web", resolver=FakeResolver({"web": pods}, own=own), family="both", port=port)


@pytest.mark.parametrize("own", [*THREE, "10.9.9.9"])
def test_members_are_the_same_in_every_replica(own: str) -> None:
    """The members are the peers and this Pod, in order, wherever the list is read."""
    assert [str(member) for member in seen_by(own, *THREE).members] == THREE


def test_every_address_of_this_pod_is_a_member() -> None:
    """A dual-stack Pod is listed with both its addresses."""
    fake = FakeResolver({"web": [*THREE, "fd00::1", "fd00::2"]}, own=["10.0.0.1", "fd00::1"])
    peers = discover_peers("web", resolver=fake, family="both")

    assert [str(member) for member in peers.members] == [*THREE, "fd00::1", "fd00::2"]
    assert (str(peers.own), peers.ips) == ("10.0.0.1", ("10.0.0.2", "10.0.0.3", "fd00::2"))


def test_members_by_named_port() -> None:
    """Where ports have names, this Pod is a member with its own port and name."""
    pods = [Peer(ip, 8080, f"web-{n}") for n, ip in enumerate(THREE)]

    assert seen_by(THREE[1], *pods, port="http").members == tuple(pods)


@pytest.mark.parametrize(
    ("key", "owner"),
    [("", "10.0.0.3"), ("user-1", "10.0.0.3"), ("user-2", "10.0.0.1"), ("ключ", "10.0.0.2"), (b"\xff", "10.0.0.1")],
)
def test_owner_vectors(key: str | bytes, owner: str) -> None:
    """The owner of a key never changes from one release to the next."""
    assert str(seen_by("10.0.0.2", *THREE).owner(key)) == owner


def test_owner_is_what_the_docs_say() -> None:
    """The owner has the highest SHA-256 of its 16 address bytes and the key."""

    def weight(ip: str, key: str) -> bytes:
        address = ipaddress.ip_address(ip)
        mapped = address if address.version == 6 else ipaddress.ip_address(f"::ffff:{ip}")
        return hashlib.sha256(mapped.packed + key.encode()).digest()

    everyone = [*THREE, "fd00::1"]
    peers = seen_by("fd00::1", *everyone)
    for number in range(50):
        key = f"key-{number}"
        assert str(peers.owner(key)) == max(everyone, key=lambda ip: weight(ip, key))


def test_a_member_that_leaves_moves_its_own_keys_alone() -> None:
    """Keys are spread over all members, and those of the others stay where they are."""
    before, after = seen_by("10.0.0.1", *ips(10)), seen_by("10.0.0.1", *ips(10)[:-1])
    keys = [f"key-{number}" for number in range(1000)]
    owners = {key: before.owner(key) for key in keys}

    assert min(Counter(owners.values()).values()) > 50
    assert all(after.owner(key) == owner for key, owner in owners.items() if owner != before.members[-1])


def test_ports_and_names_do_not_count() -> None:
    """A replica that asks by port agrees with one that does not."""
    pods = [Peer(ip, 8080, f"web-{n}") for n, ip in enumerate(THREE)]
    named, plain = seen_by(THREE[0], *pods, port="http"), seen_by(THREE[1], *THREE)
    for number in range(20):
        assert str(named.owner(str(number))) == str(plain.owner(str(number)))


def test_owner_of_nothing() -> None:
    """Without a member there is no owner, and a key that is no text is refused."""
    with pytest.raises(LookupError, match="no member that could own 'key': the list is empty"):
        seen_by("10.0.0.1").owner("key")
    with pytest.raises(LookupError, match="no member that could own 'key': no lookup has ended yet"):
        PeerSet("web.", PackedPeers(frozenset()), PENDING).owner("key")
    with pytest.raises(ConfigError, match="key='\\\\ud800': is no text that UTF-8 can encode"):
        seen_by("10.0.0.1", *THREE).owner("\ud800")
    with pytest.raises(ConfigError, match="key=7: must be text or bytes, not int"):
        seen_by("10.0.0.1", *THREE).owner(7)  # type: ignore[arg-type] # as a user might


def test_fqdn() -> None:
    """The name of an SRV target is known for TLS and Host headers, and does not count when peers are compared."""
    with LocalCluster() as cluster:
        cluster.headless("web", [Pod("10.0.0.1", "web-0"), Pod("10.0.0.2")], ports={"http": 80})
        first, second = discover_peers("web", port="http", own_ips="10.9.9.9", **cluster.options)
        plain = discover_peers("web", own_ips="10.9.9.9", **cluster.options)

    assert first.fqdn == "web-0.web.default.svc.cluster.local"
    assert second.fqdn == "10-0-0-2.web.default.svc.cluster.local"
    assert first == Peer("10.0.0.1", 80, "web-0")
    assert [peer.fqdn for peer in plain] == [None, None]


@pytest.mark.parametrize(
    ("item", "expected"),
    [("10.0.0.2", True), ("::ffff:10.0.0.2", True), ("10.0.0.9", False), ("web", False), (7, False), ("", False)],
)
@pytest.mark.parametrize("port", [None, "http"])
def test_contains(item: object, expected: bool, port: str | None) -> None:
    """An address is looked for as an address, however it is written."""
    peers = seen_by("10.0.0.1", *(Peer(ip, 80) for ip in THREE), port=port)

    assert (item in peers) is expected
    assert peers[0] in peers
    assert Peer("10.0.0.2", 81) not in peers


def test_to_dict() -> None:
    """Lists and changes are ready for JSON, without Infinity."""
    peers = seen_by("10.0.0.1", *(Peer(ip, 80, f"web-{n}") for n, ip in enumerate(THREE)), port="http")
    change = Change.between(PackedPeers(frozenset()), peers)
    assert change is not None
    told = json.loads(json.dumps(change.to_dict(), allow_nan=False))

    assert [peer["name"] for peer in told["added"]] == ["web-1", "web-2"]
    assert told["removed"] == []
    assert told["peers"]["own"]["ip"] == "10.0.0.1"
    assert told["peers"]["service"] == "web.default.svc.cluster.local."
    assert told["peers"]["peers"][0] == {
        "ip": "10.0.0.2",
        "port": 80,
        "name": "web-1",
        "fqdn": "web-1.web.default.svc.cluster.local",
        "ordinal": 1,
    }
    pending = PeerSet("web.", PackedPeers(frozenset()), PENDING)
    assert json.loads(json.dumps(pending.to_dict(), allow_nan=False))["age"] is None


def test_a_dual_stack_pod_owns_by_both_addresses() -> None:
    """A member that is no peer is this Pod, whichever of its addresses owns the key."""
    pods = {"10.0.0.1": "fd00::1", "10.0.0.2": "fd00::2"}
    fake = {"web": [*pods, *pods.values()]}
    seen = [
        discover_peers("web", resolver=FakeResolver(fake, own=[ipv4, ipv6]), family="both")
        for ipv4, ipv6 in pods.items()
    ]
    keys = [f"key-{number}" for number in range(50)]

    assert all([peers.owner(key) not in peers for peers in seen].count(True) == 1 for key in keys)
    assert any(peers.owner(key) not in (*peers, peers.own) for peers in seen for key in keys)
