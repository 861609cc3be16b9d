"""The server as a client sees it: real packets, with dnspython at the other end."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerdisco.testing.cluster import Fault, LocalCluster, Pod, Received

WEB = "web.default.svc.cluster.local."
PODS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A cluster with one headless Service of three Pods."""
    with LocalCluster(seed=1) as cluster:
        cluster.headless("web", PODS, ports={"http": 80})
        yield cluster


def where(cluster: LocalCluster) -> tuple[str, int]:
    """The server's address for a socket."""
    host, port = cluster.nameserver.split(":")
    return host, int(port)


def ask(
    cluster: LocalCluster,
    name: str = WEB,
    rtype: str = "A",
    transport: str = "udp",
    timeout: float = 5.0,
) -> dns.message.Message:
    """Ask once over a fresh socket."""
    host, port = where(cluster)
    query = dns.message.make_query(name, rtype)
    if transport == "tcp":
        return dns.query.tcp(query, host, timeout=timeout, port=port)
    return dns.query.udp(query, host, timeout=timeout, port=port)


def listed(message: dns.message.Message) -> set[str]:
    """The data of all answer records."""
    return {str(rdata) for rrset in message.answer for rdata in rrset}


def raw(cluster: LocalCluster, name: str = WEB, transport: str = "udp") -> bytes:
    """The reply's bytes to a question with id 7, unread."""
    query = dns.message.make_query(name, "A", id=7).to_wire()
    if transport == "tcp":
        with socket.create_connection(where(cluster), 5) as sock, sock.makefile("rb") as file:
            sock.sendall(framed(query))
            return read_frame(file)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(query, where(cluster))
        return sock.recv(65535)


def framed(packet: bytes) -> bytes:
    """A packet as TCP carries it."""
    return len(packet).to_bytes(2, "big") + packet


def read_frame(file: BinaryIO) -> bytes:
    """The next packet of a TCP connection."""
    return file.read(int.from_bytes(file.read(2), "big"))


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


def test_drop_says_nothing(cluster: LocalCluster) -> None:
    """The question is recorded all the same."""
    cluster.fail("drop")
    with pytest.raises(dns.exception.Timeout):
        ask(cluster, timeout=0.05)
    assert len(cluster.questions) == 1
    cluster.heal()
    assert listed(ask(cluster)) == set(PODS)


@pytest.mark.parametrize(("fault", "rcode"), [("servfail", dns.rcode.SERVFAIL), ("refused", dns.rcode.REFUSED)])
def test_bare_failures(cluster: LocalCluster, fault: Fault, rcode: dns.rcode.Rcode) -> None:
    """No records come with them."""
    cluster.fail(fault)
    message = ask(cluster)
    assert (message.rcode(), message.answer, message.authority) == (rcode, [], [])


def test_wrong_id(cluster: LocalCluster) -> None:
    """All but the id is as it should be."""
    cluster.fail("wrong_id")
    message = dns.message.from_wire(raw(cluster))
    assert message.id != 7
    assert listed(message) == set(PODS)


def test_wrong_question(cluster: LocalCluster) -> None:
    """The id is right, the question another's."""
    cluster.fail("wrong_question")
    message = dns.message.from_wire(raw(cluster))
    assert message.id == 7
    assert str(message.question[0].name) == "another.question.invalid."


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_garbage_begins_well(cluster: LocalCluster, transport: str) -> None:
    """Id, QR and question are right; the body can't be parsed, in more than one way."""
    cluster.fail("garbage")
    for _ in range(10):
        packet = raw(cluster, transport=transport)
        assert packet[:2] == b"\0\7"
        assert packet[2] & 0x80
        assert dns.message.from_wire(packet, question_only=True).question[0].name.to_text() == WEB
        with pytest.raises(dns.exception.FormError):
            dns.message.from_wire(packet)


def test_truncated_is_a_fresh_part_over_tcp_too(cluster: LocalCluster) -> None:
    """Together the parts are the whole."""
    cluster.fail("truncated")
    seen = set()
    for _ in range(20):
        message = ask(cluster, transport="tcp")
        assert message.flags & dns.flags.TC
        assert len(listed(message)) == 2
        seen |= listed(message)
    assert seen == set(PODS)


