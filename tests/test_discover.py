"""The contract of `discover_peers` and `adiscover_peers`: what a Service's DNS says, as peers."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from peerdisco import (
    DiscoveryConfig,
    LookupFailed,
    NotHeadlessError,
    Outcome,
    Peer,
    PeerWatcher,
    Question,
    discover_peers,
)
from peerdisco.config import Family
from peerdisco.testing import FakeResolver, LocalCluster
from peerdisco.testing.cluster import Fault
from tests.support.both import Discover, blocking, in_a_loop, ips, sync_and_async

PODS = ("200.96.1.50", "200.96.0.59", "200.96.2.24")

pytestmark = sync_and_async


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """The cluster of the story: a headless Service, and one with a head."""
    with LocalCluster() as cluster:
        cluster.headless("test-cs-svc", PODS, ports={"80-80": 80})
        cluster.cluster_ip("test-cs-svc-head", "200.68.238.114", ports={"80-80": 80})
        yield cluster


@pytest.mark.parametrize("own", PODS)
def test_story(discover: Discover, cluster: LocalCluster, own: str) -> None:
    """Each Pod of the Service finds the others, sorted, and itself as its own."""
    peers = discover("test-cs-svc", own_ips=own, **cluster.options)

    assert tuple(sorted(set(PODS) - {own})) == peers.ips
    assert Peer(own) == peers.own
    assert peers.self_listed
    assert (peers.outcome, peers.complete, peers.stale, peers.ttl) == (Outcome.FOUND, True, False, 30)
    assert peers.service == "test-cs-svc.default.svc.cluster.local."


@pytest.mark.parametrize("key", [key.upper() for key in DiscoveryConfig.model_fields])
def test_no_variable_of_from_env_is_read(
    discover: Discover, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A plain call and a watcher leave the variables alone that `DiscoveryConfig.from_env` reads."""
    monkeypatch.setenv(f"PEERDISCO_{key}", "10.9.9.9" if key == "STATIC_IPS" else "nothing of ours")

    assert len(discover("test-cs-svc", own_ips="200.96.0.59", **cluster.options)) == 2
    assert PeerWatcher("test-cs-svc", own_ips="200.96.0.59", **cluster.options).refresh().complete


def test_sync_and_async_take_turns(discover: Discover, cluster: LocalCluster) -> None:
    """A call may follow another of the same options by the other way: what is kept between them serves both."""
    other = in_a_loop if discover is blocking else blocking
    for port in (None, "80-80"):
        found = [
            call("test-cs-svc", port=port, own_ips="200.96.0.59", **cluster.options)
            for call in (discover, other, discover)
        ]
        assert [peers.ips for peers in found] == [("200.96.1.50", "200.96.2.24")] * 3


def test_story_by_the_name_of_its_port(discover: Discover, cluster: LocalCluster) -> None:
    """The port `80-80` of the story is found by its name."""
    peers = discover("test-cs-svc", port="80-80", own_ips="200.96.0.59", **cluster.options)

    assert [peer.netloc() for peer in peers] == ["200.96.1.50:80", "200.96.2.24:80"]


def test_story_costs_one_question(discover: Discover, cluster: LocalCluster) -> None:
    """The absolute name is asked for once, over UDP."""
    discover("test-cs-svc", own_ips=PODS[0], **cluster.options)

    assert list(cluster.questions) == [("test-cs-svc.default.svc.cluster.local.", "A", "udp")]


@pytest.mark.parametrize(
    "name",
    [
        "test-cs-svc",
        "test-cs-svc.default",
        "test-cs-svc.default.svc",
        "test-cs-svc.default.svc.cluster.local",
        "test-cs-svc.default.svc.cluster.local.",
        "TEST-CS-SVC.Default.svc.Cluster.Local",
    ],
)
def test_every_form_of_the_name(discover: Discover, cluster: LocalCluster, name: str) -> None:
    """All forms mean the same Service."""
    assert tuple(sorted(PODS)) == discover(name, **cluster.options).ips


