"""A replica with one grpc.aio channel to each peer, opened and closed as the list changes.

When: replicas call each other by gRPC. gRPC's own DNS resolver picks one Pod for you; here you call each of them.
Run: PEERDISCO_SERVICE=test-cs-svc PEERDISCO_PORT=50051 POD_IP=10.0.0.1 python examples/grpc_channels.py
Whenever the list changes it pings every peer. Generic handlers stand in for what protoc would generate.
"""

import asyncio
import os
import signal

import grpc
import grpc.aio

from peerdisco import AsyncPeerWatcher, Change, DiscoveryConfig, Peer, abroadcast

own = os.environ["POD_IP"]
channels: dict[Peer, grpc.aio.Channel] = {}


async def ping(peer: Peer) -> str:
    """Return what a peer answers."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channels[peer].unary_unary("/demo.Peers/Ping")
    return (await call(own.encode(), timeout=2, wait_for_ready=True)).decode()


async def follow(change: Change) -> None:
    """Open and close channels, then ping everyone."""
    for peer in change.removed:
        await channels.pop(peer).close(grace=1)
    for peer in change.added:
        channels[peer] = grpc.aio.insecure_channel(peer.netloc())
    pinged = await abroadcast(channels, ping)
    print("answered:", *pinged.succeeded.values(), flush=True)
    for peer, error in pinged.failed.items():
        print(f"{peer} did not answer: {error!r}", flush=True)


async def main() -> None:
    """Run until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def answer(request: bytes, _: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return f"{own} to {request.decode()}".encode()

    server = grpc.aio.server()
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Ping": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("demo.Peers", methods),))
    server.add_insecure_port(f"{own}:{os.environ['PEERDISCO_PORT']}")
    await server.start()
    watcher = AsyncPeerWatcher(DiscoveryConfig.from_env())
    watcher.subscribe(follow)
    async with watcher:
        await stop.wait()
    for channel in channels.values():
        await channel.close()
    await server.stop(grace=1)


asyncio.run(main())
