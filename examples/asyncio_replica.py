"""The replica of statefulset_replica.py in asyncio; a few lines stand in for a web framework."""

import asyncio
import contextlib
import os
import signal

from peerdisco import AsyncPeerWatcher, DiscoveryConfig, Peer

dropped: list[str] = []


async def tell(peer: Peer, key: str) -> str:
    """Tell one peer to drop a key. A Pod on the list may have died a moment ago."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(peer.ip, peer.port)
            writer.write(f"POST /drop/{key} HTTP/1.0\r\n\r\n".encode())
            answered = await reader.readline()
            writer.close()
            await writer.wait_closed()
    except OSError as error:
        return f"{peer} was not told: {error!r}"
    return f"{peer} was told" if b" 200 " in answered else f"{peer} was not told: {answered!r}"


async def replica(watcher: AsyncPeerWatcher) -> None:
    """Serve requests, and print the peers when they change."""
    ready = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path, _ = (await reader.readline()).decode().split()
        while (await reader.readline()).strip():
            pass
        _, action, *key = path.split("/", 2)
        text = ""
        if method == "POST":
            dropped.extend(key)
            if action == "invalidate":
                text = "\n".join(await asyncio.gather(*(tell(peer, key[0]) for peer in watcher.peers)))
        elif action == "dropped":
            text = " ".join(dropped)
        status = "503 Waiting for peers" if action == "ready" and not ready.is_set() else "200 OK"
        writer.write(f"HTTP/1.0 {status}\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, os.environ["POD_IP"], int(os.environ["PEERDISCO_PORT"])), watcher:
        await watcher.wait_for(int(os.environ.get("REPLICAS", "3")) - 1, timeout=120)
        ready.set()
        async for change in watcher.changes():
            print("peers:", *change.peers.ips, flush=True)


async def main() -> None:
    """Run until SIGTERM."""
    running = asyncio.create_task(replica(AsyncPeerWatcher(DiscoveryConfig.from_env())))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


asyncio.run(main())
