"""Sockets that are kept, closed by either end, and inherited; what a flood or a stranger can't do."""

import asyncio
import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from peerdisco import DnsResolver, LookupFailed, Outcome, Question
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import Connection, SocketPool
from peerdisco.testing import FakeClock, LocalCluster
from peerdisco.testing.cluster import Transport
from tests.support.both import Discover, ips, sync_and_async

WEB = Question("web.default.svc.cluster.local.", "A")
LARGE = Question("large.default.svc.cluster.local.", "A")


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service of three Pods, and one of more than a UDP reply holds."""
    with LocalCluster(tcp_idle=0.05) as cluster:
        cluster.headless("web", ips(3))
        cluster.headless("large", ips(200))
        yield cluster


class Meddler(Connection):
    """A socket during whose closing another thread takes one, of a server not used before."""

    pool: SocketPool

    def close(self) -> None:
        """Close it."""
        self.pool.take(Nameserver("127.0.0.1", 1000 + self.fileno()))
        super().close()


def test_sockets_are_forgotten_while_others_are_taken() -> None:
    """After a fork threads may take sockets while those of the parent are being closed."""
    pool = SocketPool()
    for port in (53, 54, 53):
        sock = Meddler(socket.AF_INET, socket.SOCK_STREAM)
        sock.opened_at = time.monotonic()
        sock.pool = pool
        pool.keep(sock, Nameserver("127.0.0.1", port))
    pool._pid -= 1

    assert pool.take(Nameserver("127.0.0.1", 53)) is None
    pool.close()


def wait_until_closed(resolver: DnsResolver, server: LocalCluster) -> None:
    """Returns when the server has closed the one connection that a resolver keeps."""
    (kept,) = resolver._pool._idle[Nameserver.parse(server.nameserver)]
    assert select.select([kept], [], [], 5)[0]


def test_a_connection_that_the_server_closed(cluster: LocalCluster) -> None:
    """A kept TCP connection that the server closed meanwhile is replaced, without an error or a second question."""
    with DnsResolver(cluster.nameserver) as resolver:
        resolver.lookup(LARGE, 1)
        wait_until_closed(resolver, cluster)
        assert len(resolver.lookup(LARGE, 1).addresses) == 200

    assert [question.transport for question in cluster.questions] == ["udp", "tcp", "tcp"]


async def test_a_connection_that_the_server_closed_in_a_loop(cluster: LocalCluster) -> None:
    """The same in asyncio."""
    with DnsResolver(cluster.nameserver) as resolver:
        await resolver.alookup(LARGE, 1)
        await asyncio.to_thread(wait_until_closed, resolver, cluster)
        assert len((await resolver.alookup(LARGE, 1)).addresses) == 200

    assert [question.transport for question in cluster.questions] == ["udp", "tcp", "tcp"]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_close_ends_a_lookup_in_another_thread(transport: Transport) -> None:
    """Closing a resolver ends what it is doing at once."""
    with LocalCluster() as cluster:
        cluster.headless("large", ips(200))
        cluster.fail("drop", transport=transport)
        resolver = DnsResolver(cluster.nameserver)
        raised: list[BaseException] = []

        def look() -> None:
            try:
                resolver.lookup(LARGE, 20)
            except RuntimeError as error:
                raised.append(error)

        thread = threading.Thread(target=look)
        thread.start()
        cluster.wait_for_questions(1 if transport == "udp" else 2)
        begun = time.monotonic()
        resolver.close()
        thread.join(5)

    assert time.monotonic() - begun < 1
    assert list(map(str, raised)) == ["the resolver is closed"]


async def test_a_cancelled_lookup_is_cancelled(cluster: LocalCluster) -> None:
    """Cancellation is neither swallowed nor held up, and the resolver is as good as before."""
    cluster.fail("drop", times=1)
    with DnsResolver(cluster.nameserver) as resolver:
        lookup = asyncio.create_task(resolver.alookup(WEB, 20))
        await asyncio.to_thread(cluster.wait_for_questions, 1)
        lookup.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lookup
        assert len((await resolver.alookup(WEB, 1)).addresses) == 3


def test_a_closed_resolver_says_so(cluster: LocalCluster) -> None:
    """A lookup after `close` is refused; closing twice is nothing."""
    resolver = DnsResolver(cluster.nameserver)
    resolver.lookup(WEB, 1)
    resolver.close()
    resolver.close()
    with pytest.raises(RuntimeError, match="closed"):
        resolver.lookup(WEB, 1)


def test_many_threads_share_a_resolver(cluster: LocalCluster) -> None:
    """Nobody gets another's answer."""
    found: list[tuple[int, Outcome]] = []
    with DnsResolver(cluster.nameserver) as resolver:

        def look() -> None:
            for question in (WEB, LARGE, WEB._replace(rtype="AAAA")) * 5:
                answer = resolver.lookup(question, 5)
                found.append((len(answer.addresses), answer.outcome))

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {kind: found.count(kind) for kind in set(found)} == {
        (3, Outcome.FOUND): 40,
        (200, Outcome.FOUND): 40,
        (0, Outcome.NODATA): 40,
    }


