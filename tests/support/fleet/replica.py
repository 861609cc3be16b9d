"""One replica: a `PeerWatcher`'s own loop, turned by hand, over nameservers without sockets."""

from __future__ import annotations

import random
import struct
from typing import cast

from tenacity import Retrying

from peerdisco import Answer, DiscoveryConfig, LookupFailed, Question
from peerdisco._core.listing import Endpoints, Listing
from peerdisco._core.subscribers import ChangeCursor
from peerdisco._dns.blocking import drive
from peerdisco._dns.lookup import Lookup
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import Sent
from peerdisco._poll_thread import PollThread
from peerdisco._service import LookupRun, ServiceLookup
from peerdisco.config import Options
from peerdisco.environment import Environment, StaticEnvironment
from peerdisco.errors import ConfigError
from peerdisco.peers import Change, Peer
from peerdisco.resolvers import DnsResolver
from peerdisco.sync import run_lookup
from tests.support.fleet.cluster import Pod, address
from tests.support.fleet.laws import Ledger, Violation
from tests.support.fleet.network import Network, server_of
from tests.support.fleet.story import Event, Story
from tests.support.fleet.time import ReplicaClock


class _Environment(StaticEnvironment):
    """Where a replica runs: it knows its address from the start, or once it is listed, and can raise."""

    def __init__(self, own: bytes, story: Story, clock: ReplicaClock, rng: random.Random) -> None:
        super().__init__((own,))
        self._own = own
        self._knows = story.knows_own
        self._clock = clock
        self._rng = rng
        self._broken = [event for event in story.events if event.kind == "environment"]
        self.raised = 0

    def own_ips(self, config: DiscoveryConfig) -> tuple[bytes, ...] | None:
        return (self._own,) if self._knows else None

    def local_among(self, listed: frozenset[bytes]) -> frozenset[bytes]:
        if any(event.at <= self._clock.real < event.at + event.seconds for event in self._broken):
            self.raised += 1
            question = Question("web.default.svc.cluster.local.", "A")
            raise self._rng.choice([LookupFailed(question, "no_nameserver"), OSError("planned"), MemoryError()])
        return listed & {self._own}


class _Resolver(DnsResolver):
    """The library's own resolver, whose exchanges go to a network without sockets."""

    def __init__(
        self, network: Network, clock: ReplicaClock, environment: _Environment, story: Story, rng: random.Random
    ) -> None:
        self.network = network
        self.clock = clock
        self._where = environment
        self._story = story
        self._changes = [event for event in story.events if event.kind in ("no_resolv_conf", "resolv_conf")]
        self.failed = 0
        self.attempted = 0
        super().__init__([server_of(0)], clock=clock, rng=rng.random)
        self._given = None
        self._state = self._state._replace(new_id=lambda: struct.pack("!H", rng.randrange(65536)))

    @property
    def environment(self) -> Environment:
        return self._where

    def _send_first(self, question: Question, timeout: float) -> Sent | None:
        return None

    def _lookup_sent(
        self, question: Question, timeout: float, sent: Sent | None = None, *, retry: bool = True
    ) -> Answer:
        assert sent is None
        self.attempted += 1
        run = Lookup(question, self._servers(question), timeout, self._state, retry=retry)
        try:
            return self._ask(run)
        except LookupFailed as error:
            self.attempted += max(0, len(error.attempts) - 1)
            raise

    def _ask(self, run: Lookup) -> Answer:
        """Do what `blocking.lookup` does, in virtual time."""
        exchange = self.network.exchange
        try:
            run.hears(exchange(run.open()))
        except OSError as error:
            run.reject(error)
        else:
            answer = run.accept()
            if answer is not None:
                return answer
        try:
            return drive(run.round(), exchange, OSError)
        except LookupFailed:
            if run.is_over:
                raise
        self.clock.sleep(run.wait())
        again = Retrying(sleep=self.clock.sleep, **run.retry_policy())
        return again(lambda: drive(run.round(), exchange, OSError))

    def _read_nameservers(self) -> tuple[Nameserver, ...]:
        numbers = list(range(len(self._story.servers)))
        for event in self._changes:
            if event.at <= self.clock.real < event.at + event.seconds:
                if event.kind == "no_resolv_conf":
                    self.network.troubles += 1
                    raise ConfigError("resolv_conf", "/etc/resolv.conf", "can't be read: No such file")
                first = event.number % len(numbers)
                return tuple(map(server_of, numbers[first:] + numbers[:first]))
        return tuple(map(server_of, numbers))


