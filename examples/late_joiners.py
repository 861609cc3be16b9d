"""A replica that tells its peers what to drop, and tells a late joiner what it missed.

When: a Pod may start with an old cache, or hear of an invalidation too late, since DNS lists it only once it is ready.
Run: PEERDISCO_SERVICE=test-cs-svc PEERDISCO_PORT=80 POD_IP=10.0.0.1 python examples/late_joiners.py
POST /invalidate/KEY drops a key everywhere, /drop/KEY only here. Being told twice does no harm.
"""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Iterable
from urllib.parse import quote

from aiohttp import ClientSession, ClientTimeout, web

from peerdisco import AsyncPeerWatcher, Change, DiscoveryConfig, Peer, abroadcast

recent: deque[str] = deque(maxlen=1000)  # a Pod that missed more than this should empty its cache


def drop(key: str) -> None:
    """Drop a key here."""
    recent.append(key)
    print("dropped", key, flush=True)


async def main() -> None:
    """Run until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    watcher = AsyncPeerWatcher(DiscoveryConfig.from_env())
    async with ClientSession(timeout=ClientTimeout(total=2), raise_for_status=True) as session:

        async def tell(peers: Iterable[Peer], keys: Iterable[str]) -> str:
            async def post(peer: Peer) -> None:
                for key in keys:
                    await session.post(f"http://{peer.netloc()}/drop/{quote(key, safe='')}")

            told = await abroadcast(peers, post)
            return "".join(f"{peer} was not told: {error!r}\n" for peer, error in told.failed.items())

        async def catch_up(change: Change) -> None:
            sys.stderr.write(await tell(change.added, tuple(recent)))

        async def answer(request: web.Request) -> web.Response:
            key = request.match_info["key"]
            drop(key)
            untold = await tell(watcher.peers, [key]) if request.match_info["action"] == "invalidate" else ""
            return web.Response(text=untold)

        watcher.subscribe(catch_up)
        app = web.Application()
        app.router.add_post("/{action:invalidate|drop}/{key}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, os.environ["POD_IP"], int(os.environ["PEERDISCO_PORT"])).start()
        async with watcher:
            await watcher.wait_for(0, timeout=120)  # DNS has answered: now it is known who is there
            print("serving", flush=True)
            await stop.wait()
        await runner.cleanup()


asyncio.run(main())