@pytest.fixture
def flood() -> Iterator[DnsResolver]:
    """A resolver whose server sends over TCP, without end, what does not fit."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Nameserver("127.0.0.1", listener.getsockname()[1])

        def run() -> None:
            listener.settimeout(5)
            client = listener.accept()[0]
            with client, contextlib.suppress(OSError):
                client.settimeout(0.05)
                while not ended.is_set():
                    client.sendall(b"\0\x0cnot a reply!" * 4096)

        thread = threading.Thread(target=run)
        thread.start()
        with DnsResolver(str(server)) as resolver:
            resolver._state.memory.set_needs_tcp(server, LARGE, needed=True)
            yield resolver
        ended.set()
        thread.join()


def test_a_flood_in_time(flood: DnsResolver) -> None:
    """What does not fit can't stretch the time."""
    begun = time.monotonic()
    with pytest.raises(LookupFailed):
        flood.lookup(LARGE, 0.3)

    assert time.monotonic() - begun < 0.6


async def test_a_flood_leaves_the_loop_its_turns(flood: DnsResolver) -> None:
    """What does not fit can't keep the event loop either."""
    lookup = asyncio.create_task(flood.alookup(LARGE, 0.3))
    turns = 0
    async with asyncio.timeout(2):
        while not lookup.done():
            await asyncio.sleep(0)
            turns += 1
    with pytest.raises(LookupFailed):
        await lookup

    assert turns > 10


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="os.fork() beside threads is a DeprecationWarning, so an error")
def test_the_child_of_a_fork_has_sockets_of_its_own(cluster: LocalCluster) -> None:
    """A child asks over a socket of its own, and the parent's goes on as if nothing was."""
    with DnsResolver(cluster.nameserver) as resolver:
        resolver.lookup(LARGE, 1)
        (kept,) = resolver._pool._idle[Nameserver.parse(cluster.nameserver)]
        parents_port = kept.getsockname()[1]
        read, write = os.pipe()
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                resolver.lookup(LARGE, 5)
                (mine,) = resolver._pool._idle[Nameserver.parse(cluster.nameserver)]
                os.write(write, str(mine.getsockname()[1]).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            port = told.read()
        os.waitpid(child, 0)

        assert len(resolver.lookup(LARGE, 1).addresses) == 200
        assert port.isdigit()
        assert int(port) != parents_port


def test_few_sockets_are_kept(cluster: LocalCluster) -> None:
    """What many lookups at once needed is not kept for ever."""
    server = Nameserver.parse(cluster.nameserver)
    pool = SocketPool()
    opened = [pool.open(server) for _ in range(5)]
    for sock in opened:
        sock.settimeout(1)
        sock.connect(server)
        pool.keep(sock, server)

    assert sum(sock.fileno() != -1 for sock in opened) == 2
    assert pool.take(server) in opened
    assert pool.take(Nameserver("127.0.0.1", 53)) is None
    pool.close()
    assert [sock for sock in opened if sock.fileno() != -1] == opened[1:2]
    opened[1].close()


@pytest.fixture
def unreachable() -> Iterator[DnsResolver]:
    """A resolver that asks over TCP at once, where no connection comes about: the server's queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        server = Nameserver("127.0.0.1", listener.getsockname()[1])
        for _ in range(2):
            queued = stack.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(server)
        resolver = stack.enter_context(DnsResolver(str(server)))
        resolver._state.memory.set_needs_tcp(server, LARGE, needed=True)
        yield resolver


def test_a_connection_that_does_not_come_about(unreachable: DnsResolver) -> None:
    """A connection is waited for no longer than there is time."""
    begun = time.monotonic()
    with pytest.raises(LookupFailed) as raised:
        unreachable.lookup(LARGE, 0.3)

    assert time.monotonic() - begun < 0.6
    assert raised.value.attempts[0].transport == "tcp"
    assert raised.value.attempts[0].reason == "timeout"


async def test_a_connection_that_does_not_come_about_in_a_loop(unreachable: DnsResolver) -> None:
    """Neither in asyncio, where the loop goes on meanwhile."""
    lookup = asyncio.ensure_future(unreachable.alookup(LARGE, 0.3))
    turns = 0
    while not lookup.done():
        await asyncio.sleep(0)
        turns += 1
    with pytest.raises(LookupFailed) as raised:
        await lookup

    assert turns > 10
    assert raised.value.attempts[0].transport == "tcp"
    assert raised.value.attempts[0].reason == "timeout"


def test_each_udp_query_has_a_port_of_its_own() -> None:
    """A port that was seen once is of no use to a forger: the next query comes from another one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        ports: list[int] = []

        def serve() -> None:
            for _ in range(20):
                packet, client = server.recvfrom(512)
                ports.append(client[1])
                # A forged reply to the port that was used before: there is no socket that could receive it.
                server.sendto(packet[:2] + b"\x84\0\0\1\0\0\0\0\0\0" + packet[12:-11], ("127.0.0.1", ports[0]))
                server.sendto(packet[:2] + b"\x84\0\0\1\0\0\0\0\0\0" + packet[12:-11], client)

        thread = threading.Thread(target=serve)
        thread.start()
        with DnsResolver("{}:{}".format(*server.getsockname())) as resolver:
            for _ in range(20):
                assert resolver.lookup(WEB, 5).outcome is Outcome.NODATA
        thread.join()

    assert len(set(ports)) > 10


@pytest.fixture
def hanging_up() -> Iterator[DnsResolver]:
    """A resolver whose server answers one query on each TCP connection, and closes it when the next one comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Nameserver("127.0.0.1", listener.getsockname()[1])

        def serve() -> None:
            listener.settimeout(5)
            for _ in range(3):
                with listener.accept()[0] as client:
                    query = client.recv(512)[2:]
                    reply = query[:2] + b"\x84\0\0\1\0\1\0\0\0\0" + query[12:-11]
                    reply += b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\x0a\0\0\1"
                    client.sendall(len(reply).to_bytes(2) + reply)
                    client.recv(512)

        thread = threading.Thread(target=serve)
        thread.start()
        with DnsResolver(str(server)) as resolver:
            resolver._state.memory.set_needs_tcp(server, LARGE, needed=True)
            yield resolver
        thread.join()


def test_a_connection_that_closes_as_it_is_used_again(hanging_up: DnsResolver) -> None:
    """A kept connection that turns out to be closed is replaced at once, without a second round (RFC 7766 6.2.4)."""
    for _ in range(3):
        hanging_up._state.memory.set_needs_tcp(hanging_up._given[0], LARGE, needed=True)  # type: ignore[index] # given
        assert len(hanging_up.lookup(LARGE, 5, retry=False).addresses) == 1


async def test_a_connection_that_closes_as_it_is_used_again_in_a_loop(hanging_up: DnsResolver) -> None:
    """The same in asyncio."""
    for _ in range(3):
        hanging_up._state.memory.set_needs_tcp(hanging_up._given[0], LARGE, needed=True)  # type: ignore[index] # given
        assert len((await hanging_up.alookup(LARGE, 5, retry=False)).addresses) == 1


@pytest.fixture
def babbling() -> Iterator[DnsResolver]:
    """A resolver whose server has begun another message when its reply has come, and ends that at the next query."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Nameserver("127.0.0.1", listener.getsockname()[1])

        def serve() -> None:
            listener.settimeout(5)
            for _ in range(2):
                end = b""
                with listener.accept()[0] as client:
                    while query := client.recv(512)[2:]:
                        reply = query[:2] + b"\x84\0\0\1\0\1\0\0\0\0" + query[12:-11]
                        reply += b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\x0a\0\0\1"
                        client.sendall(end + len(reply).to_bytes(2) + reply + b"\0")
                        end = b"\x0cnot a reply!"

        thread = threading.Thread(target=serve)
        thread.start()
        with DnsResolver(str(server)) as resolver:
            yield resolver
        thread.join()


def test_a_connection_in_the_middle_of_a_message(babbling: DnsResolver) -> None:
    """A connection on which more than the reply came is not used again: nobody knows where the next one begins."""
    for _ in range(2):
        babbling._state.memory.set_needs_tcp(babbling._given[0], LARGE, needed=True)  # type: ignore[index] # given
        assert len(babbling.lookup(LARGE, 5, retry=False).addresses) == 1


async def test_a_connection_in_the_middle_of_a_message_in_a_loop(babbling: DnsResolver) -> None:
    """The same in asyncio."""
    for _ in range(2):
        babbling._state.memory.set_needs_tcp(babbling._given[0], LARGE, needed=True)  # type: ignore[index] # given
        assert len((await babbling.alookup(LARGE, 5, retry=False)).addresses) == 1


def test_without_poll() -> None:
    """Under eventlet, which takes `select.poll` away, a TCP connection comes about all the same."""
    with LocalCluster() as cluster:
        cluster.headless("large", ips(200))
        code = (
            "import select; del select.poll\n"
            "from peerdisco import discover_peers\n"
            f"print(len(discover_peers('large', own_ips='10.9.9.9', **{dict(cluster.options)!r})))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own words

    assert done.stdout.strip() == "200"


def test_a_connection_is_given_up_when_it_is_old(cluster: LocalCluster) -> None:
    """A server may answer over a connection as things were when it was opened, as dnsmasq does."""
    server, clock = Nameserver.parse(cluster.nameserver), FakeClock()
    pool = SocketPool(clock=clock)
    sock = pool.open(server)
    sock.settimeout(1)
    sock.connect(server)
    pool.keep(sock, server)
    clock.advance(0.9)
    assert pool.take(server) is sock
    pool.keep(sock, server)
    clock.advance(0.2)

    assert pool.take(server) is None
    assert sock.fileno() == -1


@sync_and_async
def test_a_query_sent_ahead_over_a_connection_that_the_server_closed(discover: Discover, cluster: LocalCluster) -> None:
    """A whole lookup sends its first query early: where the kept connection is closed, it opens another one."""
    with DnsResolver(cluster.nameserver) as resolver:
        resolver.lookup(LARGE, 1)
        wait_until_closed(resolver, cluster)
        assert len(discover("large.default", resolver=resolver, own_ips=())) == 200

    assert [question.transport for question in cluster.questions] == ["udp", "tcp", "tcp"]
