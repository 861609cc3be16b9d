"""What was ready over time, and what a watcher listed over time: two histories, held against each other.

A history is a list of moments, each with who was there from then on. A *span* is a time that somebody was there
throughout.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

History = list[tuple[float, frozenset[str]]]


class Span(NamedTuple):
    """Somebody's time in a history; it ends at infinity where it has not ended."""

    start: float
    end: float

    def overlaps(self, start: float, end: float) -> bool:
        """Whether any of it lies within these."""
        return self.start < end and start < self.end


class Lags(NamedTuple):
    """Seconds until each Pod that came was listed, and until each that went was not."""

    seen: list[float]
    kept: list[float]

    def __str__(self) -> str:
        return f"seen within {max(self.seen, default=0):.2f} s, kept up to {max(self.kept, default=0):.2f} s"


def everyone(history: History) -> set[str]:
    """Who was ever there."""
    return set().union(*(who for _, who in history))


def spans(history: History, who: str) -> list[Span]:
    """When somebody was there."""
    found: list[Span] = []
    since = None
    for when, there in history:
        if who in there and since is None:
            since = when
        elif who not in there and since is not None:
            found.append(Span(since, when))
            since = None
    return found if since is None else [*found, Span(since, math.inf)]


def gaps(there: Iterable[Span]) -> Iterator[Span]:
    """When somebody who had been there was away."""
    ends = [(span.start, span.end) for span in there]
    for (_, gone), (back, _) in zip(ends, [*ends[1:], (math.inf, math.inf)], strict=True):
        if gone < math.inf:
            yield Span(gone, back)


def lost(ready: History, listed: History, *, patience: float) -> list[str]:
    """Who left the list although they had been ready for all of the `patience` seconds before."""
    found = []
    for who in sorted(everyone(listed)):
        ready_spans = spans(ready, who)
        for shown in spans(listed, who):
            since = max(shown.start, shown.end - patience)
            if shown.end < math.inf and any(span.start <= since and shown.end < span.end for span in ready_spans):
                found.append(f"{who} left after {shown.end - shown.start:.2f} s in the list, and was ready")
    return found


def lags(ready: History, listed: History) -> Lags:
    """How far the list was behind, each time that somebody came or went; infinite where it never caught up.

    Who was back, or away again, before the list could tell is left out.
    """
    seen, kept = [], []
    for who in sorted(everyone(ready)):
        ready_spans, shown = spans(ready, who), spans(listed, who)
        for span in ready_spans:
            first = min((max(each.start, span.start) for each in shown if each.end > span.start), default=math.inf)
            if first < span.end or span.end == math.inf:
                seen.append(first - span.start)
        for gap in gaps(ready_spans):
            last = max((min(each.end, gap.end) for each in shown if each.overlaps(*gap)), default=gap.start)
            kept.append(last - gap.start)
    return Lags(seen, kept)


def follows(listed: History, answers: History, confirmations: int) -> bool:
    """Whether the list changed with each answer that it had to change with, before the next one, and at no other time.

    It has to with an answer that brings somebody, and with the last of so many in a row that lack somebody.
    """
    now: frozenset[str] = frozenset()
    missing: Counter[str] = Counter()
    changes = iter(listed)
    for (when, answer), (until, _) in zip(answers, [*answers[1:], (math.inf, now)], strict=True):
        missing = Counter({who: missing[who] + 1 for who in now - answer})
        due = answer | {who for who, times in missing.items() if times < confirmations}
        if due != now:
            change = next(changes, None)
            if change is None:
                return until == math.inf  # it is about to be made
            if change[1] != due or not when <= change[0] <= until:
                return False
        now = due
    return next(changes, None) is None
