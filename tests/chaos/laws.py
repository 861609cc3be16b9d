"""What must hold whatever breaks, and what was counted on the way.

Laws of a list, under any fault: it has no forged address, not this Pod's, and none from outside the site's network.
Laws of a watcher besides: once it has listed the Pods that never go, it lists them for ever; its thread or task lives.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple

from peerdisco import LookupFailed, Outcome, PeerSet
from tests.chaos.middlebox import FORGED


class Bounds(NamedTuple):
    """What a site may list.

    Attributes:
        network: the first two bytes of every Pod's address.
        own: this Pod's address.
        core: Pods that never go.
    """

    network: str
    own: str
    core: tuple[str, ...]


class Ledger:
    """Counts, and the violations that were seen; any thread may write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []

    def count(self, what: str, times: int = 1) -> None:
        """Count something."""
        with self._lock:
            self.counts[what] += times

    def violated(self, who: str, what: str) -> None:
        """Note that a law does not hold."""
        with self._lock:
            self.violations.append(f"{who}: {what}")

    def check_list(self, who: str, peers: PeerSet, bounds: Bounds) -> None:
        """Judge a list, whoever made it."""
        ips = peers.ips
        if FORGED in ips:
            self.violated(who, "accepted a forged answer")
        if bounds.own in ips:
            self.violated(who, f"listed this Pod, {bounds.own}")
        strangers = [ip for ip in ips if ip != FORGED and not ip.startswith(f"{bounds.network}.")]
        if strangers:
            self.violated(who, f"listed {strangers[:3]}, which no site of this kind has")

    def check_watched(self, who: str, peers: PeerSet, bounds: Bounds, *, had_core: bool) -> bool:
        """Judge the list of a watcher; return whether it has ever listed the core."""
        self.check_list(who, peers, bounds)
        has_core = set(bounds.core) <= set(peers.ips)
        if had_core and not has_core:
            self.violated(who, f"lost Pods that never went: {peers!r}, {peers.outcome}")
        return had_core or has_core

    def check_found(self, who: str, peers: PeerSet, bounds: Bounds) -> None:
        """Judge the result of a single lookup."""
        self.check_list(who, peers, bounds)
        self.count("answered")
        if peers.outcome is not Outcome.FOUND:
            self.violated(who, f"took trouble for absence: {peers.outcome}")
        if peers.complete and not set(bounds.core) <= set(peers.ips):
            self.violated(who, f"left out Pods that never went: {peers!r}")

    def check_error(self, who: str, error: BaseException, *allowed: type[BaseException]) -> None:
        """Judge what was raised."""
        if isinstance(error, LookupFailed):
            self.count(f"failed: {error.code}")
        elif isinstance(error, allowed):
            self.count(f"raised: {type(error).__name__}")
        else:
            self.violated(who, f"raised {error!r}")
