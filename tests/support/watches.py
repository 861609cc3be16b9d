"""A watched Service whose lookups the test makes."""

from typing import Unpack

import pytest

from peerdisco import DiscoveryConfig, PeerDiscoError, PeerSet, PeersNotReady
from peerdisco._core.waiting import Wanted, waits
from peerdisco._core.watcher import WatcherState
from peerdisco._service import ServiceLookup
from peerdisco.config import Options
from peerdisco.sync import run_lookup
from peerdisco.testing import FakeClock, FakeResolver

OWN, FIRST, SECOND = "10.0.0.1", "10.0.0.2", "10.0.0.3"
NAME = "svc.default.svc.cluster.local."


class Story:
    """A WatcherState whose lookups the test makes."""

    def __init__(self, *pods: str, **options: Unpack[Options]) -> None:
        self.clock = FakeClock()
        self.fake = FakeResolver({"svc": pods}, own=OWN, clock=self.clock)
        self.watch = WatcherState(
            ServiceLookup(DiscoveryConfig("svc", **options), self.fake, "lookup"), random=lambda: 0.5
        )
        self.watch.running = True

    def poll(self, times: int = 1) -> PeerSet:
        """So many lookups, 1 s apart."""
        for _ in range(times):
            self.clock.advance(1)
            run = self.watch.lookup.begin()
            try:
                self.watch.on_listing(run_lookup(run), run)
            except PeerDiscoError as error:
                self.watch.on_failure(error, run)
        return self.watch.roster.peers

    def give_up(self, count: int | None = None, *, replicas: int | None = None, stable_for: float = 0) -> str:
        """What someone is told who waits for 3 s in vain."""
        steps = waits(self.watch, Wanted(count, replicas, 3, stable_for))
        assert next(steps) == pytest.approx(3)
        self.clock.advance(3)
        with pytest.raises(PeersNotReady) as raised:
            next(steps)
        assert isinstance(raised.value, TimeoutError)
        return str(raised.value)
