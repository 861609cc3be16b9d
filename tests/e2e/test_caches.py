"""Watchers behind caches: the list is behind by what the cache may keep, and a refresh for each confirmation."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.api_server import ApiServer
from tests.e2e.changing import OPTIONS, SERVICE, Bounds, Changing, Told, pods
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import cached, corefile, node_cache, node_local
from tests.e2e.watched import watching

# Seconds; a cache counts in whole ones.
SUCCESS, DENIAL = 2, 1

COREFILES = {
    "nodelocaldns": (lambda url: node_local(url, success=SUCCESS, denial=DENIAL), DENIAL),
    "plain cache": (lambda url: corefile(url, plugins=cached(SUCCESS)), SUCCESS),
}


@pytest.mark.parametrize(("behind", "denial"), COREFILES.values(), ids=COREFILES)
def test_behind_a_cache(
    coredns_binary: Path, api: ApiServer, behind: Callable[[str], str], denial: int, record_property: Told
) -> None:
    """Case 16: a Pod after NXDOMAIN, another one, and some that leave."""
    service = Changing(api)
    service.declare([])
    with CoreDNS(coredns_binary, behind(api.url)) as coredns:
        settled(coredns, api)
        with watching(SERVICE, coredns.address, **OPTIONS) as watchers:
            for watched in watchers:
                watched.until_looked_up(1)
            service.declare(pods(0, 3))
            service.hold(watchers, Bounds(cache=denial), record_property)
            for now in (pods(0, 4), pods(2, 4)):
                service.declare(now)
                service.hold(watchers, Bounds(cache=SUCCESS), record_property)


def test_a_node_cache_without_coredns(coredns_binary: Path, api: ApiServer, coredns: CoreDNS) -> None:
    """While CoreDNS is gone a node's cache answers until it has nothing left, and then the watcher knows as much."""
    service = Changing(api)
    service.declare(pods(0, 3))
    settled(coredns, api)
    node = node_cache(coredns.address, success=1, denial=1)
    with (
        CoreDNS(coredns_binary, node, synced=False) as cache,
        watching(SERVICE, cache.address, **OPTIONS) as watchers,
    ):
        for watched in watchers:
            watched.until_listed(pods(0, 3))
        coredns.kill()
        for watched in watchers:
            watched.until_looked_up(2, answered=False)
            assert watched.now() == set(pods(0, 3))
            assert watched.peers().stale
        service.declare(pods(1, 4))
        coredns.restart()
        for watched in watchers:
            watched.until_listed(pods(1, 4))
            assert all(set(pods(1, 3)) <= who for _, who in watched.listed)
