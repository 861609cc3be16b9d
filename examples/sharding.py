"""A replica that works on its own share of some jobs, and takes over when a peer comes or goes.

When: any replica could do a job, and each should be done by one of them. For a moment after a change replicas can
differ, and two or none may think that a job is theirs: a job must bear being done twice, or be picked up later.
Run: PEERDISCO_SERVICE=test-cs-svc POD_IP=10.0.0.1 REPLICAS=3 python examples/sharding.py job-1 job-2 job-3
"""

import os
import signal
import sys
import time

from peerdisco import DiscoveryConfig, PeerDiscoError, PeerSet, PeerWatcher


def share(peers: PeerSet, jobs: list[str]) -> list[str]:
    """Return the jobs of this Pod; none while DNS does not list it."""
    # Not `== peers.own`: with family="both" this Pod is listed by two addresses, and each owns keys.
    return [job for job in jobs if peers.self_listed and peers.owner(job) not in peers]


def main(jobs: list[str]) -> None:
    """Print this Pod's share whenever it changes, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with PeerWatcher(DiscoveryConfig.from_env()) as watcher:
        shown = share(watcher.wait_for(replicas=int(os.environ.get("REPLICAS", "1")), timeout=120), jobs)
        print("mine:", *shown, flush=True)
        while True:  # not over `changes()`: this Pod may leave the list, and its peers stay the same
            time.sleep(1)
            if (mine := share(watcher.peers, jobs)) != shown:
                print("mine:", *mine, flush=True)
                shown = mine


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PeerDiscoError as error:
        sys.exit(str(error))
