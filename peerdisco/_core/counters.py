"""What a watcher counts for its metrics: plain numbers, which any thread may read at any time. No I/O.

- A lookup costs a few additions; everything else is worked out when somebody reads.
- Counts only grow. A watcher in a forked child goes on from its parent's.
- `added - removed` is the number of peers that are listed.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left

from peerdisco._core.listing import Endpoints
from peerdisco.errors import PeerDiscoError

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the duration histogram, in seconds: from a server on the same node to a lookup full of retries."""


def code_of(error: BaseException) -> str:
    """Return the code of what made a lookup fail."""
    return error.code if isinstance(error, PeerDiscoError) else "resolver-error"


class Counters:
    """The numbers of one watcher.

    Attributes:
        codes: how many lookups ended with each code.
        seconds: how long all lookups took.
        added: peers that were added since the start.
        removed: peers that were removed since the start.
        dropped: addresses in the last answer that may not be a peer's.
        last: the code of the last lookup, and how many seconds it took.
    """

    __slots__ = ("_durations", "added", "codes", "dropped", "last", "removed", "seconds")

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.seconds = 0.0
        self.added = 0
        self.removed = 0
        self.dropped = 0
        self.last = ("", 0.0)
        self._durations = [0] * (len(BOUNDS) + 1)

    def on_lookup(self, code: str, seconds: float) -> None:
        """Count a lookup: the code of what it came to, and how long it took."""
        self.last = code, seconds
        self.codes[code] = self.codes.get(code, 0) + 1
        self.seconds += seconds
        self._durations[bisect_left(BOUNDS, seconds)] += 1

    def on_change(self, before: Endpoints, after: Endpoints) -> None:
        """Count the endpoints that one list has and the other lacks."""
        added = len(after - before)
        self.added += added
        self.removed += len(before) + added - len(after)

    def durations(self) -> tuple[tuple[float, int], ...]:
        """Return each bound in seconds, and how many lookups took no longer; the last bound is infinite."""
        return tuple(zip((*BOUNDS, math.inf), itertools.accumulate(self._durations), strict=True))
