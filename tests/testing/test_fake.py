"""The fake that users get: it answers as CoreDNS would, goes through what a test scripts, and reads nothing."""

import threading
from typing import Any

import pytest

from peerdisco import (
    Answer,
    ConfigError,
    LookupFailed,
    NotHeadlessError,
    Outcome,
    Peer,
    Question,
    adiscover_peers,
    discover_peers,
)
from peerdisco._core.addresses import pack_ip, reverse_name
from peerdisco.testing import FakeResolver

WEB = "web.default.svc.cluster.local."
IPS = ("10.0.0.1", "10.0.0.2")


def found(fake: FakeResolver, service: str = "web", **options: Any) -> tuple[str, ...]:
    """The peers' addresses."""
    return discover_peers(service, resolver=fake, **options).ips


def test_a_service_that_scales() -> None:
    """A declaration holds until the next one."""
    fake = FakeResolver({"web": IPS}, own="10.0.0.1")

    assert found(fake) == ("10.0.0.2",)
    fake["web"] = [*IPS, "10.0.0.3"]
    assert found(fake) == ("10.0.0.2", "10.0.0.3")
    fake["web"] = []
    assert found(fake) == ()
    del fake["web"]
    assert Outcome.NXDOMAIN is discover_peers("web", resolver=fake).outcome
    fake["web"] = IPS
    assert found(fake) == ("10.0.0.2",)


@pytest.mark.parametrize(
    "name", ["web", "web.default", "web.default.svc", "web.default.svc.cluster.local", WEB, "WEB.Default"]
)
def test_any_form_of_a_name(name: str) -> None:
    """Services are declared by any form of their name."""
    assert found(FakeResolver({name: IPS})) == IPS


def test_another_namespace_and_domain() -> None:
    """Namespace and cluster domain are what the test says."""
    fake = FakeResolver({"web": IPS}, namespace="shop", cluster_domain="k8s.example")

    assert discover_peers("web", resolver=fake).service == "web.shop.svc.k8s.example."
    assert found(fake, "web.shop") == IPS
    assert fake.lookup(Question("shop.svc.k8s.example.", "A"), 1).outcome is Outcome.NODATA


def test_names_in_any_case() -> None:
    """Namespace and cluster domain are names of DNS, where upper case is lower case."""
    fake = FakeResolver({"web": IPS}, namespace="Shop", cluster_domain="K8S.Example.")

    assert discover_peers("web", resolver=fake).service == "web.shop.svc.k8s.example."
    assert found(fake, "web.shop") == IPS


@pytest.mark.parametrize("options", [{"own": 5}, {"own": "me"}, {"namespace": "a b"}, {"cluster_domain": ""}])
def test_no_place(options: Any) -> None:
    """What is no address or no name is refused, and named."""
    with pytest.raises(ValueError, match=rf"^{next(iter(options))}="):
        FakeResolver(**options)


@pytest.mark.parametrize("own", ["10.0.0.1", "10.0.0.1,fd00::1", ["10.0.0.1"], "::ffff:10.0.0.1"])
def test_own(own: Any) -> None:
    """This Pod has one address, or several."""
    peers = discover_peers("web", resolver=FakeResolver({"web": IPS}, own=own))

    assert (("10.0.0.2",), Peer("10.0.0.1")) == (peers.ips, peers.own)


def test_families() -> None:
    """A family that the Service lacks is NODATA, and a name without Pods NXDOMAIN."""
    fake = FakeResolver({"web": IPS, "empty": []})

    assert Outcome.NODATA is fake.lookup(Question(WEB, "AAAA"), 1).outcome
    assert Outcome.NXDOMAIN is fake.lookup(Question(WEB.replace("web", "empty"), "AAAA"), 1).outcome


def test_pods_from_any_iterable() -> None:
    """A generator of Pods is as good as a list, however often it is asked for."""
    fake = FakeResolver({"web": (ip for ip in IPS)})

    assert [found(fake), found(fake)] == [IPS, IPS]
    fake.script("web", ((ip for ip in IPS[:n]) for n in (2, 0)))
    assert [found(fake), found(fake)] == [IPS, ()]


def test_a_failure() -> None:
    """DNS breaks, and heals."""
    fake = FakeResolver({"web": IPS})
    fake.fail("web", "servfail")
    with pytest.raises(LookupFailed) as raised:
        found(fake)

    assert raised.value.reason == "servfail"
    fake.heal("web")
    fake.heal("web")
    assert found(fake) == IPS


