"""What SECURITY.md promises about forged packets, addresses and names; and that each test which it names exists."""

import ast
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from peerdisco import ConfigError, DnsResolver, LookupFailed, NotHeadlessError, PeerDiscoError, Question
from peerdisco._core.addresses import pack_ip
from tests.support.both import Discover, sync_and_async
from tests.support.hostile import HostileServer, Sent, answer

ROOT = Path(__file__).parents[1]
NAME = "svc.default.svc.cluster.local."
QUESTION = Question(NAME, "A")
GENUINE, FORGED = "10.0.0.2", "203.0.113.66"
LOOKUPS = 2000


def test_ids_and_ports_can_not_be_guessed(record_property: Callable[[str, object], None]) -> None:
    """Over many lookups ids and source ports are spread as random ones are, and none follows from the one before."""
    with HostileServer(lambda query: [Sent(answer(query, GENUINE))]) as server, DnsResolver(server.address) as resolver:
        for _ in range(LOOKUPS):
            resolver.lookup(QUESTION, 5)
    ids = [seen.message_id for seen in server.seen]
    ports = [seen.port for seen in server.seen]
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    record_property("security_ids", f"{len(set(ids))} different in {len(ids)}")
    record_property("security_ports", f"{len(set(ports))} different in {len(ports)}, of {high - low + 1}")

    assert len(server.seen) == LOOKUPS
    for bit in range(16):  # 5 standard deviations of a fair coin
        assert abs(sum(number >> bit & 1 for number in ids) - LOOKUPS / 2) < 5 * (LOOKUPS / 4) ** 0.5
    assert len(set(ids)) > 0.95 * LOOKUPS
    assert len(set(ports)) > 0.94 * LOOKUPS  # of the 28,232 of Linux's default range, 0.966 are expected
    for numbers in (ids, ports):
        near = sum(abs(second - first) <= 8 for first, second in itertools.pairwise(numbers))
        assert near < 0.02 * LOOKUPS


@sync_and_async
@pytest.mark.parametrize("is_off_path", [True, False], ids=["right id, other port", "other ids, right port"])
def test_a_forged_reply_is_not_accepted(discover: Discover, is_off_path: bool) -> None:
    """However many come, and before the genuine one, they are ignored, and cause no further query."""

    def respond(query: bytes) -> list[Sent]:
        right, forged = int.from_bytes(query[:2]), answer(query, FORGED)
        ids = [right] * 64 if is_off_path else [right ^ wrong for wrong in range(1, 65)]
        return [Sent(number.to_bytes(2) + forged[2:], is_off_path) for number in ids] + [
            Sent(answer(query, GENUINE, "10.0.0.3"))
        ]

    with HostileServer(respond) as server:
        assert discover(NAME, nameservers=server.address, own_ips=()).ips == (GENUINE, "10.0.0.3")

    assert len(server.seen) == 1


def test_a_blind_guess_hits_as_often_as_chance(record_property: Callable[[str, object], None]) -> None:
    """Who knows the port but not the id has one chance in 65,536 with each guess: of 64 each, hardly a lookup falls."""
    guesses, rounds = 64, 400

    def respond(query: bytes) -> list[Sent]:
        forged = answer(query, FORGED)
        return [Sent(number.to_bytes(2) + forged[2:]) for number in range(guesses)] + [Sent(answer(query, GENUINE))]

    with HostileServer(respond) as server, DnsResolver(server.address) as resolver:
        found = [resolver.lookup(QUESTION, 5) for _ in range(rounds)]
    fallen = sum(pack_ip(GENUINE) not in one.addresses for one in found)
    expected = sum(seen.message_id < guesses for seen in server.seen)
    record_property("security_guessed", f"{fallen} of {rounds} lookups, with {guesses} guesses each")

    assert fallen == expected
    assert fallen < 8  # 0.4 are expected; 8 come about once in 80 million runs


@sync_and_async
def test_a_failing_lookup_amplifies_little(discover: Discover) -> None:
    """A server that fails at once is asked a few times in all, with small queries."""

    def refuse(query: bytes) -> list[Sent]:
        reply = dns.message.make_response(dns.message.from_wire(query))
        reply.set_rcode(dns.rcode.SERVFAIL)
        return [Sent(reply.to_wire())]

    with HostileServer(refuse) as server, pytest.raises(LookupFailed):
        discover(NAME, nameservers=server.address, own_ips=(), timeout=1)

    assert 1 < len(server.seen) <= 12
    assert max(seen.size for seen in server.seen) <= 512


