"""The second half of the demo: Pods come and go, and a watcher in each follows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from queue import Empty, SimpleQueue

from peerdisco.cli.narrator import NotAsTold, check, join, show, tell
from peerdisco.errors import LookupFailed
from peerdisco.peers import Change
from peerdisco.sync import PeerWatcher
from peerdisco.testing import LocalCluster

_REFRESH = 0.2
_TIMEOUT = 0.2
_PATIENCE = 5.0


class Replica:
    """A made-up Pod with a watcher inside.

    Args:
        cluster: whose DNS it asks.
        name: the Pod's.
        ip: the Pod's.
    """

    def __init__(self, cluster: LocalCluster, name: str, ip: str) -> None:
        self.name = name
        self.ip = ip
        self.watcher = PeerWatcher(
            "test-cs-svc", own_ips=ip, refresh=_REFRESH, timeout=_TIMEOUT, max_backoff=_REFRESH, **cluster.options
        )
        self._changes: SimpleQueue[Change] = SimpleQueue()
        self.watcher.subscribe(self._changes.put)
        self.watcher.start()

    def follow(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Waits for the next change, and checks it.

        Raises:
            NotAsTold: it did not come, or is another one.
        """
        try:
            change = self._changes.get(timeout=_PATIENCE)
        except Empty:
            raise NotAsTold(f"{self.name} saw no change within {_PATIENCE:g} s") from None
        seen = {peer.ip for peer in change.added}, {peer.ip for peer in change.removed}
        check(f"what {self.name} saw come and go", seen, (set(added) - {self.ip}, set(removed)))


def tell_of_watchers(cluster: LocalCluster, three: Mapping[str, str], two_more: Mapping[str, str]) -> None:
    """Three Pods become five, then two, with DNS down in between.

    Raises:
        NotAsTold: something else happened.
    """
    five = {**three, **two_more}
    stay = dict(list(three.items())[:2])
    with contextlib.closing(_Fleet(cluster)) as fleet:
        tell(
            f"5. Each Pod keeps a PeerWatcher, which looks again every {_REFRESH:g} s (5 s unless told otherwise). The "
            "Deployment is scaled to five:"
        )
        cluster.headless("test-cs-svc", three.values())
        fleet.start(three)
        fleet.follow(three.values())
        cluster.headless("test-cs-svc", five.values())
        fleet.follow(two_more.values())
        fleet.start(two_more)
        for name in two_more:
            fleet.replicas[name].follow(five.values(), ())
        show(*(f"in {replica.name}: {_came(replica, three, two_more)}" for replica in fleet.replicas.values()))

        tell("6. DNS goes down. Nobody is forgotten: each Pod keeps its list, and knows that it is stale:")
        cluster.fail("drop")
        show(*(f"in {replica.name}: {_kept(replica)}" for replica in fleet.replicas.values()))

        tell(
            "7. Meanwhile the Deployment is scaled to two. DNS comes back, and they find out by themselves. A Pod "
            "leaves a list once two answers in a row lack it, so that one wrong answer removes nobody:"
        )
        gone = {name: ip for name, ip in five.items() if name not in stay}
        fleet.stop(gone)
        cluster.headless("test-cs-svc", stay.values())
        cluster.heal()
        fleet.follow((), gone.values())
        show(*(f"in {replica.name}: {_left(replica, len(gone))}" for replica in fleet.replicas.values()))


class _Fleet:
    """The Pods that run."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self.replicas: dict[str, Replica] = {}

    def start(self, pods: Mapping[str, str]) -> None:
        for name, ip in pods.items():
            self.replicas[name] = Replica(self._cluster, name, ip)

    def stop(self, names: Iterable[str]) -> None:
        for name in names:
            self.replicas.pop(name).watcher.close()

    def follow(self, added: Iterable[str], removed: Iterable[str] = ()) -> None:
        for replica in self.replicas.values():
            replica.follow(added, removed)

    def close(self) -> None:
        self.stop(list(self.replicas))


def _came(replica: Replica, three: Mapping[str, str], two_more: Mapping[str, str]) -> str:
    peers = replica.watcher.peers
    check(f"the peers of {replica.name}", set(peers.ips), {*three.values(), *two_more.values()} - {replica.ip})
    if replica.name in two_more:
        return f"is new, and has {len(peers)} peers"
    return f"saw {join(two_more.values())} come, and has {len(peers)} peers"


def _kept(replica: Replica) -> str:
    with contextlib.suppress(LookupFailed):
        replica.watcher.refresh()
        raise NotAsTold(f"DNS was down, and {replica.name} had an answer")
    peers = replica.watcher.peers
    check(f"the list of {replica.name} while DNS is down", (len(peers), peers.stale), (4, True))
    return f"keeps {len(peers)} peers, heard of {peers.age:.1f} s ago"


def _left(replica: Replica, gone: int) -> str:
    peers = replica.watcher.peers
    check(f"the peers of {replica.name} after DNS came back", len(peers), 1)
    return f"saw {gone} leave; its peer is {join(peers.ips)}"
