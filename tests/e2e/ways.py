"""The four ways to a list: each call, and each watcher, of which one lookup is asked."""

import asyncio
from typing import Any, Unpack

import pytest

from peerdisco import AsyncPeerWatcher, DiscoveryConfig, PeerSet, PeerWatcher
from peerdisco.config import Options
from tests.support.both import blocking, in_a_loop


def by_watcher(service: str | DiscoveryConfig, *, resolver: Any = None, **options: Unpack[Options]) -> PeerSet:
    """`PeerWatcher.refresh`."""
    with PeerWatcher(service, resolver=resolver, **options) as watcher:
        return watcher.refresh()


def by_async_watcher(service: str | DiscoveryConfig, *, resolver: Any = None, **options: Unpack[Options]) -> PeerSet:
    """`AsyncPeerWatcher.refresh`, awaited."""

    async def refresh() -> PeerSet:
        async with AsyncPeerWatcher(service, resolver=resolver, **options) as watcher:
            return await watcher.refresh()

    return asyncio.run(refresh())


in_every_way = pytest.mark.parametrize(
    "discover",
    [blocking, in_a_loop, by_watcher, by_async_watcher],
    ids=["sync", "async", "watcher", "async watcher"],
)
in_two_ways = pytest.mark.parametrize("discover", [blocking, by_async_watcher], ids=["sync", "async watcher"])
"""Both kinds of sockets, a single lookup and a watcher: for what takes long."""
