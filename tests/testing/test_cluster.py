"""The server as a client sees it: real packets, with dnspython at the other end."""

import contextlib
import socket
import threading
import time
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerdisco.testing.cluster import LocalCluster, Pod, Received
from tests.support.cluster_client import PODS, WEB, ask, cluster, framed, listed, read_frame, where

__all__ = ["cluster"]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_service_is_answered_on_both_transports(cluster: LocalCluster, transport: str) -> None:
    """UDP and TCP are on one port, and answer alike."""
    message = ask(cluster, transport=transport)
    assert listed(message) == set(PODS)
    assert message.flags & dns.flags.AA


def test_scaling_and_deleting_are_seen_at_once(cluster: LocalCluster) -> None:
    """There is no cache between a declaration and the next question."""
    cluster.headless("web", ["10.0.0.9", Pod("10.0.0.8", ready=False)])
    assert listed(ask(cluster)) == {"10.0.0.9"}
    cluster.delete("web")
    assert ask(cluster).rcode() == dns.rcode.NXDOMAIN


def test_other_kinds_of_service(cluster: LocalCluster) -> None:
    """A virtual IP and an alias, also in a namespace of their own."""
    cluster.cluster_ip("vip", "10.96.0.5", namespace="other", ports={"http": 80})
    cluster.external_name("ext", WEB)
    assert listed(ask(cluster, "vip.other.svc.cluster.local")) == {"10.96.0.5"}
    assert listed(ask(cluster, "ext.default.svc.cluster.local")) == {WEB, *PODS}
    cluster.delete("vip", namespace="other")
    assert ask(cluster, "vip.other.svc.cluster.local").rcode() == dns.rcode.NXDOMAIN


def test_namespace_domain_and_ttl_are_its_own() -> None:
    """What the constructor says is in the names, the records and the options."""
    with LocalCluster(namespace="prod", cluster_domain="k8s.example.", ttl=5) as cluster:
        cluster.headless("web", ["10.0.0.1"])
        message = ask(cluster, "web.prod.svc.k8s.example")
        assert message.answer[0].ttl == 5
        assert cluster.options == {
            "nameservers": cluster.nameserver,
            "namespace": "prod",
            "cluster_domain": "k8s.example",
        }


def test_a_cut_reply_is_whole_over_tcp(cluster: LocalCluster) -> None:
    """The way of every large Service: TC, then TCP."""
    cluster.headless("web", [f"10.0.1.{n}" for n in range(1, 31)])
    assert ask(cluster).flags & dns.flags.TC
    message = ask(cluster, transport="tcp")
    assert not message.flags & dns.flags.TC
    assert len(listed(message)) == 30


def test_questions_are_recorded_in_order(cluster: LocalCluster) -> None:
    """Name as spelt, type and transport; what is no question is not among them."""
    ask(cluster, "WEB.default.svc.cluster.local", "A")
    ask(cluster, WEB, "SRV", "tcp")
    assert cluster.questions == (
        Received("WEB.default.svc.cluster.local.", "A", "udp"),
        Received(WEB, "SRV", "tcp"),
    )


def test_waiting_for_questions(cluster: LocalCluster) -> None:
    """It blocks until enough came, from whatever thread, and gives up at its time."""
    asker = threading.Thread(target=lambda: [ask(cluster) for _ in range(3)])
    asker.start()
    cluster.wait_for_questions(3)
    asker.join()
    assert len(cluster.questions) == 3
    with pytest.raises(TimeoutError, match="3 of 4"):
        cluster.wait_for_questions(4, timeout=0.01)


def test_pipelined_questions_are_all_answered(cluster: LocalCluster) -> None:
    """A hundred large replies on one connection, none read before all are asked."""
    cluster.headless("web", [f"10.1.{n >> 8}.{n & 255}" for n in range(4000)])
    queries = [dns.message.make_query(WEB, "A", id=n).to_wire() for n in range(100)]
    with socket.create_connection(where(cluster), 10) as sock, sock.makefile("rb") as file:
        sock.sendall(b"".join(map(framed, queries)))
        assert [read_frame(file)[:2] for _ in queries] == [query[:2] for query in queries]


