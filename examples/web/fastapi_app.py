"""FastAPI replicas that tell each other to drop a key from their cache.

uvicorn fastapi_app:app --host 0.0.0.0 --port 8080
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import httpx
from fastapi import FastAPI, Request, Response

from peerdisco import AsyncPeerWatcher, DiscoveryConfig, Outcome, Peer, abroadcast


class State(TypedDict):
    """What a request finds in `request.state`."""

    watcher: AsyncPeerWatcher
    client: httpx.AsyncClient
    dropped: list[str]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
    """Watch the peers from start to shutdown."""
    async with AsyncPeerWatcher(DiscoveryConfig.from_env()) as watcher, httpx.AsyncClient(timeout=2) as client:
        yield {"watcher": watcher, "client": client, "dropped": []}


app = FastAPI(lifespan=lifespan)


@app.get("/ready")
async def ready(request: Request) -> Response:
    """Answer the readiness probe: this Pod is ready once DNS has answered, however many peers there are."""
    known = request.state.watcher.peers.outcome is not Outcome.PENDING
    return Response(status_code=200 if known else 503)


@app.get("/peers")
async def peers(request: Request) -> list[str]:
    """List the other Pods."""
    return list(request.state.watcher.peers.ips)


@app.post("/invalidate/{key}")
async def invalidate(key: str, request: Request) -> dict[str, object]:
    """Drop a key here and in every other Pod, and say who was told."""

    async def tell(peer: Peer) -> None:
        response = await request.state.client.post(f"http://{peer.netloc()}/drop/{key}")
        response.raise_for_status()

    request.state.dropped.append(key)
    told = await abroadcast(request.state.watcher.peers, tell, timeout=3)
    failed = {str(peer): repr(error) for peer, error in told.failed.items()}
    return {"told": [str(peer) for peer in told.succeeded], "failed": failed, "complete": told.complete}


@app.post("/drop/{key}")
async def drop(key: str, request: Request) -> None:
    """Drop a key here: what a peer sends, and never passes on."""
    request.state.dropped.append(key)


@app.get("/dropped")
async def dropped(request: Request) -> list[str]:
    """List the keys that were dropped here."""
    return list(request.state.dropped)