REBOUND = [
    "127.0.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "0.0.0.0",
    "224.0.0.251",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "ff02::fb",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "::ffff:0:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::1",
]


@sync_and_async
@pytest.mark.parametrize("address", REBOUND)
def test_no_peer_is_this_node_or_its_metadata(discover: Discover, address: str) -> None:
    """A reply can't turn a replica against what listens on its own node, in whatever form it spells the address."""
    rtype = "AAAA" if ":" in address else "A"
    others = ("fd00::2", "fd00::3") if rtype == "AAAA" else (GENUINE, "10.0.0.3")
    with HostileServer(lambda query: [Sent(answer(query, address, *others, rtype=rtype))]) as server:
        found = discover(NAME, nameservers=server.address, own_ips=(), family="ipv6" if rtype == "AAAA" else "ipv4")

    assert found.ips == others


@sync_and_async
@pytest.mark.parametrize("address", ["100.100.100.200", "168.63.129.16", "8.8.8.8", "64:ff9b::8.8.8.8"])
def test_allowed_networks_keep_everything_else_out(discover: Discover, address: str) -> None:
    """What the default lets through, since Kubernetes allows it to a Pod, the Pod network keeps out."""
    rtype = "AAAA" if ":" in address else "A"
    others = ("fd00::2", "fd00::3") if rtype == "AAAA" else (GENUINE, "10.0.0.3")
    with HostileServer(lambda query: [Sent(answer(query, address, *others, rtype=rtype))]) as server:
        found = discover(
            NAME,
            nameservers=server.address,
            own_ips=(),
            family="ipv6" if rtype == "AAAA" else "ipv4",
            allowed_networks="10.0.0.0/8,fd00::/8",
        )

    assert found.ips == others


EVIL = ("\x1b]0;owned\x07", "\x1b[2J", "a\nERROR forged", "a\rb", "\u202eabc", "a\x00b", "\x9b31m")


def hostile_alias(query: bytes, label: bytes) -> bytes:
    """Return a reply whose one record is an alias, a label of which is any bytes."""
    head = query[:2] + b"\x84\x00" + b"\x00\x01\x00\x01\x00\x00\x00\x00"
    end = query.index(b"\0", 12) + 5
    target = bytes((len(label),)) + label + b"\x07example\0"
    record = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x1e" + len(target).to_bytes(2) + target
    return head + query[12:end] + record


@sync_and_async
@pytest.mark.parametrize("evil", EVIL)
def test_a_hostile_name_in_a_reply_reaches_no_log(
    discover: Discover, caplog: pytest.LogCaptureFixture, evil: str
) -> None:
    """A name that DNS sends shows in errors and logs without control characters or line breaks."""
    caplog.set_level("DEBUG", "peerdisco")
    shown = []
    with HostileServer(lambda query: [Sent(hostile_alias(query, evil.encode()))]) as server:
        try:
            discover(NAME, nameservers=server.address, own_ips=(), timeout=0.5)
        except PeerDiscoError as error:
            shown.append(str(error))
    shown += [record.getMessage() for record in caplog.records]

    assert shown
    assert [line for line in shown if not line.isprintable()] == []


@pytest.mark.parametrize("evil", EVIL)
def test_a_hostile_option_reaches_no_terminal(evil: str) -> None:
    """What a variable or an argument holds is printed without control characters, and on one line of its own."""
    if "\0" not in evil:  # no argument can hold it
        command = [sys.executable, "-m", "peerdisco", "lookup", evil, "--nameservers", "127.0.0.1:9"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
        assert done.returncode == 2
        assert [line for line in (done.stdout + done.stderr).split("\n") if not line.isprintable()] == []
    error = ConfigError(evil, evil, "is wrong")
    assert str(error).isprintable()


def test_errors_are_one_line() -> None:
    """Whatever a Service or a server is called, an error about it stays on one line."""
    assert str(NotHeadlessError(NAME, GENUINE)).isprintable()
    assert json.dumps(str(LookupFailed(NAME, "timeout"))).isprintable()


NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text("utf-8"))


def test_promises_name_tests() -> None:
    """SECURITY.md names the tests of its promises."""
    promises = [line for line in (ROOT / "SECURITY.md").read_text("utf-8").splitlines() if line.startswith("| ")][1:]

    assert len(NAMED) > 20
    assert [line for line in promises if "tests/" not in line and "nothing" not in line] == []


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_named_test_exists(path: str, name: str) -> None:
    """A test that SECURITY.md names is there."""
    found = ast.walk(ast.parse((ROOT / path).read_text("utf-8")))

    assert name in {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
