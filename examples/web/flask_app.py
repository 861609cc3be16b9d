"""Flask replicas that tell each other to drop a key from their cache.

gunicorn flask_app:app --bind 0.0.0.0:8080 --workers 1 --threads 8
"""

import os
from urllib.request import Request, urlopen

from flask import Flask, Response

from peerdisco import DiscoveryConfig, Peer, PeerWatcher, broadcast

app = Flask(__name__)
watcher = PeerWatcher(DiscoveryConfig.from_env()).start()  # with --preload in the parent; the workers inherit it
watcher.wait_for(0, timeout=20)  # until DNS has answered, however many peers there are
dropped: list[str] = []


@app.get("/ready")
def ready() -> Response:
    """Answer the readiness probe: a worker that accepts requests knows its peers."""
    return Response(status=200)


@app.get("/worker")
def worker() -> dict[str, object]:
    """Show what this worker knows."""
    return {"pid": os.getpid(), "peers": watcher.peers.ips, "dropped": dropped}


@app.post("/invalidate/<key>")
def invalidate(key: str) -> dict[str, object]:
    """Drop a key here and in every other Pod, and say who was told."""

    def tell(peer: Peer) -> None:
        with urlopen(Request(f"http://{peer.netloc()}/drop/{key}", method="POST"), timeout=2):
            pass

    dropped.append(key)
    told = broadcast(watcher.peers, tell, timeout=3)
    failed = {str(peer): repr(error) for peer, error in told.failed.items()}
    return {"told": [str(peer) for peer in told.succeeded], "failed": failed, "complete": told.complete}


@app.post("/drop/<key>")
def drop(key: str) -> Response:
    """Drop a key in the worker that the request reached."""
    dropped.append(key)
    return Response(status=204)
