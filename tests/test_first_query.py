"""The query that a lookup sends before it has begun: its socket is closed, whatever comes in between."""

import asyncio
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco import AsyncPeerWatcher, DnsResolver, LookupFailed
from peerdisco._dns.nameserver import Nameserver
from peerdisco.environment import HostEnvironment
from peerdisco.errors import ConfigError
from peerdisco.testing import LocalCluster
from tests.support.both import Discover, ips, sync_and_async

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux says which sockets are open")


class Vanishing(HostEnvironment):
    """A host whose resolv.conf is there when the first query is sent, and gone when the lookup looks again."""

    def __init__(self, server: str) -> None:
        super().__init__()
        host, port = server.split(":")
        self._reads = iter([(Nameserver(host, int(port)),)] * 2)

    def nameservers(self, resolv_conf: str) -> tuple[Nameserver, ...]:
        """Return the nameservers, twice."""
        for servers in self._reads:
            return servers
        raise ConfigError("resolv_conf", resolv_conf, "can't be read")


class Stopping(DnsResolver):
    """A resolver that brings a clock which fails, at once or after so many readings."""

    readings = 0

    def clock(self) -> float:
        """Return a time, or raise."""
        if not self.readings:
            raise OSError(errno.EIO, "no time")
        self.readings -= 1
        return 1.0


def open_sockets() -> int:
    """Return how many sockets this process has open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(link.readlink().name.startswith("socket:") for link in links)


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service of three Pods."""
    with LocalCluster() as cluster:
        cluster.headless("web", ips(3))
        yield cluster


@sync_and_async
def test_nameservers_that_vanish(discover: Discover, cluster: LocalCluster) -> None:
    """Where resolv.conf goes away after the first query, the error keeps no socket open."""
    resolver = DnsResolver(environment=Vanishing(cluster.nameserver))
    before = open_sockets()
    with pytest.raises(LookupFailed, match="can't be read") as raised:
        discover("web.default", resolver=resolver, own_ips=())

    assert raised.value.reason == "no_nameserver"
    assert open_sockets() == before


async def test_a_refresh_that_is_stopped_before_it_begins(cluster: LocalCluster) -> None:
    """Where the watcher is closed before the task of a refresh has had its turn, its first query keeps no socket."""
    watcher = AsyncPeerWatcher("web.default", own_ips=(), **cluster.options)
    before = open_sockets()
    refresh, closing = asyncio.ensure_future(watcher.refresh()), asyncio.ensure_future(watcher.aclose())
    with pytest.raises(RuntimeError, match="closed"):
        await refresh

    await closing
    assert open_sockets() == before


@sync_and_async
@pytest.mark.parametrize("readings", [0, 1])
def test_a_clock_that_fails(discover: Discover, cluster: LocalCluster, readings: int) -> None:
    """A lookup whose time can't be told keeps no socket open either, be it before or after the first query."""
    resolver = Stopping(cluster.nameserver)
    resolver.readings = readings
    before = open_sockets()
    with pytest.raises(OSError, match="no time") as raised:
        discover("web.default", resolver=resolver, own_ips=())

    assert raised.value.errno == errno.EIO
    assert open_sockets() == before
