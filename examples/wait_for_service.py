"""Wait in an init container until another Service has enough ready Pods.

When: a Pod must not start before the Pods of another Service are there. Never wait for the Service of this Pod's own
replicas here: a Pod is listed once it is ready, and it can't become ready before its init containers have ended.
Run: PEERDISCO_SERVICE=memcached python examples/wait_for_service.py 2 300
Without Python code: peerdisco wait memcached --min 2 --timeout 300
"""

import signal
import sys

from peerdisco import DiscoveryConfig, PeerDiscoError, PeerWatcher


def main(count: int, timeout: float) -> None:
    """Return once so many Pods are listed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end while waiting"))
    with PeerWatcher(DiscoveryConfig.from_env(), own_ips=()) as watcher:  # this Pod is not part of that Service
        peers = watcher.wait_for(count, timeout=timeout)
    print("ready:", *peers.ips)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), float(sys.argv[2]))
    except PeerDiscoError as error:
        sys.exit(str(error))
