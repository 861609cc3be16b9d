"""What `wait_for` waits for, and why it was in vain. No I/O: it yields for how long to wait, and may be woken early."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, cast

from peerdisco._core.watcher import WatcherState
from peerdisco.answers import Outcome
from peerdisco.config import DiscoveryConfig
from peerdisco.errors import ConfigError, NotHeadlessError, PeerDiscoError, PeersNotReady
from peerdisco.peers import PeerSet

_LONGEST = 1e9
_DEADLOCK = (
    "A Pod is listed once it is ready; if being ready waits for peers, set `publishNotReadyAddresses: true` on the "
    "headless Service."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller waits for.

    Attributes:
        count: how many peers at least; None where replicas are waited for.
        replicas: how many members at least, this Pod listed among them.
        timeout: seconds; None for as long as it takes.
        stable_for: seconds that the list must have been the same.
    """

    count: int | None
    replicas: int | None
    timeout: float | None
    stable_for: float

    def is_met_by(self, peers: PeerSet) -> bool:
        """Return whether a list has enough peers, or enough members."""
        if peers.outcome is Outcome.PENDING:
            return False
        if self.replicas is None:
            return len(peers) >= (self.count or 0)
        return peers.self_listed and peers._member_count >= self.replicas

    def told_of(self, peers: PeerSet) -> str:
        """Return how much of it a list has, in words."""
        if self.replicas is None:
            return f"{len(peers)} of {self.count} peers of {peers.service}"
        return f"{peers._member_count} of {self.replicas} replicas of {peers.service}"


def waits(watch: WatcherState, wanted: Wanted) -> Generator[float | None, None, PeerSet]:
    """Wait until DNS has answered, what is wanted is listed, and the list has been the same for so long.

    The next lookup is planned sooner by the call itself, so that a thread that is woken after it finds the new plan.

    Returns:
        The steps of the wait; they return the list that was waited for.

    Raises:
        PeersNotReady: The time is up, or the watcher closed.
    """
    if not wanted.is_met_by(watch.roster.peers):
        watch.hurry()
    return _steps(watch, wanted)


def _steps(watch: WatcherState, wanted: Wanted) -> Generator[float | None, None, PeerSet]:
    clock = watch.lookup.clock
    deadline = math.inf if wanted.timeout is None else clock() + wanted.timeout
    while True:
        peers, now = watch.roster.peers, clock()
        enough = wanted.is_met_by(peers)
        # Whether a stale list is still the same is not known.
        stable_at = math.inf if wanted.stable_for and peers.stale else watch.roster.changed_at + wanted.stable_for
        if enough and now >= stable_at:
            return peers
        if watch.stopping or now >= deadline:
            when = "when the watcher was closed" if watch.stopping else f"after {wanted.timeout:g} s"
            code, why = _why_not(watch, wanted)
            raise PeersNotReady(f"{wanted.told_of(peers)} {when}: {why}", code)
        until = min(deadline, stable_at if enough else math.inf)
        yield until - now if math.isfinite(until) else None


def checked_wait(config: DiscoveryConfig, count: object, replicas: object, timeout: Any, stable_for: Any) -> Wanted:
    """Check the arguments of `wait_for`; without `count` and `replicas`, one peer is waited for.

    Raises:
        ConfigError: One is invalid, or both `count` and `replicas` are given.
    """
    if count is not None and replicas is not None:
        raise ConfigError("replicas", replicas, "contradicts `count`: give one of the two")
    _check_whole("count", count, least=0)
    _check_whole("replicas", replicas, least=1)
    if replicas is not None and config.own_ips == ():
        raise ConfigError("replicas", replicas, "contradicts own_ips=(): this Pod would never be listed")
    for key, seconds in (("timeout", 0 if timeout is None else timeout), ("stable_for", stable_for)):
        if isinstance(seconds, bool) or not (isinstance(seconds, (int, float)) and 0 <= seconds < _LONGEST):
            raise ConfigError(key, seconds, f"must be a number of seconds, at least 0 and less than {_LONGEST:g}")
    if replicas is None:
        count = 1 if count is None else count
    return Wanted(cast("int | None", count), cast("int | None", replicas), timeout, stable_for)


def _check_whole(key: str, value: object, least: int) -> None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
        raise ConfigError(key, value, f"must be a whole number, {least} or more")


def _why_not(watch: WatcherState, wanted: Wanted) -> tuple[str, str]:
    """Return the code and the text of the likeliest cause."""
    peers, failures, error = watch.roster.peers, watch.roster.failures, watch.last_error
    code = error.code if isinstance(error, PeerDiscoError) else "resolver-error"
    if isinstance(error, NotHeadlessError):
        return code, str(error)
    if failures:
        since = f"for {peers.age:.1f} s" if math.isfinite(peers.age) else "since the start"
        return code, f"DNS has failed {failures} times in a row, {since}: {error}"
    if peers.outcome is Outcome.PENDING:
        return "pending", f"the first lookup has not ended; {watch.lookup.progress()}"
    if wanted.is_met_by(peers):
        # Rounded down, so that it is never said to have been long enough.
        unchanged = math.floor((watch.lookup.clock() - watch.roster.changed_at) * 10) / 10
        what = f"the list has been unchanged for only {unchanged:g} s, not for {wanted.stable_for:g} s"
        return "unstable", f"they are there, but {what}"
    if peers.outcome is not Outcome.FOUND:
        code, why = watch.why_empty()
        return code, f"{why}. {_DEADLOCK}"
    if not peers.self_listed:
        what = "so it is not ready, or the Service does not select it"
        return "self-not-listed", f"this Pod is not listed itself, {what}. {_DEADLOCK}"
    return "peers-not-ready", f"the others are not ready, or there are fewer replicas. {_DEADLOCK}"
