"""What is logged, on the logger `peerdisco`: a condition as WARNING when it begins, and as INFO when it ends.

Laws of this module:

- A condition that begins again within a minute of the record of its beginning flaps. From then on it has at most one
  record a minute, which says whether it holds by then, and how often it has begun since the record before.
- Nothing is lost: the last record of a condition says whether it holds, and the counts add up to how often it began.
- Each code is treated by itself. Time is passed in, and nothing waits: a record that is due comes with the next lookup.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping

from peerdisco._core.addresses import text_of
from peerdisco._core.listing import Listing
from peerdisco.answers import Outcome

log = logging.getLogger("peerdisco")

EMPTY = ("foreign-alias", "no-ready-pods-or-typo", "no-data")
"""The codes that say why a list is empty."""

QUIET = 60.0
"""Seconds between two records of a condition that flaps, at least."""


class ConditionLog:
    """The conditions of one Service, by code.

    Threads may update it at once: then something may be logged twice, and nothing breaks.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._known: dict[str, _Condition] = {}

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing holds, and whatever begins is logged at once."""
        return not self._known

    def update(self, conditions: Mapping[str, str], now: float, peers: int) -> None:
        """Log what has begun, what has ended, and what flaps and is due.

        Args:
            conditions: every condition that holds now: its code, and what to say about it.
            now: monotonic seconds.
            peers: how many are listed.
        """
        for code, message in conditions.items():
            self._known.setdefault(code, _Condition()).on_update(message, now)
        known = self._snapshot()
        for code, condition in known:
            if code not in conditions:
                condition.on_update("", now)
        self._log([each for each in known if each[1].is_due(now)], now, peers)
        for code, condition in known:
            if condition.is_over(now):
                self._known.pop(code, None)

    def flush(self, now: float, peers: int) -> None:
        """Log at once what is held back, since no update follows."""
        self._log([each for each in self._snapshot() if each[1].has_news], now, peers)

    def _snapshot(self) -> tuple[tuple[str, _Condition], ...]:
        # `copy` is one step without the GIL too; walking through what other threads change is not.
        return tuple(self._known.copy().items())

    def _log(self, due: Iterable[tuple[str, _Condition]], now: float, peers: int) -> None:
        # All are marked as told first, so that a logging handler that raises is not called again and again.
        told = [(code, condition.message, *condition.tell(now)) for code, condition in due]
        for code, message, count, often in told:
            extra = {"service": self._service, "code": code, "peers": peers, "count": count}
            if message:
                log.warning("%s: %s [%s%s]", self._service, message, code, often and f", {often}", extra=extra)
        for code, message, count, often in sorted(told):
            extra = {"service": self._service, "code": code, "peers": peers, "count": count}
            if not message:
                began = often and f", which began {often}"
                log.info("%s: no longer %s%s", self._service, code, began, extra=extra)


class _Condition:
    """One condition: whether it holds, and what was logged of it.

    Attributes:
        message: what to say about it; empty where it does not hold.
    """

    __slots__ = ("_begun", "_changed_at", "_flaps", "_period_began", "_told_as", "message")

    def __init__(self) -> None:
        self.message = ""
        self._told_as = False  # whether it holds, as the last record says
        self._begun = 0  # so many times since the last record
        self._changed_at = self._period_began = -math.inf
        self._flaps = False

    @property
    def has_news(self) -> bool:
        """Whether the last record does not say all."""
        return bool(self._begun) or bool(self.message) is not self._told_as

    def on_update(self, message: str, now: float) -> None:
        """Take in whether it holds."""
        if bool(message) is not bool(self.message):
            if _is_past(self._changed_at, now):
                self._flaps = False
            self._changed_at = now
            self._begun += bool(message)
            # The first end is told at once; what comes after it within the minute is not.
            self._flaps |= bool(message) and not _is_past(self._period_began, now)
        self.message = message

    def is_due(self, now: float) -> bool:
        """Return whether a record is to be written now."""
        return self.has_news and (_is_past(self._period_began, now) or not (self._begun or self._flaps))

    def is_over(self, now: float) -> bool:
        """Return whether it can be forgotten."""
        return not (self.message or self.has_news) and _is_past(self._period_began, now)

    def tell(self, now: float) -> tuple[int, str]:
        """Take note that a record is written, and return how often it has begun since the last: the number, in words.

        The words are empty where the number is no more than anyone expects.
        """
        since = now - self._period_began
        # There is no record before where threads began it twice before its first.
        count, minutes = self._begun, max(1, round(since / QUIET)) if since < math.inf else 1
        self._begun, self._told_as = 0, bool(self.message)
        if count or self._flaps:
            self._period_began = now
        span = "minute" if minutes == 1 else f"{minutes} minutes"
        return count, f"{count} times in the last {span}" if count > 1 else ""


def _is_past(moment: float, now: float) -> bool:
    """Return whether a minute has passed; also where the clock is another one, which shows an earlier time."""
    return not 0 <= now - moment < QUIET


def conditions_of(listing: Listing) -> dict[str, str]:
    """Return the conditions that the result of a lookup amounts to."""
    found = {}
    if listing.foreign_alias:
        found["foreign-alias"] = (
            f"the name is an alias of {listing.foreign_alias}, outside the cluster domain, so it has no Pods: "
            "an ExternalName Service, or an empty or missing Service whose name autopath or a wildcard search "
            "domain answers for"
        )
    elif listing.outcome is Outcome.NXDOMAIN:
        found["no-ready-pods-or-typo"] = (
            "no such name in DNS: check for a typo in Service, namespace or cluster domain, or no Pod is ready yet"
        )
    elif listing.outcome is Outcome.NODATA:
        found["no-data"] = "the name exists, but has no Pod of this address family or port name"
    if not listing.complete:
        why = "DNS could not fit all Pods into an answer" if listing.cut else "some Pods' ports are not known yet"
        found["incomplete"] = f"{why}; {len(listing.endpoints)} peers are known"
    if listing.outside:
        shown = ", ".join(sorted(map(text_of, listing.outside))[:5])
        found["dropped-addresses"] = (
            f"addresses that may not be a peer's were dropped: {len(listing.outside)} ({shown}); "
            "`allowed_networks` says which may"
        )
    return found


def with_server(conditions: dict[str, str], server: str) -> dict[str, str]:
    """Return conditions that name the server whose answer they are about; an empty text names none."""
    if not server:
        return conditions
    return {code: f"{message}; the answer came from {server}" for code, message in conditions.items()}


def empty_code(conditions: Iterable[str]) -> str:
    """Return the code that says why a list is empty; empty where none does."""
    return next((code for code in conditions if code in EMPTY), "")