def test_a_question_may_come_byte_by_byte(cluster: LocalCluster) -> None:
    """A stream has no packets of its own; an empty message is passed over."""
    data = framed(b"") + framed(dns.message.make_query(WEB, "A", id=7).to_wire())
    with socket.create_connection(where(cluster), 5) as sock, sock.makefile("rb") as file:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            sock.sendall(bytes((byte,)))
        assert read_frame(file)[:2] == b"\0\7"


def test_a_client_may_stop_sending_before_it_reads(cluster: LocalCluster) -> None:
    """Its questions are still answered, then the connection ends."""
    with socket.create_connection(where(cluster), 5) as sock, sock.makefile("rb") as file:
        sock.sendall(framed(dns.message.make_query(WEB, "A", id=7).to_wire()))
        sock.shutdown(socket.SHUT_WR)
        assert read_frame(file)[:2] == b"\0\7"
        assert file.read() == b""


def test_idle_connections_are_closed() -> None:
    """Each question starts a connection's idle time again."""
    with (
        LocalCluster(tcp_idle=0.2) as cluster,
        socket.create_connection(where(cluster), 5) as sock,
        sock.makefile("rb") as file,
    ):
        sock.sendall(framed(dns.message.make_query(WEB, "A", id=7).to_wire()))
        assert read_frame(file)[:2] == b"\0\7"
        began = time.monotonic()
        assert file.read() == b""
        assert 0.1 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    "arguments",
    [{"ttl": -1}, {"ttl": 3601}, {"tcp_idle": 0}, {"namespace": "A"}, {"cluster_domain": "a..b"}],
)
def test_bad_clusters_are_refused(arguments: dict[str, Any]) -> None:
    """The constructor checks its arguments."""
    with pytest.raises(ValueError, match=str(*arguments.values())):
        LocalCluster(**arguments)


def test_it_can_be_started_and_closed_again() -> None:
    """Closing is prompt and leaves neither thread nor listener; declarations stay."""
    cluster = LocalCluster()
    with pytest.raises(RuntimeError):
        _ = cluster.nameserver
    cluster.headless("web", PODS)
    for _ in range(2):
        cluster.start()
        cluster.start()
        assert listed(ask(cluster)) == set(PODS)
        idle = socket.create_connection(where(cluster), 5)
        before = time.monotonic()
        cluster.close()
        cluster.close()
        assert time.monotonic() - before < 2
        assert not [t for t in threading.enumerate() if t.name == "LocalCluster"]
        with idle, contextlib.suppress(ConnectionError):
            assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where(cluster), 5)


def test_many_clusters_at_once() -> None:
    """Each has a port of its own, in UDP as in TCP."""
    with contextlib.ExitStack() as stack:
        clusters = [stack.enter_context(LocalCluster()) for _ in range(20)]
        for number, cluster in enumerate(clusters, 1):
            cluster.headless("web", [f"10.0.0.{number}"])
        for transport in ("udp", "tcp"):
            answers = [listed(ask(cluster, transport=transport)) for cluster in clusters]
            assert answers == [{f"10.0.0.{number}"} for number in range(1, 21)]


def test_replies_too_large_for_udp_are_lost(cluster: LocalCluster) -> None:
    """The server goes on where the network would have dropped them."""
    cluster.headless("web", [f"10.1.{n >> 8}.{n & 255}" for n in range(5000)])
    query = dns.message.make_query(WEB, "A", use_edns=0, payload=65535)
    host, port = where(cluster)
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(query, host, timeout=0.05, port=port)
    assert ask(cluster).flags & dns.flags.TC


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60), max_size=5), st.booleans())
def test_no_bytes_stop_the_server(cluster: LocalCluster, packets: list[bytes], head: bool) -> None:
    """Whatever is thrown at it, the next question is answered."""
    opening = b"\0\7\1\0\0\1\0\0\0\0\0\1" if head else b""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for packet in packets:
            sock.sendto(opening + packet, where(cluster))
    with socket.create_connection(where(cluster), 5) as sock:
        for packet in packets:
            sock.sendall(framed(opening + packet))
    with socket.create_connection(where(cluster), 5) as sock:
        sock.sendall(b"".join(packets))
    assert listed(ask(cluster)) == set(PODS)