def test_an_observer_sees_everyone(discover: Discover, cluster: LocalCluster) -> None:
    """Who is not listed has no own Pod, and all Pods as peers."""
    peers = discover("test-cs-svc", own_ips="10.9.9.9", **cluster.options)

    assert tuple(sorted(PODS)) == peers.ips
    assert peers.own is None
    assert not peers.self_listed


def test_a_lonely_pod(discover: Discover, cluster: LocalCluster) -> None:
    """The only Pod has no peers, asks no witness, and knows that it is found."""
    cluster.headless("single", ["10.0.0.1"])
    peers = discover("single", own_ips="10.0.0.1", **cluster.options)

    assert ((), Peer("10.0.0.1"), Outcome.FOUND) == (peers.ips, peers.own, peers.outcome)
    assert len(cluster.questions) == 1


def test_a_service_with_a_head(discover: Discover, cluster: LocalCluster) -> None:
    """A ClusterIP is no Pod: the error names the Service, the address and the cure."""
    with pytest.raises(NotHeadlessError) as raised:
        discover("test-cs-svc-head", own_ips=PODS[0], **cluster.options)

    assert raised.value.service == "test-cs-svc-head.default.svc.cluster.local."
    assert raised.value.address == "200.68.238.114"
    for part in ("test-cs-svc-head.default.svc.cluster.local.", "200.68.238.114", "clusterIP: None"):
        assert part in str(raised.value)


def test_more_pods_than_dns_can_say(discover: Discover, cluster: LocalCluster) -> None:
    """Past 64 KiB the union of several samples is returned, and said to be incomplete."""
    every = ips(5000)
    cluster.headless("many", every)
    peers = discover("many", own_ips=every[0], **cluster.options)

    assert not peers.complete
    assert set(peers.ips) <= set(every)
    assert len(peers) > 4093
    assert {("udp", 1), ("tcp", len(cluster.questions) - 1)} == {
        (transport, sum(question.transport == transport for question in cluster.questions))
        for transport in ("udp", "tcp")
    }


def test_what_needs_tcp_is_remembered(discover: Discover, cluster: LocalCluster) -> None:
    """From the second call on a long list is asked for over TCP at once, and a short one over UDP again."""
    for count in (100, 100, 3, 3):
        cluster.headless("sized", ips(count))
        assert len(discover("sized", own_ips="10.9.9.9", **cluster.options)) == count

    assert [question.transport for question in cluster.questions] == ["udp", "tcp", "tcp", "tcp", "udp"]


@pytest.mark.parametrize("count", [29, 30, 73, 74, 252, 253, 4092])
def test_any_size_that_fits(discover: Discover, cluster: LocalCluster, count: int) -> None:
    """Around every limit of size the list is whole."""
    every = ips(count)
    cluster.headless("sized", every)
    peers = discover("sized", own_ips="10.9.9.9", **cluster.options)

    assert set(every) == set(peers.ips)
    assert peers.complete


@pytest.mark.parametrize(
    ("family", "outcome"), [("ipv4", Outcome.FOUND), ("ipv6", Outcome.NODATA), ("auto", Outcome.FOUND)]
)
def test_nodata(discover: Discover, cluster: LocalCluster, family: Family, outcome: Outcome) -> None:
    """A family that a Service lacks is an empty list, and says NODATA."""
    peers = discover("test-cs-svc", family=family, own_ips=PODS[0], **cluster.options)

    assert outcome is peers.outcome
    assert bool(peers) is (outcome is Outcome.FOUND)


@pytest.mark.parametrize("name", ["typo", "typo.default", "empty", "test-cs-svc.elsewhere"])
def test_nxdomain(discover: Discover, cluster: LocalCluster, name: str) -> None:
    """Nobody ready, a typo and a wrong namespace are the same to DNS: an empty list, no error."""
    cluster.headless("empty", [])
    peers = discover(name, own_ips=PODS[0], **cluster.options)

    assert (peers.ips, peers.outcome, peers.self_listed, peers.complete) == ((), Outcome.NXDOMAIN, False, True)