class Replica:
    """A Pod that watches its Service.

    Args:
        pod: the Pod.
        begins_at: when it starts, in seconds of the cluster.
        ends_at: when it is gone.
        story: what happens.
        network: where its queries go.
        clock: its clock.
        rng: all chance.

    Attributes:
        clock: its clock.
        ends_at: when it is gone.
        ledger: what DNS told it, and the laws.
        runner: the watcher's own loop.
        network: where its queries go.
        lookups: how many it has made.
    """

    def __init__(
        self,
        pod: Pod,
        ends_at: float,
        story: Story,
        network: Network,
        clock: ReplicaClock,
        rng: random.Random,
        hurries: list[Event],
    ) -> None:
        self.clock = clock
        self.ends_at = ends_at
        self.lookups = 0
        self.own = address(pod.place, story.ipv6)
        self.network = network
        self._rng = rng
        self._story = story
        self._hurries = sorted(hurries, key=lambda event: -event.at)
        config = DiscoveryConfig("web", **cast("Options", story.options or {}))
        self._environment = _Environment(self.own, story, clock, rng)
        self._resolver = _Resolver(network, clock, self._environment, story, rng)
        lookup = ServiceLookup(config, self._resolver, "lookup")
        self.ledger = Ledger(story, config, self.own)
        self.runner = PollThread(lookup, self._run_lookup, rng.random)
        self.watch = self.runner.watch
        self.watch.running = True
        self._heard: set[Peer] = set()
        self.watch.subscribe(self._raise)
        self.watch.subscribe(self._hear)
        self._slow = ChangeCursor()
        self._slow_heard: set[Peer] = set()

    @property
    def listed(self) -> Endpoints:
        """The endpoints that it lists."""
        return self.watch.roster.peers._packed.endpoints

    def turn(self) -> None:
        """Let the watcher do what it does until its next lookup is due, and hold it against the laws."""
        while self._hurries and self._hurries[-1].at <= self.clock.real:
            self._hurries.pop()
            self.watch.hurry()
        before, now = self.listed, self.clock.real
        lookups = self.lookups
        try:
            self.runner._turn()
        except BaseException as error:
            raise Violation("scheduled", f"the watcher's loop ended with {error!r}") from error
        if self.lookups == lookups:
            self.ledger.check(before == self.listed, "kept", "the list changed without a lookup")
            self.ledger.check(self.clock.real > now, "spins", "a turn took no time")
            return
        self.ledger.on_waiting(self.watch)
        self._check_heard()

    def _run_lookup(self, run: LookupRun) -> Listing:
        """Make a lookup, and tell the ledger."""
        network, resolver, ledger = self.network, self._resolver, self.ledger
        self.lookups += 1
        network.told, network.troubles, resolver.attempted = [], 0, 0
        raised, warped = self._environment.raised, self.clock.warped
        ledger.begin(self.watch, self.clock())
        failed = True
        try:
            listing = run_lookup(run)
            failed = False
            return listing
        finally:
            trouble = network.troubles + self._environment.raised - raised + self.clock.warped - warped
            ledger.end(network.told, failed=failed, asked=resolver.attempted, trouble=bool(trouble))
            ledger.check(run.questions >= resolver.attempted, "questions", "it counts fewer questions than it asked")

    def _hear(self, change: Change) -> None:
        _follow(self._heard, change, self.ledger)
        if self._story.rude and self._rng.random() < 0.3:
            raise RuntimeError("planned")

    def _raise(self, change: Change) -> None:
        if self._story.rude:
            raise self._rng.choice([ValueError("planned"), MemoryError(), StopIteration()])

    def _check_heard(self) -> None:
        peers = self.watch.roster.peers
        self.ledger.check(self._heard == set(peers), "adds up", "the changes do not add up to the list")
        if self._rng.random() < 0.3:
            change = self._slow.catch_up(peers)
            if change:
                _follow(self._slow_heard, change, self.ledger)
            self.ledger.check(self._slow_heard == set(peers), "adds up", "merged changes do not add up to the list")
        status = self.watch.status()
        self.ledger.check(status.added - status.removed == len(peers), "adds up", "the counters do not add up")


def _follow(heard: set[Peer], change: Change, ledger: Ledger) -> None:
    ledger.check(heard.isdisjoint(change.added), "adds up", "added what was listed")
    ledger.check(heard.issuperset(change.removed), "adds up", "removed what was not listed")
    heard.difference_update(change.removed)
    heard.update(change.added)
