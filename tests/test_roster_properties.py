"""The roster's laws, over arbitrary sequences of answers, failures and times."""

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peerdisco import DiscoveryConfig, Outcome, Peer
from peerdisco._core.listing import Endpoint, Listing
from peerdisco._core.roster import Roster
from peerdisco._core.subscribers import ChangeCursor
from peerdisco.testing import FakeClock

OWN = bytes([10, 0, 0, 1])
OTHERS = [*(bytes([10, 0, 0, last]) for last in range(2, 6)), b"\xfd" + bytes(14) + b"\x01", b"\xfd" + bytes(15)]
some = st.frozensets(st.sampled_from([OWN, *OTHERS]))
seconds = st.floats(0.0, 100.0) | st.sampled_from([0.0, 1e-9, 1e9])
luck = st.floats(0.0, 1.0)


class RosterLaws(RuleBasedStateMachine):
    """A roster, and beside it the simplest account of what each law allows."""

    @initialize(
        confirmations=st.integers(1, 4),
        refresh=st.floats(0.01, 86_400.0),
        jitter=st.floats(0.0, 0.999),
        backoff=st.floats(0.001, 86_400.0),
        qps=st.floats(0.01, 1e6),
        max_stale=st.none() | st.floats(0.001, 1000.0),
        named=st.booleans(),
    )
    def start(
        self,
        confirmations: int,
        refresh: float,
        jitter: float,
        backoff: float,
        qps: float,
        max_stale: float | None,
        named: bool,
    ) -> None:
        """Makes the roster."""
        self.named = named
        self.knows_itself = False
        self.config = DiscoveryConfig(
            "svc",
            family="both",
            removal_confirmations=confirmations,
            refresh=refresh,
            jitter=jitter,
            max_backoff=backoff,
            max_fleet_qps=qps,
            max_stale=max_stale,
        )
        self.clock = FakeClock(5.0)
        self.luck = 0.0
        self.roster = Roster(self.config, "svc.", clock=self.clock, random=lambda: self.luck)
        self.missed: dict[Endpoint, int] = {}
        self.largest = 0
        self.readers = [(ChangeCursor(), set[Peer]()), (ChangeCursor(), set[Peer]())]

    @rule(ips=some, own=st.booleans(), again=st.integers(1, 5))
    def complete(self, ips: frozenset[bytes], own: bool, again: int) -> None:
        """One and the same complete answer, so many times: whoever is gone from all is gone after the n-th exactly."""
        myself, endpoints = self.myself(own), self.endpoints(ips)
        outcome = Outcome.FOUND if endpoints or own else Outcome.NXDOMAIN
        for _ in range(again):
            before = self.known()
            self.roster.on_listing(
                Listing(outcome, endpoints, frozenset((myself,)) if myself else frozenset(), 30), self.clock()
            )
            self.missed = {endpoint: self.missed.get(endpoint, 0) + 1 for endpoint in before - endpoints - {myself}}
            gone = {endpoint for endpoint, times in self.missed.items() if times >= self.config.removal_confirmations}
            assert self.known() == (before | endpoints) - gone - {myself}

    @rule(ips=some, own=st.booleans(), samples=st.integers(1, 64), size=st.integers(0, 6))
    def cut(self, ips: frozenset[bytes], own: bool, samples: int, size: int) -> None:
        """A cut answer adds everyone in it, and removes nobody alone unless one confirmation is enough."""
        myself, endpoints = self.myself(own), self.endpoints(ips)
        before = self.known() - {myself}
        listing = Listing(
            Outcome.FOUND,
            endpoints,
            frozenset((myself,)) if myself else frozenset(),
            30,
            complete=False,
            cut=True,
            samples=samples,
            sample_size=size,
        )
        fresh = before - endpoints - self.missed.keys()
        self.roster.on_listing(listing, self.clock())
        after = self.known()
        assert endpoints <= after <= before | endpoints
        if self.config.removal_confirmations > 1:
            assert fresh <= after
        # How the two kinds of absence add up is for the examples; here the account begins again.
        self.confirm()

    @rule(times=st.integers(1, 20))
    def failure(self, times: int) -> None:
        """A failure never shrinks the list, except where `max_stale` is over."""
        before = self.roster.peers
        for _ in range(times):
            self.roster.on_failure(self.clock())
        self.check_expiry(before._packed.endpoints)
        assert self.roster.peers.stale
        assert self.roster.failures >= times

    @rule(passed=seconds)
    def time_passes(self, passed: float) -> None:
        """Time alone empties only what could not be refreshed for `max_stale`."""
        before = self.known()
        self.clock.advance(passed)
        self.roster.expire(self.clock())
        self.check_expiry(before)

    @rule()
    def somebody_waits(self) -> None:
        """Someone who waits has the pace quickened."""
        self.roster.hurry()

    @rule(ips=some)
    @precondition(lambda self: self.config.removal_confirmations > 1)
    def stray(self, ips: frozenset[bytes]) -> None:
        """After an answer with everyone, one stray answer removes nobody."""
        self.confirm()
        everyone = self.known() | self.endpoints(ips)
        self.roster.on_listing(Listing(Outcome.FOUND, self.endpoints(ips), frozenset(), 30), self.clock())
        assert self.known() == everyone
        self.confirm()
        assert self.known() == everyone

    @rule()
    def the_same(self) -> None:
        """The same complete answer again leaves the very same list."""
        self.confirm()
        listed = self.roster.peers._packed
        self.confirm()
        assert self.roster.peers._packed is listed

    @rule(which=st.integers(0, 1))
    def read(self, which: int) -> None:
        """Added and removed add up to the list, whenever it is read."""
        reader, story = self.readers[which]
        change = reader.catch_up(self.roster.peers)
        if change is not None:
            assert change.added or change.removed
            assert story.isdisjoint(change.added)
            assert story.issuperset(change.removed)
            story.difference_update(change.removed)
            story.update(change.added)
        assert story == set(self.roster.peers)

    @rule(luck=luck)
    def wait(self, luck: float) -> None:
        """No wait is 0, negative, NaN, endless, or shorter than the fleet may ask."""
        self.luck = luck
        wait = self.roster.wait(self.clock())
        floor = (len(self.roster.peers) + 1) / self.config.max_fleet_qps
        assert math.isfinite(wait)
        assert wait >= max(0.01, floor)
        # Of a list that has become empty, the replicas that were listed still ask.
        most = max(len(self.roster.peers), self.largest) + 1
        slowest = max(self.config.refresh, self.config.max_backoff, most / self.config.max_fleet_qps)
        assert wait <= max(slowest * (1 + self.config.jitter) * 1.001, 0.01)

    @invariant()
    def never_oneself(self) -> None:
        """This Pod is never among the peers."""
        if hasattr(self, "roster"):
            self.largest = max(self.largest, len(self.roster.peers))
            if self.roster.peers.self_listed:
                assert "10.0.0.1" not in self.roster.peers.ips
            assert self.roster.peers.ips == tuple(map(str, sorted(self.roster.peers)))

    def endpoint(self, ip: bytes) -> Endpoint:
        """As SRV lists it where the port has a name."""
        return (ip, 8080, f"web-{ip[-1]}") if self.named else ip

    def endpoints(self, ips: frozenset[bytes]) -> frozenset[Endpoint]:
        """An answer's: this Pod is among them until one knows that it is this Pod."""
        return frozenset(self.endpoint(ip) for ip in ips if ip != OWN or not self.knows_itself)

    def myself(self, listed: bool) -> Endpoint | None:
        """This Pod, where the answer lists it and the lookup knows."""
        self.knows_itself = self.knows_itself or listed
        return self.endpoint(OWN) if listed else None

    def confirm(self) -> None:
        """An answer with everyone who is listed, so that nobody is missing any more."""
        self.roster.on_listing(Listing(Outcome.FOUND, self.known(), frozenset(), 30), self.clock())
        self.missed = {}

    def known(self) -> frozenset[Endpoint]:
        """Who is listed."""
        return self.roster.peers._packed.endpoints

    def check_expiry(self, before: frozenset[Endpoint]) -> None:
        """The list is as it was, or has expired."""
        max_stale = self.config.max_stale
        if self.known() != before:
            assert not self.known()
            assert max_stale is not None
            assert self.roster.failures
            assert self.roster.peers.age >= max_stale * 0.999
            self.missed = {}


RosterLaws.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestRosterLaws = RosterLaws.TestCase
