"""A replica in Docker Compose: it keeps the list of the other containers, and shows it over HTTP on port 8080.

It reads PEERDISCO_SERVICE and PEERDISCO_PORT from the environment: see compose.yaml.
"""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from peerdisco import DiscoveryConfig, PeerWatcher

watcher = PeerWatcher(DiscoveryConfig.from_env())


class Replica(BaseHTTPRequestHandler):
    """GET / lists the other replicas, one per line."""

    def do_GET(self) -> None:
        """List the other replicas."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write("".join(f"{peer.netloc()}\n" for peer in watcher.peers).encode())


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with watcher:
    server = ThreadingHTTPServer((os.environ.get("LISTEN", ""), int(os.environ["PEERDISCO_PORT"])), Replica)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for change in watcher.changes():
        print("peers:", *change.peers.ips, flush=True)
