"""Both drivers through one door: a test calls `discover_peers`, and again `adiscover_peers` in a loop of its own."""

import asyncio
from typing import Any, Protocol, Unpack

import pytest

from peerdisco import DiscoveryConfig, PeerSet, adiscover_peers, discover_peers
from peerdisco.config import LookupOptions


class Discover(Protocol):
    """What both calls have in common."""

    def __call__(
        self, service: str | DiscoveryConfig, *, resolver: Any = None, **options: Unpack[LookupOptions]
    ) -> PeerSet:
        """Looks up, once."""


def blocking(service: str | DiscoveryConfig, *, resolver: Any = None, **options: Unpack[LookupOptions]) -> PeerSet:
    """`discover_peers`."""
    return discover_peers(service, resolver=resolver, **options)


def in_a_loop(service: str | DiscoveryConfig, *, resolver: Any = None, **options: Unpack[LookupOptions]) -> PeerSet:
    """`adiscover_peers`, awaited."""
    return asyncio.run(adiscover_peers(service, resolver=resolver, **options))


sync_and_async = pytest.mark.parametrize("discover", [blocking, in_a_loop], ids=["sync", "async"])


def ips(count: int) -> list[str]:
    """So many Pod IPs."""
    return [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(1, count + 1)]
