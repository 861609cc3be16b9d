"""A replica that keeps the list of its peers current, and tells each of them to drop a key from its cache.

It reads PEERDISCO_SERVICE, PEERDISCO_PORT and POD_IP from the environment: see examples/kubernetes/statefulset.yaml.
"""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

from peerdisco import DiscoveryConfig, Peer, PeerWatcher

watcher = PeerWatcher(DiscoveryConfig.from_env())
ready = threading.Event()
dropped: list[str] = []


def tell(peer: Peer, key: str) -> str:
    """Tell one peer to drop a key. A Pod on the list may have died a moment ago."""
    try:
        with urlopen(Request(f"http://{peer.netloc()}/drop/{key}", method="POST"), timeout=5):
            return f"{peer} was told"
    except OSError as error:
        return f"{peer} was not told: {error}"


class Replica(BaseHTTPRequestHandler):
    """GET /ready is the readiness probe. POST /invalidate/KEY drops a key here and sends /drop/KEY to each peer."""

    def do_GET(self) -> None:
        """Answer the readiness probe, or list the keys that were dropped."""
        if self.path == "/ready":
            self.answer(200 if ready.is_set() else 503)
        else:
            self.answer(200, " ".join(dropped))

    def do_POST(self) -> None:
        """Drop a key, and tell the peers if the request came from outside."""
        _, action, key = self.path.split("/", 2)
        dropped.append(key)
        told = [tell(peer, key) for peer in watcher.peers] if action == "invalidate" else []
        self.answer(200, "\n".join(told))

    def answer(self, status: int, text: str = "") -> None:
        """Send a response."""
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = ThreadingHTTPServer((os.environ["POD_IP"], int(os.environ["PEERDISCO_PORT"])), Replica)
threading.Thread(target=server.serve_forever, daemon=True).start()
with watcher:
    watcher.wait_for(int(os.environ.get("REPLICAS", "3")) - 1, timeout=120)
    ready.set()
    for change in watcher.changes():
        print("peers:", *change.peers.ips, flush=True)
