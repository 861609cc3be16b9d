"""A fake is strict: what the test did not declare is an error, in whatever thread it is looked up."""

import contextlib
import pickle
from typing import Any

import pytest

from peerdisco import (
    AsyncPeerWatcher,
    DnsResolver,
    Outcome,
    Peer,
    PeerDiscoError,
    PeerWatcher,
    Question,
    discover_peers,
)
from peerdisco._core.addresses import pack_ip, reverse_name
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster, Pod, UndeclaredService
from tests.support.both import Discover, sync_and_async

WEB = "web.default.svc.cluster.local."
IPS = ("10.0.0.1", "10.0.0.2")


@sync_and_async
def test_an_undeclared_service(discover: Discover) -> None:
    """The error names what was looked up and what is declared; nothing that handles failed lookups handles it."""
    fake = FakeResolver({"api.prod": IPS, "web": IPS})
    with pytest.raises(UndeclaredService) as raised:
        discover("wbe", resolver=fake)

    assert raised.value.services == ("wbe.default.svc.cluster.local.",)
    assert raised.value.declared == ("api.prod.svc.cluster.local.", WEB)
    assert "not declared: wbe.default.svc.cluster.local.; declared: api.prod" in str(raised.value)
    assert not isinstance(raised.value, PeerDiscoError)
    assert fake.undeclared == ["wbe.default.svc.cluster.local."]


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("wbe.default.svc.cluster.local.", "wbe.default.svc.cluster.local."),
        ("_http._tcp.wbe.default.svc.cluster.local.", "wbe.default.svc.cluster.local."),
        ("10-0-0-1.wbe.default.svc.cluster.local.", "wbe.default.svc.cluster.local."),
        ("web.prod.svc.cluster.local.", "web.prod.svc.cluster.local."),
        ("web.default.svc.other.example.", "web.default.svc.other.example."),
        ("tasks.web.", "tasks.web."),
    ],
)
def test_what_is_undeclared(name: str, service: str) -> None:
    """Whatever was asked, the Service is named; it is recorded once."""
    fake = FakeResolver({"web": IPS})
    for rtype in ("A", "SRV"):
        with pytest.raises(UndeclaredService) as raised:
            fake.lookup(Question(name, rtype), 1)
        assert raised.value.services == (service,)

    assert fake.undeclared == [service]


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("db.default.svc.cluster.local.", Outcome.FOUND),
        ("10-0-0-1.db.default.svc.cluster.local.", Outcome.FOUND),
        ("10-0-0-9.db.default.svc.cluster.local.", Outcome.NXDOMAIN),
        ("no.such.name.db.default.svc.cluster.local.", Outcome.NXDOMAIN),
        ("10-0-0-1.typo.db.default.svc.cluster.local.", Outcome.NXDOMAIN),
        ("gone.default.svc.cluster.local.", Outcome.NXDOMAIN),
        ("10-0-0-1.gone.default.svc.cluster.local.", Outcome.NXDOMAIN),
        ("healed.default.svc.cluster.local.", Outcome.NXDOMAIN),
        ("default.svc.cluster.local.", Outcome.NODATA),
        ("prod.svc.cluster.local.", Outcome.NODATA),
        ("other.svc.cluster.local.", Outcome.NXDOMAIN),
        ("svc.cluster.local.", Outcome.NODATA),
        ("cluster.local.", Outcome.NODATA),
        ("web.", Outcome.NODATA),
        ("tasks.web.", Outcome.FOUND),
    ],
)
def test_what_is_answered_as_dns_would(name: str, outcome: Outcome) -> None:
    """Names below and above a declared Service, and Services that were there once, are no mistakes."""
    fake = FakeResolver({"db": IPS, "api.prod": IPS, "gone": IPS, "tasks.web.": IPS})
    del fake["gone"]
    fake.fail("healed")
    fake.heal("healed")

    assert fake.lookup(Question(name, "A"), 1).outcome is outcome
    assert fake.undeclared == []


@pytest.mark.parametrize(
    ("below", "targets"),
    [
        ("", ["web-0", "web-1"]),
        ("_http._tcp.", ["web-0", "web-1"]),
        ("web-1.", ["web-1"]),
        ("web-2.", []),
        ("_tcp.", []),
        ("web-1._http._tcp.", []),
        ("no.such.name.at.all.", []),
    ],
)
def test_ports_below_a_service(below: str, targets: list[str]) -> None:
    """A Pod's name has its own ports alone, as `LocalCluster` says as well."""
    fake = FakeResolver({"web": [Peer("10.0.0.1", 80, "web-0"), Peer("10.0.0.2", 80, "web-1")]})
    question = Question(below + WEB, "SRV")
    with LocalCluster() as cluster, DnsResolver(cluster.nameserver) as resolver:
        cluster.headless("web", [Pod("10.0.0.1", "web-0"), Pod("10.0.0.2", "web-1")], ports={"http": 80})
        for answer in (fake.lookup(question, 1), resolver.lookup(question, 10)):
            assert sorted(target.name.partition(".")[0] for target in answer.targets) == targets
            assert answer.outcome is (Outcome.FOUND if targets else Outcome.NXDOMAIN)


