"""Tell every other replica to drop a key, with httpx and asyncio: all at once, and say who was not told.

When: something changed here, and each replica keeps a cache of its own.
Run: PEERDISCO_SERVICE=test-cs-svc PEERDISCO_PORT=80 python examples/broadcast_httpx.py user:42
"""

import asyncio
import sys
from urllib.parse import quote

import httpx

from peerdisco import DiscoveryConfig, Peer, PeerDiscoError, abroadcast, adiscover_peers


async def invalidate(key: str) -> int:
    """Return how many peers were not told."""
    peers = await adiscover_peers(DiscoveryConfig.from_env())
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:  # no proxy stands between Pods

        async def tell(peer: Peer) -> None:
            response = await client.post(f"http://{peer.netloc()}/drop/{quote(key, safe='')}")
            response.raise_for_status()

        told = await abroadcast(peers, tell, timeout=5)
    print("told:", *told.succeeded)
    for peer, error in told.failed.items():
        print(f"{peer} was not told: {error!r}", file=sys.stderr)
    if not told.complete:
        print("there may be more peers than DNS told", file=sys.stderr)
    return len(told.failed)


if __name__ == "__main__":
    try:
        sys.exit(1 if asyncio.run(invalidate(sys.argv[1])) else 0)
    except PeerDiscoError as error:  # an error does not mean that there are no peers
        sys.exit(str(error))
