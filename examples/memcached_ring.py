"""Spread keys over the Pods of a memcached Service with pymemcache's HashClient, and follow when it scales.

When: memcached runs as a StatefulSet behind a headless Service, and your Pods are not part of it.
Run: PEERDISCO_SERVICE=memcached PEERDISCO_PORT=11211 python examples/memcached_ring.py
It reads KEY VALUE lines, stores each, reads it back and prints what the ring says.
"""

import signal
import sys

from pymemcache.client.hash import HashClient  # type: ignore[import-untyped] # it brings no types

from peerdisco import DiscoveryConfig, PeerDiscoError, PeerSet, PeerWatcher


class Ring:
    """A HashClient over the listed Pods; not for several threads, so give each its own."""

    def __init__(self, watcher: PeerWatcher) -> None:
        self._watcher = watcher
        self._peers: PeerSet | None = None  # nobody yet: the watcher may have listed some already
        self._client = HashClient([])

    def client(self) -> HashClient:
        """Return a client of the servers that are listed now. It costs no lookup."""
        peers = self._watcher.peers
        if peers != self._peers:
            # Not remove_server: in pymemcache 4.0 it fails for a healthy server, and later adds a dead one again.
            self._client.close()
            self._client = HashClient([(peer.ip, peer.port) for peer in peers], connect_timeout=1, timeout=1)
            self._peers = peers
        return self._client


def main() -> None:
    """Store every line of stdin, until it ends or SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with PeerWatcher(DiscoveryConfig.from_env(), own_ips=()) as watcher:
        ring = Ring(watcher)
        watcher.wait_for(1, timeout=120)  # an empty ring would look like a cache that stores nothing
        for line in sys.stdin:
            key, value = line.split()
            try:
                client = ring.client()  # one for both, since the list may change in between
                client.set(key, value, noreply=False)
                print(key, client.get(key, b"").decode(), flush=True)
            except Exception as error:  # noqa: BLE001 - pymemcache raises OSError and errors of its own
                print(f"{key} was not stored: {error!r}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except PeerDiscoError as error:
        sys.exit(str(error))
