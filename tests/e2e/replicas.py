"""Two CoreDNS replicas that disagree on one Pod, and what becomes of it in a watcher's list."""

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.e2e.api_server import ApiServer
from tests.e2e.changing import pods
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile
from tests.e2e.watched import Watched

BOTH, ODD = pods(0, 3), "10.0.9.9"


class Replicas:
    """Two replicas that list `BOTH`; the first lists `ODD` too, until they agree."""

    def __init__(self, pairs: list[tuple[CoreDNS, ApiServer]]) -> None:
        self._pairs = pairs
        self.addresses = [coredns.address for coredns, _ in pairs]
        self._declare([*BOTH, ODD], BOTH)

    def agree(self, *, listed: bool) -> None:
        """From now on both say the same of `ODD`."""
        everyone = [*BOTH, ODD] if listed else BOTH
        self._declare(everyone, everyone)

    def _declare(self, *each: list[str]) -> None:
        for (coredns, api), ips in zip(self._pairs, each, strict=True):
            api.headless("web", ips)
            settled(coredns, api)


@contextlib.contextmanager
def disagreeing(binary: Path) -> Iterator[Replicas]:
    """Starts both."""
    with contextlib.ExitStack() as stack:
        apis = [stack.enter_context(ApiServer()) for _ in range(2)]
        servers = [stack.enter_context(CoreDNS(binary, corefile(api.url))) for api in apis]
        yield Replicas(list(zip(servers, apis, strict=True)))


class Flaps(NamedTuple):
    """How often `ODD` left a list while each lookup was answered by either replica, as a coin falls."""

    confirmations: int
    lookups: int
    removals: int

    @classmethod
    def of(cls, watched: Watched, confirmations: int) -> "Flaps":
        """Counts them."""
        lists = [who for _, who in watched.listed]
        removals = sum(ODD in before and ODD not in after for before, after in pairwise(lists))
        return cls(confirmations, len(watched.answers()), removals)

    @property
    def rate(self) -> float:
        """Removals per lookup."""
        return self.removals / self.lookups

    @property
    def theory(self) -> float:
        """Removals per lookup as they should be.

        An answer that has `ODD` lists it. Up to the k-th answer in a row that lacks it there are 2^(k+1) - 2 on
        average, and 2 more until it is listed again: one removal in 2^(k+1).
        """
        return 0.5 ** (self.confirmations + 1)
