"""Tells a story: runs its replicas side by side, and holds each of them against the laws."""

from __future__ import annotations

import heapq
import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from peerdisco import DiscoveryConfig
from tests.support.fleet.cluster import Cache, Cluster, Pod
from tests.support.fleet.laws import Violation, ips_of
from tests.support.fleet.network import Network
from tests.support.fleet.replica import Replica
from tests.support.fleet.story import Story
from tests.support.fleet.time import ReplicaClock

BORDERS = {False: (29, 73, 252, 1100, 4093), True: (16, 41, 144, 1100, 2338)}
"""Where a reply without EDNS, with it, of 4096 bytes, SRV over TCP and addresses over TCP begin to be cut, by IPv6."""

_MOST_TURNS = 20_000


@dataclass
class Figures:
    """What telling stories came to.

    Attributes:
        stories: how many.
        replicas: how many ran a watcher.
        lookups: how many they made.
        failures: how many of these failed.
        exchanges: messages that were sent.
        removals: Pods that were removed from lists.
        crossings: how often a replica's list of Pods crossed each border.
        seconds: of virtual time, of all replicas together.
    """

    stories: int = 0
    replicas: int = 0
    lookups: int = 0
    failures: int = 0
    exchanges: int = 0
    removals: int = 0
    crossings: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, other: Figures) -> None:
        """Add the figures of other stories."""
        self.stories += other.stories
        self.replicas += other.replicas
        self.lookups += other.lookups
        self.failures += other.failures
        self.exchanges += other.exchanges
        self.removals += other.removals
        self.crossings.update(other.crossings)
        self.seconds += other.seconds


def tell(story: Story) -> Figures:
    """Tell a story.

    Raises:
        Violation: A law was broken.
    """
    with _logging(broken=story.broken_log):
        return _Run(story).tell()


class _Run:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._rng = random.Random(story.seed)
        self._cluster = Cluster(story, self._rng)
        self._caches = [Cache(server) for server in story.servers]
        self._figures = Figures(stories=1)
        self._until = story.quiet_at + _tail(story)

    def tell(self) -> Figures:
        """Run every replica to the end."""
        figures = self._figures
        replicas = list(self._replicas())
        order = [(replica.clock.real, number) for number, replica in enumerate(replicas)]
        heapq.heapify(order)
        turns = 0
        while order:
            _, number = heapq.heappop(order)
            replica = replicas[number]
            replica.turn()
            turns += 1
            if turns > _MOST_TURNS:
                raise Violation("spins", f"more than {_MOST_TURNS} turns")
            if replica.clock.real < min(self._until, replica.ends_at) and not self._has_followed(replica):
                heapq.heappush(order, (replica.clock.real, number))
        for replica in replicas:
            self._check_end(replica)
            figures.replicas += 1
            figures.lookups += replica.lookups
            figures.failures += replica.ledger.failed_lookups
            figures.removals += replica.watch.status().removed
            figures.exchanges += replica.network.exchanges
            figures.crossings.update(_crossings(replica.ledger.sizes, BORDERS[self._story.ipv6]))
        return figures

    def _replicas(self) -> Iterator[Replica]:
        """Yield a replica for the first Pods, and one for the first that has another's address."""
        story, cluster = self._story, self._cluster
        lives: dict[Pod, list[float]] = {}
        for number, version in enumerate(cluster.versions):
            ends = cluster.versions[number + 1].since if number + 1 < len(cluster.versions) else self._until
            for pod in version.pods if len(version.pods) < 20 else version.pods[:3]:
                lives.setdefault(pod, [version.since, ends])[1] = ends
        chosen = list(lives)[: story.replicas]
        chosen += [pod for pod in lives if pod.place != pod.number][:1]
        for number, pod in enumerate(dict.fromkeys(chosen)):
            begins, ends = lives[pod]
            # A Pod that is being ended runs on for a while, no longer listed.
            ends = self._until if ends >= self._until else ends + self._rng.choice([0.0, 5.0])
            mine = [event for event in story.events if event.number % max(1, story.replicas) == number]
            warps = [event for event in mine if event.kind in ("suspend", "jump")]
            clock = ReplicaClock(begins, warps)
            network = Network(story, cluster, self._caches, clock, self._rng)
            hurries = [event for event in mine if event.kind == "hurry"]
            yield Replica(pod, ends, story, network, clock, self._rng, hurries)

    def _has_followed(self, replica: Replica) -> bool:
        """Return whether a replica lists what the cluster will have to the end, and nothing can change that."""
        if replica.clock.real < self._story.quiet_at + _age(self._story) or replica.watch.roster.failures:
            return False
        return ips_of(replica.listed) == self._cluster.versions[-1].addresses - {replica.own}

    def _check_end(self, replica: Replica) -> None:
        """Hold the last list against the cluster: whatever has happened, the replica has followed by now."""
        self._figures.seconds += replica.clock.real
        if replica.clock.real < self._until:
            return  # it has followed, or its Pod is gone
        everyone = self._cluster.versions[-1].addresses
        listed = ips_of(replica.listed)
        expected = everyone - {replica.own}
        if len(everyone) <= BORDERS[self._story.ipv6][-1] and not replica.ledger.is_vague:
            replica.ledger.check(expected <= listed, "follows", f"{len(expected - listed)} Pods are not listed")
            replica.ledger.check(listed <= expected, "leaves", f"{len(listed - expected)} Pods are gone, but listed")


def _tail(story: Story) -> float:
    """Return the seconds that the documented policies may take to follow the cluster once all is quiet."""
    config = DiscoveryConfig("web", **(story.options or {}))
    largest = story.pods + sum(event.number for event in story.events if event.kind == "scale" and event.number > 0)
    questions = 3 + 17 * (story.is_named or config.hostnames)
    floor = (largest + 1) * questions / config.max_fleet_qps
    step = max(config.refresh, floor) * (1 + config.jitter) + config.timeout
    # A lookup that fails asks each server in up to ten rounds, with and without EDNS.
    floor_of_failure = floor + (largest + 1) * 20 * len(story.servers) / config.max_fleet_qps
    backoff = max(config.max_backoff, floor_of_failure) * (1 + config.jitter) + config.timeout
    return _age(story) + backoff + (config.removal_confirmations + 1) * step


def _age(story: Story) -> float:
    """Return the seconds for which DNS may tell what was, once all is quiet."""
    servers = story.servers
    oldest = max(server.lag + max(server.ttl, server.denial_ttl) + server.stale_for for server in servers)
    return oldest + story.node_ttl


def _crossings(sizes: list[int], borders: tuple[int, ...]) -> Iterator[int]:
    for before, after in pairwise(sizes):
        yield from (border for border in borders if (before > border) != (after > border))


class _Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError(28, "No space left on device")


@contextmanager
def _logging(*, broken: bool) -> Iterator[None]:
    """Keep the library's log from being printed; or let each record fail."""
    log = logging.getLogger("peerdisco")
    handler = _Broken() if broken else logging.NullHandler()
    propagate, level = log.propagate, log.level
    log.addHandler(handler)
    log.propagate = False
    log.setLevel(logging.INFO if broken else logging.CRITICAL)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = propagate
        log.setLevel(level)