def test_a_failure_of_what_is_not_declared() -> None:
    """A Service may fail without ever having been there, and others do not fail with it."""
    fake = FakeResolver({"other": IPS})
    fake.fail("web")
    with pytest.raises(LookupFailed) as raised:
        found(fake)

    assert raised.value.reason == "timeout"
    assert found(fake, "other") == IPS


def test_a_script() -> None:
    """Every lookup sees the next state, and the last one stays."""
    fake = FakeResolver()
    fake.script("web", [IPS, "timeout", [], Answer(Outcome.NODATA), ["10.0.0.1", "10.0.0.9"]])
    seen: list[object] = []
    for _ in range(6):
        try:
            peers = discover_peers("web", resolver=fake, family="ipv4")
            seen.append(peers.ips or peers.outcome)
        except LookupFailed as error:
            seen.append(error.reason)

    last = ("10.0.0.1", "10.0.0.9")
    assert [IPS, "timeout", Outcome.NXDOMAIN, Outcome.NODATA, last, last] == seen


def test_a_script_counts_lookups_not_questions() -> None:
    """A lookup that asks several questions sees one state."""
    fake = FakeResolver()
    fake.script("web", [["10.0.0.1", "fd00::1"], ["10.0.0.2", "fd00::2"]])

    assert found(fake, family="both") == ("10.0.0.1", "fd00::1")
    assert found(fake, family="both") == ("10.0.0.2", "fd00::2")


def test_a_cluster_ip() -> None:
    """A Service that is not headless stays one until it is declared again."""
    fake = FakeResolver()
    fake.cluster_ip("web", "10.96.0.7")
    with pytest.raises(NotHeadlessError):
        found(fake)
    with pytest.raises(NotHeadlessError):
        found(fake, port="http")

    assert fake.lookup(Question(reverse_name(pack_ip("10.96.0.7")), "PTR"), 1).names == (WEB,)
    fake["web"] = ["10.0.0.1"]
    assert found(fake) == ("10.0.0.1",)
    assert Outcome.NXDOMAIN is fake.lookup(Question(reverse_name(pack_ip("10.96.0.7")), "PTR"), 1).outcome


def test_named_ports() -> None:
    """Peers with ports are found by a port's name, with their hostnames, and hostnames have addresses."""
    pods = [Peer("10.0.0.1", 8080, "web-0"), Peer("10.0.0.2", 8080, "web-1")]
    fake = FakeResolver({"web": pods}, own="10.0.0.1")

    assert [pods[1]] == list(discover_peers("web", port="http", resolver=fake))
    assert {pack_ip("10.0.0.2")} == fake.lookup(Question(f"web-1.{WEB}", "A"), 1).addresses
    assert Outcome.NXDOMAIN is fake.lookup(Question(f"web-2.{WEB}", "A"), 1).outcome
    assert Outcome.NODATA is discover_peers("web", port="http", resolver=FakeResolver({"web": IPS})).outcome


@pytest.mark.parametrize("state", ["10.0.0.1", "sad", ["web-0"], [""], None, 5])
def test_no_state(state: Any) -> None:
    """What is neither Pods nor a reason is refused when it is declared."""
    with pytest.raises(ValueError, match=r".+"):
        FakeResolver({"web": state})


def test_no_script() -> None:
    """A script has a state, a failure a known reason, a ClusterIP an address."""
    fake = FakeResolver()
    with pytest.raises(ValueError, match="at least one"):
        fake.script("web", [])
    with pytest.raises(ValueError, match="not a reason to fail"):
        fake.fail("web", "tired")  # type: ignore[arg-type] # what is tested
    with pytest.raises(ValueError, match="web"):
        fake.cluster_ip("web", "web")
    with pytest.raises(ConfigError):
        fake["no name"] = IPS


async def test_sync_and_async() -> None:
    """One fake serves sync and async code, and remembers every question."""
    fake = FakeResolver({"web": IPS})

    assert discover_peers("web", resolver=fake) == await adiscover_peers("web", resolver=fake)
    assert [Question(WEB, "A")] * 2 == fake.questions


def test_wait_for_questions() -> None:
    """A test can wait for what another thread asks."""
    fake = FakeResolver({"web": IPS})
    thread = threading.Thread(target=discover_peers, args=["web"], kwargs={"resolver": fake})
    thread.start()
    fake.wait_for_questions(1)
    thread.join()

    with pytest.raises(TimeoutError, match="1 of 2"):
        fake.wait_for_questions(2, timeout=0.01)
