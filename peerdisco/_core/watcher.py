"""A watched Service: what both watchers do between their lookups. No I/O; the shells bring the waiting."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping

from peerdisco._core.conditions import EMPTY, ConditionLog, conditions_of, log
from peerdisco._core.listing import Listing
from peerdisco._core.roster import Roster
from peerdisco._service import ServiceLookup
from peerdisco.answers import Outcome
from peerdisco.errors import ConfigError, LookupFailed, NotHeadlessError, PeerDiscoError, PeersNotReady
from peerdisco.peers import Change, PackedPeers, PeerSet, Status

Callback = Callable[[Change], object]

_DEADLOCK = (
    "A Pod is listed once it is ready; if being ready waits for peers, set `publishNotReadyAddresses: true` on the "
    "headless Service."
)


_LONGEST = 1e9


class ChangeCursor:
    """Someone who follows the list: what changed since they last looked, in one piece however long ago that was."""

    def __init__(self) -> None:
        self._seen = PackedPeers(frozenset())

    def catch_up(self, peers: PeerSet) -> Change | None:
        """What changed; None where nothing did."""
        change = Change.between(self._seen, peers)
        self._seen = peers._packed
        return change


class WatcherState:
    """The state of a watcher, whichever world it lives in.

    Args:
        lookup: the Service and whom to ask.
        random: makes a number from 0 to 1.

    Attributes:
        roster: the list.
        running: whether the watcher has been started.
        stopping: whether it is closed.
    """

    def __init__(self, lookup: ServiceLookup, random: Callable[[], float]) -> None:
        self._lookup = lookup
        self.roster = Roster(lookup.config, lookup.service, clock=lookup.clock, random=random)
        self.running = False
        self.stopping = False
        self._states = ConditionLog(lookup.service)
        self._listing_states: dict[str, str] = {}
        self._lookups = 0
        self._last_error: Exception | None = None
        self._ended_at = lookup.clock()
        self._next_at = self._ended_at
        self._subscribers: list[tuple[Callback, ChangeCursor]] = []

    def on_listing(self, listing: Listing, questions: int = 1) -> None:
        """Takes in what a lookup brought."""
        before, now = self.roster.peers, self._lookup.clock()
        self.roster.on_listing(listing, now, questions)
        self._listing_states = conditions_of(listing)
        if self._listing_states and len(self.roster.peers):
            for code in EMPTY:
                self._listing_states.pop(code, None)  # not so until it is confirmed
        self._end(before, self._listing_states, None, now)

    def on_failure(self, error: Exception, questions: int = 1) -> None:
        """Takes in that a lookup brought nothing."""
        before = self.roster.peers
        if not isinstance(error, PeerDiscoError) and type(error) is not type(self._last_error):
            log.error("%s: the resolver raised", before.service, exc_info=error)
        now = self._lookup.clock()
        self.roster.on_failure(now, questions)
        states = dict(self._listing_states)
        if isinstance(error, NotHeadlessError):
            states["not-headless"] = f"DNS answers with its ClusterIP, {error.address}; set `clusterIP: None`"
        else:
            states[error.reason.replace("_", "-") if isinstance(error, LookupFailed) else "resolver-error"] = str(error)
        self._end(before, states, error, now)

    def expire(self) -> bool:
        """Empties a list that could not be refreshed for too long; says whether it did."""
        if not self.roster.failures:
            return False
        before = self.roster.peers
        self.roster.expire(self._lookup.clock())
        if self.roster.peers is before:
            return False
        self._log_change(before)
        return True

    def due_in(self) -> float:
        """Seconds until the next lookup; 0 where it is due."""
        return max(0.0, self._next_at - self._lookup.clock())

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Adds someone to be called at each change; what comes back ends that.

        Raises:
            RuntimeError: the watcher is closed.
        """
        self.check_open()
        entry = callback, ChangeCursor()
        self._subscribers.append(entry)

        def unsubscribe() -> None:
            if entry in self._subscribers:
                self._subscribers.remove(entry)

        return unsubscribe

    def deliver(self) -> None:
        """Calls everyone for whom something changed."""
        peers = self.roster.peers
        for entry in tuple(self._subscribers):
            callback, reader = entry
            change = reader.catch_up(peers)
            if change is None or entry not in self._subscribers:
                continue
            try:
                callback(change)
            except Exception:  # noqa: BLE001 - a subscriber's error is neither ours nor the others'
                log.exception("%s: a subscriber raised", peers.service)

    def status(self) -> Status:
        """How the watcher is doing."""
        peers = self.roster.peers
        return Status(
            outcome=peers.outcome,
            lookups=self._lookups,
            failures=self.roster.failures,
            last_success=peers.age if math.isfinite(peers.age) else None,
            last_error=self._last_error,
            next_refresh=self.due_in() if self.running and not self.stopping else None,
            self_listed=peers.self_listed,
            complete=peers.complete,
        )

    def check_open(self) -> None:
        """Raises RuntimeError once the watcher is closed."""
        if self.stopping:
            raise RuntimeError("the watcher is closed; make a new one")

    def check_running(self) -> None:
        """Raises RuntimeError unless the watcher has been started and is not closed."""
        self.check_open()
        if not self.running:
            raise RuntimeError("the watcher is not started; call start(), or use it as a context manager")

    def waits(self, count: int, timeout: float | None, stable_for: float) -> Generator[float | None, None, PeerSet]:
        """Waits until DNS has answered, so many peers are listed, and the list has been the same for so long.

        It yields for how long to wait at most, and may be woken early.

        Returns:
            The list that was waited for.

        Raises:
            PeersNotReady: the time is up, or the watcher closed.
        """
        clock = self._lookup.clock
        deadline = math.inf if timeout is None else clock() + timeout
        self._hurry(count)
        while True:
            peers, now = self.roster.peers, clock()
            enough = peers.outcome is not Outcome.PENDING and len(peers) >= count
            # Nobody can tell of a stale list that it is still the same.
            stable_at = math.inf if stable_for and peers.stale else self.roster.changed_at + stable_for
            if enough and now >= stable_at:
                return peers
            if self.stopping or now >= deadline:
                when = "when the watcher was closed" if self.stopping else f"after {timeout:g} s"
                why = self._why_not(count)
                raise PeersNotReady(f"{len(peers)} of {count} peers of {peers.service} {when}: {why}")
            until = min(deadline, stable_at if enough else math.inf)
            yield until - now if math.isfinite(until) else None

    def _why_not(self, count: int) -> str:
        peers = self.roster.peers
        if isinstance(self._last_error, NotHeadlessError):
            return str(self._last_error)
        if self.roster.failures:
            since = f"for {peers.age:.1f} s" if math.isfinite(peers.age) else "since the start"
            return f"DNS has failed {self.roster.failures} times in a row, {since}: {self._last_error}"
        if peers.outcome is Outcome.PENDING:
            return "the first lookup has not ended"
        if len(peers) >= count:
            return "they are there, but the list keeps changing"
        if peers.outcome is not Outcome.FOUND:
            return f"{self._empty()}. {_DEADLOCK}"
        if not peers.self_listed:
            return f"this Pod is not listed itself, so it is not ready, or it is none of the Service's. {_DEADLOCK}"
        return f"the others are not ready, or there are fewer replicas. {_DEADLOCK}"

    def _empty(self) -> str:
        return next((text for code, text in self._listing_states.items() if code in EMPTY), "")

    def _hurry(self, count: int) -> None:
        if len(self.roster.peers) < count:
            self.roster.hurry()
            self._next_at = min(self._next_at, self._ended_at + self.roster.wait(self._ended_at))

    def _end(self, before: PeerSet, states: Mapping[str, str], error: Exception | None, now: float) -> None:
        self._lookups += 1
        self._last_error = error
        self._ended_at = now
        self._next_at = now + self.roster.wait(now)
        log.debug("%s: lookup %d: %s", before.service, self._lookups, error or self.roster.peers)
        self._states.update(states)
        if before._packed is not self.roster.peers._packed:
            self._log_change(before)

    def _log_change(self, before: PeerSet) -> None:
        log.info("%s: %s", before.service, Change.between(before._packed, self.roster.peers))


def check_wait(count: object, timeout: object, stable_for: object) -> None:
    """Checks the arguments of `wait_for`.

    Raises:
        ConfigError: one can't be right.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ConfigError("count", count, "must be a whole number, 0 or more")
    for key, seconds in (("timeout", 0 if timeout is None else timeout), ("stable_for", stable_for)):
        if isinstance(seconds, bool) or not (isinstance(seconds, (int, float)) and 0 <= seconds < _LONGEST):
            raise ConfigError(key, seconds, "must be a number of seconds, 0 or more")
