"""The doctor against servers that `LocalCluster` is not: without EDNS, behind a firewall, with stale answers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from peerdisco import LookupFailed
from peerdisco._dns.nameserver import Nameserver
from peerdisco.answers import Question
from peerdisco.cli import main
from peerdisco.cli._doctor_asker import MOST_QUESTIONS, Asker
from peerdisco.testing import LocalCluster
from peerdisco.testing._coredns.server import Response, Server
from tests.support.kube_dns import KubeDns

WEB = "web.default.svc.cluster.local."
ADDRESSES = {"A": ["10.0.0.1", "10.0.0.2"]}
Respond = Callable[[dns.message.Message, str], dns.message.Message | None]


@contextmanager
def served(respond: Respond) -> Iterator[str]:
    """A DNS server that replies as a function says, over UDP and TCP."""

    def answer(packet: bytes, transport: str) -> Response:
        reply = respond(dns.message.from_wire(packet), transport)
        return Response(reply.to_wire() if reply else b"")

    server = Server(answer, tcp_idle=10.0)
    try:
        yield server.address
    finally:
        server.close()


def listing(query: dns.message.Message, transport: str) -> dns.message.Message:
    """What a server says that knows two addresses of the Service."""
    reply = dns.message.make_response(query)
    question = query.question[0]
    rtype = question.to_text().split()[-1]
    if ips := ADDRESSES.get(rtype, []):
        reply.answer = [dns.rrset.from_text(question.name, 30, "IN", rtype, *ips)]
    else:
        reply.authority = [dns.rrset.from_text("cluster.local.", 30, "IN", "SOA", "ns. root. 1 1 1 1 1")]
    return reply


def refusing_edns(query: dns.message.Message, transport: str) -> dns.message.Message:
    """What an old server says: FORMERR to EDNS."""
    reply = listing(query, transport)
    if query.edns < 0:
        return reply
    reply = dns.message.make_response(query)
    reply.use_edns(False)
    reply.set_rcode(dns.rcode.FORMERR)
    return reply


def dropping_edns(query: dns.message.Message, transport: str) -> dns.message.Message | None:
    """What comes through a firewall that drops EDNS over UDP."""
    return listing(query, transport) if query.edns < 0 or transport == "tcp" else None


def serving_stale(query: dns.message.Message, transport: str) -> dns.message.Message:
    """What a cache says that has lost its server (RFC 8914 section 4.4)."""
    reply = listing(query, transport)
    reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.STALE_ANSWER)])
    return reply


@pytest.fixture(autouse=True)
def pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Pod is told."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")


def problems(capsys: pytest.CaptureFixture[str], server: str, *arguments: str) -> dict[str, str]:
    """The codes and results of the doctor's checks that are not well."""
    main(["doctor", WEB, "--nameserver", server, "--output", "json", "--own-ips", "10.0.0.1", *arguments])
    told = json.loads(capsys.readouterr().out)
    checks = [check for category in told["categories"] for check in category["checks"]]
    return {check["code"]: check["result"] for check in checks if check["result"] != "success"}


def test_an_ordinary_server(capsys: pytest.CaptureFixture[str]) -> None:
    """The server that the others here are variants of is fine."""
    with served(listing) as server:
        assert problems(capsys, server) == {}


def test_a_server_without_edns(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that refuses EDNS is asked without."""
    with served(refusing_edns) as server:
        assert problems(capsys, server) == {"no-edns": "warning"}


def test_a_firewall_that_drops_edns(capsys: pytest.CaptureFixture[str]) -> None:
    """Where EDNS gets no reply, lookups fail, and the doctor says why."""
    with served(dropping_edns) as server:
        assert problems(capsys, server, "--timeout", "1.5") == {"no-edns": "error", "timeout": "error"}


def test_a_stale_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that says its answer is stale is believed."""
    with served(serving_stale) as server:
        assert problems(capsys, server) == {"stale": "warning"}


def test_kube_dns(capsys: pytest.CaptureFixture[str]) -> None:
    """kube-dns, which confirms no schema, is told headless from ClusterIP."""
    with KubeDns() as server:
        server.headless("web", ["10.0.0.1", "10.0.0.2"])
        assert problems(capsys, server.address) == {}
        server.headless("web", ["10.0.0.2"])
        assert problems(capsys, server.address) == {"self-not-listed": "warning"}
        server.cluster_ip("web", "10.96.0.1")
        assert problems(capsys, server.address) == {"not-headless": "error"}
        server.headless("web", [])
        assert problems(capsys, server.address) == {"no-ready-pods-or-typo": "error", "self-not-listed": "warning"}


def test_the_questions_are_counted() -> None:
    """The forty-first message is not sent, and the lookup that needs it fails."""
    with LocalCluster() as cluster:
        asker = Asker(10.0)
        server = Nameserver.parse(cluster.nameserver)
        for number in range(MOST_QUESTIONS):
            asker.lookup([server], Question(f"{number}.{WEB}", "A"))
        with pytest.raises(LookupFailed, match="40 questions have been sent"):
            asker.lookup([server], Question(WEB, "A"))

        assert len(cluster.questions) == MOST_QUESTIONS
        assert asker.probe(server, WEB, "TXT", timeout=1.0).lost is not None


def test_a_question_is_sent_once() -> None:
    """Threads that ask the same share one answer."""
    with LocalCluster() as cluster:
        cluster.headless("web", ["10.0.0.1"])
        asker, found = Asker(10.0), []
        question = Question(WEB, "A")
        threads = [
            threading.Thread(
                target=lambda: found.append(asker.lookup([Nameserver.parse(cluster.nameserver)], question))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(cluster.questions) == 1
        assert set(map(id, found)) == {id(asker.said()[question])}


def test_a_slow_server_is_waited_for() -> None:
    """A server that was seen to be slow is given its time, and not asked again meanwhile."""
    with LocalCluster() as cluster:
        cluster.headless("web", ["10.0.0.1"])
        cluster.fail("delay", seconds=0.4)
        asker, server = Asker(1.5), Nameserver.parse(cluster.nameserver)
        asker.probe(server, WEB, "A", timeout=1.2)

        assert asker.lookup([server], Question(WEB, "A")).addresses
        assert len(cluster.questions) == 2