@pytest.mark.parametrize(
    ("fault", "reason", "cure"),
    [
        ("drop", "timeout", "NetworkPolicy"),
        ("servfail", "servfail", "can't reach the API server"),
        ("refused", "refused", "nameserver"),
        ("garbage", "malformed", "garbles DNS"),
    ],
)
def test_lookup_failed(discover: Discover, cluster: LocalCluster, fault: Fault, reason: str, cure: str) -> None:
    """Where DNS can't say, the error tells the question, the server, what happened and the cure."""
    cluster.fail(fault)
    with pytest.raises(LookupFailed) as raised:
        discover("test-cs-svc", timeout=0.3, **cluster.options)

    assert reason == raised.value.reason
    for part in ("test-cs-svc.default.svc.cluster.local. A", cluster.nameserver, "UDP", cure):
        assert part in str(raised.value)


def test_the_time_is_all_there_is(discover: Discover, cluster: LocalCluster) -> None:
    """The time-out holds for the whole lookup, not for each attempt or question of it."""
    cluster.fail("drop")
    begun = time.monotonic()
    with pytest.raises(LookupFailed):
        discover("test-cs-svc", timeout=0.5, **cluster.options)

    assert 0.3 < time.monotonic() - begun < 0.6


@pytest.mark.parametrize("fault", ["drop", "servfail", "refused", "garbage", "wrong_id", "wrong_question"])
def test_a_passing_fault_is_outlived(discover: Discover, cluster: LocalCluster, fault: Fault) -> None:
    """What fails once is asked again within the time."""
    cluster.fail(fault, times=1)

    assert tuple(sorted(PODS)) == discover("test-cs-svc", timeout=2, **cluster.options).ips


def test_the_default_resolver_of_a_block(discover: Discover) -> None:
    """Inside its block a fake is what calls use that name no resolver, and after it no more."""
    fake = FakeResolver({"web": ["10.0.0.1", "10.0.0.2"]}, own="10.0.0.1")
    with fake, contextlib.suppress(ZeroDivisionError):
        assert discover("web").ips == ("10.0.0.2",)
        _ = 1 // 0

    assert [Question("web.default.svc.cluster.local.", "A")] == fake.questions
    with LocalCluster() as cluster, FakeResolver({"web": ["10.0.0.3", "10.0.0.4"]}):
        cluster.headless("web", ["10.0.0.5", "10.0.0.6"])
        assert discover("web", **cluster.options).ips == ("10.0.0.3", "10.0.0.4")
    with LocalCluster() as cluster:
        cluster.headless("web", ["10.0.0.5", "10.0.0.6"])
        assert discover("web", own_ips="10.9.9.9", **cluster.options).ips == ("10.0.0.5", "10.0.0.6")


def test_own_found_by_the_kernel(discover: Discover, cluster: LocalCluster) -> None:
    """Without a word about this Pod's own address, the listed one that is this machine's is left out."""
    cluster.headless("local", ["127.0.0.1", "10.255.255.254"])
    peers = discover("local", allowed_networks="127.0.0.0/8,10.0.0.0/8", **cluster.options)

    assert (("10.255.255.254",), Peer("127.0.0.1")) == (peers.ips, peers.own)


def test_both_are_importable_from_the_top(discover: Discover) -> None:
    """The helper of these tests calls what users import."""
    fake = FakeResolver({"web": ["10.0.0.1"]})
    assert discover_peers("web", resolver=fake) == discover("web", resolver=fake)


def test_a_server_that_refuses_is_believed(discover: Discover, cluster: LocalCluster) -> None:
    """A refusal is asked for twice, not for as long as there is time."""
    cluster.fail("refused")

    with pytest.raises(LookupFailed, match=r"answered REFUSED \(2 times\)"):
        discover("test-cs-svc", timeout=60, **cluster.options)
    assert len(cluster.questions) == 2


def test_a_server_that_refuses_ends_nothing(discover: Discover, cluster: LocalCluster) -> None:
    """Beside a server that refuses, another one is asked as long as there is time."""
    with LocalCluster() as refusing:
        refusing.fail("refused")
        cluster.fail("servfail", times=3)
        servers = [refusing.nameserver, cluster.nameserver]
        name = "test-cs-svc.default.svc.cluster.local."

        assert len(discover(name, own_ips=PODS[0], timeout=60, nameservers=servers)) == 2
    assert len(cluster.questions) == 4
