"""A fleet of replicas that watch their own Service, in virtual time: the roster decides, an event queue waits.

All replicas follow the same policy, so a sample of them is simulated, and its questions are scaled to the fleet.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import NamedTuple

from peerdisco import Answer, DiscoveryConfig, Outcome
from peerdisco._core.discovery import Discovery
from peerdisco._core.roster import Roster
from peerdisco._dns.blocking import drive
from peerdisco.environment import StaticEnvironment
from tests.benchmarks import sizes

_LOOKUP = 0.001  # seconds that a lookup takes


class Load(NamedTuple):
    """What the sample asked at one moment, and the bytes of its queries and replies."""

    at: float
    questions: int
    bytes: int


class Membership:
    """The Pods that DNS lists, and its answers: all of them, or a random part if a message can't hold them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._shuffled: list[bytes] = []
        self.listed: frozenset[bytes] = frozenset()

    def change(self, added: Iterable[bytes] = (), removed: Iterable[bytes] = ()) -> None:
        """List other Pods."""
        self.listed = (self.listed | frozenset(added)) - frozenset(removed)
        self._shuffled = self._rng.sample(sorted(self.listed), len(self.listed))

    def answer(self) -> Answer:
        """Return what CoreDNS says now."""
        if not self.listed:
            return Answer(Outcome.NXDOMAIN)
        if len(self.listed) <= sizes.MOST_OVER_TCP:
            return Answer(Outcome.FOUND, self.listed)
        # Part of a shuffled circle: each Pod is in it as often as in a random sample, and it costs less to make.
        at = self._rng.randrange(len(self._shuffled))
        circle = self._shuffled[at:] + self._shuffled[:at]
        return Answer(Outcome.FOUND, frozenset(circle[: sizes.MOST_OVER_TCP]), complete=False)


class Replica:
    """One replica's watcher, driven as `PeerWatcher` would drive it."""

    def __init__(self, own: bytes, config: DiscoveryConfig, fleet: Fleet) -> None:
        self.own = own
        self.runs = True
        self._fleet = fleet
        self._discovery = Discovery(config, StaticEnvironment((own,)))
        self._roster = Roster(config, self._discovery.service, clock=fleet.clock, random=fleet.rng.random)
        self._needs_tcp = False

    @property
    def listed(self) -> frozenset[object]:
        """The Pods that it lists."""
        return self._roster.peers._packed.endpoints

    def look(self) -> float:
        """Look up the Service, and return the seconds until the next lookup."""
        fleet = self._fleet

        def perform(_: object) -> Answer:
            sent, moved, self._needs_tcp = sizes.traffic(len(fleet.membership.listed), needs_tcp=self._needs_tcp)
            fleet.load.append(Load(fleet.clock(), sent, moved))
            return fleet.membership.answer()

        now = fleet.clock() + _LOOKUP
        self._roster.on_listing(drive(self._discovery.steps(self._roster.limits), perform, ()), now)
        return _LOOKUP + self._roster.wait(now)


class Fleet:
    """The replicas; a sample of them runs.

    Args:
        config: the options of each replica.
        sample: how many run at most.
        seed: makes every run the same.

    Attributes:
        membership: the Pods that DNS lists.
        load: the questions of the sample.
        replicas: the sample.
    """

    def __init__(self, config: DiscoveryConfig, sample: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.membership = Membership(self.rng)
        self.load: list[Load] = []
        self.replicas: list[Replica] = []
        self._config = config
        self._sample = sample
        self._now = 0.0
        self._order = count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._watched: list[_Watched] = []

    def clock(self) -> float:
        """Return the seconds since the start."""
        return self._now

    def start(self, own: bytes) -> None:
        """Start a replica, if the sample is not complete."""
        if sum(replica.runs for replica in self.replicas) < self._sample:
            replica = Replica(own, self._config, self)
            self.replicas.append(replica)
            self.at(self._now, lambda: self._look(replica))

    def stop(self, owns: Iterable[bytes]) -> None:
        """Stop those of these replicas that are in the sample."""
        gone = set(owns)
        for replica in self.replicas:
            replica.runs = replica.runs and replica.own not in gone

    def at(self, moment: float, event: Callable[[], None]) -> None:
        """Schedule an event."""
        heapq.heappush(self._queue, (moment, next(self._order), event))

    def watch_for(self, added: Iterable[bytes] = (), removed: Iterable[bytes] = ()) -> Lags:
        """Measure how long each running replica takes to follow a change that happens now."""
        runs = {replica for replica in self.replicas if replica.runs}
        watched = _Watched(self._now, frozenset(added), frozenset(removed), Lags([], []), runs, set(runs))
        self._watched.append(watched)
        return watched.lags

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._queue and self._queue[0][0] <= until:
            self._now, _, event = heapq.heappop(self._queue)
            event()
        self._now = until

    def run_until_followed(self, latest: float) -> None:
        """Let time pass until every running replica has followed every change that is watched for."""
        while self._queue and self._now < latest and not all(map(self._is_followed, self._watched)):
            self.run(min(latest, math.nextafter(self._queue[0][0], math.inf)))

    def _look(self, replica: Replica) -> None:
        if replica.runs:
            self.at(self._now + replica.look(), lambda: self._look(replica))
            for watched in self._watched:
                watched.see(replica, self._now)

    def _is_followed(self, watched: _Watched) -> bool:
        return not any(replica.runs for replica in watched.expecting | watched.holding)


class Lags(NamedTuple):
    """Seconds until replicas listed the Pods that came, and dropped those that left."""

    arrivals: list[float]
    departures: list[float]


class _Watched(NamedTuple):
    """A change, the replicas that do not list its new Pods yet, and those that still list its old ones."""

    since: float
    added: frozenset[bytes]
    removed: frozenset[bytes]
    lags: Lags
    expecting: set[Replica]
    holding: set[Replica]

    def see(self, replica: Replica, now: float) -> None:
        """Note what a replica has followed by now."""
        if replica in self.expecting and self.added - {replica.own} <= replica.listed:
            self.expecting.remove(replica)
            self.lags.arrivals.append(now - self.since)
        if replica in self.holding and self.removed.isdisjoint(replica.listed):
            self.holding.remove(replica)
            self.lags.departures.append(now - self.since)


def pods(first: int, number: int) -> Iterator[bytes]:
    """Yield the packed addresses of so many Pods."""
    return ((0x0A000000 + n).to_bytes(4) for n in range(first, first + number))
