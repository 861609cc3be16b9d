"""The list of one Service over time: what each lookup means for it, and when to ask next. No I/O, no clock of its own.

Laws of this module:

- A failed lookup never shortens the list; only `max_stale` does, and only if set.
- A Pod leaves when `removal_confirmations` complete answers in a row lack it, or when so many cut answers lack it
  that it can't be there any more; one stray answer removes nobody. A Pod that is listed, but whose port is not known,
  does not leave.
- With `family="auto"` the list is of one family: the other one follows only when the first has left.
- This Pod is never listed.
- No wait is ever 0, and all replicas together never ask more than `max_fleet_qps` questions a second, however many
  questions a lookup takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from peerdisco._core.listing import MOST_SAMPLES, NOBODY, PENDING, Endpoint, Endpoints, Limits, Listing, address_of
from peerdisco.config import DiscoveryConfig
from peerdisco.peers import PackedPeers, PeerSet

_FIRST_WAIT = 0.5
_SHORTEST_WAIT = 0.01
_LONGEST_WAIT = 86_400.0
# What a lookup by a port's name asks before it asks for targets: the addresses and SRV.
_QUESTIONS = 2
_MOST_TARGETS = 16
# A cut answer holds a random part of the list, so a Pod that is there is in it with the probability p = held /
# listed, and is missed by n of them with (1 - p)^n. It leaves once that is below this: never, in the life of a fleet.
_SURE = 0.999
_OUT_OF_THE_QUESTION = math.log(1e-9)
_ROUNDING = 1e-9


class Roster:
    """What is known of one Service's peers.

    Args:
        config: the policies.
        service: the Service's absolute name.
        clock: for the `age` of the PeerSets.
        random: makes a number from 0 to 1, for the jitter.

    Attributes:
        peers: the list as it is now.
        failures: failed lookups in a row.
        changed_at: when the members last changed, this Pod's addresses included; infinitely long ago where they never
            have.
    """

    def __init__(
        self, config: DiscoveryConfig, service: str, *, clock: Callable[[], float], random: Callable[[], float]
    ) -> None:
        self._config = config
        self._service = service
        self._clock = clock
        self._random = random
        self._said = PENDING
        self._looked_up: float | None = None
        # Complete answers in a row that lack a listed Pod.
        self._lacked: dict[Endpoint, int] = {}
        # The logarithm of the probability that every cut answer so far missed a Pod that is there, and what it was when
        # a Pod was last in one.
        self._chance = 0.0
        self._chance_when_seen: dict[Endpoint, float] = {}
        # The same of those who are listed, but whose port is not known yet.
        self._waiting: dict[bytes, float] = {}
        self._pace = _FIRST_WAIT / 2
        self._questions = 1
        self._last_size = 0
        self.failures = 0
        self.changed_at = -math.inf
        self.peers = PeerSet(service, PackedPeers(PENDING.endpoints, config.port_number), PENDING, clock=clock)

    @property
    def limits(self) -> Limits:
        """Return how much the next lookup may ask.

        The first lookup takes the samples it needs. After that one is enough: evidence comes in at the same rate for
        each question whether they are asked together or apart, and news comes sooner apart. Targets are asked for by
        name as far as `max_fleet_qps` leaves room in `refresh`, and one at least, so that all have their turn.
        """
        room = int(self._config.refresh * self._config.max_fleet_qps / self._fleet) - _QUESTIONS
        return Limits(MOST_SAMPLES if self._looked_up is None else 1, min(max(1, room), _MOST_TARGETS))

    def on_listing(self, listing: Listing, now: float, questions: int = 1) -> None:
        """Take in the result of a lookup.

        Args:
            listing: the result.
            now: when the lookup ended, in seconds.
            questions: how many questions it took.
        """
        if not listing.own and (listing.cut or listing.waiting):
            listing = listing._replace(own=self._said.own)  # cut off, as any Pod may be
        if self._looked_up is None or listing.own != self._said.own:
            self.changed_at = now
        self._looked_up = now
        self._questions = questions or 1
        self.failures = 0
        known = self.peers._packed.endpoints
        if listing.endpoints is known or listing.endpoints == known:
            if self._lacked or self._chance:
                self._forget_absences()
            self._publish(listing if listing.endpoints is known else listing._replace(endpoints=known))
        else:
            self._list(self._merged(known, listing), listing, now)
        # While some are missing, the answer that would confirm it is asked for early.
        if self._lacked or self.peers._packed.endpoints is not known:
            self._quicken()
        else:
            self._pace = min(self._config.refresh, self._pace * 2)

    def on_failure(self, now: float, questions: int = 1) -> None:
        """Take in that a lookup brought nothing, after so many questions."""
        self.failures += 1
        self._questions = max(1, questions)
        self._pace = min(self._config.max_backoff, _FIRST_WAIT if self.failures == 1 else self._pace * 2)
        self._publish(self._said, stale=True)
        self.expire(now)

    def expire(self, now: float) -> None:
        """Empty a list that could not be refreshed for `max_stale` seconds: this Pod alone is no list either."""
        if self.failures and self._stale_in(now) <= 0 and self.peers._member_count:
            self._forget_absences()
            self._list(NOBODY, self._said._replace(own=NOBODY), now, stale=True)
            self.changed_at = now

    def hurry(self) -> None:
        """Ask faster from now on, since a caller waits."""
        if not self.failures:
            self._quicken()

    def wait(self, now: float) -> float:
        """Return the seconds from the end of the last lookup to the next: jittered, and never 0."""
        config = self._config
        floor = self._fleet * self._questions / config.max_fleet_qps
        pace = max(self._pace, floor)
        wait = pace * (1 + config.jitter * (2 * self._random() - 1))
        if wait < floor:
            wait = floor * (1 + config.jitter * self._random())
        if self.failures and 0 < (expiry := self._stale_in(now)) < wait:
            wait = expiry
        return min(max(wait, floor, _SHORTEST_WAIT), _LONGEST_WAIT)

    @property
    def _fleet(self) -> int:
        """Return how many replicas ask: those listed, or, of a list that has become empty, those last listed."""
        return (len(self.peers._packed.endpoints) or self._last_size) + 1

    def _merged(self, known: Endpoints, listing: Listing) -> Endpoints:
        """Return the list after an answer: who is new is in, and who is missing is out once that is sure."""
        everyone = known | listing.endpoints
        absent = known - listing.endpoints
        if listing.waiting:
            absent = frozenset(endpoint for endpoint in absent if address_of(endpoint) not in listing.waiting)
        present = everyone - absent
        gone = self._gone_by_chance(absent, present, listing) if listing.cut else self._gone_by_count(absent)
        # An address that is listed with another port or hostname has not left, but is another endpoint.
        moved = {address_of(endpoint) for endpoint in absent} & {address_of(new) for new in everyone - known}
        moved |= set(map(address_of, listing.own))
        gone |= {endpoint for endpoint in absent if address_of(endpoint) in moved}
        left = known - gone
        if left and self._config.family == "auto" and _size(left) != _size(listing.endpoints or left):
            return left  # a dual-stack Pod would be two peers
        return everyone - gone

    def _gone_by_count(self, absent: Endpoints) -> set[Endpoint]:
        """Return those that enough complete answers in a row lack."""
        needed = self._config.removal_confirmations
        lacked = {endpoint: self._lacked.get(endpoint, 0) + 1 for endpoint in absent}
        self._forget_absences()
        self._lacked = {endpoint: times for endpoint, times in lacked.items() if times < needed}
        return lacked.keys() - self._lacked.keys()

    def _gone_by_chance(self, absent: Endpoints, present: Endpoints, listing: Listing) -> set[Endpoint]:
        """Return those that so many cut answers lack that it can't be chance."""
        # Who waits for a port is not listed, but counts: a sample holds them as well.
        waiting = self._waiting.keys() | listing.waiting
        if waiting:
            waiting -= set(map(address_of, absent | present))
        held = min(listing.sample_size / (len(absent) + len(present) + len(listing.own) + len(waiting)), _SURE)
        # One lookup, however many samples it took, is never all the evidence.
        most = _OUT_OF_THE_QUESTION / self._config.removal_confirmations
        self._chance += max(listing.samples * math.log1p(-held), most)
        self._chance_when_seen.update(dict.fromkeys(present, self._chance))
        self._waiting.update(dict.fromkeys(listing.waiting, self._chance))
        self._lacked = {endpoint: times for endpoint, times in self._lacked.items() if endpoint in absent}
        sure = self._chance - _OUT_OF_THE_QUESTION - _ROUNDING
        seen = self._chance_when_seen
        self._waiting = {ip: when_seen for ip, when_seen in self._waiting.items() if when_seen < sure and ip in waiting}
        gone = {endpoint for endpoint in absent if seen.get(endpoint, 0.0) >= sure}
        for endpoint in gone:
            seen.pop(endpoint, None)
        return gone

    def _forget_absences(self) -> None:
        self._lacked = {}
        self._chance = 0.0
        self._chance_when_seen = {}
        self._waiting = {}

    def _list(self, endpoints: Endpoints, said: Listing, now: float, *, stale: bool = False) -> None:
        """Make these the list; of two equal sets keep the known one, so that the next comparison is by identity."""
        known = self.peers._packed.endpoints
        if endpoints == known:
            endpoints = known
        else:
            endpoints = said.endpoints if endpoints == said.endpoints else endpoints
            self._last_size = len(known)
            self.changed_at = now
        self._publish(said._replace(endpoints=endpoints), stale=stale)

    def _publish(self, said: Listing, *, stale: bool = False) -> None:
        self._said = said
        listed = self.peers._packed
        if said.endpoints is not listed.endpoints or said.targets != listed.targets:
            listed = PackedPeers(said.endpoints, self._config.port_number, said.targets)
        self.peers = PeerSet(self._service, listed, said, stale=stale, looked_up=self._looked_up, clock=self._clock)

    def _quicken(self) -> None:
        self._pace = min(_FIRST_WAIT, self._config.refresh)

    def _stale_in(self, now: float) -> float:
        if self._config.max_stale is None or self._looked_up is None:
            return math.inf
        return self._looked_up + self._config.max_stale - now


def _size(endpoints: Endpoints) -> int:
    """Return the bytes of an address; of a list with one family, any address will do."""
    return len(address_of(next(iter(endpoints))))
