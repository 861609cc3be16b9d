"""A watched Service: what both watchers do between their lookups. No I/O; they bring the waiting themselves.

Laws of this module:

- Whatever a lookup raises or brings, the next one is planned before anything else can go wrong, and never at once.
- An exception shows in the status and is logged once: of each kind, until a lookup succeeds again and a minute is over.
- What logging or a subscriber raises stops nothing that comes after it, and fails no lookup.
- The status keeps no frame of what failed alive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping
from logging import DEBUG
from typing import NamedTuple

from peerdisco._core.conditions import EMPTY, QUIET, ConditionLog, conditions_of, empty_code, log, with_server
from peerdisco._core.counters import Counters, code_of
from peerdisco._core.failures import detached, is_interrupt
from peerdisco._core.listing import PENDING, Limits, Listing
from peerdisco._core.roster import Roster
from peerdisco._core.subscribers import Callback, ChangeCursor, Subscribers
from peerdisco._service import LookupRun, ServiceLookup
from peerdisco.errors import NotHeadlessError, PeerDiscoError
from peerdisco.peers import Change, PeerSet, Status

_LONGEST_PAUSE = 30.0


class _Plan(NamedTuple):
    """When the last lookup ended, and when the next one is due."""

    ended_at: float
    next_at: float


class WatcherState:
    """The state of a watcher, sync or async.

    Args:
        lookup: the Service, and the resolver that is asked about it.
        random: makes a number from 0 to 1.

    Attributes:
        lookup: the Service, and the resolver that is asked about it.
        roster: the list.
        running: whether the watcher has been started.
        stopping: whether it is closed.
        last_error: why the last lookup failed, or what else was raised since; None where nothing was.
    """

    def __init__(self, lookup: ServiceLookup, random: Callable[[], float]) -> None:
        self.lookup = lookup
        self.roster = Roster(lookup.config, lookup.service, clock=lookup.clock, random=random)
        self.running = False
        self.stopping = False
        self.last_error: Exception | None = None
        self._states = ConditionLog(lookup.service)
        # The last answer, and its conditions.
        self._latest = PENDING
        self._listing_states: dict[str, str] = {}
        self._lookups = 0
        self._plan(lookup.clock(), 0.0)
        # When a caller that waits wants the next lookup, and the plan that this goes before. It ends with that plan: a
        # lookup may end, and another be planned, while the caller's thread works this out.
        self._hurried = self._planned, self._planned.next_at
        self._subscribers = Subscribers()
        # The kinds of exceptions that were logged: from lookups, with the time, and from elsewhere.
        self._kinds_of_failures: dict[type[BaseException], float] = {}
        self._kinds_of_troubles: set[type[BaseException]] = set()
        self._counters = Counters()

    def limits(self) -> Limits:
        """Return how much the next lookup may ask."""
        return self.roster.limits

    def on_listing(self, listing: Listing, run: LookupRun) -> None:
        """Take in what a lookup brought."""
        roster = self.roster
        before, now = roster.peers, self.lookup.clock()
        roster.on_listing(listing, now, run.questions)
        self._plan(now, roster.wait(now))
        self._lookups += 1
        self.last_error = None
        if self._kinds_of_failures:
            kept = {kind: at for kind, at in self._kinds_of_failures.copy().items() if now - at < QUIET}
            self._kinds_of_failures = kept
        states = self._listing_states
        if states or listing is not self._latest:
            self._latest, states = listing, conditions_of(listing)
            self._counters.dropped = len(listing.outside)
            if states:
                states = with_server(states, self.lookup.answered_by)
        changed = before._packed is not roster.peers._packed
        code = (states and empty_code(states)) or ("changed" if changed else "unchanged")
        self._counters.on_lookup(code, now - run.began_at)
        if states and len(roster.peers):
            # Not so until it is confirmed. A new dict: a caller of `wait_for` may be walking through the old one.
            states = {code: text for code, text in states.items() if code not in EMPTY}
        self._listing_states = states
        self._tell(before, states, now)

    def on_failure(self, error: BaseException, run: LookupRun | None = None) -> None:
        """Take in that a lookup brought nothing; None is one that has not even begun."""
        before = self.roster.peers
        self._lookups += 1
        self.last_error = detached(error)
        now = self.lookup.clock()
        self._plan(now, self.pause)  # stands where the roster fails as well
        self.roster.on_failure(now, 1 if run is None else run.questions)
        self._plan(now, self.roster.wait(now))
        self._counters.on_lookup(code_of(error), 0.0 if run is None else now - run.began_at)
        if not isinstance(error, PeerDiscoError) and type(error) not in self._kinds_of_failures:
            self._kinds_of_failures[type(error)] = now
            self._log(
                log.error, "%s: the lookup raised", before.service, exc_info=error, extra=self._facts(code_of(error))
            )
        states = dict(self._listing_states)
        if isinstance(error, NotHeadlessError):
            states["not-headless"] = f"DNS answers with its ClusterIP, {error.address}; set `clusterIP: None`"
        else:
            states[code_of(error)] = str(self.last_error)
        self._tell(before, states, now)

    def on_trouble(self, error: BaseException, what_comes_of_it: str = "the watcher goes on") -> None:
        """Take in what was raised between lookups, by a clock for example."""
        self._note(error)
        if type(error) not in self._kinds_of_troubles:
            self._kinds_of_troubles.add(type(error))
            kind = type(error).__qualname__
            self._log(
                log.error,
                "%s: %s after %s",
                self.lookup.service,
                what_comes_of_it,
                kind,
                exc_info=error,
                extra=self._facts("watcher-error"),
            )

    def expire(self) -> bool:
        """Empty a list that could not be refreshed for too long; return whether it was."""
        if not self.roster.failures:
            return False
        before = self.roster.peers
        self.roster.expire(self.lookup.clock())
        if self.roster.peers is before:
            return False
        self._tell_change(before)
        return True

    @property
    def condition(self) -> str:
        """In a word, whether it runs, and whether its lookups fail."""
        if self.stopping:
            return "closed"
        if not self.running:
            return "not started"
        return "failing" if self.roster.failures else "running"

    @property
    def pause(self) -> float:
        """Return the seconds to wait after something went wrong between lookups."""
        return min(self.lookup.config.refresh, _LONGEST_PAUSE)

    def due_in(self) -> float:
        """Return the seconds until the next lookup; 0 where it is due."""
        return max(0.0, self.next_at - self.lookup.clock())

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Add a callback for each change, and return a call that ends it.

        Raises:
            RuntimeError: The watcher is closed.
            ConfigError: The callback can't be called.
        """
        self.check_open()
        return self._subscribers.add(callback)

    def due_calls(self, busy: Container[ChangeCursor] = ()) -> Iterator[tuple[ChangeCursor, Callable[[], object]]]:
        """Yield a call for each subscriber for which something changed, but for those that are busy with their last."""
        return self._subscribers.due_calls(self.roster.peers, busy)

    def on_subscriber_error(self, error: BaseException) -> None:
        """Take in what a subscriber raised: the others are called all the same."""
        self._log(
            log.error,
            "%s: a subscriber raised",
            self.lookup.service,
            exc_info=error,
            extra=self._facts("subscriber-error"),
        )

    def status(self) -> Status:
        """Return how the watcher is doing."""
        peers = self.roster.peers
        try:
            age, due_in = peers.age, self.due_in()
        except Exception as error:  # noqa: BLE001 - a resolver's own clock; the status shows why it fails
            self._note(error)
            age, due_in = math.inf, 0.0
        return Status(
            outcome=peers.outcome,
            lookups=self._lookups,
            failures=self.roster.failures,
            last_success=age if math.isfinite(age) else None,
            last_error=self.last_error,
            next_refresh=due_in if self.running and not self.stopping else None,
            self_listed=peers.self_listed,
            complete=peers.complete,
            lookup_codes=dict(self._counters.codes),
            lookup_durations=self._counters.durations(),
            lookup_seconds=self._counters.seconds,
            added=self._counters.added,
            removed=self._counters.removed,
            dropped_addresses=self._counters.dropped,
            ignored_replies=getattr(self.lookup.resolver, "ignored_replies", None),
            peers=len(peers),
            members=peers._member_count,
            stale=peers.stale,
        )

    def on_close(self) -> None:
        """Log what is held back of conditions that flap, since no lookup follows."""
        self._log(lambda: self._states.flush(self.lookup.clock(), len(self.roster.peers)))

    def check_open(self) -> None:
        """Raise RuntimeError once the watcher is closed."""
        if self.stopping:
            raise RuntimeError("the watcher is closed; make a new one")

    def check_running(self) -> None:
        """Raise RuntimeError unless the watcher has been started and is not closed."""
        self.check_open()
        if not self.running:
            raise RuntimeError("the watcher is not started; call start(), or use it as a context manager")

    def hurry(self) -> None:
        """Plan the next lookup sooner, since a caller waits for peers that are not listed."""
        self.roster.hurry()
        plan, (hurried, at) = self._planned, self._hurried
        sooner = plan.ended_at + self.roster.wait(plan.ended_at)
        self._hurried = plan, min(sooner, at) if hurried is plan else sooner

    def why_empty(self) -> tuple[str, str]:
        """Return the code and the text of why the last answer lists no peer."""
        return next(((code, text) for code, text in self._listing_states.items() if code in EMPTY), ("", ""))

    @property
    def _ended_at(self) -> float:
        return self._planned.ended_at

    @property
    def next_at(self) -> float:
        """When the next lookup is due, in seconds on the lookup's clock."""
        plan, (hurried, at) = self._planned, self._hurried
        return plan.next_at if hurried is not plan else min(plan.next_at, at)

    def _plan(self, now: float, wait: float) -> None:
        self._planned = _Plan(now, now + wait)

    def _note(self, error: BaseException) -> None:
        """Let the status show an exception where it shows none that matters more."""
        if self.last_error is None:
            self.last_error = detached(error)

    def _tell(self, before: PeerSet, states: Mapping[str, str], now: float) -> None:
        """Log what a lookup came to."""
        if log.isEnabledFor(DEBUG):
            said = self.last_error or self.roster.peers
            code, seconds = self._counters.last
            facts = self._facts(code, lookup=self._lookups, seconds=seconds)
            self._log(log.debug, "%s: lookup %d: %s", before.service, self._lookups, said, extra=facts)
        if states or not self._states.is_at_rest:
            self._log(self._states.update, states, now, len(self.roster.peers))
        if before._packed is not self.roster.peers._packed:
            self._tell_change(before)

    def _tell_change(self, before: PeerSet) -> None:
        peers = self.roster.peers
        change = Change.between(before._packed, peers)
        if change is not None:
            self._counters.on_change(before._packed.endpoints, peers._packed.endpoints)
            facts = self._facts("changed", added=change.added_ips, removed=change.removed_ips)
            self._log(log.info, "%s: %s", before.service, change, extra=facts)

    def _facts(self, code: str, **facts: object) -> dict[str, object]:
        """Return the fields of a log record."""
        return {"service": self.lookup.service, "code": code, "peers": len(self.roster.peers), **facts}

    def _log(self, call: Callable[..., object], *arguments: object, **details: object) -> None:
        """Log something; an exception in a filter or a handler is the status's affair."""
        try:
            call(*arguments, **details)
        except BaseException as error:
            if is_interrupt(error):
                raise
            self._note(error)
