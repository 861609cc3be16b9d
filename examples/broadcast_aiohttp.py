"""Ask every other replica what it dropped, with aiohttp and asyncio: one session, one answer or error for each peer.

When: you want the answers of all replicas in one place.
Run: PEERDISCO_SERVICE=test-cs-svc PEERDISCO_PORT=80 python examples/broadcast_aiohttp.py
"""

import asyncio
import sys

import aiohttp

from peerdisco import DiscoveryConfig, Peer, PeerDiscoError, abroadcast, adiscover_peers


async def ask() -> int:
    """Return how many peers did not answer."""
    peers = await adiscover_peers(DiscoveryConfig.from_env())
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2), raise_for_status=True) as session:

        async def dropped(peer: Peer) -> str:
            async with session.get(f"http://{peer.netloc()}/dropped") as response:
                return await response.text()

        asked = await abroadcast(peers, dropped, timeout=5)
    for peer, text in asked.succeeded.items():
        print(f"{peer}: {text}")
    for peer, error in asked.failed.items():
        print(f"{peer} did not answer: {error!r}", file=sys.stderr)
    if not asked.complete:
        print("there may be more peers than DNS told", file=sys.stderr)
    return len(asked.failed)


if __name__ == "__main__":
    try:
        sys.exit(1 if asyncio.run(ask()) else 0)
    except PeerDiscoError as error:  # an error does not mean that there are no peers
        sys.exit(str(error))
