"""What `wait_for` waits for, and why it was in vain. No I/O: it yields for how long to wait, and may be woken early."""

from __future__ import annotations

import math
from collections.abc import Generator

from peerdisco._core.watcher import WatcherState
from peerdisco.answers import Outcome
from peerdisco.errors import ConfigError, NotHeadlessError, PeersNotReady
from peerdisco.peers import PeerSet

_LONGEST = 1e9
_DEADLOCK = (
    "A Pod is listed once it is ready; if being ready waits for peers, set `publishNotReadyAddresses: true` on the "
    "headless Service."
)


def waits(
    watch: WatcherState, count: int, timeout: float | None, stable_for: float
) -> Generator[float | None, None, PeerSet]:
    """Wait until DNS has answered, so many peers are listed, and the list has been the same for so long.

    Returns:
        The list that was waited for.

    Raises:
        PeersNotReady: The time is up, or the watcher closed.
    """
    clock = watch.lookup.clock
    deadline = math.inf if timeout is None else clock() + timeout
    watch.hurry(count)
    while True:
        peers, now = watch.roster.peers, clock()
        enough = peers.outcome is not Outcome.PENDING and len(peers) >= count
        # Whether a stale list is still the same is not known.
        stable_at = math.inf if stable_for and peers.stale else watch.roster.changed_at + stable_for
        if enough and now >= stable_at:
            return peers
        if watch.stopping or now >= deadline:
            when = "when the watcher was closed" if watch.stopping else f"after {timeout:g} s"
            raise PeersNotReady(f"{len(peers)} of {count} peers of {peers.service} {when}: {_why_not(watch, count)}")
        until = min(deadline, stable_at if enough else math.inf)
        yield until - now if math.isfinite(until) else None


def check_wait(count: object, timeout: object, stable_for: object) -> None:
    """Check the arguments of `wait_for`.

    Raises:
        ConfigError: One is invalid.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ConfigError("count", count, "must be a whole number, 0 or more")
    for key, seconds in (("timeout", 0 if timeout is None else timeout), ("stable_for", stable_for)):
        if isinstance(seconds, bool) or not (isinstance(seconds, (int, float)) and 0 <= seconds < _LONGEST):
            raise ConfigError(key, seconds, "must be a number of seconds, 0 or more")


def _why_not(watch: WatcherState, count: int) -> str:
    peers, failures = watch.roster.peers, watch.roster.failures
    if isinstance(watch.last_error, NotHeadlessError):
        return str(watch.last_error)
    if failures:
        since = f"for {peers.age:.1f} s" if math.isfinite(peers.age) else "since the start"
        return f"DNS has failed {failures} times in a row, {since}: {watch.last_error}"
    if peers.outcome is Outcome.PENDING:
        return "the first lookup has not ended"
    if len(peers) >= count:
        return "they are there, but the list keeps changing"
    if peers.outcome is not Outcome.FOUND:
        return f"{watch.why_empty()}. {_DEADLOCK}"
    if not peers.self_listed:
        return f"this Pod is not listed itself, so it is not ready, or the Service does not select it. {_DEADLOCK}"
    return f"the others are not ready, or there are fewer replicas. {_DEADLOCK}"
