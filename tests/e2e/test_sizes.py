"""Services of any size on CoreDNS: what fits UDP, what needs TCP, and what fits nothing."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.api_server import ApiServer
from tests.e2e.cases import many
from tests.e2e.changing import SERVICE
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile
from tests.e2e.pod import Pod
from tests.e2e.timeline import lost
from tests.e2e.watched import in_a_thread
from tests.support.both import Discover, sync_and_async

# Around what fits into 512, 1232 and 4096 bytes, and last into 65535, over TCP and with OPT.
FITTING = {4: (29, 30, 73, 74, 252, 253, 1000, 4091, 4092), 6: (16, 17, 41, 42, 144, 145, 2337, 2338)}
CUT = {4: (4093, 4094, 5000), 6: (2339, 2340, 3000)}


def pairs(sizes: Mapping[int, tuple[int, ...]]) -> list[tuple[int, int]]:
    """IP version and size."""
    return [(version, count) for version, counts in sizes.items() for count in counts]


@pytest.fixture(scope="module")
def server(coredns_binary: Path) -> Iterator[CoreDNS]:
    """A CoreDNS with a Service of each size; their names are short, since the question takes room too."""
    with ApiServer() as api, CoreDNS(coredns_binary, corefile(api.url)) as server:
        for version, count in pairs(FITTING) + pairs(CUT):
            api.headless(f"n{count}", many(version, count))
        settled(server, api)
        yield server


@sync_and_async
@pytest.mark.parametrize(("version", "count"), pairs(FITTING))
def test_all_that_fits(discover: Discover, server: CoreDNS, version: int, count: int) -> None:
    """Case 9: on both sides of each boundary everyone comes back, over UDP or TCP."""
    every = many(version, count)
    peers = Pod(discover, server).look(f"n{count}", own=every[-1])

    assert tuple(every[:-1]) == peers.ips
    assert peers.complete


@sync_and_async
@pytest.mark.parametrize(("version", "count"), pairs(CUT))
def test_past_64_kib(discover: Discover, server: CoreDNS, version: int, count: int) -> None:
    """Case 10: several samples bring more than one answer can hold, and it is said that they may not be all."""
    every = many(version, count)
    peers = Pod(discover, server).look(f"n{count}", own="192.0.2.9")

    assert not peers.complete
    assert max(FITTING[version]) < len(peers) <= count
    assert set(peers.ips) <= set(every)


# CoreDNS does not shuffle SRV: a cut answer begins with one EndpointSlice or another, so it is no fair sample.
def test_ports_past_64_kib(api: ApiServer, coredns: CoreDNS) -> None:
    """Case 10: nobody who is ready leaves a list by port name of which no SRV answer holds all."""
    every = many(4, 1030)
    api.headless("web", every, ports={"http": 80})
    settled(coredns, api)
    with in_a_thread(SERVICE, coredns.address, port="http", refresh=0.01, max_fleet_qps=1e6) as watched:
        watched.until_looked_up(30)
        assert not lost([(-math.inf, frozenset(every))], watched.listed, patience=math.inf)
