"""The faults of the server as a client sees them: each spoils what it should, and nothing else."""

import contextlib
import socket
import time
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from peerdisco.testing.cluster import Fault, LocalCluster
from tests.support.cluster_client import PODS, WEB, ask, cluster, framed, listed, raw, read_frame, where

__all__ = ["cluster"]


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


def test_closing_does_not_wait_for_late_replies(cluster: LocalCluster) -> None:
    """A reply that is still being held back is lost."""
    cluster.fail("delay", seconds=600)
    with contextlib.suppress(dns.exception.Timeout):
        ask(cluster, timeout=0.01)
    before = time.monotonic()
    cluster.close()
    assert time.monotonic() - before < 2
