"""A replica that keeps the list of its peers current, and tells all of them to drop a key from their caches.

PEERDISCO_SERVICE, PEERDISCO_PORT and POD_IP come from the environment: see examples/kubernetes/statefulset.yaml.
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
    """Tells one peer; a Pod that is listed need not be alive."""
    try:
        with urlopen(Request(f"http://{peer.netloc()}/drop/{key}", method="POST"), timeout=5):
            return f"{peer} was told"
    except OSError as error:
        return f"{peer} was not told: {error}"


class Replica(BaseHTTPRequestHandler):
    """GET /ready is the readiness probe; POST /invalidate/KEY tells the peers, and POST /drop/KEY is what they hear."""

    def do_GET(self) -> None:
        """Says whether the peers are known, or what was dropped."""
        if self.path == "/ready":
            self.answer(200 if ready.is_set() else 503)
        else:
            self.answer(200, " ".join(dropped))

    def do_POST(self) -> None:
        """Drops a key, and tells everyone else if nobody has yet."""
        _, action, key = self.path.split("/", 2)
        dropped.append(key)
        told = [tell(peer, key) for peer in watcher.peers] if action == "invalidate" else []
        self.answer(200, "\n".join(told))

    def answer(self, status: int, text: str = "") -> None:
        """Sends a reply."""
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