def test_tcp_closed_leaves_udp(cluster: LocalCluster) -> None:
    """The connection is accepted, and ends at the question."""
    cluster.fail("tcp_closed")
    with pytest.raises((EOFError, ConnectionError)):
        ask(cluster, transport="tcp")
    assert listed(ask(cluster)) == set(PODS)


def test_delay_holds_up_no_other_question(cluster: LocalCluster) -> None:
    """Pipelined behind a late one, a question is answered first."""
    cluster.fail("delay", seconds=0.1, rtype="A")
    late = dns.message.make_query(WEB, "A", id=1).to_wire()
    prompt = dns.message.make_query(WEB, "SRV", id=2).to_wire()
    began = time.monotonic()
    with socket.create_connection(where(cluster), 5) as sock, sock.makefile("rb") as file:
        sock.sendall(framed(late) + framed(prompt))
        assert [read_frame(file)[:2] for _ in range(2)] == [b"\0\2", b"\0\1"]
    assert time.monotonic() - began >= 0.1
    assert listed(ask(cluster)) == set(PODS)
    assert time.monotonic() - began >= 0.2


def test_a_delayed_reply_outlives_the_idle_time() -> None:
    """A connection that waits for its answer is not idle, as in CoreDNS."""
    with LocalCluster(tcp_idle=0.05) as cluster:
        cluster.headless("web", PODS)
        cluster.fail("delay", seconds=0.2)
        assert listed(ask(cluster, transport="tcp")) == set(PODS)


def test_a_delayed_reply_may_find_nobody(cluster: LocalCluster) -> None:
    """The client has gone in the meantime; others are served on."""
    cluster.fail("delay", seconds=0.05, times=1)
    with contextlib.suppress(dns.exception.Timeout):
        ask(cluster, transport="tcp", timeout=0.01)
    cluster.fail("delay", seconds=0.2)
    assert listed(ask(cluster, transport="tcp")) == set(PODS)


def test_faults_are_for_those_they_name(cluster: LocalCluster) -> None:
    """By transport and by type; times counts only questions that were failed."""
    cluster.fail("servfail", transport="tcp", rtype="SRV", times=2)
    outcomes = [
        ask(cluster, rtype=rtype, transport=transport).rcode() == dns.rcode.SERVFAIL
        for rtype, transport in [
            ("SRV", "udp"),
            ("A", "tcp"),
            ("SRV", "tcp"),
            ("SRV", "tcp"),
            ("SRV", "tcp"),
        ]
    ]
    assert outcomes == [False, False, True, True, False]


def test_the_first_fault_made_decides(cluster: LocalCluster) -> None:
    """The next one has its turn when that has healed."""
    cluster.fail("refused", times=1)
    cluster.fail("servfail")
    assert ask(cluster).rcode() == dns.rcode.REFUSED
    assert ask(cluster).rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"fault": "explode"}, "'explode'"),
        ({"fault": "delay"}, "seconds=None"),
        ({"fault": "delay", "seconds": 0}, "seconds=0"),
        ({"fault": "drop", "seconds": 1}, "seconds=1"),
        ({"fault": "drop", "transport": "quic"}, "'quic'"),
        ({"fault": "drop", "rtype": "NOPE"}, "'NOPE'"),
        ({"fault": "drop", "times": 0}, "times=0"),
        ({"fault": "tcp_closed", "transport": "udp"}, "'udp'"),
    ],
)
def test_unknown_misbehaviour_is_named(cluster: LocalCluster, arguments: dict[str, Any], named: str) -> None:
    """A mistake is told at once."""
    with pytest.raises(ValueError, match=named):
        cluster.fail(**arguments)


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


def test_closing_does_not_wait_for_late_replies(cluster: LocalCluster) -> None:
    """A reply that is still being held back is lost."""
    cluster.fail("delay", seconds=600)
    with contextlib.suppress(dns.exception.Timeout):
        ask(cluster, timeout=0.01)
    before = time.monotonic()
    cluster.close()
    assert time.monotonic() - before < 2


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
