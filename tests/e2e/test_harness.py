"""The harness itself: a real CoreDNS serves what the stub of the API server declares."""

from collections.abc import Iterable
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.e2e.api_server import ApiServer, Endpoint
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile, node_local

STORY = {"200.96.1.50", "200.96.0.59", "200.96.2.24"}


def ask(coredns: CoreDNS, name: str, kind: str = "A", *, tcp: bool = False) -> dns.message.QueryMessage:
    """One question, one reply."""
    question = dns.message.make_query(f"{name}.default.svc.cluster.local.", kind)
    send = dns.query.tcp if tcp else dns.query.udp
    reply = send(question, "127.0.0.1", port=coredns.port, timeout=10)
    assert isinstance(reply, dns.message.QueryMessage)
    return reply


def addresses(reply: dns.message.Message) -> set[str]:
    """The answer's data as text."""
    return {record.to_text() for rrset in reply.answer for record in rrset}


def ips(count: int) -> Iterable[str]:
    """That many Pod IPs."""
    return (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(count))


def test_the_story(api: ApiServer, coredns: CoreDNS) -> None:
    """A headless Service answers with its Pods, one with a head with its virtual IP."""
    api.headless("test-cs-svc", STORY, ports={"80-80": 80})
    api.cluster_ip("test-cs-svc-head", "200.68.238.114", ports={"80-80": 80}, pods=STORY)
    settled(coredns, api)

    assert addresses(ask(coredns, "test-cs-svc")) == STORY
    assert {"200.68.238.114"} == addresses(ask(coredns, "test-cs-svc-head"))


def test_scaling_is_seen(api: ApiServer, coredns: CoreDNS) -> None:
    """Pods that come and go, and a Service that is deleted, reach a running CoreDNS."""
    for pods in (["10.0.0.1"], ["10.0.0.1", "10.0.0.2", "fd00::2"], ["10.0.0.2"]):
        api.headless("web", pods)
        settled(coredns, api)

        assert {ip for ip in pods if "." in ip} == addresses(ask(coredns, "web"))
        assert {ip for ip in pods if ":" in ip} == addresses(ask(coredns, "web", "AAAA"))

    api.delete("web")
    settled(coredns, api)

    assert ask(coredns, "web").rcode() == dns.rcode.NXDOMAIN


def test_conditions(api: ApiServer, coredns: CoreDNS) -> None:
    """Only `ready` counts, null is ready, and publishNotReadyAddresses makes all so."""
    pods = [
        Endpoint("10.0.0.1"),
        Endpoint("10.0.0.2", ready=False),
        Endpoint("10.0.0.3", ready=False, serving=True, terminating=True),
        Endpoint("10.0.0.4", ready=None),
    ]
    api.headless("web", pods)
    api.headless("all", pods, publish_not_ready_addresses=True)
    settled(coredns, api)

    assert {"10.0.0.1", "10.0.0.4"} == addresses(ask(coredns, "web"))
    assert {pod.ip for pod in pods} == addresses(ask(coredns, "all"))


def test_one_ip_in_two_slices(api: ApiServer, coredns: CoreDNS) -> None:
    """An address that two slices hold is one record."""
    api.headless("web", ["10.0.0.1", "10.0.0.2"])
    api.endpoint_slice("web", ["10.0.0.2", "10.0.0.3"], name="by-hand")
    settled(coredns, api)

    (rrset,) = ask(coredns, "web").answer
    assert sorted(record.to_text() for record in rrset) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize("end", [CoreDNS.stop, CoreDNS.kill])
def test_it_comes_back_on_its_port(api: ApiServer, coredns: CoreDNS, end: object) -> None:
    """After its end the port refuses; after a restart it answers as before."""
    api.headless("web", ["10.0.0.1"])
    settled(coredns, api)

    assert callable(end)
    end(coredns)
    with pytest.raises(OSError, match="refused"):
        ask(coredns, "web", tcp=True)
    coredns.restart()

    assert {"10.0.0.1"} == addresses(ask(coredns, "web"))


def test_unsynced_says_servfail(coredns_binary: Path, api: ApiServer) -> None:
    """Until the API server has answered, a name is neither there nor absent."""
    api.headless("web", ["10.0.0.1"])
    with api.paused():
        unsynced = CoreDNS(coredns_binary, corefile(api.url), synced=False)
        with unsynced:
            assert ask(unsynced, "web").rcode() == dns.rcode.SERVFAIL
    with unsynced:
        unsynced.restart()
        settled(unsynced, api)
        assert {"10.0.0.1"} == addresses(ask(unsynced, "web"))


def test_a_partition_keeps_the_old_answer(api: ApiServer, coredns: CoreDNS) -> None:
    """While the API server is silent the answers are stale, and catch up after it."""
    api.headless("web", ["10.0.0.1"])
    settled(coredns, api)
    with api.paused():
        api.headless("web", ["10.0.0.2"])
        assert {"10.0.0.1"} == addresses(ask(coredns, "web"))
    settled(coredns, api)

    assert {"10.0.0.2"} == addresses(ask(coredns, "web"))


def test_more_endpoints_than_fit(api: ApiServer, coredns: CoreDNS) -> None:
    """5000 endpoints are cut to 4093 records, over TCP, with TC set."""
    every = set(ips(5000))
    api.headless("web", every)
    settled(coredns, api)

    reply = ask(coredns, "web", tcp=True)
    assert dns.flags.TC & reply.flags
    assert len(addresses(reply)) == 4093
    assert addresses(reply) < every


@pytest.mark.parametrize("cache", ["cache 30", "node_local"])
def test_a_cache_repeats_what_it_has(coredns_binary: Path, api: ApiServer, cache: str) -> None:
    """Behind a cache a change that CoreDNS has seen is not seen yet."""
    behind = node_local(api.url) if cache == "node_local" else corefile(api.url, plugins=cache)
    api.headless("web", ["10.0.0.1"])
    with CoreDNS(coredns_binary, behind) as coredns:
        settled(coredns, api)
        assert {"10.0.0.1"} == addresses(ask(coredns, "web"))
        assert ask(coredns, "late").rcode() == dns.rcode.NXDOMAIN

        api.headless("web", ["10.0.0.2"])
        api.headless("late", ["10.0.0.3"])
        settled(coredns, api)
        assert {"10.0.0.1"} == addresses(ask(coredns, "web"))
        assert ask(coredns, "late").rcode() == dns.rcode.NXDOMAIN


def test_autopath_answers_the_first_search_entry(coredns_binary: Path, api: ApiServer) -> None:
    """A name that the search list made is answered by a CNAME and the addresses."""
    api.pod("client", "127.0.0.1")
    api.headless("web", ["10.0.0.1"], namespace="other")
    with CoreDNS(coredns_binary, corefile(api.url, plugins="autopath @kubernetes")) as coredns:
        settled(coredns, api)
        reply = ask(coredns, "web.other.svc")  # + default.svc.cluster.local.

    assert {"web.other.svc.cluster.local.", "10.0.0.1"} == addresses(reply)
