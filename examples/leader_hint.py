"""A replica that says which one should do what only one need do: the first member, without an election.

When: to save work, never to protect data. `members[0]` is a hint and no lock: for a moment two replicas can name
different leaders, and a Pod on the list may be dead. What must happen at most once needs a Lease of the API server.
Run: PEERDISCO_SERVICE=test-cs-svc POD_IP=10.0.0.1 REPLICAS=3 python examples/leader_hint.py
"""

import os
import signal
import sys
import time

from peerdisco import DiscoveryConfig, Peer, PeerDiscoError, PeerSet, PeerWatcher


def hint(peers: PeerSet) -> Peer | None:
    """Return the member that should lead; None if DNS lists nobody. Peers alone would not do: they lack this Pod."""
    return peers.members[0] if peers.members else None


def show(leader: Peer | None, peers: PeerSet) -> None:
    """Print the leader. A member that is no peer is this Pod."""
    print(f"leader: {leader}" + (" (this Pod)" if leader and leader not in peers else ""), flush=True)


def main() -> None:
    """Print the leader whenever it changes, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with PeerWatcher(DiscoveryConfig.from_env()) as watcher:
        peers = watcher.wait_for(replicas=int(os.environ.get("REPLICAS", "1")), timeout=120)
        leader = hint(peers)
        show(leader, peers)
        while True:  # not over `changes()`: this Pod may leave the list, and its peers stay the same
            time.sleep(1)
            peers = watcher.peers
            if (new := hint(peers)) != leader:
                leader = new
                show(leader, peers)


if __name__ == "__main__":
    try:
        main()
    except PeerDiscoError as error:
        sys.exit(str(error))
