"""`peerdisco wait --connect`: peers on 127.0.0.x that accept connections, or do not."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from peerdisco.cli._connect import unreachable
from peerdisco.testing import LocalCluster
from tests.support.commands import PATIENCE, environment, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has 127.0.0.22 and its like without setup")

OWN, FIRST, SECOND = "127.0.0.21", "127.0.0.22", "127.0.0.23"
NAME = "svc.default.svc.cluster.local."
REFUSED = "Connection refused"


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service whose Pods can be reached from here."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST, SECOND])
        yield cluster


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A socket of each peer, on the same port; neither listens."""
    for _ in range(100):
        with ExitStack() as stack:
            first, second = (stack.enter_context(socket.socket()) for _ in range(2))
            first.bind((FIRST, 0))
            try:
                second.bind((SECOND, first.getsockname()[1]))
            except OSError:
                continue
            yield first, second
            return
    pytest.fail("no port is free on both addresses")


Sockets = tuple[socket.socket, socket.socket]


def command(sockets: Sockets, *arguments: str) -> list[str]:
    """`peerdisco wait` for two peers that accept connections."""
    return ["wait", "svc", "--min", "2", "--connect", str(sockets[0].getsockname()[1]), *arguments]


def pod(cluster: LocalCluster) -> dict[str, str]:
    """The environment of this Pod."""
    return environment(cluster, OWN, PEERDISCO_ALLOWED_NETWORKS="127.0.0.0/8")


def test_peers_that_accept_connections_are_enough(cluster: LocalCluster, sockets: Sockets) -> None:
    """A connection to each peer is opened, and closed without a byte."""
    for each in sockets:
        each.listen()
    with running(*command(sockets), env=pod(cluster)) as process:
        for each in sockets:
            connection, _ = each.accept()
            with connection:
                assert connection.recv(1) == b""
        out, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out, errors) == (0, f"{FIRST}\n{SECOND}\n", "")


def test_a_peer_that_refuses_is_named(cluster: LocalCluster, sockets: Sockets) -> None:
    """When the time is up, who does not accept connections is said, and that it is a matter of the program."""
    sockets[0].listen()
    with running(*command(sockets, "--timeout", "1.5"), env=pod(cluster)) as process:
        out, errors = process.communicate(timeout=PATIENCE)

    port = sockets[0].getsockname()[1]
    assert (process.returncode, out) == (1, "")
    assert errors.startswith(
        f"peerdisco: 1 of 2 peers of {NAME} accept connections on port {port} after 1.5 s: "
        f"{SECOND}:{port}: {REFUSED}. Does the program listen there"
    )


def test_a_peer_that_begins_to_listen_is_found(cluster: LocalCluster, sockets: Sockets) -> None:
    """Who refused is asked again; who accepted is not."""
    first, second = sockets
    first.listen()
    with running(*command(sockets), env=pod(cluster)) as process:
        first.accept()[0].close()
        second.listen()
        second.accept()[0].close()
        out, _ = process.communicate(timeout=PATIENCE)

    first.settimeout(0)
    with pytest.raises(BlockingIOError):
        first.accept()
    assert (process.returncode, out) == (0, f"{FIRST}\n{SECOND}\n")


def test_a_peer_that_has_left_is_not_waited_for(cluster: LocalCluster, sockets: Sockets) -> None:
    """A peer that refuses connections and then leaves the list holds nobody up."""
    cluster.headless("svc", [OWN, FIRST, SECOND, "127.0.0.24"])
    for each in sockets:
        each.listen()
    with running(*command(sockets), env=pod(cluster)) as process:
        sockets[0].accept()[0].close()
        cluster.headless("svc", [OWN, FIRST, SECOND])
        out, _ = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (0, f"{FIRST}\n{SECOND}\n")


def test_many_are_tried_at_once(sockets: Sockets) -> None:
    """More addresses than are tried at a time all get their verdict."""
    sockets[0].listen(5)
    port = sockets[0].getsockname()[1]
    others = [f"127.0.2.{n}" for n in range(1, 255)] + [f"127.0.3.{n}" for n in range(1, 101)]

    assert unreachable([*others[:100], FIRST, *others[100:]], port, 10) == dict.fromkeys(others, REFUSED)


def test_a_peer_that_does_not_answer_is_given_up(sockets: Sockets) -> None:
    """A connection that is neither accepted nor refused takes no longer than its time."""
    first, _ = sockets
    first.listen(0)
    with ExitStack() as stack:
        for _ in range(3):  # fills the queue of connections that nobody accepts
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(first.getsockname())

        assert unreachable([FIRST], first.getsockname()[1], 0.2) == {FIRST: "Connection timed out"}


def test_ipv6_peers_are_reached() -> None:
    """An IPv6 address is connected to as such."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket(socket.AF_INET6))
        try:
            listening.bind(("::1", 0))
        except OSError:
            pytest.skip("this host has no IPv6")
        listening.listen()

        assert unreachable(["::1"], listening.getsockname()[1], 10) == {}


def test_what_cannot_be_tried_is_a_failure() -> None:
    """A link-local address without its interface is not reached, and the others are tried all the same."""
    assert set(unreachable(["fe80::1", FIRST], 1, 10)) == {"fe80::1", FIRST}