def test_reverse_lookups() -> None:
    """A Pod's address has a name in each Service that lists it, a ClusterIP the Service's, any other none."""
    fake = FakeResolver({"web": [Peer("10.0.0.1", 80, "web-0"), "fd00::1"], "all": ["10.0.0.1"], "down": "timeout"})
    fake.cluster_ip("head", "10.96.0.7")
    names = {}
    for ip in ("10.0.0.1", "fd00::1", "10.96.0.7", "10.0.0.9"):
        answer = fake.lookup(Question(reverse_name(pack_ip(ip)), "PTR"), 1)
        names[ip] = [name.removesuffix(".default.svc.cluster.local.") for name in answer.names]

    assert names == {
        "10.0.0.1": ["web-0.web", "10-0-0-1.all"],
        "fd00::1": ["fd00--1.web"],
        "10.96.0.7": ["head"],
        "10.0.0.9": [],
    }
    assert fake.lookup(Question(reverse_name(pack_ip("10.0.0.1")), "A"), 1).outcome is Outcome.NXDOMAIN


def test_one_service_below_another() -> None:
    """Of two declared names the nearer one answers."""
    fake = FakeResolver({"example.": IPS, "a.example.": ["10.0.0.9"]})

    assert discover_peers("b.a.example.", resolver=fake).outcome is Outcome.NXDOMAIN
    assert discover_peers("a.example.", resolver=fake).ips == ("10.0.0.9",)


def test_missing_is_nxdomain() -> None:
    """A test that wants DNS's own answer gets it, and nothing is raised at the end."""
    with FakeResolver({"web": IPS}, missing="nxdomain") as fake:
        assert discover_peers("wbe").outcome is Outcome.NXDOMAIN

    assert fake.undeclared == []


def test_missing_is_something_else() -> None:
    """There are two ways."""
    missing: Any = "nodata"
    with pytest.raises(ValueError, match=r"^missing='nodata': must be one of 'error', 'nxdomain'$"):
        FakeResolver(missing=missing)


def test_a_block_raises_it_again() -> None:
    """Code that swallows everything does not get through the end of the block; the next block begins afresh."""
    fake = FakeResolver({"web": IPS})

    def swallow() -> None:
        with fake:
            for service in ("wbe", "api", "wbe"):
                with contextlib.suppress(UndeclaredService):
                    discover_peers(service)

    with pytest.raises(UndeclaredService) as raised:
        swallow()
    with fake:
        pass

    assert raised.value.services == ("wbe.default.svc.cluster.local.", "api.default.svc.cluster.local.")


def test_a_thread_does_not_swallow_it() -> None:
    """A watcher goes on, with the reason in its status, and the block raises what its thread could not."""
    clock, seen = FakeClock(), list[object]()

    def watch() -> None:
        with FakeResolver({"web": IPS}, clock=clock), PeerWatcher("wbe") as watcher:
            clock.advance(0)
            seen.append(watcher.status.last_error)

    with pytest.raises(UndeclaredService, match="wbe"):
        watch()
    assert isinstance(seen[0], UndeclaredService)


async def test_a_task_does_not_swallow_it() -> None:
    """The same with asyncio."""
    clock, seen = FakeClock(), list[object]()

    async def watch() -> None:
        with FakeResolver({"web": IPS}, clock=clock):
            async with AsyncPeerWatcher("wbe") as watcher:
                await clock.aadvance(0)
                seen.append(watcher.status.last_error)

    with pytest.raises(UndeclaredService, match="wbe"):
        await watch()
    assert isinstance(seen[0], UndeclaredService)


def test_another_error_is_not_masked() -> None:
    """An exception that ends the block anyway goes on, with a note."""

    def fail() -> None:
        with FakeResolver({"web": IPS}):
            with contextlib.suppress(UndeclaredService):
                discover_peers("wbe")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        fail()

    (note,) = raised.value.__notes__
    assert "Services were looked up but not declared: wbe.default" in note


def test_another_service_is_not_forgotten() -> None:
    """Where the error that ends the block names one Service, its note names the others."""

    def fail() -> None:
        with FakeResolver({"web": IPS}):
            with contextlib.suppress(UndeclaredService):
                discover_peers("wbe")
            discover_peers("api")

    with pytest.raises(UndeclaredService, match="declared: api") as raised:
        fail()

    (note,) = raised.value.__notes__
    assert "not declared: wbe.default.svc.cluster.local.;" in note


def test_it_is_raised_once() -> None:
    """Where the error itself ends the block, it comes out as it is."""
    with pytest.raises(UndeclaredService) as raised, FakeResolver({"web": IPS}):
        discover_peers("wbe")

    assert raised.value.__context__ is None
    assert not hasattr(raised.value, "__notes__")


def test_a_test_that_expects_it() -> None:
    """What a test has seen and clears is not raised again."""
    with FakeResolver() as fake:
        with pytest.raises(UndeclaredService, match="declared: nothing"):
            discover_peers("web")
        fake.undeclared.clear()


def test_deleting_what_is_not_declared() -> None:
    """A typo in the test is an error as well."""
    fake = FakeResolver({"web": IPS})
    with pytest.raises(KeyError, match=r"no Service wbe\.default.* is declared; declared: web\.default"):
        del fake["wbe"]
    del fake["web"]
    with pytest.raises(KeyError, match="declared: none"):
        del fake["web"]


def test_it_can_be_pickled() -> None:
    """As pytest-xdist and multiprocessing do."""
    error = pickle.loads(pickle.dumps(UndeclaredService(["a."], ["b."])))  # noqa: S301 - our own bytes

    assert (error.services, error.declared) == (("a.",), ("b.",))
